"""The samples of one target as text, made once for each round however often it is read.

The series of a target hardly ever change from round to round, and come in the same order. So what stands before a value
is made once, and found again by its position.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice, pairwise
from typing import NamedTuple, TypeAlias

from slo.core.sample import NO_LABELS, Sample
from slo.exposition.catalogue import FAMILIES, Family
from slo.exposition.labels import METRIC_NAME, label_text

LONGEST_VALUE = 128
"""The characters of a label's value that are served. What is longer is no name that a person gave."""

LINES_A_BLOCK = 1000

MOST_HEADS = 20_000
"""Of so many series what stands before the values is one text for all targets that have them."""

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
        self._tail = self._tail_of(NO_LABELS)
        self._names: list[str] = []
        self._labels: list[Mapping[str, str]] = []
        self._heads: list[str] = []
        self._tails: list[str] = []
        self._skipped: list[int] = []
        self._values: list[float] = []
        self._headers: dict[str, str] = {}

    def fill(self, samples: Iterable[Sample]) -> None:
        """Take the samples of a round in the place of those before. Raises what they raise; the old ones stay then."""
        iterator = iter(samples)
        taken = list(islice(iterator, self._serving.most))
        self.dropped += sum(1 for _ in iterator)
        names, labels = [sample[0] for sample in taken], [sample[2] for sample in taken]
        if names != self._names or labels != self._labels:
            self._arrange(names, labels)
        values = [sample[1] for sample in taken]
        for index in self._skipped:
            del values[index]
        self.dropped += len(self._skipped)
        self.lines = [
            line if value == old else f"{head}{tail}{float(value)!r}\n"
            for head, tail, value, old, line in zip(
                self._heads, self._tails, values, self._values, self.lines, strict=True
            )
        ]
        self._values = values

    def _arrange(self, names: list[str], labels: list[Mapping[str, str]]) -> None:
        """Find what stands before the values, and what is not served."""
        self._headers.clear()
        befores: dict[tuple[str, str], None] = {}
        skipped: list[int] = []
        starts: dict[int, str] = {}
        family = ""
        for index, (name, own) in enumerate(zip(names, labels, strict=True)):
            before = self._before(name, own)
            if before is None or before in befores:
                skipped.append(index)
                continue
            if name != family:
                family = starts[len(befores)] = name
            befores[before] = None
        self.runs = [Run(starts[start], start, end) for start, end in pairwise([*starts, len(befores)])]
        self._names, self._labels, self._skipped = names, labels, skipped[::-1]
        self._heads, self._tails = [head for head, _ in befores], [tail for _, tail in befores]
        self._values, self.lines = [math.nan] * len(befores), [""] * len(befores)

    def _before(self, name: str, own: Mapping[str, str]) -> tuple[str, str] | None:
        """What stands before a value: what many targets have alike, and what is this one's. None for no valid name."""
        if not METRIC_NAME.fullmatch(name):
            return None
        alone = self._below.keys().isdisjoint(own) and self._above.keys().isdisjoint(own)
        tail = self._tail if alone else self._tail_of(own)
        labels = own.items() if alone else [label for label in own.items() if label[0] not in self._above]
        return _head(name, tuple(labels), bool(tail)), tail

    def _tail_of(self, own: Mapping[str, str]) -> str:
        """The labels of the target but those that a sample has itself, up to the value; "" where none is left."""
        more = {name: value for name, value in self._below.items() if name not in own} | dict(self._above)
        text = label_text(more)
        return text + "} " if text else ""

    def header(self, name: str) -> str:
        """The lines before those of a family."""
        known = self._headers.get(name)
        if known is None:
            family = self._serving.family_of(name) or FAMILIES.get(name)
            known = header(family or Family(name=name, type="untyped", help="Said by the kind of the check."))
            self._headers[name] = known
        return known


@lru_cache(maxsize=MOST_HEADS)
def _head(name: str, labels: tuple[tuple[str, str], ...], goes_on: bool) -> str:  # noqa: FBT001  it is a cache's key
    """A metric with the labels of its sample, before a tail where it `goes_on`: one text for all targets."""
    text = label_text({key: value[:LONGEST_VALUE] for key, value in labels})
    if goes_on:
        return f"{name}{{{text}," if text else f"{name}{{"
    return f"{name}{{{text}}} " if text else f"{name} "


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
    block: list[str] = []
    for lines in families.values():
        for start in range(0, len(lines), LINES_A_BLOCK):
            block += lines[start : start + LINES_A_BLOCK]
            if len(block) >= LINES_A_BLOCK:
                yield "".join(block)
                block = []
    yield "".join(block)
