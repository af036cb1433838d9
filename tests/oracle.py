"""The engine once more, scalar and slow: what the vectorised one is held against.

Written from the reference alone. Raw counts of every slot lie in plain lists; a window is the sum over the slots whose
end lies in it; ratios are fractions, so that a comparison is exact. It shares nothing with the engine but the records
of slo.core.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction

from slo.core.calendar import CalendarWindow, period_of
from slo.core.counts import Counts
from slo.core.policy import Pair, Severity
from slo.core.slo import SLO

HOUR = 3600
CLEARING_COVERAGE = Fraction(80, 100)
"""The least coverage of its short window with which a pair may clear."""

Firing = frozenset[tuple[Severity, int, int]]
"""What fires: severity, seconds of the long window, seconds of the short one."""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """One window of one SLO, exact; `budget` is the share of events that may be bad."""

    seconds: int
    counts: Counts
    budget: Fraction

    @property
    def coverage(self) -> Fraction:
        """The share of the window that there is knowledge of."""
        return Fraction(min(self.counts.covered_ms, self.seconds * 1000), self.seconds * 1000)

    @property
    def sli(self) -> Fraction | None:
        """Good over good and bad; None of nothing, and of time that is not covered."""
        events = self.counts.good + self.counts.bad
        return Fraction(self.counts.good, events) if events and self.counts.covered_ms else None

    @property
    def burn(self) -> Fraction | None:
        """How many times faster than the budget allows, weighed by the coverage."""
        return None if self.sli is None else (1 - self.sli) * self.coverage / self.budget


@dataclass(frozen=True, kw_only=True)
class Budget:
    """The budget over one window, exact. `elapsed` seconds of its `seconds` are over."""

    seconds: int
    elapsed: int
    counts: Counts
    share: Fraction

    @property
    def covered_ms(self) -> int:
        """How much of the window there is knowledge of."""
        return min(self.counts.covered_ms, self.elapsed * 1000)

    @property
    def coverage(self) -> Fraction:
        """The same as a share of what is over."""
        return Fraction(self.covered_ms, self.elapsed * 1000)

    @property
    def allowed(self) -> Fraction | None:
        """How many events of the whole window may be bad, if what is not known is like what is known."""
        events = self.counts.good + self.counts.bad
        if not events or not self.covered_ms:
            return None
        return self.share * events * self.seconds * 1000 / self.covered_ms

    @property
    def remaining(self) -> Fraction | None:
        """What is left of it, as a share."""
        return None if self.allowed is None else 1 - self.counts.bad / self.allowed


@dataclass(kw_only=True)
class PairState:
    """What is remembered of one pair: since when it burns too fast, and the severities that it fires at.

    A page below its minimum of bad events is a ticket; where data is lost in between, neither is forgotten.
    """

    since: int | None = None
    firing: frozenset[Severity] = frozenset()


@dataclass(kw_only=True)
class History:
    """The raw counts of one SLI: entry i of each list is of the slot that ends at `first + i * slot`."""

    slot: int
    first: int | None = None
    good: list[int] = field(default_factory=list)
    bad: list[int] = field(default_factory=list)
    unknown: list[int] = field(default_factory=list)
    covered_ms: list[int] = field(default_factory=list)

    def add(self, end: int, counts: Counts) -> None:
        """Add to the slot that ends at `end`, whenever that is."""
        if self.first is None:
            self.first = end
        lists = (self.good, self.bad, self.unknown, self.covered_ms)
        before = (self.first - end) // self.slot
        if before > 0:
            for one in lists:
                one[:0] = [0] * before
            self.first = end
        at = (end - self.first) // self.slot
        for one, value in zip(lists, (counts.good, counts.bad, counts.unknown, counts.covered_ms), strict=True):
            if at >= len(one):
                one.extend([0] * (at + 1 - len(one)))
            one[at] += value

    def between(self, after: int, until: int) -> Counts:
        """The sum of the slots whose end is in (after, until]."""
        if self.first is None:
            return Counts()
        begin = max(0, (after - self.first) // self.slot + 1)
        stop = max(0, (until - self.first) // self.slot + 1)
        return Counts(
            good=sum(self.good[begin:stop]),
            bad=sum(self.bad[begin:stop]),
            unknown=sum(self.unknown[begin:stop]),
            covered_ms=sum(self.covered_ms[begin:stop]),
        )


class Oracle:
    """Every SLO, judged slot by slot.

    `steps` says for each window over an hour (seconds) by which steps (seconds) its trailing edge moves; the reference
    leaves the choice to the engine, within bounds that are tested apart.
    """

    def __init__(self, *, slot: int, slos: Iterable[SLO], steps: Mapping[int, int]) -> None:
        self.slot = slot
        self.slos = tuple(slos)
        self.steps = steps
        self.histories: dict[str, History] = {}
        self.states: dict[tuple[str, int], PairState] = {}

    def add(self, sli: str, end: int, counts: Counts) -> None:
        """Count something in its own slot, early or late."""
        self.histories.setdefault(sli, History(slot=self.slot)).add(end, counts)

    def total(self, sli: str, now: int) -> Counts:
        """Everything up to `now`."""
        history = self.histories.get(sli)
        return history.between(history.first - 1, now) if history and history.first is not None else Counts()

    def counts(self, sli: str, seconds: int, now: int) -> Counts:
        """The sum of one window that ends at `now`."""
        history = self.histories.get(sli)
        return history.between(self._edge(seconds, now), now) if history else Counts()

    def figures(self, slo: SLO, window: timedelta, now: int) -> Figures:
        """The window that ends at `now`."""
        seconds = _seconds(window)
        return Figures(seconds=seconds, counts=self.counts(slo.sli, seconds, now), budget=1 - slo.objective)

    def budget(self, slo: SLO, window: timedelta | CalendarWindow, now: int) -> Budget:
        """What is left of the whole window's budget, projected where the window is not covered."""
        share = 1 - slo.objective
        if isinstance(window, timedelta):
            seconds = _seconds(window)
            return Budget(seconds=seconds, elapsed=seconds, counts=self.counts(slo.sli, seconds, now), share=share)
        start, end = period_of(window, now)
        history = self.histories.get(slo.sli)
        counts = history.between(start, now) if history else Counts()
        return Budget(seconds=end - start, elapsed=now - start, counts=counts, share=share)

    def judge(self, now: int) -> dict[str, Firing]:
        """What fires at the slot end `now`, for every SLO by name. To be called in the order of time."""
        return {slo.name: self._judge(slo, now) for slo in self.slos}

    def _judge(self, slo: SLO, now: int) -> Firing:
        firing: set[tuple[Severity, int, int]] = set()
        for position, pair in enumerate(slo.pairs):
            state = self.states.setdefault((slo.name, position), PairState())
            self._follow(slo, pair, state, now)
            firing |= {(severity, _seconds(pair.long), _seconds(pair.short)) for severity in state.firing}
        return frozenset(firing)

    def _follow(self, slo: SLO, pair: Pair, state: PairState, now: int) -> None:
        long, short = self.figures(slo, pair.long, now), self.figures(slo, pair.short, now)
        factor = pair.budget * Fraction(_seconds(slo.window), _seconds(pair.long))
        burning = all(window.counts.bad and window.burn and window.burn > factor for window in (long, short))
        holds: frozenset[Severity] = frozenset()
        if not burning:
            state.since = None
        else:
            state.since = now if state.since is None else state.since
            if long.counts.bad >= pair.min_bad_events:
                holds = frozenset({pair.severity})
            elif pair.severity is Severity.PAGE:
                holds = frozenset({Severity.TICKET})
        if short.coverage >= CLEARING_COVERAGE:
            state.firing &= holds
        if state.since is not None and now - state.since >= _seconds(pair.hold):
            state.firing |= holds

    def _edge(self, seconds: int, now: int) -> int:
        """Where the window begins: slots that end after it are in the window."""
        if seconds <= HOUR:
            return now - seconds
        step = self.steps[seconds]
        return (now - seconds) // step * step


def _seconds(duration: timedelta) -> int:
    return duration // timedelta(seconds=1)
