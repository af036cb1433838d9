"""Recurrences: when something that recurs by a rule begins and ends.

A rule is expanded in the local time of its zone, so that 02:00 on Sunday stays 02:00 on Sunday, and each occurrence is
then mapped to UTC. Source of the rules: RFC 5545, section 3.3.10; dateutil expands them. In one thing this departs from
it: an occurrence at a time that clocks skip is not dropped but shifted by the gap, as section 3.3.5 has it for single
times, since the work that it stands for is done all the same.

Work is bounded. dateutil looks for the next occurrence until the year 9999, and starts at the first one each time. So a
rule must occur within its first steps; the days that DAILY and finer rules leave out are left out here; and the periods
before those that are asked for are skipped, in phase.
"""

import functools
import itertools
from calendar import isleap, monthrange
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Literal

from dateutil import rrule

from slo.core.duration import duration_name
from slo.core.recurrence_rule import Frequency, RecurrenceRule, read_recurrence_rule
from slo.core.zone import unix_seconds, zone_named

LONGEST = timedelta(days=31)
"""The longest an occurrence may be: looking back for those that are still going on is bounded by it."""

MOST_STEPS = 100_000
"""How many steps a rule may take to its first occurrence, or to the one at which COUNT ends it."""

_SECOND = timedelta(seconds=1)
_FARTHEST = timedelta(days=2)
"""Local time is never further from UTC, gaps included: 15 hours, and the longest gap was a day."""

_FREQUENCIES: MappingProxyType[Frequency, Literal[0, 1, 2, 3, 4, 5]] = MappingProxyType(
    {
        Frequency.YEARLY: rrule.YEARLY,
        Frequency.MONTHLY: rrule.MONTHLY,
        Frequency.WEEKLY: rrule.WEEKLY,
        Frequency.DAILY: rrule.DAILY,
        Frequency.HOURLY: rrule.HOURLY,
        Frequency.MINUTELY: rrule.MINUTELY,
    }
)
_STEPS = MappingProxyType(
    {
        Frequency.WEEKLY: timedelta(weeks=1),
        Frequency.DAILY: timedelta(days=1),
        Frequency.HOURLY: timedelta(hours=1),
        Frequency.MINUTELY: timedelta(minutes=1),
    }
)
"""Months and years have no fixed length."""

_DAY_NUMBERS: MappingProxyType[str, Callable[[date], tuple[int, ...]]] = MappingProxyType(
    {
        "BYMONTH": lambda day: (day.month,),
        "BYMONTHDAY": lambda day: (day.day, day.day - monthrange(day.year, day.month)[1] - 1),
        "BYYEARDAY": lambda day: (day.timetuple().tm_yday, day.timetuple().tm_yday - 366 - isleap(day.year)),
    }
)
"""The numbers that a day has in the BY parts that name days, counted from the beginning and from the end."""

_BY_DAY = frozenset({Frequency.DAILY, Frequency.HOURLY, Frequency.MINUTELY})
"""With these, the BY parts that name days only ever leave days out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recurrence:
    """What occurs by a rule, in the local time of a zone, from `start` on.

    `start` is a local time without a zone: the first occurrence where the rule matches it, and else what the rule
    starts from. `duration` is the time that elapses, whatever clocks do meanwhile: an hour from 01:30 on may end when
    they show 03:30, or 01:30 again. Where an hour comes twice, what begins in it begins in the first of the two, by an
    hourly rule as well. No occurrence begins after `until`. Raises ValueError that says the mend.
    """

    rule: str
    zone: str
    start: datetime
    duration: timedelta
    until: datetime | None = None

    def __post_init__(self) -> None:
        zone = zone_named(self.zone)
        if self.start.tzinfo is not None:
            raise ValueError(f"start has an offset; write the local time of {self.zone} alone")
        if self.start.year < 1970 or self.start.microsecond:
            raise ValueError(f"start cannot be {self.start}; write whole seconds, from the year 1970 on")
        if not timedelta(0) < self.duration <= LONGEST or self.duration % _SECOND:
            duration = duration_name(self.duration.total_seconds())
            raise ValueError(f"duration cannot be {duration}; write whole seconds, from 1s to 31d")
        if self.until is not None and self.until.tzinfo is None:
            raise ValueError("until has no offset; write it with one, such as Z for UTC")
        first, last = _plan(self.rule, self.start).first, self._last_start()
        if last is not None and last < unix_seconds(first, zone):
            raise ValueError(f"it ends before its first occurrence, {first}; write a later end, or none")

    @property
    def over_by_seconds(self) -> int | None:
        """By when its last occurrence is over, in Unix seconds; None where it goes on for good."""
        counted = _plan(self.rule, self.start).last
        lasts = [self._last_start(), unix_seconds(counted, zone_named(self.zone)) if counted else None]
        last = min((at for at in lasts if at is not None), default=None)
        return None if last is None else last + self.duration // _SECOND

    def occurrences(self, begin_seconds: int, end_seconds: int) -> Iterator[tuple[int, int]]:
        """The starts and ends of those that have a part in (begin, end], in Unix seconds, in the order of local time.

        There is at most one a minute. Two may overlap; and around a gap, one that was shifted may come out of order.
        """
        zone, length, last = zone_named(self.zone), self.duration // _SECOND, self._last_start()
        since, until = (datetime.fromtimestamp(at, UTC).replace(tzinfo=None) for at in (begin_seconds, end_seconds))
        plan = _plan(self.rule, self.start)
        for local in plan.local_starts(since - self.duration - _FARTHEST, until + _FARTHEST):
            start = unix_seconds(local, zone)
            if begin_seconds < start + length and start < end_seconds and (last is None or start <= last):
                yield start, start + length

    def _last_start(self) -> int | None:
        """After which no occurrence begins, in Unix seconds; None where at most COUNT ends it."""
        written = _plan(self.rule, self.start).rule.until
        if written is not None and written.tzinfo is None:
            written = datetime.fromtimestamp(unix_seconds(written, zone_named(self.zone)), UTC)
        return min((int(end.timestamp()) for end in (self.until, written) if end is not None), default=None)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Plan:
    """How a rule is expanded: its first occurrence, and the last one that COUNT allows, as local times."""

    rule: RecurrenceRule
    start: datetime
    first: datetime
    last: datetime | None

    def local_starts(self, since: datetime, until: datetime) -> Iterator[datetime]:
        """The occurrences that begin from `since` to `until`, ascending; there may be a few from before."""
        since, until = max(since, self.first), min(until, self.last or until)
        return (local for local in _steps(self.rule, self.start, since, until) if _passes(self.rule, local))


@functools.lru_cache(maxsize=1024)
def _plan(text: str, start: datetime) -> _Plan:
    rule = read_recurrence_rule(text)
    first = _occurrence(rule, start, 1)
    if first is None:
        raise ValueError(
            f"{text} does not occur soon after {start}, if ever; write one that does, and start with its first time"
        )
    last = _occurrence(rule, start, rule.count) if rule.count else None
    if rule.count and not last:
        raise ValueError(f"COUNT={rule.count} is too far to count; write UNTIL with the last time instead")
    return _Plan(rule=rule, start=start, first=first, last=last)


def _occurrence(rule: RecurrenceRule, start: datetime, number: int) -> datetime | None:
    """The local time of that occurrence, counted from 1; None where it is not among the first steps."""
    try:
        steps = itertools.islice(_steps(rule, start, start, None), MOST_STEPS)
        return next(itertools.islice((local for local in steps if _passes(rule, local)), number - 1, None), None)
    except ValueError:  # dateutil sees by itself where INTERVAL steps over every BYHOUR and BYMINUTE
        return None


def _steps(rule: RecurrenceRule, start: datetime, since: datetime, until: datetime | None) -> Iterator[datetime]:
    """What dateutil makes of a rule from `since`, or somewhat before, to `until`: `_passes` says which count."""
    numbers, weekdays = _days(rule, start)
    if rule.frequency in _BY_DAY:
        numbers, weekdays = {name: numbers[name] for name in numbers if name not in _DAY_NUMBERS}, ()
    steps = rrule.rrule(
        _FREQUENCIES[rule.frequency],
        dtstart=_in_phase(rule, start, since),
        interval=rule.interval,
        wkst=rule.week_start,
        until=until,
        bysetpos=numbers.get("BYSETPOS"),
        bymonth=numbers.get("BYMONTH"),
        bymonthday=numbers.get("BYMONTHDAY"),
        byyearday=numbers.get("BYYEARDAY"),
        byweekno=numbers.get("BYWEEKNO"),
        byweekday=[rrule.weekday(day, number or None) for day, number in weekdays] or None,
        byhour=numbers.get("BYHOUR"),
        byminute=numbers.get("BYMINUTE"),
        bysecond=numbers.get("BYSECOND"),
    )
    return iter(steps)


def _days(rule: RecurrenceRule, start: datetime) -> tuple[Mapping[str, tuple[int, ...]], tuple[tuple[int, int], ...]]:
    """The numbers and weekdays of a rule, with those of `start` where months and years need days and it says none."""
    if rule.weekdays or rule.frequency in _STEPS or not rule.numbers.keys().isdisjoint({"BYMONTHDAY", "BYYEARDAY"}):
        return rule.numbers, rule.weekdays
    if "BYWEEKNO" in rule.numbers:  # dateutil would take the whole week
        return rule.numbers, ((start.weekday(), 0),)
    month = {"BYMONTH": (start.month,)} if rule.frequency is Frequency.YEARLY else {}
    return {**month, "BYMONTHDAY": (start.day,), **rule.numbers}, ()


def _in_phase(rule: RecurrenceRule, start: datetime, since: datetime) -> datetime:
    """Where a rule that begins at `start` can begin as well, for all that it names from `since` on."""
    if rule.frequency in _STEPS:
        step = _STEPS[rule.frequency] * rule.interval
        return start + (since - start) // step * step
    months = rule.interval * (12 if rule.frequency is Frequency.YEARLY else 1)
    passed = (since.year - start.year) * 12 + since.month - start.month
    if passed < 2 * months:
        return start
    year, month = divmod(start.year * 12 + start.month - 1 + (passed // months - 1) * months, 12)
    return start.replace(year=year, month=month + 1, day=1)


def _passes(rule: RecurrenceRule, day: date) -> bool:
    """Whether a step of DAILY, HOURLY or MINUTELY is on a day that the rule names; with the others, dateutil knows."""
    if rule.frequency not in _BY_DAY:
        return True
    if rule.weekdays and (day.weekday(), 0) not in rule.weekdays:
        return False
    named = ((numbers, _DAY_NUMBERS[name]) for name, numbers in rule.numbers.items() if name in _DAY_NUMBERS)
    return all(any(number in numbers for number in numbers_of(day)) for numbers, numbers_of in named)
