"""One request over HTTP/2 and its response, on a connection of its own.

h2 reads and writes the frames. It is given one at a time, so that what was understood before a frame that is wrong is
known however the bytes were cut, and what a frame unfolds to is counted before the next is looked at.

Frames and their meaning: https://www.rfc-editor.org/rfc/rfc9113
"""

from collections.abc import Callable, Iterable

from h2.events import (
    DataReceived,
    Event,
    InformationalResponseReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import DenialOfServiceError, H2Error, InvalidBodyLengthError
from hyperframe.exceptions import HyperframeError

from slo.errors import Fault
from slo.net.body import Body
from slo.net.decoding import Compression
from slo.net.http1 import HEADER_BYTES, Headers, Response, head_too_large
from slo.net.http2_wire import GOAWAY, Fields, Frames, client, code_name, goodbye
from slo.net.reception import Reception

VERSION = "2"
"""What a response has as its version."""

SPARE_FRAMES = 200
"""How many frames may come besides one for each 64 bytes of a body: each costs us far more than who sends it.

nginx needs five for a response. What is left is for bodies that are passed on in tiny pieces.
"""

GRANTED_BYTES = 8_192
"""For each so many bytes of a body that we send, one more may come: the other side grants window for it bit by bit, of
the stream and of the connection. For 10 MB nginx took 158 frames, and more than 200 on a busy machine.
"""

_STREAM = 1


class Exchange(Reception):
    """Receives one response, whatever arrives, and knows when it is over: `wait` returns or raises Fault then.

    It has the face of `slo.net.http1.Exchange`, and is told by `ask` what to ask for. `trailers` are the fields that
    came after the body.
    """

    def __init__(
        self,
        *,
        head: bool,
        max_body: int,
        keep_body: bool,
        on_head: Callable[[int, Headers], bool],
        compression: Compression = "auto",
    ) -> None:
        super().__init__(Body(limit=max_body, keep=keep_body, compression=compression))
        self._frames = Frames()
        self._fields = Fields()
        self._h2 = client()
        self._write: Callable[[bytes], None] | None = None
        self._unsent = b""
        self._status = 0
        self._headers: Headers = ()
        self._fed = 0
        self._taken = 0
        self._allowed = SPARE_FRAMES
        self._head = head
        self._on_head = on_head
        self.trailers: Headers = ()

    def ask(
        self,
        write: Callable[[bytes], None],
        *,
        method: str,
        scheme: str,
        authority: str,
        resource: str,
        headers: Iterable[tuple[str, str]],
        body: bytes = b"",
    ) -> None:
        """Send the request. A header Host replaces `authority`; headers of the connection are left out."""
        if self._over:
            return  # it has said too much before it was asked
        self._write = write
        fields = [(name.lower(), value) for name, value in headers]
        named = [value for name, value in fields if name == "host"]
        block = [
            (":method", method),
            (":scheme", scheme),
            (":authority", named[0] if named else authority),
            (":path", resource),
            *(field for field in fields if field[0] not in {"host", "te"} or field == ("te", "trailers")),
        ]
        try:
            self._h2.send_headers(_STREAM, block, end_stream=not body)
        except H2Error as error:
            self._finish(Fault("response_reset", detail=f"it takes no request: {error}"))
        self._unsent = body
        self._allowed += len(body) // GRANTED_BYTES
        self._send()

    @property
    def response(self) -> Response | None:
        """As much of the response as there is; None before its head is complete."""
        if not self._begun:
            return None
        return Response(
            status=self._status,
            version=VERSION,
            headers=self._headers,
            content_length=self._length,
            body=self._body.content,
            body_bytes=self._body.received,
            decoded_bytes=self._body.decoded,
            complete=self._complete,
        )

    # What the connection calls

    def received(self, data: bytes) -> bool:
        if not self._over:
            self._feed(data)
        return self._unfold()

    def _let_go(self) -> None:
        self._write = None

    def _feed(self, data: bytes) -> None:
        self._fed += len(data)
        try:
            for kind, frame in self._frames.cut(data):
                self._take(kind, frame)
                if self._over:
                    break
            if self._fed - self._body.received > HEADER_BYTES + self._body.received // 8:
                raise head_too_large()
        except Fault as fault:
            self._end(fault)
        except Exception as error:  # noqa: BLE001 - a mistake of ours, for `wait`
            self._fail(error)
        self._send()

    # Frames

    def _take(self, kind: int, frame: bytes) -> None:
        """Take in one frame. Raises Fault."""
        self._taken += 1
        if self._taken > self._allowed + self._body.received // 64:
            raise Fault("headers_too_large", detail=f"more than {self._allowed} frames around the body")
        if kind == GOAWAY and self._may_go_on(frame):
            return  # h2 would take nothing more on this connection
        try:
            events = self._h2.receive_data(frame)
        except DenialOfServiceError:
            raise head_too_large() from None
        except InvalidBodyLengthError as error:
            short = error.actual_length < error.expected_length
            raise Fault("body_short" if short else "response_malformed", detail=str(error)) from None
        except (H2Error, HyperframeError) as error:
            raise Fault("response_malformed", detail=str(error)) from None
        for event in events:
            if not self._over:
                self._heed(event)

    def _may_go_on(self, frame: bytes) -> bool:
        """Whether a server that says goodbye will still answer what it was asked. Raises Fault where it will not."""
        last_stream, error = goodbye(frame)
        if not error and last_stream >= _STREAM:
            return True
        raise Fault("body_reset" if self._begun else "response_reset", detail=f"goodbye: {error or 'no error'}")

    def _heed(self, event: Event) -> None:
        """Take in what a frame means. Raises Fault."""
        match event:
            case InformationalResponseReceived():
                self._fields.head(event.headers)
            case ResponseReceived():
                self._read_head(*self._fields.head(event.headers))
            case DataReceived():
                self._body.add(event.data or b"")
                if event.flow_controlled_length:
                    self._h2.acknowledge_received_data(event.flow_controlled_length, _STREAM)
            case TrailersReceived():
                self.trailers = self._fields.trailers(event.headers)
            case StreamEnded():
                self._end_stream()
            case StreamReset():
                reason = "body_reset" if self._begun else "response_reset"
                raise Fault(reason, detail=f"the stream was reset: {code_name(event.error_code or 0)}")

    def _read_head(self, status: int, headers: Headers) -> None:
        self._begun, self._status, self._headers = True, status, headers
        encoding = ""
        for name, value in self._headers:
            if name == b"content-length":
                self._length = int(value)  # h2 has seen that it is a number
            elif name == b"content-encoding":
                encoding = value.decode("latin-1").strip().lower()
        if not self._on_head(self._status, self._headers) or self._head:
            self._end()
        else:
            self._body.expect(length=self._length, encoding=encoding)

    def _end_stream(self) -> None:
        """The response ends here. h2 compares with its length only where no trailers come after the body."""
        if self._length and self._body.received < self._length and self._status != 304:
            raise Fault("body_short", detail=f"ended after {self._body.received} of {self._length} bytes")
        self._end()

    def _send(self) -> None:
        """Send what is to be sent, and as much of the body as the other side lets us."""
        if self._write is None:
            return
        while self._unsent and not self._over:
            room = min(self._h2.local_flow_control_window(_STREAM), self._h2.max_outbound_frame_size)
            if room <= 0:
                break
            piece, self._unsent = self._unsent[:room], self._unsent[room:]
            self._h2.send_data(_STREAM, piece, end_stream=not self._unsent)
        if data := self._h2.data_to_send():
            self._write(data)
