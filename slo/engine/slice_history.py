"""The slices of a history that comes hour by hour: judged as soon as they are whole, so that only an hour is held."""

from collections.abc import Iterator

import numpy as np

from slo.engine.rings import Bools, Ints
from slo.engine.slices import SliceGroup, known_in

MOST_SLICES = 2048
"""How many slices are judged at once."""


class SliceHistory:
    """The slices of one group that end in (since, now], in Unix seconds."""

    def __init__(self, group: SliceGroup, *, since: int, now: int) -> None:
        self.columns = group.columns
        self._group = group
        self._first = self._settled = since // group.seconds * group.seconds
        self._last = now // group.seconds * group.seconds
        self._open: dict[int, tuple[Ints, Bools]] = {}
        self._begun = np.zeros(len(group.columns), np.bool_)
        self._begun_at = np.full(len(group.columns), self._last + group.seconds)

    def add(self, ends: Ints, counts: Ints) -> None:
        """Take in slots: counts of the shape (4, slots, columns). Raises ValueError for what is settled already."""
        group, known = self._group, known_in(counts)
        slices = -(-ends // group.seconds) * group.seconds
        for end in np.unique(slices[slices > self._first]).tolist():
            if end <= self._settled:
                raise ValueError("history with slices must come in the order of its hours")
            slots = slices == end
            nothing = np.zeros((4, len(group.columns)), np.int64), np.zeros(len(group.columns), np.bool_)
            sums, begun = self._open.setdefault(end, nothing)
            sums += counts[:, slots][:, :, group.sources].sum(axis=1)
            begun |= group.begun(known[slots].any(axis=0))

    def settled(self, upto: int) -> Iterator[tuple[Ints, Ints]]:
        """The slices that end by `upto` and were not given yet: ends, counts of the shape (4, slices, columns)."""
        group, last = self._group, min(upto // self._group.seconds * self._group.seconds, self._last)
        while self._settled < last:
            until = min(last, self._settled + MOST_SLICES * group.seconds)
            ends = np.arange(self._settled + group.seconds, until + 1, group.seconds, dtype=np.int64)
            sums = np.zeros((4, len(ends), len(group.columns)), np.int64)
            begun = np.zeros(sums.shape[1:], np.bool_)
            for place, end in enumerate(ends.tolist()):
                if end in self._open:
                    sums[:, place], begun[place] = self._open.pop(end)
            begun[0] |= self._begun
            begun = np.logical_or.accumulate(begun, axis=0)
            fresh = begun[-1] & ~self._begun
            self._begun_at[fresh] = ends[begun.argmax(axis=0)][fresh]
            self._begun, self._settled = begun[-1], until
            yield ends, group.judged(ends, sums, begun)

    def before(self, known: Bools) -> Iterator[tuple[Ints, Ints]]:
        """The slices before the first knowledge in this history, of SLIs of which something was `known` before it.

        Ends and counts as above. To be asked when everything is settled.
        """
        group = self._group
        begun = group.begun(known)
        until = int(self._begun_at[begun].max(initial=0))
        for begin in range(self._first, until - group.seconds, MOST_SLICES * group.seconds):
            stop = min(until, begin + (MOST_SLICES + 1) * group.seconds)
            ends = np.arange(begin + group.seconds, stop, group.seconds, dtype=np.int64)
            blank = begun & (ends[:, np.newaxis] < self._begun_at)
            counts = group.judged(ends, np.zeros((4, *blank.shape), np.int64), blank)
            yield ends, counts
