"""Where windows begin, and in which steps their trailing edge moves.

A window of length w at the slot end `now` covers the slots whose end lies in (start, now], with
start = floor((now - w) / step) x step. The step is one slot up to an hour, so those windows are exact; above an hour
it is at most w / 360 and divides w, so a window is exact whenever `now` is a multiple of its step, and is otherwise
longer by less than one step.
"""

import functools

from slo.core.duration import duration_name

EXACT_UP_TO_SECONDS = 3600
STEPS_PER_WINDOW = 360
MINUTE_SECONDS = 60
LOST_AFTER_SECONDS = 300
"""The time without any knowledge after which an SLI has lost its data."""

RATE_SECONDS = 3600
"""The window whose burn rate is the present one, by which budgets are forecast; or the budget's own, if shorter."""


@functools.cache
def step_seconds(window_seconds: int, slot_seconds: int) -> int:
    """The step in which the trailing edge of a window moves, in seconds.

    Steps above a minute are whole minutes, because that is the resolution in which older counts are kept on disk.
    Raises ValueError where the window is not a whole number of slots.
    """
    if window_seconds % slot_seconds:
        raise ValueError(
            f"a window of {duration_name(window_seconds)} is not a whole number of {duration_name(slot_seconds)} slots"
        )
    if window_seconds <= EXACT_UP_TO_SECONDS:
        return slot_seconds
    most = window_seconds // STEPS_PER_WINDOW
    for unit in (MINUTE_SECONDS, slot_seconds):
        longest = most if unit == MINUTE_SECONDS else min(most, MINUTE_SECONDS)
        steps = (n * unit for n in range(longest // unit, 0, -1))
        fitting = next((step for step in steps if window_seconds % step == 0), None)
        if fitting:
            return fitting
    return slot_seconds


def window_start(now: int, window_seconds: int, slot_seconds: int) -> int:
    """The time (Unix seconds) after which the window begins, at the slot end `now`."""
    step = step_seconds(window_seconds, slot_seconds)
    return (now - window_seconds) // step * step
