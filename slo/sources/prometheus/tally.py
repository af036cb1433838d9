"""What a server's samples count over a piece of time: by the rules of scraped counters, as docs/counting.md has them.

What is counted for a piece follows from the samples in it and shortly before it, and from nothing that was read
earlier. So a restart, a repeated question, and a history that is read backwards all come to the same counts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from slo.core.counts import slot_end
from slo.core.deltas import BAD, COVERED_MS, GOOD, UNKNOWN, Block
from slo.core.selector import Selector
from slo.core.sli import CountersSLI, Part
from slo.sources.counters import Counted, CounterSource, Excess
from slo.sources.increments import LARGEST_COUNT, Bools, Floats, Ints
from slo.sources.knowledge import Known, Span, by_slot, cover, horizon_ms
from slo.sources.prometheus.answers import Series

TOTAL, PART = Selector(metric="total", matchers=()), Selector(metric="part", matchers=())
MINUTE_SECONDS = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """The slots in (since, until], both slot ends in Unix seconds."""

    since: int
    until: int

    @property
    def seconds(self) -> int:
        """How long it is."""
        return self.until - self.since


@dataclass(frozen=True, kw_only=True, slots=True)
class Rhythm:
    """The slots of the ledger, and how often there is an observation, in milliseconds."""

    slot_seconds: int
    interval_ms: int

    @property
    def horizon_ms(self) -> int:
        """For how long an observation is good."""
        return horizon_ms(self.interval_ms)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Target:
    """What was scraped together: times (Unix milliseconds), and values of the shape (times, series).

    The first `totals` series count all events, the others those of the part; NaN where a series has no sample. `job`
    and `instance` are its labels.
    """

    times_ms: Ints
    values: Floats
    totals: int
    job: str = ""
    instance: str = ""

    def is_new_since(self, at_ms: int) -> bool:
        """Whether any of its series has no sample up to a time."""
        before = self.values[self.times_ms <= at_ms]
        return bool(np.isnan(before).all(axis=0).any())

    def scraped_at(self, at_ms: int) -> "Target":
        """The same with a scrape before all others, in which none of its series was."""
        nothing = np.full((1, self.values.shape[1]), np.nan)
        return replace(self, times_ms=np.insert(self.times_ms, 0, at_ms), values=np.concatenate([nothing, self.values]))

    def under_one_name(self) -> list["Target"]:
        """The target before and after each time at which all its series were given other labels.

        Then none of them goes on, and the others that are there instead have counted no less: not what a start would
        have left, and nothing that was just counted.
        """
        there = ~np.isnan(self.values)
        before = np.logical_or.accumulate(there, axis=0)[:-1]
        all_new = there[1:].any(axis=1) & there[:-1].any(axis=1) & ~(there[1:] & before).any(axis=1)
        sums = np.nansum(self.values[:, : self.totals], axis=1)
        renamed = np.flatnonzero(all_new & (sums[1:] >= sums[:-1]) & (sums[:-1] > 0)) + 1
        edges = [0, *renamed.tolist(), len(self.times_ms)]
        return [
            replace(self, times_ms=self.times_ms[begin:end], values=self.values[begin:end])
            for begin, end in pairwise(edges)
        ]

    @property
    def observed(self) -> Bools:
        """At which times there is a count of all events."""
        of_total = self.values[:, : self.totals]
        with np.errstate(invalid="ignore"):
            counts: Bools = (of_total >= 0) & (of_total < LARGEST_COUNT)
        return np.logical_or.reduce(counts, axis=1)  # type: ignore[no-any-return]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Tally:
    """The counts of the slots that end at `ends` (Unix seconds, in a row), and what is known of their time.

    `events` has the shape (3, slots): good, bad, unknown. `known` are spans, `dark` the slots of which nothing is known
    all the same. There is knowledge until `reach_ms` (Unix milliseconds) if nothing else is heard; 0 for none at all.
    `observed` says that there was an observation in the piece itself.
    """

    ends: Ints
    events: Ints
    known: Sequence[Span]
    dark: Bools
    reach_ms: int
    observed: bool
    excesses: Sequence[Excess] = ()

    def block(self, name: str, slot_seconds: int, *, lent: Iterable[Span] = ()) -> Block:
        """The counts as a block of the slots that hold any. Time that was `lent` is covered already."""
        alone = np.ones((len(self.ends), 1), np.int64)
        spans = without(self.known, lent)
        covered_ms = by_slot(spans, self.ends * 1000, slot_seconds * 1000, rank=alone - 1, among=alone)[:, 0]
        covered_ms[self.dark] = 0
        counts = np.concatenate([self.events, covered_ms[np.newaxis]])
        held = counts.any(axis=0)
        return Block(ends=self.ends[held], seconds=slot_seconds, names=(name,), counts=counts[:, held, np.newaxis])


def by_minute(block: Block) -> Block:
    """The same counts by the minute, which is how the ledger keeps what is hours old."""
    minutes, places = np.unique(-(-block.ends // MINUTE_SECONDS) * MINUTE_SECONDS, return_inverse=True)
    counts = np.zeros((len(block.counts), len(minutes), len(block.names)), np.int64)
    for place, count in zip(places.tolist(), np.moveaxis(block.counts, 1, 0), strict=True):
        counts[:, place] += count
    return Block(ends=minutes, seconds=MINUTE_SECONDS, names=block.names, counts=counts)


def targets_of(total: Sequence[Series], part: Sequence[Series]) -> list[Target]:
    """The series by the target that they were scraped from: those with the same `job` and `instance`."""
    members: dict[tuple[str, str], tuple[list[Series], list[Series]]] = {}
    for place, series in ((0, total), (1, part)):
        for each in series:
            if len(each.times_ms):
                labels = dict(each.labels)
                members.setdefault((labels.get("job", ""), labels.get("instance", "")), ([], []))[place].append(each)
    return [
        target_of(totals, parts, job=job, instance=instance) for (job, instance), (totals, parts) in members.items()
    ]


def target_of(total: Sequence[Series], part: Sequence[Series], *, job: str = "", instance: str = "") -> Target:
    """Series that were observed together, side by side."""
    series = [*total, *part]
    times_ms = np.unique(np.concatenate([np.zeros(0, np.int64), *(each.times_ms for each in series)]))
    values = np.full((len(times_ms), len(series)), np.nan)
    for column, each in enumerate(series):
        values[np.searchsorted(times_ms, each.times_ms), column] = each.values
    return Target(times_ms=times_ms, values=values, totals=len(total), job=job, instance=instance)


def tally(
    targets: Sequence[Target],
    part_is: Part,
    piece: Piece,
    rhythm: Rhythm,
    *,
    known: Sequence[Span] | None = None,
    unknown: Iterable[Span] = (),
) -> Tally:
    """Count a piece. What the targets showed before it is where their counters begin.

    Where `known` is not given, what is known follows from the observations: an SLI is observed when any of its targets
    is, since a target that has gone cannot be told from one that was not scraped. What is `unknown` is so in any case.
    """
    slot_ms = rhythm.slot_seconds * 1000
    counted = _counted(targets, part_is, piece, rhythm)
    observed = np.unique(np.concatenate([np.zeros(0, np.int64), *(t.times_ms[t.observed] for t in targets)]))
    observed = observed[observed <= piece.until * 1000]
    if known is None:
        known = _known(observed, counted, piece, rhythm)
    earliest = min([piece.since, *(int(block.ends[0]) - rhythm.slot_seconds for _, block in counted.late)])
    if known:
        earliest = min(earliest, slot_end(known[0][0] / 1000, rhythm.slot_seconds) - rhythm.slot_seconds)
    ends = np.arange(earliest + rhythm.slot_seconds, piece.until + 1, rhythm.slot_seconds, dtype=np.int64)
    events = np.zeros((3, len(ends)), np.int64)
    for block in (counted.block, *(block for _, block in counted.late)):
        first = int(block.ends[0] - ends[0]) // rhythm.slot_seconds
        events[:, first : first + len(block.ends)] += block.counts[[GOOD, BAD, UNKNOWN], :, 0]
    dark = events[UNKNOWN] > 0
    for begin, stop in unknown:
        dark |= (ends * 1000 > begin) & (ends * 1000 - slot_ms < stop)
    return Tally(
        ends=ends,
        events=events,
        known=known,
        dark=dark,
        reach_ms=int(observed[-1]) + rhythm.horizon_ms if len(observed) else 0,
        observed=bool(len(observed)) and int(observed[-1]) > piece.since * 1000,
        excesses=counted.excesses,
    )


def _counted(targets: Sequence[Target], part_is: Part, piece: Piece, rhythm: Rhythm) -> Counted:
    """The events of the slots of a piece, and what came late in it."""
    source = CounterSource({"": CountersSLI(total=TOTAL, part=PART, part_is=part_is)}, slot_seconds=rhythm.slot_seconds)
    before: dict[str, tuple[Ints, Floats]] = {}
    within: dict[str, tuple[Ints, Floats]] = {}
    begin = piece.since
    for number, target in enumerate(targets):
        name = str(number)
        parts = target.values.shape[1] - target.totals
        source.begin(name, interval_ms=rhythm.interval_ms).follow(
            {"__name__": selector.metric} for selector in (*[TOTAL] * target.totals, *[PART] * parts)
        )
        split, end = np.searchsorted(target.times_ms, [piece.since * 1000, piece.until * 1000], side="right")
        before[name] = target.times_ms[:split], target.values[:split]
        within[name] = target.times_ms[split:end], target.values[split:end]
        if split:
            begin = min(begin, slot_end(int(target.times_ms[0]) / 1000, rhythm.slot_seconds) - rhythm.slot_seconds)
    if begin < piece.since:
        source.close(_ends(begin, piece.since, rhythm), before)
    return source.close(_ends(piece.since, piece.until, rhythm), within)


def _known(observed: Ints, counted: Counted, piece: Piece, rhythm: Rhythm) -> list[Span]:
    """What observations say about the time of a piece, and about a gap before them."""
    slot_ms, begin_ms = rhythm.slot_seconds * 1000, piece.since * 1000
    bridging = {end for end, block in counted.late if block.counts[COVERED_MS].any()}
    _, spans, late = cover(
        Known(),
        [(at, slot_end(at / 1000, rhythm.slot_seconds) in bridging) for at in observed.tolist()],
        since_ms=0,
        until_ms=piece.until * 1000,
        horizon_ms=rhythm.horizon_ms,
        slot_ms=slot_ms,
    )
    clipped = [(max(begin, begin_ms), stop) for begin, stop in spans if stop > begin_ms]
    return merged([*clipped, *(span for at, span in late if at > begin_ms)])


def _ends(since: int, until: int, rhythm: Rhythm) -> Ints:
    return np.arange(since + rhythm.slot_seconds, until + 1, rhythm.slot_seconds, dtype=np.int64)


def merged(spans: Iterable[Span]) -> list[Span]:
    """The same time as spans that follow one another and do not touch."""
    result: list[Span] = []
    for begin, stop in sorted(spans):
        if result and begin <= result[-1][1]:
            result[-1] = (result[-1][0], max(stop, result[-1][1]))
        elif begin < stop:
            result.append((begin, stop))
    return result


def without(spans: Sequence[Span], taken: Iterable[Span]) -> list[Span]:
    """What is left of spans when others are taken from them."""
    left = list(spans)
    for begin, stop in taken:
        left = [
            piece
            for old in left
            for piece in ((old[0], min(old[1], begin)), (max(old[0], stop), old[1]))
            if piece[0] < piece[1]
        ]
    return left
