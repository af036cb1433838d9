"""One SLI of a server while it is followed: what was read, what is known without having been read, what is wrong."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

from slo.core.counts import Counts, slot_end
from slo.core.deltas import Block
from slo.core.sli import PrometheusSLI
from slo.errors import ServerFault
from slo.sources.prometheus.history import History
from slo.sources.prometheus.reasons import NO_SERIES
from slo.sources.prometheus.tally import Piece, Tally
from slo.sources.prometheus.unread import Unread

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """An SLI that is to be followed for these SLOs, and how far back they look.

    `mark` says what was read of it before a restart; None for an SLI that is new.
    """

    sli: PrometheusSLI
    slos: tuple[str, ...]
    keep_seconds: int
    mark: bytes | None = None


class Followed:
    """An SLI from `now` (Unix seconds, a slot end) on, with slots of `slot_seconds`.

    `fault` is why its newest piece could not be counted; `asking` is where that piece begins, while it is asked for.
    `least_seconds` is the shortest piece that makes sense.
    """

    def __init__(self, wanted: Wanted, now: int, *, slot_seconds: int, least_seconds: int) -> None:
        first = now - wanted.keep_seconds
        self.wanted = wanted
        self._slot = slot_seconds
        self.unread = Unread(first, now, [(first, now)])
        if wanted.mark is not None:
            self.unread = self._restored(wanted.mark, now)
            self.unread.look_back_to(first)
        self.history = History(self.unread, least_seconds=least_seconds)
        self.fault: ServerFault | None = None
        self.asking: int | None = None
        self._answered = False
        self._least = least_seconds
        # Up to `decided` the newest time is covered or was given up; there is knowledge up to `reach`.
        self._decided_ms = max((stop for _, stop in self.unread.lent), default=0)
        self._reach_ms = 0

    def _restored(self, mark: bytes, now: int) -> Unread:
        try:
            return Unread.restored(mark, self._slot)
        except ValueError as error:
            # What was counted is not known any more, and nothing must be counted twice.
            logger.warning("what was read of an SLI is not known, its past stays as it is", extra={"error": str(error)})
            return Unread(now - self.wanted.keep_seconds, now)

    @property
    def key(self) -> str:
        """The name of the SLI."""
        return self.wanted.sli.key

    def want(self, wanted: Wanted) -> None:
        """Other SLOs look at it now, or further back."""
        self.wanted = wanted
        self.unread.look_back_to(self.unread.until - wanted.keep_seconds)

    def newest(self, until: int) -> Piece | None:
        """The piece that ends at `until`, where that was not read yet."""
        if until - self.unread.until > self._least:
            self.history.wake()  # what lies between was never asked for
        self.unread.grow(until)
        self.unread.look_back_to(self.unread.until - self.wanted.keep_seconds)
        piece = self.unread.newest(self._least)
        if piece is None or piece.until != until:
            return None
        self.asking = piece.since
        return piece

    def past(self, now: float) -> Piece | None:
        """A piece from before the newest one that is to be read at `now` (Unix seconds), if its server answers."""
        return self.history.next(now, below=self.asking) if self._answered else None

    def failed(self, fault: ServerFault) -> None:
        """The newest piece cannot be counted."""
        self.fault = fault
        self._answered = fault.reason == NO_SERIES

    def counted(self, piece: Piece, tally: Tally) -> Block:
        """The newest piece is counted: what goes into the ledger."""
        if self.fault is not None:
            self.history.wake()
        self.fault, self._answered = None, True
        self._decided_ms = max(self._decided_ms, piece.until * 1000)
        self._reach_ms = max(self._reach_ms, tally.reach_ms)
        return self.taken(piece, tally)

    def taken(self, piece: Piece, tally: Tally) -> Block:
        """A piece is read: what goes into the ledger."""
        block = tally.block(self.key, self._slot, lent=self.unread.lent)
        self.unread.take(piece)
        return block

    def lend(self, end: int) -> Iterator[tuple[int, Counts]]:
        """The covered time up to the slot end `end` that is known from the last observation, by slot."""
        begin, stop = self._decided_ms, min(end * 1000, self._reach_ms)
        if begin >= stop:
            return
        self.unread.lend((begin, stop))
        self._decided_ms = stop
        while begin < stop:
            slot = slot_end((begin + 1) / 1000, self._slot)
            upto = min(slot * 1000, stop)
            yield slot, Counts(covered_ms=upto - begin)
            begin = upto
