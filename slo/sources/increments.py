"""What the counters of one target grew by, from scrape to scrape: exact, without extrapolation.

- A decrease is a reset: the counter began again at 0, so its new value is the increment.
- A series that is first seen counts from 0, because a failure counter is born at its first failure; at the first scrape
  of its target, and where it is followed only since then, its value is a baseline.
- A series that is missing from a scrape is remembered: when it is there again it grew from where it was, or was reset.
- What is no count (NaN, infinite, negative) is as if it were missing. Counts are whole: the fraction is cut off.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NEVER = -1

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LARGEST_COUNT = float(2**53)
"""What is larger is no count: a float does not hold every whole number there."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Growth:
    """Scrapes of one target: arrays of the shape (scrapes, series), `times_ms` (Unix milliseconds) of (scrapes,).

    `previous_ms` is when the target was scraped before; NEVER for its first scrape.
    """

    times_ms: Ints
    previous_ms: Ints
    increments: Ints
    present: Bools
    reset: Bools


class Increments:
    """The last values of one target's series, by column."""

    def __init__(self) -> None:
        self.last: Ints = np.zeros(0, np.int64)
        self.seen: Bools = np.zeros(0, np.bool_)
        self.scraped_ms = NEVER

    def widen(self, series: int, *, followed_since_now: bool) -> None:
        """Make room for so many series in all; with `followed_since_now` the first values of new ones are baselines.

        That is so for series that nobody wanted before: they may have been there for long.
        """
        more = series - len(self.last)
        self.last = np.concatenate([self.last, np.full(more, NEVER if followed_since_now else 0, np.int64)])
        self.seen = np.concatenate([self.seen, np.zeros(more, np.bool_)])

    def keep(self, columns: Ints) -> None:
        """Forget every column but these."""
        self.last, self.seen = self.last[columns], self.seen[columns]

    def begin_anew(self) -> None:
        """Take the next scrape for the first one of the target."""
        self.last, self.seen = np.zeros_like(self.last), np.zeros_like(self.seen)
        self.scraped_ms = NEVER

    def advance(self, times_ms: Ints, values: Floats) -> Growth:
        """Take in scrapes, oldest first; `values` is of the shape (scrapes, series), NaN where a series is missing."""
        scrapes = len(values)
        with np.errstate(invalid="ignore"):
            present = (values >= 0) & (values <= LARGEST_COUNT)
            counts = np.where(present, values, 0).astype(np.int64)
        previous_ms = np.concatenate([[self.scraped_ms], times_ms[:-1]])
        before, known = self._before(counts, present)
        if scrapes and self.scraped_ms == NEVER:
            before[0] = np.where(known[0], before[0], counts[0])
        # A column that is followed only since now has no value before: its first one is what it is compared with.
        baseline = ~known & (before == NEVER)
        before = np.where(baseline, counts, before)
        reset = present & known & (counts < before)
        increments = np.where(present, np.where(reset, counts, counts - before), 0)
        if scrapes:
            self._remember(counts, present)
            self.scraped_ms = int(times_ms[-1])
        return Growth(times_ms=times_ms, previous_ms=previous_ms, increments=increments, present=present, reset=reset)

    def _before(self, counts: Ints, present: Bools) -> tuple[Ints, Bools]:
        """The value of each series before each scrape, and whether there was one; 0 or NEVER where there was none."""
        scrapes, series = counts.shape
        rows = np.where(present, np.arange(1, scrapes + 1)[:, np.newaxis], 0)
        newest = np.maximum.accumulate(rows, axis=0)
        newest = np.vstack([np.zeros((1, series), np.int64), newest[:-1]])[:scrapes]
        all_counts = np.vstack([self.last, counts])
        known = (newest > 0) | self.seen
        return all_counts[newest, np.arange(series)], known

    def _remember(self, counts: Ints, present: Bools) -> None:
        any_present = present.any(axis=0)
        newest = counts.shape[0] - 1 - np.argmax(present[::-1], axis=0)
        self.last = np.where(any_present, counts[newest, np.arange(counts.shape[1])], self.last)
        self.seen = self.seen | any_present
