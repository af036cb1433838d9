"""From the entries of checks to checks: every target as each of its vantage points looks at it, built."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from slo.config.settings import AfterFailureSettings, Settings, TargetEntry
from slo.core.outcome import Point
from slo.errors import ConfigError, ConfigFault, WatchkeepError
from slo.exposition.buffer import Serving
from slo.kinds import CollectorKind, Kinds
from slo.net.context import Context
from slo.net.guard import Reach
from slo.runner.schedule import AfterFailure, Scheduled
from slo.sources.checks import Watched


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
                    faults.append(fault_at(path, place, f"{check.target} is a target already", "leave one of them out"))
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


def _serving_of(target: TargetEntry, kinds: Kinds) -> Serving | None:
    """How the samples of a collector are served; None for a probe."""
    if target.max_samples is None:
        return None
    kind = cast("CollectorKind", kinds.collectors.module(target.type))
    return Serving(family_of=kind.family, most=target.max_samples)


def _after_failure_of(after: AfterFailureSettings | None) -> AfterFailure | None:
    return AfterFailure(interval_seconds=after.interval.total_seconds(), rounds=after.rounds) if after else None


def unusable(path: Path, where: str, error: Exception) -> ConfigFault:
    """The fault of an entry that reads well and cannot be built."""
    return fault_at(path, where, f"cannot be used: {error}")


def fault_at(path: Path, where: str, problem: str, mend: str = "") -> ConfigFault:
    """What is wrong with an entry that reads well."""
    return ConfigFault(file=str(path), line=0, column=0, path=where, problem=problem, mend=mend)
