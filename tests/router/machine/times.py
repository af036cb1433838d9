"""The time of the machine: it passes when the machine says so, and when somebody of the router sleeps by it."""

import asyncio
from datetime import UTC, datetime, timedelta

from tests.router.making import T0

TICK_SECONDS = 0.001
"""No two looks at the clock see the same time."""


class Times:
    """True time, and that of the machine on which the watch runs, which is `ahead_seconds` of it, or behind."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self.ahead_seconds = 0.0

    def now(self) -> datetime:
        self._seconds += TICK_SECONDS
        return T0 + timedelta(seconds=self._seconds + self.ahead_seconds)

    def monotonic(self) -> float:
        return self._seconds

    async def sleep_until(self, monotonic: float) -> None:
        await asyncio.sleep(0)
        self._seconds = max(self._seconds, monotonic)

    def true(self) -> float:
        """What everybody else's clocks say, in Unix seconds."""
        return T0.timestamp() + self._seconds

    def true_now(self) -> datetime:
        """The same as a time."""
        return datetime.fromtimestamp(self.true(), UTC)

    def let_pass(self, seconds: float) -> None:
        """Wait."""
        self._seconds += seconds
