"""The records of a DNS message, read by dnspython's types, and no more work than a hostile server may cause.

dnspython would read a message by itself, but anew every name that many others point at: 65 KB of them take half a
minute. Here each place of the message is read once. RFC 1035, 4.1.
"""

from dataclasses import dataclass

from dns import rdata, rdataclass, rdatatype, wire
from dns.exception import DNSException
from dns.name import BadLabelType, BadPointer, Name

from slo.net.dns_text import record_text

MOST_RECORDS = 2000
"""How many records a message may have."""

_HEADER = "!HHHHHH"
_MOST_HOPS = 16

rdata.load_all_types()  # type: ignore[no-untyped-call]  # now, and not in the middle of a round


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """One record. `ttl` is in seconds; of a pseudo-record it is whatever stands in its place."""

    name: Name
    ttl: int
    data: rdata.Rdata

    @property
    def text(self) -> str:
        """The record on a line, see `slo.net.dns_text`."""
        return record_text(self.name, self.ttl, self.data)


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """A whole message: flags as they are on the wire, questions as (name, type, class), records by section."""

    identity: int
    flags: int
    questions: tuple[tuple[Name, int, int], ...]
    answer: tuple[Record, ...]
    authority: tuple[Record, ...]
    additional: tuple[Record, ...]


def read_message(data: bytes) -> Message:
    """The message; what follows it is left. Raises ValueError where it is none."""
    parser = _Parser(data)
    try:
        identity, flags, questions, *counts = parser.get_struct(_HEADER)
        if questions > 1 or sum(counts) > MOST_RECORDS:
            raise ValueError(f"it has {questions} questions and {sum(counts)} records")
        asked = tuple((parser.get_name(None, True), *parser.get_struct("!HH")) for _ in range(questions))
        answer, authority, additional = (tuple(_record(parser) for _ in range(count)) for count in counts)
    except DNSException as error:
        raise ValueError(f"it is no DNS message: {error}") from None
    return Message(
        identity=identity, flags=flags, questions=asked, answer=answer, authority=authority, additional=additional
    )


def _record(parser: "_Parser") -> Record:
    name = parser.get_name(None, True)
    kind, group, ttl, length = parser.get_struct("!HHIH")
    start = parser.current
    with parser.restrict_to(length):
        try:
            data = rdata.from_wire_parser(rdataclass.RdataClass(group), rdatatype.RdataType(kind), parser)
        except (DNSException, ValueError):
            # It is as long as it says, and not what its type has: it counts, and is shown in hexadecimal.
            data = rdata.GenericRdata(group, kind, parser.wire[start : start + length])
            parser.seek(start + length)
    return Record(name=name, ttl=ttl, data=data)


class _Parser(wire.Parser):
    """Reads names so that each place that is pointed at is read once."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._read: dict[int, Name] = {}

    def get_name(self, origin: Name | None = None, decompress: bool = False) -> Name:  # noqa: ARG002, FBT001, FBT002
        """The name at this place. Compression is taken everywhere, as other readers take it."""
        name = self._name(0)
        return name if origin is None else name.relativize(origin)

    def _name(self, hops: int) -> Name:
        """The name at this place, which was come to by so many pointers; goes on behind it."""
        start = self.current
        labels: list[bytes] = []
        while count := self.get_uint8():
            if count < 64:
                labels.append(self.get_bytes(count))
                continue
            if count < 192:
                raise BadLabelType
            name = self._pointed_at((count & 0x3F) << 8 | self.get_uint8(), start, hops + 1)
            return Name((*labels, *name.labels)) if labels else name
        return Name((*labels, b""))

    def _pointed_at(self, target: int, start: int, hops: int) -> Name:
        """The name that is pointed at from one that begins at `start`: it must lie before it."""
        if target >= start or hops > _MOST_HOPS:
            raise BadPointer
        if target not in self._read:
            behind, end, self.end = self.current, self.end, start
            try:
                self.seek(target)
                self._read[target] = self._name(hops)
            finally:
                self.current, self.end = behind, end
        return self._read[target]
