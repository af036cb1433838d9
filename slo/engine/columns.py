"""Columns that the ledger makes of the SLIs that it counts: what each of them is made of."""

from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import TypeAlias

import numpy as np

from slo.core.budgeting import Budgeting
from slo.engine.excluded import NOTHING, Excluded
from slo.engine.rings import Bools, Ints


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """The SLI that counts in the slots whose end is in (after, until], in Unix seconds; None is without limit."""

    sli: str
    after: int | None = None
    until: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Extent:
    """Which slots count for a column: those of its pieces, each (after, until], without those that are excluded."""

    spans: tuple[tuple[int | None, int | None], ...] = ((None, None),)
    excluded: Excluded = NOTHING

    def counted(self, ends: Ints, unit_seconds: int) -> Bools:
        """Which piece counts in which of the slots of `unit_seconds` that end at `ends`: shape (pieces, slots)."""
        kept = ~self.excluded.covers(ends, unit_seconds)
        return np.stack(
            [
                kept & (True if after is None else ends > after) & (True if until is None else ends <= until)
                for after, until in self.spans
            ]
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Selected:
    """The counts of one SLI after the other, as an SLO's definitions change, without the slots that are excluded."""

    pieces: tuple[Piece, ...]
    excluded: Excluded = NOTHING

    @property
    def extent(self) -> Extent:
        """Which slots count."""
        return Extent(spans=tuple((piece.after, piece.until) for piece in self.pieces), excluded=self.excluded)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sliced:
    """What slices of time of a column are: an event of a slice is the slice itself, or its error ratio."""

    source: str | Selected
    budgeting: Budgeting

    @property
    def seconds(self) -> int:
        """The length of a slice."""
        return self.budgeting.slice // timedelta(seconds=1)

    @property
    def extent(self) -> Extent:
        """Which slots count."""
        return self.source.extent if isinstance(self.source, Selected) else Extent()

    @property
    def slis(self) -> tuple[str, ...]:
        """The SLIs that are counted in it."""
        return (self.source,) if isinstance(self.source, str) else tuple(piece.sli for piece in self.source.pieces)


@dataclass(frozen=True, kw_only=True, slots=True)
class Mean:
    """The mean of the error ratios of columns, with these weights. It is made of their windows, not of slots."""

    weights: tuple[tuple[str | Selected, Fraction], ...]


Column: TypeAlias = str | Selected | Sliced
"""A column of the ledger: an SLI by its name, or one that is made of others."""
