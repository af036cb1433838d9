"""Retirement: destinations that the configuration no longer has are closed when nothing can use them any more."""

import asyncio
import logging
from collections.abc import Iterable, Sequence

from slo.core.protocols import Destination
from slo.router.attempt import DEADLINE_SECONDS

logger = logging.getLogger(__name__)


class Retirement:
    """The destinations that wait to be closed."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, destinations: Sequence[Destination]) -> None:
        """Close these when every attempt that may be under way has ended."""
        if destinations:
            task = asyncio.create_task(_retire(destinations))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Close at once whatever waits."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def let_go(destinations: Iterable[Destination]) -> None:
    """Close these, each within a second; what fails is said."""
    for destination in destinations:
        try:
            async with asyncio.timeout(1.0):
                await destination.aclose()
        except Exception:
            logger.exception("a destination could not be closed")


async def _retire(destinations: Sequence[Destination]) -> None:
    try:
        await asyncio.sleep(DEADLINE_SECONDS)
    finally:
        await let_go(destinations)
