"""Rates: so many requests a minute for each key, as vendors limit them."""

from collections import defaultdict, deque
from collections.abc import Callable

WINDOW_SECONDS = 60


class Rate:
    """At most `limit` requests in any 60 s for each key; `monotonic` is what that is held against, in seconds."""

    def __init__(self, limit: int, monotonic: Callable[[], float]) -> None:
        self.limit = limit
        self._monotonic = monotonic
        self._recent: dict[str, deque[float]] = defaultdict(deque)

    def wait_seconds(self, key: str) -> int:
        """How long to wait until the next request of the last 60 s is forgotten; 0 where this one is taken."""
        now, recent = self._monotonic(), self._recent[key]
        while recent and now - recent[0] >= WINDOW_SECONDS:
            recent.popleft()
        if len(recent) >= self.limit:
            return self.reset_seconds(key)
        recent.append(now)
        return 0

    def remaining(self, key: str) -> int:
        """How many more are taken now."""
        return self.limit - len(self._recent[key])

    def reset_seconds(self, key: str) -> int:
        """In how many seconds the oldest request is forgotten."""
        recent = self._recent[key]
        return max(1, round(WINDOW_SECONDS - (self._monotonic() - recent[0]))) if recent else 0
