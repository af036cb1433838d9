"""Windows at one slot end: what each column holds in them, and its errors weighed by what is known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from slo.engine.columns import Column, Mean
from slo.engine.ledger import Ledger, WindowCounts
from slo.engine.view import Change
from slo.engine.windows import window_start

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Weighed:
    """One window of every column: its counts, and bad / total x coverage (0 where there is no total).

    It begins after `start` (Unix seconds).
    """

    start: int
    counts: WindowCounts
    errors: Floats
    coverage: Floats


class Means:
    """Columns that are means of others: their places are after those of the ledger's columns, `column`."""

    def __init__(self, means: Sequence[Mean], column: Mapping[Column, int]) -> None:
        self._column = column
        self._means = {mean: len(column) + number for number, mean in enumerate(means)}
        members = [[column[member] for member, _ in mean.weights] for mean in means]
        weights = [[float(weight) for _, weight in mean.weights] for mean in means]
        self._members = np.array([member for of_one in members for member in of_one], np.int64)
        self._weights = np.array([weight / sum(of_one) for of_one in weights for weight in of_one], np.float64)
        self._starts = np.cumsum([0] + [len(of_one) for of_one in members[:-1]])

    def place(self, column: Column | Mean) -> int:
        """The place of a column in every array. Raises KeyError for one that is not there."""
        return self._means[column] if isinstance(column, Mean) else self._column[column]

    def weighed(self, start: int, counts: WindowCounts) -> Weighed:
        """A window of the ledger's columns that begins after `start`, with the means.

        The counts of a mean are those of its members together, and it is known as well as the least known of them.
        """
        errors = counts.bad / np.maximum(counts.good + counts.bad, 1) * (counts.covered_ms / counts.length_ms)
        if self._means:
            members, starts = self._members, self._starts
            errors = np.append(errors, np.add.reduceat(errors[members] * self._weights, starts))
            counts = WindowCounts(
                good=np.append(counts.good, np.add.reduceat(counts.good[members], starts)),
                bad=np.append(counts.bad, np.add.reduceat(counts.bad[members], starts)),
                unknown=np.append(counts.unknown, np.add.reduceat(counts.unknown[members], starts)),
                covered_ms=np.append(counts.covered_ms, np.minimum.reduceat(counts.covered_ms[members], starts)),
                length_ms=counts.length_ms,
            )
        return Weighed(start=start, counts=counts, errors=errors, coverage=counts.covered_ms / counts.length_ms)


class Snapshot:
    """Every window at the ledger's `now`, each weighed once."""

    def __init__(self, ledger: Ledger, means: Means) -> None:
        self.ledger = ledger
        self.now = ledger.now
        self.place = means.place
        self._means = means
        self._windows: dict[int, Weighed] = {}
        self._since: dict[int, Weighed] = {}

    def window(self, window_seconds: int) -> Weighed:
        """The rolling window of that length."""
        if window_seconds not in self._windows:
            start = window_start(self.now, window_seconds, self.ledger.slot_seconds)
            self._windows[window_seconds] = self._means.weighed(start, self.ledger.window(window_seconds))
        return self._windows[window_seconds]

    def since(self, mark: int) -> Weighed:
        """What was counted since a mark of the ledger (Unix seconds); see `Ledger.since`."""
        if mark not in self._since:
            self._since[mark] = self._means.weighed(mark, self.ledger.since(mark))
        return self._since[mark]

    def ratio(self, column: Column | Mean, window: Weighed, *, weighed: bool) -> Fraction:
        """The exact error ratio of a column in a window, 0 where there is no total; weighed by its coverage or not."""
        if isinstance(column, Mean):
            ratios = [(weight, self.ratio(member, window, weighed=weighed)) for member, weight in column.weights]
            return sum((weight * ratio for weight, ratio in ratios), Fraction(0)) / sum(weight for weight, _ in ratios)
        place, counts = self.place(column), window.counts
        good, bad, covered_ms = int(counts.good[place]), int(counts.bad[place]), int(counts.covered_ms[place])
        weight = Fraction(covered_ms, counts.length_ms) if weighed else Fraction(covered_ms > 0)
        return Fraction(bad, max(good + bad, 1)) * weight

    def error_budget(
        self, column: Column | Mean, window: Weighed, now: Fraction, changes: Sequence[Change]
    ) -> Fraction:
        """The share of a column's events in a window that may be bad: it is `now` after all its `changes`."""
        place = self.place(column)
        total = int(window.counts.good[place] + window.counts.bad[place])
        inside = [change for change in changes if window.start < change.at < self.now]
        if not inside or not total:
            return now
        allowed = now * total
        for change in inside:
            after = self.since(change.at).counts
            allowed += (change.before - change.after) * (total - int(after.good[place] + after.bad[place]))
        return allowed / total
