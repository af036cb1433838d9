"""The pulse: the one timer that drives every check, and the measure of how long the process stood still."""

import asyncio
from collections.abc import Callable

TICK_SECONDS = 0.005
"""The timer fires at most this often: some lateness is given for processor time."""

HEARTBEAT_SECONDS = 0.1
"""While rounds are under way it fires at least this often, so that a standstill is seen."""

STANDSTILL_SECONDS = 0.1
"""Where the timer fires this late, the process was stopped or far too busy: whoever answered was not heard."""

_SHORTEST_NAP_SECONDS = 0.001  # uvloop's timers count milliseconds, and round down


class Pulse:
    """Sleeps towards the next thing to do, on the clock `monotonic` (seconds)."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._fired_at = float("-inf")
        self._fires_at = float("inf")
        self._stood_still = 0.0
        self._alarm: asyncio.Future[None] | None = None

    async def sleep_until(self, moment: float | None) -> float:
        """Return at `moment`, or when woken, a tick after the last time at the earliest. None: only when woken."""
        loop = asyncio.get_running_loop()
        self._alarm = loop.create_future()
        self._fires_at = float("inf") if moment is None else max(moment, self._fired_at + TICK_SECONDS)
        timer = None
        if moment is not None:
            nap = max(self._fires_at - self._monotonic(), _SHORTEST_NAP_SECONDS)
            timer = loop.call_later(nap, _ring, self._alarm)
        try:
            await self._alarm
        finally:
            self._alarm = None
            if timer is not None:
                timer.cancel()
        now = self._fired_at = self._monotonic()
        self._stood_still = self.stood_still_seconds(now)
        self._fires_at = float("inf")
        return now

    def wake(self) -> None:
        """Something changed: have `sleep_until` return at once."""
        if self._alarm is not None:
            _ring(self._alarm)

    def stood_still_seconds(self, now: float) -> float:
        """How long the process has stood still in all, up to `now`: the part since the timer should have fired too."""
        late = now - self._fires_at
        return self._stood_still + (late if late >= STANDSTILL_SECONDS else 0.0)


def _ring(alarm: asyncio.Future[None]) -> None:
    if not alarm.done():
        alarm.set_result(None)
