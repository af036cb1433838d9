"""The SLIs of one server while the watch runs: what just happened every interval, and the past beside it.

The newest piece of an SLI is asked for first. What could not be read, because the server was down, because we were, or
because the SLI is new, is read when its newest piece has come: the server still has it. Late counts go into their own
slots. Whatever fails leaves its time unknown.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from slo.config.settings import ServerEntry
from slo.core.counts import KNOWN_FOR_INTERVALS, Counts
from slo.core.deltas import Block
from slo.core.protocols import Clock
from slo.core.slo import SLO
from slo.errors import ServerFault
from slo.exposition.catalogue import Telemetry
from slo.sources.grouping import Values, selectors_of
from slo.sources.prometheus.client import AT_ONCE, Client
from slo.sources.prometheus.followed import Followed, Wanted
from slo.sources.prometheus.groups import GroupSearch
from slo.sources.prometheus.reader import Reader
from slo.sources.prometheus.reasons import ASK_FOR_LESS, NO_SERIES
from slo.sources.prometheus.remarks import Remarks
from slo.sources.prometheus.tally import Piece, Rhythm, Tally, by_minute
from slo.sources.prometheus.unread import SOURCE
from slo.store.packing import KEEP_SLOTS_SECONDS

LATE_SECONDS = 6 * 3600
"""How long samples are waited for that come late; what has no series then is taken to have had none."""

logger = logging.getLogger(__name__)


class Shelf(Protocol):
    """Where the counts go: a ledger, whose slots are closed one after the other."""

    lock: asyncio.Lock

    @property
    def closed_until(self) -> int:
        """The end of the last closed slot (Unix seconds)."""

    @property
    def behind(self) -> bool:
        """Whether it has enough to write down, so that the past has to wait."""

    @property
    def begun_anew(self) -> int:
        """How often what was written was lost and begun anew, so that all watermarks are to be given again."""

    def mark(self, watermarks: Mapping[tuple[str, str], bytes]) -> None:
        """What was read of each SLI, to be written down with the counts of it."""

    def add(self, sli: str, slot_end: int, counts: Counts) -> None:
        """Count something in one slot."""

    def add_block(self, block: Block) -> None:
        """Count a block of slots."""

    def add_history(self, block: Block) -> None:
        """Count a block of slots, or of minutes, that have closed. To be called under `lock`, with `write` after it."""

    async def write(self) -> None:
        """Write down what was counted."""


class ServerSource:
    """Follows the SLIs of one server: `run` it, and call `close` for every slot before the ledger closes it.

    `heard` is told the groups that the server has of an SLO.
    """

    def __init__(
        self,
        entry: ServerEntry,
        client: Client,
        shelf: Shelf,
        *,
        slot_seconds: int,
        clock: Clock,
        telemetry: Telemetry,
        heard: Callable[[SLO, Iterable[Values]], None] = lambda _slo, _groups: None,
    ) -> None:
        self._client = client
        self._heard = heard
        self._searches: list[GroupSearch] = []
        self._shelf = shelf
        self._slot = slot_seconds
        self._clock = clock
        self._remarks = Remarks(entry.name, telemetry)
        self._followed: dict[str, Followed] = {}
        self._changed: set[str] = set()
        self._begun_anew = shelf.begun_anew
        self._interval = int(entry.interval.total_seconds())
        self._offset = entry.offset.total_seconds()
        self._least = -(-self._interval // slot_seconds) * slot_seconds
        # Asked for once an interval when it is `offset` old, time is known without a break as long as all is well.
        pace_seconds = self._interval + max(0.0, self._offset - self._interval) / KNOWN_FOR_INTERVALS
        rhythm = Rhythm(slot_seconds=slot_seconds, interval_ms=round(pace_seconds * 1000))
        self._reader = Reader(client, rhythm, interval_seconds=self._interval)
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._woken = asyncio.Event()

    def follow(self, wanted: Iterable[Wanted]) -> None:
        """Follow these SLIs from now on. What is known of those that stay is kept."""
        self._mark()
        before, self._followed = self._followed, {}
        for each in wanted:
            followed = before.get(each.sli.key)
            if followed is None:
                followed = Followed(each, self._settled_until(), slot_seconds=self._slot, least_seconds=self._least)
            else:
                followed.want(each)
            self._followed[each.sli.key] = followed
        self._woken.set()

    def look_for_groups(self, slos: Iterable[SLO]) -> None:
        """Look for the groups of these SLOs from now on."""
        before, self._searches = self._searches, []
        for slo in slos:
            search = next((search for search in before if search.slo == slo), None)
            if search is None and (selectors := selectors_of(slo)):
                search = GroupSearch(slo, selectors[0])
            self._searches += [search] if search else []

    @property
    def followed(self) -> frozenset[str]:
        """The keys of the SLIs that are followed."""
        return frozenset(self._followed)

    def fault(self, sli: str) -> ServerFault | None:
        """Why the newest piece of an SLI could not be counted; None where it was, or where it is not followed."""
        followed = self._followed.get(sli)
        return followed.fault if followed else None

    async def run(self) -> None:
        """Read until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._read_newest())
            tasks.create_task(self._read_past())

    def close(self, end: int) -> None:
        """Cover the time up to the slot end `end` that is known without having been read."""
        for key, followed in self._followed.items():
            for slot, counts in followed.lend(end):
                self._shelf.add(key, slot, counts)
                self._changed.add(key)
        self._mark()

    # What just happened

    async def _read_newest(self) -> None:
        while True:
            now = self._clock.now().timestamp()
            next_round = (now - self._offset) // self._interval * self._interval + self._interval + self._offset
            until = self._clock.monotonic() + next_round - now
            await self._round(until)
            await self._clock.sleep_until(until)

    async def _round(self, deadline: float) -> None:
        """Ask for the newest piece of every SLI; those whose turn does not come before the deadline miss it."""
        end = self._settled_until()
        await asyncio.gather(
            *(self._newest(each, end, deadline) for each in tuple(self._followed.values())),
            *(self._search(each, end, deadline) for each in self._searches),
        )
        self._remarks.round(self._followed.values())
        self._woken.set()

    async def _newest(self, followed: Followed, end: int, deadline: float) -> None:
        async with self._at_once:
            piece = followed.newest(end)
            if piece is None:
                return
            try:
                if self._clock.monotonic() >= deadline:
                    raise ServerFault("missed", "the queries before it took the whole interval")
                tally = await self._read(followed, piece)
                if not tally.known:
                    raise ServerFault(NO_SERIES, followed.wanted.sli.total)
            except ServerFault as fault:
                followed.failed(fault)
                return
            finally:
                followed.asking = None
            if tally.observed and self._is_wanted(followed, piece):
                self._shelf.add_block(followed.counted(piece, tally))
                # At once: what came late is written whenever the shelf is, and would be read and counted again.
                self._changed.add(followed.key)
                self._mark()
                self._remarks.counted(self._clock.now().timestamp())

    async def _search(self, search: GroupSearch, end: int, deadline: float) -> None:
        now = self._clock.now().timestamp()
        async with self._at_once:
            try:
                if self._clock.monotonic() >= deadline:
                    raise ServerFault("missed", "the queries before it took the whole interval")
                groups = await self._client.run(lambda: search.read(self._client, end, now))
            except ServerFault as fault:
                self._remarks.groups(search.slo, fault)
                return
        self._remarks.groups(search.slo, None)
        if search in self._searches:
            self._heard(search.slo, groups)

    def _settled_until(self) -> int:
        """The end of the newest slot that can be asked for: closed, old enough, and with an answer of its own."""
        old_enough = int(self._clock.now().timestamp() - self._offset) // self._slot * self._slot
        newest = min(self._shelf.closed_until, old_enough)
        point = newest // self._interval * self._interval
        return -(-point // self._slot) * self._slot

    # The past

    async def _read_past(self) -> None:
        while True:
            self._woken.clear()
            found = [await self._past(followed) for followed in tuple(self._followed.values())]
            if not any(found):
                await self._woken.wait()

    async def _past(self, followed: Followed) -> bool:
        """Read one piece of the past of an SLI, where there is one to read."""
        now = self._clock.now().timestamp()
        piece = None if self._shelf.behind else followed.past(now)
        if piece is None:
            return False
        self._remarks.past(followed)
        try:
            tally = await self._read(followed, piece)
        except ServerFault as fault:
            followed.history.failed(piece, now, less=fault.reason in ASK_FOR_LESS)
            return True
        if not tally.observed and piece.until > now - LATE_SECONDS:
            followed.history.silent(piece)
            return True
        async with self._shelf.lock:
            if self._is_wanted(followed, piece):
                block = followed.taken(piece, tally)
                if len(block.ends):
                    self._shelf.add_history(by_minute(block) if piece.until < now - KEEP_SLOTS_SECONDS else block)
                self._changed.add(followed.key)
                self._mark()
                await self._shelf.write()
        followed.history.succeeded()
        self._remarks.past(followed)
        return True

    async def _read(self, followed: Followed, piece: Piece) -> Tally:
        sli, now = followed.wanted.sli, self._clock.now().timestamp()
        try:
            tally = await self._client.run(lambda: self._reader.read(sli, piece, now))
        except ServerFault:
            raise
        except Exception as error:
            logger.exception("an answer could not be counted", extra={"sli": sli.key})
            raise ServerFault("prober_fault", type(error).__name__) from error
        self._remarks.excess(followed, tally)
        return tally

    def _mark(self) -> None:
        """Have written down what was read of the SLIs for which that has changed."""
        if self._begun_anew != self._shelf.begun_anew:
            self._begun_anew = self._shelf.begun_anew
            self._changed |= self._followed.keys()
        changed = [self._followed[key] for key in self._changed if key in self._followed]
        self._shelf.mark({(SOURCE, followed.key): followed.unread.watermark() for followed in changed})
        self._changed.clear()

    def _is_wanted(self, followed: Followed, piece: Piece) -> bool:
        """Whether a piece is still to be counted: all may have changed while the server was asked."""
        return self._followed.get(followed.key) is followed and followed.unread.lacks(piece)
