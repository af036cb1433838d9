"""Time limits of what waits for the network: one timer for all, where `asyncio.timeout` has one for each.

A round sets one, and nearly always ends long before it. A timer of the event loop for each is a twentieth of what a
whole probe costs.
"""

import asyncio
from types import TracebackType
from typing import Self

from slo.core.wheel import Wheel

SHORTEST_NAP_SECONDS = 0.001  # uvloop's timers count milliseconds, and round down


class TimeLimits:
    """The time limits of one event loop."""

    def __init__(self) -> None:
        self._wheel: Wheel[TimeLimit] = Wheel()
        self._timer: asyncio.Handle | None = None
        self._rings_at = float("inf")

    def within(self, seconds: float) -> "TimeLimit":
        """A block that may take so long, used as `asyncio.timeout` is: its task is cancelled, and it raises
        TimeoutError, unless somebody else cancels the task as well.
        """
        return TimeLimit(self, asyncio.get_running_loop().time() + seconds)

    def put(self, limit: "TimeLimit") -> None:
        """A block begins."""
        self._wheel.put(limit.moment, limit)
        if limit.moment < self._rings_at:
            self._set_timer()

    def drop(self, limit: "TimeLimit") -> None:
        """A block is over. The timer stays where it is: what it finds nothing for then, costs nothing now."""
        self._wheel.drop(limit.moment, limit)

    def _set_timer(self) -> None:
        due = self._wheel.next_due()
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._rings_at = None, float("inf")
        if due is not None:
            loop = asyncio.get_running_loop()
            nap = due - loop.time()
            if nap > 0:
                self._timer = loop.call_later(max(nap, SHORTEST_NAP_SECONDS), self._ring, loop)
            else:
                self._timer = loop.call_soon(self._ring, loop)
            self._rings_at = due

    def _ring(self, loop: asyncio.AbstractEventLoop) -> None:
        for limit in self._wheel.take(loop.time()):
            limit.expire()
        self._set_timer()


class TimeLimit:
    """One block that ends at `moment` (seconds of the event loop) at the latest. Made by `TimeLimits.within`."""

    __slots__ = ("_cancelling", "_expired", "_limits", "_task", "moment")

    def __init__(self, limits: TimeLimits, moment: float) -> None:
        self._limits = limits
        self._expired = False
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self.moment = moment

    def __enter__(self) -> Self:
        task = self._task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a time limit is for what runs in a task")
        self._cancelling = task.cancelling()
        self._limits.put(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        task, self._task = self._task, None
        self._limits.drop(self)
        if self._expired and task is not None:
            others = task.uncancel() > self._cancelling
            if kind is asyncio.CancelledError and not others:
                raise TimeoutError from error

    def expire(self) -> None:
        """The time is up."""
        if self._task is not None:
            self._expired = True
            self._task.cancel()
