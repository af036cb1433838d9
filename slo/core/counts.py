"""Counts of events, and the slots that they are kept in.

A slot is (start, end], a whole number of seconds long and aligned to the epoch; it is named by its end in Unix
seconds. An event belongs to the slot that holds the time at which it was complete.
"""

import math
from dataclasses import dataclass

KNOWN_FOR_INTERVALS = 2.5
"""How many of its intervals an observation is good for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """What happened in one or more slots: events by state, and how long there was knowledge."""

    good: int = 0
    bad: int = 0
    unknown: int = 0
    covered_ms: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            good=self.good + other.good,
            bad=self.bad + other.bad,
            unknown=self.unknown + other.unknown,
            covered_ms=self.covered_ms + other.covered_ms,
        )

    @property
    def total(self) -> int:
        """The events that an SLI is made of: good and bad. Unknown is neither."""
        return self.good + self.bad

    def ratio(self) -> float | None:
        """The SLI, good / (good + bad); None where there is nothing to divide by."""
        return self.good / self.total if self.total else None


def slot_end(at_seconds: float, slot_seconds: int) -> int:
    """The end (Unix seconds) of the slot that holds `at_seconds`; a time on a boundary ends its slot."""
    return math.ceil(at_seconds / slot_seconds) * slot_seconds
