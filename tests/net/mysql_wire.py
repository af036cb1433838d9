"""The bytes that a MySQL sends, for servers that only look like one."""

from slo.net.mysql_answer import Row

NONCE = bytes(range(1, 21))
END = b"\xfe\0\0\2\0"
WELL = bytes([0, 0, 0, 2, 0, 0, 0])


def packet(number: int, body: bytes) -> bytes:
    """One packet."""
    return len(body).to_bytes(3, "little") + bytes([number % 256]) + body


def greeting(version: bytes = b"5.5.5-10.11.18-MariaDB") -> bytes:
    """What a server says first."""
    head = b"\x0a" + version + b"\0" + bytes(4) + NONCE[:8] + b"\0\xff\xff\x2d\2\0\xff\xff"
    return packet(0, head + bytes([21]) + bytes(10) + NONCE[8:] + b"\0mysql_native_password\0")


def text(value: str | None) -> bytes:
    """A value as it stands in a row."""
    if value is None:
        return b"\xfb"
    data = value.encode()
    return (bytes([len(data)]) if len(data) < 0xFB else b"\xfc" + len(data).to_bytes(2, "little")) + data


def sent(*packets: bytes) -> bytes:
    """The packets with what stands before each."""
    return b"".join(packet(number, body) for number, body in enumerate(packets, 1))


def column(name: str) -> bytes:
    """The description of a column."""
    return b"".join(text(word) for word in ("def", "", "", "", name, "")) + b"\x0c" + bytes(12)


def answer(*rows: Row, columns: tuple[str, ...] = ("name", "value")) -> bytes:
    """An answer with these rows."""
    described = [bytes([len(columns)]), *map(column, columns), END]
    return sent(*described, *(b"".join(map(text, row)) for row in rows), END)


def refused(code: int, words: str) -> bytes:
    """An error."""
    return sent(b"\xff" + code.to_bytes(2, "little") + b"#HY000" + words.encode())
