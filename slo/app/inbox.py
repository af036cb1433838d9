"""What agents reported: on disk before they are told so, and kept until what it counted is on disk too."""

import asyncio
import json
import logging
import struct
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from slo.app.books import Books
from slo.core.protocols import Clock
from slo.errors import StoreError, StoreFull
from slo.exposition.catalogue import Telemetry
from slo.exposition.sparing import Sparing
from slo.store.queue import Queue

SOURCE = "inbox"
"""Under which it is kept up to where the inbox is counted, by the identity of its file."""

MOST_BYTES = 256 * 1024 * 1024
"""How much may wait to be counted, as it came: agents keep the rest."""

READ_BODIES, READ_BYTES, READ_UNFOLDED_BYTES = 1_000, 512 * 1024, 8 * 1024 * 1024
"""How much is read at once, as it is kept and as it is meant."""

DROP_AFTER_SECONDS = 60.0
"""How long after the counts are written the batches are dropped. A machine that loses power loses what the kernel has
not written of both files, and not of both the same.
"""

COMPLAIN_EVERY_SECONDS = 60.0

_ARRIVED = struct.Struct("<d")
_UNFOLDED = struct.Struct("<I")  # the end of a gzip: how long it is when it is unfolded

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrived:
    """The body of a batch, with its number in the inbox and when it came (Unix seconds)."""

    number: int
    at: float
    body: bytes

    @property
    def unfolded_bytes(self) -> int:
        """How long the body is when it is unfolded; it was packed here, so that this holds where it is not damaged."""
        (told,) = _UNFOLDED.unpack(self.body[-_UNFOLDED.size :].rjust(_UNFOLDED.size, b"\0"))
        return min(int(told), READ_UNFOLDED_BYTES)


class Inbox:
    """The inbox in the file `path`, which is made when something is put into it.

    Read it in order with `read`; `count_through` says up to where it is counted by what the books write next.
    `unread_since` is when the oldest body came that was not read (Unix seconds), None where all were.
    """

    def __init__(self, path: Path, books: Books, *, clock: Clock, telemetry: Telemetry) -> None:
        self._path = path
        self._books = books
        self._clock = clock
        self._telemetry = telemetry
        self._log = Sparing(logger, every_seconds=COMPLAIN_EVERY_SECONDS)
        self._queue: Queue | None = None
        self._opening = asyncio.Lock()
        self.unread_since: float | None = None
        self._read = 0
        self._counted = 0
        self._written: deque[tuple[float, int]] = deque()
        self._begun_anew = books.begun_anew

    async def open(self) -> None:
        """Go on after what is counted, where anything was ever put into it. What fails is told, and tried again."""
        if self._path.exists():
            try:
                await self._opened()
            except StoreError as error:
                self._log.tell(logging.ERROR, "what agents reported cannot be read", extra={"error": str(error)})

    async def put(self, body: bytes) -> None:
        """Put a body into it; it is on disk afterwards. Raises StoreError."""
        arrived = self._clock.now().timestamp()
        try:
            queue = await self._opened()
            if queue.held_bytes + len(body) > MOST_BYTES:
                raise StoreFull(f"{self._path}: {MOST_BYTES} bytes wait to be counted: send it later")
            await asyncio.to_thread(queue.append, [_ARRIVED.pack(arrived) + body])
        except StoreError as error:
            self._log.tell(logging.ERROR, "what agents report cannot be taken", extra={"error": str(error)})
            raise
        self.unread_since = self.unread_since or arrived
        self._telemetry.inbox_bytes.set(queue.held_bytes)

    async def read(self) -> list[Arrived]:
        """What comes next, oldest first; nothing where it cannot be read now."""
        if self._queue is None:
            return []
        since, self.unread_since = self.unread_since, None
        try:
            found = await asyncio.to_thread(self._queue.after, self._read, most=READ_BODIES, most_bytes=READ_BYTES)
        except StoreError as error:
            self._log.tell(logging.ERROR, "what agents reported cannot be read", extra={"error": str(error)})
            self.unread_since = since or self.unread_since
            return []
        head, unfolded = _ARRIVED.size, 0
        taken: list[Arrived] = []
        for number, body in found:
            each = Arrived(number=number, at=_ARRIVED.unpack(body[:head])[0], body=body[head:])
            unfolded += each.unfolded_bytes
            if taken and unfolded > READ_UNFOLDED_BYTES:
                self.unread_since = each.at
                break
            taken.append(each)
            self._read = number
        return taken

    @property
    def read_through(self) -> int:
        """The number of the last body that was read."""
        return self._read

    def count_through(self, number: int) -> None:
        """Everything up to this number is counted by what the books write next."""
        if self._queue is None or (number == self._counted and self._begun_anew == self._books.begun_anew):
            return
        self._counted, self._begun_anew = number, self._books.begun_anew
        self._books.mark({(SOURCE, self._queue.identity): json.dumps(number).encode()})

    async def drop_written(self) -> None:
        """Drop what is counted by what the books have written a while ago."""
        if self._queue is None:
            return
        now = self._clock.monotonic()
        if self._books.has_written(SOURCE) and (not self._written or self._written[-1][1] < self._counted):
            self._written.append((now, self._counted))
        through = 0
        while self._written and self._written[0][0] <= now - DROP_AFTER_SECONDS:
            through = self._written.popleft()[1]
        if through:
            try:
                await asyncio.to_thread(self._queue.drop_through, through)
            except StoreError as error:
                self._log.tell(logging.ERROR, "what was counted cannot be dropped", extra={"error": str(error)})
        self._telemetry.inbox_bytes.set(self._queue.held_bytes)

    async def close(self) -> None:
        """Close the file."""
        if self._queue is not None:
            await asyncio.to_thread(self._queue.close)

    async def _opened(self) -> Queue:
        async with self._opening:
            if self._queue is None:
                queue = await asyncio.to_thread(Queue, self._path)
                marks = self._books.watermarks(SOURCE)
                self._read = self._counted = int(marks.get(queue.identity, b"0"))
                self._books.mark({(SOURCE, identity): None for identity in marks if identity != queue.identity})
                self._queue = queue
        return self._queue
