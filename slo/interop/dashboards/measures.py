"""What a dashboard shows of metrics, in no vendor's words: measures, what they are drawn in, and what values mean.

A writer leaves out what its vendor has no words for: an age needs the time of now in a query, which Datadog and Lens
have not, and a state is put together of several metrics.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise
from types import MappingProxyType
from typing import Literal, TypeAlias

Worst: TypeAlias = Literal["min", "max", "sum"]
"""Which of several values counts where one is shown for all of them; `sum` where they add up."""


FIRING, COVERAGE = "slo_alert_firing", "slo_window_coverage_ratio"
REMAINING, OBJECTIVE = "slo_error_budget_remaining_ratio", "slo_objective_ratio"
"""What tells the state of an SLO."""


@dataclass(frozen=True, slots=True)
class _OfOne:
    """A measure of one metric."""

    metric: str

    @property
    def metrics(self) -> Sequence[str]:
        """What it is made of."""
        return (self.metric,)


@dataclass(frozen=True, slots=True)
class Level(_OfOne):
    """A gauge as it is."""

    worst: Worst


class Rise(_OfOne):
    """How fast a counter grows, per second."""


class Ago(_OfOne):
    """How many seconds ago a moment was that a gauge names; the longest."""


class Until(_OfOne):
    """In how many seconds a moment is that a gauge names; the nearest."""


@dataclass(frozen=True, slots=True)
class Share:
    """What one counter grew by, divided by what several grew by together."""

    part: str
    whole: Sequence[str]

    @property
    def metrics(self) -> Sequence[str]:
        """What it is made of."""
        return tuple(dict.fromkeys((self.part, *self.whole)))


@dataclass(frozen=True, slots=True)
class Standing:
    """The state of an SLO: a key of `STANDINGS`."""

    @property
    def metrics(self) -> Sequence[str]:
        """What it is made of."""
        return (FIRING, COVERAGE, REMAINING, OBJECTIVE)


Measure: TypeAlias = Level | Rise | Share | Ago | Until | Standing


class Tone(Enum):
    """What a value means to people, from what is well to what alarms most.

    The value of a tone is its shape, so that no state is told by colour alone.
    """

    UP = "●"
    NO_DATA = "○"
    BURNING = "▲"
    DOWN = "■"


ON_DARK: Mapping[Tone, str] = MappingProxyType(
    {Tone.UP: "#009E73", Tone.BURNING: "#E69F00", Tone.DOWN: "#D55E00", Tone.NO_DATA: "#A2A9B2"}
)
ON_LIGHT: Mapping[Tone, str] = MappingProxyType(
    {Tone.UP: "#0072B2", Tone.BURNING: "#8A5A00", Tone.DOWN: "#B44700", Tone.NO_DATA: "#565D66"}
)
"""The colours of the page. Dashboards hold fixed ones: those for the ground that the vendor has by default."""


@dataclass(frozen=True, slots=True)
class Word:
    """What a value is called."""

    tone: Tone
    text: str

    def __str__(self) -> str:
        return f"{self.tone.value} {self.text}"


NO_DATA = Word(Tone.NO_DATA, "No data")

STANDINGS: Mapping[int, Word] = MappingProxyType(
    {0: Word(Tone.UP, "Up"), 1: NO_DATA, 2: Word(Tone.BURNING, "Burning"), 3: Word(Tone.DOWN, "Overspent")}
)
"""The states of an SLO; the one that alarms most has the highest number."""


@dataclass(frozen=True, slots=True)
class Band:
    """What values mean from `start` on, up to the next band; the first starts at None, which is below everything."""

    start: float | None
    word: Word


def boundaries(bands: Sequence[Band]) -> Iterator[tuple[float, Word]]:
    """The values at which a band begins, each with what is less well of its two sides."""
    for below, above in pairwise(bands):
        if above.start is not None:
            yield above.start, max((below.word, above.word), key=lambda word: list(Tone).index(word.tone))


class Unit(Enum):
    """What a value counts."""

    RATIO = "ratio"
    SECONDS = "seconds"
    BYTES = "bytes"
    TIMES = "times"
    COUNT = "count"
    PER_SECOND = "per second"


@dataclass(frozen=True, kw_only=True, slots=True)
class Curve:
    """One measure with what it is called. `words` are for the values of a state, `bands` for those of a quantity."""

    label: str
    measure: Measure
    unit: Unit = Unit.COUNT
    bands: Sequence[Band] = ()
    words: Mapping[int, Word] = field(default_factory=dict)

    @property
    def marks(self) -> Sequence[tuple[float, Word]]:
        """The values that mean something, each with what it means: of words all, of bands where they begin."""
        words: list[tuple[float, Word]] = [(float(value), word) for value, word in sorted(self.words.items())]
        return words or list(boundaries(self.bands))


def is_put_together(measure: Measure) -> bool:
    """Whether it needs the time of now or several conditions: only PromQL has words for that."""
    return isinstance(measure, Ago | Until | Standing)
