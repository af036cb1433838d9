"""SLIs that several targets feed: what each knows of a slot becomes what is known of the SLI.

Events add up. Of a slot an SLI knows as much as its targets do on average: where one of ten says nothing, a tenth of
the slot is unknown. A target takes part from the slot of its first round on, good, bad or unknown, and up to the slot
in which it is taken away. So who takes part in a slot is certain when it closes, and only then its mean is given out;
what becomes known of it later is added as the mean grows, in whole milliseconds that add up to the same.
"""

from bisect import bisect_right
from collections import Counter as Tally

from slo.core.counts import Counts
from slo.core.protocols import Counter


class Shared:
    """One SLI of several targets. It is the `Counter` of each of them; slots up to `closed` (Unix seconds) are over."""

    def __init__(self, counter: Counter, *, slot_seconds: int, closed: int) -> None:
        self._counter = counter
        self._slot_seconds = slot_seconds
        self.closed = closed
        self._horizon_seconds = 0.0
        self._sums: dict[int, int] = {}
        # From which slot on how many targets take part; of slots that are not over, how many come and leave.
        self._since: list[int] = []
        self._members: list[int] = []
        self._coming: Tally[int] = Tally()
        self._leaving: Tally[int] = Tally()

    def join(self, slot_end: int, *, horizon_seconds: float) -> None:
        """One target more takes part, from that slot on if it is not over yet.

        Of time that is longer ago than its horizon it says nothing.
        """
        self._coming[max(slot_end, self.closed + self._slot_seconds)] += 1
        self._horizon_seconds = max(self._horizon_seconds, horizon_seconds)

    def leave(self, slot_end: int) -> None:
        """One target takes part in that slot for the last time."""
        self._leaving[slot_end] += 1

    def add(self, sli: str, slot_end: int, counts: Counts) -> None:
        """What one target counted in a slot, and how much it knows of it."""
        if counts.total or counts.unknown:
            self._counter.add(sli, slot_end, Counts(good=counts.good, bad=counts.bad, unknown=counts.unknown))
        if counts.covered_ms:
            before = self._mean(slot_end)
            self._sums[slot_end] = self._sums.get(slot_end, 0) + counts.covered_ms
            if slot_end <= self.closed:
                self._give(sli, slot_end, self._mean(slot_end) - before)

    def close(self, sli: str, end: int) -> None:
        """Give out what is known of the slots up to `end`."""
        opened, self.closed = self.closed, max(self.closed, end)
        for slot_end in sorted({slot for slot in {*self._coming, *self._leaving} if slot <= end}):
            members = (self._members[-1] if self._members else 0) + self._coming.pop(slot_end, 0)
            self._level(slot_end, members)
            if leaving := self._leaving.pop(slot_end, 0):
                self._level(slot_end + self._slot_seconds, members - leaving)
        for slot_end in [slot for slot in self._sums if opened < slot <= end]:
            self._give(sli, slot_end, self._mean(slot_end))
        self._forget(end - self._horizon_seconds - self._slot_seconds)

    def _level(self, slot_end: int, members: int) -> None:
        if self._since and self._since[-1] == slot_end:
            self._members[-1] = members
        else:
            self._since.append(slot_end)
            self._members.append(members)

    def _mean(self, slot_end: int) -> int:
        """Of how many milliseconds of a slot its targets know on average, rounded down; 0 where none takes part."""
        index = bisect_right(self._since, slot_end) - 1
        members = self._members[index] if index >= 0 else 0
        return min(self._sums.get(slot_end, 0) // members, self._slot_seconds * 1000) if members > 0 else 0

    def _give(self, sli: str, slot_end: int, covered_ms: int) -> None:
        if covered_ms > 0:
            self._counter.add(sli, slot_end, Counts(covered_ms=covered_ms))

    def _forget(self, oldest: float) -> None:
        """Nothing comes for slots that ended before `oldest` any more."""
        for slot_end in [slot for slot in self._sums if slot < oldest]:
            del self._sums[slot_end]
        old = bisect_right(self._since, oldest) - 1
        if old > 0:
            del self._since[:old], self._members[:old]
