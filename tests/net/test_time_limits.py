"""A time limit does what `asyncio.timeout` does: each case is gone through with both."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from slo.net.time_limits import TimeLimits

Within = Callable[[float], AbstractAsyncContextManager[object]]
Case = Callable[[Within], Awaitable[object]]

SOON = 0.02
NEVER = 60.0


async def ends_in_time(within: Within) -> object:
    async with within(NEVER):
        await asyncio.sleep(0)
    return "done"


async def takes_too_long(within: Within) -> object:
    async with within(SOON):
        await asyncio.sleep(NEVER)
    return "done"


async def is_past_before_it_begins(within: Within) -> object:
    async with within(-1.0):
        await asyncio.sleep(NEVER)
    return "done"


async def is_never_waited_in(within: Within) -> object:
    async with within(-1.0):
        pass
    await asyncio.sleep(2 * SOON)
    return "done"


async def fails_in_time(within: Within) -> object:
    async with within(NEVER):
        raise ValueError("of its own")


async def fails_because_it_is_cut_off(within: Within) -> object:
    async with within(SOON):
        try:
            await asyncio.sleep(NEVER)
        finally:
            raise ValueError("while it was cut off")


async def does_not_heed_it(within: Within) -> object:
    async with within(SOON):
        try:
            await asyncio.sleep(NEVER)
        except asyncio.CancelledError:
            return "went on"
    return "done"


async def is_cancelled_by_somebody_else(within: Within) -> object:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().call_soon(task.cancel)
    async with within(NEVER):
        await asyncio.sleep(NEVER)
    return "done"


async def is_cancelled_by_both(within: Within) -> object:
    task = asyncio.current_task()
    assert task is not None
    async with within(SOON):
        try:
            await asyncio.sleep(NEVER)
        except asyncio.CancelledError:
            task.cancel()
            raise
    return "done"


async def is_within_a_shorter_one(within: Within) -> object:
    async with within(SOON), within(NEVER):
        await asyncio.sleep(NEVER)
    return "done"


async def is_around_a_shorter_one(within: Within) -> object:
    async with within(NEVER):
        with pytest.raises(TimeoutError):
            async with within(SOON):
                await asyncio.sleep(NEVER)
        await asyncio.sleep(0)
    return "done"


CASES: list[Case] = [
    ends_in_time,
    takes_too_long,
    is_past_before_it_begins,
    is_never_waited_in,
    fails_in_time,
    fails_because_it_is_cut_off,
    does_not_heed_it,
    is_cancelled_by_somebody_else,
    is_cancelled_by_both,
    is_within_a_shorter_one,
    is_around_a_shorter_one,
]


async def became_of(case: Case, within: Within) -> tuple[object, int]:
    """What a task comes to that does this, and how often it is still asked to stop."""
    task = asyncio.ensure_future(case(within))
    (result,) = await asyncio.gather(task, return_exceptions=True)
    assert isinstance(task, asyncio.Task)
    return (type(result) if isinstance(result, BaseException) else result), task.cancelling()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
async def test_a_limit_does_what_that_of_asyncio_does(case: Case) -> None:
    limits = TimeLimits()

    @asynccontextmanager
    async def ours(seconds: float) -> AsyncIterator[None]:
        with limits.within(seconds):
            yield

    assert await became_of(case, ours) == await became_of(case, asyncio.timeout)


async def test_many_limits_end_each_at_its_own_time_whatever_order_they_were_set_in() -> None:
    limits, loop, ended = TimeLimits(), asyncio.get_running_loop(), list[float]()

    async def wait(seconds: float) -> None:
        began = loop.time()
        with pytest.raises(TimeoutError), limits.within(seconds):
            await asyncio.sleep(NEVER)
        assert loop.time() - began >= seconds - 0.001
        ended.append(seconds)

    await asyncio.gather(*map(wait, (0.2, 0.05, 0.35, 0.05)))
    assert ended == [0.05, 0.05, 0.2, 0.35]


async def test_the_same_limits_serve_one_after_another() -> None:
    limits = TimeLimits()
    for _ in range(3):
        with pytest.raises(TimeoutError), limits.within(SOON):
            await asyncio.sleep(NEVER)
        with limits.within(SOON):
            await asyncio.sleep(0)
