"""What is refused of an SLO that is well written: alerts that can never fire, windows that hold too little.

A pair fires above the burn rate budget share x SLO window / long window, its factor; no burn rate is higher than
1 / (1 - objective).
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction

from slo.config.indicators import Indicator
from slo.config.report import Location, Report
from slo.core.duration import duration_name
from slo.core.policy import Pair, Severity

SLOTS_PER_WINDOW = 2
INTERVALS_PER_WINDOW = 3
ALREADY_MET = Fraction(9, 10)
"""Below this burn rate an alert fires while the objective is met; the published 28-day policies go down to 0.93."""

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class PairDraft:
    """A pair as far as it could be read. `policy` is the name of the policy that it comes from, if it has one."""

    at: Location
    policy: str = ""
    long: timedelta | None = None
    short: timedelta | None = None
    budget: Fraction | None = None
    severity: Severity | None = None
    min_bad_events: int | None = None
    hold: timedelta | None = None

    @classmethod
    def of(cls, pair: Pair, *, at: Location, policy: str) -> "PairDraft":
        """The draft of a pair that a policy has."""
        return cls(
            at=at,
            policy=policy,
            long=pair.long,
            short=pair.short,
            budget=pair.budget,
            severity=pair.severity,
            min_bad_events=pair.min_bad_events or None,
            hold=pair.hold,
        )

    def key(self, field: str) -> Location:
        """Where a field of the pair is written: by itself, or with the whole policy."""
        return self.at if self.policy else (*self.at, field)


@dataclass(frozen=True, kw_only=True, slots=True)
class SLODraft:
    """An SLO as far as it could be read, with the slot of the ledger. A calendar window has its nominal length."""

    at: Location
    objective: Fraction | None
    window: timedelta | None
    slot: timedelta | None
    indicator: Indicator
    pairs: Sequence[PairDraft]

    @property
    def interval(self) -> timedelta | None:
        """How often its SLI is fed."""
        return self.indicator.interval

    @property
    def shortest(self) -> timedelta:
        """The shortest window that makes sense: two slots, and three intervals of the source."""
        nothing = timedelta(0)
        return max(SLOTS_PER_WINDOW * (self.slot or nothing), INTERVALS_PER_WINDOW * (self.interval or nothing))


def refuse(slo: SLODraft, report: Report) -> None:
    """Tell the report what is refused of an SLO, and warn of what its author may not have meant."""
    if slo.window:
        _refuse_window(slo, slo.window, (*slo.at, "window"), "", report)
    for pair in slo.pairs:
        which = f"{pair.policy}: " if pair.policy else ""
        for field, window in (("long", pair.long), ("short", pair.short)):
            if window:
                _refuse_window(slo, window, pair.key(field), which, report)
        _refuse_order(slo, pair, which, report)
        _refuse_factor(slo, pair, report)


def _refuse_window(slo: SLODraft, window: timedelta, at: Location, which: str, report: Report) -> None:
    """Windows are whole slots, and hold enough of them and of their source's rounds."""
    if slo.slot and window % slo.slot:
        problem = f"{which}{_name(window)} is not a whole number of slots of {_name(slo.slot)}"
        report.tell(at, problem, f"write {_name(max(-(-window // slo.slot) * slo.slot, _least(slo)))}")
    elif slo.slot and window < SLOTS_PER_WINDOW * slo.slot:
        problem = f"{which}{_name(window)} is shorter than two slots of {_name(slo.slot)}"
        report.tell(at, problem, f"write {_name(_least(slo))} or more, or shorten slot")
    elif slo.interval and window < INTERVALS_PER_WINDOW * slo.interval:
        rounds = f"three {slo.indicator.rounds}, one every {_name(slo.interval)}"
        often = _name(_whole(window / INTERVALS_PER_WINDOW))
        least = _name(_least(slo))
        report.tell(
            at,
            f"{which}{_name(window)} is shorter than {rounds}",
            f"write {least} or more, or {slo.indicator.more_often or 'feed it'} every {often}",
        )


def _refuse_order(slo: SLODraft, pair: PairDraft, which: str, report: Report) -> None:
    """Short is shorter than long, and long not longer than what the SLO looks at."""
    if pair.long and pair.short and pair.short >= pair.long:
        problem = f"{which}{_name(pair.short)} is not shorter than the long window {_name(pair.long)}"
        report.tell(pair.key("short"), problem, f"write about a twelfth of it, as {_name(_twelfth(slo, pair.long))}")
    if pair.long and slo.window and pair.long > slo.window:
        problem = f"{which}the long window {_name(pair.long)} is longer than the SLO's own window {_name(slo.window)}"
        mend = (
            "leave burn_policy out, which scales google-30d to it"
            if pair.policy
            else f"write {_name(slo.window)} or less"
        )
        report.tell(pair.key("long"), problem, mend)


def _refuse_factor(slo: SLODraft, pair: PairDraft, report: Report) -> None:
    """A pair can fire, does not fire while all is well, and no single outcome fires a page."""
    if not (slo.objective and slo.window and pair.long and pair.short and pair.budget):
        return
    factor, highest = _burn_rates(pair.budget, slo.window, pair.long, slo.objective)
    if factor >= highest:
        enough = _number(100 * highest * _ratio(pair.long, slo.window))
        problem = (
            f"{_title(pair)} can never fire: it wants a burn rate above {_number(factor)}, "
            f"and an objective of {_number(100 * slo.objective)} % allows {_number(highest)} at most"
        )
        at = (*slo.at, "objective") if pair.policy else pair.key("budget")
        report.tell(
            at, problem, f"write {'the pairs out, this one with ' if pair.policy else ''}a budget below {enough} %"
        )
    elif factor < ALREADY_MET:
        problem = f"{_title(pair)} fires at a burn rate of {_number(factor)}, while the objective is met"
        scaled = "leave burn_policy out, which scales google-30d to the window"
        report.warn(
            pair.key("budget"), problem, scaled if pair.policy else "write a larger budget or a shorter long window"
        )
    elif slo.interval and slo.indicator.of_rounds and pair.severity is Severity.PAGE:
        alone = highest * _ratio(slo.interval, pair.long)
        if alone > factor:
            often = _whole(float(factor / highest) * pair.long)
            problem = f"one bad outcome alone burns {_number(alone)}x over {_name(pair.long)}, and {_title(pair)} pages"
            report.warn(
                pair.key("long"),
                f"{problem} above {_number(factor)}x",
                f"{slo.indicator.more_often or 'feed it'} at least every {_name(often)}"
                if often > _SECOND
                else "promise it over a longer window",
            )


@functools.lru_cache(1024)
def _burn_rates(budget: Fraction, window: timedelta, long: timedelta, objective: Fraction) -> tuple[Fraction, Fraction]:
    """The factor of a pair, and the highest burn rate that there is."""
    return budget * _ratio(window, long), 1 / (1 - objective)


def _title(pair: PairDraft) -> str:
    return f"{pair.policy + ': ' if pair.policy else ''}the pair {_name(pair.long)}/{_name(pair.short)}"


def _twelfth(slo: SLODraft, long: timedelta) -> timedelta:
    slot = slo.slot or _SECOND
    return max(long // 12 // slot * slot, _least(slo))


def _least(slo: SLODraft) -> timedelta:
    """The shortest window that is not refused: whole slots."""
    slot = slo.slot or _SECOND
    return max(-(-slo.shortest // slot) * slot, slot)


def _whole(span: timedelta) -> timedelta:
    """Whole seconds, where there are any."""
    return span // _SECOND * _SECOND or span


def _ratio(dividend: timedelta, divisor: timedelta) -> Fraction:
    tick = timedelta.resolution
    return Fraction(dividend // tick, divisor // tick)


def _name(span: timedelta | None) -> str:
    return duration_name(span.total_seconds()) if span is not None else "?"


def _number(value: Fraction) -> str:
    return f"{float(value):.4f}".rstrip("0").rstrip(".")
