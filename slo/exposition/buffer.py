"""The samples of one target as text, made once for each round however often it is read.

The series of a target hardly ever change from round to round, and come in the same order. So what stands before a value
is made once, and found again by its position.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import NamedTuple, TypeAlias

from slo.core.sample import Sample
from slo.exposition.catalogue import FAMILIES, Family
from slo.exposition.labels import METRIC_NAME, label_text

LONGEST_VALUE = 128
"""The characters of a label's value that are served. What is longer is no name that a person gave."""

LINES_A_BLOCK = 1000

FamilyOf: TypeAlias = Callable[[str], Family | None]
"""What a kind says of a metric; None where it has none of that name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Serving:
    """How the samples of a kind are served: what the kind says of each metric, and how many of one target at most."""

    family_of: FamilyOf
    most: int


class Run(NamedTuple):
    """Lines that follow one another and are of one family: those from `start` up to `end`."""

    family: str
    start: int
    end: int


class Buffer:
    """The lines of one target. Each has the labels of its sample, those of `below` where the sample has none of that
    name, and those of `above` in any case.

    Of a round as many samples are kept as are served. Those that are more are dropped, as is a series that comes twice
    and a name that the format does not know; all that was ever dropped is counted in `dropped`.
    """

    def __init__(self, serving: Serving, *, below: Mapping[str, str], above: Mapping[str, str]) -> None:
        self.runs: list[Run] = []
        self.lines: list[str] = []
        self.dropped = 0
        self._serving = serving
        self._below = below
        self._above = above
        self._names: list[str] = []
        self._labels: list[Mapping[str, str]] = []
        self._prefixes: list[str] = []
        self._skipped: list[int] = []
        self._values: list[float] = []
        self._headers: dict[str, str] = {}

    def fill(self, samples: Iterable[Sample]) -> None:
        """Take the samples of a round in the place of those before. Raises what they raise; the old ones stay then."""
        iterator = iter(samples)
        taken = list(islice(iterator, self._serving.most))
        self.dropped += sum(1 for _ in iterator)
        names, values, labels = map(list, zip(*taken, strict=True)) if taken else ([], [], [])
        if names != self._names or labels != self._labels:
            self._arrange(names, labels)
        for index in self._skipped:
            del values[index]
        self.dropped += len(self._skipped)
        self.lines = [
            line if value == old else f"{prefix}{float(value)!r}\n"
            for prefix, value, old, line in zip(self._prefixes, values, self._values, self.lines, strict=True)
        ]
        self._values = values

    def _arrange(self, names: list[str], labels: list[Mapping[str, str]]) -> None:
        """Make what stands before the values, as far as it is not the same as it was, and find what is not served."""
        known = self._made()
        prefixes: dict[str, None] = {}
        skipped: list[int] = []
        starts: dict[int, str] = {}
        family = ""
        for index, (name, own) in enumerate(zip(names, labels, strict=True)):
            prefix = known.get((name, *own.items())) or self._prefix(name, own)
            if not prefix or prefix in prefixes:
                skipped.append(index)
                continue
            if name != family:
                family = starts[len(prefixes)] = name
            prefixes[prefix] = None
        bounds = [*starts, len(prefixes)]
        self.runs = [Run(starts[start], start, end) for start, end in pairwise(bounds)]
        self._headers = {name: self._headers.get(name) or self._header(name) for name in starts.values()}
        self._names, self._labels, self._prefixes, self._skipped = names, labels, list(prefixes), skipped[::-1]
        self._values, self.lines = [math.nan] * len(prefixes), [""] * len(prefixes)

    def _made(self) -> Mapping[tuple[object, ...], str]:
        """What stands before the values of the series that are served now. It is looked up too seldom to be kept."""
        skipped, all_of_them = frozenset(self._skipped), zip(self._names, self._labels, strict=True)
        series = (each for index, each in enumerate(all_of_them) if index not in skipped)
        return {(name, *own.items()): prefix for (name, own), prefix in zip(series, self._prefixes, strict=True)}

    def _prefix(self, name: str, labels: Mapping[str, str]) -> str:
        """What stands before a value; nothing where the format knows no such name."""
        if not METRIC_NAME.fullmatch(name):
            return ""
        shown = {**self._below, **labels, **self._above}
        text = label_text({key: value[:LONGEST_VALUE] for key, value in shown.items()})
        return f"{name}{{{text}}} " if text else f"{name} "

    def header(self, name: str) -> str:
        """The lines before those of a family that is served."""
        return self._headers[name]

    def _header(self, name: str) -> str:
        family = self._serving.family_of(name) or FAMILIES.get(name)
        return header(family or Family(name=name, type="untyped", help="Said by the kind of the check."))


def header(family: Family) -> str:
    """The help and the type of a family."""
    text = family.help.replace("\\", r"\\").replace("\n", r"\n")
    return f"# HELP {family.name} {text}\n# TYPE {family.name} {family.type}\n"


def exposed(buffers: Iterable[Buffer]) -> Iterator[str]:
    """The text of all buffers together, each family in one place, in small blocks of whole lines."""
    families: dict[str, list[str]] = {}
    for buffer in buffers:
        for name, start, end in buffer.runs:
            lines = families.get(name)
            if lines is None:
                lines = families[name] = [buffer.header(name)]
            lines += buffer.lines[start:end]
    for lines in families.values():
        for start in range(0, len(lines), LINES_A_BLOCK):
            yield "".join(lines[start : start + LINES_A_BLOCK])
