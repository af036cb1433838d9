"""The documents of files that are not ours, with the places of everything in them.

Each has a report of its faults. What has no counterpart here is noted, and never dropped silently.
"""

import bisect
from collections.abc import Sequence
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
        self.overlooked: list[tuple[Location, str, Sequence[str]]] = []
        """Keys that mean nothing, with those that would; told where the document is refused, since they may be why."""

        self._notes = notes

    def text(self, *location: str | int) -> str:
        """The text at a location; empty where there is none."""
        node = self.source.node(location)
        return node.value if node and isinstance(node.value, str) else ""

    def faults(self) -> tuple[ConfigFault, ...]:
        """The faults that were told so far."""
        if self.report.faults():
            for section, key, known in self.overlooked:
                self.report.unknown(section, key, known)
        return self.report.faults()

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
        return tuple(sorted({*self.faults, *(fault for each in self.documents for fault in each.faults())}))


def read_documents(paths: Sequence[Path], notes: Notes, *, lenient: bool) -> Reading:
    """The documents of these files, and of the *.yaml and *.yml in these folders."""
    found: list[Document] = []
    outside: list[Told] = []

    def tell(place: Place, problem: str, mend: str) -> None:
        outside.append((place, problem, mend))

    for path in paths:
        for file in files(path, tell):
            text = text_of(file, tell)
            if text is None:
                continue
            objects, rest = _objects(text, str(file))
            outside += rest if objects or rest else [(Place(str(file)), "is empty", "name a file with SLOs in it")]
            for node, unreadable in objects:
                found.append(Document(node, unreadable, notes, lenient=lenient))
                if not isinstance(node.value, dict):
                    found[-1].report.tell((), *_NO_MAPPING)
    return Reading(documents=tuple(found), faults=tuple(_fault(*each) for each in outside))


def _objects(text: str, file: str) -> tuple[list[tuple[Node, list[Told]]], list[Told]]:
    """The objects of a file, each with the faults that were told of it, and those that are of none.

    A document is an object, or a list of them.
    """
    found: list[tuple[Node, list[Told]]] = []
    told: list[Told] = []

    def tell(place: Place, problem: str, mend: str) -> None:
        told.append((place, problem, mend))

    for root in documents(text, file=file, tell=tell):
        nodes = root.value if isinstance(root.value, list) else [root]
        begins = [_position(node.place) for node in nodes[1:]]
        shares: list[list[Told]] = [[] for _ in nodes]
        while nodes and told:
            fault = told.pop(0)
            shares[bisect.bisect_right(begins, _position(fault[0]))].append(fault)
        found += zip(nodes, shares, strict=True)
    return found, told


def _position(place: Place) -> tuple[int, int]:
    return place.line, place.column


def _fault(place: Place, problem: str, mend: str) -> ConfigFault:
    return ConfigFault(file=place.file, line=place.line, column=place.column, path="", problem=problem, mend=mend)
