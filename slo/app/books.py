"""The ledger in memory and the one on disk, kept in step.

Decisions are made on the ledger in memory. The one on disk follows, one transaction a slot; while it cannot be
written (a full disk, a locked file) what it lacks is held here, and is written as soon as it can be.
"""

import asyncio
import heapq
import itertools
import json
import logging
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from pathlib import Path

import numpy as np

from slo.core.counts import Counts
from slo.core.deltas import Block
from slo.core.exclusion import Exclusion
from slo.core.slo import SLO
from slo.engine.evaluate import Engine, ledger_of
from slo.engine.ledger import Ledger
from slo.engine.rings import Ints
from slo.errors import StoreError
from slo.exposition.catalogue import Telemetry
from slo.runner.clock import SteadyClock
from slo.store.codec import by_hour, hour_of
from slo.store.faults import reason_of
from slo.store.files import set_aside
from slo.store.ledger import LedgerStore, Watermarks

HELD_BLOCKS = 6 * 360
"""How many blocks are held while the disk cannot take them: six hours of slots of ten seconds."""

COMPACT_EVERY_SECONDS = 600

FAR_AHEAD_SECONDS = 86_400
"""A ledger that is further ahead of the clock than this is not waited for."""

NOW, PENDING, OPEN = "now", "pending", "open"
"""The marks written with the counts: the last closed slot, the conditions that hold but do not fire yet, and what a
watch that stopped had counted in slots that were not over."""

logger = logging.getLogger(__name__)


class Books:
    """The engine over its ledger, and the store that follows it.

    Call `open` before anything else. `close` slots in order; `write` afterwards, which never raises for the store.
    What `exclusions` cover counts for nothing, from the next `open` or `rebuild` on.
    """

    def __init__(
        self,
        path: Path,
        *,
        slot_seconds: int,
        retention: timedelta,
        max_bytes: int,
        clock: SteadyClock,
        telemetry: Telemetry,
    ) -> None:
        self.slot_seconds = slot_seconds
        self.exclusions: Sequence[Exclusion] = ()
        self.lock = asyncio.Lock()
        self._path = path
        self._retention_seconds = int(retention.total_seconds())
        self._max_bytes = max_bytes
        self._clock = clock
        self._telemetry = telemetry
        self._store = LedgerStore(path, slot_seconds=slot_seconds, telemetry=telemetry)
        self._held: deque[Block] = deque()
        self._watermarks: dict[tuple[str, str], bytes | None] = {}
        self._writing = asyncio.Lock()
        self._failing = ""
        self._compacted_at = 0
        self.engine = Engine((), Ledger((), windows_seconds=(), slot_seconds=slot_seconds, now=0))

    @property
    def ledger(self) -> Ledger:
        """The ledger in memory."""
        return self.engine.ledger

    @property
    def closed_until(self) -> int:
        """The end of the last closed slot (Unix seconds)."""
        return self.ledger.now

    @property
    def behind(self) -> bool:
        """Whether so much waits to be written that reading the past has to wait."""
        return len(self._held) > HELD_BLOCKS // 4

    def settle(self) -> None:
        """Have time begin where the newest slot on disk ends, if that is ahead of the clock.

        A ledger that is more than a day ahead was written by a clock that was wrong, and is set aside.
        """
        last = int(self._store.marks().get(NOW, 0))
        if last > self._now() + FAR_AHEAD_SECONDS:
            self._store.close()
            aside = set_aside(self._path)
            logger.error(
                "the ledger was written by a clock that is far ahead of this one and was set aside, a new one is begun",
                extra={"kept": str(aside), "ahead_seconds": last - self._now()},
            )
            self._store = LedgerStore(self._path, slot_seconds=self.slot_seconds, telemetry=self._telemetry)
            last = 0
        self._clock.start_at_least(datetime.fromtimestamp(last, UTC))

    def open(self, slos: Sequence[SLO]) -> None:
        """Read the history of these SLOs from disk. The time since the last slot on disk stays unknown."""
        self.settle()
        marks = self._store.marks()
        totals = self._store.totals() if NOW in marks else None
        self.engine = self._engine(slos, int(marks.get(NOW, 0)) or self._now(), (), totals=totals)
        self.engine.restore({}, json.loads(marks.get(PENDING, "{}")))
        _count_again(self.ledger, _counted(marks.get(OPEN, "[]")))
        self._hold(self.ledger.close(self._now()))

    async def rebuild(self, slos: Sequence[SLO]) -> None:
        """Change the SLOs: a new ledger from what is on disk and what is held for it; alert states go over.

        To be called under `lock`; what is counted meanwhile is counted. Raises StoreError where the history cannot be
        read, and all is as it was.
        """
        old = self.engine
        self._hold(self.ledger.close(self.ledger.now))
        totals = self._store.totals() | _by_name(self.ledger.names, self.ledger.sli_totals)
        new = await asyncio.to_thread(self._engine, slos, self.ledger.now, tuple(self._held), totals=totals)
        _count_again(new.ledger, _in_blocks(old.ledger.open_blocks()))
        new.take_over(old)
        self.engine = new

    def add(self, sli: str, slot_end: int, counts: Counts) -> None:
        """Count something; see `Ledger.add`."""
        self.ledger.add(sli, slot_end, counts)

    def add_block(self, block: Block) -> None:
        """Count a block at once; see `Ledger.add_block`."""
        self.ledger.add_block(block)

    def has_counted(self, sli: str) -> bool:
        """Whether anything was ever counted for an SLI, as far as is known."""
        column = self.ledger.column.get(sli)
        return column is not None and bool(self.ledger.totals[:, column].any())

    def add_history(self, block: Block) -> None:
        """Count a block of slots or minutes that have closed. To be called under `lock`, with `write` after it."""
        self.ledger.add_history(block)
        self._hold([block])

    def mark(self, watermarks: Watermarks) -> None:
        """Keep where sources stand: written with the counts of the slots that are closed next."""
        self._watermarks |= watermarks

    def watermarks(self, source: str) -> dict[str, bytes]:
        """The watermarks of a source, by name."""
        marks: dict[str, bytes | None] = {**self._store.watermarks(source)}
        marks |= {name: mark for (of, name), mark in self._watermarks.items() if of == source}
        return {name: mark for name, mark in marks.items() if mark is not None}

    @property
    def begun_anew(self) -> int:
        """How often the file was replaced by one without watermarks: those that hold are to be given again."""
        return self._store.begun_anew

    def close(self, end: int) -> None:
        """Close every slot up to `end`; what was counted in them waits to be written."""
        self._hold(self.ledger.close(end))

    async def write(self) -> None:
        """Bring the store up to date. What fails is said and tried again at the next call.

        Who is cancelled here leaves a writing that ends by itself, and that the next one waits for: no slot is
        written twice.
        """
        await asyncio.shield(self._write({}))

    async def finish(self) -> None:
        """Write everything, with what was counted in slots that are not over, and close the store."""
        self._hold(self.ledger.close(self.ledger.now))
        still_open = [[end, sli, *row] for end, sli, row in _in_blocks(self.ledger.open_blocks())]
        await self._write({OPEN: json.dumps(still_open)})
        self._store.close()

    def _now(self) -> int:
        return int(self._clock.now().timestamp()) // self.slot_seconds * self.slot_seconds

    async def _write(self, more_marks: Mapping[str, str]) -> None:
        async with self._writing:
            # What came late is in the totals, and in the watermarks, already.
            self._hold(self.ledger.close(self.ledger.now))
            blocks, totals = tuple(self._held), _by_name(self.ledger.names, self.ledger.sli_totals)
            marks = {NOW: str(self.ledger.now), PENDING: json.dumps(self.engine.pending()), **more_marks}
            watermarks = dict(self._watermarks)
            try:
                await asyncio.to_thread(self._store.append, blocks, totals, marks, watermarks)
            except StoreError as error:
                self._complain(error)
            else:
                for _ in blocks:
                    self._held.popleft()
                for key, mark in watermarks.items():
                    if self._watermarks[key] is mark:
                        del self._watermarks[key]
                if self._failing:
                    logger.warning("the ledger is written again", extra={"slots": len(blocks)})
                self._failing = ""
                await self._compact(int(marks[NOW]))
            self._telemetry.ledger_pending.set(len(self._held))

    async def _compact(self, now: int) -> None:
        """Keep the store small, now and then, and say how large it is."""
        try:
            if now - self._compacted_at >= COMPACT_EVERY_SECONDS:
                self._compacted_at = now
                await asyncio.to_thread(
                    self._store.compact, now, retention_seconds=self._retention_seconds, max_bytes=self._max_bytes
                )
            self._telemetry.ledger_bytes.set(self._store.size_bytes())
        except StoreError as error:
            self._complain(error)

    def _complain(self, error: StoreError) -> None:
        reason = reason_of(error)
        self._telemetry.ledger_failures.labels(reason).inc()
        if reason != self._failing:
            logger.error("the ledger cannot be written, counts are held in memory", extra={"error": str(error)})
        self._failing = reason

    def _hold(self, blocks: Sequence[Block]) -> None:
        self._held.extend(_by_hour(block for block in blocks if block.counts.any()))
        while len(self._held) > HELD_BLOCKS:
            self._held.popleft()
            self._telemetry.ledger_dropped.inc()

    def _engine(
        self, slos: Sequence[SLO], now: int, carried: Sequence[Block], *, totals: Mapping[str, Counts] | None
    ) -> Engine:
        """An engine at `now` over the history on disk and what is `carried`; `totals` are those at `now`, if known."""
        ledger = ledger_of(slos, slot_seconds=self.slot_seconds, now=now, exclusions=self.exclusions)
        known = None
        if totals is not None:
            none = Counts()
            rows = [totals.get(name, none) for name in ledger.names]
            known = np.array([[c.good, c.bad, c.unknown, c.covered_ms] for c in rows], np.int64).reshape(-1, 4).T
        parts = sorted((part for block in carried for part in by_hour(block)), key=itemgetter(0))
        written = ((hour_of(int(block.ends[0])), block) for block in self._store.history(ledger.history_since))
        history = heapq.merge(written, parts, key=itemgetter(0))
        ledger.load((_no_later(block, ledger.now) for _, block in history), totals=known)
        return Engine(slos, ledger, exclusions=self.exclusions)


def _by_name(names: Sequence[str], totals: Ints) -> dict[str, Counts]:
    rows = totals.T.tolist()
    return {
        name: Counts(good=good, bad=bad, unknown=unknown, covered_ms=covered_ms)
        for name, (good, bad, unknown, covered_ms) in zip(names, rows, strict=True)
    }


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


def _no_later(block: Block, now: int) -> Block:
    """Slots that were over before a restart with longer ones are over: they must not be closed, and written, again."""
    if (block.ends <= now).all():
        return block
    return Block(ends=np.minimum(block.ends, now), seconds=block.seconds, names=block.names, counts=block.counts)


Counted = tuple[int, str, Sequence[int]]
"""A slot end, an SLI, and what was counted: good, bad, unknown, covered milliseconds."""


def _in_blocks(blocks: Iterable[Block]) -> Iterator[Counted]:
    for block in blocks:
        for span, end in enumerate(block.ends.tolist()):
            for column, name in enumerate(block.names):
                row = block.counts[:, span, column].tolist()
                if any(row):
                    yield end, name, row


def _counted(mark: str) -> Iterator[Counted]:
    for end, name, *row in json.loads(mark):
        yield end, name, row


def _count_again(ledger: Ledger, counted: Iterable[Counted]) -> None:
    """Count in one ledger what another one was asked to count; SLIs that left are passed over."""
    for end, name, (good, bad, unknown, covered_ms) in counted:
        if name in ledger.column:
            ledger.add(name, end, Counts(good=good, bad=bad, unknown=unknown, covered_ms=covered_ms))
