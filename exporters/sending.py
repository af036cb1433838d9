"""Sending: what waits in a spool goes out, in order, until the other side has it."""

import asyncio
import logging
import random
from collections.abc import Callable

from exporters.forwarders.central import MOST_BYTES, MOST_RECORDS, TOO_LARGE, Central
from exporters.spool import Spool
from slo.core.delivery import Refused, Retry, Sent, backoff_seconds
from slo.core.protocols import Clock
from slo.errors import StoreError
from slo.exposition.forwarding import Forwarding
from slo.exposition.sparing import Sparing

LONGEST_PAUSE_SECONDS = 15.0
"""How long after an outage of the other side it takes to be noticed that it is over."""

IDLE_SECONDS = 5.0

QUIET_SECONDS = 20.0
"""After so long without anything to report that is reported: who is silent for a minute is taken for lost."""

SHOWN_BYTES = 500

COMPLAIN_EVERY_SECONDS = 600.0

logger = logging.getLogger(__name__)


class Sending:
    """Sends what is in `spool`, as `agent`. A batch that is refused as a whole is halved until what is bad is alone."""

    def __init__(
        self,
        spool: Spool,
        forwarder: Central,
        *,
        agent: str,
        clock: Clock,
        telemetry: Forwarding,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.forwarder = forwarder
        self._spool = spool
        self._agent = agent
        self._clock = clock
        self._telemetry = telemetry
        self._jitter = jitter
        self._most = MOST_RECORDS
        self._failed = 0
        self._heard_at = clock.monotonic()
        self._log = Sparing(logger, every_seconds=COMPLAIN_EVERY_SECONDS)

    async def run(self) -> None:
        """Send for good."""
        while True:
            try:
                pause = await self.once()
            except StoreError as error:
                self._complain(logging.ERROR, "the spool cannot be read", str(error))
                pause = LONGEST_PAUSE_SECONDS
            if pause is None:
                await self._spool.wait(IDLE_SECONDS)
            elif pause:
                await self._clock.sleep_until(self._clock.monotonic() + pause)

    async def once(self) -> float | None:
        """Send one batch; how many seconds to wait before the next, None: until there is one. Raises StoreError."""
        queue = self._spool.queue
        waiting = await asyncio.to_thread(queue.after, 0, most=self._most, most_bytes=MOST_BYTES)
        if not waiting:
            await self._stay_heard()
            return None
        first = waiting[0][0]
        bodies = [body for place, (number, body) in enumerate(waiting) if number == first + place]
        payload = await asyncio.to_thread(self.forwarder.encode, self._agent, queue.identity, first, bodies)
        verdict = await self.forwarder.send(payload, len(bodies))
        last = first + len(bodies) - 1
        if isinstance(verdict, Sent):
            self._heard_at = self._clock.monotonic()
            self._failed, self._most = 0, min(MOST_RECORDS, self._most * 2)
            await asyncio.to_thread(queue.drop_through, last)
            taken = int(verdict.reference)
            self._telemetry.sent.labels(self._spool.name).inc(taken)
            self._telemetry.success_at.labels(self._spool.name).set(self._clock.now().timestamp())
            if taken < len(bodies):
                self._spool.drop(len(bodies) - taken, "refused")
            return 0.0
        reason, detail = verdict.reason, verdict.detail
        self._telemetry.failures.labels(self._spool.name, reason).inc()
        if len(bodies) > 1 and (isinstance(verdict, Refused) or reason == TOO_LARGE):
            self._most = len(bodies) // 2
            return 0.0
        if isinstance(verdict, Refused):
            await asyncio.to_thread(queue.drop_through, last)
            self._spool.drop(1, "refused")
            record = bodies[0][:SHOWN_BYTES].decode(errors="replace")
            self._complain(logging.ERROR, "the watch will never take a record: it is lost", f"{detail}: {record}")
            return 0.0
        self._complain(logging.WARNING, "the watch did not take a batch, it is sent again", f"{reason}: {detail}")
        self._failed += 1
        after = verdict.after_seconds if isinstance(verdict, Retry) else None
        return backoff_seconds(
            self._failed, after_seconds=after, jitter=self._jitter(), cap_seconds=LONGEST_PAUSE_SECONDS
        )

    async def _stay_heard(self) -> None:
        """Report nothing, where nothing else was reported for long. If that fails, it is tried again as long after."""
        now = self._clock.monotonic()
        if now - self._heard_at < QUIET_SECONDS:
            return
        self._heard_at = now
        payload = self.forwarder.encode(self._agent, self._spool.queue.identity, 0, [])
        verdict = await self.forwarder.send(payload, 0)
        if isinstance(verdict, Sent):
            self._telemetry.success_at.labels(self._spool.name).set(self._clock.now().timestamp())
        else:
            self._telemetry.failures.labels(self._spool.name, verdict.reason).inc()
            self._complain(
                logging.WARNING, "the watch did not take a report of nothing", f"{verdict.reason}: {verdict.detail}"
            )

    def _complain(self, level: int, message: str, detail: str) -> None:
        self._log.tell(
            level,
            message,
            key=f"{message} {detail.partition(':')[0]}",
            extra={"forwarder": self._spool.name, "to": self.forwarder.shown, "detail": detail[:SHOWN_BYTES]},
        )
