"""Recurrence rules once more, day by day and minute by minute: what slo.core.recurrence is held against.

Written from RFC 5545, section 3.3.10, alone, without dateutil. Every local minute of a stretch of time is asked whether
the rule names it, so nothing can be skipped or be found too late.
"""

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

from slo.core.recurrence_rule import Frequency, RecurrenceRule

YEARLY, MONTHLY, WEEKLY, DAILY, HOURLY, MINUTELY = Frequency


def local_starts(rule: RecurrenceRule, start: datetime, since: datetime, until: datetime) -> list[datetime]:
    """The local times from `since` to `until` that the rule names; COUNT and UNTIL are not looked at."""
    positions = rule.numbers.get("BYSETPOS")
    if positions is None:
        named = list(_named(rule, start, since.date(), until.date()))
    else:
        named = []
        for first, last in _periods(rule.frequency, since.date(), until.date()):
            members = list(_named(rule, start, first, last))
            named += [members[p - 1 if p > 0 else p] for p in positions if abs(p) <= len(members)]
    return sorted({local for local in named if max(start, since) <= local <= until})


def _periods(frequency: Frequency, first: date, last: date) -> list[tuple[date, date]]:
    """The months, or years, that the stretch of time has a part in, whole."""
    if frequency is YEARLY:
        return [(date(year, 1, 1), date(year, 12, 31)) for year in range(first.year, last.year + 1)]
    months = [divmod(n, 12) for n in range(first.year * 12 + first.month - 1, last.year * 12 + last.month)]
    return [(date(y, m + 1, 1), date(y, m + 1, monthrange(y, m + 1)[1])) for y, m in months]


def _named(rule: RecurrenceRule, start: datetime, first: date, last: date) -> Iterator[datetime]:
    for n in range((last - first).days + 1):
        day = first + timedelta(days=n)
        if _on_day(rule, start, day):
            for minute in range(24 * 60):
                if _at_minute(rule, start, day, *divmod(minute, 60)):
                    second = rule.numbers.get("BYSECOND", (start.second,))[0]
                    yield datetime.combine(day, time(*divmod(minute, 60), second))


def _on_day(rule: RecurrenceRule, start: datetime, day: date) -> bool:
    began, by = start.date(), rule.numbers
    since_week_start = [(d - timedelta(days=(d.weekday() - rule.week_start) % 7)) for d in (began, day)]
    passed = {
        YEARLY: day.year - began.year,
        MONTHLY: (day.year - began.year) * 12 + day.month - began.month,
        WEEKLY: (since_week_start[1] - since_week_start[0]).days // 7,
        DAILY: (day - began).days,
    }
    if passed.get(rule.frequency, 0) % rule.interval:
        return False
    if not {"BYMONTHDAY", "BYYEARDAY", "BYWEEKNO"} & set(by) and not rule.weekdays:
        if rule.frequency is YEARLY and (day.day, day.month if "BYMONTH" not in by else began.month) != (
            began.day,
            began.month,
        ):
            return False
        if rule.frequency is MONTHLY and day.day != began.day:
            return False
        if rule.frequency is WEEKLY and day.weekday() != began.weekday():
            return False
    if "BYWEEKNO" in by and not rule.weekdays and day.weekday() != began.weekday():
        return False
    year_days, month_days = (date(day.year, 12, 31) - date(day.year, 1, 1)).days + 1, monthrange(day.year, day.month)[1]
    year_day = (day - date(day.year, 1, 1)).days + 1
    iso_year, week, _ = day.isocalendar()
    weeks = date(iso_year, 12, 28).isocalendar().week
    numbers = {
        "BYMONTH": {day.month},
        "BYMONTHDAY": {day.day, day.day - month_days - 1},
        "BYYEARDAY": {year_day, year_day - year_days - 1},
        "BYWEEKNO": {week, week - weeks - 1},
    }
    if any(not numbers[name] & set(by[name]) for name in numbers if name in by):
        return False
    whole_year = rule.frequency is YEARLY and "BYMONTH" not in by
    place, length = (year_day, year_days) if whole_year else (day.day, month_days)
    as_numbered = {0, (place - 1) // 7 + 1, -((length - place) // 7 + 1)}
    return not rule.weekdays or any(day.weekday() == weekday and n in as_numbered for weekday, n in rule.weekdays)


def _at_minute(rule: RecurrenceRule, start: datetime, day: date, hour: int, minute: int) -> bool:
    by = rule.numbers
    at, began = datetime.combine(day, time(hour, minute)), start.replace(second=0)
    minutes_passed = (at - began) // timedelta(minutes=1)
    hours_passed = (at.replace(minute=0) - began.replace(minute=0)) // timedelta(hours=1)
    if rule.frequency is MINUTELY and minutes_passed % rule.interval:
        return False
    if rule.frequency is HOURLY and hours_passed % rule.interval:
        return False
    hours = by.get("BYHOUR", range(24) if rule.frequency in (HOURLY, MINUTELY) else [start.hour])
    return hour in hours and minute in by.get("BYMINUTE", range(60) if rule.frequency is MINUTELY else [start.minute])
