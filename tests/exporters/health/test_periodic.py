"""What is asked seldom: when it is due, what stays in between, and what a failure does to it."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.health.periodic import Periodic
from slo.errors import Fault


class Watch:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep_until(self, monotonic: float) -> None:
        self.seconds = monotonic


class Question:
    """Says how often it was asked, or why it is not answered."""

    def __init__(self) -> None:
        self.asked = 0
        self.fault: Fault | None = None

    async def __call__(self) -> int:
        self.asked += 1
        if self.fault is not None:
            raise self.fault
        return self.asked


async def test_an_answer_stays_until_the_next_one_is_due() -> None:
    clock, question = Watch(), Question()
    periodic: Periodic[int] = Periodic(60.0, clock)
    assert (periodic.last, periodic.due) == (None, True)
    for at, value, age in ((1000, 1, 0), (1059, 1, 59), (1060, 2, 0), (1100, 2, 40), (5000, 3, 0)):
        clock.seconds = at
        answer = await periodic.ask(question)
        assert (answer.value, answer.age_seconds) == (value, age)
        assert periodic.last == answer
        assert not periodic.due


async def test_one_that_fails_is_asked_again_and_the_last_answer_stays() -> None:
    clock, question = Watch(), Question()
    periodic: Periodic[int] = Periodic(60.0, clock)
    question.fault = Fault("query_timeout")
    with pytest.raises(Fault):
        await periodic.ask(question)
    assert (periodic.last, periodic.due) == (None, True)
    question.fault = None
    await periodic.ask(question)
    clock.seconds += 61
    question.fault = Fault("query_timeout")
    for _ in range(2):
        with pytest.raises(Fault):
            await periodic.ask(question)
        assert periodic.due
        last = periodic.last
        assert last is not None
        assert (last.value, last.age_seconds) == (2, 61)
    assert question.asked == 4


async def test_what_is_forgotten_is_asked_for_anew() -> None:
    question = Question()
    periodic: Periodic[int] = Periodic(60.0, Watch())
    await periodic.ask(question)
    periodic.forget()
    assert (periodic.last, periodic.due) == (None, True)
    assert (await periodic.ask(question)).value == 2


@given(st.lists(st.floats(0, 200), max_size=30), st.floats(0.001, 100))
async def test_it_is_asked_once_in_each_period_and_never_older_than_that(waits: list[float], period: float) -> None:
    clock, question = Watch(), Question()
    periodic: Periodic[int] = Periodic(period, clock)
    for wait in waits:
        clock.seconds += wait
        due, before = periodic.due, question.asked
        answer = await periodic.ask(question)
        assert question.asked - before == due
        assert answer.age_seconds < period
