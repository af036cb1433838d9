"""The counting half of the oracle: from recorded samples to the counts of every slot, as docs/counting.md says it.

Written from the specification alone, sample by sample in whole numbers; it shares no code with what it judges. Times
are Unix milliseconds; a slot is named by its end.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, NamedTuple

LARGEST_COUNT = 2**53
MINUTE = 60_000


@dataclass(frozen=True, kw_only=True)
class Series:
    """One recorded series: its labels, `__name__` among them, and (time, value) in order of time."""

    labels: Mapping[str, str]
    samples: Sequence[tuple[int, float]]


@dataclass(frozen=True, kw_only=True)
class Matching:
    """The series of a metric whose labels match regular expressions as a whole; a missing label is empty."""

    metric: str
    labels: Mapping[str, str] = field(default_factory=dict)

    def accepts(self, series: Series) -> bool:
        return series.labels["__name__"] == self.metric and all(
            re.fullmatch(pattern, series.labels.get(label, "")) for label, pattern in self.labels.items()
        )

    def __str__(self) -> str:
        matchers = ",".join(f'{label}=~"{pattern}"' for label, pattern in self.labels.items())
        return f"{self.metric}{{{matchers}}}" if matchers else self.metric


@dataclass(frozen=True, kw_only=True)
class Indicator:
    """What is counted: all events, and those that are bad, or good."""

    total: Matching
    part: Matching
    part_is: Literal["bad", "good"] = "bad"


class Entry(NamedTuple):
    """Something that becomes known of `slot` when the slot `arrives` closes, to be added to what was known before."""

    arrives: int
    slot: int
    good: int = 0
    bad: int = 0
    unknown: int = 0
    covered: int = 0


@dataclass(frozen=True, kw_only=True)
class Target:
    """One endpoint: when it answered, and for how long after a scrape its state counts as known.

    One that `stays` is there for ever; others leave a horizon after their last scrape.
    """

    series: Sequence[Series]
    scrapes: Sequence[int]
    horizon: int
    stays: bool = False

    def is_there(self, slot_begins: int) -> bool:
        return self.stays or slot_begins < self.scrapes[-1] + self.horizon

    def is_behind_gap(self, index: int) -> bool:
        return index > 0 and self.scrapes[index] - self.scrapes[index - 1] > self.horizon


class Seen(NamedTuple):
    """What one scrape of a target says of an SLI."""

    total: int
    part: int
    observed: bool
    reset: bool


def targets_of(recording: Sequence[Series]) -> list[Target]:
    """The targets of a recording in order of their first appearance; those that never answered are left out."""
    by_name: dict[tuple[str, str], list[Series]] = {}
    for series in recording:
        name = (series.labels.get("job", ""), series.labels.get("instance", ""))
        by_name.setdefault(name, []).append(series)
    found = []
    for members in by_name.values():
        times = {at for series in members for at, _ in series.samples}
        for series in members:
            if series.labels["__name__"] == "up":
                times -= {at for at, value in series.samples if value == 0}
        if times:
            scrapes = sorted(times)
            found.append(Target(series=members, scrapes=scrapes, horizon=5 * _interval(scrapes) // 2))
    return found


def _interval(scrapes: Sequence[int]) -> int:
    distances = sorted(later - earlier for earlier, later in pairwise(scrapes))
    if not distances:
        return MINUTE
    return (distances[(len(distances) - 1) // 2] + distances[len(distances) // 2]) // 2


def entries_of(
    targets: Sequence[Target], indicator: Indicator, slot: int, stops: Sequence[tuple[int, int]] = ()
) -> list[Entry]:
    """Everything that becomes known of an SLI, in order of when it does.

    What would have become known while the engine did not run, after the first and up to the second time of one of the
    `stops`, becomes known with the first slot that closes afterwards.
    """
    totals: dict[int, int] = defaultdict(int)
    parts: dict[int, int] = defaultdict(int)
    observing: set[int] = set()
    entries: list[Entry] = []
    sightings = [list(_scrapes_of(target, indicator)) for target in targets]
    for target, seen_by_scrape in zip(targets, sightings, strict=True):
        for index, (at, seen) in enumerate(zip(target.scrapes, seen_by_scrape, strict=True)):
            closes = slot_of(at, slot)
            if target.is_behind_gap(index):
                after = slot_of(target.scrapes[index - 1], slot) + slot
                gap = range(min(after, closes), closes + slot, slot)
                entries += _spread(min(seen.part, seen.total), seen.total, indicator, gap)
                parts[closes] += max(seen.part - seen.total, 0)
            else:
                totals[closes] += seen.total
                parts[closes] += seen.part
                if seen.observed:
                    observing.add(closes)
    observing |= {closes for closes, part in parts.items() if part}
    unknown: set[int] = set()
    carry = 0
    for closes in sorted(observing):
        total, part = totals[closes], parts[closes] + carry
        if part <= total or not carry:
            carry = max(part - total, 0)
            entries.append(_events(closes, closes, min(part, total), total, indicator))
        else:
            entries.append(Entry(closes, closes, unknown=part))
            unknown.add(closes)
            carry = 0
    entries += _covered(targets, sightings, slot, unknown)
    return sorted(entry._replace(arrives=_awake(entry.arrives, slot, stops)) for entry in entries if any(entry[2:]))


def _awake(arrives: int, slot: int, stops: Sequence[tuple[int, int]]) -> int:
    return next((start + slot for stop, start in stops if stop < arrives <= start), arrives)


def _scrapes_of(target: Target, indicator: Indicator) -> Iterator[Seen]:
    """What each scrape of a target says: increments, whether the total was there, whether anything was reset."""
    relevant = [
        (indicator.total.accepts(series), indicator.part.accepts(series), dict(series.samples))
        for series in target.series
        if indicator.total.accepts(series) or indicator.part.accepts(series)
    ]
    last: dict[int, int] = {}
    for index, at in enumerate(target.scrapes):
        total = part = 0
        observed = reset = False
        for key, (is_total, is_part, samples) in enumerate(relevant):
            value = _count(samples.get(at))
            if value is None:
                continue
            if key not in last:
                increment = value if index else 0
            elif value < last[key]:
                increment = value
                reset = True
            else:
                increment = value - last[key]
            last[key] = value
            total += increment if is_total else 0
            part += increment if is_part else 0
            observed = observed or is_total
        yield Seen(total, part, observed, reset)


def _count(value: float | None) -> int | None:
    """The count that a sample holds; None where it is missing or none: NaN, infinite, negative, beyond 2^53."""
    return int(value) if value is not None and 0 <= value <= LARGEST_COUNT else None


def _events(arrives: int, closes: int, part: int, total: int, indicator: Indicator) -> Entry:
    rest = total - part
    bad, good = (part, rest) if indicator.part_is == "bad" else (rest, part)
    return Entry(arrives, closes, good=good, bad=bad)


def _spread(part: int, total: int, indicator: Indicator, gap: Sequence[int]) -> Iterator[Entry]:
    """Events spread evenly over the slots of a gap, good ones and bad ones each by themselves."""
    whole = _events(gap[-1], gap[-1], part, total, indicator)
    for k, closes in enumerate(gap):
        yield Entry(gap[-1], closes, good=_share(whole.good, k, len(gap)), bad=_share(whole.bad, k, len(gap)))


def _share(whole: int, rank: int, among: int) -> int:
    """What the one of this rank, from 0, gets of a number that is dealt out evenly in whole pieces."""
    return whole * (rank + 1) // among - whole * rank // among


def _covered(
    targets: Sequence[Target], sightings: Sequence[Sequence[Seen]], slot: int, unknown: set[int]
) -> Iterator[Entry]:
    """The covered time of every slot: of the milliseconds that each target covers those that are its turn."""
    present: list[tuple[int, Target, list[tuple[int, int, int, int]]]] = []
    for target, seen in zip(targets, sightings, strict=True):
        first = next((at for at, what in zip(target.scrapes, seen, strict=True) if what.observed), None)
        if first is not None:
            pieces = [
                (arrives or closes, closes, earlier, later)
                for begin, end, arrives in _spans(target, seen, slot)
                for closes, earlier, later in _cut(begin, end, slot)
                if arrives or closes not in unknown
            ]
            present.append((slot_of(first, slot), target, pieces))
    for index, (_, _, pieces) in enumerate(present):
        for arrives, closes, begin, end in pieces:
            here = [
                other
                for other, (first, target, _) in enumerate(present)
                if first <= closes and target.is_there(closes - slot)
            ]
            milliseconds = range(begin, end)[(here.index(index) - begin) % len(here) :: len(here)]
            yield Entry(arrives, closes, covered=len(milliseconds))


def _spans(target: Target, seen: Sequence[Seen], slot: int) -> Iterator[tuple[int, int, int | None]]:
    """The spans (begin, end] that a target covers, with the slot at whose close a late one becomes known."""
    previous: int | None = None
    for index, (at, what) in enumerate(zip(target.scrapes, seen, strict=True)):
        if not what.observed:
            continue
        begins = slot_of(at, slot) - slot
        if previous is None:
            yield begins, at, None
        elif at - previous <= target.horizon:
            yield previous, at, None
        else:
            yield previous, previous + target.horizon, None
            if target.scrapes[index - 1] == previous and not what.reset:
                yield previous + target.horizon, at, slot_of(at, slot)
            else:
                yield max(begins, previous + target.horizon), at, None
        previous = at
    if previous is not None:
        yield previous, previous + target.horizon, None


def _cut(begin: int, end: int, slot: int) -> Iterator[tuple[int, int, int]]:
    """The span (begin, end] cut into slots: each slot's end, and the numbers of the milliseconds in it, from 0."""
    while begin < end:
        closes = slot_of(begin + 1, slot)
        opens = closes - slot
        yield closes, begin - opens, min(end, closes) - opens
        begin = min(end, closes)


def slot_of(at: int, slot: int) -> int:
    """The end of the slot that holds `at`."""
    return -(-at // slot) * slot
