"""Lines that containers wrote, as the CRI keeps them: `TIME STREAM TAG TEXT`, where a long line is in several pieces.

The tag is `P` for a piece that another one continues, and `F` for one that ends its line. Source:
https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

LONGEST_LINE = 65_536
"""How much of a line is kept, in bytes; the rest of it is cut off."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where something begins: the identity of a file, and an offset in it."""

    file: str
    offset: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A line of a container. `at` is None, and `stream` empty, where what stands there is not as the CRI has it."""

    begin: Place
    at: datetime | None
    stream: str
    text: bytes
    cut: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """What stands on one line of a file."""

    at: datetime
    stream: str
    ends: bool
    text: bytes


@dataclass(kw_only=True, slots=True)
class _Begun:
    """A line whose end has not come. `places` are those of its first piece in each file."""

    begin: Place
    at: datetime
    text: bytearray
    cut: bool = False
    places: dict[str, int] = field(default_factory=dict)


class Joining:
    """Makes lines of pieces. Those of the two streams come mixed."""

    def __init__(self) -> None:
        self._begun: dict[str, _Begun] = {}

    def take(self, raw: bytes, place: Place, *, cut: bool = False) -> Line | None:
        """What stands next in a file; the line that it ends. `cut` says that there was more of it."""
        piece = piece_of(raw)
        if piece is None:
            text, more = raw[:LONGEST_LINE], len(raw) > LONGEST_LINE
            return Line(begin=place, at=None, stream="", text=text, cut=cut or more)
        begun = self._begun.get(piece.stream)
        if begun is None:
            begun = _Begun(begin=place, at=piece.at, text=bytearray())
            self._begun[piece.stream] = begun
        begun.places.setdefault(place.file, place.offset)
        room = LONGEST_LINE - len(begun.text)
        begun.text += piece.text[:room]
        begun.cut = begun.cut or cut or len(piece.text) > room
        return self._end(piece.stream) if piece.ends else None

    def first_in(self, file: str) -> int | None:
        """Where in a file the first piece stands of a line that has not ended; None where there is none."""
        return min((begun.places[file] for begun in self._begun.values() if file in begun.places), default=None)

    def ended(self) -> Iterator[Line]:
        """The lines whose end will not come any more."""
        for stream in list(self._begun):
            yield self._end(stream)

    def _end(self, stream: str) -> Line:
        begun = self._begun.pop(stream)
        return Line(begin=begun.begin, at=begun.at, stream=stream, text=bytes(begun.text), cut=begun.cut)


def piece_of(raw: bytes) -> Piece | None:
    """What stands on a line of a file; None where it is not as the CRI writes it."""
    parts = raw.split(b" ", 3)
    if len(parts) < 3 or parts[1] not in {b"stdout", b"stderr"}:
        return None
    tag = parts[2].partition(b":")[0]
    at = time_of(parts[0])
    if at is None or tag not in {b"P", b"F"}:
        return None
    text = parts[3] if len(parts) > 3 else b""
    return Piece(at=at, stream=parts[1].decode("ascii"), ends=tag == b"F", text=text)


def time_of(text: bytes) -> datetime | None:
    """The time in RFC 3339 that a text is, to the microsecond; None where it is none."""
    try:
        at = datetime.fromisoformat(text.decode("ascii"))
    except ValueError:
        return None
    return at if at.tzinfo is not None else None
