"""Health checking over gRPC, version 1: what is asked, and what an answer says.

The service and its two messages: https://github.com/grpc/grpc/blob/master/doc/health-checking.md. A call over HTTP/2:
https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md. The wire of the messages:
https://protobuf.dev/programming-guides/encoding/
"""

from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import unquote_to_bytes

from slo.errors import Fault
from slo.net.http1 import Headers, Response

RESOURCE = "/grpc.health.v1.Health/Check"

SERVING_STATUSES = ("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")
"""What a service may be, by the number of each."""

OK = 0
UNKNOWN = 2
DEADLINE_EXCEEDED = 4
NOT_FOUND = 5
UNIMPLEMENTED = 12
INTERNAL = 13
UNAVAILABLE = 14

_CODES = (
    *("OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS"),
    *("PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED"),
    *("INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"),
)

_CODES_OF_HTTP = MappingProxyType(
    {400: INTERNAL, 401: 16, 403: 7, 404: UNIMPLEMENTED, 429: UNAVAILABLE} | dict.fromkeys((502, 503, 504), UNAVAILABLE)
)
"""What an answer means that comes from no gRPC server: doc/http-grpc-status-mapping.md of gRPC."""

_PREFIX_BYTES = 5
_MESSAGE_SHOWN = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """How a call ended. `code` is the status of gRPC; `serving` what the service is, empty where that was not said.

    With `http_status` it was answered by somebody who does not speak gRPC; 0 else.
    """

    code: int
    message: str = ""
    serving: str = ""
    http_status: int = 0

    @property
    def told(self) -> str:
        """The status as it is told, with the server's message."""
        return f"{self.code_name}{': ' if self.message else ''}{self.message}"

    @property
    def code_name(self) -> str:
        """What the code is called."""
        return _CODES[self.code] if self.code < len(_CODES) else f"status {self.code}"


def check_request(service: str) -> bytes:
    """The body of a call that asks for one service; empty for the server as a whole."""
    name = service.encode()
    message = b"\x0a" + _varint(len(name)) + name if name else b""
    return b"\0" + len(message).to_bytes(4, "big") + message


def answer_of(response: Response, trailers: Headers) -> Answer:
    """What a response means. Raises Fault for one that is no answer to the call."""
    said = dict(trailers) if trailers else {name.lower(): value for name, value in response.headers}
    status = said.get(b"grpc-status")
    speaks_grpc = (response.header("content-type") or "").startswith("application/grpc")
    if status is None and (response.status != 200 or not speaks_grpc):
        code = _CODES_OF_HTTP.get(response.status, UNKNOWN)
        return Answer(code=code, http_status=response.status)
    if status is None:
        raise Fault("data", detail="the call ended without a status of gRPC")
    if not status.isdigit() or len(status) > 9:
        raise Fault("data", detail=f"{status[:20]!r} is no status of gRPC")
    message = unquote_to_bytes(said.get(b"grpc-message", b"")).decode(errors="replace")[:_MESSAGE_SHOWN]
    if int(status) != OK:
        return Answer(code=int(status), message=message)
    try:
        number = _serving_of(_only_message(response.body))
    except ValueError as error:
        raise Fault("data", detail=str(error)) from None
    named = SERVING_STATUSES[number] if number < len(SERVING_STATUSES) else ""
    return Answer(code=OK, serving=named, message="" if named else f"the service is {number}, whatever that is")


def _only_message(body: bytes) -> bytes:
    """The message of a body that has one. Raises ValueError."""
    if len(body) < _PREFIX_BYTES:
        raise ValueError("the call was OK and brought no answer")
    if body[0]:
        raise ValueError("the answer is compressed, which was not asked for")
    length = int.from_bytes(body[1:_PREFIX_BYTES], "big")
    if len(body) != _PREFIX_BYTES + length:
        raise ValueError(f"an answer of {length} bytes in a body of {len(body) - _PREFIX_BYTES}")
    return body[_PREFIX_BYTES:]


def _serving_of(message: bytes) -> int:
    """The field `status` of a HealthCheckResponse; fields that we do not know are passed over. Raises ValueError."""
    serving = 0
    for field, value in _fields(message):
        if field == 1:
            if not isinstance(value, int):
                raise ValueError("the answer's status is no number")
            serving = value
    return serving


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a message, by their numbers. Raises ValueError."""
    at = 0
    while at < len(message):
        tag, at = _read_varint(message, at)
        kind = tag & 7
        value: int | bytes
        if kind == 0:
            value, at = _read_varint(message, at)
        elif kind in {1, 2, 5}:
            length = {1: 8, 5: 4}.get(kind, 0)
            if kind == 2:
                length, at = _read_varint(message, at)
            value, at = message[at : at + length], at + length
            if at > len(message):
                raise ValueError("the answer breaks off")
        else:
            raise ValueError("the answer is no message of protobuf")
        yield tag >> 3, value


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*encoded, number))


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    """The number at a place, and the place behind it. Raises ValueError."""
    number = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            raise ValueError("the answer breaks off")
        number |= (message[at] & 0x7F) << shift
        at += 1
        if not message[at - 1] & 0x80:
            return number, at
    raise ValueError("the answer has a number that is too long")
