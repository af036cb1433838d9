"""Placeholder until the real one is merged."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Period(StrEnum):
    """Periods."""

    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"


@dataclass(frozen=True, kw_only=True, slots=True)
class CalendarWindow:
    """A window."""

    period: Period
    zone: str

    @property
    def nominal_length(self) -> timedelta:
        """Nominal."""
        return timedelta(days={"week": 7, "month": 30, "quarter": 91}[self.period])

    @property
    def longest(self) -> timedelta:
        """Longest."""
        return timedelta(days={"week": 8, "month": 32, "quarter": 93}[self.period])

    @property
    def name(self) -> str:
        """Name."""
        return f"{self.period} ({self.zone})"
