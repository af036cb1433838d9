"""The default burn policy: google-30d, scaled to the window of an SLO."""

import functools
from dataclasses import replace
from datetime import timedelta

from slo.core.policy import POLICIES, Pair

PUBLISHED = timedelta(days=30)
MONTH = (timedelta(days=28), timedelta(days=31))
"""Windows of a month, for which the published pairs are used as they are; only their factors follow the window."""

_SECOND, _MINUTE, _HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


@functools.cache
def scaled_policy(window: timedelta, *, slot: timedelta, shortest: timedelta) -> tuple[Pair, ...]:
    """The pairs for an SLO over `window`, in whole slots.

    The budget shares are kept. Within a month's length the windows are kept too, so that 28 days give the published
    google-28d. Otherwise they shrink and grow with the SLO's window, so that the factors stay (as Pyrra scales). What
    shrinks stops at `shortest`, the long window at twice that, and from there on the factor falls. A pair is left out
    where it falls below 1, since it would fire while the objective is met, and where an earlier pair has become the
    same. May be empty. Where `shortest` is longer than a published window, that window stays, too short as it is.
    """
    floor = _up(shortest, slot)
    scaled: list[Pair] = []
    for pair in POLICIES["google-30d"]:
        natural = pair.long
        if not MONTH[0] <= window <= MONTH[1]:
            stretched = pair.long * (window // _SECOND) // (PUBLISHED // _SECOND)
            natural = stretched // _unit(stretched, slot) * _unit(stretched, slot)
        long = max(natural, min(2 * floor, pair.long))
        short = natural // (pair.long // pair.short)
        candidate = replace(pair, long=long, short=max(_up(short, _unit(short, slot)), min(floor, pair.short)))
        too_slow = long > natural and candidate.factor(window) < 1
        same = any((p.long, p.short, p.severity) == (long, candidate.short, pair.severity) for p in scaled)
        if not too_slow and not same and long <= window:
            scaled.append(candidate)
    return tuple(scaled)


def _up(span: timedelta, unit: timedelta) -> timedelta:
    return -(-span // unit) * unit


def _unit(span: timedelta, slot: timedelta) -> timedelta:
    """Whole slots up to an hour, whole minutes up to six, and steps of five minutes beyond: few rows in the ledger."""
    return slot if span <= _HOUR else _MINUTE if span <= 6 * _HOUR else 5 * _MINUTE
