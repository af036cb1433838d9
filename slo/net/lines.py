"""Lines of text that arrive on a connection, for protocols that are spoken line by line; or bytes, where they count."""

import asyncio

from slo.errors import Fault
from slo.net.breath import Breath

LINE_BYTES = 65_536
"""The longest line with its end, as in the blackbox exporter."""

WAITING_BYTES = 1_000_000
"""How much may have arrived that nobody has read yet."""


class Lines:
    """Receives bytes and hands out lines, without their ends; the last one may lack its end."""

    def __init__(self, *, longest: int = LINE_BYTES) -> None:
        """A line of more than `longest` bytes, its end included, is a fault."""
        self._longest = longest
        self._waiting = bytearray()
        self._searched = 0
        self._ended = False
        self._error: Exception | None = None
        self._news: asyncio.Future[None] | None = None
        self._breath = Breath()

    def settled(self) -> None:
        """Raises Fault where more has arrived than was read.

        To be called before TLS starts: what somebody put in before it would else be taken for encrypted.
        """
        if self._waiting:
            raise Fault("data", detail="it says more before TLS than it was asked for")

    async def read(self) -> bytes | None:
        """The next line; None when the other side has closed. Raises Fault where the connection broke or floods."""
        await self._breath.take()  # a megabyte of empty lines would else be read in one go
        while True:
            end = self._waiting.find(b"\n", self._searched) + 1
            if (end or len(self._waiting) + 1) > self._longest:
                raise Fault("data", detail=f"a line of more than {self._longest} bytes")
            if end:
                return self._take(end).removesuffix(b"\n").removesuffix(b"\r")
            self._searched = len(self._waiting)
            if not await self._more():
                return self._take(len(self._waiting)).removesuffix(b"\r") if self._waiting else None

    async def read_exactly(self, count: int) -> bytes | None:
        """The next bytes, just so many; None when the other side has closed before. Raises Fault like `read`."""
        while len(self._waiting) < count:
            if not await self._more():
                return None
        return self._take(count)

    async def read_some(self) -> bytes | None:
        """Whatever has arrived, as soon as there is any; None when the other side has closed. Raises Fault."""
        while not self._waiting:
            if not await self._more():
                return None
        return self._take(len(self._waiting))

    async def _more(self) -> bool:
        """Wait until something arrives; False when nothing more will. Raises Fault where the connection broke."""
        if self._error is not None:
            raise self._error if isinstance(self._error, Fault) else Fault("data_closed", detail=str(self._error))
        if self._ended:
            return False
        self._news = asyncio.get_running_loop().create_future()
        await self._news
        self._breath = Breath()
        return True

    def _take(self, end: int) -> bytes:
        taken = bytes(self._waiting[:end])
        del self._waiting[:end]
        self._searched = 0
        return taken

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
