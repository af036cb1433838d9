"""The time of the watch never goes back, follows leaps forward at once, and slews towards the wall otherwise."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.runner.clock import SteadyClock
from tests.runner.worlds import on_virtual_time

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = 1_000_000_000


class Sources:
    """A wall and a monotonic clock that a test moves, and the watch's clock over them."""

    def __init__(self) -> None:
        self.wall_ns = round(NOON.timestamp()) * SECOND
        self.monotonic_ns = 5 * SECOND
        self.clock = SteadyClock(wall_ns=lambda: self.wall_ns, monotonic_ns=lambda: self.monotonic_ns)

    @property
    def wall(self) -> datetime:
        return datetime.fromtimestamp(self.wall_ns / SECOND, UTC)

    def go(self, seconds: float, *, wall_seconds: float | None = None) -> datetime:
        self.monotonic_ns += round(seconds * SECOND)
        self.wall_ns += round((seconds if wall_seconds is None else wall_seconds) * SECOND)
        return self.clock.now()


MOVES = st.lists(
    st.tuples(
        st.floats(0, 5) | st.floats(0, 1e-6) | st.floats(0, 1e5),
        st.just(0.0) | st.floats(-1, 1) | st.floats(-1e6, 1e6),
    ),
    max_size=60,
)


@given(moves=MOVES)
def test_it_never_goes_back_and_comes_nearer_to_the_wall(moves: list[tuple[float, float]]) -> None:
    sources = Sources()
    before = sources.clock.now()
    for seconds, step in moves:
        sources.wall_ns += round(step * SECOND)
        apart = abs((sources.wall - before).total_seconds())
        now = sources.go(seconds)
        behind = (sources.wall - now).total_seconds()
        assert now >= before
        assert behind <= 0.5 + 1e-5, "a leap forward is followed at once"
        assert abs(behind) <= max(apart - seconds / 20, 0) + 1e-5, "they come nearer"
        assert (now - before).total_seconds() >= seconds * 0.95 - 1e-5, "time goes on"
        before = now


def test_it_is_the_system_time_where_nobody_sets_it() -> None:
    sources = Sources()
    for _ in range(1000):
        assert sources.go(0.37) == sources.wall
    assert sources.clock.offset_seconds == 0.0
    assert sources.clock.monotonic() == pytest.approx(375.0)


def test_a_leap_forward_is_followed_at_once(caplog: pytest.LogCaptureFixture) -> None:
    sources = Sources()
    assert sources.go(1, wall_seconds=3601) == NOON + timedelta(seconds=3601)
    assert sources.clock.offset_seconds == 0.0
    assert caplog.messages == ["the system clock leapt forward; nothing is known of the time between"]


def test_a_clock_that_leaps_all_the_time_is_not_logged_all_the_time(caplog: pytest.LogCaptureFixture) -> None:
    sources = Sources()
    for _ in range(600):
        sources.go(1, wall_seconds=10)
    assert len(caplog.records) == 10


def test_a_small_lag_is_made_up_little_by_little() -> None:
    sources = Sources()
    sources.go(1, wall_seconds=1.4)
    assert sources.clock.offset_seconds == pytest.approx(-0.35)
    assert sources.go(1) == NOON + timedelta(seconds=2.1)
    sources.go(10)
    assert sources.clock.offset_seconds == 0.0


def test_after_a_fall_back_it_goes_on_at_95_percent_until_the_wall_has_caught_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    sources = Sources()
    sources.wall_ns -= 60 * SECOND
    for seconds in range(1, 1200):
        assert sources.go(1) == NOON + timedelta(seconds=seconds * 0.95)
        assert sources.clock.offset_seconds == pytest.approx(60 - seconds / 20)
    for _ in range(3):
        sources.go(1)
    assert sources.clock.offset_seconds == 0.0
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


def test_a_wall_that_is_days_behind_is_an_error_said_once(caplog: pytest.LogCaptureFixture) -> None:
    sources = Sources()
    sources.wall_ns -= 3 * 86_400 * SECOND
    readings = [sources.go(1) for _ in range(100)]
    assert readings == sorted(readings)
    assert readings[-1] == NOON + timedelta(seconds=95)
    assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR"]


def test_being_put_to_sleep_between_the_two_readings_is_no_leap(caplog: pytest.LogCaptureFixture) -> None:
    wall = iter([0, 1, 2, 8])
    monotonic = iter([0, 1, 7, 8])  # five seconds pass between the third reading of the wall and that of the other
    clock = SteadyClock(wall_ns=lambda: next(wall) * SECOND, monotonic_ns=lambda: next(monotonic) * SECOND)
    assert [clock.now().timestamp() for _ in range(3)] == pytest.approx([1.0, 6.7, 7.75])
    assert "leapt" not in caplog.text


def test_it_starts_no_earlier_than_what_was_written_before() -> None:
    sources = Sources()
    sources.clock.start_at_least(NOON - timedelta(hours=1))
    assert sources.clock.now() == NOON
    sources.clock.start_at_least(NOON + timedelta(seconds=30))
    assert sources.clock.now() == NOON + timedelta(seconds=30)
    assert sources.go(10) == NOON + timedelta(seconds=39.5)


def test_sleep_until_returns_when_the_time_has_come() -> None:
    async def scene() -> None:
        loop = asyncio.get_running_loop()
        clock = SteadyClock(wall_ns=lambda: 0, monotonic_ns=lambda: round(loop.time() * SECOND))
        await clock.sleep_until(12.5)
        assert loop.time() == pytest.approx(12.5)
        await clock.sleep_until(3.0)
        assert loop.time() == pytest.approx(12.5)

    on_virtual_time(scene())


@pytest.mark.parametrize(
    ("step", "slept"),
    [
        pytest.param(0, 100, id="nobody sets the clock"),
        pytest.param(60, 40, id="a leap forward shortens the sleep"),
        pytest.param(-60, 30 + 70 / 0.95, id="a fall back makes it a little longer"),
        pytest.param(3600, 30, id="a leap beyond the moment ends it"),
    ],
)
def test_a_sleep_towards_a_time_of_the_watch_stays_right_when_the_clock_is_set(step: float, slept: float) -> None:
    async def scene() -> None:
        loop = asyncio.get_running_loop()

        def wall_ns() -> int:
            return round((loop.time() + (step if loop.time() >= 30 else 0)) * SECOND)

        clock = SteadyClock(wall_ns=wall_ns, monotonic_ns=lambda: round(loop.time() * SECOND))
        await clock.sleep_until_time(datetime.fromtimestamp(100, UTC))
        assert clock.now() >= datetime.fromtimestamp(100, UTC)
        assert loop.time() == pytest.approx(slept, abs=1.1)

    on_virtual_time(scene())


def test_the_real_sources_agree_with_the_system() -> None:
    clock = SteadyClock()
    assert abs((clock.now() - datetime.now(UTC)).total_seconds()) < 0.5
    assert clock.monotonic() <= clock.monotonic()
