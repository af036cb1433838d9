"""The wheel is held against a list of everything that was put in."""

from hypothesis import given
from hypothesis import strategies as st

from slo.core.wheel import STEP_SECONDS, Wheel

MOMENTS = st.floats(min_value=0, max_value=1, allow_nan=False)
DOING = st.lists(st.tuples(st.sampled_from(["put", "drop", "take"]), MOMENTS), max_size=60)


@given(doing=DOING)
def test_everything_comes_up_once_after_its_moment_and_at_most_a_step_late(doing: list[tuple[str, float]]) -> None:
    wheel: Wheel[int] = Wheel()
    there: dict[int, float] = {}
    now = 0.0
    for number, (what, moment) in enumerate(doing):
        if what == "put":
            wheel.put(moment, number)
            there[number] = moment
        elif what == "drop" and there:
            oldest = min(there)
            wheel.drop(there.pop(oldest), oldest)
        elif what == "take":
            now = max(now, moment)
            taken = wheel.take(now)
            assert all(there.pop(each) <= now for each in taken)
            assert all(left > now - STEP_SECONDS for left in there.values())
        due = wheel.next_due()
        assert (due is None) == (not there)
        if due is not None:
            assert 0 <= due - min(there.values()) < STEP_SECONDS + 1e-9


def test_what_comes_up_together_comes_in_the_order_of_the_moments() -> None:
    wheel: Wheel[str] = Wheel()
    for moment in (3.0, 1.0, 2.0):
        wheel.put(moment, f"at {moment}")
    assert wheel.take(2.5) == ["at 1.0", "at 2.0"]
    assert wheel.take(2.5) == []
    assert wheel.take(3.0) == ["at 3.0"]


def test_what_was_taken_back_or_came_up_leaves_nothing_behind() -> None:
    wheel: Wheel[int] = Wheel()
    for number in range(1000):
        wheel.put(number / 100, number)
        wheel.drop(number / 100, number)
    assert wheel.next_due() is None
    assert not wheel._spokes
    wheel.put(1.0, 1)
    assert wheel.take(1.0) == [1]
    wheel.drop(1.0, 1)
    assert wheel.next_due() is None
