"""From the settings to what they describe: checks to run, destinations to tell."""

from collections.abc import Mapping
from pathlib import Path

from slo.config.settings import Settings
from slo.core.protocols import Destination
from slo.core.sli import probe_sli
from slo.errors import ConfigError, ConfigFault, WatchkeepError
from slo.kinds import Kinds
from slo.net.context import Context
from slo.runner.schedule import Scheduled


def checks_of(settings: Settings, kinds: Kinds, context: Context, path: Path) -> list[Scheduled]:
    """Every probe, built. Raises ConfigError for what cannot be: a certificate file that is not there, for instance."""
    checks, faults = [], []
    for entry in settings.probes:
        try:
            check = kinds.probes.module(entry.type).build(entry.config, context)
        except (OSError, ValueError, WatchkeepError) as error:
            faults.append(_unusable(path, f"probes[{entry.name}]", error))
            continue
        checks.append(
            Scheduled(
                name=entry.name,
                module=entry.type,
                target=check.target,
                interval_seconds=entry.interval.total_seconds(),
                timeout_seconds=entry.timeout.total_seconds(),
                check=check,
                config=entry,
            )
        )
    if faults:
        raise ConfigError(faults)
    return checks


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
            faults.append(_unusable(path, f"destinations[{entry.name}]", error))
            continue
        if getattr(kind, "PAGES_ONLY", False):
            paging.add(entry.name)
    if faults:
        raise ConfigError(faults)
    return built, frozenset(paging)


def slis_of(settings: Settings) -> Mapping[str, tuple[str, float]]:
    """Which SLI each probe feeds, and its interval in seconds; probes that no SLO looks at feed none."""
    wanted = {slo.sli for slo in settings.slos}
    return {
        probe.name: (probe_sli(probe.name), probe.interval.total_seconds())
        for probe in settings.probes
        if probe_sli(probe.name) in wanted
    }


def _unusable(path: Path, where: str, error: Exception) -> ConfigFault:
    return ConfigFault(file=str(path), line=0, column=0, path=where, problem=f"cannot be used: {error}")
