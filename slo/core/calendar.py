"""Calendar windows: the weeks, months and quarters of a time zone, as the periods of an error budget.

A period is (start, end] like a slot, in Unix seconds. It begins at the first instant at which the zone's clocks show
its first date, or a later one where that date was skipped. That is midnight, except where clocks go forward over it:
then it is the instant at which they do. Where midnight comes twice, it is the first one.

A slot belongs to the period in which it ends. One that ends at the very instant at which a period begins lies before
that instant with all its time, and belongs to the period before.
"""

import functools
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from types import MappingProxyType
from zoneinfo import ZoneInfo

from slo.core.zone import first_instant, local_time, zone_named


class Period(StrEnum):
    """How long the periods of a calendar window are. Weeks are those of ISO 8601 and begin on Monday."""

    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"


_NOMINAL = MappingProxyType(
    {
        Period.WEEK: timedelta(days=7),
        Period.MONTH: timedelta(days=30),
        Period.QUARTER: timedelta(days=91),
    }
)

_LONGEST = MappingProxyType(
    {
        Period.WEEK: timedelta(days=8),
        Period.MONTH: timedelta(days=32),
        Period.QUARTER: timedelta(days=93),
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class CalendarWindow:
    """The calendar week, month or quarter of a zone, which has its IANA name. Raises ValueError for an unknown zone."""

    period: Period
    zone: str

    def __post_init__(self) -> None:
        zone_named(self.zone)

    @property
    def nominal_length(self) -> timedelta:
        """The length that burn factors are made with, the same for every period: 7, 30 or 91 days."""
        return _NOMINAL[self.period]

    @property
    def longest(self) -> timedelta:
        """No period is longer than this, clock changes included."""
        return _LONGEST[self.period]

    @property
    def name(self) -> str:
        """What people read: `month (Europe/London)`."""
        return f"{self.period} ({self.zone})"


def period_of(window: CalendarWindow, at_seconds: int) -> tuple[int, int]:
    """Where the period that holds a slot end begins and ends: start < at_seconds <= end, all in Unix seconds.

    Where it ends the next one begins.
    """
    _, span = _holding(window, at_seconds)
    return span


def period_label(window: CalendarWindow, at_seconds: int) -> str:
    """The name of the period that holds a slot end: `2026-W48` (the week's year is ISO's), `2026-11`, `2026-Q4`."""
    first, _ = _holding(window, at_seconds)
    match window.period:
        case Period.WEEK:
            year, week, _ = first.isocalendar()
            return f"{year}-W{week:02}"
        case Period.MONTH:
            return f"{first.year}-{first.month:02}"
        case Period.QUARTER:
            return f"{first.year}-Q{(first.month + 2) // 3}"


def _holding(window: CalendarWindow, at_seconds: int) -> tuple[date, tuple[int, int]]:
    """The first date of the period that holds a slot end, and the span of that period."""
    first = _first_date_around(window.period, _local_date(at_seconds - 1, zone_named(window.zone)))
    span = _span(window.period, window.zone, first)
    # Clocks that go back over midnight show the end of the day before once more, after the period has begun.
    while at_seconds > span[1]:
        first = _first_date_after(window.period, first)
        span = _span(window.period, window.zone, first)
    return first, span


@functools.lru_cache(maxsize=4096)
def _span(period: Period, zone: str, first: date) -> tuple[int, int]:
    """The span of the period with that first date. Remembered, since every slot asks for the current one."""
    return _first_instant(first, zone_named(zone)), _first_instant(_first_date_after(period, first), zone_named(zone))


def _first_instant(day: date, zone: ZoneInfo) -> int:
    """The first instant at which the clocks of a zone show `day` or a later date."""
    return first_instant(datetime.combine(day, time()), zone)


def _local_date(at_seconds: int, zone: ZoneInfo) -> date:
    return local_time(at_seconds, zone).date()


def _first_date_around(period: Period, day: date) -> date:
    match period:
        case Period.WEEK:
            return day - timedelta(days=day.weekday())
        case Period.MONTH:
            return day.replace(day=1)
        case Period.QUARTER:
            return day.replace(month=day.month - (day.month - 1) % 3, day=1)


def _first_date_after(period: Period, first: date) -> date:
    match period:
        case Period.WEEK:
            return first + timedelta(days=7)
        case Period.MONTH:
            return (first + timedelta(days=31)).replace(day=1)
        case Period.QUARTER:
            return (first + timedelta(days=92)).replace(day=1)
