"""Names in certificates as text, letter by letter as Go writes them: dashboards join on these labels.

Two programs that follow RFC 4514 may still differ in order, in escaping and in the attributes that have a name. This is
what `pkix.Name.String` of Go does: the attributes that it knows come first, in an order of its own, and several values
of one are joined by `+`; the others follow, the last of the name first, as their object identifiers with the value in
DER.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.x509 import Name, NameAttribute

_KNOWN = {
    "2.5.4.5": "SERIALNUMBER",
    "2.5.4.3": "CN",
    "2.5.4.11": "OU",
    "2.5.4.10": "O",
    "2.5.4.17": "POSTALCODE",
    "2.5.4.9": "STREET",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.6": "C",
}
"""What Go calls attributes, in the order in which it writes them."""

_SINGLE = frozenset({"2.5.4.5", "2.5.4.3"})
"""Of these the last value counts."""

_PRINTABLE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?")
_ESCAPED = frozenset(',+"\\<>;')
_BIT_STRING, _UTF8_STRING, _PRINTABLE_STRING = 0x03, 0x0C, 0x13


def name_text(name: "Name") -> str:
    r"""A name, as in `CN=www.example.org,O=Example\, Inc.,C=DE`."""
    known: dict[str, list[str]] = {oid: [] for oid in _KNOWN}
    others: list[str] = []
    for attribute in name:
        oid = attribute.oid.dotted_string
        if oid not in known:
            others.append(f"{oid}=#{_der(attribute).hex()}")
        elif isinstance(attribute.value, str):
            known[oid] = [attribute.value] if oid in _SINGLE else [*known[oid], attribute.value]
    parts = [
        "+".join(f"{_KNOWN[oid]}={_escaped(value)}" for value in values) for oid, values in known.items() if values
    ]
    return ",".join([*parts, *reversed(others)])


def _escaped(value: str) -> str:
    last = len(value) - 1
    return "".join(
        f"\\{character}"
        if character in _ESCAPED or (character == " " and at in {0, last}) or (character == "#" and at == 0)
        else character
        for at, character in enumerate(value)
    )


def _der(attribute: "NameAttribute[str | bytes]") -> bytes:
    """The value as Go encodes it anew, whatever kind of string it was: printable where it can be, else UTF-8."""
    if isinstance(attribute.value, bytes):
        tag, content = _BIT_STRING, attribute.value
    else:
        tag = _PRINTABLE_STRING if _PRINTABLE.issuperset(attribute.value) else _UTF8_STRING
        content = attribute.value.encode()
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content
