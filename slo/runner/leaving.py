"""What leaves the runner: rounds that were given up, and collectors that have a connection to give back."""

import asyncio
import contextlib
import logging
from typing import Any

from slo.core.protocols import Check, Collector

CLOSE_SECONDS = 1.0

logger = logging.getLogger(__name__)


class Leaving:
    """Tasks that nobody asks any more, until they have ended."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def leave(self, check: Check[Any], name: str, under_way: "asyncio.Task[None] | None") -> None:
        """Let a check go whose round may be under way; a collector gives its connection back after that."""
        if under_way is not None:
            self._add(under_way)
        if isinstance(check, Collector):
            self._add(asyncio.create_task(_give_back(check, under_way), name=name))

    async def close(self) -> None:
        """Wait for all of them, in a bounded time."""
        if not self._tasks:
            return
        _, stuck = await asyncio.wait(self._tasks, timeout=CLOSE_SECONDS)
        if stuck:
            names = sorted({task.get_name() for task in stuck})
            logger.warning("some checks do not let themselves be cancelled", extra={"checks": names})

    def _add(self, task: "asyncio.Task[None]") -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _give_back(check: Collector[Any], under_way: "asyncio.Task[None] | None") -> None:
    if under_way is not None:
        await asyncio.wait({under_way}, timeout=CLOSE_SECONDS / 2)
    with contextlib.suppress(Exception):  # what is left of the connection goes with it
        async with asyncio.timeout(CLOSE_SECONDS / 2):
            await check.aclose()
