"""The ledger in memory: running totals of every SLI, and what they were.

Counts are kept as one running total per SLI. At each slot end that is a multiple of a tier's step the totals are
copied into that tier's ring; a window is then the total less one ring row, for all SLIs at once. Nothing is rolled up,
so nothing is counted twice. What arrives late adds to the totals and to the rows from its slot on.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from slo.core.calendar import CalendarWindow, period_of
from slo.core.counts import Counts, slot_end
from slo.core.deltas import BAD, COVERED_MS, GOOD, UNKNOWN, Block
from slo.engine.rings import Ints, Marks, Ring
from slo.engine.windows import step_seconds, window_start


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


class Ledger:
    """Counts of the SLIs `names` by slot, through every window in `windows_seconds`.

    It also tells what was counted since the current period of each of `calendars` began, and since `moments`.

    `now` is the end of the last closed slot (Unix seconds); it only grows. Memory is about 24 bytes x (360 rows for
    the windows up to an hour, and 360 for each longer one) per SLI: 51 KB for the windows of google-30d.
    """

    def __init__(
        self,
        names: Sequence[str],
        *,
        windows_seconds: Iterable[int],
        slot_seconds: int,
        now: int,
        calendars: Iterable[CalendarWindow] = (),
        moments: Iterable[int] = (),
    ) -> None:
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
            step: Ring(step=step, rows=window // step + 1, columns=len(self.names), now=self.now)
            for step, window in longest.items()
        }
        self._reach = max((window + step for step, window in longest.items()), default=0)
        self._calendars = tuple(dict.fromkeys(calendars))
        self._marks = Marks(self._calendars, moments, columns=len(self.names), now=self.now, since=self.history_since)

    @property
    def history_since(self) -> int:
        """From when on (Unix seconds) counts are of use: the earliest time that a window or a period looks back to."""
        periods = (period_of(calendar, self.now)[0] for calendar in self._calendars)
        return min(self.now - self._reach, *periods, self.now)

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
        if slots is self._late:
            row = np.array([counts.good, counts.bad, counts.unknown, counts.covered_ms], np.int64)
            self._count_late(np.array([slot_end], np.int64), np.array([column]), row.reshape(4, 1, 1))

    def add_block(self, block: Block) -> None:
        """Count a block of slots of ours at once, as `add` does; SLIs that are not ours are passed over."""
        ours = np.array([self.column.get(name, -1) for name in block.names], np.int64)
        columns, counts = ours[ours >= 0], block.counts[:, :, ours >= 0]
        for slots, chosen in ((self._pending, block.ends > self.now), (self._late, block.ends <= self.now)):
            for span in np.flatnonzero(chosen).tolist():
                slot = slots.setdefault(int(block.ends[span]), np.zeros_like(self.totals))
                slot[:, columns] += counts[:, span]
        late = block.ends <= self.now
        if late.any():
            self._count_late(block.ends[late], columns, counts[:, late])

    def add_history(self, block: Block) -> None:
        """Count spans that ended up to `now`, of any length; SLIs that are not ours are passed over.

        No closing gives them: whoever adds them writes them down.
        """
        ours = np.array([self.column.get(name, -1) for name in block.names], np.int64)
        self._count_late(block.ends, ours[ours >= 0], block.counts[:, :, ours >= 0])

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
        self._marks.forget(end, self.history_since)
        return blocks

    def window(self, window_seconds: int) -> WindowCounts:
        """The counts in the window that ends at `now`. Raises KeyError for one that is longer than those kept."""
        step = step_seconds(window_seconds, self.slot_seconds)
        ring = self._rings[step]
        if window_seconds // step >= ring.rows:
            raise KeyError(window_seconds)
        row = window_start(self.now, window_seconds, self.slot_seconds) // step % ring.rows
        covered_ms = self.totals[COVERED_MS].astype(ring.covered.dtype) - ring.covered[row]
        unknown = self.totals[UNKNOWN].astype(np.uint32) - ring.unknown[row]
        length_ms = window_seconds * 1000
        return WindowCounts(
            good=self.totals[GOOD] - ring.good[row],
            bad=self.totals[BAD] - ring.bad[row],
            unknown=unknown.astype(np.int64),
            covered_ms=np.minimum(covered_ms.astype(np.int64), length_ms),
            length_ms=length_ms,
        )

    def since(self, mark: int) -> WindowCounts:
        """The counts from `mark` (Unix seconds) to `now`: the beginning of a current period, or one of the moments.

        Raises KeyError for any other time, and for a moment that no window reaches back to.
        """
        good, bad, unknown, covered_ms = self.totals - self._marks[mark]
        length_ms = (self.now - mark) * 1000
        return WindowCounts(
            good=good,
            bad=bad,
            unknown=unknown,
            covered_ms=np.minimum(covered_ms, length_ms),
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
            for snapshots in self._snapshots:
                snapshots.place(ends, counts, ours[known])
        self.totals = summed if totals is None else totals.astype(np.int64, copy=True)
        if self.totals.any():
            for snapshots in self._snapshots:
                snapshots.count_back(self.totals)

    @property
    def _snapshots(self) -> Iterable[Ring | Marks]:
        return (*self._rings.values(), self._marks)

    def _count_late(self, ends: Ints, columns: Ints, counts: Ints) -> None:
        """Count in spans that have closed: `counts` has the shape (4, spans, columns)."""
        order = np.argsort(ends, kind="stable")
        ends, grown = ends[order], np.cumsum(counts[:, order], axis=1)
        self.totals[:, columns] += grown[:, -1]
        for ring in self._rings.values():
            ring.add_late(ends, columns, grown)
        self._marks.add_late(ends, columns, grown)

    def _fill(self, upto: int) -> None:
        for ring in self._rings.values():
            if upto // ring.step > ring.filled:
                ring.fill(upto, self.totals)
        self._marks.fill(upto, self.totals)

    def _block(self, end: int, counts: Ints) -> Block:
        return Block(
            ends=np.array([end], np.int64),
            seconds=self.slot_seconds,
            names=self.names,
            counts=counts[:, np.newaxis, :],
        )
