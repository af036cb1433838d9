"""Messages over a connection that each have their length in two bytes before them, as RFC 1035, 4.2.2 has it."""

import asyncio

from slo.errors import Fault

_LENGTH_BYTES = 2


def framed(message: bytes) -> bytes:
    """The message as it is sent. It may have 65,535 bytes."""
    return len(message).to_bytes(_LENGTH_BYTES) + message


class Framed:
    """Receives the first message of a connection; what follows it is dropped."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._end: Exception | None = None
        self._ended = False
        self._news: asyncio.Future[None] | None = None

    async def read(self) -> bytes:
        """The message. Raises Fault where the connection ends before it does."""
        while (message := self._message()) is None:
            if self._ended:
                if isinstance(self._end, Fault):
                    raise self._end
                reason = "response_reset" if self._end else "response_closed"
                raise Fault(reason, detail=f"after {len(self._waiting)} bytes")
            self._news = asyncio.get_running_loop().create_future()
            await self._news
        return message

    def _message(self) -> bytes | None:
        end = _LENGTH_BYTES + int.from_bytes(self._waiting[:_LENGTH_BYTES])
        if len(self._waiting) < max(end, _LENGTH_BYTES):
            return None
        self._ended = True
        return bytes(self._waiting[_LENGTH_BYTES:end])

    # What the connection calls

    def received(self, data: bytes) -> None:
        if not self._ended:
            self._waiting += data
            self._ended = self._message() is not None
            self._wake()

    def closed(self, error: Exception | None) -> None:
        if not self._ended:
            self._ended, self._end = True, error
            self._wake()

    def _wake(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)
