"""A clock for what waits its turn: whoever sleeps is woken at once, and the time has passed."""

import asyncio
from datetime import datetime, timedelta

from tests.router.making import at


class QuickClock:
    """The time of the watch, which moves only while somebody sleeps, or is told to."""

    def __init__(self) -> None:
        self._seconds = 1000.0
        self.woken: list[float] = []

    def now(self) -> datetime:
        return at(90) + timedelta(seconds=self._seconds - 1000.0)

    def monotonic(self) -> float:
        return self._seconds

    async def sleep_until(self, monotonic: float) -> None:
        self.woken.append(monotonic)
        await asyncio.sleep(0)
        self._seconds = max(self._seconds, monotonic)

    def move(self, seconds: float) -> None:
        self._seconds += seconds
