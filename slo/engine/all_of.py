"""SLIs of which each member is needed: one event a slot, which is bad if the slot is bad for any of them.

It is judged when the slot closes and is kept on disk as it was: what a slot was for several members at once cannot be
told from minutes, and what arrives late changes it no more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from slo.core.deltas import BAD, COVERED_MS, GOOD, UNKNOWN
from slo.engine.columns import Column
from slo.engine.rings import Bools, Ints, Ring


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """What a member is in the slots whose end is in (after, until], in Unix seconds; None is without limit.

    `sli` is what is counted for it, and `error_budget` the share of its events in a slot that may be bad. For
    `known_for_seconds` after its last events it is as it was then, as long as its time is covered.
    """

    sli: str
    error_budget: Fraction
    known_for_seconds: int
    after: int | None = None
    until: int | None = None

    def counts_in(self, end: int) -> bool:
        """Whether this is what it is in the slot that ends at `end`."""
        return (self.after is None or end > self.after) and (self.until is None or end <= self.until)


@dataclass(frozen=True, kw_only=True, slots=True)
class AllOfSLI:
    """The SLI `name` with its members: for each, what it is one after the other, as its definitions change."""

    name: str
    members: tuple[tuple[Member, ...], ...]


class AllOfSLIs:
    """All of these SLIs of a ledger; `column` gives the places of its columns."""

    def __init__(self, slis: Sequence[AllOfSLI], column: Mapping[Column, int], *, slot_seconds: int) -> None:
        self._slis = tuple(slis)
        self._columns = np.array([column[sli.name] for sli in slis], np.int64)
        self._starts = np.cumsum([0] + [len(sli.members) for sli in slis[:-1]])
        self._column = column
        self._slot_seconds = slot_seconds
        versions = [version for sli in slis for of_one in sli.members for version in of_one]
        self._changes = {at for version in versions for at in (version.after, version.until) if at is not None}
        self._needed: _Needed | None = None

    def __bool__(self) -> bool:
        return bool(self._slis)

    def count(self, end: int, counts: Ints, ring: Ring) -> None:
        """Judge the slot that ends at `end` and put it among its `counts`, (4, SLIs); the ring is before that slot.

        Where none of the members has anything, nothing is said. What is there already was judged before a restart.
        """
        needed = self._needed_at(end)
        failed, known = needed.judged(end, counts, ring, self._slot_seconds)
        said = needed.is_member & counts[:, needed.columns].any(axis=0)
        bad = np.logical_or.reduceat(failed & known, self._starts)
        blank = ~bad & np.logical_or.reduceat(~known, self._starts)
        fresh = np.logical_or.reduceat(said, self._starts) & ~counts[:, self._columns].any(axis=0)
        counts[GOOD, self._columns] += fresh & ~bad & ~blank
        counts[BAD, self._columns] += fresh & bad
        counts[UNKNOWN, self._columns] += fresh & blank
        counts[COVERED_MS, self._columns] += (fresh & ~blank) * (self._slot_seconds * 1000)

    def _needed_at(self, end: int) -> "_Needed":
        if self._needed is None or not self._needed.after < end <= self._needed.until:
            needed = [of_one for sli in self._slis for of_one in sli.members]
            after = max((at for at in self._changes if at < end), default=0)
            until = min((at for at in self._changes if at >= end), default=np.iinfo(np.int64).max)
            self._needed = _Needed(needed, self._column, after=after, until=int(until))
        return self._needed


class _Needed:
    """The members of all SLIs in the slots whose end is in (after, until], as arrays."""

    def __init__(
        self, members: Sequence[Sequence[Member]], column: Mapping[Column, int], *, after: int, until: int
    ) -> None:
        self.after, self.until = after, until
        now = [next((m for m in of_one if m.counts_in(until)), None) for of_one in members]
        shown = [member or of_one[0] for member, of_one in zip(now, members, strict=True)]
        self.is_member = np.array([member is not None for member in now], np.bool_)
        self.columns = np.array([column[member.sli] for member in shown], np.int64)
        self._allowed = np.array([member.error_budget.numerator for member in shown], np.int64)
        self._of = np.array([member.error_budget.denominator for member in shown], np.int64)
        self._known_for = np.array([member.known_for_seconds for member in shown], np.int64)

    def judged(self, end: int, counts: Ints, ring: Ring, slot_seconds: int) -> tuple[Bools, Bools]:
        """Which members have failed in the slot that ends at `end`, and of which it is known."""
        good, bad = counts[GOOD, self.columns], counts[BAD, self.columns]
        known = (good + bad > 0) & self.is_member
        failed = bad * self._of > self._allowed * (good + bad)
        idle = np.flatnonzero(~known & self.is_member & (counts[COVERED_MS, self.columns] > 0))
        back = min(int(self._known_for[idle].max(initial=0)) // slot_seconds, ring.rows - 1)
        if back:
            ends = end - slot_seconds * np.arange(1, back + 1, dtype=np.int64)
            good, bad, *_ = ring.between(ends - slot_seconds, ends, self.columns[idle])
            eventful = (good + bad > 0) & (end - ends[:, np.newaxis] <= self._known_for[idle])
            last, some = eventful.argmax(axis=0), np.arange(len(idle))
            good, bad = good[last, some], bad[last, some]
            known[idle] = eventful.any(axis=0)
            failed[idle] = bad * self._of[idle] > self._allowed[idle] * (good + bad)
        return failed, known
