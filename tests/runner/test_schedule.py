"""Every due time is taken or passed over exactly once, in order and never early."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.runner.schedule import Schedule, Scheduled, first_due, round_number
from tests.runner.worlds import FakeCheck, scheduled

INTERVALS = st.sampled_from([0.1, 0.7, 1.0, 3.0, 10.0, 60.0]) | st.floats(0.05, 100.0)
STEPS = st.lists(st.floats(0.0, 3.0) | st.floats(0.0, 1000.0) | st.just(10.0), min_size=1, max_size=60)


@given(
    targets=st.lists(st.tuples(st.floats(0.0, 100.0), INTERVALS), min_size=1, max_size=6),
    steps=STEPS,
    start=st.sampled_from([0.0, 12345.678, 1e7]),
)
def test_every_due_time_is_taken_or_passed_over_once_in_order_and_never_early(
    targets: list[tuple[float, float]], steps: list[float], start: float
) -> None:
    schedule: Schedule[int] = Schedule()
    rhythms = [(start + first, interval) for first, interval in targets]
    for target, (first, interval) in enumerate(rhythms):
        schedule.add(target, first=first, interval=interval, number=7)
    done = [0] * len(rhythms)
    now = start
    for step in steps:
        now += step
        taken = schedule.take(now)
        assert len({due.target for due in taken}) == len(taken)
        for target, due, passed_over, number in taken:
            first, interval = rhythms[target]
            beat = done[target] + passed_over
            assert number == 7 + beat
            assert due == first + beat * interval
            assert due <= now < first + (beat + 1) * interval
            done[target] = beat + 1
        next_dues = [first + beat * interval for beat, (first, interval) in zip(done, rhythms, strict=True)]
        assert schedule.next_due() == min(next_dues) > now


def test_targets_that_are_due_together_come_in_the_order_of_their_due_times() -> None:
    schedule: Schedule[str] = Schedule()
    for target, first in (("c", 3.0), ("a", 1.0), ("d", 4.5), ("b", 2.0)):
        schedule.add(target, first=first, interval=10.0)
    assert [due.target for due in schedule.take(4.0)] == ["a", "b", "c"]


def test_the_due_times_do_not_drift() -> None:
    schedule: Schedule[str] = Schedule()
    schedule.add("a", first=0.3, interval=0.1)
    beats = 200_000
    for beat in range(beats):
        (due,) = schedule.take(0.3 + beat * 0.1)
        assert due.passed_over == 0
    assert schedule.next_due() == 0.3 + beats * 0.1


def test_targets_that_are_discarded_leave_the_others_as_they_were() -> None:
    schedule: Schedule[str] = Schedule()
    for target, first in (("a", 1.0), ("b", 2.0), ("c", 3.0)):
        schedule.add(target, first=first, interval=10.0)
    schedule.take(2.5)
    schedule.discard({"a", "c"})
    assert [(due.target, due.due) for due in schedule.take(12.5)] == [("b", 12.0)]
    schedule.discard({"b"})
    assert schedule.next_due() is None
    assert schedule.take(1e9) == []


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=200))
def test_targets_come_and_go_in_any_order(changes: list[tuple[int, bool]]) -> None:
    schedule: Schedule[int] = Schedule()
    there: set[int] = set()
    for target, comes in changes:
        schedule.discard({target})
        there.discard(target)
        if comes:
            schedule.add(target, first=float(target), interval=100.0)
            there.add(target)
        assert schedule.next_due() == min(map(float, there), default=None)
    assert [due.target for due in schedule.take(50.0)] == sorted(there)
    assert len(schedule._heap) <= 2 * len(there) + 1


@pytest.mark.parametrize("interval", [0.0, -1.0])
def test_an_interval_that_is_no_rhythm_is_refused(interval: float) -> None:
    with pytest.raises(ValueError, match="no rhythm"):
        Schedule[str]().add("a", first=0.0, interval=interval)


@given(
    name=st.text(), interval=INTERVALS, wall=st.floats(1.6e9, 2e9), monotonic=st.floats(0, 1e6), later=st.floats(0, 1e5)
)
def test_a_restart_goes_on_in_the_rhythm_of_the_run_before(
    name: str, interval: float, wall: float, monotonic: float, later: float
) -> None:
    first = first_due(name, interval, wall_seconds=wall, monotonic=monotonic)
    assert -1e-9 <= first - monotonic <= interval + 1e-9
    again = first_due(name, interval, wall_seconds=wall + later, monotonic=0.0)
    beats = (wall + later + again - (wall + first - monotonic)) / interval
    assert abs(beats - round(beats)) * interval < 1e-5


def test_checks_of_one_interval_are_spread_over_it() -> None:
    names = [f"https://service-{number}.example/health" for number in range(2000)]
    tenths = Counter(int(first_due(name, 10.0, wall_seconds=0.0, monotonic=0.0)) for name in names)
    assert sorted(tenths) == list(range(10))
    assert all(150 < checks < 250 for checks in tenths.values())


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (scheduled(), True),
        (scheduled(check=FakeCheck()), True),
        (scheduled(name="b"), False),
        (scheduled(interval=11.0), False),
        (scheduled(timeout=4.0), False),
        (scheduled(target="192.0.2.2:80"), False),
        (scheduled(config="expects another status"), False),
    ],
)
def test_scheduled_checks_are_equal_when_they_look_at_the_same_in_the_same_way(
    other: Scheduled,
    same: bool,  # noqa: FBT001 - a column of the table
) -> None:
    assert (scheduled() == other) is same


def test_scheduled_checks_without_a_configuration_are_never_equal() -> None:
    check = FakeCheck()
    one, other = (
        Scheduled(name="a", module="http", target="a:1", interval_seconds=10.0, timeout_seconds=5.0, check=check)
        for _ in range(2)
    )
    assert one != other


@given(
    interval=INTERVALS,
    wall=st.floats(1.5e9, 2e9),
    away=st.floats(0, 100),
    rounds=st.integers(0, 100_000),
)
def test_whoever_has_the_same_rhythm_means_the_same_round_by_its_number(
    interval: float, wall: float, away: float, rounds: int
) -> None:
    def first(wall_seconds: float) -> tuple[int, float]:
        due = wall_seconds + first_due("a", interval, wall_seconds=wall_seconds, monotonic=0.0)
        return round_number("a", interval, wall_seconds=due), due

    number, due = first(wall)
    other, other_due = first(wall + away)
    assert number <= other <= number + away / interval + 1
    assert other_due - due == pytest.approx((other - number) * interval, abs=1e-4)
    assert round_number("a", interval, wall_seconds=due + rounds * interval) == number + rounds
