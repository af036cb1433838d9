"""Records as text, in the way of the Go library miekg/dns: expressions for the blackbox exporter match that.

dnspython writes most types in the same way. What differs is here: https://github.com/miekg/dns/blob/master/types.go.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dns.name import Name
    from dns.rdata import Rdata

_IN_UPPER_CASE = frozenset({"CDS", "DLV", "DS", "NSEC3", "NSEC3PARAM", "SSHFP"})
"""Types whose digests are written in upper case. All else in their text is numbers and names of types."""

_SPECIAL = b".@;()\"\\ '"


def record_text(name: "Name", ttl: int, data: "Rdata") -> str:
    """Name, TTL in seconds, class, type and data, with tabs between them."""
    from dns import rdataclass, rdatatype
    from dns.rdata import GenericRdata

    if isinstance(data, GenericRdata):
        kind = f"CLASS{data.rdclass:d}\tTYPE{data.rdtype:d}"
        return f"{_name_text(name)}\t{ttl}\t{kind}\t\\# {len(data.data)} {data.data.hex()}"
    kind = f"{rdataclass.to_text(data.rdclass)}\t{rdatatype.to_text(data.rdtype)}"
    return f"{_name_text(name)}\t{ttl}\t{kind}\t{_data_text(data)}"


def _name_text(name: "Name") -> str:
    """A name in full, with its last dot. What may mean something else in a zone file is escaped."""
    if name.labels == (b"",):
        return "."
    return ".".join("".join(map(_escaped, label)) for label in name.labels)


def _escaped(byte: int) -> str:
    if byte in _SPECIAL:
        return f"\\{chr(byte)}"
    return chr(byte) if 0x20 < byte < 0x7F else f"\\{byte:03d}"


def _data_text(data: "Rdata") -> str:
    from dns import rdatatype

    text: str = data.to_text(chunksize=0)
    kind = rdatatype.to_text(data.rdtype)
    return text.upper() if kind in _IN_UPPER_CASE else text
