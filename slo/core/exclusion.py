"""Exclusions: time that counts for nothing, such as maintenance, and which whole slots it covers.

An exclusion leaves both the good and the bad of its time out of every figure. It says who asked for it and why, and may
be made afterwards. What is covered is rounded inward: a slot counts as long as a second of it lies outside.
"""

import bisect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter

from slo.core.recurrence import Recurrence


@dataclass(frozen=True, kw_only=True, slots=True)
class Once:
    """A single interval; both times have a zone and are whole seconds. Raises ValueError that says the mend."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        for name, at in (("start", self.start), ("end", self.end)):
            if at.tzinfo is None:
                raise ValueError(f"{name} has no offset; write it with one, such as Z for UTC")
            if at.microsecond:
                raise ValueError(f"{name} cannot be {at}; write whole seconds")
        if self.end <= self.start:
            raise ValueError(f"end is not after start; write a time after {self.start}")

    @property
    def over_by_seconds(self) -> int:
        """When it is over, in Unix seconds."""
        return int(self.end.timestamp())

    def occurrences(self, begin_seconds: int, end_seconds: int) -> Iterator[tuple[int, int]]:
        """Its start and end in Unix seconds, where it has a part in (begin, end]."""
        start, end = int(self.start.timestamp()), int(self.end.timestamp())
        if begin_seconds < end and start < end_seconds:
            yield start, end


@dataclass(frozen=True, kw_only=True, slots=True)
class Exclusion:
    """When what is excluded, who said so (`author`) and why.

    `created_at` is when it was said, with a zone; None where it stands in the configuration. It is for the SLOs named
    in `slos`, or all where none is named, as far as they have all of `labels`. With `silence`, nobody is told of their
    alerts either while it is in force. Raises ValueError that says the mend.
    """

    name: str
    reason: str
    author: str
    created_at: datetime | None
    when: Once | Recurrence
    slos: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    silence: bool = False

    def __post_init__(self) -> None:
        for name, value, mend in (
            ("name", self.name, "what people may call it by"),
            ("reason", self.reason, "why this time does not count"),
            ("author", self.author, "who says so"),
        ):
            if not value.strip():
                raise ValueError(f"{name} is empty; write {mend}")
        if self.created_at is not None and self.created_at.tzinfo is None:
            raise ValueError("created_at has no offset; write it with one, such as Z for UTC")
        if self.silence and self.when.over_by_seconds is None:
            raise ValueError("silence is without an end; write until, so that it ends some day")


def matches(exclusion: Exclusion, slo_name: str, labels: Mapping[str, str]) -> bool:
    """Whether the exclusion is for an SLO of that name with those labels."""
    named = not exclusion.slos or slo_name in exclusion.slos
    return named and all(labels.get(label) == value for label, value in exclusion.labels.items())


def occurrences(exclusion: Exclusion, begin_seconds: int, end_seconds: int) -> Iterator[tuple[int, int]]:
    """The intervals of an exclusion that have a part in (begin, end], whole, as starts and ends in Unix seconds.

    Those that began before `begin_seconds` are among them. Two may overlap.
    """
    return exclusion.when.occurrences(begin_seconds, end_seconds)


def excluded_spans(
    exclusions: Iterable[Exclusion], begin_seconds: int, end_seconds: int, *, unit_seconds: int
) -> tuple[tuple[int, int], ...]:
    """The whole slots of (begin, end] that all these exclusions cover together, as (start, end] in Unix seconds.

    The spans ascend and do not touch. Slots are `unit_seconds` long and aligned to the epoch. First what overlaps or
    touches is merged, and only then are the ends rounded inward: two exclusions that meet within a slot cover it.
    """
    intervals = sorted(
        interval for exclusion in exclusions for interval in occurrences(exclusion, begin_seconds, end_seconds)
    )
    spans = []
    for start, end in _merged(intervals):
        first = -(-max(start, begin_seconds) // unit_seconds) * unit_seconds
        last = min(end, end_seconds) // unit_seconds * unit_seconds
        if first < last:
            spans.append((first, last))
    return tuple(spans)


def _merged(intervals: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sorted intervals, with those in one that overlap or touch."""
    merged: list[tuple[int, int]] = []
    for start, end in intervals:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def excluded_seconds(spans: Sequence[tuple[int, int]], start_seconds: int, end_seconds: int) -> int:
    """How many seconds of (start, end] lie in spans as `excluded_spans` gives them."""
    first = bisect.bisect_right(spans, start_seconds, key=itemgetter(1))
    last = bisect.bisect_left(spans, end_seconds, key=itemgetter(0))
    within = spans[first:last]
    return sum(min(end, end_seconds) - max(start, start_seconds) for start, end in within)
