"""The default policy is sane for every window, and the published one where it was published."""

from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.core.policy import POLICIES, Severity
from slo.core.scaling import scaled_policy

SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
SLOTS = st.sampled_from([1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30]).map(lambda seconds: seconds * SECOND)


@pytest.mark.parametrize("days", [28, 29, 30, 31])
def test_a_month_has_the_published_windows_and_shares(days: int) -> None:
    assert scaled_policy(days * DAY, slot=10 * SECOND, shortest=30 * SECOND) == POLICIES["google-30d"]


def test_28_days_have_the_published_factors() -> None:
    pairs = scaled_policy(28 * DAY, slot=10 * SECOND, shortest=30 * SECOND)
    assert [pair.factor(28 * DAY) for pair in pairs] == [
        Fraction("13.44"),
        Fraction("5.6"),
        Fraction("2.8"),
        Fraction(14, 15),
    ]


@pytest.mark.parametrize(
    ("window", "windows"),
    [
        (90 * DAY, ["3:00:00/0:15:00", "18:00:00/1:30:00", "3 days, 0:00:00/6:00:00", "9 days, 0:00:00/18:00:00"]),
        (7 * DAY, ["0:14:00/0:01:10", "1:24:00/0:07:00", "5:36:00/0:28:00", "16:45:00/1:24:00"]),
        (1 * DAY, ["0:02:00/0:00:30", "0:12:00/0:01:00", "0:48:00/0:04:00", "2:24:00/0:12:00"]),
        (1 * HOUR, ["0:01:00/0:00:30", "0:02:00/0:00:30", "0:06:00/0:00:30"]),
    ],
)
def test_the_windows_follow_the_slo_s_own(window: timedelta, windows: list[str]) -> None:
    pairs = scaled_policy(window, slot=10 * SECOND, shortest=30 * SECOND)
    assert [f"{pair.long}/{pair.short}" for pair in pairs] == windows


@given(st.integers(3600, 400 * 86400), SLOTS, st.integers(1, 30))
def test_every_window_from_an_hour_up_gets_pairs_that_page_and_never_while_all_is_well(
    seconds: int, slot: timedelta, interval: int
) -> None:
    window = seconds * SECOND // slot * slot
    shortest = max(2 * slot, interval * 3 * SECOND)
    pairs = scaled_policy(window, slot=slot, shortest=shortest)
    if shortest <= 30 * SECOND:
        assert any(pair.severity is Severity.PAGE for pair in pairs)
    assert len({(pair.long, pair.short, pair.severity) for pair in pairs}) == len(pairs)
    for pair in pairs:
        assert not pair.long % slot
        assert not pair.short % slot
        assert shortest <= pair.short < pair.long <= window
        assert Fraction(9, 10) <= pair.factor(window) <= Fraction(18)
        assert pair.budget in {share.budget for share in POLICIES["google-30d"]}


@given(st.integers(1, 400 * 86400), SLOTS, st.integers(1, 100_000))
def test_no_window_makes_it_fail(seconds: int, slot: timedelta, shortest: int) -> None:
    window = max(seconds * SECOND // slot * slot, slot)
    for pair in scaled_policy(window, slot=slot, shortest=shortest * SECOND):
        assert pair.short < pair.long <= window
