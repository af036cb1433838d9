"""Where windows begin: exact up to an hour, in small steps above."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from slo.engine.windows import step_seconds, window_start

MINUTE, HOUR, DAY = 60, 3600, 86_400
SLOTS = [1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60]


@pytest.mark.parametrize(
    ("window", "slot", "step"),
    [
        (5 * MINUTE, 10, 10),
        (30 * MINUTE, 10, 10),
        (HOUR, 1, 1),
        (HOUR, 10, 10),
        (HOUR, 60, 60),
        (HOUR + 10, 10, 10),
        (2 * HOUR, 1, 20),
        (2 * HOUR, 10, 20),
        (2 * HOUR, 15, 15),
        (2 * HOUR, 60, 60),
        (6 * HOUR, 10, MINUTE),
        (6 * HOUR, 1, MINUTE),
        (DAY, 10, 4 * MINUTE),
        (3 * DAY, 10, 12 * MINUTE),
        (4 * DAY, 10, 16 * MINUTE),
        (7 * DAY, 10, 28 * MINUTE),
        (28 * DAY, 10, 112 * MINUTE),
        (30 * DAY, 10, 2 * HOUR),
        (90 * DAY, 10, 6 * HOUR),
    ],
)
def test_a_window_moves_in_the_longest_step_that_it_may(window: int, slot: int, step: int) -> None:
    assert step_seconds(window, slot) == step


windows_and_slots = st.sampled_from(SLOTS).flatmap(
    lambda slot: st.tuples(
        st.one_of(st.integers(1, 20_000), st.integers(1, 90 * DAY // 60).map(lambda minutes: minutes * 60 // slot)).map(
            lambda slots: slots * slot
        ),
        st.just(slot),
    )
)


@given(windows_and_slots)
def test_a_step_is_a_part_of_its_window_and_at_most_a_360th(window_and_slot: tuple[int, int]) -> None:
    window, slot = window_and_slot
    step = step_seconds(window, slot)
    assert step % slot == 0
    assert window % step == 0
    assert step == slot or (window > HOUR and step * 360 <= window)
    assert step <= MINUTE or step % MINUTE == 0


@given(st.integers(7 * 60, 90 * 1440), st.sampled_from(SLOTS))
def test_a_window_of_whole_minutes_beyond_the_slots_on_disk_moves_in_whole_minutes(minutes: int, slot: int) -> None:
    assert step_seconds(minutes * MINUTE, slot) % MINUTE == 0


@given(windows_and_slots, st.integers(0, 10**10))
def test_a_window_begins_on_its_step_and_is_longer_by_less_than_one(
    window_and_slot: tuple[int, int], slots: int
) -> None:
    window, slot = window_and_slot
    now, step = slots * slot, step_seconds(window, slot)
    start = window_start(now, window, slot)
    assert start % step == 0
    assert 0 <= (now - window) - start < step
    if window <= HOUR or now % step == 0:
        assert start == now - window


@given(st.sampled_from(SLOTS), st.integers(1, 90 * DAY))
def test_a_window_that_is_no_whole_number_of_slots_is_refused(slot: int, window: int) -> None:
    assume(window % slot)
    with pytest.raises(ValueError, match="is not a whole number of"):
        step_seconds(window, slot)
