"""The files of a configuration, read and merged into one tree that knows where everything is written."""

import re
from collections.abc import Mapping
from pathlib import Path

from slo.config.nodes import Node, Place, Tell, parse

LARGEST_FILE_BYTES = 64_000_000

_SUFFIXES = {".yaml", ".yml"}
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_FILE_MEND = "name a file of YAML, or a folder of them"


class Source:
    """The merged tree. `whole` is False where a file could not be read, so that what it names is not known."""

    def __init__(self, root: Node, *, whole: bool) -> None:
        self.root = root
        self.whole = whole
        self.data = root.data()

    def node(self, location: tuple[str | int, ...]) -> Node | None:
        """The value at a location (keys and indices), None where there is none."""
        node: Node | None = self.root
        for part in location:
            match node.value if node else None:
                case dict() as entries:
                    node = entries.get(str(part))
                case list() as items if isinstance(part, int) and part < len(items):
                    node = items[part]
                case _:
                    return None
        return node

    def place(self, location: tuple[str | int, ...]) -> Place:
        """Where a value is written; where it is not, the nearest value around it."""
        for end in range(len(location), -1, -1):
            node = self.node(location[:end])
            if node:
                return node.place
        return self.root.place

    def key_place(self, location: tuple[str | int, ...]) -> Place:
        """Where the key of a value is written."""
        around = self.node(location[:-1])
        return (around.keys.get(str(location[-1])) if around else None) or self.place(location)


def read(path: Path, environ: Mapping[str, str], tell: Tell) -> Source:
    """The file `path`, or every *.yaml and *.yml in the folder `path` in order of name. Tells every fault."""
    found = files(path, tell)
    roots = []
    for file in found:
        text = text_of(file, tell)
        root = parse(text, file=str(file), environ=environ, tell=tell) if text is not None else None
        if root and not isinstance(root.value, dict):
            tell(root.place, "is no mapping", "write keys at the left, as in `probes:`")
        elif root:
            roots.append(root)
    merged = roots[0] if len(roots) == 1 else _merged(roots, Place(str(path)), tell)
    return Source(merged, whole=bool(found) and len(roots) == len(found))


def files(path: Path, tell: Tell) -> list[Path]:
    """The file `path`, or the files in the folder `path` in order of name."""
    place = Place(str(path))
    try:
        if not path.is_dir():
            return [path]
        found = sorted(file for file in path.iterdir() if file.suffix in _SUFFIXES and not file.name.startswith("."))
    except OSError as error:
        tell(place, f"cannot be read: {_reason(error)}", "let this user read it")
        return []
    if not found:
        tell(place, "holds no *.yaml and no *.yml", _FILE_MEND)
    return found


def text_of(file: Path, tell: Tell) -> str | None:
    """What a file holds; None where that is no text, which has been told then."""
    place = Place(str(file))
    try:
        with file.open("rb") as stream:
            content = stream.read(LARGEST_FILE_BYTES + 1)
    except FileNotFoundError:
        tell(place, "does not exist", _FILE_MEND)
        return None
    except (OSError, ValueError) as error:
        tell(place, f"cannot be read: {_reason(error)}", "let this user read it, or leave it out")
        return None
    if len(content) > LARGEST_FILE_BYTES:
        tell(place, f"is larger than {LARGEST_FILE_BYTES // 1_000_000} MB", "split it, and name the folder")
        return None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode(errors="replace")
        what = f"is no text in UTF-8: it holds the byte 0x{content[error.start]:02x}"
        tell(_after(place.file, before), what, "save it as UTF-8, or name another file")
        return None
    unprintable = _UNPRINTABLE.search(text)
    if unprintable:
        what = f"is no text: it holds the control character U+{ord(unprintable[0]):04X}"
        tell(
            _after(place.file, text[: unprintable.start()]), what, 'write it as an escape in double quotes, as "\\x1b"'
        )
        return None
    return text


def _after(file: str, before: str) -> Place:
    lines = before.split("\n")
    return Place(file, len(lines), len(lines[-1]) + 1)


def _merged(roots: list[Node], place: Place, tell: Tell) -> Node:
    """One mapping of several: lists follow one another, everything else may be set once."""
    entries: dict[str, Node] = {}
    merged = Node(place, entries)
    for root in roots:
        for key, node in root.value.items() if isinstance(root.value, dict) else ():
            first = entries.get(key)
            if first is None:
                entries[key] = node
                merged.keys[key] = root.keys[key]
            elif isinstance(first.value, list) and isinstance(node.value, list):
                entries[key] = Node(first.place, first.value + node.value)
            else:
                merged.strays[root.keys[key]] = key
                tell(root.keys[key], f"is set twice, first at {merged.keys[key]}", "leave one of them out")
    return merged


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) and error.strerror else str(error)).lower()
