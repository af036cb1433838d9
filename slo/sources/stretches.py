"""What the rounds of one target tell of its time, in whatever order they come: a function of the set of them.

It is what `slo.sources.checks` makes of rounds in their order. Two observations (good or bad) in a row that are at
most 2.5 intervals apart are one stretch: all is known between them, and what comes within it tells nothing new. So a
target that is watched without a gap is one stretch, however long; an unknown round is one by itself. Between two
stretches the time is known

- whole, where an observation comes at most 2.5 intervals after the round before it;
- else for 2.5 intervals after an observation, or up to the round after it,
- and from the beginning of the slot of the observation after the gap.

A target takes part from the slot of its first round on. It leaves with the slot in which nobody wanted it watched any
more, or an hour after its last round, unless it is heard again within 2.5 intervals.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable
from typing import NamedTuple

SILENT_MS = 3_600_000
"""After so long without a round a target is not missed any more."""

MOST_GONE = 100
"""How often somebody may say that a target is gone, of those times that are remembered."""


class Stretch(NamedTuple):
    """Observations between which all is known, or one unknown round, from a time to another (Unix milliseconds)."""

    begin: int
    end: int
    known: bool


class Stretches:
    """The stretches of one target. `horizon_ms` is how long an observation is good for."""

    def __init__(self, *, horizon_ms: int, slot_ms: int) -> None:
        self.horizon_ms = horizon_ms
        self._slot_ms = slot_ms
        self._all: list[Stretch] = []
        self._gone: list[int] = []

    @property
    def state(self) -> list[object]:
        """What `restore` takes, as JSON has it."""
        return [self._all, self._gone]

    def restore(self, stretches: Iterable[tuple[int, int, bool]], gone: Iterable[int]) -> None:
        """Go on from what was known."""
        self._all, self._gone = [Stretch(*each) for each in stretches], list(gone)

    @property
    def known_until(self) -> int:
        """Up to when anything may be known; 0 without a round."""
        return self._all[-1].end + self.horizon_ms if self._all else 0

    @property
    def leaves(self) -> int:
        """When the target leaves, as far as is known; 0 without a round."""
        return self._leaves(len(self._all) - 1) if self._all else 0

    def gap(self, at: int) -> tuple[int, int | None]:
        """From the round before a time to the one after it: nothing else changes by what happens at that time."""
        following = bisect_right(self._all, at, key=_begin)
        before = self._all[following - 1].end if following else at
        if at < before:
            return at, at
        return before, self._all[following].begin if following < len(self._all) else None

    def add(self, at: int, *, observed: bool) -> None:
        """Take in a round that was complete at a time; `observed` where it was good or bad."""
        place = bisect_right(self._all, at, key=_begin)
        before = self._all[place - 1] if place else None
        if before and at <= before.end:
            if before.known or not observed:
                return
            place -= 1
            del self._all[place]
        self._all.insert(place, Stretch(at, at, observed))
        self._join(place)
        self._join(place - 1)

    def leave(self, at: int) -> None:
        """Nobody wants the target watched any more, since a time."""
        place = bisect_right(self._all, at, key=_begin) - 1
        if place >= 0 and at >= self._all[place].end and at not in self._gone and len(self._gone) < MOST_GONE:
            insort(self._gone, at)

    def covered_ms(self, end: int) -> int | None:
        """How much is known of the slot that ends then; None where the target does not take part in it."""
        begin = end - self._slot_ms
        place = bisect_right(self._all, end, key=_begin) - 1
        if place < 0 or (self._all[place].end <= begin and end > self._slot_end(self._leaves(place))):
            return None
        covered, place = 0, min(place + 1, len(self._all) - 1)  # the one after it may reach back
        while place >= 0:
            since, until = self._known(place)
            covered += max(0, min(until, end) - max(since, begin))
            if self._all[place].begin <= begin:
                break
            place -= 1
        return covered

    def forget(self, oldest: int) -> None:
        """Nobody asks for slots that ended before that time any more."""
        first = bisect_right(self._all, oldest, key=_begin) - 1
        if first > 0:
            del self._all[:first]
            del self._gone[: bisect_left(self._gone, self._all[0].end)]

    def _known(self, place: int) -> tuple[int, int]:
        """What is known by a stretch, from a time to another, without what the one before it knows."""
        this = self._all[place]
        if not this.known:
            return this.begin, this.end
        since = self._slot_end(this.begin) - self._slot_ms
        if place:
            before = self._all[place - 1]
            since = before.end if this.begin - before.end <= self.horizon_ms else max(since, before.end)
            since = min(max(since, self._forward(place - 1)), this.begin)
        return since, self._forward(place)

    def _forward(self, place: int) -> int:
        """Up to when the time after a stretch is known by it."""
        this = self._all[place]
        if not this.known:
            return this.end
        until = min(this.end + self.horizon_ms, self._slot_end(self._leaves(place)))
        return min(until, self._all[place + 1].begin) if place + 1 < len(self._all) else until

    def _leaves(self, place: int) -> int:
        """When the target leaves after a stretch, if it is not heard again before."""
        end = self._all[place].end
        silent = end + max(SILENT_MS, self.horizon_ms)
        gone = bisect_left(self._gone, end)
        following = self._all[place + 1].begin if place + 1 < len(self._all) else None
        if gone == len(self._gone) or (
            following is not None and following <= max(end + self.horizon_ms, self._gone[gone])
        ):
            return silent
        return min(silent, self._gone[gone])

    def _join(self, place: int) -> None:
        """Make one of a stretch and the one that follows it, where they are."""
        if not 0 <= place < len(self._all) - 1:
            return
        this, following = self._all[place : place + 2]
        if this.known and following.known and following.begin - this.end <= self.horizon_ms:
            self._all[place : place + 2] = [Stretch(this.begin, following.end, known=True)]
            del self._gone[bisect_left(self._gone, this.end) : bisect_left(self._gone, following.begin)]

    def _slot_end(self, at: int) -> int:
        return -(-at // self._slot_ms) * self._slot_ms


def _begin(stretch: Stretch) -> int:
    return stretch.begin
