"""Which series of a target count for which SLI, and what they add up to."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from slo.core.sli import CountersSLI
from slo.sources.increments import Bools, Ints

Labels: TypeAlias = Mapping[str, str]
"""The labels of a series, `__name__` among them."""


class Members:
    """The series of one target, by column, as members of the totals and the parts of SLIs."""

    def __init__(self, slis: Sequence[CountersSLI]) -> None:
        self.series = 0
        self._slis = slis
        self._members: list[list[int]] = [[] for _ in range(2 * len(slis))]
        self._lay_out()

    def follow(self, series: Iterable[Labels]) -> None:
        """Take in series that have no column yet; their columns follow in their order."""
        for labels in series:
            for index, sli in enumerate(self._slis):
                for place, selector in ((2 * index, sli.total), (2 * index + 1, sli.part)):
                    if selector.matches(labels):
                        self._members[place].append(self.series)
            self.series += 1
        self._lay_out()

    def sums(self, values: Ints) -> tuple[Ints, Ints]:
        """Of values of the shape (scrapes, series): totals and parts, each of the shape (scrapes, SLIs)."""
        if not values.size or not self._slis:
            nothing = np.zeros((len(values), len(self._slis)), np.int64)
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


class Wanted:
    """Whether a series counts for any of some SLIs."""

    def __init__(self, slis: Iterable[CountersSLI]) -> None:
        self._selectors = tuple({selector for sli in slis for selector in (sli.total, sli.part)})

    def __call__(self, labels: Labels) -> bool:
        return any(selector.matches(labels) for selector in self._selectors)
