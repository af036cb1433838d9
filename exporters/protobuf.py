"""Messages of Protocol Buffers, byte by byte: a few of them are written so often that it is worth it.

Source of the encoding: https://protobuf.dev/programming-guides/encoding/
"""

from collections.abc import Iterator

_VARINT, _FIXED_64, _LENGTH, _FIXED_32 = 0, 1, 2, 5
_FIXED_SIZES = {_FIXED_64: 8, _FIXED_32: 4}
_MOST_VARINT_BYTES = 10


def tag(number: int, *, wire_type: int = _LENGTH) -> bytes:
    """What stands before a field: its number, and how its value is written, which is with its length before it."""
    return varint(number << 3 | wire_type)


def varint(number: int) -> bytes:
    """A number that is not negative, seven bits a byte, the lowest first."""
    if number < 0x80:
        return bytes((number,))
    written = bytearray()
    while number >= 0x80:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)


def field(tagged: bytes, body: bytes) -> bytes:
    """A message, bytes or a text as a field: its tag, its length, and what it is."""
    return tagged + varint(len(body)) + body


def text(tagged: bytes, value: str) -> bytes:
    """A text as a field. What UTF-8 cannot say becomes a question mark."""
    return field(tagged, value.encode(errors="replace"))


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a message in their order: numbers as they are, all else as bytes.

    Raises ValueError for what is no message.
    """
    at = 0
    while at < len(message):
        key, at = _varint_at(message, at)
        number, wire_type = key >> 3, key & 7
        if not number:
            raise ValueError("a field has the number 0")
        if wire_type == _VARINT:
            value, at = _varint_at(message, at)
            yield number, value
            continue
        if wire_type == _LENGTH:
            size, at = _varint_at(message, at)
        elif wire_type in _FIXED_SIZES:
            size = _FIXED_SIZES[wire_type]
        else:
            raise ValueError(f"no field is written as {wire_type}")
        if len(message) - at < size:
            raise ValueError("a field is longer than the message that it is in")
        yield number, message[at : at + size]
        at += size


def _varint_at(message: bytes, at: int) -> tuple[int, int]:
    """The number that begins there, and where it ends."""
    number = 0
    for place, byte in enumerate(message[at : at + _MOST_VARINT_BYTES]):
        number |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return number, at + place + 1
    raise ValueError("a number does not end")
