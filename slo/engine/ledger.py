"""The ledger in memory: running totals of every SLI, and what they were.

Counts are kept as one running total per SLI. At each slot end that is a multiple of a tier's step the totals are
copied into that tier's ring; a window is then the total less one ring row, for all SLIs at once. Nothing is rolled up,
so nothing is counted twice. What arrives late adds to the totals and to the rows from its slot on.

Beside what is counted there are columns that the ledger makes of it (see `slo.engine.columns`): when a slot closes,
when something arrives late, and when history is read. They have totals and rows like the others and are not on disk.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from slo.core.calendar import CalendarWindow, period_of
from slo.core.counts import Counts, slot_end
from slo.core.deltas import BAD, COVERED_MS, GOOD, UNKNOWN, Block
from slo.engine.all_of import AllOfSLI, AllOfSLIs
from slo.engine.columns import Column, Selected, Sliced
from slo.engine.rings import Four, Ints, Marks, Ring
from slo.engine.selection import Selections
from slo.engine.slice_history import SliceHistory
from slo.engine.slices import HOUR_SECONDS, Slices, known_in
from slo.engine.windows import EXACT_UP_TO_SECONDS, step_seconds, window_start


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class WindowCounts:
    """The counts of every column in one window: arrays of the shape (columns,), the SLIs first.

    `covered_ms` is at most the window's length, `length_ms`.
    """

    good: Ints
    bad: Ints
    unknown: Ints
    covered_ms: Ints
    length_ms: int


class Ledger:
    """Counts of the SLIs `names` by slot, through every window in `windows_seconds`.

    It also tells what was counted since the current period of each of `calendars` began, and since `moments`. `made`
    are columns that it makes of the SLIs; `all_of` are SLIs among `names` that it counts itself. `column` gives the
    place of every column.

    `now` is the end of the last closed slot (Unix seconds); it only grows. Memory is about 24 bytes x (360 rows for
    the windows up to an hour, and 360 for each longer one) per column: 51 KB for the windows of google-30d.
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
        made: Sequence[Selected | Sliced] = (),
        all_of: Sequence[AllOfSLI] = (),
    ) -> None:
        self.names = tuple(names)
        selected = [column for column in made if isinstance(column, Selected)]
        sliced = [column for column in made if isinstance(column, Sliced)]
        columns: tuple[Column, ...] = (*self.names, *selected, *sliced)
        self.column: Mapping[Column, int] = {column: place for place, column in enumerate(columns)}
        self.slot_seconds = slot_seconds
        self.now = now // slot_seconds * slot_seconds
        self.totals: Ints = np.zeros((4, len(columns)), np.int64)
        self._pending: dict[int, Ints] = {}
        self._late: dict[int, Ints] = {}
        self._all_of = AllOfSLIs(all_of, self.column, slot_seconds=slot_seconds)
        self._selections = Selections(selected, self.column)
        self._slices = Slices(sliced, self.column)
        longest: dict[int, int] = {}
        for window in (*windows_seconds, *([EXACT_UP_TO_SECONDS] if sliced or all_of else [])):
            step = step_seconds(window, slot_seconds)
            longest[step] = max(longest.get(step, 0), window)
        self._rings = {
            step: Ring(step=step, rows=window // step + 1, columns=len(columns), now=self.now)
            for step, window in longest.items()
        }
        self._filled = self.now
        self._reach = max((window + step for step, window in longest.items()), default=0)
        self._calendars = tuple(dict.fromkeys(calendars))
        self._marks = Marks(self._calendars, moments, columns=len(columns), now=self.now, since=self.history_since)

    @property
    def history_since(self) -> int:
        """From when on (Unix seconds) counts are of use.

        That is the earliest time that a window or a period looks back to, with the whole slice that ends after it.
        """
        periods = (period_of(calendar, self.now)[0] for calendar in self._calendars)
        return min(self.now - self._reach, *periods, self.now) - self._slices.longest_seconds

    @property
    def sli_totals(self) -> Ints:
        """The running totals of the SLIs alone: shape (4, SLIs)."""
        return self.totals[:, : len(self.names)]

    def add(self, sli: str, slot_end: int, counts: Counts) -> None:
        """Count something in the slot that ends at `slot_end`: at its closing, or at once where it has closed."""
        column = self.column[sli]
        slots = self._pending if slot_end > self.now else self._late
        slot = slots.get(slot_end)
        if slot is None:
            slot = slots[slot_end] = self._nothing()
        slot[GOOD, column] += counts.good
        slot[BAD, column] += counts.bad
        slot[UNKNOWN, column] += counts.unknown
        slot[COVERED_MS, column] += counts.covered_ms
        if slots is self._late:
            row = np.array([counts.good, counts.bad, counts.unknown, counts.covered_ms], np.int64)
            ends = np.array([slot_end], np.int64)
            self._count_late(ends, np.array([column]), row.reshape(4, 1, 1), self.slot_seconds)

    def add_block(self, block: Block) -> None:
        """Count a block of slots of ours at once, as `add` does; SLIs that are not ours are passed over."""
        ours = np.array([self.column.get(name, -1) for name in block.names], np.int64)
        columns, counts = ours[ours >= 0], block.counts[:, :, ours >= 0]
        for slots, chosen in ((self._pending, block.ends > self.now), (self._late, block.ends <= self.now)):
            for span in np.flatnonzero(chosen).tolist():
                slot = slots.setdefault(int(block.ends[span]), self._nothing())
                slot[:, columns] += counts[:, span]
        late = block.ends <= self.now
        if late.any():
            self._count_late(block.ends[late], columns, counts[:, late], block.seconds)

    def add_history(self, block: Block) -> None:
        """Count spans that ended up to `now`, of any length; SLIs that are not ours are passed over.

        No closing gives them: whoever adds them writes them down.
        """
        ours = np.array([self.column.get(name, -1) for name in block.names], np.int64)
        self._count_late(block.ends, ours[ours >= 0], block.counts[:, :, ours >= 0], block.seconds)

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
            self._count(closing, counts)
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
        start = window_start(self.now, window_seconds, self.slot_seconds)
        return _window(ring.since(start, self.totals), length_ms=window_seconds * 1000)

    def since(self, mark: int) -> WindowCounts:
        """The counts from `mark` (Unix seconds) to `now`: the beginning of a current period, or one of the moments.

        Raises KeyError for any other time, and for a moment that no window reaches back to.
        """
        good, bad, unknown, covered_ms = self.totals - self._marks[mark]
        return _window((good, bad, unknown, covered_ms), length_ms=(self.now - mark) * 1000)

    def leaving(self, window_seconds: int, columns: Ints) -> tuple[Ints, Ints]:
        """When bad events leave the window that ends at `now`: seconds from now, and how many have left by then.

        The first of them is now, when none have; the shape of the second is (moments, columns).
        """
        step = step_seconds(window_seconds, self.slot_seconds)
        ring, start = self._rings[step], window_start(self.now, window_seconds, self.slot_seconds)
        boundaries = np.arange(start, ring.filled * step + 1, step, dtype=np.int64)
        bad = ring.bad[np.ix_(boundaries // step % ring.rows, columns)]
        return np.maximum(boundaries + window_seconds - self.now, 0), bad - bad[0]

    def open_blocks(self) -> list[Block]:
        """What no closing has given yet: the open slots, and what came late since. For a shutdown or a new layout."""
        return [self._block(end, counts) for end, counts in sorted((self._late | self._pending).items())]

    def load(self, blocks: Iterable[Block], *, totals: Ints | None = None) -> None:
        """Take in history, before anything else was counted; SLIs that are not ours are passed over.

        `totals` (shape (4, SLIs)) are the running totals at `now`; without them the history's own sums.
        Blocks of spans that end after `now` are left for their slots. Where there are slices, blocks must come in the
        order of their hours; raises ValueError where they do not.
        """
        counted = len(self.names)
        slices = [SliceHistory(group, since=self.history_since, now=self.now) for group in self._slices.groups]
        for block in blocks:
            ours = np.array([self.column.get(name, -1) for name in block.names], np.int64)
            columns, counts = ours[ours >= 0], block.counts[:, :, ours >= 0]
            for span in np.flatnonzero(block.ends > self.now).tolist():
                end = slot_end(int(block.ends[span]), self.slot_seconds)
                self._pending.setdefault(end, self._nothing())[:, columns] += counts[:, span]
            past = block.ends <= self.now
            ends, counts = block.ends[past], counts[:, past]
            if not ends.size:
                continue
            if self._selections.groups or slices:
                columns, counts = self._selections.made_of(ends, columns, counts, block.seconds, counted)
            self._place(ends, columns, counts)
            for history in slices:
                for judged in history.settled((int(ends.min()) - 1) // HOUR_SECONDS * HOUR_SECONDS):
                    self._place(judged[0], history.columns, judged[1])
                history.add(ends, counts)
        earlier = np.zeros(counted, np.bool_) if totals is None else known_in(totals - self.totals[:, :counted])
        for history in slices:
            for judged in (*history.settled(self.now), *history.before(earlier)):
                self._place(judged[0], history.columns, judged[1])
        if totals is not None:
            self.totals[:, :counted] = totals
        if self.totals.any():
            for snapshots in self._snapshots:
                snapshots.count_back(self.totals)

    def _place(self, ends: Ints, columns: Ints, counts: Ints) -> None:
        """Add history to the totals, and place it among the snapshots of them."""
        self.totals[:, columns] += counts.sum(axis=1)
        for snapshots in self._snapshots:
            snapshots.place(ends, counts, columns)

    def _count(self, end: int, counts: Ints) -> None:
        """Count the slot that ends at `end`, when everything is filled up to it; what it is for `all_of` is added."""
        if self._all_of:
            self._all_of.count(end, counts, self._rings[self.slot_seconds])
        self.totals[:, : len(self.names)] += counts
        for group in self._selections.groups:
            made = group.of(np.array([end], np.int64), counts[:, np.newaxis], self.slot_seconds)
            self.totals[:, group.columns] += made[:, 0]

    def _count_late(self, ends: Ints, columns: Ints, counts: Ints, seconds: int) -> None:
        """Count in spans of `seconds` that have closed: `counts` has the shape (4, spans, columns)."""
        order = np.argsort(ends, kind="stable")
        ends, counts = ends[order], counts[:, order]
        columns, counts = self._selections.widened(ends, columns, counts, seconds)
        changes = [(ends, columns, counts)]
        if self._slices:
            ring = self._rings[self.slot_seconds]
            changes += self._slices.judged_anew(ends, columns, counts, ring, self.totals)
        for change in changes:
            self._add_late(*change)

    def _add_late(self, ends: Ints, columns: Ints, counts: Ints) -> None:
        grown = np.cumsum(counts, axis=1)
        self.totals[:, columns] += grown[:, -1]
        for ring in self._rings.values():
            ring.add_late(ends, columns, grown)
        self._marks.add_late(ends, columns, grown)

    def _fill(self, upto: int) -> None:
        """Write the totals into every snapshot up to `upto`, and count the slices that end by then."""
        for end in self._slices.ends(self._filled, upto):
            self._snap(end - 1)
            for columns, counts in list(self._slices.ended(end, self._rings[self.slot_seconds], self.totals)):
                self.totals[:, columns] += counts
        self._snap(upto)
        self._filled = upto

    def _snap(self, upto: int) -> None:
        for ring in self._rings.values():
            if upto // ring.step > ring.filled:
                ring.fill(upto, self.totals)
        self._marks.fill(upto, self.totals)

    @property
    def _snapshots(self) -> Iterable[Ring | Marks]:
        return (*self._rings.values(), self._marks)

    def _nothing(self) -> Ints:
        return np.zeros((4, len(self.names)), np.int64)

    def _block(self, end: int, counts: Ints) -> Block:
        return Block(
            ends=np.array([end], np.int64),
            seconds=self.slot_seconds,
            names=self.names,
            counts=counts[:, np.newaxis, :],
        )


def _window(counts: Four, *, length_ms: int) -> WindowCounts:
    good, bad, unknown, covered_ms = counts
    return WindowCounts(
        good=good, bad=bad, unknown=unknown, covered_ms=np.minimum(covered_ms, length_ms), length_ms=length_ms
    )
