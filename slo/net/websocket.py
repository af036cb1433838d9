"""One WebSocket, on a connection of its own: the upgrade, and messages both ways.

The upgrade is a request over HTTP/1.1 with the limits of all others; `websockets` reads and writes the frames after it.
Source: https://www.rfc-editor.org/rfc/rfc6455
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence

from websockets.client import ClientProtocol
from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake, InvalidState, ProtocolError
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Response as UpgradeResponse
from websockets.protocol import State
from websockets.typing import Subprotocol
from websockets.uri import WebSocketURI

from slo.errors import Fault
from slo.net.http1 import Exchange, Response
from slo.net.url import URL

WAITING_FRAMES = 1_000
WAITING_BYTES = 1_000_000
"""How much may have come that nobody has read, besides one message as large as one may be."""

_silent = logging.getLogger(f"{__name__}.package")
_silent.disabled = True  # what the package would say, messages included, is in the outcome or nobody's

_END_OF_HEAD = b"\r\n\r\n"
_PIECE_BYTES = 4_096
"""Frames of two bytes each are counted often enough that a flood of them takes no time from others."""


class WebSocket:
    """What a connection has to call. Then: `upgrade`, and `read` and `send` as often as is wanted.

    A message has at most `max_message` bytes.
    """

    def __init__(self, url: URL, *, subprotocols: Sequence[str], max_message: int) -> None:
        self._wanted = tuple(subprotocols)
        uri = WebSocketURI(url.secure, url.host, url.port, url.resource, "")
        offered = [Subprotocol(name) for name in subprotocols] or None
        self._protocol = ClientProtocol(
            uri, state=State.OPEN, subprotocols=offered, max_size=max_message, logger=_silent
        )
        self._handshake = Exchange(head=True, max_body=0, keep_body=False, on_head=lambda *_: False)
        self._head_tail = b""
        self._write: Callable[[bytes], None] | None = None
        self._max_message = max_message
        self._fragments: list[bytes] = []
        self._messages: deque[bytes] = deque()
        self._unread = 0
        self._frames = 0
        self._end: Fault | None = None
        self._news: asyncio.Future[None] | None = None

    @property
    def response(self) -> Response | None:
        """What the server said to the upgrade."""
        return self._handshake.response

    async def upgrade(self, write: Callable[[bytes], None], headers: Sequence[tuple[str, str]]) -> None:
        """Ask for the upgrade, and return when messages may go both ways. `headers` replace ours. Raises Fault."""
        self._write = write
        request = self._protocol.connect()
        request.headers["User-Agent"] = "Watchkeep"
        for name, _ in headers:
            request.headers.pop(name, None)
        for name, value in headers:
            request.headers[name] = value
        write(request.serialize())
        await self._handshake.wait()
        response = self._handshake.response
        if response is None:
            raise ValueError("a handshake is over without a response")
        if response.status != 101:
            raise Fault("status", detail=f"{response.status}, not 101")
        fields = Headers((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers)
        try:
            self._protocol.process_response(UpgradeResponse(101, "", fields))
        except InvalidHandshake as error:
            raise Fault("upgrade", detail=str(error)) from None
        if self._wanted and self._protocol.subprotocol is None:
            raise Fault("upgrade", detail=f"it speaks none of {', '.join(self._wanted)}")

    async def read(self) -> bytes:
        """The next message. Raises Fault where there will be none."""
        while not self._messages:
            if self._end is not None:
                raise self._end
            self._news = asyncio.get_running_loop().create_future()
            await self._news
        message = self._messages.popleft()
        self._unread -= len(message)
        self._frames = 0
        return message

    def send(self, text: str) -> None:
        """Send a message. Raises Fault where the server has said goodbye."""
        try:
            self._protocol.send_text(text.encode())
        except InvalidState:
            raise self._end or Fault("data_closed") from None
        self._flush()

    def say_goodbye(self) -> None:
        """Say that no more is to come; the answer is not waited for."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(CloseCode.NORMAL_CLOSURE)
            self._flush()
        self._write = None  # the connection holds this object: they are not to wait for the collector

    # What the connection calls

    def received(self, data: bytes) -> None:
        if self._handshake.response is None:
            data = self._read_head(data)
        if self._handshake.response is None or self._handshake.response.status != 101:
            return
        for at in range(0, len(data), _PIECE_BYTES):
            if self._end is not None:
                return
            self._read_frames(data[at : at + _PIECE_BYTES])
        self._flush()

    def closed(self, error: Exception | None) -> None:
        self._handshake.closed(error)
        if isinstance(error, Fault):
            self._finish(error)
        else:
            self._finish(Fault("data_closed", detail=str(error or "closed without a goodbye")))

    # The head and what comes after it

    def _read_head(self, data: bytes) -> bytes:
        """Give the handshake what is its own; returns what is left."""
        while data and self._handshake.response is None:
            end = (self._head_tail + data).find(_END_OF_HEAD)
            cut = len(data) if end < 0 else end + len(_END_OF_HEAD) - len(self._head_tail)
            self._handshake.received(data[:cut])
            self._head_tail = b"" if end >= 0 else (self._head_tail + data)[-len(_END_OF_HEAD) + 1 :]
            data = data[cut:]
        return data

    def _read_frames(self, data: bytes) -> None:
        try:
            self._protocol.receive_data(data)
        except EOFError:
            return
        for frame in self._protocol.events_received():
            if isinstance(frame, Frame):
                self._take(frame)
        if (error := self._protocol.parser_exc) is not None:
            self._finish(Fault("data", detail=_sentence(error)))

    def _take(self, frame: Frame) -> None:
        self._frames += 1
        if frame.opcode is Opcode.CLOSE:
            goodbye = self._protocol.close_rcvd
            self._finish(Fault("data_closed", detail=f"goodbye: {goodbye}" if goodbye else "goodbye"))
        elif frame.opcode in {Opcode.TEXT, Opcode.BINARY, Opcode.CONT}:
            self._unread += len(frame.data)
            self._fragments.append(bytes(frame.data))
            if frame.fin:
                self._messages.append(b"".join(self._fragments))
                self._fragments.clear()
                self._wake()
        if self._frames > WAITING_FRAMES:
            self._finish(Fault("data", detail=f"more than {WAITING_FRAMES} frames that were not asked for"))
        elif self._unread > self._max_message + WAITING_BYTES:
            self._finish(Fault("data", detail=f"{self._unread} bytes that were not asked for"))

    def _flush(self) -> None:
        if self._write is not None and (pieces := self._protocol.data_to_send()):
            self._write(b"".join(pieces))

    def _finish(self, fault: Fault) -> None:
        if self._end is None:
            self._end = fault
        self._wake()

    def _wake(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)


def _sentence(error: Exception) -> str:
    return str(error) if isinstance(error, ProtocolError) else f"{type(error).__name__}: {error}"
