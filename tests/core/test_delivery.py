"""When a message is tried again."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.core.delivery import BACKOFF_CAP_SECONDS, RETRY_AFTER_CAP_SECONDS, backoff_seconds

JITTER = st.floats(0, 1, exclude_max=True)
ATTEMPTS = st.integers(1, 10**6)


@given(ATTEMPTS, JITTER)
def test_a_wait_is_never_nothing_and_never_longer_than_the_cap(attempt: int, jitter: float) -> None:
    assert 0.5 <= backoff_seconds(attempt, after_seconds=None, jitter=jitter) <= BACKOFF_CAP_SECONDS


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 1), (2, 2), (3, 4), (9, 256), (10, 300), (1000, 300)])
def test_waits_double_up_to_five_minutes(attempt: int, seconds: float) -> None:
    assert backoff_seconds(attempt, after_seconds=None, jitter=0) == seconds


@given(ATTEMPTS, JITTER, st.floats(1, 300))
def test_who_cannot_wait_for_so_long_waits_less(attempt: int, jitter: float, cap: float) -> None:
    waits = backoff_seconds(attempt, after_seconds=None, jitter=jitter, cap_seconds=cap)
    assert waits == min(backoff_seconds(attempt, after_seconds=None, jitter=jitter), cap * (1 - jitter / 2))


@given(ATTEMPTS)
def test_jitter_takes_away_up_to_half(attempt: int) -> None:
    waits = [backoff_seconds(attempt, after_seconds=None, jitter=jitter) for jitter in (0.0, 0.25, 0.5, 0.999)]
    assert all(later < earlier for earlier, later in pairwise(waits))
    assert waits[-1] > waits[0] / 2


@given(ATTEMPTS, st.floats(0, RETRY_AFTER_CAP_SECONDS), JITTER)
def test_what_the_other_side_asked_for_is_the_least(attempt: int, after: float, jitter: float) -> None:
    assert backoff_seconds(attempt, after_seconds=after, jitter=jitter) >= after


@given(ATTEMPTS, st.floats(0, allow_nan=False), JITTER)
def test_nobody_can_put_a_page_off_for_long(attempt: int, after: float, jitter: float) -> None:
    assert backoff_seconds(attempt, after_seconds=after, jitter=jitter) <= RETRY_AFTER_CAP_SECONDS * 1.1
