"""Records as text, in the way of the Go library miekg/dns: expressions for the blackbox exporter match that.

dnspython writes most types in the same way. What differs is here: https://github.com/miekg/dns/blob/master/types.go.
"""

from collections.abc import Callable
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dns.name import Name
    from dns.rdata import Rdata

_SPECIAL = b".@;()\"\\ '"


def record_text(name: "Name", ttl: int, data: "Rdata") -> str:
    """Name, TTL in seconds, class, type and data, with tabs between them."""
    from dns import rdataclass, rdatatype
    from dns.rdata import GenericRdata

    if isinstance(data, GenericRdata):
        kind = f"CLASS{data.rdclass:d}\tTYPE{data.rdtype:d}"
        return f"{_name_text(name)}\t{ttl}\t{kind}\t\\# {len(data.data)} {data.data.hex()}"
    kind = rdatatype.to_text(data.rdtype)
    written = _DATA.get(kind, _usual)(data)
    return f"{_name_text(name)}\t{ttl}\t{rdataclass.to_text(data.rdclass)}\t{kind}\t{written}"


def _name_text(name: "Name") -> str:
    """A name in full, with its last dot. What may mean something else in a zone file is escaped."""
    if name.labels == (b"",):
        return "."
    return ".".join("".join(map(_escaped, label)) for label in name.labels)


def _escaped(byte: int) -> str:
    if byte in _SPECIAL:
        return f"\\{chr(byte)}"
    return chr(byte) if 0x20 < byte < 0x7F else f"\\{byte:03d}"


def _usual(data: "Rdata") -> str:
    text: str = data.to_text(chunksize=0)  # keys and digests in one piece
    return text


def _upper(data: "Rdata") -> str:
    """For types of which all is numbers, digests and names of types."""
    return _usual(data).upper()


def _service(data: "Rdata") -> str:
    return _usual(data).replace(" no-default-alpn", ' no-default-alpn=""')


def _location(data: Any) -> str:  # dnspython has a type of its own for each type of records
    places = (
        f"{_angle(data.latitude)} {'NS'[data.latitude[4] < 0]}",
        f"{_angle(data.longitude)} {'EW'[data.longitude[4] < 0]}",
    )
    altitude = f"{data.altitude / 100:.{2 if data.altitude % 100 else 0}f}m"
    sizes = (data.size, data.horizontal_precision, data.vertical_precision)
    return " ".join([*places, altitude, *(f"{size / 100:.{0 if size >= 100 else 2}f}m" for size in sizes)])


def _angle(value: tuple[int, int, int, int, int]) -> str:
    degrees, minutes, seconds, milliseconds, _ = value
    return f"{degrees:02d} {minutes:02d} {seconds}.{milliseconds:03d}"


_DATA: MappingProxyType[str, Callable[["Rdata"], str]] = MappingProxyType(
    {
        **dict.fromkeys(("CDS", "DLV", "DS", "NSEC3", "NSEC3PARAM", "SSHFP"), _upper),
        **dict.fromkeys(("HTTPS", "SVCB"), _service),
        "LOC": _location,
    }
)
