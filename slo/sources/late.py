"""What comes late with a scrape after a gap: counts, spread evenly over the slots of the gap, and known time.

Slots are numbers here: their ends divided by their length.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from slo.sources.increments import Ints
from slo.sources.knowledge import Span

CELLS_AT_ONCE = 1 << 19
"""How many counts are laid out at a time, work of milliseconds: a gap of a month has a quarter of a million slots."""

LONGEST_PIECE = 1024


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Spread:
    """Counts that came with the scrape at `at_ms` (Unix milliseconds) for the slots after the one of `since_ms`.

    `total` and `part` are sums, of the shape (SLIs,); no part is more than its total.
    """

    since_ms: int
    at_ms: int
    total: Ints
    part: Ints

    def slots(self, slot_ms: int) -> range:
        """Those after the one that holds `since_ms`, up to the one of the scrape, which is there in any case."""
        first, last = -(-self.since_ms // slot_ms) + 1, -(-self.at_ms // slot_ms)
        return range(min(first, last), last + 1)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class LateSpan:
    """A span that some SLIs, by their places, know since `at_ms` (Unix milliseconds)."""

    at_ms: int
    span: Span
    slis: Ints

    def slots(self, slot_ms: int) -> range:
        """Those that the span touches."""
        return range(-(-self.span[0] // slot_ms), -(-self.span[1] // slot_ms) + 1)


def shares(amounts: Ints, first: int, last: int, parts: int) -> Ints:
    """The shares `first` to `last` (exclusive) of so many even ones: shape (shares, amounts). All add up exactly."""
    whole, rest = np.divmod(amounts, parts)
    edges = np.arange(first, last + 1, dtype=np.int64)[:, np.newaxis] * rest // parts
    return whole + np.diff(edges, axis=0)


def pieces(slots: range, cells: int) -> Iterator[range]:
    """Slots in a row, in pieces; each of them has so many cells."""
    length = max(1, min(LONGEST_PIECE, CELLS_AT_ONCE // max(cells, 1)))
    for first in range(slots.start, slots.stop, length):
        yield range(first, min(first + length, slots.stop))
