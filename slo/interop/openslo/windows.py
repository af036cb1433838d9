"""Reads the time windows of OpenSLO: `duration` with a unit of one letter, and the older `unit` and `count`."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from slo.config.wrong import shown
from slo.core.calendar import CalendarWindow, Period
from slo.core.duration import duration_name
from slo.core.slo import Window
from slo.interop.passage import NO_COUNTERPART, Passage
from slo.interop.values import ZONE, refusal

_SHORTHAND = re.compile(r"([1-9][0-9]*)([mhdwMQY])")
_START = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
_DAY = timedelta(days=1)
_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": _DAY,
    "w": 7 * _DAY,
    "M": 30 * _DAY,
    "Q": 90 * _DAY,
    "Y": 365 * _DAY,
}
"""The lengths of units. The specification leaves those of the calendar open; these are its SDK's."""

_OF_THE_CALENDAR = "MQY"
_MOST = 1_000_000
"""More of a unit are as many: such a window is refused in any case."""

_ALPHA_UNITS = {"Second": "s", "Day": "d", "Week": "w", "Month": "M", "Quarter": "Q"}
_PERIODS = {"1w": Period.WEEK, "7d": Period.WEEK, "1M": Period.MONTH, "3M": Period.QUARTER, "1Q": Period.QUARTER}
_PERIOD_MEND = "take 1w from a Monday on, 1M from the first of a month on, or 1Q from that of a quarter on"


@dataclass(frozen=True, slots=True)
class Shorthand:
    """So many of a unit."""

    count: int
    unit: str

    def __str__(self) -> str:
        return f"{self.count}{self.unit}"

    @property
    def length(self) -> timedelta:
        """How long that is, with months of 30 days."""
        return self.count * _UNITS[self.unit]


def read_shorthand(passage: Passage, key: str, *, required: bool = False) -> Shorthand | None:
    """A duration such as `4w`; None where there is none, or no such one, which has been told."""
    text = passage.text(key, required=required)
    match = _SHORTHAND.fullmatch(text)
    if text and not match:
        mend = "write a whole number and one of m, h, d, w, M, Q and Y, as in 4w"
        passage.tell(key, f"{shown(text)} is no duration", mend)
    return Shorthand(_count(match[1]), match[2]) if match else None


def read_window(window: Passage) -> Window | None:
    """An item of `timeWindow`; None where it has no counterpart, which is noted, or is refused, which is told."""
    window.knows("duration", "isRolling", "calendar")
    return _window(window, "duration", read_shorthand(window, "duration", required=True))


def read_alpha_window(window: Passage) -> Window | None:
    """An item of `timeWindows` of v1alpha."""
    window.knows("unit", "count", "isRolling", "calendar")
    unit = window.choice("unit", tuple(_ALPHA_UNITS), required=True)
    count = window.number("count", required=True)
    if count is not None and (count.denominator != 1 or count < 1):
        window.tell("count", "is no whole number above 0", "write how many units")
        return None
    whole = Shorthand(min(int(count), _MOST), _ALPHA_UNITS[unit]) if unit and count else None
    return _window(window, "count", whole)


def _window(window: Passage, key: str, duration: Shorthand | None) -> Window | None:
    calendar = window.below("calendar")
    is_rolling = window.truth("isRolling", default=not window.has("calendar"))
    if is_rolling and window.has("calendar"):
        window.tell("calendar", "stands in a rolling window", "leave it out, or write `isRolling: false`")
        return None
    if not is_rolling and not window.has("calendar"):
        window.tell("", "has no calendar, and is not rolling", "add `calendar`, or write `isRolling: true`")
        return None
    if not is_rolling:
        return _calendar(window, key, calendar, duration)
    if duration and duration.unit in _OF_THE_CALENDAR:
        length = duration_name(duration.length.total_seconds())
        window.note(key, f"is rolling: {duration} is taken as {length}", "say in days what is meant")
    return duration.length if duration else None


def _calendar(window: Passage, key: str, calendar: Passage, duration: Shorthand | None) -> CalendarWindow | None:
    calendar.knows("startTime", "timeZone")
    start = _start(calendar)
    zone = calendar.text("timeZone", required=True)
    refused = refusal(zone, ZONE) if zone else None
    if refused:
        calendar.tell("timeZone", *refused)
        return None
    if not duration or not start or not zone:
        return None
    period = _PERIODS.get(str(duration))
    if period is None or not _begins(period, start):
        what = f"{duration} from {start:%Y-%m-%d %H:%M:%S} on"
        window.note(key, f"{NO_COUNTERPART}: {what} is no week, month or quarter of the calendar", _PERIOD_MEND)
        return None
    return CalendarWindow(period=period, zone=zone)


def _start(calendar: Passage) -> datetime | None:
    text = calendar.text("startTime", required=True)
    try:
        if _START.fullmatch(text):
            return datetime.fromisoformat(text)
    except ValueError:
        pass  # told below: there is no such day or time
    if text:
        calendar.tell("startTime", f"{shown(text)} is no time", "write it as 2026-01-01 00:00:00")
    return None


def _begins(period: Period, start: datetime) -> bool:
    """Whether a period of the calendar begins at that time."""
    if start.time() != datetime.min.time():
        return False
    match period:
        case Period.WEEK:
            return start.weekday() == 0
        case Period.MONTH:
            return start.day == 1
        case Period.QUARTER:
            return start.day == 1 and start.month % 3 == 1


def _count(digits: str) -> int:
    return int(digits) if len(digits) < len(str(_MOST)) else _MOST
