"""A mapping in a document of others, asked key by key. Whatever is wrong with a value is told, at its place."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from types import UnionType

from slo.config.names import Names
from slo.config.nodes import Node, Place
from slo.config.report import Location
from slo.config.wording import described
from slo.config.wrong import shown
from slo.core.duration import parse_duration
from slo.interop.documents import Document

NO_COUNTERPART = "has no counterpart"
_A_MAPPING = "write keys and values under it"
_A_LIST = "write a list: [a, b], or one `- ` line an item"


class Passage:
    """The mapping at a location. Where there is none, every key is missing, and nothing more is said about that.

    A key without a value is as good as missing: the decoders of these formats, written in Go, take it so.
    """

    def __init__(self, document: Document, at: Location = ()) -> None:
        self.document = document
        self.at = at
        node = document.source.node(at)
        self._node = node if node and isinstance(node.value, dict) else None

    @property
    def is_there(self) -> bool:
        """Whether there is such a mapping."""
        return self._node is not None

    @property
    def place(self) -> Place:
        """Where it is written."""
        return self.document.source.place(self.at)

    @property
    def keys(self) -> Collection[str]:
        """The keys that have a value."""
        return [key for key in self._entries() if self.has(key)]

    def has(self, key: str) -> bool:
        """Whether the key has a value."""
        return self._value(key) is not None

    def text(self, key: str, *, required: bool = False, longest: int = 0) -> str:
        """The text of a key, empty where there is none; `longest` is how many characters it may have (0: any)."""
        node = self._asked(key, required=required)
        if node is None:
            return ""
        if not isinstance(node.value, str):
            self.tell(key, f"is {_described(node)}", f'write "{node.written}"' if node.written else "write a text")
            return ""
        if required and not node.value:
            self.tell(key, "is an empty text", "write something")
        elif longest and len(node.value) > longest:
            self.tell(key, f"has {len(node.value)} characters", f"write at most {longest}")
        return node.value

    def words(self, key: str, *, required: bool = False) -> str:
        """The text of a key, where a format takes a number and a truth for one as well: as it is written."""
        node = self._value(key)
        if node is not None and isinstance(node.value, (int, float)):
            return node.written
        return self.text(key, required=required)

    def choice(self, key: str, choices: Sequence[str], *, required: bool = False) -> str:
        """The text of a key that is one of `choices`; empty where it is none of them."""
        text = self.text(key, required=required)
        if text and text not in choices:
            nearest = Names(choices).nearest(text)
            listed = choices[0] if len(choices) == 1 else f"one of {', '.join(choices)}"
            self.tell(key, f"is {shown(text)}", f"did you mean {nearest}?" if nearest else f"write {listed}")
            return ""
        return text

    def number(self, key: str, *, required: bool = False) -> Fraction | None:
        """The number of a key, exactly as it is written."""
        node = self._asked(key, required=required)
        if node is None:
            return None
        if isinstance(node.value, bool) or not isinstance(node.value, (int, float)):
            self.tell(key, f"is {_described(node)}", "write a number")
            return None
        return Fraction(str(node.value))

    def truth(self, key: str, *, default: bool = False) -> bool:
        """Whether a key is true."""
        node = self._asked(key)
        if node is None:
            return default
        if not isinstance(node.value, bool):
            self.tell(key, f"is {_described(node)}", "write true or false")
            return default
        return node.value

    def duration(self, key: str, *, required: bool = False, positive: bool = True) -> timedelta | None:
        """The duration of a key as Prometheus writes it."""
        text = self.text(key, required=required)
        if not text:
            return None
        try:
            duration = parse_duration(text)
        except ValueError:
            self.tell(key, f"{shown(text)} is no duration", "write it with units, as in 30s, 5m, 1h30m or 30d")
            return None
        if positive and not duration:
            self.tell(key, "is no time at all", "write a duration that is longer than nothing")
            return None
        return duration

    def require(self, key: str) -> None:
        """Tell where a key has no value, of whatever sort."""
        self._asked(key, required=True)

    def below(self, key: str, *, required: bool = False) -> "Passage":
        """The mapping at a key."""
        node = self._asked(key, required=required)
        if node is not None and not isinstance(node.value, dict):
            self.tell(key, f"is {_described(node)}", _A_MAPPING)
        return Passage(self.document, (*self.at, key))

    def items(self, key: str, *, required: bool = False) -> "list[Passage]":
        """The mappings in the list at a key."""
        return [
            Passage(self.document, (*self.at, key, index)) for index, _ in self._listed(key, dict, required=required)
        ]

    def entries(self, key: str) -> "list[Passage | str]":
        """The mappings and the texts in the list at a key."""
        return [
            str(item.value) if isinstance(item.value, str) else Passage(self.document, (*self.at, key, index))
            for index, item in self._listed(key, dict | str)
        ]

    def is_text(self, key: str, text: str) -> bool:
        """Whether there is exactly this text at a key."""
        node = self._value(key)
        return node is not None and node.value == text

    def is_number(self, key: str) -> bool:
        """Whether there is a number at a key."""
        node = self._value(key)
        return node is not None and isinstance(node.value, (int, float)) and not isinstance(node.value, bool)

    def is_list(self, key: str) -> bool:
        """Whether there is a list at a key."""
        node = self._value(key)
        return node is not None and isinstance(node.value, list)

    def texts(self, key: str) -> list[str]:
        """The texts in the list at a key."""
        return [str(item.value) for _, item in self._listed(key, str)]

    def _listed(self, key: str, sort: UnionType | type, *, required: bool = False) -> list[tuple[int, Node]]:
        """The items of the right sort, with their indices; each other one is told."""
        node = self._asked(key, required=required)
        if node is None:
            return []
        if not isinstance(node.value, list):
            self.tell(key, f"is {_described(node)}", _A_LIST)
            return []
        if required and not node.value:
            self.tell(key, "is an empty list", "write at least one item")
        for index, item in enumerate(node.value):
            if not isinstance(item.value, sort):
                mend = "write a text" if sort is str else _A_MAPPING
                self.document.report.tell((*self.at, key, index), f"is {_described(item)}", mend)
        return [(index, item) for index, item in enumerate(node.value) if isinstance(item.value, sort)]

    def knows(self, *keys: str) -> None:
        """Tell of every key that is none of these."""
        for key in self._entries():
            if key in keys:
                continue
            if not self.document.lenient:
                self.document.report.unknown(self.at, key, keys)
                continue
            nearest = Names([other for other in keys if other not in self._entries()]).nearest(key)
            mend = f"did you mean {nearest}?" if nearest else f"the keys here are {', '.join(sorted(keys))}"
            self.document.note((*self.at, key), "unknown key", mend, of_key=True)
            self.document.overlooked.append((self.at, key, keys))

    def lose(self, key: str, mend: str) -> None:
        """Note that a key has no counterpart, if it has a value."""
        if self.has(key):
            self.note(key, NO_COUNTERPART, mend)

    def tell(self, key: str | int, problem: str, mend: str) -> None:
        """A fault of the value of a key, or at an index; of the whole mapping where the key is ""."""
        self.document.report.tell(self.at if key == "" else (*self.at, key), problem, mend)

    def note(self, key: str, problem: str, mend: str) -> None:
        """Note something about the value of a key, or about the whole mapping where the key is ""."""
        self.document.note((*self.at, key) if key else self.at, problem, mend)

    def _entries(self) -> Mapping[str, Node]:
        return self._node.value if self._node and isinstance(self._node.value, dict) else {}

    def _value(self, key: str) -> Node | None:
        node = self._entries().get(key)
        return None if node is None or node.value is None else node

    def _asked(self, key: str, *, required: bool = False) -> Node | None:
        node = self._value(key)
        if node is None and required and self.is_there:
            if key in self._entries():
                self.tell(key, "is empty", "write a value after the colon")
            else:
                self.document.report.missing(self.at, key, "add it")
        return node


def _described(node: Node) -> str:
    return described(node.data() if isinstance(node.value, (dict, list)) else node.value, node.written)


@dataclass(frozen=True, slots=True)
class Spot:
    """A key of a mapping, for whoever has something to say about its value; "" is the whole mapping."""

    passage: Passage
    key: str = ""

    def tell(self, problem: str, mend: str) -> None:
        """A fault of the value."""
        self.passage.tell(self.key, problem, mend)

    def note(self, problem: str, mend: str) -> None:
        """Note something about the value."""
        self.passage.note(self.key, problem, mend)


class GivenOnce:
    """Names of one sort, each of which may be given once in all the documents together."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._first: dict[str, Place] = {}

    def add(self, name: str, passage: Passage, key: str) -> bool:
        """Whether a name under a key is given for the first time; where it is not, that is told."""
        place = passage.document.source.place((*passage.at, key))
        is_new = name not in self._first
        if not is_new:
            first = self._first[name]
            where = f"on line {first.line}" if first.file == place.file else f"at {first}"
            passage.tell(key, f"{name} is {self._what} too, {where}", "give it another, or leave it out")
        self._first.setdefault(name, place)
        return is_new
