"""Extra rounds: while a target is bad it is looked at more often, to know soon when that ends.

They are outcomes like others, and no events: an SLI that was asked more often while things are bad would call them
worse than they are.
"""

import heapq
from itertools import count
from typing import Generic, Protocol, TypeVar

from slo.core.reason import State
from slo.runner.round import Round
from slo.runner.schedule import Scheduled


class _Checked(Protocol):
    @property
    def scheduled(self) -> Scheduled: ...


T = TypeVar("T", bound=_Checked)


class Extras(Generic[T]):
    """When which target is to have an extra round: a heap with one due time a target at most (monotonic seconds)."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, T]] = []
        self._due: dict[T, float] = {}
        self._made: dict[T, int] = {}
        self._order = count()

    def follow(self, target: T, this: Round, state: State) -> None:
        """A round of a target has ended: the next extra one is an interval after its start if it was bad, else none."""
        after = target.scheduled.after_failure
        if after is None or state is not State.BAD:
            self.forget(target)
            return
        made = self._made[target] = self._made.get(target, 0) + this.extra
        if after.rounds is None or made < after.rounds:
            self._ask(target, this.started + after.interval_seconds)

    def put_off(self, target: T, now: float) -> None:
        """There is no room for the extra round of a target now: try again an interval later."""
        after = target.scheduled.after_failure
        if after is not None:
            self._ask(target, now + after.interval_seconds)

    def forget(self, target: T) -> None:
        """A target needs no extra rounds any more."""
        self._due.pop(target, None)
        self._made.pop(target, None)

    def next_due(self) -> float | None:
        """When the next one is due; None where there is none."""
        while self._heap and self._due.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def take(self, now: float) -> list[T]:
        """The targets whose extra round is due at `now`, each once."""
        taken: list[T] = []
        while (due := self.next_due()) is not None and due <= now:
            target = heapq.heappop(self._heap)[2]
            del self._due[target]
            taken.append(target)
        return taken

    def _ask(self, target: T, due: float) -> None:
        self._due[target] = due
        heapq.heappush(self._heap, (due, next(self._order), target))
