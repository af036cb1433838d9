"""The objects of OpenSLO: what all of them have, and how one is found by its name."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from slo.config.names import Names
from slo.config.wrong import shown
from slo.interop.documents import Document
from slo.interop.labels import kept_labels
from slo.interop.passage import GivenOnce, Passage

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_LABEL = re.compile(r"[a-zA-Z0-9]([-._a-zA-Z0-9]{0,61}[a-zA-Z0-9])?")
_PART = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_ANNOTATION = re.compile(rf"(?=.{{1,317}}\Z)({_PART}(\.{_PART})*/)?{_LABEL.pattern}")
_LONGEST_TITLE, _LONGEST_DESCRIPTION = 63, 1050
_DESCRIPTIVE = "the description of the SLO is what people see"


@dataclass(frozen=True, kw_only=True, slots=True)
class Metadata:
    """What an object is called, `title` for people, and its labels as far as they can be kept."""

    name: str
    title: str
    labels: dict[str, str]


class Objects:
    """The objects of all documents, by kind and name. A name is given once a kind."""

    def __init__(self) -> None:
        self._documents: dict[str, dict[str, Document]] = {}
        self._once: dict[str, GivenOnce] = {}
        self._found: set[tuple[str, str]] = set()

    def add(self, kind: str, document: Document) -> bool:
        """One more object; whether its name is its own."""
        name = document.text("metadata", "name")
        self._documents.setdefault(kind, {}).setdefault(name, document)
        once = self._once.setdefault(kind, GivenOnce(f"the name of another {kind}"))
        return not name or once.add(name, Passage(document, ("metadata",)), "name")

    def find(self, kind: str, name: str) -> Passage | None:
        """The object of that kind and name; None where there is none."""
        document = self._documents.get(kind, {}).get(name)
        if document is None:
            return None
        self._found.add((kind, name))
        return Passage(document)

    def referred(self, kind: str, passage: Passage, key: str) -> Passage | None:
        """The object whose name stands under a key; where there is none, that is told."""
        name = read_name(passage, key)
        return self.named(kind, name, passage, key) if name else None

    def named(self, kind: str, name: str, passage: Passage, key: str | int) -> Passage | None:
        """The object of that name, which stands under a key or at an index; where there is none, that is told."""
        found = self.find(kind, name)
        if found is None:
            nearest = Names(self._documents.get(kind, {})).nearest(name)
            mend = f"did you mean {nearest}?" if nearest else "give the file with it, too"
            passage.tell(key, f"there is no {kind} {shown(name)} in these files", mend)
        return found

    def unfound(self, kind: str) -> Iterator[Passage]:
        """The objects of a kind that nobody has asked for."""
        for name, document in self._documents.get(kind, {}).items():
            if (kind, name) not in self._found:
                yield Passage(document)


def read_name(passage: Passage, key: str) -> str:
    """A name after RFC 1123; empty where it is none, which has been told."""
    name = passage.text(key, required=True)
    if name and not _NAME.fullmatch(name):
        mend = "write up to 63 small letters, digits and dashes, none of them at an end"
        passage.tell(key, f"{shown(name)} is no name after RFC 1123", mend)
        return ""
    return name


def read_metadata(around: Passage, *, shows: bool = False) -> Metadata:
    """The metadata of an object, or of one inside another. `shows`: its title and labels can be kept."""
    metadata = around.below("metadata", required=True)
    metadata.knows("name", "displayName", "labels", "annotations")
    name = read_name(metadata, "name")
    title = metadata.text("displayName", longest=_LONGEST_TITLE)
    labels = metadata.below("labels")
    values = {key: _label(labels, key) for key in labels.keys}
    annotations = metadata.below("annotations")
    for key in annotations.keys:
        annotations.text(key)
        if not _ANNOTATION.fullmatch(key):
            annotations.tell(key, "is no key of an annotation", "write it as example.org/key, or as key")
    metadata.lose("annotations", "keep them where they are read")
    if shows:
        return Metadata(name=name, title=title, labels=kept_labels(labels, values))
    metadata.lose("displayName", _DESCRIPTIVE)
    metadata.lose("labels", "the labels of the SLO are what goes with its incidents")
    return Metadata(name=name, title=title, labels={})


def read_description(spec: Passage, *, shows: bool = False) -> str:
    """The description of an object."""
    if not shows:
        spec.lose("description", _DESCRIPTIVE)
    return spec.text("description", longest=_LONGEST_DESCRIPTION)


def _label(labels: Passage, key: str) -> str:
    """A label's value; several values are joined, which is noted."""
    if not _LABEL.fullmatch(key):
        labels.tell(key, "is no key of a label", "write up to 63 letters, digits, dashes, underscores and dots")
    if not labels.is_list(key):
        return labels.text(key)
    value = ",".join(labels.texts(key))
    labels.note(key, f"is a list, and becomes the one text {shown(value)}", "write it as a text")
    return value
