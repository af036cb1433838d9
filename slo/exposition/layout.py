"""What stands before the values of a target's samples: the same for all targets of a kind that have the same series.

The series of a target hardly ever change from round to round, and come in the same order. So what stands before a value
is made once, and found again by its position.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple, TypeAlias

from slo.exposition.labels import METRIC_NAME, label_text

LONGEST_VALUE = 128
"""The characters of a label's value that are served. What is longer is no name that a person gave."""

MOST_HEADS = 20_000
MOST_LAYOUTS = 64
"""How many are looked through for one that fits: that they differ shows at once."""

EXPORTED = "exported_"
"""What stands before the name of a sample's label where the target's identity has that name, as in Prometheus."""

Labels: TypeAlias = Mapping[str, str]


class Around(NamedTuple):
    """The names of a target's labels: those that a sample may have itself in their place, and its identity."""

    below: tuple[str, ...] = ()
    above: tuple[str, ...] = ()


class Run(NamedTuple):
    """Lines that follow one another and are of one family: those from `start` up to `end`."""

    family: str
    start: int
    end: int


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Layout:
    """The lines that samples of these `names` and `labels` make, in targets whose own labels are called so.

    `heads` stand before the labels of the target. A line in which a sample has a label of the same name is `odd`, by
    its position. `skipped` are the positions of samples without a line, the last first.
    """

    names: Sequence[str]
    labels: Sequence[Labels]
    around: Around
    heads: Sequence[str]
    runs: Sequence[Run]
    odd: Mapping[int, Labels]
    skipped: Sequence[int]

    def fits(self, names: Sequence[str], labels: Sequence[Labels], around: Around) -> bool:
        """Whether it is that of these samples. Labels that are the same objects as before cost nothing."""
        return self.names == names and self.labels == labels and self.around == around


class Layouts:
    """Layouts that were used last, so that targets that have the same series share one.

    Names that are `reserved` are not served: somebody else says them on the same page.
    """

    def __init__(self, reserved: Collection[str] = ()) -> None:
        self._reserved = frozenset(reserved)
        self._recent: list[Layout] = []

    def of(self, names: Sequence[str], labels: Sequence[Labels], around: Around) -> Layout:
        """The layout of these samples."""
        for layout in self._recent:
            if layout.fits(names, labels, around):
                return layout
        layout = _arranged(names, labels, around, self._reserved)
        self._recent.insert(0, layout)
        del self._recent[MOST_LAYOUTS:]
        return layout


def _arranged(names: Sequence[str], labels: Sequence[Labels], around: Around, reserved: Collection[str]) -> Layout:
    """Lines are skipped whose series was there already, and whose name is reserved or unknown to the format."""
    heads: dict[str, None] = {}
    skipped: list[int] = []
    starts: dict[int, str] = {}
    odd: dict[int, Labels] = {}
    family = ""
    for index, (name, own) in enumerate(zip(names, labels, strict=True)):
        valid = METRIC_NAME.fullmatch(name) and name not in reserved
        head = _head(name, tuple(own.items()), around) if valid else ""
        if not head or head in heads:
            skipped.append(index)
            continue
        if not own.keys().isdisjoint(around.below):
            odd[len(heads)] = own
        if name != family:
            family = starts[len(heads)] = name
        heads[head] = None
    runs = [Run(starts[start], start, end) for start, end in pairwise([*starts, len(heads)])]
    return Layout(names=names, labels=labels, around=around, heads=[*heads], runs=runs, odd=odd, skipped=skipped[::-1])


@lru_cache(maxsize=MOST_HEADS)
def _head(name: str, labels: tuple[tuple[str, str], ...], around: Around) -> str:
    """A metric with the labels of its sample, before those of the target where that has some."""
    text = label_text({EXPORTED * (key in around.above) + key: value[:LONGEST_VALUE] for key, value in labels})
    if any(around):
        return f"{name}{{{text}," if text else f"{name}{{"
    return f"{name}{{{text}}} " if text else f"{name} "
