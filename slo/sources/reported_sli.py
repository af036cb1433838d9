"""An SLI of targets of which more may become known later: the mean of what they know of a slot, as it grows."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from slo.core.counts import KNOWN_FOR_INTERVALS, Counts
from slo.core.protocols import Counter
from slo.sources.checks import Fed, Watched
from slo.sources.quorum import Quorum
from slo.sources.stretches import SILENT_MS, Stretches

SUMS_KEPT = 64
"""Of so many of the last slots it is kept what their targets know together: most of what is late is no older."""

SILENT_SECONDS = SILENT_MS / 1000

Sum: TypeAlias = list[int]
"""What the targets of an SLI know of a slot together, in milliseconds, and how many take part in it."""


@dataclass(slots=True, eq=False)
class Track:
    """One target through one latency: its rounds joined, and what they tell of its time."""

    joined: Quorum
    known: Stretches


@dataclass(slots=True, eq=False)
class Target:
    """A target that was heard of, with its tracks by latency; times are Unix seconds.

    `newest` is its last round that was counted since it is there, and `gone` is when somebody said last that nobody
    wants it watched. `heard` is the end of the last slot that was over when it was last heard of.
    """

    watched: Watched
    tracks: dict[float | None, Track] = field(default_factory=dict)
    feeds: tuple["Indicator", ...] = ()
    newest: float = -math.inf
    gone: float = -math.inf
    heard: float = -math.inf

    @property
    def leaves(self) -> float:
        """When it leaves, as far as is known (Unix seconds). A spool that comes late is heard when it comes."""
        if self.gone >= self.newest and self.gone > -math.inf:
            return self.gone
        silent = max(SILENT_SECONDS, self.watched.interval_seconds * KNOWN_FOR_INTERVALS)
        return max(self.newest, self.heard) + silent


@dataclass(slots=True, eq=False)
class Indicator:
    """An SLI. Rounds of slots up to `since` do not count for it, and slots up to `fixed` are not known any better.

    `surplus` is what was given out of slots beyond what is known of them now, in milliseconds.
    """

    fed: Fed
    since: int = 0
    fixed: int = 0
    targets: dict[str, Target] = field(default_factory=dict)
    surplus: dict[int, int] = field(default_factory=dict)
    sums: dict[int, Sum] = field(default_factory=dict)
    before: dict[int, int] = field(default_factory=dict)

    def sum_of(self, end: int) -> Sum:
        """What its targets know of a slot."""
        found = self.sums.get(end)
        if found is None:
            known = [target.tracks[self.fed.latency_seconds].known for target in self.targets.values()]
            covered = [each for stretches in known if (each := stretches.covered_ms(end * 1000)) is not None]
            found = self.sums[end] = [sum(covered), len(covered)]
        return found

    def change(self, end: int, was: int | None, now: int | None) -> None:
        """One of its targets knows something else than before of a slot that is over."""
        cached = end in self.sums
        total = self.sum_of(end)
        more, members = (now or 0) - (was or 0), (now is not None) - (was is not None)
        before = total if cached else [total[0] - more, total[1] - members]
        self.before.setdefault(end, _mean(before))
        if cached:
            self.sums[end] = [total[0] + more, total[1] + members]

    def close(self, ends: Iterable[int], counter: Counter, *, oldest: int) -> bool:
        """Give out what is known of the slots that are over now, and more of those of which more is known.

        Nobody asks for slots up to `oldest` any more. Whether anything was given.
        """
        before, self.before = self.before, {}
        given = [
            self._give(slot, _mean(self.sum_of(slot)) - before.get(slot, 0), counter)
            for slot in sorted({*before, *ends})
        ]
        self.sums = dict(sorted(self.sums.items())[-SUMS_KEPT:])
        self.surplus = {slot: ms for slot, ms in self.surplus.items() if slot > oldest}
        return any(given)

    def fix(self, closed: int) -> None:
        """It is made of other targets from now on: what is known of slots up to `closed` stays as it is."""
        self.fixed = max(self.fixed, closed)
        self.sums.clear()
        self.before.clear()

    def _give(self, slot: int, more_ms: int, counter: Counter) -> bool:
        if slot <= self.fixed:
            return False
        more_ms -= self.surplus.pop(slot, 0)
        if more_ms > 0:
            counter.add(self.fed.sli, slot, Counts(covered_ms=more_ms))
        elif more_ms < 0:
            self.surplus[slot] = -more_ms
        return more_ms != 0


def _mean(total: Sum) -> int:
    covered_ms, members = total
    return covered_ms // members if members else 0
