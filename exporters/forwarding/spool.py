"""The spool of one forwarder: records on disk before they are sent, so that neither outage nor restart loses any.

Records come on the thread of the event loop; several go to disk together, in a thread, with the marks that belong to
them. Where the disk does not take them they are held in memory, up to `MOST_HELD_BYTES`; then those go that matter
least, and that is counted.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

from slo.core.protocols import Clock
from slo.core.telemetry import Rank
from slo.errors import StoreError
from slo.exposition.forwarding import Forwarding
from slo.exposition.sparing import Sparing
from slo.store.faults import reason_of
from slo.store.spool import SpoolFile
from slo.store.spooled import Depth, New

FLUSH_SECONDS = 0.5
"""How long a record may wait for others, to be written together."""

MOST_HELD_BYTES = 16_000_000

COMPLAIN_EVERY_SECONDS = 600.0

logger = logging.getLogger(__name__)


class Spool:
    """What waits for the forwarder `name`: at most `most_bytes` of it, but for events. `run` it; `close` it at last."""

    def __init__(self, file: SpoolFile, name: str, *, most_bytes: int, clock: Clock, telemetry: Forwarding) -> None:
        self.file = file
        self.name = name
        self.most_bytes = most_bytes
        self._clock = clock
        self._telemetry = telemetry
        self._held: dict[Rank, deque[New]] = {rank: deque() for rank in Rank}
        self._held_bytes = 0
        self._writing: Sequence[New] = ()
        self._marks: dict[str, str | None] = {}
        self.fault = ""
        """Why the disk does not take what is held, if it does not."""
        self._written = asyncio.Event()
        self._flushing = asyncio.Lock()
        self._log = Sparing(logger, every_seconds=COMPLAIN_EVERY_SECONDS)
        telemetry.spool_bytes.labels(name).set_function(lambda: file.held_bytes + self._held_bytes)

    @property
    def takes_events(self) -> bool:
        """Whether there is room for events, which are never given up: where there is none they wait where they are."""
        return not self.fault and self.file.bytes_of(Rank.EVENT) + self.file.dead.size_bytes < self.most_bytes

    @property
    def log_room_bytes(self) -> int:
        """How much room there is for lines of containers, which have a half; beyond that they wait in their files."""
        if self.fault:
            return 0
        return max(0, self.most_bytes // 2 - self.file.waiting_bytes - self._held_bytes)

    @property
    def held(self) -> Mapping[Rank, Depth]:
        """What is in memory only, by rank."""
        by_rank: dict[Rank, list[New]] = {}
        for record in chain(self._writing, *self._held.values()):
            by_rank.setdefault(record.rank, []).append(record)
        return {
            rank: Depth(
                records=len(records),
                size_bytes=sum(len(record.body) for record in records),
                oldest=min(record.at for record in records),
            )
            for rank, records in by_rank.items()
        }

    def add(self, records: Iterable[New], marks: Mapping[str, str | None] | None = None) -> None:
        """Take in records with the marks that go with them; they are on disk soon, together."""
        for record in records:
            self._held[record.rank].append(record)
            self._held_bytes += len(record.body)
        self._marks |= marks or {}
        if self._held_bytes > MOST_HELD_BYTES:
            self._give_up()

    def drop(self, records: Mapping[Rank, int], reason: str) -> None:
        """Count records that nobody will ever get."""
        for rank, count in records.items():
            self._telemetry.dropped.labels(self.name, rank.name.lower(), reason).inc(count)

    async def run(self) -> None:
        """Write what comes, until cancelled."""
        while True:
            await self._clock.sleep_until(self._clock.monotonic() + FLUSH_SECONDS)
            await asyncio.shield(self.flush())

    async def flush(self) -> None:
        """Write what is held. What fails is said, and tried again the next time."""
        async with self._flushing:
            if self._held_bytes or self._marks:
                await self._flush()

    def wake(self) -> None:
        """Have whoever waits look at once."""
        self._written.set()

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
        await asyncio.to_thread(self.file.close)

    async def _flush(self) -> None:
        self._writing = records = [record for held in self._held.values() for record in held]
        marks, self._marks = self._marks, {}
        self._held = {rank: deque() for rank in Rank}
        try:
            dropped = await asyncio.to_thread(self._write, records, marks)
        except StoreError as error:
            self.fault = str(error)
            self._hold_again(records, marks)
            self._log.tell(
                logging.ERROR,
                "a spool cannot be written, records are held in memory",
                key=reason_of(error),
                extra={"forwarder": self.name, "held_bytes": self._held_bytes, "error": str(error)},
            )
            return
        self.fault, self._writing = "", ()
        self._held_bytes -= sum(len(record.body) for record in records)
        self.drop(dropped, "full")
        self._written.set()

    def _write(self, records: list[New], marks: Mapping[str, str | None]) -> Mapping[Rank, int]:
        self.file.append(records, marks)
        return self.file.make_room(self.most_bytes)

    def _hold_again(self, records: Iterable[New], marks: Mapping[str, str | None]) -> None:
        """Put what was not written back before what came since."""
        before: dict[Rank, deque[New]] = {rank: deque() for rank in Rank}
        for record in records:
            before[record.rank].append(record)
        self._held, self._writing = {rank: before[rank] + since for rank, since in self._held.items()}, ()
        self._marks = {**marks, **self._marks}
        self._give_up()

    def _give_up(self) -> None:
        """Let go of what matters least, the oldest of it first, until the rest may be held."""
        dropped: dict[Rank, int] = {}
        for rank in sorted(Rank, reverse=True):
            while self._held[rank] and self._held_bytes > MOST_HELD_BYTES and rank is not Rank.EVENT:
                self._held_bytes -= len(self._held[rank].popleft().body)
                dropped[rank] = dropped.get(rank, 0) + 1
        self.drop(dropped, "disk")
