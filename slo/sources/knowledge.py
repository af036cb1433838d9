"""How long there is knowledge of what a target counts: from its observations, in Unix milliseconds.

- An observation covers the time back to the one before it.
- The time after it is known until 2.5 of its intervals have passed.
- An observation after a longer gap covers the gap as well where it says what happened in it (`bridges`): that is known
  only from then on, so it comes late. Where it does not, and where it is the first of all, it covers its own slot from
  the slot's start.

Time is given out once: no millisecond is covered twice.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slo.core.counts import KNOWN_FOR_INTERVALS

Span = tuple[int, int]
"""From a time (exclusive) to another (inclusive), in Unix milliseconds."""


def horizon_ms(interval_ms: int) -> int:
    """For how long an observation is good."""
    return int(interval_ms * KNOWN_FOR_INTERVALS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """Up to where time is given out or given up, and up to where there is knowledge; 0 before any observation."""

    decided_ms: int = 0
    until_ms: int = 0


def cover(
    known: Known, observed: Iterable[tuple[int, bool]], *, since_ms: int, until_ms: int, horizon_ms: int, slot_ms: int
) -> tuple[Known, list[Span], list[tuple[int, Span]]]:
    """What observations after `since_ms` cover: each is a time, and whether it bridges a gap before it.

    Returns what is known afterwards, the spans that are known at once up to `until_ms`, and those that came late, each
    with the time at which it came: what lies before `since_ms`, as after a restart, and gaps that were bridged.
    """
    decided, reach = known.decided_ms, known.until_ms
    spans: list[Span] = []
    late: list[tuple[int, Span]] = []

    def give(begin: int, stop: int, at: int) -> None:
        if begin < min(stop, since_ms):
            late.append((at, (begin, min(stop, since_ms))))
            begin = since_ms
        if begin >= stop:
            return
        if spans and spans[-1][1] == begin:
            spans[-1] = (spans[-1][0], stop)
        else:
            spans.append((begin, stop))

    for at, bridges in observed:
        if at <= reach:
            begin = decided
        else:
            give(decided, reach, at)
            decided = max(decided, reach)
            if bridges:
                late.append((at, (decided, at)))
                begin = at
            else:
                begin = max(decided, -(-at // slot_ms) * slot_ms - slot_ms)
        give(begin, at, at)
        decided, reach = max(decided, at), at + horizon_ms
    stop = min(until_ms, reach)
    give(decided, stop, until_ms)
    return Known(decided_ms=max(decided, stop), until_ms=reach), spans, late


def by_slot(
    spans: Iterable[Span],
    ends_ms: NDArray[np.int64],
    slot_ms: int,
    *,
    rank: NDArray[np.int64],
    among: NDArray[np.int64],
) -> NDArray[np.int64]:
    """How much of each slot, of those that end at `ends_ms` in a row, lies in spans that follow one another.

    Counted is what falls to one of `among` targets: the milliseconds of a slot go round, and the first of them is that
    of `rank` 0. So the pieces of a slot add up, whenever they come, and a slot that all targets know is known whole.
    The result has the shape of `rank` and `among`: (slots, SLIs).
    """
    bounds = np.array(list(spans), np.int64).ravel()
    if len(bounds) == 2 and bounds[0] <= ends_ms[0] - slot_ms and bounds[1] >= ends_ms[-1]:
        return _fallen_to(rank, among, np.full(len(ends_ms), slot_ms))
    edges = np.concatenate([ends_ms[:1] - slot_ms, ends_ms])
    cuts = np.unique(np.concatenate([bounds.clip(edges[0], edges[-1]), edges]))
    inside = np.searchsorted(bounds, cuts[:-1], side="right") % 2 == 1
    rows = np.searchsorted(edges, cuts[:-1][inside], side="right") - 1
    begin, stop = (times[inside] - edges[rows] for times in (cuts[:-1], cuts[1:]))
    rank, among = rank[rows], among[rows]
    known = np.zeros((len(ends_ms), rank.shape[1]), np.int64)
    np.add.at(known, rows, _fallen_to(rank, among, stop) - _fallen_to(rank, among, begin))
    return known


def _fallen_to(rank: NDArray[np.int64], among: NDArray[np.int64], offset: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many of the first `offset` milliseconds of a slot fall to the target of that rank."""
    return -((rank - offset[:, np.newaxis]) // among)
