"""One question to a DNS server, and what its response says. RFC 1035."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from slo.net.dns_records import Message, Record

UDP_BYTES = 512
"""The largest message over UDP: the questions here ask for no more (RFC 1035, 2.3.4)."""

_ID_BYTES = 2

_RESPONSE = 0x8000
_OPCODE = 0x7800
_TRUNCATED = 0x0200
_RECURSION_DESIRED = 0x0100
_CODE = 0x000F


@dataclass(frozen=True, kw_only=True, slots=True)
class Response:
    """A response code by its name, and the records of each section.

    `serial` is that of the last SOA record of the answer. A `truncated` one holds less than there is.
    """

    code: str
    answer: "tuple[Record, ...]"
    authority: "tuple[Record, ...]"
    additional: "tuple[Record, ...]"
    serial: int | None
    truncated: bool


class Query:
    """A question: encoded with an id, and held against what comes back."""

    def __init__(self, name: str, kind: str, record_class: str, *, recursion_desired: bool) -> None:
        """Raises ValueError for what cannot be asked for."""
        from dns import exception, message

        flags = _RECURSION_DESIRED if recursion_desired else 0
        try:
            query = message.make_query(name, kind, record_class, flags=flags, use_edns=False)
        except (exception.DNSException, UnicodeError) as error:
            raise ValueError(f"{name!r} cannot be asked for: {error}") from None
        (question,) = query.question
        self._question = question.name, int(question.rdtype), int(question.rdclass)
        self._wire = query.to_wire()

    def encoded(self, identity: int) -> bytes:
        """The message as it is sent."""
        return identity.to_bytes(_ID_BYTES) + self._wire[_ID_BYTES:]

    def response(self, data: bytes, identity: int) -> Response:
        """The response to this question that was sent with that id. Raises ValueError where it is something else."""
        if data[:_ID_BYTES] != identity.to_bytes(_ID_BYTES):
            raise ValueError("its id is that of no question of ours")
        from slo.net.dns_records import read_message

        message = read_message(data)
        self._check(message)
        return Response(
            code=_code(message),
            answer=message.answer,
            authority=message.authority,
            additional=message.additional,
            serial=_serial(message.answer),
            truncated=bool(message.flags & _TRUNCATED),
        )

    def _check(self, message: "Message") -> None:
        """Whether it answers this question. Raises ValueError."""
        from dns import rcode

        if not message.flags & _RESPONSE:
            raise ValueError("it is a question itself")
        # A server that did not get as far as the question may leave it out.
        unread = message.flags & _CODE in {rcode.FORMERR, rcode.SERVFAIL, rcode.NOTIMP, rcode.REFUSED}
        expected = ((self._question,), ()) if unread else ((self._question,),)
        if message.flags & _OPCODE or message.questions not in expected:
            raise ValueError("it answers another question")


def _code(message: "Message") -> str:
    """The name of the response code, whose upper bits stand in a pseudo-record where there is one (RFC 6891, 6.1.3)."""
    from dns import rcode, rdatatype

    extended = [record.ttl >> 24 for record in message.additional if record.data.rdtype == rdatatype.OPT]
    return rcode.to_text(rcode.Rcode(message.flags & _CODE | (extended[0] << 4 if extended else 0)))


def _serial(records: "tuple[Record, ...]") -> int | None:
    from dns.rdtypes.ANY.SOA import SOA

    serials = [record.data.serial for record in records if isinstance(record.data, SOA)]
    return serials[-1] if serials else None
