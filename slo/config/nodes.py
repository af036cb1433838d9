"""YAML with places: every value, and every key, knows the file, line and column that it is written at."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from yaml._yaml import CParser
from yaml.error import MarkedYAMLError
from yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from slo.config.scalars import Scalar, ScalarError, read_raw, read_scalar
from slo.config.syntax import in_sentences
from slo.config.wrong import shown

DEEPEST = 50
"""How deep lists and mappings may lie in one another."""

LARGEST = 2_000_000
"""How many values a file may have, counting again what aliases repeat."""

RAW_KEYS = frozenset({"modules"})
"""What stands under these keys at the top is of a format of others: nothing is put into it, a dollar is a dollar, and
a text needs no quotes.
"""

_MERGE = "<<"
_TEXT_TAGS = {None, "!", "tag:yaml.org,2002:str"}
_COLLECTION_TAGS = {None, "!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is written. Line and column count from 1; both are 0 where a whole file is meant."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(slots=True)
class Node:
    """One value at its place. `written` is how a scalar is spelt, `size` how many values there are in it.

    `keys` are the places of the keys of a mapping, `strays` those of keys that it has once more.
    """

    place: Place
    value: "Scalar | dict[str, Node] | list[Node]"
    written: str = ""
    keys: dict[str, Place] = field(default_factory=dict)
    strays: dict[Place, str] = field(default_factory=dict)
    size: int = 1

    def data(self) -> object:
        """The value without places, as validation takes it."""
        match self.value:
            case dict():
                return {key: node.data() for key, node in self.value.items()}
            case list():
                return [node.data() for node in self.value]
        return self.value


Tell: TypeAlias = Callable[[Place, str, str], None]
"""Takes each fault: its place, the problem, the mend."""


def parse(text: str, *, file: str, environ: Mapping[str, str], tell: Tell) -> Node | None:
    """The one document of a file; None where it cannot be read or there is none, which has been told then."""
    reader = _Reader(text, file=file, environ=environ, tell=tell)
    try:
        node = reader.only_document()
    except (MarkedYAMLError, _TooMuch) as error:
        tell(*_refusal(error, file, text))
        return None
    if node is None:
        tell(Place(file), "is empty", "write probes and slos into it, as the README shows")
    return node


def documents(text: str, *, file: str, tell: Tell) -> Iterator[Node]:
    """Every document of a file that is not of ours: nothing is put into it, so that a dollar is a dollar.

    A document comes after its faults were told, and none comes after one that cannot be read. Empty ones are left out.
    """
    reader = _Reader(text, file=file, environ=None, tell=tell)
    try:
        while reader.begin():
            root = reader.root()
            if not _is_nothing(root):
                yield root
    except (MarkedYAMLError, _TooMuch) as error:
        tell(*_refusal(error, file, text))


def _is_nothing(root: Node) -> bool:
    return root.value is None and not root.written


class _TooMuch(Exception):
    """What is read goes over a bound; caught in `parse`."""

    def __init__(self, place: Place, problem: str, mend: str = "write it simpler") -> None:
        super().__init__(problem)
        self.place = place
        self.problem = problem
        self.mend = mend


def _refusal(error: "MarkedYAMLError | _TooMuch", file: str, text: str) -> tuple[Place, str, str]:
    """Place, problem and mend of what ended the reading of `text`."""
    if isinstance(error, _TooMuch):
        return error.place, error.problem, error.mend
    line, column, problem, mend = in_sentences(error, text)
    return Place(file, line, column), problem, mend


class _Reader:
    """Makes nodes of the events of libyaml, whose own composer dies of deep nesting and cannot count."""

    def __init__(self, text: str, *, file: str, environ: Mapping[str, str] | None, tell: Tell) -> None:
        self._next: Callable[[], Event | None] = CParser(text).get_event
        self._file = file
        self._environ = environ
        self._raw = False
        self._tell = tell
        self._anchors: dict[str, Node | None] = {}

    def only_document(self) -> Node | None:
        """The first document; another one after it is a fault."""
        if not self.begin():
            return None
        root = self.root()
        second = self.begin()
        if second:
            self._tell(second, "a second document begins here", "write one document a file")
        return None if _is_nothing(root) else root

    def begin(self) -> Place | None:
        """Where the next document begins, None where there is none; its root comes next."""
        self._anchors.clear()
        while (event := self._next()) is not None and not isinstance(event, StreamEndEvent):
            if isinstance(event, DocumentStartEvent):
                return self._place(event)
        return None

    def root(self) -> Node:
        """The root of the document that began."""
        return self._node(self._required(), depth=0)

    def _required(self) -> Event:
        event = self._next()
        if event is None:
            raise _TooMuch(Place(self._file), "ends too early")
        return event

    def _node(self, event: Event, *, depth: int) -> Node:
        place = self._place(event)
        if isinstance(event, AliasEvent):
            return self._alias(event, place)
        if not isinstance(event, (ScalarEvent, CollectionStartEvent)):
            raise _TooMuch(place, "ends too early")
        if depth > DEEPEST:
            raise _TooMuch(place, f"lies deeper than {DEEPEST} lists and mappings")
        anchor = event.anchor
        if anchor:
            self._anchors[anchor] = None
        if isinstance(event, ScalarEvent):
            node = self._scalar(event, place)
        else:
            if event.tag not in _COLLECTION_TAGS:
                self._tell(place, f"the tag {shown(event.tag)} means nothing here", "leave it out")
            node = self._mapping(place, depth) if isinstance(event, MappingStartEvent) else self._list(place, depth)
        if anchor:
            self._anchors[anchor] = node
        return node

    def _scalar(self, event: ScalarEvent, place: Place) -> Node:
        text = event.value
        plain = event.implicit[0]
        if event.tag not in _TEXT_TAGS:
            self._tell(
                place, f"the tag {shown(event.tag)} means nothing here", "leave it out, and quote what is a text"
            )
            return Node(place, text, text)
        try:
            value = read_raw(text, plain=plain) if self._raw else read_scalar(text, plain=plain, environ=self._environ)
            return Node(place, value, text)
        except ScalarError as error:
            self._tell(place, error.problem, error.mend)
            return Node(place, text, text)

    def _list(self, place: Place, depth: int) -> Node:
        items: list[Node] = []
        size = 1
        while not isinstance(event := self._required(), SequenceEndEvent):
            item = self._node(event, depth=depth + 1)
            items.append(item)
            size += item.size
            self._bound(size, place)
        return Node(place, items, size=size)

    def _mapping(self, place: Place, depth: int) -> Node:
        entries: dict[str, Node] = {}
        keys: dict[str, Place] = {}
        strays: dict[Place, str] = {}
        merged: list[Node] = []
        size = 1
        while not isinstance(event := self._required(), MappingEndEvent):
            key_place = self._place(event)
            key = event.value if isinstance(event, ScalarEvent) else None
            if isinstance(event, ScalarEvent) and event.tag not in _TEXT_TAGS:
                self._tell(key_place, f"the tag {shown(event.tag)} means nothing here", "leave it out")
            is_merge = isinstance(event, ScalarEvent) and key == _MERGE and event.implicit[0]
            if key is None:
                self._node(event, depth=depth + 1)
                self._tell(
                    key_place,
                    "a key must be a single text",
                    "write `key: value`, and quote a key that begins with [ or {",
                )
            value = self._value(key, depth)
            size += value.size
            self._bound(size, place)
            if is_merge:
                merged.extend(self._mergeable(value))
            elif key in keys:
                strays[key_place] = key
                self._tell(key_place, f"is set twice, first on line {keys[key].line}", "leave one of them out")
            elif key is not None:
                entries[key] = value
                keys[key] = key_place
        for source in merged:
            for key, value in source.value.items() if isinstance(source.value, dict) else ():
                if key not in entries:
                    entries[key] = value
                    keys[key] = source.keys[key]
        return Node(place, entries, keys=keys, strays=strays, size=size)

    def _value(self, key: str | None, depth: int) -> Node:
        self._raw = self._raw or (depth == 0 and self._environ is not None and key in RAW_KEYS)
        value = self._node(self._required(), depth=depth + 1)
        self._raw = self._raw and depth > 0
        return value

    def _mergeable(self, value: Node) -> list[Node]:
        sources = value.value if isinstance(value.value, list) else [value]
        for source in sources:
            if not isinstance(source.value, dict):
                self._tell(
                    source.place, "only mappings can be merged with <<", "write `<<: *name` of an anchored mapping"
                )
        return sources

    def _alias(self, event: AliasEvent, place: Place) -> Node:
        anchor = str(event.anchor)
        if anchor not in self._anchors:
            self._tell(place, f"there is no anchor &{anchor} before this", "write the value out, or anchor it")
            return Node(place, None)
        node = self._anchors[anchor]
        if node is None:
            raise _TooMuch(place, f"*{anchor} lies inside what it stands for", "write the value out")
        return node

    def _bound(self, size: int, place: Place) -> None:
        if size > LARGEST:
            raise _TooMuch(place, f"has more than {LARGEST} values in it, counting again what aliases repeat")

    def _place(self, event: Event) -> Place:
        mark = event.start_mark
        return Place(self._file, mark.line + 1, mark.column + 1) if mark else Place(self._file)
