"""Something that is looked at again and again, each time within a bounded time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from slo.core.protocols import Clock
from slo.errors import Fault

T = TypeVar("T")


async def repeatedly(
    look: Callable[[], Awaitable[T]],
    *,
    clock: Clock,
    pause: Callable[[], float],
    failed: Callable[[Fault], None],
    timeout_seconds: float,
) -> AsyncIterator[T]:
    """What `look` returns, time after time, with `pause` seconds from one beginning to the next.

    A look that raises a Fault, or does not end within its timeout, is told to `failed`.
    """
    while True:
        began = clock.monotonic()
        try:
            async with asyncio.timeout(timeout_seconds):
                seen = await look()
        except Fault as fault:
            failed(fault)
        except TimeoutError:
            failed(Fault("timeout", detail=f"no answer within {timeout_seconds:g} seconds"))
        else:
            yield seen
        await clock.sleep_until(began + pause())
