"""When an error budget will be spent, if errors go on as they did in the last hour.

It begins with what is left. A rolling window also gives back what leaves it: the rings know when which errors do.
"""

from collections.abc import Sequence

import numpy as np

from slo.engine.ledger import Ledger


def seconds_left(remaining: float, burn_rate: float, seconds: int) -> float:
    """How long what is left lasts where nothing leaves the window, as in a period: remaining x window / burn."""
    return max(0.0, remaining) * seconds / burn_rate


def seconds_left_rolling(
    ledger: Ledger, remaining: float, burn_rate: float, seconds: int, shares: Sequence[tuple[int, float]]
) -> float | None:
    """How long what is left of a rolling window lasts, None where more leaves it in time.

    `shares` says which share of the budget one bad event of a column of the ledger is, by the column's place.
    """
    if remaining <= 0:
        return 0.0
    at, bad = ledger.leaving(seconds, np.array([place for place, _ in shares], np.int64))
    given_back = bad @ np.array([share for _, share in shares], np.float64)
    left = (remaining + given_back) * seconds / burn_rate
    spent = np.flatnonzero(left < np.append(at[1:], seconds + 1))
    return None if not spent.size else max(float(left[spent[0]]), float(at[spent[0]]))
