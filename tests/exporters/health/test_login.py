"""A login beside the kept connection: when it is made, and what is known of the last one."""

from datetime import timedelta

import pytest

from exporters.health.login import FAMILIES, FreshLogin, Login, samples
from slo.errors import Fault
from slo.net.attempt import Attempt
from slo.net.connectivity import Connectivity
from slo.net.context import Context
from slo.net.guard import Guard
from slo.net.resolve import Resolver
from slo.net.tls import TLSContexts
from tests.exporters.clocks import SetClock


class Door:
    """Lets people in, or not, each of them in two seconds."""

    def __init__(self, clock: SetClock) -> None:
        self.shut = ""
        self.came = 0
        self._clock = clock

    async def visit(self, attempt: Attempt) -> None:
        attempt.enter("auth")
        self.came += 1
        self._clock.seconds += 2.0
        if self.shut:
            raise Fault(self.shut, detail="no")


def a_context(clock: SetClock) -> Context:
    return Context(clock=clock, resolver=Resolver(), guard=Guard(), tls=TLSContexts(), connectivity=Connectivity())


async def test_it_is_made_when_it_is_due_and_its_result_stands_in_between() -> None:
    clock = SetClock()
    door = Door(clock)
    login = FreshLogin(door.visit, timedelta(seconds=60), a_context(clock))
    assert await login.ask(clock.seconds + 10) == Login(fault=None, seconds=2.0)
    clock.seconds += 59.0
    assert await login.ask(clock.seconds + 10) == Login(fault=None, seconds=2.0, age_seconds=59.0)
    assert door.came == 1
    clock.seconds += 1.0
    assert await login.ask(clock.seconds + 10) == Login(fault=None, seconds=2.0)
    assert door.came == 2


async def test_one_that_failed_is_tried_again_in_the_next_round() -> None:
    clock = SetClock()
    door = Door(clock)
    login = FreshLogin(door.visit, timedelta(seconds=60), a_context(clock))
    door.shut = "too_many_connections"
    for _ in range(3):
        failed = await login.ask(clock.seconds + 10)
        assert failed is not None
        assert failed.fault is not None
        assert (failed.fault.reason, failed.fault.phase, failed.seconds) == ("too_many_connections", "auth", 2.0)
    door.shut = ""
    assert await login.ask(clock.seconds + 10) == Login(fault=None, seconds=2.0)
    assert door.came == 4


@pytest.mark.parametrize("reason", ["auth_refused", "auth_method", "tls_verify"])
async def test_one_that_was_refused_stands_until_it_is_due_again(reason: str) -> None:
    clock = SetClock()
    door = Door(clock)
    login = FreshLogin(door.visit, timedelta(seconds=60), a_context(clock))
    door.shut = reason
    for _ in range(5):
        refused = await login.ask(clock.seconds + 10)
        assert refused is not None
        assert refused.fault is not None
        assert refused.fault.reason == reason
        clock.seconds += 10.0
    assert door.came == 1
    door.shut = ""
    clock.seconds += 10.0
    assert await login.ask(clock.seconds + 10) == Login(fault=None, seconds=2.0)


async def test_nobody_logs_in_where_that_is_not_wanted() -> None:
    clock = SetClock()
    door = Door(clock)
    assert await FreshLogin(door.visit, timedelta(0), a_context(clock)).ask(10) is None
    assert door.came == 0


def test_its_metrics() -> None:
    said = {sample.name: sample.value for sample in samples(Login(fault=None, seconds=0.5))}
    assert said == {"watchkeep_login_success": 1.0, "watchkeep_login_duration_seconds": 0.5}
    assert said.keys() == FAMILIES.keys()
    assert [sample.value for sample in samples(Login(fault=Fault("auth_refused"), seconds=0.5))] == [0.0, 0.5]
    assert list(samples(None)) == []
