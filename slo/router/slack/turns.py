"""Turns of a channel, and the crowd that waits for one: where many wait, all of them are told at once."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from slo.core.delivery import Ambiguous, Lane, Message, Retry, Verdict
from slo.core.protocols import Clock

PACE_SECONDS = 1.1
"""Slack takes a message a second in a channel; what counts is when they arrive."""

LONGEST_QUEUE_SECONDS = 4.0
"""What would have to wait longer for its turn is better tried again."""

PATIENCE_SECONDS = 10.0
"""A crowd waits longer: trying all of it again would be worse."""

FEW = 4
"""So many are told one by one: what can be answered in its own thread is worth these seconds."""


class Pace:
    """Turns of a channel, a little more than a second apart."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._free_at = clock.monotonic()

    async def turn(self, longest_seconds: float = LONGEST_QUEUE_SECONDS) -> Retry | None:
        """Wait for a turn. When to try again, where there would be too long to wait; None for a turn."""
        now = self._clock.monotonic()
        wait_seconds = self._free_at - now
        if wait_seconds > longest_seconds:
            return Retry(reason="rate_limited", after_seconds=wait_seconds, detail="others are waiting for the channel")
        at = max(now, self._free_at)
        self._free_at = at + PACE_SECONDS
        if at > now:
            await self._clock.sleep_until(at)
        return None

    def taken(self) -> None:
        """A message has arrived, at the latest now: the next one is a second later, however long this one took."""
        self._free_at = max(self._free_at, self._clock.monotonic() + 1.0)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Waiting:
    """A message that waits for a turn. `verdict` is None where it is told by itself after all."""

    message: Message
    lane: Lane
    verdict: asyncio.Future[Verdict | None]


class Crowd:
    """Those that may be told together. The first waits for a turn, and takes the others along where they are many.

    `one` tells a message whose turn it is; `many` tells several at once, and gives the verdict on each by its id, or
    none where they cannot be told at once.
    """

    def __init__(
        self,
        pace: Pace,
        *,
        one: Callable[[Message, Lane], Awaitable[Verdict]],
        many: Callable[[Sequence[Waiting]], Awaitable[Mapping[str, Verdict]]],
    ) -> None:
        self._pace = pace
        self._one = one
        self._many = many
        self._waiting: list[Waiting] = []

    async def tell(self, message: Message, lane: Lane) -> Verdict:
        """Tell it, with others or by itself."""
        waiting = Waiting(message=message, lane=lane, verdict=asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._waiting[0] is waiting:
            return await self._lead(waiting)
        return await waiting.verdict or await self._pace.turn() or await self._one(message, lane)

    async def _lead(self, first: Waiting) -> Verdict:
        crowd, verdicts = self._waiting, dict[str, Verdict]()
        otherwise: Verdict | None = None
        try:
            otherwise = await self._pace.turn(PATIENCE_SECONDS)
            self._waiting = []
            if otherwise is not None:
                return otherwise
            if len(crowd) <= FEW:
                _release(crowd)
                return await self._one(first.message, first.lane)
            otherwise = Ambiguous(reason="timeout")  # where this is cut off, it may have been taken
            verdicts.update(await self._many(crowd))
            if verdicts:
                return verdicts[first.message.id]
            otherwise = None
            _release(crowd)
            return await self._pace.turn() or await self._one(first.message, first.lane)
        finally:
            self._waiting = [] if self._waiting is crowd else self._waiting
            _release(crowd, verdicts, otherwise)


def _release(
    crowd: Sequence[Waiting], verdicts: Mapping[str, Verdict] = MappingProxyType({}), otherwise: Verdict | None = None
) -> None:
    for each in crowd:
        if not each.verdict.done():  # one that was given up waits no more
            each.verdict.set_result(verdicts.get(each.message.id, otherwise))
