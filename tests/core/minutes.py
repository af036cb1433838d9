"""The calendar once more, minute by minute and slow: what slo.core.calendar is held against.

It asks the zone one question only, what its clocks show at an instant, and never the way back: which instant a local
time means is what is under test. Where clocks go back over midnight, the minutes that come again belong to the period
that has begun.
"""

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from slo.core.zone import zone_named

MINUTE, HOUR, DAY = 60, 3600, 86_400
PERIODS = ("week", "month", "quarter")


def seconds(text: str) -> int:
    """The Unix seconds of a UTC time such as `2026-03-29T01:00`."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def midnight(day: date) -> int:
    """The Unix seconds at which a date begins in UTC."""
    return seconds(day.isoformat())


def shown(at: int, zone: ZoneInfo) -> datetime:
    """What the clocks of the zone show at that instant."""
    return datetime.fromtimestamp(at, zone)


def label(period: str, shown: date) -> str:
    """The name of the week, month or quarter of a date."""
    year, week, _ = shown.isocalendar()
    names = {
        "week": f"{year:04}-W{week:02}",
        "month": shown.isoformat()[:7],
        "quarter": f"{shown.year:04}-Q{'111222333444'[shown.month - 1]}",
    }
    return names[period]


@dataclass(frozen=True, kw_only=True)
class Minute:
    """The minute (start, start + 60], what the clocks show as it begins, and which periods it belongs to."""

    start: int
    shown: datetime
    labels: dict[str, str]


def minutes(first: int, last: int, zone_name: str) -> Iterator[Minute]:
    """Every minute that begins in [first, last), in its order; the clocks have not gone back shortly before `first`."""
    zone = zone_named(zone_name)
    reached = dict.fromkeys(PERIODS, "")
    for start in range(first, last, MINUTE):
        clock = shown(start, zone)
        reached = {period: max(reached[period], label(period, clock)) for period in PERIODS}
        yield Minute(start=start, shown=clock, labels=reached)


@functools.cache
def boundary(first_date: date, zone_name: str) -> int:
    """When the period with that first date begins: at the first minute of that date, or of a later one.

    No clock is further than 15 hours from UTC.
    """
    zone = zone_named(zone_name)
    around = range(midnight(first_date) - 15 * HOUR, midnight(first_date) + 15 * HOUR, MINUTE)
    return next(start for start in around if shown(start, zone).date() >= first_date)


def first_dates(period: str, since: date, until: date) -> list[date]:
    """The first dates of the periods that begin from `since` to `until`."""
    days = (since + timedelta(days=n) for n in range((until - since).days + 1))
    return [day for day in days if label(period, day) != label(period, day - timedelta(days=1))]


@functools.cache
def changes(since: date, until: date, zone_name: str) -> list[tuple[date, int]]:
    """The dates with an hour that was skipped or came twice, and by how many minutes the clocks went forward."""
    zone = zone_named(zone_name)
    found = []
    for hour in range(midnight(since), midnight(until), HOUR):
        if offset(hour, zone) != offset(hour + HOUR, zone):
            at = next(m for m in range(hour, hour + HOUR, MINUTE) if offset(m, zone) != offset(m + MINUTE, zone))
            forward = offset(at + MINUTE, zone) - offset(at, zone)
            skipped_or_repeated = shown(at, zone) + timedelta(minutes=1) if forward > 0 else shown(at + MINUTE, zone)
            found.append((skipped_or_repeated.date(), forward))
    return found


def offset(at: int, zone: ZoneInfo) -> int:
    """How many minutes the clocks of the zone are ahead of UTC at that instant."""
    ahead = shown(at, zone).utcoffset()
    assert ahead is not None
    return int(ahead.total_seconds()) // MINUTE
