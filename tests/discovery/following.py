"""A discovery that is looked at while the test changes what there is to find."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from slo.core.protocols import Discovery
from slo.core.target import Target
from slo.errors import Fault

SOON_SECONDS = 30.0


class Followed:
    """What a discovery has said: its last set, how often it said one, and its failures."""

    def __init__(self) -> None:
        self.found: frozenset[Target] | None = None
        self.times = 0
        self.faults: list[Fault] = []

    @property
    def addresses(self) -> list[str]:
        return sorted(target.address for target in self.found or ())

    @property
    def reasons(self) -> list[str]:
        return [fault.reason for fault in self.faults]

    async def until(self, condition: Callable[["Followed"], bool]) -> None:
        """Return when it is so."""
        async with asyncio.timeout(SOON_SECONDS):
            while not condition(self):
                await asyncio.sleep(0.01)

    async def again(self) -> None:
        """Return when the discovery has said something once more."""
        times = self.times
        await self.until(lambda followed: followed.times > times)


@contextlib.asynccontextmanager
async def following(discovery: Discovery) -> AsyncIterator[Followed]:
    followed = Followed()

    async def follow() -> None:
        async for found in discovery.targets(followed.faults.append):
            followed.found = found
            followed.times += 1

    task = asyncio.create_task(follow())
    try:
        yield followed
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
