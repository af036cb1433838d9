"""A wheel of moments to come, nearly all of which are taken back before they are due: deadlines."""

import heapq
import math
from typing import Generic, TypeVar

T = TypeVar("T")

STEP_SECONDS = 0.005
"""How late a moment may be due: as far apart are the spokes of the wheel."""


class Wheel(Generic[T]):
    """What is due when, in seconds of any clock. Nothing is due early.

    To put something in and to take it back costs the same however much there is, and leaves nothing behind but its
    spoke.
    """

    __slots__ = ("_order", "_spokes")

    def __init__(self) -> None:
        self._spokes: dict[int, set[T]] = {}
        self._order: list[int] = []

    def put(self, moment: float, what: T) -> None:
        """Have something come up at that moment."""
        spoke = math.ceil(moment / STEP_SECONDS)
        waiting = self._spokes.get(spoke)
        if waiting is None:
            self._spokes[spoke] = {what}
            heapq.heappush(self._order, spoke)
        else:
            waiting.add(what)

    def drop(self, moment: float, what: T) -> None:
        """Take back what was put in at that moment, if it has not come up."""
        waiting = self._spokes.get(math.ceil(moment / STEP_SECONDS))
        if waiting is not None:
            waiting.discard(what)

    def next_due(self) -> float | None:
        """When `take` has something next; None while there is nothing."""
        while self._order:
            if self._spokes[self._order[0]]:
                return self._order[0] * STEP_SECONDS
            del self._spokes[heapq.heappop(self._order)]
        return None

    def take(self, now: float) -> list[T]:
        """What is due at `now`, the earliest first."""
        taken: list[T] = []
        while (due := self.next_due()) is not None and due <= now:
            taken += self._spokes.pop(heapq.heappop(self._order))
        return taken
