"""A check that others run, as it is configured: how its rounds are numbered, and who has to see what."""

import math
from dataclasses import dataclass

from slo.core.counts import KNOWN_FOR_INTERVALS
from slo.core.outcome import Outcome
from slo.sources.checks import Watched
from slo.sources.quorum import REMEMBERED, Quorum

REMEMBERED_SECONDS = 6 * 3600
"""How late knowledge of a slot may come."""

AHEAD_SECONDS = 3600
"""How far the number of a round may be ahead of its time."""

ALIKE = 0.01
"""How much the interval that a round's number tells may differ from the one that is configured."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reporting:
    """A check that others run: its name, the intervals that its targets may have, and who looks at them."""

    check: str
    intervals: tuple[float, ...]
    vantage_points: tuple[str, ...] = ("",)
    quorum: int = 1

    def interval_of(self, outcome: Outcome) -> float | None:
        """In which rhythm a round was made: rounds are numbered from the epoch. None for one that is not ours.

        One that is numbered as if it were much later would keep its target from being counted until then.
        """
        at = outcome.at.timestamp()
        rhythm = at / outcome.number if outcome.number else math.inf
        nearest = min(self.intervals, key=lambda interval: abs(rhythm - interval))
        ours = abs(rhythm - nearest) <= ALIKE * nearest and outcome.number * nearest <= at + AHEAD_SECONDS
        return nearest if ours else None

    def joined(self, watched: Watched) -> Quorum:
        """What joins the rounds of one of its targets, of which nothing is known yet."""
        return Quorum(
            self.vantage_points,
            quorum=self.quorum,
            patience_seconds=watched.interval_seconds,
            remembered=max(REMEMBERED, round(REMEMBERED_SECONDS / watched.interval_seconds)),
        )


def horizon_ms(watched: Watched) -> int:
    """For how long a round tells of a target."""
    return round(watched.interval_seconds * KNOWN_FOR_INTERVALS * 1000)
