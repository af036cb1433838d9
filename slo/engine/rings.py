"""What the running totals were: at the last multiples of a step, and at moments that follow none.

Both kinds of snapshot follow the ledger alike. They are filled as slots close, take history by placing counts where
they were counted and counting back from the totals, and grow by what arrives late for a slot before them.
"""

from collections.abc import Iterable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from slo.core.calendar import CalendarWindow, period_of
from slo.core.deltas import BAD, COVERED_MS, GOOD, UNKNOWN

NARROW_UP_TO_SECONDS = 2**32 // 1000
"""A ring that reaches no further back (49 days) holds covered time modulo 2^32 ms: differences stay right."""

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

Four: TypeAlias = tuple[Ints, Ints, Ints, Ints]
"""Good, bad and unknown events, and covered milliseconds."""


class Ring:
    """What the totals were at the last `rows` multiples of `step` seconds: arrays of the shape (rows, columns)."""

    def __init__(self, *, step: int, rows: int, columns: int, now: int) -> None:
        self.step = step
        self.rows = rows
        self.filled = now // step
        self.good = np.zeros((rows, columns), np.int64)
        self.bad = np.zeros((rows, columns), np.int64)
        self.unknown = np.zeros((rows, columns), np.uint32)
        self.covered = np.zeros((rows, columns), np.uint32 if step * rows <= NARROW_UP_TO_SECONDS else np.int64)

    def fill(self, upto: int, totals: Ints) -> None:
        """Write the totals into every boundary row that `upto` has reached since the last call."""
        last = upto // self.step
        for boundary in range(max(self.filled, last - self.rows) + 1, last + 1):
            self._write(boundary % self.rows, totals)
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
        self.covered[at] += sums[COVERED_MS].astype(self.covered.dtype)

    def count_back(self, totals: Ints) -> None:
        """Turn what was placed into the totals at each boundary, from the totals at the end, row by row."""
        at = totals.copy()
        for boundary in range(self.filled, self.filled - self.rows, -1):
            row = boundary % self.rows
            at[GOOD] -= self.good[row]
            at[BAD] -= self.bad[row]
            at[UNKNOWN] -= self.unknown[row]
            at[COVERED_MS] -= self.covered[row]
            self._write(row, at)

    def add_late(self, ends: Ints, columns: Ints, grown: Ints) -> None:
        """Add to the boundaries at and after each slot end in `ends`, ascending, that are already written.

        `grown`, of the shape (4, slots, columns), is what came late up to each slot.
        """
        boundaries = np.arange(max(-(-int(ends[0]) // self.step), self.filled - self.rows + 1), self.filled + 1)
        newest = np.searchsorted(ends, boundaries * self.step, side="right") - 1
        at = np.ix_(boundaries % self.rows, columns)
        self.good[at] += grown[GOOD, newest]
        self.bad[at] += grown[BAD, newest]
        self.unknown[at] += grown[UNKNOWN, newest].astype(np.uint32)
        self.covered[at] += grown[COVERED_MS, newest].astype(self.covered.dtype)

    def _write(self, row: int, totals: Ints) -> None:
        self.good[row], self.bad[row] = totals[GOOD], totals[BAD]
        self.unknown[row] = totals[UNKNOWN].astype(np.uint32)
        self.covered[row] = totals[COVERED_MS].astype(self.covered.dtype)

    def since(self, boundary: int, totals: Ints, columns: Ints | slice = slice(None)) -> Four:
        """What was counted from a boundary (Unix seconds) that the ring has to the totals."""
        row = boundary // self.step % self.rows
        covered = totals[COVERED_MS, columns].astype(self.covered.dtype) - self.covered[row, columns]
        unknown = totals[UNKNOWN, columns].astype(np.uint32) - self.unknown[row, columns]
        return (
            totals[GOOD, columns] - self.good[row, columns],
            totals[BAD, columns] - self.bad[row, columns],
            unknown.astype(np.int64),
            covered.astype(np.int64),
        )

    def between(self, starts: Ints, ends: Ints, columns: Ints) -> Ints:
        """What was counted from boundaries that the ring has to others that it has: (4, boundaries, columns)."""
        before, after = (np.ix_(at // self.step % self.rows, columns) for at in (starts, ends))
        return np.stack(
            (
                self.good[after] - self.good[before],
                self.bad[after] - self.bad[before],
                (self.unknown[after] - self.unknown[before]).astype(np.int64),
                (self.covered[after] - self.covered[before]).astype(np.int64),
            )
        )


class Marks:
    """What the totals were where periods of `calendars` begin, and at `moments` (Unix seconds).

    The beginning of the next period is marked by itself when a slot closes after it. `since` is how far back the
    ledger looks: moments before it are of no use.
    """

    def __init__(
        self,
        calendars: Iterable[CalendarWindow],
        moments: Iterable[int],
        *,
        columns: int,
        now: int,
        since: int,
    ) -> None:
        self._calendars = tuple(calendars)
        self._moments = frozenset(moments)
        begun = self._starts(now) | {at for at in self._moments if since < at <= now}
        self._rows: dict[int, Ints] = {at: np.zeros((4, columns), np.int64) for at in begun}
        self._ahead = {at for at in self._moments if at > now} | self._ends(now)

    def __getitem__(self, at: int) -> Ints:
        """The totals at `at`, of the shape (4, columns). Raises KeyError where nothing is marked."""
        return self._rows[at]

    def __contains__(self, at: int) -> bool:
        return at in self._rows

    def fill(self, upto: int, totals: Ints) -> None:
        """Mark what `upto` has reached since the last call."""
        while self._ahead and (at := min(self._ahead)) <= upto:
            self._rows[at] = totals.copy()
            self._ahead.remove(at)
            self._ahead |= self._ends(at + 1)

    def forget(self, now: int, since: int) -> None:
        """Drop the marks that no period and no window reaches back to any more."""
        kept = self._starts(now) | {at for at in self._moments if at > since}
        self._rows = {at: row for at, row in self._rows.items() if at in kept or at >= now}

    def place(self, ends: Ints, counts: Ints, columns: Ints) -> None:
        """Put history after the marks that it came after, until `count_back` is called."""
        for at, row in self._rows.items():
            row[:, columns] += counts[:, ends > at].sum(axis=1)

    def count_back(self, totals: Ints) -> None:
        """Turn what was placed into the totals at each mark, from the totals at the end."""
        for row in self._rows.values():
            np.subtract(totals, row, out=row)

    def add_late(self, ends: Ints, columns: Ints, grown: Ints) -> None:
        """Add to the marks at and after each slot end in `ends`, ascending; see `Ring.add_late`."""
        for at, row in self._rows.items():
            newest = int(np.searchsorted(ends, at, side="right")) - 1
            if newest >= 0:
                row[:, columns] += grown[:, newest]

    def _starts(self, now: int) -> set[int]:
        return {period_of(calendar, now)[0] for calendar in self._calendars}

    def _ends(self, now: int) -> set[int]:
        return {period_of(calendar, now)[1] for calendar in self._calendars}
