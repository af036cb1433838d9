"""The delivery loop: takes what is due out of the outbox, lane by lane, and writes down what became of it.

One message of a lane is under way at a time. Each destination has room of its own, a part of it for P0 alone, so that
neither another destination nor a flood of tickets keeps a page waiting. A message counts as sent when the journal says
so: a verdict that could not be written is kept, and its message is not sent again meanwhile.
"""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from slo.core.delivery import (
    RETRY_AFTER_CAP_SECONDS,
    Action,
    Ambiguous,
    Delivery,
    Dropped,
    Lane,
    Refused,
    Retry,
    Sent,
    Verdict,
    backoff_seconds,
)
from slo.core.paths import DEADLINES, MISSING
from slo.core.priority import Priority
from slo.core.protocols import Clock, Destination, Gathering
from slo.errors import StoreError
from slo.exposition.catalogue import Telemetry
from slo.router.attempt import attempt, count
from slo.router.direct import DirectPages
from slo.router.outbox import Outbox

ROOM = 8
"""Messages under way at once to one destination, unless it says many things at once."""

P0_ROOM = 3
"""How many of these places are kept for P0."""

HEADS = 4 * ROOM
"""How many lanes of each destination are looked at, those that are under way among them."""

SHOWN_EVERY = timedelta(seconds=1)
"""How often the depth is shown at least while there is no rest between two looks."""

STORE_PAUSE_SECONDS = 1.0
SHORTEST_WAIT_SECONDS = 0.25
LONGEST_WAIT_SECONDS = 5.0
MISSING_WAIT_SECONDS = 60.0
"""How long a message for a missing destination waits before the configuration is looked at again."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Unrecorded:
    """A verdict that the journal does not have yet."""

    sequence: int
    verdict: Verdict
    not_before: datetime | None


class DeliveryLoop:
    """Delivers what `outbox` holds. `sent_already` are the lanes whose trigger an earlier process sent directly."""

    def __init__(
        self,
        *,
        outbox: Outbox,
        direct: DirectPages,
        clock: Clock,
        telemetry: Telemetry,
        jitter: Callable[[], float],
        sent_already: AbstractSet[tuple[str, str]] = frozenset(),
    ) -> None:
        self.destinations: Mapping[str, Destination] = {}
        self.paging: AbstractSet[str] = frozenset()
        self._outbox = outbox
        self._direct = direct
        self._clock = clock
        self._telemetry = telemetry
        self._jitter = jitter
        self._sent_already = sent_already
        self._wake = asyncio.Event()
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._under_way: Counter[str] = Counter()
        self._unrecorded: dict[str, _Unrecorded] = {}
        self._slowed: dict[str, datetime] = {}
        self._shown: set[str] = set()
        self._shown_at = clock.now()

    def wake(self) -> None:
        """Something was written to the outbox, or the destinations are others: look now."""
        self._wake.set()

    async def run(self) -> None:
        """Deliver, until cancelled. What is under way then goes on until `close`."""
        while True:
            self._wake.clear()
            try:
                wait_seconds = await self._round()
            except StoreError:
                wait_seconds = STORE_PAUSE_SECONDS
            with contextlib.suppress(TimeoutError):
                # Not wait_for: before Python 3.12 it loses a cancellation that comes together with the event.
                async with asyncio.timeout(wait_seconds):
                    await self._wake.wait()

    async def close(self, deadline_seconds: float) -> None:
        """Let what is under way end, for so long; what does not is cut off, and sent again by the next process."""
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=deadline_seconds)
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _round(self) -> float:
        """Start what may be started. How long to wait for the next look, in seconds."""
        now, journal = self._clock.now(), self._outbox.journal
        if self.paging:  # by themselves first: among ten thousand others they take twenty times as long to find
            await self._start(now, self.paging)
        await self._start(now)
        if not self._wake.is_set() or now - self._shown_at >= SHOWN_EVERY:
            self._shown_at = now
            self._show(await self._outbox.read(journal.depth, now))
        if self._wake.is_set():  # what was written meanwhile may be a page: it does not wait for what is not needed
            return 0.0
        next_due = await self._outbox.read(journal.next_due, now)
        wait_seconds = (next_due - now).total_seconds() if next_due else LONGEST_WAIT_SECONDS
        return min(max(wait_seconds, SHORTEST_WAIT_SECONDS), LONGEST_WAIT_SECONDS)

    async def _start(self, now: datetime, among: AbstractSet[str] = frozenset()) -> None:
        """Start what may be started; where `among` names destinations, of what is for these."""
        under_way = frozenset(self._tasks)
        for delivery in await self._outbox.read(self._outbox.journal.due, now, limit=HEADS, among=among):
            # What has ended since then was read as it was before: the next look sees what became of it.
            if delivery.message.lane not in under_way and self._may_start(delivery, now):
                self._launch(delivery)

    def _may_start(self, delivery: Delivery, now: datetime) -> bool:
        message = delivery.message
        if self._direct.sends(message):
            return False
        destination = self.destinations.get(message.destination)
        left = (destination.room if isinstance(destination, Gathering) else ROOM) - self._under_way[message.destination]
        if message.priority is Priority.P0:
            return left > 0
        return self._slowed.get(message.destination, now) <= now and left > P0_ROOM

    def _launch(self, delivery: Delivery) -> None:
        destination, lane = delivery.message.destination, delivery.message.lane

        def ended(_: asyncio.Task[None]) -> None:
            del self._tasks[lane]
            self._under_way[destination] -= 1
            self._wake.set()

        self._under_way[destination] += 1
        self._tasks[lane] = asyncio.create_task(self._carry(delivery))
        self._tasks[lane].add_done_callback(ended)

    async def _carry(self, delivery: Delivery) -> None:
        """Bring one message a step further. Its lane is held for a moment when the journal does not take that."""
        try:
            await self._step(delivery)
        except StoreError:
            await asyncio.sleep(STORE_PAUSE_SECONDS)
        except Exception:
            logger.exception(
                "a delivery has a fault", extra={"destination": delivery.message.destination, "id": delivery.message.id}
            )
            await asyncio.sleep(LONGEST_WAIT_SECONDS)

    async def _step(self, delivery: Delivery) -> None:
        message = delivery.message
        unrecorded = self._unrecorded.get(message.id)
        destination = self.destinations.get(message.destination)
        if unrecorded and not self._elsewhere(delivery):
            await self._write(message.id, unrecorded)
            return
        if destination is None and not self._elsewhere(delivery):
            await self._park(delivery)
            return
        lane = await self._begin(delivery, destination.credential if destination else "")
        lane = replace(lane, reference=lane.reference or message.reference)
        if self._direct.sends(message):
            return
        verdict = self._elsewhere(delivery)
        if verdict is None and destination is not None:
            self._direct.forget(message)
            verdict = await attempt(destination, message, lane, telemetry=self._telemetry)
            await self._record(delivery, verdict)
        elif verdict is not None:
            await self._record(delivery, verdict)
            self._direct.forget(message)

    def _elsewhere(self, delivery: Delivery) -> Verdict | None:
        """The verdict on a page that went out without the journal, from this process or from an earlier one."""
        message = delivery.message
        if message.action is Action.TRIGGER and message.lane in self._sent_already:
            return Sent()
        return self._direct.verdict(message)

    async def _begin(self, delivery: Delivery, credential: str) -> Lane:
        """Write that an attempt is made, before it is. A page that this keeps back may go out directly."""
        begin, now = self._outbox.journal.begin, self._clock.now()
        try:
            return await self._outbox.write(begin, delivery.sequence, credential=credential, now=now)
        except StoreError:
            self._direct.watch([delivery.message], self.paging)
            raise

    async def _record(self, delivery: Delivery, verdict: Verdict) -> None:
        """Write what became of it, and when it is tried again."""
        now, message, not_before = self._clock.now(), delivery.message, None
        if not isinstance(verdict, Sent | Refused | Dropped):
            after = verdict.after_seconds if isinstance(verdict, Retry) else None
            wait = backoff_seconds(delivery.attempts + 1, after_seconds=after, jitter=self._jitter())
            not_before = now + timedelta(seconds=wait)
            if after is not None:
                self._slowed[message.destination] = now + timedelta(seconds=min(after, RETRY_AFTER_CAP_SECONDS))
        unrecorded = _Unrecorded(sequence=delivery.sequence, verdict=verdict, not_before=not_before)
        self._unrecorded[message.id] = unrecorded
        try:
            await self._write(message.id, unrecorded)
        except StoreError:
            if not_before is not None:
                self._direct.watch([message], self.paging)
            raise

    async def _write(self, message_id: str, unrecorded: _Unrecorded) -> None:
        await self._outbox.write(
            self._outbox.journal.finish,
            unrecorded.sequence,
            unrecorded.verdict,
            now=self._clock.now(),
            not_before=unrecorded.not_before,
        )
        self._unrecorded.pop(message_id, None)

    async def _park(self, delivery: Delivery) -> None:
        """Keep what is for a destination that the configuration does not have, until its deadline, and say so.

        A name that was mistyped can be mended meanwhile. Nobody waits for what is given up.
        """
        now, detail = self._clock.now(), "the configuration has no destination of that name"
        deadline = delivery.created_at + DEADLINES[delivery.message.priority]
        verdict: Verdict
        if now >= deadline:
            verdict, not_before = Refused(reason=MISSING, detail=detail), None
        else:
            # After an attempt it is ambiguous: a kill may have cut off one that was taken, under the lane's credential.
            verdict = (Ambiguous if delivery.attempts else Retry)(reason=MISSING, detail=detail)
            not_before = min(now + timedelta(seconds=MISSING_WAIT_SECONDS), deadline)
        count(delivery.message, verdict, telemetry=self._telemetry)
        finish = self._outbox.journal.finish
        await self._outbox.write(finish, delivery.sequence, verdict, now=now, not_before=not_before)

    def _show(self, depth: Mapping[str, tuple[int, float]]) -> None:
        self._shown |= {*depth, *self.destinations}
        for name in self._shown:
            waiting, age_seconds = depth.get(name, (0, 0.0))
            self._telemetry.outbox_depth.labels(name).set(waiting)
            self._telemetry.outbox_age.labels(name).set(age_seconds)
