"""A conversation: one side asks, the other answers with as many bytes as it says. What a database or a cache speaks.

Client libraries were tried for it, and cannot be held: they keep whatever a server pours in, and verify TLS against the
address that they are given in place of the name. See docs/decisions.md.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from slo.errors import Fault
from slo.net.attempt import Attempt, Endpoint
from slo.net.breath import Breath
from slo.net.connection import PIECE_BYTES, Connection

SAID_CHARACTERS = 200
"""How much of a sentence of the other side is shown."""


def said(text: str) -> str:
    """What the other side says, as it may be shown: its beginning, without anything that a terminal would act on."""
    printable = "".join(character if character.isprintable() else " " for character in text[:SAID_CHARACTERS])
    return printable + ("..." if len(text) > SAID_CHARACTERS else "")


class Conversation:
    """A connection and what arrived on it. It is cut as soon as an answer is not read to its end.

    So whoever keeps one between rounds never takes a late answer for that of another question. At most `limit_bytes`
    are taken for one answer, whatever the other side announces or sends.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._left = limit_bytes
        self._waiting = bytearray()
        self._fault: Fault | None = None
        self._news: asyncio.Future[None] | None = None
        self._connection: Connection | None = None
        self._breath = Breath()

    @classmethod
    async def begin(cls, attempt: Attempt, endpoint: Endpoint, *, limit_bytes: int) -> "Conversation":
        """Connect, over TLS where the endpoint has it. Raises Fault."""
        conversation = cls(limit_bytes)
        conversation._connection = await attempt.connect(conversation, endpoint)
        return conversation

    @property
    def open(self) -> bool:
        """Whether more can be asked."""
        return self._connection is not None and self._fault is None

    async def start_tls(self, attempt: Attempt, endpoint: Endpoint) -> None:
        """Go on over TLS. What was said in plain text before must not be left to read. Raises Fault."""
        if self._waiting:
            raise Fault("data", detail="it says more before TLS than it was asked for")
        await attempt.start_tls(self._connected, endpoint)

    @contextmanager
    def answering(self) -> Iterator[None]:
        """While one question is asked and answered."""
        self._left = self._limit
        try:
            yield
        except BaseException:
            self.abort()
            raise

    def send(self, data: bytes) -> None:
        """Ask. Raises Fault where nobody can be asked any more."""
        if self._fault is not None:
            raise self._fault.with_traceback(None)
        self._connected.write(data)

    async def exactly(self, count: int) -> bytes:
        """The next bytes, so many of them. Raises Fault where they do not come, or are more than an answer may have."""
        await self._breath.take()  # a megabyte of empty packets would else be read in one go
        await self._until(count)
        return self._take(count)

    async def ahead(self, count: int) -> bytes:
        """What has arrived, without taking it: at least so many bytes, and more where they are there. Raises Fault.

        For whoever reads many small things out of it at once; `skip` takes what was read.
        """
        await self._breath.take()
        await self._until(count)
        return bytes(self._waiting[: max(count, PIECE_BYTES)])

    def skip(self, count: int) -> None:
        """Take so many bytes of what `ahead` gave."""
        del self._waiting[:count]

    async def line(self) -> bytes:
        """The next line, without the CR and LF that end it. Raises Fault."""
        searched = 0
        await self._breath.take()
        while (end := self._waiting.find(b"\r\n", max(searched - 1, 0))) < 0:
            searched = len(self._waiting)
            await self._more()
        return self._take(end + 2)[:-2]

    def close(self, farewell: bytes = b"") -> None:
        """Say goodbye, and end the connection without waiting for the other side."""
        if self._connection is not None:
            if self._fault is None:
                self._connection.write(farewell)
            self._connection.close()
        self._end(Fault("data_closed", detail="the conversation is over"))

    def abort(self) -> None:
        """Cut the connection."""
        if self._connection is not None:
            self._connection.abort()
        self._end(Fault("data_closed", detail="the connection was cut in the middle of an answer"))

    @property
    def _connected(self) -> Connection:
        if self._connection is None:
            raise Fault("data_closed", detail="not connected")
        return self._connection

    async def _until(self, count: int) -> None:
        """Wait until so many bytes are there."""
        while len(self._waiting) < count:
            if count - len(self._waiting) > self._left:
                raise Fault("data", detail=f"an answer of more than {self._limit} bytes")
            await self._more()

    async def _more(self) -> None:
        """Wait until something arrives that was not there."""
        if self._fault is not None:
            raise self._fault.with_traceback(None)
        self._news = asyncio.get_running_loop().create_future()
        await self._news
        self._breath = Breath()

    def _take(self, count: int) -> bytes:
        taken = bytes(self._waiting[:count])
        del self._waiting[:count]
        return taken

    def _end(self, fault: Fault) -> None:
        self._fault = self._fault or fault
        self._wake()

    def _wake(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    # What the connection calls

    def received(self, data: bytes) -> None:
        """Keep what arrived. What is more than an answer may have is dropped, and ends the conversation."""
        if self._fault is not None:
            return
        self._left -= len(data)
        if self._left < 0:
            self._fault = Fault("data", detail=f"an answer of more than {self._limit} bytes")
            self.abort()
            return
        self._waiting += data
        self._wake()

    def closed(self, error: Exception | None) -> None:
        """Whoever waits learns that no more comes."""
        self._end(error if isinstance(error, Fault) else Fault("data_closed", detail=str(error or "it hung up")))
