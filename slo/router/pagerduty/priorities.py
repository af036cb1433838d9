"""PagerDuty's priorities beside the pages: set soon after one was sent, and never instead of it.

An event has no priority, so the incident that it opened is looked up and changed. That is done when the event is
through, one incident after the other, and tried again for a while. What is not done by then is said in the log: the
page is there, with our priority among its details. A kill loses it, too, until the priority changes.
"""

import asyncio
import logging
from collections.abc import Mapping

from slo.core.delivery import Message, Refused
from slo.core.priority import Priority
from slo.core.protocols import Clock
from slo.router.pagerduty.notes import prioritize
from slo.router.pagerduty.rest import Rest, Unanswered

WAITS_SECONDS = (1.0, 3.0, 10.0, 30.0, 60.0)
"""How long to wait before each attempt: PagerDuty makes an incident of an event within a second or two."""

logger = logging.getLogger(__name__)


class Priorities:
    """Gives the incidents of one account the priorities of these `names`."""

    def __init__(self, rest: Rest, names: Mapping[Priority, str], clock: Clock) -> None:
        self._rest = rest
        self._names = names
        self._clock = clock
        self._one_by_one = asyncio.Lock()
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def set_soon(self, message: Message) -> None:
        """Have the incident of a message get its priority; what is under way for that incident is given up for it."""
        if message.priority not in self._names:
            return
        before = self._tasks.pop(message.key, None)
        if before is not None:
            before.cancel()
        task = asyncio.create_task(self._set(message))
        self._tasks[message.key] = task
        task.add_done_callback(lambda done: self._forget(message.key, done))

    async def aclose(self) -> None:
        """Give up what is under way."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _forget(self, key: str, done: asyncio.Task[None]) -> None:
        if self._tasks.get(key) is done:
            del self._tasks[key]

    async def _set(self, message: Message) -> None:
        reason, detail = "", ""
        for wait_seconds in WAITS_SECONDS:
            await self._clock.sleep_until(self._clock.monotonic() + wait_seconds)
            try:
                async with self._one_by_one:
                    await self._rest.use(lambda call: prioritize(call, message, self._names))
            except Unanswered as error:
                reason, detail = error.reason, error.detail
                if isinstance(error.verdict, Refused):
                    break
            else:
                return
        logger.warning(
            "a priority was not set",
            extra={
                "destination": message.destination,
                "incident": message.incident,
                "priority": message.priority.value,
                "reason": reason,
                "detail": detail,
            },
        )
