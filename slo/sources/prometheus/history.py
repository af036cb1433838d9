"""In which pieces the unread past is read: newest first, larger while that goes well, smaller where it does not."""

from slo.sources.prometheus.tally import Piece
from slo.sources.prometheus.unread import Unread

LARGEST_SECONDS = 6 * 3600
SMALLEST_SECONDS = 900
"""The shortest piece for faults that have nothing to do with its length: a month has 2,880 of these."""

MOST_FAILURES = 5
"""After how many pieces that failed in a row the server is left alone for a while."""

SHORTEST_WAIT_SECONDS = 60.0
LONGEST_WAIT_SECONDS = 3600.0


class History:
    """The way through what is unread of one SLI. `least_seconds` is the shortest piece that makes sense.

    A piece that fails is passed over. When the oldest one has had its turn, those that failed are tried again, later
    each time.
    """

    def __init__(self, unread: Unread, *, least_seconds: int) -> None:
        self.unread = unread
        self._least = least_seconds
        self._longest = SMALLEST_SECONDS
        self._below: int | None = None
        self._failures = 0
        self._wait_seconds = SHORTEST_WAIT_SECONDS
        self._rest_until = 0.0

    def next(self, now: float, *, below: int | None = None) -> Piece | None:
        """What to read next, of what lies before `below`; None where there is nothing, or nothing yet."""
        if now < self._rest_until:
            return None
        longest = max(self._longest // self._least, 1) * self._least
        limits = [limit for limit in (self._below, below) if limit is not None]
        piece = self.unread.newest(longest, below=min(limits, default=None))
        if piece is None and self._below is not None:
            self._below = None
            self._rest(now)
        return piece

    def silent(self, piece: Piece) -> None:
        """The piece holds nothing yet, which may come late: it is passed over."""
        self._below = piece.since
        self._grow()

    def succeeded(self) -> None:
        """The piece was read."""
        self._grow()
        self._failures = 0
        self._wait_seconds = SHORTEST_WAIT_SECONDS

    def _grow(self) -> None:
        self._longest = min(self._longest + self._longest // 4 + 1, LARGEST_SECONDS)

    def failed(self, piece: Piece, now: float, *, less: bool) -> None:
        """The piece could not be read. With `less` a shorter one may be, and is tried at once."""
        if less and piece.seconds > self._least:
            self._longest = max(piece.seconds // 2, self._least)
            return
        self._longest = min(self._longest, max(self._longest // 2, SMALLEST_SECONDS))
        self._below = piece.since
        self._failures += 1
        if self._failures >= MOST_FAILURES:
            self._rest(now)

    def wake(self) -> None:
        """The server answers again: what failed is tried anew, at once."""
        self._below, self._failures, self._rest_until = None, 0, 0.0
        self._wait_seconds = SHORTEST_WAIT_SECONDS

    def _rest(self, now: float) -> None:
        self._rest_until = now + self._wait_seconds
        self._wait_seconds = min(self._wait_seconds * 2, LONGEST_WAIT_SECONDS)
        self._failures = 0
