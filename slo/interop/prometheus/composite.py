"""SLOs that are made of others: `all_of` counts steps of its own, `weighted` is read from the ledgers of others."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction

from slo.core.counts import KNOWN_FOR_INTERVALS
from slo.core.duration import duration_name
from slo.core.matching import Matcher
from slo.core.selector import Selector
from slo.core.slo import SLO
from slo.interop.prometheus.expressions import aggregate, either, enclosed, number, samples
from slo.interop.prometheus.reading import LedgerReading
from slo.interop.prometheus.rule import Recording
from slo.interop.prometheus.series import BAD, ENTRY, ID, KNOWN, TOTAL, WINDOW, Ledger
from slo.interop.prometheus.steps import entry_rules

FAILED = "slo:sli_failed:bool"
MEMBER = "member"
WHOLE = Fraction(1)
SECOND = timedelta(seconds=1)
INTERVAL = timedelta(seconds=30)
"""How often a member is taken to be observed whose interval the configuration does not tell."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """An SLO that others are made of: its events, and in steps of how many seconds they are counted."""

    slo: SLO
    events: Ledger
    step: int


def needed_rules(members: Sequence[Member], ledger: Ledger, step: int, *, events_a_step: Fraction) -> list[Recording]:
    """Steps that are bad where one member has failed, and otherwise known where each of them is.

    A member has failed if more of its events in a step were bad than its own objective allows. Without events it is for
    two and a half of its intervals as it was.
    """
    names = ledger.names
    interval = max(member.slo.interval or INTERVAL for member in members)
    remembered = samples(names.mine(FAILED), max(step, interval * KNOWN_FOR_INTERVALS // SECOND))
    failed, known = (f"{operator}(last_over_time({remembered}))" for operator in ("max", "count"))
    told, events = ledger.entry(step, TOTAL), number(events_a_step)
    entries = {
        TOTAL: f"0 * {enclosed(either(f'{failed} == 1', f'{known} == {len(members)}'))} + {events}",
        BAD: f"{events} * {failed}\nand {names.on}\n{told}",
        KNOWN: f"0 * {told} + {step}",
    }
    return [*(_failed(member, ledger, step) for member in members), *entry_rules(ledger, step, entries)]


def _failed(member: Member, ledger: Ledger, step: int) -> Recording:
    names, budget = member.events.names, member.slo.error_budget
    total, bad = (
        names.combined("sum", f"sum_over_time({samples(counted, max(step, member.step))})")
        for counted in (member.events.series(member.step, **{ENTRY: entry}) for entry in (TOTAL, BAD))
    )
    return Recording(
        metric=FAILED,
        expression=f"{budget.denominator} * {bad} > bool {budget.numerator} * ({total} > 0)",
        labels={**ledger.names.identity, MEMBER: member.slo.name},
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class MeanReading:
    """The weighted mean of what other SLOs say, read from their ledgers; their weights are shares of 1."""

    members: Sequence[tuple[LedgerReading, Fraction]]

    def ratio(self, window: int) -> str:
        return self._mean(window, [reading.ratio(window) for reading, _ in self.members])

    def burn(self, window: int | None, budget: Fraction) -> str:
        lost = self._mean(window, [reading.burn(window, WHOLE) for reading, _ in self.members])
        return f"{budget.denominator} * {lost} / {budget.numerator}"

    def known(self, window: int | None) -> str:
        """What is known of the least known of them."""
        by = (WINDOW,) if window is None else ()
        known = self._entries(window, KNOWN)
        least, members = (aggregate(operator, known, by=by) for operator in ("min", "count"))
        return enclosed(f"{least} and {members} == {len(self.members)}")

    def bad(self, window: int) -> str:
        return f"sum({self._entries(window, BAD)})"

    def _mean(self, window: int | None, each: Sequence[str]) -> str:
        """A member without events lost nothing."""
        nothing = f"0 * sum by ({WINDOW}) ({self.members[0][0].lengths})" if window is None else "vector(0)"
        terms = (
            f"{number(weight)} * {enclosed(either(one, nothing))}"
            for one, (_, weight) in zip(each, self.members, strict=True)
        )
        return enclosed(f"{' + '.join(terms)}\nand\n{self.known(window)}")

    def _entries(self, window: int | None, entry: str) -> str:
        """One entry of each of their ledgers over a window, or over each."""
        slos = "|".join(reading.ledger.names.slo.replace(".", r"\.") for reading, _ in self.members)
        matchers = [Matcher(label=ENTRY, operator="=", value=entry), Matcher(label=ID, operator="=~", value=slos)]
        if window is not None:
            matchers.append(Matcher(label=WINDOW, operator="=", value=duration_name(window)))
        return str(Selector(metric=self.members[0][0].ledger.metric, matchers=tuple(matchers)))
