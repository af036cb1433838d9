"""Agents as the watch that they report to knows them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

BEHIND_AFTER = timedelta(seconds=60)
"""After so long without a report an agent is behind: those that are well report every few seconds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reporter:
    """An agent that has reported; `reported_at` is when its last report was put on disk (UTC).

    `clock_offset_seconds` is how far the newest time of that report was ahead of its arrival, None where it had none.
    `targets` are those that it looked at lately. `records` are those that it reported since it is known, each once,
    and `records_lost` those that are missing among their numbers.
    """

    name: str
    reported_at: datetime
    clock_offset_seconds: float | None
    targets: int
    records: int
    records_lost: int

    def silent_for(self, now: datetime) -> timedelta:
        """How long ago its last report came."""
        return max(timedelta(0), now - self.reported_at)

    def behind(self, now: datetime) -> bool:
        """Whether it should have reported by now."""
        return self.silent_for(now) > BEHIND_AFTER


def silent_first(reporters: Iterable[Reporter], now: datetime) -> list[Reporter]:
    """Those that are behind, the one that was heard last before the others: it is the news; then all others by name."""
    by_name = sorted(reporters, key=lambda each: each.name)
    return sorted(by_name, key=lambda each: each.silent_for(now) if each.behind(now) else timedelta.max)
