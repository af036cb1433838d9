"""Which windows are summed from which shorter ones, so that a long window costs a rule next to nothing.

A window of up to six hours is the sum of the steps in it: 720 samples at most. A longer one is the sum of shorter
windows, each read once, at its own offset: a day is four times six hours, three days are three days of one, thirty days
ten times three. They follow one another without a seam, so nothing is counted twice and nothing is missed, and 30 days
cost ten pieces instead of 86,400 samples.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

SUMMED_SECONDS = 6 * 3600
"""Up to this length a window is the sum of its steps."""
MOST_PIECES = 12
"""A window of more pieces is made of windows between the two, where its length allows that."""
STEP_SECONDS = 30
"""How often rules are evaluated, unless a window is no multiple of that."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sum:
    """A window (seconds) as the sum of `pieces` windows of `piece` seconds. One piece: it is the sum of its steps."""

    window: int
    piece: int
    pieces: int = 1


def step_of(windows: Iterable[int]) -> int:
    """How often (seconds) the rules for these windows are evaluated: all of them are whole steps."""
    return math.gcd(STEP_SECONDS, *windows)


def plan(windows: Iterable[int], step: int) -> tuple[Sum, ...]:
    """How to sum these windows (seconds) of steps of `step` seconds, the shortest first, each from those before it.

    There may be more sums than windows: some stand between a long window and a short one.
    """
    sums: dict[int, Sum] = {}
    for window in sorted(set(windows)):
        if window <= SUMMED_SECONDS:
            sums[window] = Sum(window=window, piece=window)
            continue
        piece = max([_divisor(window, step), *(shorter for shorter in sums if window % shorter == 0)])
        sums.setdefault(piece, Sum(window=piece, piece=piece))
        while window // piece > MOST_PIECES and (factor := _smallest_factor(window // piece)) < window // piece:
            sums[piece * factor] = Sum(window=piece * factor, piece=piece, pieces=factor)
            piece *= factor
        sums[window] = Sum(window=window, piece=piece, pieces=window // piece)
    return tuple(sums[window] for window in sorted(sums))


def _divisor(window: int, step: int) -> int:
    """The longest window of whole steps that divides this one and is summed from its steps."""
    return next(length for length in range(SUMMED_SECONDS // step * step, 0, -step) if window % length == 0)


def _smallest_factor(number: int) -> int:
    return next((factor for factor in range(2, math.isqrt(number) + 1) if number % factor == 0), number)
