"""The samples of the last round of one target, and the text of many of them together."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias

from slo.core.sample import Sample
from slo.exposition.catalogue import FAMILIES, Family
from slo.exposition.labels import label_text
from slo.exposition.layout import Around, Labels, Layouts, Run

LINES_A_BLOCK = 1000

FamilyOf: TypeAlias = Callable[[str], Family | None]
"""What a kind says of a metric; None where it has none of that name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Serving:
    """How the samples of a kind are served: what the kind says of each metric, and how many of one target at most."""

    family_of: FamilyOf
    most: int


class Buffer:
    """The samples of one target, whose lines have the labels of the target besides: of `below` those that the sample
    has not itself, and all of `above`, its identity.

    Of a round as many samples are kept as are served. Those that are more are dropped, as is a series that comes twice
    and a name that the format does not know; all that was ever dropped is counted in `dropped`.
    """

    def __init__(self, serving: Serving, layouts: Layouts, *, below: Labels, above: Labels) -> None:
        self.serving = serving
        self.dropped = 0
        self.values: list[float] = []
        self._layouts = layouts
        self._below = {name: value for name, value in below.items() if name not in above}
        self._above = above
        self._around = Around(below=tuple(self._below), above=tuple(above))
        self.layout = layouts.of([], [], self._around)
        self.tail = self._tail(())

    def fill(self, samples: Iterable[Sample]) -> None:
        """Take the samples of a round in the place of those before. Raises what they raise; the old ones stay then."""
        iterator = iter(samples)
        taken = list(islice(iterator, self.serving.most))
        self.dropped += sum(1 for _ in iterator)
        names, labels = [sample[0] for sample in taken], [sample[2] for sample in taken]
        if not self.layout.fits(names, labels, self._around):
            self.layout = self._layouts.of(names, labels, self._around)
        self.values = values = [float(sample[1]) for sample in taken]
        for index in self.layout.skipped:
            del values[index]
        self.dropped += len(self.layout.skipped)

    def lines(self) -> list[str]:
        """All lines, in the order of the samples."""
        tail = self.tail
        lines = [f"{head}{tail}{value!r}\n" for head, value in zip(self.layout.heads, self.values, strict=True)]
        for position in self.layout.odd:
            lines[position] = self.line(position)
        return lines

    def line(self, position: int) -> str:
        """One line."""
        own = self.layout.odd.get(position)
        tail = self.tail if own is None else self._tail(own)
        return f"{self.layout.heads[position]}{tail}{self.values[position]!r}\n"

    def _tail(self, but: Collection[str]) -> str:
        """The labels of the target up to the value, without those of `below` that a sample has itself."""
        below = {name: value for name, value in self._below.items() if name not in but}
        return label_text({**below, **self._above}) + "} " if any(self._around) else ""


def header(family: Family) -> str:
    """The help and the type of a family."""
    text = family.help.replace("\\", r"\\").replace("\n", r"\n")
    return f"# HELP {family.name} {text}\n# TYPE {family.name} {family.type}\n"


def exposed(buffers: Iterable[Buffer]) -> Iterator[str]:
    """The text of all buffers together, each family in one place, in small blocks of whole lines."""
    families: dict[str, list[tuple[_Alike, Run]]] = {}
    for alike in _alike(buffers):
        for run in alike.layout.runs:
            families.setdefault(run.family, []).append((alike, run))
    block: list[str] = []
    for name, parts in families.items():
        block.append(_header(name, parts[0][0].buffers[0].serving))
        for alike, run in parts:
            for lines in alike.lines(run):
                block += lines
                if len(block) >= LINES_A_BLOCK:
                    yield "".join(block)
                    block.clear()
    yield "".join(block)


class _Alike:
    """Buffers that have one layout, most often all targets of a kind. One alone has all its lines made at once."""

    def __init__(self, buffers: Sequence[Buffer]) -> None:
        self.buffers = buffers
        self.layout = buffers[0].layout
        self._lines = buffers[0].lines() if len(buffers) == 1 else None

    def lines(self, run: Run) -> Iterator[list[str]]:
        """The lines of a run, some at a time: those of all targets for one series after the other."""
        if self._lines is not None:
            yield self._lines[run.start : run.end]
            return
        for position in range(run.start, run.end):
            head = self.layout.heads[position]
            for at in range(0, len(self.buffers), LINES_A_BLOCK):
                some = self.buffers[at : at + LINES_A_BLOCK]
                if position in self.layout.odd:
                    yield [buffer.line(position) for buffer in some]
                else:
                    yield [f"{head}{buffer.tail}{buffer.values[position]!r}\n" for buffer in some]


def _alike(buffers: Iterable[Buffer]) -> list[_Alike]:
    """The buffers by their layouts."""
    groups: dict[int, list[Buffer]] = {}
    for buffer in buffers:
        groups.setdefault(id(buffer.layout), []).append(buffer)
    return [_Alike(group) for group in groups.values()]


def _header(name: str, serving: Serving) -> str:
    family = serving.family_of(name) or FAMILIES.get(name)
    return header(family or Family(name=name, type="untyped", help="Said by the kind of the check."))
