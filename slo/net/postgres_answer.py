"""The answer of a PostgreSQL to one question, read from the bytes as they come, and what its errors mean.

https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

import struct
from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeAlias

from slo.errors import Fault
from slo.net.conversation import said
from slo.net.sql import Fields, Result

HEAD_BYTES = 5
"""How many bytes a message has before what is in it: its kind, and its length without the kind."""

MESSAGES_AT_ONCE = 256
"""How many messages are read before others may run."""

PASSED_OVER = frozenset(b"SKNAv1234nIs")
"""What a server says beside the answer: its settings, notices, and steps that went well."""

REASONS: Mapping[str, str] = MappingProxyType(
    {
        "3D000": "database_unknown",
        "53300": "too_many_connections",
        "57014": "query_timeout",
        "57P01": "not_ready",  # it is being shut down, or our connection was ended by hand
        "57P02": "not_ready",
        "57P03": "not_ready",
    }
)
"""The reason of an error by its SQLSTATE, https://www.postgresql.org/docs/current/errcodes-appendix.html."""

INSIDE_REASONS: Mapping[str, str] = MappingProxyType(
    {**REASONS, "25006": "read_only", "42501": "permission", "55P03": "query_timeout"}
)
"""The same for whoever looks inside: a right that is missing is then ours, and no application's."""

_HEAD = struct.Struct("!Bi")
_COUNT = struct.Struct("!H")
_SIZE = struct.Struct("!i")
_DATA_ROW, _READY, _DESCRIPTION, _ERROR = b"DZTE"
_BESIDE = PASSED_OVER | frozenset(b"C")

Values: TypeAlias = tuple[str | None, ...]
"""A row as text, None where a value is NULL."""

_NONE: Mapping[bytes, Values] = MappingProxyType({})


class Answer:
    """An answer while it is read. Raises Fault at what cannot be one, and at more rows than it may have."""

    def __init__(self, limit_rows: int, reasons: Mapping[str, str], known: Mapping[bytes, Values] = _NONE) -> None:
        """Rows that are `known` are taken as they are: most are what they were when they were asked for last."""
        self._limit_rows = limit_rows
        self._known = known
        self.read_rows: dict[bytes, Values] = {}
        self._reasons = reasons
        self._columns: tuple[str, ...] = ()
        self._rows: list[Values] = []
        self._refusal: Fault | None = None
        self.complete = False
        """Whether the server takes the next question."""
        self.needed = HEAD_BYTES
        """How many bytes must be there for more of the answer to be read."""

    @property
    def result(self) -> Result | Fault:
        """The rows; a Fault where the question was refused."""
        return self._refusal or Result(columns=self._columns, rows=tuple(self._rows))

    def read(self, data: bytes) -> int:
        """Read the messages that are there, many in one go; how many bytes they were."""
        at = 0
        self.needed = HEAD_BYTES
        for _ in range(MESSAGES_AT_ONCE):
            if self.complete or len(data) - at < HEAD_BYTES:
                break
            kind, size = _HEAD.unpack_from(data, at)
            if size < 4:
                raise unexpected(bytes([kind]))
            end = at + 1 + size
            if end > len(data):
                self.needed = 1 + size
                break
            self._take(kind, data, at + HEAD_BYTES, end)
            at = end
        return at

    def _take(self, kind: int, data: bytes, at: int, end: int) -> None:
        """One message, whose content begins and ends there."""
        if kind == _DATA_ROW:
            if len(self._rows) == self._limit_rows:
                raise Fault("result", detail=f"more than {self._limit_rows} rows")
            raw = data[at:end]
            row = self.read_rows[raw] = self._known.get(raw) or _row(raw)
            self._rows.append(row)
        elif kind == _READY:
            self.complete = True
        elif kind == _DESCRIPTION:
            self._columns = _columns(Fields(data[at:end]))
        elif kind == _ERROR:
            self._refusal = self._refusal or refusal(data[at:end], "query_refused", self._reasons)
        elif kind not in _BESIDE:
            raise unexpected(bytes([kind]))


def refusal(answer: bytes, otherwise: str, reasons: Mapping[str, str] = REASONS) -> Fault:
    """The fault that an error is: by its SQLSTATE, `otherwise` where it has no reason of its own."""
    fields = Fields(answer)
    named: dict[bytes, str] = {}
    while fields.left and (code := fields.take(1)) != b"\0":
        named[code] = fields.text()
    state = named.get(b"C", "")
    return Fault(reasons.get(state, otherwise), detail=said(f"{state}: {named.get(b'M', '')}"))


def unexpected(kind: bytes) -> Fault:
    """The fault that a message of another kind is."""
    return Fault("data", detail=f"no message of PostgreSQL stands there: {kind!r}")


def _columns(description: Fields) -> tuple[str, ...]:
    names: list[str] = []
    for _ in range(description.big(2)):
        names.append(description.text())
        description.take(18)  # where it comes from, and its type
    return tuple(names)


def _row(data: bytes) -> Values:
    """The values of a row. What its sizes say is held against where the message ends, once, behind the last one."""
    values: list[str | None] = []
    at = 2
    try:
        (count,) = _COUNT.unpack_from(data)
        for _ in range(count):
            (size,) = _SIZE.unpack_from(data, at)
            at += 4
            if size < 0:
                values.append(None)
            else:
                values.append(data[at : at + size].decode(errors="replace"))
                at += size
    except struct.error:
        at = -1
    if at != len(data):
        raise Fault("data", detail="a packet is shorter or longer than what is in it")
    return tuple(values)
