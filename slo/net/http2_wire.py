"""What arrives over HTTP/2, before anybody asks what it means: frames, cut and counted, and fields, checked.

Source: https://www.rfc-editor.org/rfc/rfc9113
"""

import re
from collections.abc import Iterable, Iterator

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.settings import SettingCodes, Settings

from slo.errors import Fault
from slo.net.http1 import FIELD_BYTES, HEADER_BYTES, Headers, head_too_large

WINDOW_BYTES = 1_048_576
"""How much of a body may be under way before we have to say that we took it."""

FRAME_HEAD_BYTES = 9
FRAME_BYTES = 16_384
"""The longest frame that we take, which is also the least that the protocol lets us say."""

SETTINGS = 4
GOAWAY = 7

_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]+")
_NO_VALUE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


def client() -> H2Connection:
    """Our side of a new connection, with its greeting ready to be sent.

    Fields are checked by `Fields`: h2 would refuse a space at the end of a value, which others let pass.
    """
    connection = H2Connection(H2Configuration(client_side=True, validate_inbound_headers=False))
    connection.local_settings = Settings(
        client=True,
        initial_values={
            SettingCodes.ENABLE_PUSH: 0,
            SettingCodes.INITIAL_WINDOW_SIZE: WINDOW_BYTES,
            SettingCodes.MAX_HEADER_LIST_SIZE: HEADER_BYTES,
        },
    )
    connection.initiate_connection()
    connection.increment_flow_control_window(WINDOW_BYTES - connection.inbound_flow_control_window)
    return connection


class Frames:
    """Cuts what arrives into whole frames."""

    __slots__ = ("_begun", "_waiting")

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._begun = False

    def cut(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """The type and the bytes of every frame that is complete. Raises Fault for what can be none."""
        waiting = self._waiting
        waiting += data
        while len(waiting) >= FRAME_HEAD_BYTES:
            length, kind = int.from_bytes(waiting[:3], "big"), waiting[3]
            if not self._begun and kind != SETTINGS:
                raise _malformed("it does not speak HTTP/2")
            if length > FRAME_BYTES:
                raise _malformed(f"a frame of {length} bytes")
            end = FRAME_HEAD_BYTES + length
            if len(waiting) < end:
                return
            self._begun = True
            frame = bytes(waiting[:end])
            del waiting[:end]
            yield kind, frame


class Fields:
    """The fields of every head and of the trailers. What a few bytes unfold to has its limit."""

    __slots__ = ("_bytes",)

    def __init__(self) -> None:
        self._bytes = 0

    def head(self, fields: Iterable[tuple[bytes, bytes]] | None) -> tuple[int, Headers]:
        """The status of a response, and its headers. Raises Fault."""
        (name, status), *rest = fields or [(b"", b"")]
        if name != b":status" or len(status) != 3 or not status.isdigit() or status < b"100":
            raise _malformed(f"a response that begins with {name[:20]!r}: {status[:20]!r}")
        return int(status), self.trailers(rest)

    def trailers(self, fields: Iterable[tuple[bytes, bytes]] | None) -> Headers:
        """Fields that are headers. Raises Fault."""
        taken = tuple((name, value.strip(b" \t")) for name, value in fields or ())
        self._bytes += sum(len(name) + len(value) + FIELD_BYTES for name, value in taken)
        if self._bytes > HEADER_BYTES:
            raise head_too_large()
        for name, value in taken:
            if not _NAME.fullmatch(name) or _NO_VALUE.search(value):
                raise _malformed(f"{name[:40]!r} is no header, or has a value that none can have")
        return taken


def goodbye(frame: bytes) -> tuple[int, str]:
    """The last stream that a GOAWAY frame says will be answered, and the name of its error, empty without one.

    Raises Fault.
    """
    payload = frame[FRAME_HEAD_BYTES:]
    if len(payload) < 8:
        raise _malformed("a GOAWAY frame that is too short")
    code = int.from_bytes(payload[4:8], "big")
    return int.from_bytes(payload[:4], "big") & 0x7FFFFFFF, code_name(code) if code else ""


def code_name(code: int) -> str:
    """What the protocol calls an error."""
    try:
        return ErrorCodes(code).name
    except ValueError:
        return f"error {code}"


def _malformed(detail: str) -> Fault:
    return Fault("response_malformed", detail=detail)
