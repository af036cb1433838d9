"""The spool: records on disk before they are sent, so that neither an outage nor a restart loses any.

Records come one by one, on the thread of the event loop; several go to disk together, in a thread. Where the disk does
not take them they are held in memory, as many as `MOST_HELD`; where there is no room for more, the oldest go, and that
is counted.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Collection

from slo.core.protocols import Clock
from slo.errors import StoreError
from slo.exposition.forwarding import Forwarding
from slo.exposition.sparing import Sparing
from slo.store.faults import reason_of
from slo.store.queue import Queue

FLUSH_SECONDS = 0.5
"""How long a record may wait for others, to be written together."""

MOST_HELD = 50_000

COMPLAIN_EVERY_SECONDS = 600.0

logger = logging.getLogger(__name__)


class Spool:
    """What waits for one forwarder, at most `most_bytes` of it on disk. `run` writes; `close` writes what is left."""

    def __init__(self, queue: Queue, name: str, *, most_bytes: int, clock: Clock, telemetry: Forwarding) -> None:
        self.queue = queue
        self.name = name
        self.most_bytes = most_bytes
        self._clock = clock
        self._held: deque[bytes] = deque()
        self._writing: deque[bytes] = deque()
        self._written = asyncio.Event()
        self._flushing = asyncio.Lock()
        self._dropped = telemetry.dropped
        self._log = Sparing(logger, every_seconds=COMPLAIN_EVERY_SECONDS)
        telemetry.spool_bytes.labels(name).set_function(self._size_bytes)

    def add(self, record: bytes) -> None:
        """Take in a record; it is on disk soon."""
        if len(self._held) >= MOST_HELD:
            self._held.popleft()
            self.drop(1, "disk")
        self._held.append(record)

    def drop(self, records: int, reason: str) -> None:
        """Count records that nobody will ever get."""
        self._dropped.labels(self.name, "", reason).inc(records)

    async def run(self) -> None:
        """Write what comes, until cancelled."""
        while True:
            await self._clock.sleep_until(self._clock.monotonic() + FLUSH_SECONDS)
            await asyncio.shield(self.flush())

    async def flush(self) -> None:
        """Write what is held. What fails is said, and tried again the next time."""
        async with self._flushing:
            if self._held:
                await self._flush()

    async def wait(self, seconds: float) -> None:
        """Return when something was written, or after so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                await self._written.wait()
        except TimeoutError:
            return
        self._written.clear()

    async def close(self) -> None:
        """Write what is left, and close the file."""
        await self.flush()
        await asyncio.to_thread(self.queue.close)

    async def _flush(self) -> None:
        self._writing, self._held = self._held, deque()
        try:
            dropped = await asyncio.to_thread(self._write, self._writing)
        except StoreError as error:
            self._hold_again()
            self._log.tell(
                logging.ERROR,
                "the spool cannot be written, records are held in memory",
                key=reason_of(error),
                extra={"forwarder": self.name, "held": len(self._held), "error": str(error)},
            )
            return
        self._writing = deque()
        if dropped:
            self.drop(dropped, "full")
        self._written.set()

    def _size_bytes(self) -> int:
        return self.queue.held_bytes + sum(map(len, self._held)) + sum(map(len, self._writing))

    def _hold_again(self) -> None:
        """Put what was not written back before what came since."""
        self._held, self._writing = self._writing + self._held, deque()
        surplus = len(self._held) - MOST_HELD
        if surplus > 0:
            self._held = deque(self._held, maxlen=MOST_HELD)
            self.drop(surplus, "disk")

    def _write(self, records: Collection[bytes]) -> int:
        self.queue.append(records)
        return self.queue.drop_oldest(self.most_bytes)
