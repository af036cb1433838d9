"""Loads a configuration: everything right, or every fault at once."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Protocol

from slo.config.accounts import warn_of_shared_accounts
from slo.config.alert_labels import AlertLabels
from slo.config.canaries import refuse_lost_canaries
from slo.config.checks import CheckKinds, read_checks
from slo.config.customer_keys import CustomerKeys
from slo.config.customers import refuse_lost_tellings, refuse_strangers, told
from slo.config.entries import Entries, Entry, Family, plain_entries
from slo.config.exclusion_keys import ExclusionKeys
from slo.config.fallbacks import refuse_bad_fallbacks, refuse_told_heartbeats, told_otherwise
from slo.config.forwarding_doubts import refuse_rivals, warn_of_forwarders
from slo.config.garbage import garbage_kept
from slo.config.indicators import Feeds
from slo.config.module_target import refuse_lost_modules
from slo.config.names import Names
from slo.config.nodes import Place
from slo.config.objectives import Objectives, Surroundings
from slo.config.reading import Reader, Reading
from slo.config.reminders import settled, without_reminders
from slo.config.report import Location, Report
from slo.config.reports import warn_of_logs_without_agents, warn_of_refused_reports, warn_of_unsafe_reports
from slo.config.route_keys import InhibitKeys
from slo.config.routes import RouteEntry, read_routes, refuse_lost, route_of, warn_of_shadows
from slo.config.schema import (
    AgentsKeys,
    CheckKeys,
    DestinationKeys,
    ForwarderKeys,
    Root,
    ScrapeKeys,
    ServerKeys,
    StoreKeys,
)
from slo.config.scrapes import ScrapeKinds, read_scrapes, scrape_of
from slo.config.settings import (
    DestinationEntry,
    ModuleEntry,
    Settings,
    StoreSettings,
)
from slo.config.silence_keys import SilenceKeys
from slo.config.source import Source, read
from slo.config.source_entries import forwarder_of, server_of, spinnaker_of
from slo.config.spinnaker_keys import SpinnakerKeys
from slo.config.wrong import shown
from slo.core.duration import duration_name
from slo.core.routing import Route
from slo.core.slo import SLO
from slo.errors import ConfigError

MINUTE = timedelta(minutes=1)


class Kinds(CheckKinds, ScrapeKinds, Protocol):
    """The kinds that entries may have, as `slo.kinds` knows them."""

    @property
    def destinations(self) -> Family: ...
    @property
    def forwarders(self) -> Family: ...
    def read_modules(
        self, data: Mapping[str, object], at: Location, *, reader: Reader, report: Report
    ) -> dict[str, ModuleEntry]: ...


def load(path: Path, kinds: Kinds, environ: Mapping[str, str], *, today: date | None = None) -> Settings:
    """The configuration at `path`, a file or a folder of *.yaml and *.yml. Raises ConfigError with every fault.

    Holidays are those of the years around `today`, by default the day that it is.
    """
    with garbage_kept():  # what is only needed for loading is gone when it ends
        return _loaded(path, kinds, environ, today or datetime.now(UTC).date())


def _loaded(path: Path, kinds: Kinds, environ: Mapping[str, str], today: date) -> Settings:
    unreadable: list[tuple[Place, str, str]] = []
    source = read(path, environ, lambda place, problem, mend: unreadable.append((place, problem, mend)))
    report = Report(source, unreadable)
    reader = Reader(report, path if path.is_dir() else path.parent)
    root = reader.read(Root, source.data, ())
    store = reader.read(StoreKeys, _section(source, "store"), ("store",))
    routes = read_routes(_section(source, "routes"), ("routes",), reader)
    checks = read_checks(_items(root, "probes"), _items(root, "collectors"), kinds, reader=reader, report=report)
    modules = _modules(source, kinds, reader, report)
    if source.whole:
        refuse_lost_modules(checks.probes, modules, _keys_at(source, "modules"), report)
    checks.refuse_secrets_everywhere(modules, report)
    of_destinations = Entries(DestinationKeys, kinds.destinations, what="destination", reader=reader, report=report)
    destinations = of_destinations.read(_items(root, "destinations"), ("destinations",))
    of_forwarders = Entries(ForwarderKeys, kinds.forwarders, what="forwarder", reader=reader, report=report)
    forwarders = of_forwarders.read(_items(root, "forwarders"), ("forwarders",))
    agents = reader.read(AgentsKeys, _section(source, "agents"), ("agents",))
    spinnakers = plain_entries(
        SpinnakerKeys, _items(root, "spinnakers"), ("spinnakers",), what="spinnaker", reader=reader, report=report
    )
    customers = plain_entries(
        CustomerKeys, _items(root, "customers"), ("customers",), what="customer", reader=reader, report=report
    )
    if source.whole and root.has("destinations"):
        refuse_lost_tellings(customers, _names_of(destinations), report)
        _refuse_lost_destinations(routes, destinations, told(customers) | told_otherwise(destinations), report)
        refuse_bad_fallbacks(destinations, report)
    if source.whole and root.has("forwarders"):
        refuse_lost_canaries(checks.probes, forwarders, report)
    warn_of_unsafe_reports(forwarders, report)
    refuse_told_heartbeats(routes, destinations, report)
    warn_of_shadows(routes, report)
    warn_of_shared_accounts(destinations, report)
    scrapes = read_scrapes(_items(root, "scrapes"), kinds, reader=reader, report=report)
    servers = plain_entries(
        ServerKeys, _items(root, "servers"), ("servers",), what="server", reader=reader, report=report
    )
    _refuse_late_timeouts(
        [*(check.entry for check in checks.all), *(scrape.entry for scrape in scrapes), *servers], report
    )
    runs = {check.entry.keys.values.run_by for check in checks.all if check.entry.keys.has("run_by")}
    runs |= {scrape.entry.keys.values.run_by for scrape in scrapes if scrape.entry.keys.has("run_by")}
    if source.whole and "agents" in runs and (destinations or servers or "watch" in runs):
        warn_of_refused_reports(forwarders, agents, report)
    if source.whole and "agents" not in runs and agents.has("token") and agents.values.token is None:
        warn_of_logs_without_agents(forwarders, report)
    surroundings = Surroundings(
        feeds=Feeds(
            probes={name: probe.slowest for probe in checks.probes for name, _ in _intervals(probe.entry)},
            collectors={name: each.slowest for each in checks.collectors for name, _ in _intervals(each.entry)},
            scrapes={name: scrape.slowest for scrape in scrapes for name, _ in _intervals(scrape.entry)},
            servers={name: interval for entry in servers for name, interval in _intervals(entry)},
            whole=source.whole and root.has("probes", "collectors", "servers"),
            several=frozenset(check.entry.name for check in checks.all if check.several),
        ),
        slot=root.values.slot if root.has("slot") else None,
        retention=store.values.retention if store.has("retention") else None,
    )
    slos = Objectives(surroundings, reader=reader, report=report).read(_items(root, "slos"), ("slos",))
    exclusions = plain_entries(
        ExclusionKeys, _items(root, "exclusions"), ("exclusions",), what="exclusion", reader=reader, report=report
    )
    if source.whole and customers:
        refuse_strangers(customers, _items(root, "slos"), report)
    if source.whole and root.has("slos"):
        _refuse_lost_exclusions(exclusions, _items(root, "slos"), report)
    _warn_of_broken_minutes(exclusions, report)
    silences = plain_entries(
        SilenceKeys, _items(root, "silences"), ("silences",), what="silence", reader=reader, report=report
    )
    inhibit = [reader.read(InhibitKeys, item, ("inhibit", index)) for index, item in enumerate(_items(root, "inhibit"))]
    refuse_rivals(forwarders, report)
    faults = report.faults()
    if faults:
        raise ConfigError(faults)
    _warn_of_lost_matchers(routes, silences, inhibit, slos, report)
    warn_of_forwarders(forwarders, slos, [entry.name for entry in customers], report)
    public = without_reminders(customers)
    return Settings(
        slot=root.values.slot,
        probes=checks.probe_entries(modules),
        collectors=checks.collector_entries(),
        modules=modules,
        guard=root.values.guard,
        scrapes=tuple(map(scrape_of, scrapes)),
        servers=tuple(server_of(entry) for entry in servers),
        slos=slos,
        exclusions=tuple(entry.keys.values.exclusion(created_at=None) for entry in exclusions),
        contracts={entry.name: entry.keys.values.contract(year=today.year) for entry in customers},
        destinations=tuple(_destination(entry, public) for entry in destinations),
        forwarders=tuple(forwarder_of(entry) for entry in forwarders),
        agents_token=agents.values.token,
        spinnakers=tuple(spinnaker_of(entry) for entry in spinnakers),
        routes=route_of(routes, _default_route(destinations, told(customers) | told_otherwise(destinations)), report),
        silences=tuple(entry.keys.values.silence(created_at=None) for entry in silences),
        inhibit=tuple(reading.values.rule() for reading in inhibit),
        store=StoreSettings(retention=store.values.retention, max_bytes=store.values.max_size),
        files=frozenset(reader.files),
        external_url=(root.values.external_url or "").rstrip("/"),
        warnings=report.warnings(),
    )


def _section(source: Source, key: str) -> object:
    """A section of its own at the top; an empty one, of defaults, where it is not there."""
    return source.data.get(key, {}) if isinstance(source.data, Mapping) else {}


def _keys_at(source: Source, key: str) -> Collection[str]:
    section = _section(source, key)
    return section.keys() if isinstance(section, Mapping) else ()


def _modules(source: Source, kinds: Kinds, reader: Reader, report: Report) -> dict[str, ModuleEntry]:
    """The modules of the blackbox exporter; what reads them is only loaded where there are any."""
    data = _section(source, "modules") or {}
    if not isinstance(data, Mapping):
        report.tell(("modules",), "is no mapping", "write modules under it by name, as in `http_2xx: {prober: http}`")
        return {}
    return kinds.read_modules(data, ("modules",), reader=reader, report=report) if data else {}


def _items(root: Reading[Root], field: str) -> tuple[object, ...]:
    return tuple(getattr(root.values, field)) if root.has(field) else ()


Timed = Entry[CheckKeys] | Entry[ScrapeKeys] | Entry[ServerKeys]
"""An entry that says how often something is done, and how long it may take."""


def _intervals(entry: Timed) -> Iterator[tuple[str, timedelta | None]]:
    """The name of an entry with its interval, or every name that it may have."""
    interval = entry.keys.values.interval if entry.keys.has("interval") else None
    for name in [entry.name] if entry.name else entry.texts:
        yield name, interval


def _refuse_late_timeouts(entries: Sequence[Timed], report: Report) -> None:
    for entry in entries:
        keys = entry.keys.values
        if entry.keys.has("timeout", "interval") and keys.timeout and keys.timeout > keys.interval:
            timeout, interval = (duration_name(span.total_seconds()) for span in (keys.timeout, keys.interval))
            problem = f"{timeout} is longer than the interval {interval}: a round has to end before the next one begins"
            report.tell((*entry.at, "timeout"), problem, f"write {interval} or less, or a longer interval")


def _refuse_lost_destinations(
    routes: RouteEntry, destinations: Sequence[Entry[DestinationKeys]], told: frozenset[str], report: Report
) -> None:
    """What routes name is there. A destination that is `told` otherwise needs no route."""
    named = {entry.name: entry.at for entry in destinations if entry.name and entry.name not in told}
    refuse_lost(routes, named, _names_of(destinations), report)


def _warn_of_lost_matchers(
    routes: RouteEntry,
    silences: Sequence[Entry[SilenceKeys]],
    inhibit: Sequence[Reading[InhibitKeys]],
    slos: Sequence[SLO],
    report: Report,
) -> None:
    """Matchers that no alert fulfils: of routes that take nothing, of silences and rules that do nothing."""
    labels = AlertLabels(slos)
    for route in routes.everywhere():
        labels.warn(route.matchers or (), (*route.at, "match"), report)
    for silence in silences:
        labels.warn(silence.keys.values.match, (*silence.at, "match"), report)
    for index, rule in enumerate(inhibit):
        labels.warn(rule.values.source, ("inhibit", index, "source"), report)
        labels.warn(rule.values.target, ("inhibit", index, "target"), report)


def _names_of(destinations: Sequence[Entry[DestinationKeys]]) -> frozenset[str]:
    """The name of each, or every name that it may have."""
    return frozenset(name for entry in destinations for name in ([entry.name] if entry.name else entry.texts))


def _refuse_lost_exclusions(exclusions: Sequence[Entry[ExclusionKeys]], slos: Sequence[object], report: Report) -> None:
    """The SLOs that an exclusion names are there, as far as their names could be read."""
    known = {str(item.get("name")) for item in slos if isinstance(item, Mapping)}
    names = Names(known)
    for entry in exclusions:
        for index, name in enumerate(entry.keys.values.slos if entry.keys.has("slos") else ()):
            if name not in known:
                nearest = names.nearest(name)
                mend = (
                    f"did you mean {nearest}?" if nearest else "name SLOs that are there, or leave the key out for all"
                )
                report.tell((*entry.at, "slos", index), f"there is no SLO {shown(name)}", mend)


def _warn_of_broken_minutes(exclusions: Sequence[Entry[ExclusionKeys]], report: Report) -> None:
    """What begins or ends within a minute excludes less of what is kept by the minute than it did of its slots."""
    for entry in exclusions:
        for key in ("start", "end", "duration"):
            value = getattr(entry.keys.values, key) if entry.keys.has(key) else None
            odd = value % MINUTE if isinstance(value, timedelta) else value is not None and value.second
            if odd:
                problem = "breaks a minute, of which nothing is excluded once counts are kept by the minute, after 7h"
                report.warn((*entry.at, key), problem, "write whole minutes for figures that stay")


def _default_route(destinations: Sequence[Entry[DestinationKeys]], told: frozenset[str]) -> Route:
    """What the route at the top inherits: everyone is told but those that are `told` otherwise."""
    return Route(destinations=tuple(entry.name for entry in destinations if entry.name not in told))


def _destination(entry: Entry[DestinationKeys], public: frozenset[str]) -> DestinationEntry:
    keys = entry.keys.values
    return DestinationEntry(
        name=entry.name,
        type=keys.type,
        config=settled(entry.whole(), public=entry.name in public),
        fallback=keys.fallback or "",
        deadline=keys.deadline,
    )
