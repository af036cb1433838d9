"""Hold-down: an alert that comes and goes has to stay clear for longer each time before its incident resolves.

Each new generation that begins within an hour doubles the wait, up to an hour, so that a service that flaps is a few
pages and then one long incident, and not a page every ten minutes. The pages themselves are never held back.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

WITHIN = timedelta(hours=1)
"""How soon a generation must follow on the one before, or on the end of its hold-down, to count as the same trouble."""

LONGEST = timedelta(hours=1)
"""What doubling ends at; a `resolve_after` that is longer stays as it is."""

FLAPPING_FROM = 3
"""Generations in a row from which on people are told that it flaps: two may be chance."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HoldDown:
    """How long the alert has to be clear now, and how many generations in a row that follows from, itself included."""

    resolve_after: timedelta
    generations: int

    @property
    def flaps(self) -> bool:
        """Whether it comes and goes so often that people should hear so."""
        return self.generations >= FLAPPING_FROM


def hold_down(resolve_after: timedelta, began: Iterable[datetime]) -> HoldDown:
    """The hold-down of an SLO's newest generation, from when its last ones began, in any order.

    A generation cannot begin before the one before it was clear for its own hold-down. So the hour is counted from
    where that could have ended at the earliest: otherwise a hold-down of an hour would always be the last. Nothing
    changes while a generation lasts; what came before a quiet time counts for nothing.
    """
    held, generations = resolve_after, 0
    last: datetime | None = None
    for at in sorted(began):
        if last is None or at - last > WITHIN + held:
            held, generations = resolve_after, 1
        else:
            held, generations = max(min(2 * held, LONGEST), resolve_after), generations + 1
        last = at
    return HoldDown(resolve_after=held, generations=generations)
