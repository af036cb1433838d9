"""Which slots a set of exclusions covers, and how many seconds of a window."""

from collections.abc import Sequence

import numpy as np

from slo.core.exclusion import Exclusion, excluded_seconds, excluded_spans
from slo.engine.rings import Bools, Ints

DAY_SECONDS = 86_400

Spans = tuple[tuple[int, int], ...]


class Excluded:
    """The time that a set of exclusions covers. Sets of the same exclusions are equal.

    Spans are worked out once and kept, a day ahead of what is asked for, for each length of slot: what is kept on
    disk by the minute is excluded by the minute.
    """

    def __init__(self, exclusions: Sequence[Exclusion]) -> None:
        self.exclusions = tuple(exclusions)
        self._known: dict[int, tuple[int, int, Spans]] = {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Excluded) and self.exclusions == other.exclusions

    def __hash__(self) -> int:
        return hash(tuple(exclusion.name for exclusion in self.exclusions))

    def __bool__(self) -> bool:
        return bool(self.exclusions)

    def covers(self, ends: Ints, unit_seconds: int) -> Bools:
        """Which of the slots of `unit_seconds` that end at `ends` are covered whole."""
        if not self.exclusions or not ends.size:
            return np.zeros(ends.shape, np.bool_)
        spans = self.spans(int(ends.min()) - unit_seconds, int(ends.max()), unit_seconds)
        if not spans:
            return np.zeros(ends.shape, np.bool_)
        starts, lasts = np.array(spans, np.int64).T
        place = np.minimum(np.searchsorted(lasts, ends), len(spans) - 1)
        covered: Bools = (starts[place] < ends) & (ends <= lasts[place])
        return covered

    def seconds(self, start: int, end: int, unit_seconds: int) -> int:
        """How many seconds of (start, end] are in slots that are covered whole."""
        return excluded_seconds(self.spans(start, end, unit_seconds), start, end) if self.exclusions else 0

    def spans(self, begin: int, end: int, unit_seconds: int) -> Spans:
        """The covered slots around (begin, end], merged; those that lie beyond it may be among them."""
        known_from, known_to, spans = self._known.get(unit_seconds, (begin, begin, ()))
        if begin < known_from or end > known_to:
            known_from = min(known_from, begin) // DAY_SECONDS * DAY_SECONDS
            known_to = max(known_to, (end // DAY_SECONDS + 2) * DAY_SECONDS)
            spans = excluded_spans(self.exclusions, known_from, known_to, unit_seconds=unit_seconds)
            self._known[unit_seconds] = (known_from, known_to, spans)
        return spans


NOTHING = Excluded(())
"""What is excluded where nobody excluded anything."""
