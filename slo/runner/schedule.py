"""The schedule: which target is due when. It reads no clock and starts nothing."""

import hashlib
import heapq
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Generic, NamedTuple, TypeVar

from slo.core.outcome import CheckKey, Point
from slo.core.protocols import Check
from slo.exposition.buffer import Serving

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class AfterFailure:
    """Extra rounds while a target is bad: every `interval_seconds`, `rounds` of them in a row at most."""

    interval_seconds: float
    rounds: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Scheduled:
    """A check with its identity and its rhythm, in seconds; the timeout is at most the interval.

    `config` is what the check was built from, compared by value: two of these are equal when they would look at the
    same thing in the same way. Without it no two are, as nothing can be told of the checks. `labels` are the target's,
    and say nothing of how it is looked at. All vantage points of a target have one rhythm. `serving` is of collectors.
    """

    name: str
    module: str
    target: str
    interval_seconds: float
    timeout_seconds: float
    check: Check[Any] = field(compare=False)
    config: object = field(default_factory=object)
    labels: Mapping[str, str] = field(default_factory=dict, compare=False)
    vantage_point: str = ""
    after_failure: AfterFailure | None = None
    serving: Serving | None = field(default=None, compare=False)

    @property
    def point(self) -> Point:
        """Who looks."""
        return self.name, self.target, self.vantage_point

    @property
    def key(self) -> CheckKey:
        """What tells it from every other check."""
        return self.name, self.target


def first_due(name: str, interval_seconds: float, *, wall_seconds: float, monotonic: float) -> float:
    """When the first round of a check is due (monotonic seconds), less than an interval away.

    The checks of one interval are spread over it by a hash of `name`, which tells each from all others. The rhythm
    hangs on the wall clock, so that a restart goes on in the rhythm of the run before it.
    """
    return monotonic + (_offset(name, interval_seconds) - wall_seconds) % interval_seconds


def round_number(name: str, interval_seconds: float, *, wall_seconds: float) -> int:
    """The number of the round that is due at that time: rounds are numbered from the epoch on.

    Whoever else has the same rhythm means the same round by its number, also after a restart.
    """
    return round((wall_seconds - _offset(name, interval_seconds)) / interval_seconds)


def _offset(name: str, interval_seconds: float) -> float:
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64 * interval_seconds


class Due(NamedTuple, Generic[T]):
    """One target that is due since `due` (monotonic seconds), after `passed_over` rounds that came too late to run.

    `number` is that of the round that is due.
    """

    target: T
    due: float
    passed_over: int
    number: int


class _Rhythm(Generic[T]):
    """The due times of one target: first, first + interval, first + 2 x interval, ...

    The first is round `number`. `over` says that the target left.
    """

    __slots__ = ("beat", "first", "interval", "number", "over", "target")

    def __init__(self, target: T, first: float, interval: float, number: int) -> None:
        self.target = target
        self.first = first
        self.interval = interval
        self.number = number
        self.beat = 0
        self.over = False

    def due(self, beat: int) -> float:
        """Reckoned from the first, so that nothing adds up: no drift."""
        return self.first + beat * self.interval


class Schedule(Generic[T]):
    """A heap of due times, one of each target. What left stays in it until its turn comes, or until it is the most."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, _Rhythm[T]]] = []
        self._rhythms: dict[T, _Rhythm[T]] = {}
        self._order = count()

    def add(self, target: T, *, first: float, interval: float, number: int = 0) -> None:
        """Give a target its rhythm, whose first round has that number. The interval (seconds) must be positive."""
        if interval <= 0:
            raise ValueError(f"an interval of {interval} seconds is no rhythm")
        rhythm = self._rhythms[target] = _Rhythm(target, first, interval, number)
        heapq.heappush(self._heap, (first, next(self._order), rhythm))

    def discard(self, targets: Collection[T]) -> None:
        """Take these targets out, as far as they are there; the others keep their rhythm."""
        for target in targets:
            if rhythm := self._rhythms.pop(target, None):
                rhythm.over = True
        if len(self._heap) > 2 * len(self._rhythms):
            self._heap = [entry for entry in self._heap if not entry[2].over]
            heapq.heapify(self._heap)

    def next_due(self) -> float | None:
        """The earliest due time; None without targets."""
        while self._heap and self._heap[0][2].over:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def take(self, now: float) -> list[Due[T]]:
        """Every target that is due at `now`, each once, earliest first; their next due times are after `now`.

        A target that has more than one round to catch up with gets the newest: the older ones are passed over.
        """
        taken: list[Due[T]] = []
        heap = self._heap
        while heap and heap[0][0] <= now:
            due, order, rhythm = heap[0]
            if rhythm.over:
                heapq.heappop(heap)
                continue
            first = beat = rhythm.beat
            if rhythm.due(beat + 1) <= now:
                beat = max(beat, int((now - rhythm.first) / rhythm.interval) - 1)
                while rhythm.due(beat + 1) <= now:
                    beat += 1
                due = rhythm.due(beat)
            taken.append(Due(rhythm.target, due, beat - first, rhythm.number + beat))
            rhythm.beat = beat + 1
            heapq.heapreplace(heap, (rhythm.due(beat + 1), order, rhythm))
        return taken
