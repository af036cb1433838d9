"""Blocks of counts on their way between the engine's ledger and the one on disk."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

GOOD, BAD, UNKNOWN, COVERED_MS = range(4)
"""The rows of every array of counts."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Block:
    """What happened to the SLIs `names` in `len(ends)` spans of `seconds` each; span i is (ends[i] - seconds, ends[i]].

    `counts` has the shape (4, len(ends), len(names)): good, bad, unknown (events), covered (milliseconds). The same
    span may come in several blocks, which add up: what arrives late is a block of its own.
    """

    ends: "NDArray[np.int64]"
    seconds: int
    names: tuple[str, ...]
    counts: "NDArray[np.int64]"
