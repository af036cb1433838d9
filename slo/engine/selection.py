"""Columns of selected slots: what counts for an SLO of what is counted for its SLIs.

Selecting is linear, so that it can be done at any time: when a slot closes, when something arrives late, and with
history that is read from disk.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from slo.engine.columns import Column, Extent, Selected
from slo.engine.rings import Ints


class Selection:
    """Columns that count in the same slots: one array operation serves them all.

    `columns` are their places in the ledger; `sources`, of the shape (pieces, columns), those of their SLIs.
    """

    def __init__(self, members: Sequence[Selected], column: Mapping[Column, int]) -> None:
        self.extent = members[0].extent
        self.columns = np.array([column[member] for member in members], np.int64)
        self.sources = np.array([[column[piece.sli] for piece in member.pieces] for member in members], np.int64).T

    def of(self, ends: Ints, counts: Ints, unit_seconds: int) -> Ints:
        """The counts of the columns, (4, slots, columns), from those of all SLIs, (4, slots, SLIs)."""
        selected = np.zeros((4, len(ends), len(self.columns)), np.int64)
        for piece, slots in enumerate(self.extent.counted(ends, unit_seconds)):
            if slots.any():
                selected[:, slots] = counts[:, slots][:, :, self.sources[piece]]
        return selected


class Selections:
    """Every selected column of a ledger; `column` gives the places of all its columns."""

    def __init__(self, selected: Sequence[Selected], column: Mapping[Column, int]) -> None:
        alike: dict[Extent, list[Selected]] = defaultdict(list)
        for one in selected:
            alike[one.extent].append(one)
        self.groups = [Selection(members, column) for members in alike.values()]
        self._fed: dict[int, list[tuple[Selection, int, int]]] = defaultdict(list)
        for group in self.groups:
            for piece, sources in enumerate(group.sources.tolist()):
                for source, fed in zip(sources, group.columns.tolist(), strict=True):
                    self._fed[source].append((group, piece, fed))

    def made_of(self, ends: Ints, columns: Ints, counts: Ints, unit_seconds: int, slis: int) -> tuple[Ints, Ints]:
        """History (4, slots, columns) of some of that many SLIs, as that of all SLIs and of what is made of them."""
        whole = np.zeros((4, len(ends), slis + sum(len(group.columns) for group in self.groups)), np.int64)
        whole[:, :, columns] = counts
        for group in self.groups:
            whole[:, :, group.columns] = group.of(ends, whole, unit_seconds)
        return np.arange(whole.shape[2]), whole

    def widened(self, ends: Ints, columns: Ints, counts: Ints, unit_seconds: int) -> tuple[Ints, Ints]:
        """Counts (4, slots, columns) of some SLIs, with those of the columns that are made of them."""
        more: dict[int, Ints] = {}
        for place, source in enumerate(columns.tolist()):
            for group, piece, fed in self._fed.get(source, ()):
                selected = counts[:, :, place] * group.extent.counted(ends, unit_seconds)[piece]
                more[fed] = more[fed] + selected if fed in more else selected
        if not more:
            return columns, counts
        return np.append(columns, list(more)), np.concatenate((counts, np.stack(list(more.values()), axis=2)), axis=2)
