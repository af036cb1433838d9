"""A login beside the kept connection: when it is made, and what is told of it in between."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from exporters.health.login import FreshLogin, Login, samples
from slo.core.sample import Sample
from slo.errors import Fault
from slo.net.attempt import Attempt
from slo.net.context import Context
from slo.runner.clock import SteadyClock


class Watch(SteadyClock):
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> datetime:
        raise NotImplementedError

    def monotonic(self) -> float:
        return self.seconds


class Door:
    """Lets in whoever comes, or gives a reason why not."""

    def __init__(self, every: timedelta) -> None:
        self.clock = Watch()
        self.reason = ""
        self.visits = 0
        self._login = FreshLogin(self._visit, every, Context.default(self.clock))

    async def _visit(self, attempt: Attempt) -> None:
        attempt.enter("auth")
        self.visits += 1
        if self.reason:
            raise Fault(self.reason)

    async def round(self, seconds: float = 10) -> str | None:
        """One round later: how the last login went, and None where there was none."""
        self.clock.seconds += seconds
        login = await self._login.ask(self.clock.seconds + 5)
        return None if login is None else login.fault.reason if login.fault else "ok"


async def test_nobody_logs_in_where_that_is_not_wanted() -> None:
    door = Door(timedelta(0))
    assert await door.round() is None
    assert door.visits == 0


async def test_a_login_stands_until_the_next_is_due() -> None:
    door = Door(timedelta(minutes=1))
    assert [await door.round() for _ in range(6)] == ["ok"] * 6
    assert door.visits == 1
    await door.round()
    assert door.visits == 2


async def test_one_that_failed_is_tried_again_in_the_next_round() -> None:
    door = Door(timedelta(minutes=1))
    door.reason = "too_many_connections"
    assert [await door.round() for _ in range(3)] == ["too_many_connections"] * 3
    assert door.visits == 3
    door.reason = ""
    assert await door.round() == "ok"


@pytest.mark.parametrize("reason", ["auth_refused", "auth_method", "tls_verify"])
async def test_one_that_was_refused_is_not_repeated_before_it_is_due(reason: str) -> None:
    door = Door(timedelta(minutes=1))
    door.reason = reason
    assert [await door.round() for _ in range(6)] == [reason] * 6
    assert door.visits == 1
    door.reason = ""
    assert await door.round() == "ok"


def test_what_is_told_of_it() -> None:
    login = Login(fault=None, seconds=0.25, age_seconds=3.0)
    took = Sample("watchkeep_login_duration_seconds", 0.25)
    assert list(samples(None)) == []
    assert list(samples(login)) == [Sample("watchkeep_login_success", 1.0), took]
    assert list(samples(replace(login, fault=Fault("auth_refused")))) == [Sample("watchkeep_login_success", 0.0), took]
