"""One request over HTTP/1.1 and its response, on a connection of its own.

Message framing: https://www.rfc-editor.org/rfc/rfc9112
"""

from collections.abc import Callable
from dataclasses import dataclass

import httptools

from slo.errors import Fault
from slo.net.body import Body
from slo.net.decoding import Compression
from slo.net.reception import Reception

HEADER_BYTES = 65_536
"""The largest head of a response that is taken, interim responses included."""

FIELD_BYTES = 32
"""What a field counts beyond its name and value, as HTTP/2 counts them: it takes more room than was sent for it."""

Field = tuple[bytes, bytes]
Headers = tuple[Field, ...]

SHARED_FIELDS = 2_048
SHARED_BYTES = 64
"""So many fields of so many bytes are kept to be shared: thousands of targets say the same, round after round."""

_shared: dict[Field, Field] = {}


@dataclass(frozen=True, kw_only=True, slots=True)
class Response:
    """What came back. `headers` are as they were sent; `body` is decoded, and empty unless it was to be kept.

    `content_length` is what the headers said, None where they did not. `body_bytes` were received, and are
    `decoded_bytes` after decoding; while `complete` is false there may have been more.
    """

    status: int
    version: str
    headers: Headers
    content_length: int | None = None
    body: bytes = b""
    body_bytes: int = 0
    decoded_bytes: int = 0
    complete: bool = True

    def lines(self, name: str) -> list[bytes]:
        """The values of a header, one for each of its lines."""
        return lines_of(self.headers, name)

    def header(self, name: str) -> str | None:
        """The value of a header, all of its lines joined by commas; None without it."""
        values = self.lines(name)
        return b", ".join(values).decode("latin-1") if values else None


def lines_of(headers: Headers, name: str) -> list[bytes]:
    """The values of a header, one for each of its lines."""
    wanted = name.lower().encode("latin-1")
    return [value for key, value in headers if key.lower() == wanted]


def shared(field: Field) -> Field:
    """The field, as the one object that it is for everybody where it is short."""
    known = _shared.get(field)
    if known is not None:
        return known
    if len(field[0]) + len(field[1]) <= SHARED_BYTES:
        if len(_shared) >= SHARED_FIELDS:
            _shared.clear()
        _shared[field] = field
    return field


class Exchange(Reception):
    """Receives one response, whatever arrives, and knows when it is over: `wait` returns or raises Fault then.

    `on_head` is called once, with the status and the headers, and says whether the body is to be waited for. At most
    `max_body` bytes of it are taken, before and after decoding as `compression` says; they are kept with `keep_body`.
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
        self._status = 0
        self._version = ""
        self._headers: list[Field] = []
        self._fed = 0
        self._framed = False
        self._head = head
        self._on_head = on_head
        self._parser: httptools.HttpResponseParser | None = None

    @property
    def response(self) -> Response | None:
        """As much of the response as there is; None before its head is complete."""
        if not self._begun:
            return None
        return Response(
            status=self._status,
            version=self._version,
            headers=tuple(self._headers),
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

    def _broken_off(self, error: Exception | None) -> Fault | None:
        if error is None and self._begun and not self._framed:
            return self._body.end()  # a body that lasts until the connection closes
        if error is None and self._fed and not self._begun:
            return Fault("response_malformed", detail="closed in the middle of the headers")
        return super()._broken_off(error)

    def _let_go(self) -> None:
        self._parser = None

    def _feed(self, data: bytes) -> None:
        self._fed += len(data)
        if self._parser is None:
            self._parser = httptools.HttpResponseParser(self)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._end()
        except httptools.HttpParserCallbackError as error:
            self._fail(error.__context__ or error)
        except httptools.HttpParserError as error:
            self._end(Fault("response_malformed", detail=str(error)))
        # Chunks of one byte take six bytes each; trailers and the extensions of chunks have no other end.
        if self._fed - self._body.received > HEADER_BYTES + 8 * self._body.received:
            self._end(head_too_large())

    # What the parser calls

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._begun:  # else it is a trailer
            self._headers.append(shared((name, value)))

    def on_headers_complete(self) -> None:
        if self._over or self._begun or self._parser is None:
            return
        self._status = self._parser.get_status_code()
        if 100 <= self._status < 200 and self._status != 101:
            self._headers.clear()
            return
        self._version = self._parser.get_http_version()
        self._begun = True
        encoding = self._read_framing()
        if len(self._headers) * FIELD_BYTES + self._fed > HEADER_BYTES and self._head_bytes > HEADER_BYTES:
            self._end(head_too_large())
            return
        if not self._on_head(self._status, tuple(self._headers)) or self._head or self._status == 101:
            self._end()
            return
        try:
            self._body.expect(length=self._length, encoding=encoding)
        except Fault as fault:
            self._end(fault)

    def on_body(self, data: bytes) -> None:
        if self._over:
            return
        try:
            self._body.add(data)
        except Fault as fault:
            self._end(fault)

    def on_message_complete(self) -> None:
        if self._begun and not self._over:  # else it was an interim response
            self._end()

    def _read_framing(self) -> str:
        """Take in what the headers say about the body; returns its encoding, empty where they name none."""
        encoding = ""
        for name, value in self._headers:
            match name.lower():
                case b"content-length":
                    self._length = int(value)  # the parser has seen that it is a number
                    self._framed = True
                case b"transfer-encoding":
                    self._framed = value.lower().rstrip().endswith(b"chunked")
                case b"content-encoding":
                    encoding = value.decode("latin-1").strip().lower()
        return encoding

    @property
    def _head_bytes(self) -> int:
        return sum(len(name) + len(value) + FIELD_BYTES for name, value in self._headers)


def head_too_large() -> Fault:
    """What is wrong with a response that has more around its body than any needs."""
    return Fault("headers_too_large", detail=f"more than {HEADER_BYTES} bytes around the body")
