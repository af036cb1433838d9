"""Columns of slices: spans of whole minutes that are good or bad as a whole, or that spend their error ratio.

A slice is judged when it ends, and once more when something arrives late for one that the ring of slots still has.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from slo.core.budgeting import Method
from slo.core.deltas import BAD, COVERED_MS, GOOD, UNKNOWN
from slo.engine.columns import Column, Sliced
from slo.engine.rings import Bools, Ints, Ring

RATIO_UNIT = 10**13
"""What an error ratio of 1 is, in whole numbers: the mean of slices is exact to 1e-13, and 90 days of minutes fit."""

HOUR_SECONDS = 3600
"""Slices divide an hour."""


class SliceGroup:
    """Columns of slices that are judged alike: one array operation serves them all.

    `columns` are their places in the ledger, `sources` those of the columns that they are slices of. `_roots` are the
    SLIs that are counted in these, those of column i from `_roots_from[i]` on.
    """

    def __init__(self, members: Sequence[Sliced], column: Mapping[Column, int]) -> None:
        self.seconds = members[0].seconds
        self.columns = np.array([column[member] for member in members], np.int64)
        self.sources = np.array([column[member.source] for member in members], np.int64)
        self._budgeting = members[0].budgeting
        self._extent = members[0].extent
        self._roots = np.array([column[sli] for member in members for sli in member.slis], np.int64)
        self._roots_from = np.cumsum([0] + [len(member.slis) for member in members[:-1]])

    def begun(self, known: Bools) -> Bools:
        """Of which columns anything is known, from the SLIs (last axis) of which anything is known."""
        return np.asarray(np.logical_or.reduceat(known[..., self._roots], self._roots_from, axis=-1))

    def judged(self, ends: Ints, sums: Ints, begun: Bools) -> Ints:
        """The counts of slices, (4, slices, columns), from the sums of their slots.

        A slice without knowledge is bad or unknown only where the SLI had `begun`, and where some of it counts at all.
        """
        good, bad, covered_ms = sums[GOOD], sums[BAD], sums[COVERED_MS]
        total = good + bad
        eventful = total > 0
        idle = ~eventful & (covered_ms > 0)
        counted = np.asarray(self._extent.counted(ends, self.seconds).any(axis=0))[:, np.newaxis]
        blank = ~eventful & ~idle & counted & begun
        judged = np.zeros_like(sums)
        if self._budgeting.method is Method.RATIO_TIMESLICES:
            spent = np.rint(bad / np.maximum(total, 1) * RATIO_UNIT).astype(np.int64)
            judged[BAD] = np.where(eventful, spent, 0)
            judged[GOOD] = np.where(eventful, RATIO_UNIT - spent, 0)
            known = eventful | idle
        else:
            target = self._budgeting.target
            met = good * target.denominator >= target.numerator * total
            judged[BAD] = (eventful & ~met) | (blank & self._budgeting.no_data_bad)
            judged[GOOD] = (eventful & met) | (idle & self._budgeting.no_traffic_good)
            judged[UNKNOWN] = blank & (not self._budgeting.no_data_bad)
            known = eventful | idle | (blank & self._budgeting.no_data_bad)
        judged[COVERED_MS] = known * (self.seconds * 1000)
        return judged


class Slices:
    """Every column of slices of a ledger; `column` gives the places of all its columns."""

    def __init__(self, sliced: Sequence[Sliced], column: Mapping[Column, int]) -> None:
        alike: dict[object, list[Sliced]] = defaultdict(list)
        for one in sliced:
            alike[one.budgeting, one.extent].append(one)
        self.groups = [SliceGroup(members, column) for members in alike.values()]
        self._lengths = {group.seconds for group in self.groups}
        self.longest_seconds = max(self._lengths, default=0)
        self._of_source: dict[int, list[tuple[SliceGroup, int]]] = defaultdict(list)
        for group in self.groups:
            for member, source in enumerate(group.sources.tolist()):
                self._of_source[source].append((group, member))

    def __bool__(self) -> bool:
        return bool(self.groups)

    def ends(self, after: int, upto: int) -> Iterator[int]:
        """Where slices end in (after, upto], ascending."""
        at = after
        while self._lengths and (at := min((at // length + 1) * length for length in self._lengths)) <= upto:
            yield at

    def ended(self, end: int, ring: Ring, totals: Ints) -> Iterator[tuple[Ints, Ints]]:
        """The slices that end at `end`, when the totals are at it and the ring is before it: columns, (4, columns)."""
        for group in self.groups:
            if end % group.seconds:
                continue
            sums = np.stack(ring.since(end - group.seconds, totals, group.sources))[:, np.newaxis]
            begun = group.begun(known_in(totals))[np.newaxis]
            yield group.columns, group.judged(np.array([end], np.int64), sums, begun)[:, 0]

    def judged_anew(
        self, ends: Ints, columns: Ints, counts: Ints, ring: Ring, totals: Ints
    ) -> Iterator[tuple[Ints, Ints, Ints]]:
        """What changes of slices by counts (4, slots, columns) that come late: ends, columns, (4, slices, columns).

        To be asked before the late counts are added. Slices that the ring does not have any more stay as they are.
        """
        touched: dict[SliceGroup, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
        for place, source in enumerate(columns.tolist()):
            for group, member in self._of_source.get(source, ()):
                places, members = touched[group]
                places.append(place)
                members.append(member)
        for group, (places, members) in touched.items():
            slices = -(-ends // group.seconds) * group.seconds
            last, first = ring.filled * ring.step, (ring.filled - ring.rows + 1) * ring.step
            within = (slices <= last) & (slices - group.seconds >= first)
            if not within.any():
                continue
            ended, of_slice = np.unique(slices[within], return_inverse=True)
            chosen = np.array(members, np.int64)
            before = ring.between(ended - group.seconds, ended, group.sources[chosen])
            after = before.copy()
            for place, number in enumerate(of_slice.tolist()):
                after[:, number] += counts[:, within][:, place, places]
            begun = np.broadcast_to(group.begun(known_in(totals))[chosen], before.shape[1:])
            change = group.judged(ended, after, begun) - group.judged(ended, before, begun)
            if change.any():
                yield ended, group.columns[chosen], change


def known_in(counts: Ints) -> Bools:
    """Where there are events or covered time; the first axis is gone."""
    return np.asarray((counts[[GOOD, BAD, COVERED_MS]] > 0).any(axis=0))
