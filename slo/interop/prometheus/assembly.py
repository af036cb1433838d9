"""Puts the rules of one SLO together: what is counted, over which windows, and what it is read through.

There are two groups. Whatever alerts need is evaluated in one go, at every step: a rule sees what those before it in
its group recorded at the same moment. Figures for people are made less often.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction

from slo.core.budgeting import Method
from slo.core.expression import has_window
from slo.core.sli import AllOf, CheckSLI, CountersSLI, PrometheusSLI, Weighted
from slo.core.slo import SLO
from slo.interop.prometheus.alerts import alert_rules
from slo.interop.prometheus.composite import MeanReading, Member, needed_rules
from slo.interop.prometheus.figures import budget_rules, current_rule, promise_rules, ratio_rules
from slo.interop.prometheus.increases import increase_rules
from slo.interop.prometheus.reading import LedgerReading, Reading
from slo.interop.prometheus.rule import Group, Recording
from slo.interop.prometheus.series import LENGTH, Ledger, names
from slo.interop.prometheus.slices import ratio_slice_rules, verdict_rules
from slo.interop.prometheus.steps import counter_rules, round_rules, value_rules
from slo.interop.prometheus.sums import sum_rules
from slo.interop.prometheus.windows import plan, step_of

FIGURES_EVERY_STEPS = 4
"""How often figures for people are made; well within the five minutes for which Prometheus shows a sample."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Windows:
    """Windows in seconds: those that are needed at every step, for alerts, and those that figures for people need."""

    alerts: frozenset[int] = frozenset()
    figures: frozenset[int] = frozenset()

    def __or__(self, other: "Windows") -> "Windows":
        return Windows(alerts=self.alerts | other.alerts, figures=self.figures | other.figures)

    @property
    def every(self) -> frozenset[int]:
        """All of them."""
        return self.alerts | self.figures


def windows_of(slo: SLO) -> Windows:
    """The windows that an SLO is looked at through, without periods of the calendar."""
    return Windows(
        alerts=frozenset(_seconds(window) for pair in slo.pairs for window in (pair.short, pair.long)),
        figures=frozenset(_seconds(window) for window in slo.budget_windows if isinstance(window, timedelta)),
    )


class Assembly:
    """The rules of `slo`. `members` are those that it may be made of, and `demanded` windows that others read it in.

    A slot of the watch has `slot_seconds`: an SLO that needs each of its members counts slots.
    """

    def __init__(self, slo: SLO, *, members: Mapping[str, "Assembly"], demanded: Windows, slot_seconds: int) -> None:
        self.slo = slo
        self.events = Ledger(names=names(slo))
        self.windows = windows_of(slo)
        self._lengths = self.events.names.mine(LENGTH)
        self._slices = Ledger(names=self.events.names, unit="slices")
        self._slice = _seconds(slo.budgeting.slice)
        self._of_events, self._of_slices = self._windows_by_ledger()
        self._of_events |= demanded
        self.step = step_of([*self.windows.every, *self._of_events.every, *self._of_slices.every])
        self._members = members
        self._slot_seconds = slot_seconds

    def groups(self) -> Iterator[Group]:
        """One that counts and alerts, and one for figures."""
        name, mine, alerting = self.slo.name, self.events.names, self._alerting()
        events, more_events = self._sums(self.events, self._of_events, asked=self._asked)
        slices, more_slices = self._sums(self._slices, self._of_slices)
        yield Group(
            name=f"watchkeep-slo-alerts-{name}",
            interval=timedelta(seconds=self.step),
            rules=(
                *self._counted(),
                *events,
                *self._sliced(),
                *slices,
                *alert_rules(self.slo, alerting, mine, self.step),
            ),
        )
        budget = self._budget()
        yield Group(
            name=f"watchkeep-slo-figures-{name}",
            interval=timedelta(seconds=self.step * FIGURES_EVERY_STEPS),
            rules=(
                *more_events,
                *more_slices,
                *ratio_rules(sorted(self.windows.alerts - self.windows.figures), alerting, mine),
                *ratio_rules(sorted(self.windows.figures), budget, mine),
                current_rule(min(self.windows.alerts), mine),
                *promise_rules(self.slo, mine),
                *([] if self.slo.calendar else budget_rules(budget, self.slo, mine)),
            ),
        )

    def _windows_by_ledger(self) -> tuple[Windows, Windows]:
        """The windows that events are needed in, and those that slices are."""
        of_slice = Windows(alerts=frozenset({self._slice}))
        match self._method:
            case None:
                return Windows(), Windows()
            case Method.OCCURRENCES:
                return self.windows, Windows()
            case Method.TIMESLICES:
                return of_slice, self.windows
            case Method.RATIO_TIMESLICES:
                return of_slice | Windows(alerts=self.windows.alerts), Windows(figures=self.windows.figures)

    @property
    def _method(self) -> Method | None:
        """What one unit of the budget is; None for a mean of others, which has no units."""
        return None if isinstance(self.slo.definition, Weighted) else self.slo.budgeting.method

    @property
    def _asked(self) -> frozenset[int]:
        """The windows in which the SLI's expressions are asked for whole, so that nothing has to be summed."""
        sli = self.slo.definition
        by_window = isinstance(sli, PrometheusSLI) and not sli.counters and has_window(sli.total)
        return self._of_events.alerts if by_window else frozenset()

    def _sums(
        self, ledger: Ledger, windows: Windows, *, asked: frozenset[int] = frozenset()
    ) -> tuple[list[Recording], list[Recording]]:
        """The rules that sum a ledger over windows, for alerts and for figures."""
        often = plan(windows.alerts, self.step)
        rarely = [each for each in plan(windows.every, self.step) if each not in often]
        first, then = ([each for each in sums if each.window not in asked] for sums in (often, rarely))
        return sum_rules(first, ledger, self.step), sum_rules(then, ledger, self.step)

    def _counted(self) -> list[Recording]:
        """The rules that count the SLI."""
        match self.slo.definition:
            case CountersSLI() as sli:
                return counter_rules(sli, self.events, self.step)
            case CheckSLI():
                return round_rules(self.events, self.step)
            case PrometheusSLI(counters=CountersSLI() as counters):
                return counter_rules(counters, self.events, self.step)
            case PrometheusSLI() as sli if self._asked:
                return increase_rules(sli, self._asked, self.events, self.step)
            case PrometheusSLI() as sli:
                return value_rules(sli, self.events, self.step)
            case AllOf(slos=slos):
                members = [self._members[name] for name in slos]
                return needed_rules(
                    [Member(slo=each.slo, events=each.events, step=each.step) for each in members],
                    self.events,
                    self.step,
                    events_a_step=Fraction(self.step, self._slot_seconds),
                )
        return []

    def _sliced(self) -> list[Recording]:
        """The rules that make slices of what was counted."""
        match self._method:
            case Method.TIMESLICES:
                longest = max(self._of_slices.every)
                return verdict_rules(self.slo.budgeting, self.events, self._slices, self.step, longest=longest)
            case Method.RATIO_TIMESLICES:
                return ratio_slice_rules(self._slice, self.events, self._slices, self.step)
        return []

    def _alerting(self) -> Reading:
        """What alerts go by. Those of Sloth are not weighed, which `ratio_timeslices` follows."""
        match self._method:
            case Method.TIMESLICES:
                return LedgerReading(ledger=self._slices, lengths=self._lengths)
            case Method.RATIO_TIMESLICES:
                return LedgerReading(ledger=self.events, lengths=self._lengths, weighed=False)
        return self._mean() or LedgerReading(ledger=self.events, lengths=self._lengths)

    def _budget(self) -> Reading:
        """What the budget goes by."""
        if self._method is Method.RATIO_TIMESLICES:
            return LedgerReading(ledger=self._slices, lengths=self._lengths, weighed=False)
        return self._alerting()

    def _mean(self) -> MeanReading | None:
        match self.slo.definition:
            case Weighted(weights=weights):
                whole = sum(weight for _, weight in weights)
                readings = {
                    name: LedgerReading(ledger=self._members[name].events, lengths=self._lengths) for name, _ in weights
                }
                return MeanReading(members=tuple((readings[name], weight / whole) for name, weight in weights))
        return None


def _seconds(length: timedelta) -> int:
    return length // timedelta(seconds=1)
