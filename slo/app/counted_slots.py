"""What slots hold of what was scraped: worked out as they end, and booked with how far each target is counted."""

import itertools
import logging
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter

import numpy as np

from slo.app.books import Books
from slo.core.deltas import Block
from slo.exposition.catalogue import Telemetry
from slo.net.breath import Breath
from slo.sources.counters import Excess
from slo.sources.increments import Bools
from slo.sources.scraped import ScrapedCounters
from slo.store.ledger import Watermarks

SOURCE = "scrape"
"""Under which the watermarks of targets are kept."""

SLOTS_AT_ONCE = 128
"""How many slots are closed together, after the machine stood still for long."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Closing:
    """What some slots hold, and where the targets stand after them."""

    blocks: Sequence[Block]
    excesses: Sequence[Excess]
    marks: Watermarks

    @property
    def gave_up(self) -> bool:
        """Whether nobody needs to know any more where some target stands."""
        return None in self.marks.values()


class CountedSlots:
    """Books what was `scraped`, slot by slot."""

    def __init__(self, books: Books, scraped: ScrapedCounters, telemetry: Telemetry) -> None:
        self._books = books
        self._scraped = scraped
        self._telemetry = telemetry
        self._begun_anew = books.begun_anew

    async def count(self, end: int) -> Closing:
        """What the slots hold that are over at `end` (Unix seconds), to be booked before the books close them."""
        slot, breath = self._books.slot_seconds, Breath()
        marks: dict[tuple[str, str], bytes | None] = {}
        blocks: list[Block] = []
        excesses: list[Excess] = []
        for begin in range(self._books.ledger.now, end, SLOTS_AT_ONCE * slot):
            stop = min(begin + SLOTS_AT_ONCE * slot, end)
            ends = np.arange(begin + slot, stop + 1, slot, dtype=np.int64)
            advances = {}
            for name in self._scraped.targets:
                advances[name] = self._scraped.advance(name, ends)
                await breath.take()
            slots = self._scraped.close(ends, advances)
            excesses.extend(slots.excesses)
            blocks.append(slots.block)
            blocks.extend([block async for block in _by_when_it_came(slots.late, breath)])
        begun_anew = self._books.begun_anew
        for name, mark in self._scraped.watermarks(whole=begun_anew != self._begun_anew):
            marks[SOURCE, name] = mark
            await breath.take()
        self._begun_anew = begun_anew
        return Closing(blocks=blocks, excesses=excesses, marks=marks)

    def book(self, closing: Closing) -> None:
        """Put what was counted into the books, and where the targets stand after it: the disk gets both, or nothing."""
        self._books.mark(closing.marks)
        for block in closing.blocks:
            held = block.counts.any(axis=(0, 2))
            closed = block.ends <= self._books.closed_until
            for chosen, add in ((held & closed, self._books.add_history), (held & ~closed, self._books.add_block)):
                if chosen.any():
                    add(_some(block, chosen))
        for excess in closing.excesses:
            self._telemetry.excess_slots.inc()
            logger.warning(
                "a part counts more than its total, the slot is unknown",
                extra={"sli": excess.sli, "slot_end": excess.slot_end, "total": excess.total, "part": excess.part},
            )


async def _by_when_it_came(late: Iterable[tuple[int, Block]], breath: Breath) -> AsyncIterator[Block]:
    """What came late, put together again by the slot in which it came: then no slot is in a block twice."""
    for _, pieces in itertools.groupby(late, key=itemgetter(0)):
        blocks = []
        for _, block in pieces:
            blocks.append(block)
            await breath.take()
        yield Block(
            ends=np.concatenate([block.ends for block in blocks]),
            seconds=blocks[0].seconds,
            names=blocks[0].names,
            counts=np.concatenate([block.counts for block in blocks], axis=1),
        )


def _some(block: Block, chosen: Bools) -> Block:
    """Some slots of a block."""
    return Block(ends=block.ends[chosen], seconds=block.seconds, names=block.names, counts=block.counts[:, chosen])
