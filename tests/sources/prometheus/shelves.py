"""A watch around the source of one server: time that the test moves, a ledger, and a disk that outlives a kill."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import numpy as np

from slo.config.settings import ServerEntry
from slo.core.counts import Counts
from slo.core.deltas import Block
from slo.core.sli import PrometheusSLI
from slo.engine.ledger import Ledger
from slo.exposition.catalogue import Telemetry
from slo.sources.prometheus.followed import Wanted
from slo.sources.prometheus.source import ServerSource
from slo.sources.prometheus.unread import SOURCE
from tests.sources.prometheus.remembered import Remembered

SLOT = 10


class Hands:
    """A clock in the hands of the test."""

    def __init__(self, at: float) -> None:
        self.at = at

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.at, UTC)

    def monotonic(self) -> float:
        return self.at

    async def sleep_until(self, monotonic: float) -> None:
        raise AssertionError("the test moves the time")


class Shelf:
    """A ledger in memory over one on disk, as the books of a watch are."""

    def __init__(self, sli: str, now: int, disk: "Shelf | None" = None) -> None:
        self.lock = asyncio.Lock()
        self.behind = False
        self.begun_anew = 0
        self.written: list[Block] = list(disk.written) if disk else []
        self.marks: dict[tuple[str, str], bytes] = dict(disk.marks) if disk else {}
        self.ledger = Ledger([sli], windows_seconds=[3600], slot_seconds=SLOT, now=now)
        self.ledger.load(self.written)
        self._held: list[Block] = []
        self._waiting: dict[tuple[str, str], bytes] = {}

    @property
    def closed_until(self) -> int:
        return self.ledger.now

    def add(self, sli: str, slot_end: int, counts: Counts) -> None:
        self.ledger.add(sli, slot_end, counts)

    def add_block(self, block: Block) -> None:
        assert (block.ends <= self.ledger.now).all()
        self.ledger.add_block(block)

    def add_history(self, block: Block) -> None:
        assert self.lock.locked()
        assert (block.ends <= self.ledger.now).all()
        self.ledger.add_history(block)
        self._held.append(block)

    def mark(self, watermarks: Mapping[tuple[str, str], bytes]) -> None:
        self._waiting |= watermarks

    def close(self, end: int) -> None:
        self._held += self.ledger.close(end)

    async def write(self) -> None:
        self._held += self.ledger.close(self.ledger.now)
        self.written += self._held
        self.marks |= self._waiting
        self._held, self._waiting = [], {}

    def counts(self) -> dict[int, list[int]]:
        """What is written, by the end of the slot or the minute: good, bad, unknown, covered milliseconds."""
        found: dict[int, np.ndarray] = {}
        for block in self.written:
            for span, end in enumerate(block.ends.tolist()):
                found[end] = found.get(end, 0) + block.counts[:, span, 0]
        return {end: counts.tolist() for end, counts in sorted(found.items()) if counts.any()}


class Following:
    """The source of one server with one SLI, from `now` (Unix seconds) on."""

    def __init__(
        self, server: Remembered, sli: PrometheusSLI, now: int, *, keep_seconds: int = 3600, interval_seconds: int = 30
    ) -> None:
        self.server = server
        self.sli = sli
        self.clock = Hands(now)
        self.telemetry = Telemetry()
        self.shelf = Shelf(sli.key, now)
        self._keep_seconds = keep_seconds
        self._interval = interval_seconds
        self.source = self._source()

    def _source(self) -> ServerSource:
        entry = ServerEntry(
            name="server",
            url="http://server.example",
            interval=timedelta(seconds=self._interval),
            timeout=timedelta(seconds=5),
            offset=timedelta(seconds=30),
        )
        source = ServerSource(
            entry, self.server.client, self.shelf, slot_seconds=SLOT, clock=self.clock, telemetry=self.telemetry
        )
        mark = self.shelf.marks.get((SOURCE, self.sli.key))
        source.follow([Wanted(sli=self.sli, slos=("api",), keep_seconds=self._keep_seconds, mark=mark)])
        return source

    async def passes(self, seconds: int) -> None:
        """Time passes: slots close, and the server is asked once an interval."""
        for _ in range(seconds // SLOT):
            self.clock.at += SLOT
            if self.clock.at % self._interval == 0:
                await self.source._round(self.clock.at + self._interval)
            await self.close_slot()

    async def close_slot(self) -> None:
        end = int(self.clock.at) // SLOT * SLOT
        self.source.close(end)
        self.shelf.close(end)
        await self.shelf.write()

    async def asks_and_is_killed(self, seconds: int) -> None:
        """The kill comes after a round, with the books written meanwhile, and before the slot is closed."""
        self.clock.at = (self.clock.at // self._interval + 1) * self._interval
        await self.source._round(self.clock.at + self._interval)
        await self.shelf.write()
        await self.is_killed(seconds)

    async def reads_the_past(self, most: int = 1000) -> int:
        """How many pieces were read until there was nothing to read now."""
        for pieces in range(most):
            found = [await self.source._past(followed) for followed in tuple(self.source._followed.values())]
            if not any(found):
                return pieces
        return most

    async def is_killed(self, seconds: int) -> None:
        """A kill, and a restart so many seconds later: what was written is there."""
        self.clock.at += seconds // SLOT * SLOT
        written = max((int(block.ends.max()) for block in self.shelf.written), default=int(self.clock.at))
        self.shelf = Shelf(self.sli.key, min(written, int(self.clock.at)), self.shelf)
        self.shelf.close(int(self.clock.at) // SLOT * SLOT)
        self.source = self._source()

    @property
    def read_ratio(self) -> float:
        return self.source._followed[self.sli.key].unread.read_ratio
