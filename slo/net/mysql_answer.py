"""What a MySQL or MariaDB answers to one statement: a result, or an error. Pure: bytes in, rows out.

https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache
from types import MappingProxyType
from typing import TypeAlias

from slo.errors import Fault
from slo.net.conversation import said
from slo.net.sql import Fields, Result

HEAD_BYTES = 4
"""Before each packet stand its size (three bytes) and its number in the exchange, which begins anew after 255."""

SHORT_BYTES = 256

_NAME = 4
"""The fifth text of a column's description: catalogue, schema, table, the table's own name, the column."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error of the server: its number, and what it means to us."""

    number: int
    fault: Fault


Row: TypeAlias = tuple[str | None, ...]

NOTHING_KNOWN: Mapping[bytes, Row] = MappingProxyType({})


class _Next(Enum):
    """What the next packet is to be."""

    BEGINNING = auto()
    COLUMN = auto()
    END_OF_COLUMNS = auto()
    ROW = auto()


class Answer:
    """The answer to one statement while it arrives; `done` is what it came to, None before its end.

    It reads whole packets out of what has arrived, synchronously: thousands of rows come with one answer. `needs` is
    how many bytes must be there for it to go on.

    Rows that are in `known`, by their packets, are not read anew: `read_rows` of the answer before. Of the thousand
    variables of a server hardly one is another than a moment ago.
    """

    def __init__(self, limit_rows: int, known: Mapping[bytes, Row] = NOTHING_KNOWN) -> None:
        self.read_rows: dict[bytes, Row] = {}
        self.done: Result | Refusal | None = None
        self.needs = HEAD_BYTES
        self._known = known
        self._limit_rows = limit_rows
        self._number = 1
        self._next = _Next.BEGINNING
        self._missing = 0
        self._columns: list[str] = []
        self._rows: list[Row] = []

    def read(self, data: bytes) -> int:
        """Take the packets that are there whole, up to the end of the answer, and tell how many bytes they were.

        Raises Fault for what is no such answer, and where it has more rows than are allowed.
        """
        at, there, known, width = 0, len(data), self._known, len(self._columns)
        rows, read_rows = self._rows, self.read_rows
        while self.done is None:
            begin = at + HEAD_BYTES
            if begin > there:
                self.needs = HEAD_BYTES
                break
            end = begin + (data[at] | data[at + 1] << 8 | data[at + 2] << 16)
            if end > there:
                self.needs = end - at
                break
            if data[at + 3] != self._number:
                raise out_of_order()
            self._number = (self._number + 1) & 0xFF
            packet = data[begin:end]
            if self._next is not _Next.ROW:
                self._before_rows(packet)
                width = len(self._columns)
            elif (row := known.get(packet)) is not None and len(row) == width:
                read_rows[packet] = row
                rows.append(row)
            elif packet[:1] == b"\xff" or (packet[:1] == b"\xfe" and len(packet) < 9):
                self._after_rows(packet)
            else:
                read_rows[packet] = row = _row(packet, width)
                rows.append(row)
            at = end
        if len(rows) > self._limit_rows:
            raise Fault("result", detail=f"more than {self._limit_rows} rows")
        return at

    def _before_rows(self, packet: bytes) -> None:
        match self._next:
            case _Next.BEGINNING:
                self._beginning(packet)
            case _Next.COLUMN:
                self._columns.append(_column(packet))
                if len(self._columns) == self._missing:
                    self._next = _Next.END_OF_COLUMNS
            case _:
                self._next = _Next.ROW

    def _beginning(self, packet: bytes) -> None:
        match packet[:1]:
            case b"\x00":
                self.done = Result()
            case b"\xff":
                self.done = refusal(packet, otherwise="query_refused")
            case b"" | b"\xfb" | b"\xfe":  # the second asks for a file of ours
                raise unexpected(packet)
            case _:
                self._missing = _length(Fields(packet)) or 0
                self._next = _Next.COLUMN if self._missing else _Next.END_OF_COLUMNS

    def _after_rows(self, packet: bytes) -> None:
        if packet[0] == 0xFF:
            self.done = refusal(packet, otherwise="query_refused")
        else:
            self.done = Result(columns=tuple(self._columns), rows=tuple(self._rows))


@lru_cache(maxsize=1024)
def _short_column(packet: bytes) -> str:
    fields = Fields(packet)
    return [_value(fields) for _ in range(_NAME + 1)][_NAME] or ""


def _column(packet: bytes) -> str:
    """The name of a column by its description. The same come with each answer, so those that are short are kept."""
    return _short_column(packet) if len(packet) <= SHORT_BYTES else _short_column.__wrapped__(packet)


def _row(packet: bytes, width: int) -> Row:
    """The values of a row of so many columns. Raises Fault where the packet has others."""
    row: list[str | None] = []
    at, end = 0, len(packet)
    while at < end:
        size = packet[at]
        if size < 0xFB:  # nearly all of them
            at += size + 1
            row.append(packet[at - size : at].decode("utf-8", "replace"))
        else:
            fields = Fields(packet[at:])
            row.append(_value(fields))
            at = end - fields.left
    if at != end or len(row) != width:
        raise Fault("data", detail="a row has not as many values as there are columns")
    return tuple(row)


def _length(fields: Fields) -> int | None:
    """A length of one to nine bytes; None for that of NULL."""
    first = fields.little(1)
    match first:
        case 0xFB:
            return None
        case 0xFC | 0xFD:
            return fields.little(first - 0xFA)
        case 0xFE:
            return fields.little(8)
        case 0xFF:
            raise Fault("data", detail="something else stands where MySQL has a length")
    return first


def _value(fields: Fields) -> str | None:
    size = _length(fields)
    return None if size is None else fields.take(size).decode(errors="replace")


_REASONS = {
    1040: "too_many_connections",
    1203: "too_many_connections",  # of this user
    1226: "too_many_connections",  # a limit of this user's in an hour
    1047: "not_ready",  # a node of Galera that is not part of its cluster
    1053: "not_ready",
    1927: "not_ready",  # our connection was ended by hand
    3032: "not_ready",
    1044: "auth_refused",
    1045: "auth_refused",
    1049: "database_unknown",
    1969: "query_timeout",
    3024: "query_timeout",
}
"""The reason of an error by its number: 3032 and 3024 are MySQL's alone, 1927 and 1969 are MariaDB's.

https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html, https://mariadb.com/kb/en/mariadb-error-codes/
"""


def refusal(packet: bytes, *, otherwise: str) -> Refusal:
    """What an error of the server says; `otherwise` is the reason of one that is not known by its number."""
    fields = Fields(packet)
    fields.take(1)
    number = fields.little(2)
    message = fields.rest()
    if message[:1] == b"#":
        message = message[6:]  # the SQLSTATE
    detail = said(f"{number}: {message.decode(errors='replace')}")
    return Refusal(number, Fault(_REASONS.get(number, otherwise), detail=detail))


def unexpected(packet: bytes) -> Fault:
    """What comes is no packet that may come now."""
    return Fault("data", detail=f"no packet of MySQL stands there: it begins with {packet[:4]!r}")


def out_of_order() -> Fault:
    """A packet has another number than the next one."""
    return Fault("data", detail="the packets of the server are not in their order")
