"""The ledger in memory and the one on disk, kept in step.

Decisions are made on the ledger in memory. The one on disk follows; while it cannot be written (a full disk, a locked
file) what it lacks waits in the backlog, and is written as soon as it can be.
"""

import asyncio
import heapq
import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from pathlib import Path

import numpy as np

from slo.app.backlog import HELD_BLOCKS, Backlog
from slo.core.counts import Counts, slot_end
from slo.core.deltas import Block
from slo.core.exclusion import Exclusion
from slo.core.slo import SLO
from slo.engine.evaluate import Engine, ledger_of
from slo.engine.ledger import Ledger
from slo.engine.rings import Ints
from slo.exposition.catalogue import Telemetry
from slo.runner.clock import SteadyClock
from slo.store.codec import by_hour, hour_of
from slo.store.ledger import Watermarks

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
        self._clock = clock
        self._backlog = Backlog(
            path, slot_seconds=slot_seconds, retention=retention, max_bytes=max_bytes, telemetry=telemetry
        )
        self._writing = asyncio.Lock()
        self._fresh: list[Block] | None = None
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
    def written_until(self) -> int:
        """The end of the newest slot on disk (Unix seconds), 0 without one: until then a watch was there."""
        return int(self._backlog.store.marks().get(NOW, 0))

    @property
    def behind(self) -> bool:
        """Whether so much waits to be written that reading the past has to wait."""
        return self._backlog.behind

    def settle(self) -> None:
        """Have time begin where the newest slot on disk ends, if that is ahead of the clock.

        A ledger that is more than a day ahead was written by a clock that was wrong, and is set aside.
        """
        last = self.written_until
        if last > self._now() + FAR_AHEAD_SECONDS:
            aside = self._backlog.set_aside()
            logger.error(
                "the ledger was written by a clock that is far ahead of this one and was set aside, a new one is begun",
                extra={"kept": str(aside), "ahead_seconds": last - self._now()},
            )
            last = 0
        self._clock.start_at_least(datetime.fromtimestamp(last, UTC))

    def open(self, slos: Sequence[SLO]) -> None:
        """Read the history of these SLOs from disk. The time since the last slot on disk stays unknown."""
        self.settle()
        marks = self._backlog.store.marks()
        totals = self._backlog.store.totals() if NOW in marks else None
        self.engine = self._engine(slos, int(marks.get(NOW, 0)) or self._now(), (), totals=totals)
        self.engine.restore({}, json.loads(marks.get(PENDING, "{}")))
        _count_again(self.ledger, _counted(marks.get(OPEN, "[]"), self.slot_seconds))
        self._hold(self.ledger.close(self._now()))

    async def rebuild(self, slos: Sequence[SLO]) -> None:
        """Change the SLOs: a new ledger from what is on disk and what is held for it; alert states go over.

        To be called under `lock`; what is counted meanwhile is counted. Raises StoreError where the history cannot be
        read, and all is as it was.
        """
        old = self.engine
        self._hold(self.ledger.close(self.ledger.now))
        totals = self._backlog.store.totals() | _by_name(self.ledger.names, self.ledger.sli_totals)
        new = await asyncio.to_thread(self._engine, slos, self.ledger.now, self._backlog.blocks, totals=totals)
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
        self._backlog.mark(watermarks)

    def watermarks(self, source: str) -> dict[str, bytes]:
        """The watermarks of a source, by name."""
        return self._backlog.watermarks(source)

    def has_written(self, source: str) -> bool:
        """Whether all watermarks of a source are on disk."""
        return self._backlog.has_written(source)

    @property
    def begun_anew(self) -> int:
        """How often the file was replaced by one without watermarks: those that hold are to be given again."""
        return self._backlog.store.begun_anew

    @property
    def is_written(self) -> bool:
        """Whether everything that was counted in slots that have closed is on disk."""
        return not self._backlog.blocks

    def follow(self) -> None:
        """Keep what is counted from now on for `fresh` to give."""
        if self._fresh is None:
            self._fresh = []

    def fresh(self) -> list[Block]:
        """What was counted in slots that have closed since it was asked last; a slot may be in several blocks."""
        fresh, self._fresh = self._fresh or [], [] if self._fresh is not None else None
        return fresh

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
        self._backlog.store.close()

    def _hold(self, blocks: Sequence[Block]) -> None:
        self._backlog.hold(blocks)
        if self._fresh is not None:
            self._fresh = [*self._fresh, *blocks][-HELD_BLOCKS:]

    def _now(self) -> int:
        return int(self._clock.now().timestamp()) // self.slot_seconds * self.slot_seconds

    async def _write(self, more_marks: Mapping[str, str]) -> None:
        async with self._writing:
            # What came late is in the totals, and in the watermarks, already.
            self._hold(self.ledger.close(self.ledger.now))
            now, totals = self.ledger.now, _by_name(self.ledger.names, self.ledger.sli_totals)
            marks = {NOW: str(now), PENDING: json.dumps(self.engine.pending()), **more_marks}
            await self._backlog.write(now, totals, marks)

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
        written = ((hour_of(int(block.ends[0])), block) for block in self._backlog.store.history(ledger.history_since))
        history = heapq.merge(written, parts, key=itemgetter(0))
        ledger.load((_no_later(block, ledger.now) for _, block in history), totals=known)
        return Engine(slos, ledger, exclusions=self.exclusions)


def _by_name(names: Sequence[str], totals: Ints) -> dict[str, Counts]:
    rows = totals.T.tolist()
    return {
        name: Counts(good=good, bad=bad, unknown=unknown, covered_ms=covered_ms)
        for name, (good, bad, unknown, covered_ms) in zip(names, rows, strict=True)
    }


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


def _counted(mark: str, slot_seconds: int) -> Iterator[Counted]:
    """What a mark says, by slots of ours: those it was counted in may have been of another length."""
    for end, name, *row in json.loads(mark):
        yield slot_end(end, slot_seconds), name, row


def _count_again(ledger: Ledger, counted: Iterable[Counted]) -> None:
    """Count in one ledger what another one was asked to count; SLIs that left are passed over."""
    for end, name, (good, bad, unknown, covered_ms) in counted:
        if name in ledger.column:
            ledger.add(name, end, Counts(good=good, bad=bad, unknown=unknown, covered_ms=covered_ms))
