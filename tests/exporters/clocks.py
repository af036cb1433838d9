"""Time that tests of collectors move by hand."""

from datetime import UTC, datetime, timedelta


class SetClock:
    """A clock that is set by hand: `seconds` since it was made."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep_until(self, monotonic: float) -> None:
        self.seconds = max(self.seconds, monotonic)
