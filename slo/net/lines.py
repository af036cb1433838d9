"""Lines of text that arrive on a connection, for protocols that are spoken line by line."""

import asyncio

from slo.errors import Fault

LINE_BYTES = 65_536
WAITING_BYTES = 1_000_000
"""How much may have arrived that nobody has read yet."""


class Lines:
    """Receives bytes and hands out lines, without their ends; the last one may lack its end."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._searched = 0
        self._ended = False
        self._error: Exception | None = None
        self._news: asyncio.Future[None] | None = None

    @property
    def unread(self) -> int:
        """How many bytes have arrived that were not handed out."""
        return len(self._waiting)

    async def read(self) -> bytes | None:
        """The next line; None when the other side has closed. Raises Fault where the connection broke or floods."""
        while True:
            end = self._waiting.find(b"\n", self._searched)
            if end >= 0:
                return self._take(end + 1)
            self._searched = len(self._waiting)
            if self._searched > LINE_BYTES:
                raise Fault("data", detail=f"a line of more than {LINE_BYTES} bytes")
            if self._error is not None:
                raise self._error if isinstance(self._error, Fault) else Fault("data_closed", detail=str(self._error))
            if self._ended:
                return self._take(len(self._waiting)) if self._waiting else None
            self._news = asyncio.get_running_loop().create_future()
            await self._news

    def _take(self, end: int) -> bytes:
        line = bytes(self._waiting[:end]).removesuffix(b"\n").removesuffix(b"\r")
        del self._waiting[:end]
        self._searched = 0
        return line

    # What the connection calls

    def received(self, data: bytes) -> None:
        if self._ended:
            return
        self._waiting += data
        if len(self._waiting) > WAITING_BYTES:
            self.closed(Fault("data", detail=f"more than {WAITING_BYTES} bytes that were not asked for"))
        self._wake()

    def closed(self, error: Exception | None) -> None:
        if not self._ended:
            self._ended = True
            self._error = error
        self._wake()

    def _wake(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)
