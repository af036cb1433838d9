"""From the settings to what they describe: checks to run, destinations to tell."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

from slo.app.counters import definitions, endpoint_of
from slo.config.beats import HeartbeatConfig
from slo.config.settings import AfterFailureSettings, Settings, TargetEntry
from slo.core.outcome import Point
from slo.core.paths import DeliveryPath
from slo.core.protocols import Destination
from slo.core.sli import CheckSLI, CountersSLI, PrometheusSLI
from slo.core.slo import SLO
from slo.errors import ConfigError, ConfigFault, WatchkeepError
from slo.exposition.buffer import Serving
from slo.kinds import CollectorKind, Kinds
from slo.net.context import Context
from slo.net.guard import Reach
from slo.runner.schedule import AfterFailure, Scheduled
from slo.sources.checks import Fed, Watched
from slo.sources.grouping import selectors_of
from slo.sources.series import Wanted
from slo.sources.target_labels import labels_of


def checks_of(settings: Settings, kinds: Kinds, context: Context, path: Path) -> list[Scheduled]:
    """Every probe and collector of every target that is configured, built.

    Raises ConfigError for what cannot be: a certificate file that is not there, for instance.
    """
    checks: dict[Point, Scheduled] = {}
    faults = []
    for probe in settings.checks:
        for index, target in enumerate(probe.targets):
            at = f"{probe.family}[{probe.name}]" + (f".targets[{index}]" if probe.several else "")
            for point in target.looks:
                place = at + (f".vantage_points[{point}]" if point else "")
                try:
                    check = check_of(probe.name, target, point, kinds, context)
                except (OSError, ValueError, WatchkeepError) as error:
                    faults.append(unusable(path, place, error))
                    continue
                if check.point in checks:
                    faults.append(_fault(path, place, f"{check.target} is a target already", "leave one of them out"))
                checks[check.point] = check
    if faults:
        raise ConfigError(faults)
    return list(checks.values())


def check_of(
    name: str, target: TargetEntry, point: str, kinds: Kinds, context: Context, *, reach: Reach | None = None
) -> Scheduled:
    """One target of a check, as a vantage point looks at it, built. `reach` is what the guard of the context goes by.

    Raises OSError, ValueError or WatchkeepError where it cannot be.
    """
    config = target.looks[point]
    check = kinds.check(target.family, target.type).build(config, context)
    return Scheduled(
        name=name,
        module=target.type,
        target=check.target,
        interval_seconds=target.interval.total_seconds(),
        timeout_seconds=target.timeout.total_seconds(),
        check=check,
        config=(target.family, target.type, config, reach),
        labels=target.labels,
        vantage_point=point,
        after_failure=_after_failure_of(target.after_failure),
        serving=_serving_of(target, kinds),
    )


def _serving_of(target: TargetEntry, kinds: Kinds) -> Serving | None:
    """How the samples of a collector are served; None for a probe."""
    if target.max_samples is None:
        return None
    kind = cast("CollectorKind", kinds.collectors.module(target.type))
    return Serving(family_of=kind.family, most=target.max_samples)


def _after_failure_of(after: AfterFailureSettings | None) -> AfterFailure | None:
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


def fed_of(settings: Settings, slos: Iterable[SLO]) -> list[Fed]:
    """The SLIs that checks of these settings feed, of these SLOs; checks that no SLO looks at feed none."""
    several = {check.name: check.several for check in settings.checks}
    definitions = (slo.definition for slo in slos if isinstance(slo.definition, CheckSLI))
    wanted = dict.fromkeys(sli for sli in definitions if sli.check in several)
    return [
        Fed(
            sli=sli.key,
            check=sli.check,
            latency_seconds=sli.latency.total_seconds() if sli.latency else None,
            shared=several[sli.check],
            only=sli.labels,
        )
        for sli in wanted
    ]


def watched_of(looks: Sequence[Scheduled], quorum: int) -> Watched:
    """A target that these checks look at, from all of its vantage points."""
    check = looks[0]
    return Watched(
        check=check.name,
        target=check.target,
        interval_seconds=check.interval_seconds,
        labels=check.labels,
        vantage_points=tuple(look.vantage_point for look in looks) if check.vantage_point else (),
        quorum=quorum,
    )


def unusable(path: Path, where: str, error: Exception) -> ConfigFault:
    """The fault of an entry that reads well and cannot be built."""
    return _fault(path, where, f"cannot be used: {error}")


def _fault(path: Path, where: str, problem: str, mend: str = "") -> ConfigFault:
    return ConfigFault(file=str(path), line=0, column=0, path=where, problem=problem, mend=mend)
