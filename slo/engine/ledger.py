"""The ledger in memory: running totals of every SLI, and rings of what they were.

Counts are kept as one running total per SLI. At each slot end that is a multiple of a tier's step the totals are
copied into that tier's ring; a window is then the total less one ring row, for all SLIs at once. Nothing is rolled up,
so nothing is counted twice. What arrives late adds to the totals and to the rows from its slot on.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slo.core.counts import Counts, slot_end
from slo.core.deltas import BAD, COVERED_MS, GOOD, UNKNOWN, Block
from slo.engine.windows import step_seconds, window_start

COVERED_UNIT_MS = 10
"""Rings hold covered time in this unit, modulo 2^32 (497 days): differences stay right when it wraps."""

Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class WindowCounts:
    """The counts of every SLI in one window: arrays of the shape (SLIs,).

    `covered_ms` is at most the window's length, `length_ms`.
    """

    good: Ints
    bad: Ints
    unknown: Ints
    covered_ms: Ints
    length_ms: int


class _Ring:
    """What the totals were at the last `rows` multiples of `step`: arrays of the shape (rows, SLIs)."""

    def __init__(self, *, step: int, rows: int, columns: int, now: int) -> None:
        self.step = step
        self.rows = rows
        self.filled = now // step
        self.good = np.zeros((rows, columns), np.int64)
        self.bad = np.zeros((rows, columns), np.int64)
        self.unknown = np.zeros((rows, columns), np.uint32)
        self.covered = np.zeros((rows, columns), np.uint32)

    def fill(self, upto: int, totals: Ints, narrow: NDArray[np.uint32]) -> None:
        """Write the totals into every boundary row that `upto` has reached since the last call."""
        last = upto // self.step
        for boundary in range(max(self.filled, last - self.rows) + 1, last + 1):
            row = boundary % self.rows
            self.good[row], self.bad[row] = totals[GOOD], totals[BAD]
            self.unknown[row], self.covered[row] = narrow
        self.filled = max(self.filled, last)

    def place(self, ends: Ints, counts: Ints, columns: Ints) -> None:
        """Put history where it was counted: into the row of the boundary before it, until `count_back` is called."""
        first = self.filled - self.rows + 1
        steps = -(-ends // self.step) - 1
        inside = np.flatnonzero(steps >= first)
        if not inside.size:
            return
        order = inside[np.argsort(steps[inside], kind="stable")]
        boundaries, starts = np.unique(steps[order], return_index=True)
        sums = np.add.reduceat(counts[:, order], starts, axis=1)
        at = np.ix_(boundaries % self.rows, columns)
        self.good[at] += sums[GOOD]
        self.bad[at] += sums[BAD]
        self.unknown[at] += sums[UNKNOWN].astype(np.uint32)
        self.covered[at] += sums[COVERED_MS].astype(np.uint32)

    def count_back(self, totals: Ints) -> None:
        """Turn what was placed into the totals at each boundary, from the totals at the end, row by row."""
        at = totals.copy()
        for boundary in range(self.filled, self.filled - self.rows, -1):
            row = boundary % self.rows
            at[GOOD] -= self.good[row]
            at[BAD] -= self.bad[row]
            at[UNKNOWN] -= self.unknown[row]
            at[COVERED_MS] -= self.covered[row]
            self.good[row], self.bad[row] = at[GOOD], at[BAD]
            self.unknown[row], self.covered[row] = _narrow(at)

    def add_late(self, end: int, column: int, counts: Counts, covered_units: int) -> None:
        """Add to the boundaries at and after the slot end `end` that are already written."""
        first = max(-(-end // self.step), self.filled - self.rows + 1)
        rows = np.arange(first, self.filled + 1) % self.rows
        self.good[rows, column] += counts.good
        self.bad[rows, column] += counts.bad
        self.unknown[rows, column] += np.uint32(counts.unknown & 0xFFFFFFFF)
        self.covered[rows, column] += np.uint32(covered_units)

    def add_late_block(self, ends: Ints, columns: Ints, grown: Ints, units: Ints) -> None:
        """Add what the slots that end at `ends`, ascending, hold up to each of them: `grown` is a running sum.

        Its shape is (4, slots, columns); `units` are its covered time in units.
        """
        boundaries = np.arange(max(-(-int(ends[0]) // self.step), self.filled - self.rows + 1), self.filled + 1)
        newest = np.searchsorted(ends, boundaries * self.step, side="right") - 1
        at = np.ix_(boundaries % self.rows, columns)
        self.good[at] += grown[GOOD, newest]
        self.bad[at] += grown[BAD, newest]
        self.unknown[at] += grown[UNKNOWN, newest].astype(np.uint32)
        self.covered[at] += units[newest].astype(np.uint32)


class Ledger:
    """Counts of the SLIs `names` by slot, through every window in `windows_seconds`.

    `now` is the end of the last closed slot (Unix seconds); it only grows. Memory is about 24 bytes x (360 rows for
    the windows up to an hour, and 360 for each longer one) per SLI: 51 KB for the windows of google-30d.
    """

    def __init__(self, names: Sequence[str], *, windows_seconds: Iterable[int], slot_seconds: int, now: int) -> None:
        self.names = tuple(names)
        self.column = {name: column for column, name in enumerate(self.names)}
        self.slot_seconds = slot_seconds
        self.now = now // slot_seconds * slot_seconds
        self.totals: Ints = np.zeros((4, len(self.names)), np.int64)
        self._pending: dict[int, Ints] = {}
        self._late: dict[int, Ints] = {}
        longest: dict[int, int] = {}
        for window in windows_seconds:
            step = step_seconds(window, slot_seconds)
            longest[step] = max(longest.get(step, 0), window)
        self._rings = {
            step: _Ring(step=step, rows=window // step + 1, columns=len(self.names), now=self.now)
            for step, window in longest.items()
        }

    def add(self, sli: str, slot_end: int, counts: Counts) -> None:
        """Count something in the slot that ends at `slot_end`: at its closing, or at once where it has closed."""
        column = self.column[sli]
        slots = self._pending if slot_end > self.now else self._late
        slot = slots.get(slot_end)
        if slot is None:
            slot = slots[slot_end] = np.zeros_like(self.totals)
        slot[GOOD, column] += counts.good
        slot[BAD, column] += counts.bad
        slot[UNKNOWN, column] += counts.unknown
        slot[COVERED_MS, column] += counts.covered_ms
        if slots is self._pending:
            return
        before = int(self.totals[COVERED_MS, column]) // COVERED_UNIT_MS
        self.totals[:, column] += (counts.good, counts.bad, counts.unknown, counts.covered_ms)
        units = int(self.totals[COVERED_MS, column]) // COVERED_UNIT_MS - before
        for ring in self._rings.values():
            ring.add_late(slot_end, column, counts, units)

    def add_block(self, block: Block) -> None:
        """Count a block of slots of ours at once, as `add` does; SLIs that are not ours are passed over."""
        ours = np.array([self.column.get(name, -1) for name in block.names], np.int64)
        columns, counts = ours[ours >= 0], block.counts[:, :, ours >= 0]
        for slots, chosen in ((self._pending, block.ends > self.now), (self._late, block.ends <= self.now)):
            for span in np.flatnonzero(chosen).tolist():
                slot = slots.setdefault(int(block.ends[span]), np.zeros_like(self.totals))
                slot[:, columns] += counts[:, span]
        late = np.flatnonzero(block.ends <= self.now)
        if not late.size:
            return
        order = late[np.argsort(block.ends[late], kind="stable")]
        grown = np.cumsum(counts[:, order], axis=1)
        before = self.totals[COVERED_MS, columns]
        units = (before + grown[COVERED_MS]) // COVERED_UNIT_MS - before // COVERED_UNIT_MS
        self.totals[:, columns] += grown[:, -1]
        for ring in self._rings.values():
            ring.add_late_block(block.ends[order], columns, grown, units)

    def close(self, end: int) -> list[Block]:
        """Close every slot up to `end`, and give what was counted since the last closing, a block for each slot.

        Slots that nobody counted anything in (a gap, a stopped machine) stay unknown. What came late is among the
        blocks, with the end of its own slot.
        """
        if end % self.slot_seconds or end < self.now:
            raise ValueError(f"{end} is not a slot end at or after {self.now}")
        blocks = [self._block(closing, counts) for closing, counts in sorted(self._late.items())]
        self._late.clear()
        for closing in sorted(slot for slot in self._pending if slot <= end):
            self._fill(closing - 1)
            counts = self._pending.pop(closing)
            self.totals += counts
            blocks.append(self._block(closing, counts))
        self._fill(end)
        self.now = end
        return blocks

    def window(self, window_seconds: int) -> WindowCounts:
        """The counts in the window that ends at `now`. Raises KeyError for one that is longer than those kept."""
        step = step_seconds(window_seconds, self.slot_seconds)
        ring = self._rings[step]
        if window_seconds // step >= ring.rows:
            raise KeyError(window_seconds)
        row = window_start(self.now, window_seconds, self.slot_seconds) // step % ring.rows
        units = (self.totals[COVERED_MS] // COVERED_UNIT_MS).astype(np.uint32) - ring.covered[row]
        unknown = self.totals[UNKNOWN].astype(np.uint32) - ring.unknown[row]
        length_ms = window_seconds * 1000
        return WindowCounts(
            good=self.totals[GOOD] - ring.good[row],
            bad=self.totals[BAD] - ring.bad[row],
            unknown=unknown.astype(np.int64),
            covered_ms=np.minimum(units.astype(np.int64) * COVERED_UNIT_MS, length_ms),
            length_ms=length_ms,
        )

    def open_blocks(self) -> list[Block]:
        """What no closing has given yet: the open slots, and what came late since. For a shutdown or a new layout."""
        return [self._block(end, counts) for end, counts in sorted((self._late | self._pending).items())]

    def load(self, blocks: Iterable[Block], *, totals: Ints | None = None) -> None:
        """Take in history, before anything else was counted; SLIs that are not ours are passed over.

        `totals` (shape (4, SLIs)) are the running totals at `now`; without them the history's own sums.
        Blocks of spans that end after `now` are left for their slots.
        """
        summed = np.zeros_like(self.totals)
        for block in blocks:
            ours = np.array([self.column.get(name, -1) for name in block.names], np.int64)
            known = ours >= 0
            counts = block.counts[:, :, known]
            for span in np.flatnonzero(block.ends > self.now).tolist():
                end = slot_end(int(block.ends[span]), self.slot_seconds)
                slot = self._pending.setdefault(end, np.zeros_like(self.totals))
                slot[:, ours[known]] += counts[:, span]
            past = block.ends <= self.now
            ends, counts = block.ends[past], counts[:, past]
            if not ends.size:
                continue
            summed[:, ours[known]] += counts.sum(axis=1)
            for ring in self._rings.values():
                ring.place(ends, counts, ours[known])
        self.totals = summed if totals is None else totals.astype(np.int64, copy=True)
        if self.totals.any():
            for ring in self._rings.values():
                ring.count_back(self.totals)

    def _fill(self, upto: int) -> None:
        narrow: NDArray[np.uint32] | None = None
        for ring in self._rings.values():
            if upto // ring.step > ring.filled:
                if narrow is None:
                    narrow = _narrow(self.totals)
                ring.fill(upto, self.totals, narrow)

    def _block(self, end: int, counts: Ints) -> Block:
        return Block(
            ends=np.array([end], np.int64),
            seconds=self.slot_seconds,
            names=self.names,
            counts=counts[:, np.newaxis, :],
        )


def _narrow(totals: Ints) -> NDArray[np.uint32]:
    """Unknown and covered totals as rings hold them: shape (2, SLIs)."""
    return np.stack((totals[UNKNOWN].astype(np.uint32), (totals[COVERED_MS] // COVERED_UNIT_MS).astype(np.uint32)))
