"""What is counted, slot by slot in plain lists: of one SLI, and of one SLO without what is excluded, in slices too."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction

from slo.core.budgeting import Budgeting, Method
from slo.core.counts import Counts
from slo.core.exclusion import Exclusion, matches, occurrences
from slo.core.policy import Severity
from slo.core.slo import SLO

HOUR = 3600
MINUTE = 60
FOREVER = 2**33
"""A time that no test reaches."""


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

    def total(self, now: int) -> Counts:
        """Everything up to `now`."""
        return self.between(self.first - 1, now) if self.first is not None else Counts()

    def begun(self, until: int) -> bool:
        """Whether anything is known of any slot up to `until`."""
        if self.first is None:
            return False
        stop = max(0, (until - self.first) // self.slot + 1)
        return any(any(one[:stop]) for one in (self.good, self.bad, self.covered_ms))


@dataclass(kw_only=True)
class PairState:
    """What is remembered of one pair: since when it burns too fast, and the severities that it fires at.

    A page below its minimum of bad events is a ticket; where data is lost in between, neither is forgotten.
    """

    since: int | None = None
    firing: frozenset[Severity] = frozenset()


class Watched:
    """One SLO with its definitions in the order of time, and what is counted for it: raw, and without exclusions."""

    def __init__(self, definitions: Sequence[SLO], exclusions: Sequence[Exclusion], slot: int) -> None:
        self.definitions = tuple(sorted(definitions, key=begins))
        self.slot = slot
        self.exclusions = [each for each in exclusions if self._matches(each)]
        self.histories = {raw: History(slot=slot) for raw in (False, True)}
        self.slices = self.no_slices()
        self.states: dict[object, PairState] = defaultdict(PairState)
        self.lost: Severity | None = None
        self._excluded: dict[int, set[int]] = {}

    def defined(self, end: int) -> SLO | None:
        """The definition that counts in the slot that ends at `end`."""
        begun = [slo for slo in self.definitions if begins(slo) < end]
        return begun[-1] if begun else None

    def counts(self, sli: str, end: int) -> bool:
        """Whether that SLI counts for it in the slot that ends at `end`."""
        slo = self.defined(end)
        return slo is not None and slo.sli == sli

    def in_force(self, now: int) -> SLO:
        """The definition that alerts and figures go by."""
        return self.defined(now) or self.definitions[0]

    def add(self, sli: str, end: int, counts: Counts) -> None:
        """Count what counts for it."""
        if not self.counts(sli, end):
            return
        self.histories[True].add(end, counts)
        if not self.is_excluded(end, self.slot):
            self.histories[False].add(end, counts)

    def no_slices(self) -> dict[tuple[Budgeting, bool], History]:
        """Where the slices of each definition go; raw ones, and those without exclusions."""
        methods = {slo.budgeting for slo in self.definitions if slo.budgeting.method is not Method.OCCURRENCES}
        return {(budgeting, raw): History(slot=MINUTE) for budgeting in methods for raw in (False, True)}

    @property
    def budgetings(self) -> set[Budgeting]:
        """How its definitions judge slices."""
        return {budgeting for budgeting, _ in self.slices}

    def judge_slice(self, budgeting: Budgeting, end: int, *, begun: bool) -> None:
        """Judge the slice that ends at `end`, for the first time or anew."""
        length = in_seconds(budgeting.slice)
        for raw in (False, True):
            slices = self.slices[budgeting, raw]
            counts = self.histories[raw].between(end - length, end)
            counted = begins(self.definitions[0]) < end and (raw or not self.is_excluded(end, length))
            before = slices.between(end - 1, end)
            slices.add(end, negative(before))
            slices.add(end, _judged(counts, budgeting, begun=begun and counted))

    def is_excluded(self, end: int, length: int) -> bool:
        """Whether every second of a slot, or of a slice, is excluded."""
        return end in self._excluded_ends(length)

    def excluded_seconds(self, after: int, until: int, length: int) -> int:
        """How much of (after, until] lies in slots of that length that are excluded."""
        return sum(max(0, min(end, until) - max(end - length, after)) for end in self._excluded_ends(length))

    def _excluded_ends(self, length: int) -> set[int]:
        """The ends of the slots of that length of which every second is excluded."""
        if length not in self._excluded:
            spans = [span for each in self.exclusions for span in occurrences(each, 0, FOREVER)]
            seconds = {second for start, end in spans for second in range(start, end)}
            ends = {second // length * length + length for second in seconds}
            self._excluded[length] = {end for end in ends if all(at in seconds for at in range(end - length, end))}
        return self._excluded[length]

    def _matches(self, exclusion: Exclusion) -> bool:
        newest = self.definitions[-1]
        return matches(exclusion, newest.name, newest.labels)


def _judged(counts: Counts, budgeting: Budgeting, *, begun: bool) -> Counts:
    """What a slice is that holds these counts. `begun` is whether it matters that nothing is known of it."""
    length_ms = in_seconds(budgeting.slice) * 1000
    events = counts.good + counts.bad
    if budgeting.method is Method.RATIO_TIMESLICES:
        if not events:
            return Counts(covered_ms=length_ms if counts.covered_ms else 0)
        bad = round(Fraction(counts.bad, events) * 10**13)
        return Counts(good=10**13 - bad, bad=bad, covered_ms=length_ms)
    if events:
        met = Fraction(counts.good, events) >= budgeting.target
        return Counts(good=int(met), bad=int(not met), covered_ms=length_ms)
    if counts.covered_ms:
        return Counts(good=int(budgeting.no_traffic_good), covered_ms=length_ms)
    if not begun:
        return Counts()
    return Counts(bad=1, covered_ms=length_ms) if budgeting.no_data_bad else Counts(unknown=1)


def begins(slo: SLO) -> int:
    """The whole minute from which on a definition counts."""
    return -(-int(slo.effective_from.timestamp()) // MINUTE) * MINUTE if slo.effective_from else 0


def negative(counts: Counts) -> Counts:
    return Counts(good=-counts.good, bad=-counts.bad, unknown=-counts.unknown, covered_ms=-counts.covered_ms)


def in_seconds(duration: timedelta) -> int:
    return duration // timedelta(seconds=1)
