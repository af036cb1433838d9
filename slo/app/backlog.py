"""What the ledger on disk lacks: held here until it can be written, one transaction a slot."""

import asyncio
import itertools
import logging
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np

from slo.core.counts import Counts
from slo.core.deltas import Block
from slo.errors import StoreError
from slo.exposition.catalogue import Telemetry
from slo.store.codec import hour_of
from slo.store.faults import reason_of
from slo.store.files import set_aside
from slo.store.ledger import LedgerStore, Watermarks

HELD_BLOCKS = 6 * 360
"""How many blocks are held while the disk cannot take them: six hours of slots of ten seconds."""

COMPACT_EVERY_SECONDS = 600

logger = logging.getLogger(__name__)


class Backlog:
    """The store at `path`, and the blocks and watermarks that it does not have yet.

    `write` never raises for the store: what cannot be written is said, held, and tried again at the next call.
    """

    def __init__(
        self, path: Path, *, slot_seconds: int, retention: timedelta, max_bytes: int, telemetry: Telemetry
    ) -> None:
        self._path = path
        self._slot_seconds = slot_seconds
        self._retention_seconds = int(retention.total_seconds())
        self._max_bytes = max_bytes
        self._telemetry = telemetry
        self._held: deque[Block] = deque()
        self._watermarks: dict[tuple[str, str], bytes | None] = {}
        self._failing = ""
        self._compacted_at = 0
        self.store = self._open()

    @property
    def blocks(self) -> tuple[Block, ...]:
        """What waits to be written, in the order in which it came."""
        return tuple(self._held)

    @property
    def behind(self) -> bool:
        """Whether so much waits to be written that reading the past has to wait."""
        return len(self._held) > HELD_BLOCKS // 4

    def set_aside(self) -> Path:
        """Begin a new file; where the old one is kept."""
        self.store.close()
        aside = set_aside(self._path)
        self.store = self._open()
        return aside

    def hold(self, blocks: Sequence[Block]) -> None:
        """Have these written next; the oldest are dropped where there are too many."""
        self._held.extend(_by_hour(block for block in blocks if block.counts.any()))
        while len(self._held) > HELD_BLOCKS:
            self._held.popleft()
            self._telemetry.ledger_dropped.inc()

    def mark(self, watermarks: Watermarks) -> None:
        """Keep where sources stand: written with the blocks that are written next."""
        self._watermarks |= watermarks

    def watermarks(self, source: str) -> dict[str, bytes]:
        """The watermarks of a source, by name."""
        marks: dict[str, bytes | None] = {**self.store.watermarks(source)}
        marks |= {name: mark for (of, name), mark in self._watermarks.items() if of == source}
        return {name: mark for name, mark in marks.items() if mark is not None}

    def has_written(self, source: str) -> bool:
        """Whether all watermarks of a source are on disk."""
        return all(of != source for of, _ in self._watermarks)

    async def write(self, now: int, totals: Mapping[str, Counts], marks: Mapping[str, str]) -> None:
        """Write what is held, with the totals and marks at `now`. One call at a time."""
        blocks, watermarks = self.blocks, dict(self._watermarks)
        try:
            await asyncio.to_thread(self.store.append, blocks, totals, marks, watermarks)
        except StoreError as error:
            self._complain(error)
        else:
            written = {id(block) for block in blocks}  # some of which may have been dropped meanwhile
            while self._held and id(self._held[0]) in written:
                self._held.popleft()
            for key, mark in watermarks.items():
                if self._watermarks[key] is mark:
                    del self._watermarks[key]
            if self._failing:
                logger.warning("the ledger is written again", extra={"slots": len(blocks)})
            self._failing = ""
            await self._compact(now)
        self._telemetry.ledger_pending.set(len(self._held))

    def _open(self) -> LedgerStore:
        return LedgerStore(self._path, slot_seconds=self._slot_seconds, telemetry=self._telemetry)

    async def _compact(self, now: int) -> None:
        """Keep the store small, now and then, and say how large it is."""
        try:
            if now - self._compacted_at >= COMPACT_EVERY_SECONDS:
                self._compacted_at = now
                await asyncio.to_thread(
                    self.store.compact, now, retention_seconds=self._retention_seconds, max_bytes=self._max_bytes
                )
            self._telemetry.ledger_bytes.set(self.store.size_bytes())
        except StoreError as error:
            self._complain(error)

    def _complain(self, error: StoreError) -> None:
        reason = reason_of(error)
        self._telemetry.ledger_failures.labels(reason).inc()
        if reason != self._failing:
            logger.error("the ledger cannot be written, counts are held in memory", extra={"error": str(error)})
        self._failing = reason


def _by_hour(blocks: Iterable[Block]) -> Iterator[Block]:
    """The blocks, of one hour and one layout together: what comes late after a gap may be thousands of slots."""
    for (_, seconds, names), group in itertools.groupby(
        blocks, lambda block: (hour_of(int(block.ends[0])), block.seconds, block.names)
    ):
        together = list(group)
        yield Block(
            ends=np.concatenate([block.ends for block in together]),
            seconds=seconds,
            names=names,
            counts=np.concatenate([block.counts for block in together], axis=1),
        )
