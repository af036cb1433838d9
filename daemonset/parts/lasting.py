"""For how long something has been so, as far as it was looked at. Pure."""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, kw_only=True, slots=True)
class Spell:
    """Something has been so for `seconds`. Unless its beginning was `seen`, that is the least that it has."""

    seconds: float
    seen: bool

    def exceeds(self, limit_seconds: float) -> bool:
        """Whether it has been so for longer than that, for all that is known."""
        return self.seconds > limit_seconds

    def may_exceed(self, limit_seconds: float) -> bool:
        """Whether it may have been, since nobody saw when it began."""
        return not self.seen and not self.exceeds(limit_seconds)


class Lasting(Generic[K]):
    """Remembers since when each key has been given, without a gap between two looks."""

    def __init__(self) -> None:
        self._since: dict[K, tuple[float, bool]] = {}
        self._looked = False

    def look(self, keys: Iterable[K], now: float) -> Mapping[K, Spell]:
        """How long each of these has been so at `now` (monotonic seconds). What is not among them has ended."""
        usual = now, self._looked
        self._since = {key: self._since.get(key, usual) for key in keys}
        self._looked = True
        return {key: Spell(seconds=now - since, seen=seen) for key, (since, seen) in self._since.items()}
