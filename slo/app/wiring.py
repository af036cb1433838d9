"""From the settings to what they describe: checks to run, destinations to tell."""

from collections.abc import Iterable
from pathlib import Path

from slo.app.checks import fault_at, unusable
from slo.app.scrapes import certain_of
from slo.config.beats import HeartbeatConfig
from slo.config.settings import Settings
from slo.core.paths import DeliveryPath
from slo.core.protocols import Destination
from slo.core.sli import CheckSLI, CountersSLI, PrometheusSLI
from slo.core.slo import SLO
from slo.errors import ConfigError, WatchkeepError
from slo.kinds import Kinds
from slo.net.context import Context
from slo.sources.checks import Fed
from slo.sources.grouping import selectors_of


def refuse_unfed(settings: Settings, path: Path) -> None:
    """Raise ConfigError for SLOs that nothing in these settings can feed, by the last definition of each."""
    faults = []
    attached = [labels for entry in settings.scrapes for labels in certain_of(entry)]
    for slo in {slo.name: slo for slo in sorted(settings.slos, key=lambda slo: slo.begins)}.values():
        at = f"slos[{slo.name}].sli.counters"
        if isinstance(slo.definition, CountersSLI) and not attached:
            mend = "add the targets to `scrapes`, or count with `sli: {prometheus: ...}`"
            faults.append(fault_at(path, at, "no scrape can feed it", mend))
        elif isinstance(slo.definition, CountersSLI) and not any(map(slo.definition.total.may_match, attached)):
            problem = f"no scrape can feed it: {slo.definition.total} wants labels that no target has"
            mend = "`job` is the name of a scrape, `instance` the host and port of its URL, but for its own `labels`"
            faults.append(fault_at(path, at, problem, mend))
        elif slo.group_by and isinstance(slo.definition, PrometheusSLI) and not selectors_of(slo):
            problem = "only sums of counters are watched by group: the expressions are more than that"
            mend = "write them as sum(rate(METRIC{...}[{{.window}}])), or write an SLO for each group"
            faults.append(fault_at(path, f"slos[{slo.name}].group_by", problem, mend))
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
