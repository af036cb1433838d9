"""From the settings to what they describe: checks to run, destinations to tell."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from slo.app.counters import definitions, endpoint_of
from slo.config.beats import HeartbeatConfig
from slo.config.settings import ProbeEntry, Settings
from slo.core.outcome import CheckKey
from slo.core.paths import DeliveryPath
from slo.core.protocols import Destination
from slo.core.sli import CountersSLI, ProbeSLI, PrometheusSLI
from slo.errors import ConfigError, ConfigFault, WatchkeepError
from slo.kinds import Kinds
from slo.net.context import Context
from slo.runner.schedule import AfterFailure, Scheduled
from slo.sources.checks import Fed, Watched
from slo.sources.grouping import selectors_of
from slo.sources.series import Wanted
from slo.sources.target_labels import labels_of


def checks_of(settings: Settings, kinds: Kinds, context: Context, path: Path) -> list[Scheduled]:
    """Every probe, built. Raises ConfigError for what cannot be: a certificate file that is not there, for instance."""
    checks: list[Scheduled] = []
    faults = []
    for entry in settings.probes:
        for point, config in entry.looks:
            try:
                check = kinds.probes.module(entry.type).build(config, context)
            except (OSError, ValueError, WatchkeepError) as error:
                at = f"probes[{entry.name}]" + (f".vantage_points[{point}]" if point else "")
                faults.append(unusable(path, at, error))
                continue
            checks.append(
                Scheduled(
                    name=entry.name,
                    module=entry.type,
                    target=check.target,
                    interval_seconds=entry.interval.total_seconds(),
                    timeout_seconds=entry.timeout.total_seconds(),
                    check=check,
                    config=(entry.type, config),
                    vantage_point=point,
                    after_failure=_after_failure_of(entry),
                )
            )
    if faults:
        raise ConfigError(faults)
    return checks


def _after_failure_of(entry: ProbeEntry) -> AfterFailure | None:
    after = entry.after_failure
    return AfterFailure(interval_seconds=after.interval.total_seconds(), rounds=after.rounds) if after else None


def scrapes_of(settings: Settings, context: Context, path: Path) -> list[Scheduled]:
    """Every scrape, built. Raises ConfigError for what cannot be."""
    from slo.sources.scrape import MODULE, PARSING_THREADS, Config, Scrape

    scrapes, faults = [], []
    followed = definitions(settings)
    wanted, threads = Wanted(followed.values()), ThreadPoolExecutor(PARSING_THREADS, thread_name_prefix=MODULE)
    for entry in settings.scrapes:
        assert isinstance(entry.config, Config)  # noqa: S101  the kind that the configuration was read with
        labelled = labels_of(entry, entry.config.url)
        try:
            check = Scrape(entry.config, context, labelled=labelled, wanted=wanted, threads=threads)
        except (OSError, ValueError, WatchkeepError) as error:
            faults.append(unusable(path, f"scrapes[{entry.name}]", error))
            continue
        scrapes.append(
            Scheduled(
                name=entry.name,
                module=MODULE,
                target=check.target,
                interval_seconds=entry.interval.total_seconds(),
                timeout_seconds=entry.timeout.total_seconds(),
                check=check,
                config=(entry, frozenset(followed)),
            )
        )
    if faults:
        raise ConfigError(faults)
    return scrapes


def refuse_unfed(settings: Settings, path: Path) -> None:
    """Raise ConfigError for SLOs that nothing in these settings can feed, by the last definition of each."""
    faults = []
    attached = [endpoint_of(entry).labels for entry in settings.scrapes]
    for slo in {slo.name: slo for slo in sorted(settings.slos, key=lambda slo: slo.begins)}.values():
        at = f"slos[{slo.name}].sli.counters"
        if isinstance(slo.definition, CountersSLI) and not attached:
            mend = "add the targets to `scrapes`, or count with `sli: {prometheus: ...}`"
            faults.append(_fault(path, at, "no scrape can feed it", mend))
        elif isinstance(slo.definition, CountersSLI) and not any(map(slo.definition.total.may_match, attached)):
            problem = f"no scrape can feed it: {slo.definition.total} wants labels that no target has"
            mend = "`job` is the name of a scrape, `instance` the host and port of its URL, but for its own `labels`"
            faults.append(_fault(path, at, problem, mend))
        elif slo.group_by and isinstance(slo.definition, PrometheusSLI) and not selectors_of(slo):
            problem = "only sums of counters are watched by group: the expressions are more than that"
            mend = "write them as sum(rate(METRIC{...}[{{.window}}])), or write an SLO for each group"
            faults.append(_fault(path, f"slos[{slo.name}].group_by", problem, mend))
    if faults:
        raise ConfigError(faults)


def destinations_of(
    settings: Settings, kinds: Kinds, context: Context, path: Path
) -> tuple[dict[str, Destination], frozenset[str]]:
    """Every destination, built, by name; and the names of those that are told of pages only."""
    built: dict[str, Destination] = {}
    paging, faults = set(), []
    for entry in settings.destinations:
        kind = kinds.destinations.module(entry.type)
        try:
            built[entry.name] = kind.build(entry.config, context)
        except (OSError, ValueError, WatchkeepError) as error:
            faults.append(unusable(path, f"destinations[{entry.name}]", error))
            continue
        if getattr(kind, "PAGES_ONLY", False):
            paging.add(entry.name)
    if faults:
        raise ConfigError(faults)
    return built, frozenset(paging)


def paths_of(settings: Settings) -> dict[str, DeliveryPath]:
    """The path to each destination, by name."""
    return {
        entry.name: DeliveryPath(
            fallback=entry.fallback,
            deadline=entry.deadline,
            beats_every=entry.config.interval if isinstance(entry.config, HeartbeatConfig) else None,
        )
        for entry in settings.destinations
    }


def fed_of(settings: Settings) -> list[Fed]:
    """The SLIs that probes feed; probes that no SLO looks at feed none."""
    wanted = dict.fromkeys(slo.definition for slo in settings.slos if isinstance(slo.definition, ProbeSLI))
    return [
        Fed(
            sli=sli.key,
            check=sli.probe,
            latency_seconds=sli.latency.total_seconds() if sli.latency else None,
        )
        for sli in wanted
    ]


def watched_of(checks: Sequence[Scheduled], settings: Settings) -> dict[CheckKey, Watched]:
    """The targets that these checks look at, from all of their vantage points."""
    quorums = {probe.name: probe.quorum for probe in settings.probes}
    points: dict[CheckKey, list[str]] = {}
    for check in checks:
        points.setdefault(check.key, []).append(check.vantage_point)
    return {
        check.key: Watched(
            check=check.name,
            target=check.target,
            interval_seconds=check.interval_seconds,
            labels=check.labels,
            vantage_points=tuple(points[check.key]) if check.vantage_point else (),
            quorum=quorums[check.name],
        )
        for check in checks
    }


def unusable(path: Path, where: str, error: Exception) -> ConfigFault:
    """The fault of an entry that reads well and cannot be built."""
    return _fault(path, where, f"cannot be used: {error}")


def _fault(path: Path, where: str, problem: str, mend: str = "") -> ConfigFault:
    return ConfigFault(file=str(path), line=0, column=0, path=where, problem=problem, mend=mend)
