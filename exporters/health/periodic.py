"""What is asked more seldom than each round: its last answer stays until the next one is due."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from slo.core.protocols import Clock

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Aged(Generic[T]):
    """An answer, and how many seconds ago it was given."""

    value: T
    age_seconds: float


class Periodic(Generic[T]):
    """Keeps the last answer to one question. One that fails is asked again in the next round."""

    def __init__(self, seconds: float, clock: Clock) -> None:
        self._seconds = seconds
        self._clock = clock
        self._last: tuple[float, T] | None = None

    @property
    def last(self) -> Aged[T] | None:
        """The last answer, however old."""
        if self._last is None:
            return None
        at, value = self._last
        return Aged(value=value, age_seconds=self._clock.monotonic() - at)

    @property
    def due(self) -> bool:
        """Whether the question is to be asked in this round."""
        return self._last is None or self._clock.monotonic() - self._last[0] >= self._seconds

    async def ask(self, question: Callable[[], Awaitable[T]]) -> Aged[T]:
        """The answer, asked for anew where that is due. Raises what the question raises; the last answer stays then."""
        if self.due or (last := self.last) is None:
            value = await question()
            self._last = self._clock.monotonic(), value
            return Aged(value=value, age_seconds=0.0)
        return last

    def forget(self) -> None:
        """Ask anew in the next round: this is another server."""
        self._last = None
