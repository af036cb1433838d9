"""What of an SLI's time was not read from its server yet, and what was covered on credit.

Time is read in whole slots, in any order: what just happened first, what is older when there is time for it. A gap that
an outage leaves is read like the history of an SLI that is new.
"""

import json
from collections.abc import Iterable

from slo.sources.knowledge import Span
from slo.sources.prometheus.tally import Piece, merged, without

SOURCE = "server"
"""Under which the watermarks of SLIs are kept, by their keys."""

MOST_GAPS = 100
"""How many gaps are remembered. Where there are more, the oldest ones stay unknown."""


class Unread:
    """The time of one SLI in (first, until], Unix seconds, of which the `gaps` were not read.

    `lent` is time (spans in Unix milliseconds) that was covered before it was read, because an observation before it is
    good for as long as that; it is not covered again.
    """

    def __init__(self, first: int, until: int, gaps: Iterable[Span] = (), lent: Iterable[Span] = ()) -> None:
        self.first = first
        self.until = until
        self.gaps = merged((begin, end) for begin, end in gaps)
        self.lent = merged((begin, end) for begin, end in lent)

    @classmethod
    def restored(cls, mark: bytes, slot_seconds: int) -> "Unread":
        """What a watermark says, in whole slots, which may have been of another length then. Raises ValueError."""
        try:
            first, until, gaps, lent = json.loads(mark)
            whole = [
                (-(-begin // slot_seconds) * slot_seconds, end // slot_seconds * slot_seconds) for begin, end in gaps
            ]
            unread = cls(first, -(-until // slot_seconds) * slot_seconds, whole, [(begin, end) for begin, end in lent])
        except (TypeError, ValueError) as error:
            raise ValueError(f"is no watermark of a server's SLI: {error}") from error
        return unread

    def watermark(self) -> bytes:
        """What makes the same one again after a restart."""
        return json.dumps([self.first, self.until, self.gaps, self.lent], separators=(",", ":")).encode()

    @property
    def seconds(self) -> int:
        """How much was not read."""
        return sum(end - begin for begin, end in self.gaps)

    @property
    def read_ratio(self) -> float:
        """The share of its time that was read."""
        return 1 - self.seconds / (self.until - self.first) if self.until > self.first else 1.0

    def look_back_to(self, first: int) -> None:
        """Begin at another time: earlier, which is unread then, or later, which forgets the gaps that end before it."""
        if first < self.first:
            self.gaps = merged([(first, self.first), *self.gaps])
        else:
            self.gaps = [(begin, end) for begin, end in self.gaps if end > first]
            self.lent = [(begin, end) for begin, end in self.lent if end > first * 1000]
        self.first = first
        self.until = max(self.until, first)

    def grow(self, until: int) -> None:
        """Take in the time up to `until`, as not read yet."""
        if until > self.until:
            self.gaps = merged([*self.gaps, (self.until, until)])[-MOST_GAPS:]
            self.until = until

    def newest(self, longest_seconds: int, *, below: int | None = None) -> Piece | None:
        """The newest piece that was not read, up to so long, and of what lies before `below` only."""
        for begin, gap_end in reversed(self.gaps):
            end = gap_end if below is None else min(gap_end, below)
            if begin < end:
                return Piece(since=max(begin, end - longest_seconds), until=end)
        return None

    def lacks(self, piece: Piece) -> bool:
        """Whether none of a piece was read."""
        return any(begin <= piece.since and piece.until <= end for begin, end in self.gaps)

    def take(self, piece: Piece) -> None:
        """A piece is read; what was lent of it has been given back."""
        self.gaps = without(self.gaps, [(piece.since, piece.until)])
        self.lent = without(self.lent, [(piece.since * 1000, piece.until * 1000)])

    def lend(self, span: Span) -> None:
        """Time was covered before it was read."""
        self.lent = merged([*self.lent, span])


def read_until(mark: bytes) -> int:
    """The end (Unix seconds) of the time that a watermark speaks of; 0 for what is none."""
    try:
        return int(json.loads(mark)[1])
    except (LookupError, TypeError, ValueError):
        return 0
