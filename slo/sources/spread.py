"""What comes late: counts over a gap between scrapes, spread evenly over the slots of the gap."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from slo.sources.increments import Ints

SLOTS_AT_ONCE = 1024
"""How many slots are laid out at a time: a gap of a month has a quarter of a million."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Spread:
    """Counts that came with the scrape at `at_ms` (Unix milliseconds) for the slots after the one of `since_ms`.

    `total` and `part` are sums, of the shape (SLIs,); no part is more than its total.
    """

    since_ms: int
    at_ms: int
    total: Ints
    part: Ints


def shares(amounts: Ints, first: int, last: int, parts: int) -> Ints:
    """The shares `first` to `last` (exclusive) of so many even ones: shape (shares, amounts). All add up exactly."""
    whole, rest = np.divmod(amounts, parts)
    edges = np.arange(first, last + 1, dtype=np.int64)[:, np.newaxis] * rest // parts
    return whole + np.diff(edges, axis=0)


def slots_of_gap(since_ms: int, until_ms: int, slot_ms: int) -> range:
    """The slots after the one that holds `since_ms`, up to the one of `until_ms`, which is there in any case.

    Slots are numbers: their ends divided by their length.
    """
    first, last = -(-since_ms // slot_ms) + 1, -(-until_ms // slot_ms)
    return range(min(first, last), last + 1)


def pieces(slots: range, slot_ms: int) -> Iterator[tuple[int, Ints]]:
    """The ends (Unix milliseconds) of slots in a row, in pieces, each with the number of the slots before it."""
    for before in range(0, len(slots), SLOTS_AT_ONCE):
        yield before, np.array(slots[before : before + SLOTS_AT_ONCE], np.int64) * slot_ms
