"""The Prometheus rules of SLOs: for each one group that counts and alerts at every step, and one that makes figures.

written = rules(settings.slos, now=clock.now())
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from slo.core.sli import CountersSLI
from slo.core.slo import SLO
from slo.interop.prometheus.alerts import alert_rules
from slo.interop.prometheus.figures import budget_rules, ratio_rules, sum_rules
from slo.interop.prometheus.rule import Group
from slo.interop.prometheus.series import names
from slo.interop.prometheus.steps import step_rules
from slo.interop.prometheus.windows import plan, step_of

FIGURES_EVERY_STEPS = 4
"""How often figures for people are made; well within the five minutes for which Prometheus shows a sample."""

ALWAYS = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Omission:
    """What rules cannot express of an SLO; with `whole`, nothing of it is among them."""

    slo: str
    what: str
    whole: bool = True

    def __str__(self) -> str:
        return f"{self.slo}: {self.what}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """The groups of rules of some SLOs, and what is not among them."""

    groups: tuple[Group, ...]
    omissions: tuple[Omission, ...]


def rules(slos: Iterable[SLO], *, now: datetime) -> Rules:
    """The rules of these SLOs, each by the definition that is in force."""
    definitions: dict[str, list[SLO]] = {}
    for slo in slos:
        definitions.setdefault(slo.name, []).append(slo)
    groups: list[Group] = []
    omissions: list[Omission] = []
    for name, versions in definitions.items():
        current = _in_force(versions, now)
        if current is None:
            omissions.append(Omission(slo=name, what="no definition of it is in force yet"))
        elif isinstance(current.definition, CountersSLI):
            groups += _groups(current, current.definition)
        else:
            omissions.append(Omission(slo=name, what="what it counts is no counters"))
    return Rules(groups=tuple(groups), omissions=tuple(omissions))


def _in_force(versions: Iterable[SLO], now: datetime) -> SLO | None:
    """Of the definitions of one SLO, the last one that has begun."""
    begun = (slo for slo in versions if slo.effective_from is None or slo.effective_from <= now)
    return max(begun, key=lambda slo: slo.effective_from or ALWAYS, default=None)


def _groups(slo: SLO, sli: CountersSLI) -> Iterator[Group]:
    mine = names(slo)
    of_alerts = sorted({_seconds(window) for pair in slo.pairs for window in (pair.short, pair.long)})
    of_figures = sorted({*of_alerts, _seconds(slo.window)})
    step = step_of(of_figures)
    sums = plan(of_alerts, step)
    more_sums = [each for each in plan(of_figures, step) if each not in sums]
    yield Group(
        name=f"watchkeep-slo-alerts-{slo.name}",
        interval=timedelta(seconds=step),
        rules=(*step_rules(sli, mine, step), *sum_rules(sums, mine, step), *alert_rules(slo, mine, step)),
    )
    yield Group(
        name=f"watchkeep-slo-figures-{slo.name}",
        interval=timedelta(seconds=step * FIGURES_EVERY_STEPS),
        rules=(*sum_rules(more_sums, mine, step), *ratio_rules(of_figures, mine), *budget_rules(slo, mine)),
    )


def _seconds(length: timedelta) -> int:
    return length // timedelta(seconds=1)
