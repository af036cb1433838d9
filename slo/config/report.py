"""Collects the faults of a configuration, each once, at its place and under its path."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TypeAlias

from slo.config.identity import NAME_PATTERN
from slo.config.names import Names
from slo.config.nodes import Node, Place
from slo.config.source import Source
from slo.errors import ConfigFault

Location: TypeAlias = tuple[str | int, ...]
"""Keys and indices from the top of the configuration down to a value."""

_NAMED_LISTS = {
    *("probes", "scrapes", "servers", "slos", "exclusions", "customers", "silences", "destinations", "forwarders"),
    "spinnakers",
}
_SIMPLE_KEY = re.compile(r"[A-Za-z0-9_.-]+\Z")


class Report:
    """The faults and warnings of one configuration.

    `unreadable` is what its files themselves have wrong: place, problem and mend. What is only the consequence of
    another fault is left out: whatever is said of a scalar that could not be read, and a missing key that an unknown
    one was meant to be.
    """

    def __init__(self, source: Source, unreadable: Sequence[tuple[Place, str, str]]) -> None:
        self._source = source
        self._unreadable = {place for place, _, _ in unreadable}
        self._faults: set[ConfigFault] = set()
        self._warnings: set[ConfigFault] = set()
        self._missing: list[tuple[Location, str]] = []
        self._unknown: dict[Location, Collection[str]] = {}
        locations = _locations(source.root) if unreadable else {}
        for place, problem, mend in unreadable:
            self._add(place, self.path(locations.get(place, ())), problem, mend)

    def tell(self, location: Location, problem: str, mend: str, *, of_key: bool = False) -> None:
        """A fault of the value at a location, or of its key."""
        place = self._source.key_place(location) if of_key else self._source.place(location)
        if of_key or place not in self._unreadable:
            self._add(place, self.path(location), problem, mend)

    def warn(self, location: Location, problem: str, mend: str) -> None:
        """Something that works, and that its author may not have meant."""
        self._warnings.add(_fault(self._source.place(location), self.path(location), problem, mend))

    def missing(self, section: Location, key: str, mend: str) -> None:
        """A key that a section must have."""
        self._missing.append(((*section, key), mend))

    def unknown(self, section: Location, key: str, known: Iterable[str]) -> None:
        """A key that means nothing in its section; `known` are those that do."""
        self._unknown[(*section, key)] = tuple(known)

    def beside(self, location: Location, other: Location) -> str:
        """Where another value is written, as seen from a location: `on line 4`, `at other.yaml:4`."""
        here, there = self._source.place(location), self._source.place(other)
        return f"on line {there.line}" if here.file == there.file else f"at {there}"

    def existing(self, location: Location, below: Iterable[str | int]) -> Location:
        """`location` and as much of `below` as the files have; a secret may stand there as its `_file` twin."""
        for part in below:
            for spelling in (part, f"{part}_file"):
                if self._source.node((*location, spelling)):
                    location = (*location, spelling)
                    break
        return location

    def written(self, location: Location) -> str:
        """The scalar at a location as it is spelt; empty for anything else."""
        node = self._source.node(location)
        return node.written if node else ""

    def path(self, location: Location) -> str:
        """The location as people read it: `slos[gate-availability].burn_policy[0].long`."""
        parts: list[str] = []
        for index, part in enumerate(location):
            if isinstance(part, int):
                named = index == 1 and location[0] in _NAMED_LISTS
                parts.append(f"[{(self._name(location[:2]) if named else '') or part}]")
            elif _SIMPLE_KEY.match(part):
                parts.append(f".{part}" if parts else part)
            else:
                parts.append(f"[{part!r}]")
        return "".join(parts)

    def faults(self) -> tuple[ConfigFault, ...]:
        """Every fault, in the order of the files."""
        found = set(self._faults)
        meant = set()
        for location, known in self._unknown.items():
            *section, key = location
            around = self._source.node(tuple(section))
            present = around.keys if around else {}
            nearest = Names([other for other in known if other not in present]).nearest(str(key))
            if nearest:
                meant.add((*section, nearest))
                mend = f"did you mean {nearest}?"
            else:
                mend = f"the keys here are {', '.join(sorted(known))}"
            found.add(_fault(self._source.key_place(location), self.path(location), "unknown key", mend))
        for location, mend in self._missing:
            if location not in meant and (*location[:-1], f"{location[-1]}_file") not in meant:
                found.add(_fault(self._source.place(location), self.path(location), "is missing", mend))
        return tuple(sorted(found))

    def warnings(self) -> tuple[ConfigFault, ...]:
        """Every warning, in the order of the files."""
        return tuple(sorted(self._warnings))

    def _name(self, entry: Location) -> str:
        node = self._source.node((*entry, "name"))
        name = node.value if node else None
        return name if isinstance(name, str) and re.fullmatch(NAME_PATTERN, name) else ""

    def _add(self, place: Place, path: str, problem: str, mend: str) -> None:
        self._faults.add(_fault(place, path, problem, mend))


def _fault(place: Place, path: str, problem: str, mend: str) -> ConfigFault:
    return ConfigFault(file=place.file, line=place.line, column=place.column, path=path, problem=problem, mend=mend)


def _locations(root: Node) -> Mapping[Place, Location]:
    """The location of every value and key, by its place; the outermost where several begin at one place."""
    found: dict[Place, Location] = {}
    pending: list[tuple[Node, Location]] = [(root, ())]
    while pending:
        node, location = pending.pop()
        if node.place in found:
            continue
        found[node.place] = location
        match node.value:
            case dict() as entries:
                keys = [*node.keys.items(), *((key, place) for place, key in node.strays.items())]
                found.update({place: (*location, key) for key, place in keys if place not in found})
                pending.extend((child, (*location, key)) for key, child in entries.items())
            case list() as items:
                pending.extend((child, (*location, index)) for index, child in enumerate(items))
    return found
