"""Pages that go out without the journal, because the journal cannot be written.

A P0 that the outbox has not begun to send within ten seconds, while the journal is in trouble, is sent from here with
its deduplication key, once: it is tried again until the other side has taken or refused it.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from slo.core.delivery import Action, Dropped, Lane, Message, Refused, Retry, Sent, Verdict, backoff_seconds
from slo.core.paths import MISSING
from slo.core.priority import Priority
from slo.core.protocols import Destination
from slo.exposition.catalogue import Telemetry
from slo.router.attempt import attempt

PATIENCE_SECONDS = 10.0
"""How long a P0 page waits for the journal."""

LOOK_SECONDS = 1.0
"""How often the journal is looked at after that."""

logger = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Page:
    message: Message
    task: asyncio.Task[None] | None = None
    taken: bool = False
    verdict: Sent | Refused | Dropped | None = None


class DirectPages:
    """Watches the P0 pages that the outbox has not begun to send.

    `in_trouble` says whether the journal keeps a message from being sent; `sent` is told of each page that the other
    side took from here.
    """

    def __init__(
        self,
        *,
        in_trouble: Callable[[Message], bool],
        sent: Callable[[Message], None],
        telemetry: Telemetry,
        jitter: Callable[[], float],
    ) -> None:
        self.destinations: Mapping[str, Destination] = {}
        self._in_trouble = in_trouble
        self._sent = sent
        self._telemetry = telemetry
        self._jitter = jitter
        self._pages: dict[str, _Page] = {}

    def watch(self, messages: Iterable[Message], paging: Iterable[str]) -> None:
        """Send these, as far as they are P0 pages, unless they are forgotten in time."""
        for message in messages:
            page = message.action is Action.TRIGGER and message.priority is Priority.P0
            if page and message.destination in paging and message.id not in self._pages:
                entry = self._pages[message.id] = _Page(message)
                entry.task = asyncio.create_task(self._stand_by(entry))

    def sends(self, message: Message) -> bool:
        """Whether it is being sent from here, so that nobody else may."""
        page = self._pages.get(message.id)
        return page is not None and page.taken and page.verdict is None

    def verdict(self, message: Message) -> Sent | Refused | Dropped | None:
        """What became of it, where it was sent from here."""
        page = self._pages.get(message.id)
        return page.verdict if page else None

    def forget(self, message: Message) -> None:
        """The outbox has begun to send it, or has the verdict from here."""
        page = self._pages.pop(message.id, None)
        if page and page.task:
            page.task.cancel()

    async def close(self) -> None:
        """Stop sending."""
        tasks = [page.task for page in self._pages.values() if page.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _stand_by(self, page: _Page) -> None:
        await asyncio.sleep(PATIENCE_SECONDS)
        while not self._in_trouble(page.message):  # noqa: ASYNC110 - a call that hangs is trouble that sets no event
            await asyncio.sleep(LOOK_SECONDS)
        page.taken = True
        logger.error(
            "the journal cannot be written, a P0 page is sent without it",
            extra={"incident": page.message.incident, "destination": page.message.destination, "key": page.message.key},
        )
        attempts = 0
        while page.verdict is None:
            attempts += 1
            verdict = await self._attempt(page.message)
            if isinstance(verdict, Sent | Refused | Dropped):
                page.verdict = verdict
            else:
                after = verdict.after_seconds if isinstance(verdict, Retry) else None
                await asyncio.sleep(backoff_seconds(attempts, after_seconds=after, jitter=self._jitter()))
        if isinstance(page.verdict, Sent):
            self._sent(page.message)

    async def _attempt(self, message: Message) -> Verdict:
        destination = self.destinations.get(message.destination)
        if destination is None:
            return Retry(reason=MISSING)
        lane = Lane(credential=destination.credential)
        return await attempt(destination, message, lane, telemetry=self._telemetry)
