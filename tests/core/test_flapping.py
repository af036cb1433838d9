"""The hold-down grows while an alert comes and goes, and only then."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.core.flapping import LONGEST, HoldDown, hold_down

START = datetime(2026, 3, 1, tzinfo=UTC)
FIVE = timedelta(minutes=5)


def minutes(*after: float) -> list[datetime]:
    return [START + timedelta(minutes=each) for each in after]


@pytest.mark.parametrize(
    ("began", "held_minutes", "generations"),
    [
        ([], 5, 0),
        (minutes(0), 5, 1),
        (minutes(0, 10), 10, 2),
        (minutes(0, 10, 25), 20, 3),
        (minutes(0, 10, 25, 50), 40, 4),
        (minutes(0, 10, 25, 50, 95), 60, 5),
        (minutes(0, 10, 25, 50, 95, 160), 60, 6),
        (minutes(25, 0, 10), 20, 3),
        (minutes(0, 65), 10, 2),
        (minutes(0, 65.1), 5, 1),
        (minutes(0, 10, 25, 106), 5, 1),
        (minutes(0, 10, 25, 106, 110), 10, 2),
    ],
)
def test_each_generation_that_soon_follows_doubles_it_up_to_an_hour(
    began: list[datetime], held_minutes: int, generations: int
) -> None:
    held = hold_down(FIVE, began)
    assert held == HoldDown(resolve_after=timedelta(minutes=held_minutes), generations=generations)
    assert held.flaps == (generations >= 3)


def test_what_is_longer_than_an_hour_or_nothing_at_all_stays() -> None:
    assert hold_down(2 * LONGEST, minutes(0, 10, 20)).resolve_after == 2 * LONGEST
    assert hold_down(timedelta(0), minutes(0, 10, 20)).resolve_after == timedelta(0)


@given(st.lists(st.integers(0, 10_000)), st.integers(0, 7200))
def test_it_is_never_shorter_than_configured_nor_longer_than_an_hour(after: list[int], seconds: int) -> None:
    configured = timedelta(seconds=seconds)
    held = hold_down(configured, minutes(*after))
    assert configured <= held.resolve_after <= max(configured, LONGEST)
    assert held.generations <= len(after)


@given(st.lists(st.integers(0, 10_000), min_size=1), st.integers(0, 10_000))
def test_what_began_before_a_quiet_time_counts_for_nothing(recent: list[int], quiet: int) -> None:
    old = [START - timedelta(hours=3, minutes=each) for each in range(quiet % 50)]
    assert hold_down(FIVE, [*old, *minutes(*recent)]) == hold_down(FIVE, minutes(*recent))
