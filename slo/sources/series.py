"""Which series of a target count for which SLI, and what they add up to."""

from collections.abc import Iterable

import numpy as np

from slo.sources.increments import Bools, Ints
from slo.sources.selection import Labels, Selection


class Members:
    """The series of one target, by column, as members of the totals and the parts of SLIs.

    `selection` holds the selectors of each SLI, as `selection_of` puts them.
    """

    def __init__(self, selection: Selection) -> None:
        self.labels: list[Labels] = []
        self.selection = selection
        self._members: list[list[int]] = [[] for _ in selection.selectors]
        self._lay_out()

    @property
    def series(self) -> int:
        """How many columns there are."""
        return len(self.labels)

    def follow(self, series: Iterable[Labels]) -> None:
        """Take in series that have no column yet; their columns follow in their order."""
        for labels in series:
            for place in self.selection.matching(labels):
                self._members[place].append(self.series)
            self.labels.append(labels)
        self._lay_out()

    def sums(self, values: Ints) -> tuple[Ints, Ints]:
        """Of values of the shape (scrapes, series): totals and parts, each of the shape (scrapes, SLIs)."""
        if not values.size or not self._members:
            nothing = np.zeros((len(values), len(self._members) // 2), np.int64)
            return nothing, nothing.copy()
        padded = np.hstack([values, np.zeros((len(values), 1), values.dtype)])
        sums = np.add.reduceat(padded[:, self._gather], self._starts, axis=1)
        return sums[:, ::2], sums[:, 1::2]

    def shown(self, flags: Bools) -> tuple[Bools, Bools]:
        """Of flags of the shape (scrapes, series): whether any of the totals has it, and any of the parts."""
        totals, parts = self.sums(flags.astype(np.int64))
        return totals > 0, parts > 0

    def _lay_out(self) -> None:
        # Every sum begins with a column of zeros behind the series, so that none is of nothing.
        self._gather = np.array([place for members in self._members for place in (self.series, *members)], np.int64)
        self._starts = np.cumsum([0, *(1 + len(members) for members in self._members)][:-1])
