"""The documents of files that are not ours, with the places of everything in them.

Each has a report of its faults. What has no counterpart here is noted, and never dropped silently.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from slo.config.nodes import Node, Place, documents
from slo.config.report import Location, Report
from slo.config.source import Source, files, text_of
from slo.errors import ConfigFault

Told: TypeAlias = tuple[Place, str, str]
"""A fault of a file: its place, the problem, the mend."""

_NO_MAPPING = ("is no mapping", "write keys and values, as in `kind: SLO`")


class Notes:
    """What is not as it was in the files, in the order in which it was found."""

    def __init__(self) -> None:
        self._notes: list[ConfigFault] = []

    def __len__(self) -> int:
        return len(self._notes)

    def add(self, note: ConfigFault) -> None:
        """Note something once more, or for the first time."""
        self._notes.append(note)

    def since(self, count: int) -> tuple[ConfigFault, ...]:
        """What was noted after the first `count` notes, each once."""
        return tuple(dict.fromkeys(self._notes[count:]))


class Document:
    """One document, or one item where a document is a list of objects.

    `lenient`: keys that mean nothing are noted instead of refused, as the format's own tool reads over them.
    """

    def __init__(self, root: Node, unreadable: Sequence[Told], notes: Notes, *, lenient: bool) -> None:
        self.source = Source(root, whole=True)
        self.report = Report(self.source, unreadable)
        self.lenient = lenient
        self._notes = notes

    @property
    def place(self) -> Place:
        """Where it begins."""
        return self.source.root.place

    def text(self, *location: str | int) -> str:
        """The text at a location; empty where there is none."""
        node = self.source.node(location)
        return node.value if node and isinstance(node.value, str) else ""

    def note(self, location: Location, problem: str, mend: str, *, of_key: bool = False) -> None:
        """Note something about the value at a location, or about its key."""
        place = self.source.key_place(location) if of_key else self.source.place(location)
        path = self.report.path(location)
        self._notes.add(
            ConfigFault(file=place.file, line=place.line, column=place.column, path=path, problem=problem, mend=mend)
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """The documents of some files, and what is wrong with the files outside of them."""

    documents: tuple[Document, ...]
    faults: tuple[ConfigFault, ...]

    def all_faults(self) -> tuple[ConfigFault, ...]:
        """Every fault, those of the documents too, in the order of their places."""
        return tuple(sorted({*self.faults, *(fault for each in self.documents for fault in each.report.faults())}))


def read_documents(paths: Sequence[Path], notes: Notes, *, lenient: bool) -> Reading:
    """The documents of these files, and of the *.yaml and *.yml in these folders."""
    found: list[Document] = []
    faults: list[ConfigFault] = []
    told: list[Told] = []

    def tell(place: Place, problem: str, mend: str) -> None:
        told.append((place, problem, mend))

    for path in paths:
        for file in files(path, tell):
            text = text_of(file, tell)
            count = len(found)
            for root in documents(text, file=str(file), tell=tell) if text is not None else ():
                for node, unreadable in _objects(root, told):
                    found.append(Document(node, unreadable, notes, lenient=lenient))
                    if not isinstance(node.value, dict):
                        found[-1].report.tell((), *_NO_MAPPING)
                told.clear()
            if text is not None and len(found) == count and not told:
                tell(Place(str(file)), "is empty", "name a file with SLOs in it")
            faults += [_fault(*each) for each in told]
            told.clear()
        faults += [_fault(*each) for each in told]
        told.clear()
    return Reading(documents=tuple(found), faults=tuple(faults))


def _objects(root: Node, told: Sequence[Told]) -> Iterator[tuple[Node, list[Told]]]:
    """The objects of a document, itself or its items, each with the faults that were told of it."""
    nodes = root.value if isinstance(root.value, list) else [root]
    for node, following in zip(nodes, [*nodes[1:], None], strict=False):  # no item, and nothing to follow
        begin = (0, 0) if node is nodes[0] else _position(node.place)
        yield (
            node,
            [
                each
                for each in told
                if begin <= _position(each[0]) and not (following and _position(each[0]) >= _position(following.place))
            ],
        )


def _position(place: Place) -> tuple[int, int]:
    return place.line, place.column


def _fault(place: Place, problem: str, mend: str) -> ConfigFault:
    return ConfigFault(file=place.file, line=place.line, column=place.column, path="", problem=problem, mend=mend)
