"""One question to a DNS server, and what its response says. RFC 1035; the messages are read by dnspython."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from slo.net.dns_text import record_text

if TYPE_CHECKING:
    from dns.message import Message
    from dns.rrset import RRset

UDP_BYTES = 512
"""The largest message over UDP: the questions here ask for no more (RFC 1035, 2.3.4)."""

_ID_BYTES = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Response:
    """A response code by its name, and the records of each section as text (`slo.net.dns_text`).

    `serial` is that of the last SOA record among the answers. A `truncated` one holds less than there is.
    """

    code: str
    answer: tuple[str, ...]
    authority: tuple[str, ...]
    additional: tuple[str, ...]
    serial: int | None
    truncated: bool


class Query:
    """A question: encoded with an id, and held against what comes back."""

    def __init__(self, name: str, kind: str, record_class: str, *, recursion_desired: bool) -> None:
        """Raises ValueError for what cannot be asked for."""
        from dns import exception, flags, message

        try:
            self._message = message.make_query(
                name, kind, record_class, flags=flags.RD if recursion_desired else 0, use_edns=False
            )
        except exception.DNSException as error:
            raise ValueError(f"{name!r} cannot be asked for: {error}") from None
        self._wire = self._message.to_wire()

    def encoded(self, identity: int) -> bytes:
        """The message as it is sent."""
        return identity.to_bytes(_ID_BYTES) + self._wire[_ID_BYTES:]

    def response(self, data: bytes, identity: int) -> Response:
        """The response to this question that was sent with that id. Raises ValueError where it is something else."""
        from dns import exception, message, rcode

        if data[:_ID_BYTES] != identity.to_bytes(_ID_BYTES):
            raise ValueError("its id is that of no question of ours")
        try:
            received = message.from_wire(data, keyring=False, one_rr_per_rrset=True, ignore_trailing=True)
        except (exception.DNSException, ValueError) as error:  # some types of records raise the latter
            raise ValueError(f"it is no DNS message: {error}") from None
        self._check(received)
        return Response(
            code=rcode.to_text(received.rcode()),
            answer=_texts(received.answer),
            authority=_texts(received.authority),
            additional=_texts(received.additional),
            serial=_serial(received),
            truncated=_truncated(received),
        )

    def _check(self, received: "Message") -> None:
        """Whether it answers this question. Raises ValueError."""
        from dns import flags, rcode

        if not received.flags & flags.QR:
            raise ValueError("it is a question itself")
        unread = received.rcode() in {rcode.FORMERR, rcode.SERVFAIL, rcode.NOTIMP, rcode.REFUSED}
        if received.opcode() != self._message.opcode() or (
            received.question != self._message.question and (received.question or not unread)
        ):
            raise ValueError("it answers another question")


def _texts(section: "list[RRset]") -> tuple[str, ...]:
    return tuple(record_text(rrset.name, rrset.ttl, data) for rrset in section for data in rrset)


def _serial(received: "Message") -> int | None:
    from dns import rdatatype

    serials = [data.serial for rrset in received.answer for data in rrset if data.rdtype == rdatatype.SOA]
    return serials[-1] if serials else None


def _truncated(received: "Message") -> bool:
    from dns import flags

    return bool(received.flags & flags.TC)
