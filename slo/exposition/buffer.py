"""The samples of the last round of one target, and the text of many of them together."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, islice
from typing import TypeAlias

from slo.core.sample import Sample
from slo.exposition.families import FAMILIES, Family
from slo.exposition.labels import label_text
from slo.exposition.layout import Around, Labels, Layouts, Run

LINES_A_BLOCK = 1000
MOST_HEADERS = 20_000

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


def exposed(buffers: Iterable[Buffer]) -> Iterator[str]:
    """The text of all buffers together, each family in one place, in small blocks of whole lines."""
    families: dict[str, tuple[dict[FamilyOf, None], list[Iterable[Sequence[str]]]]] = {}
    for alike in _alike(buffers):
        family_of = alike[0].serving.family_of
        for name, parts in _in_runs(alike):
            kinds, lines = families.setdefault(name, ({}, []))
            kinds[family_of] = None
            lines.append(parts)
    block: list[str] = []
    for name, (kinds, lines) in families.items():
        block.append(_header(name, tuple(kinds)))
        for some in chain.from_iterable(lines):
            block += some
            if len(block) >= LINES_A_BLOCK:
                yield "".join(block)
                block.clear()
    yield "".join(block)


def _alike(buffers: Iterable[Buffer]) -> Iterable[list[Buffer]]:
    """The buffers by their kinds and layouts: most often all targets of a kind have one."""
    groups: dict[tuple[int, FamilyOf], list[Buffer]] = {}
    for buffer in buffers:
        groups.setdefault((id(buffer.layout), buffer.serving.family_of), []).append(buffer)
    return groups.values()


def _in_runs(alike: Sequence[Buffer]) -> Iterator[tuple[str, Iterable[Sequence[str]]]]:
    """The families of buffers that have one layout, with their lines. Those of many are made when they are read."""
    runs = alike[0].layout.runs
    if len(alike) > 1:
        for run in runs:
            yield run.family, _series(alike, run)
        return
    lines = alike[0].lines()
    for name, start, end in runs:
        yield name, (lines[start:end],)


def _series(alike: Sequence[Buffer], run: Run) -> Iterator[list[str]]:
    """The lines of a run, some at a time: those of all targets for one series after the other."""
    layout = alike[0].layout
    for position in range(run.start, run.end):
        head = layout.heads[position]
        for at in range(0, len(alike), LINES_A_BLOCK):
            some = alike[at : at + LINES_A_BLOCK]
            if position in layout.odd:
                yield [buffer.line(position) for buffer in some]
            else:
                yield [f"{head}{buffer.tail}{buffer.values[position]!r}\n" for buffer in some]


def header(family: Family) -> str:
    """The help and the type of a family."""
    text = family.help.replace("\\", r"\\").replace("\n", r"\n")
    return f"# HELP {family.name} {text}\n# TYPE {family.name} {family.type}\n"


@lru_cache(maxsize=MOST_HEADERS)
def _header(name: str, kinds: tuple[FamilyOf, ...]) -> str:
    """The header of a family, by the words of the kind that knows its type, where several kinds have it."""
    known = [family for family_of in (*kinds, FAMILIES.get) if (family := family_of(name)) is not None]
    typed = [family for family in known if family.type != "untyped"]
    unknown = Family(name=name, type="untyped", help="Said by the kind of the check.")
    return header([*typed, *known, unknown][0])
