"""One round on its own has the deadline and the handling of faults that it has in the schedule."""

import asyncio

import pytest

from slo.core.reason import State
from slo.core.wheel import STEP_SECONDS
from slo.errors import Fault
from slo.net.time_limits import TimeLimits
from slo.runner.clock import SteadyClock
from slo.runner.round import run_once
from tests.runner.worlds import FakeCheck, on_virtual_time, scheduled


async def answers(deadline: float) -> str:
    await asyncio.sleep(1.5)
    return "facts"


async def is_refused(deadline: float) -> str:
    raise Fault("connect_refused", phase="connect", phases={"connect": 0.25})


async def hangs(deadline: float) -> str:
    await asyncio.sleep(1000)
    return "too late"


async def knows_where_it_hangs(deadline: float) -> str:
    try:
        return await hangs(deadline)
    except asyncio.CancelledError:
        raise Fault("tls_timeout", phase="tls", phases={"connect": 0.25}) from None


async def swallows_its_cancellation(deadline: float) -> str:
    for _ in range(2):
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            continue
    return "too late"


async def is_broken(deadline: float) -> str:
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("behaviour", "state", "reason", "facts", "seconds"),
    [
        (answers, State.GOOD, "ok", "facts", 1.5),
        (is_refused, State.BAD, "connect_refused", Fault, 0),
        (hangs, State.BAD, "timeout", Fault, 5.05),
        (knows_where_it_hangs, State.BAD, "tls_timeout", Fault, 5.05),
        (swallows_its_cancellation, State.BAD, "timeout", Fault, 5.1),
        (is_broken, State.UNKNOWN, "prober_fault", Fault, 0),
    ],
)
def test_one_round_ends_within_its_timeout_with_an_outcome(
    behaviour: object, state: State, reason: str, facts: object, seconds: float
) -> None:
    async def scene() -> None:
        loop = asyncio.get_running_loop()
        clock = SteadyClock(wall_ns=lambda: 0, monotonic_ns=lambda: round(loop.time() * 1e9))
        check = FakeCheck(behaviour)  # type: ignore[arg-type]
        outcome, found = await run_once(scheduled(check=check, timeout=5), clock, TimeLimits())
        assert (outcome.check, outcome.state, outcome.reason) == ("a", state, reason)
        assert outcome.duration_seconds == pytest.approx(seconds, abs=2 * STEP_SECONDS)
        assert outcome.lateness_seconds == 0
        assert isinstance(found, Fault) if facts is Fault else found == facts
        assert check.deadlines == [5.0]

    on_virtual_time(scene())


def test_a_fault_of_the_kind_is_in_the_log_with_its_place(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        await run_once(scheduled(check=FakeCheck(is_broken)), SteadyClock(), TimeLimits())

    on_virtual_time(scene())
    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError


def test_one_round_that_is_cancelled_takes_its_check_with_it() -> None:
    check = FakeCheck(hangs)

    async def scene() -> None:
        asking = asyncio.create_task(run_once(scheduled(check=check), SteadyClock(), TimeLimits()))
        await asyncio.sleep(1)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await asyncio.sleep(0)
        assert len(check.started) == 1
        assert check.under_way == 0

    on_virtual_time(scene())
