"""The contract's clock once more, minute by minute and slow: slo.core.hours and slo.core.response are held against it.

It is written from docs/contracts.md. It asks a zone one question only, what its clocks show at an instant, and holds
them when they go back until they have caught up. Then the spans of a day are read off such clocks like off a wall.
Everything is in whole minutes, and within the `Stretch` of time that was laid out before.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from slo.core.contract import BusinessDays, Contract, DayReading
from slo.core.hours import BusinessHours, Spans
from slo.core.priority import Priority
from slo.core.response import Turn, TurnKind
from slo.core.zone import zone_named

MINUTE = timedelta(minutes=1)
RUN_UP = 2 * 24 * 60
"""Minutes before a stretch in which the clocks are watched already: they may have gone back shortly before."""


@functools.cache
def _held_clocks(zone: str, begin: datetime, minutes: int) -> tuple[datetime, ...]:
    held: list[datetime] = []
    for minute in range(-RUN_UP, minutes):
        shows = (begin + minute * MINUTE).astimezone(zone_named(zone)).replace(tzinfo=None)
        held.append(max(shows, held[-1]) if held else shows)
    return tuple(held[RUN_UP:])


def _minutes_open_on(spans: Spans) -> frozenset[int]:
    return frozenset(minute for span in spans for minute in range(span.opens // MINUTE, span.closes // MINUTE))


def _minutes_open(hours: BusinessHours, day: date) -> frozenset[int]:
    if day in hours.special:
        return _minutes_open_on(hours.special[day])
    if day in hours.closed:
        return frozenset()
    return _minutes_open_on(hours.week.get(day.weekday(), ()))


class Stretch:
    """So many minutes from `begin` (UTC) on, each of them of a business day or closed."""

    def __init__(self, hours: BusinessHours, begin: datetime, minutes: int) -> None:
        self._begin = begin
        self._shown = _held_clocks(hours.zone, begin, minutes)
        self._open = {day: _minutes_open(hours, day) for day in {shows.date() for shows in self._shown[::60]}}
        lengths = [len(_minutes_open_on(hours.week.get(weekday, ()))) for weekday in range(7)]
        frequent = max(lengths.count(length) for length in lengths if length)
        self.business_day_minutes = min(length for length in lengths if length and lengths.count(length) == frequent)

    def _business_day(self, index: int) -> date | None:
        shows = self._shown[index]
        return shows.date() if shows.hour * 60 + shows.minute in self._open[shows.date()] else None

    def _index(self, at: datetime) -> int:
        return (at - self._begin) // MINUTE

    def _moment(self, index: int) -> datetime:
        return self._begin + index * MINUTE

    def after(self, start: datetime, minutes: int) -> datetime:
        """The end of the nth open minute from `start` on."""
        for index in range(self._index(start), len(self._shown)):
            minutes -= self._business_day(index) is not None
            if minutes == 0:
                return self._moment(index + 1)
        raise AssertionError("the stretch is too short")

    def between(self, start: datetime, end: datetime) -> int:
        """How many minutes are open from `start` to `end`."""
        first, last = self._index(start), self._index(end)
        return sum(self._business_day(index) is not None for index in range(first, last))

    def end_of_day_after(self, start: datetime, days: int) -> datetime:
        """The end of the last minute of the nth business day after the first one that has an open minute left."""
        business_days: list[date] = []
        ends: dict[date, datetime] = {}
        for index in range(self._index(start), len(self._shown)):
            day = self._business_day(index)
            if day is None:
                continue
            if day not in ends:
                business_days.append(day)
            if len(business_days) > days + 1:
                return ends[business_days[days]]
            ends[day] = self._moment(index + 1)
        raise AssertionError("the stretch is too short")

    def due(self, contract: Contract, priority: Priority, since: datetime) -> datetime:
        """When a response is due on a clock of this priority that begins to run at `since`."""
        time = contract.responses[priority]
        if not isinstance(time, BusinessDays):
            return since + time
        if contract.days is DayReading.END_OF_NTH_DAY:
            return self.end_of_day_after(since, time.count)
        return self.after(since, time.count * self.business_day_minutes)


@dataclass
class Watched:
    """A clock that somebody watches minute by minute."""

    stretch: Stretch
    contract: Contract
    opened_at: datetime
    priority: Priority
    due: datetime
    counted_from: datetime
    in_business_days: bool
    answered_at: datetime | None = None
    breached_at: datetime | None = None
    resolved: bool = False
    waiting: bool = False

    def look(self, now: datetime) -> None:
        """Nobody has answered, and the moment has come."""
        if self.answered_at is None and self.breached_at is None and now >= self.due:
            self.breached_at = self.due

    def take(self, turn: Turn) -> None:
        """What a turn does, by the rules in docs/contracts.md."""
        if turn.kind is TurnKind.RESPONDED and self.answered_at is None:
            self.answered_at = turn.at
            if self.breached_at == turn.at:
                self.breached_at = None
        if turn.kind is TurnKind.RESOLVED:
            self.resolved, self.waiting = True, False
        if turn.kind is TurnKind.PAUSED and self.answered_at and self.priority != Priority.P0 and not self.resolved:
            self.waiting = True
        if turn.kind is TurnKind.RESUMED:
            self.waiting = False
        if turn.kind is TurnKind.PRIORITY and turn.priority is not None:
            self._change(turn.at, turn.priority)

    def _change(self, at: datetime, priority: Priority) -> None:
        more_urgent, less_urgent = priority < self.priority, priority > self.priority
        self.priority = priority
        if priority == Priority.P0:
            self.waiting = False
        if self.answered_at or self.breached_at:
            return
        since = at if more_urgent else self.opened_at
        due = self.stretch.due(self.contract, priority, since)
        if (more_urgent and due < self.due) or (less_urgent and due > self.due):
            self.due, self.counted_from = due, since
            self.in_business_days = isinstance(self.contract.responses[priority], BusinessDays)

    def _passing(self, start: datetime, end: datetime) -> int:
        """The minutes between the two that count for this clock."""
        if not self.in_business_days:
            return (end - start) // MINUTE
        return self.stretch.between(start, end) if start <= end else -self.stretch.between(end, start)

    def left_at(self, now: datetime) -> int:
        """The minutes that were left at the answer, or are left now."""
        at = self.answered_at or now
        return (self.due - at) // MINUTE if self.priority == Priority.P0 else self._passing(at, self.due)

    def moment_of(self, share: float) -> datetime:
        """When that share of the minutes has gone, which is of quarters of a minute at the finest."""
        minutes, rest = divmod(self._passing(self.counted_from, self.due) * share, 1)
        if not self.in_business_days:
            return self.counted_from + (minutes + rest) * MINUTE
        if rest:
            return self.stretch.after(self.counted_from, int(minutes) + 1) - (1 - rest) * MINUTE
        return self.stretch.after(self.counted_from, int(minutes))


def watched(turns: Sequence[Turn], contract: Contract, stretch: Stretch, until: datetime) -> Watched:
    """The clock as it is at `until`, after all turns."""
    opening = turns[0]
    assert opening.priority is not None
    clock = Watched(
        stretch=stretch,
        contract=contract,
        opened_at=opening.at,
        priority=opening.priority,
        due=stretch.due(contract, opening.priority, opening.at),
        counted_from=opening.at,
        in_business_days=isinstance(contract.responses[opening.priority], BusinessDays),
    )
    for index in range((until - opening.at) // MINUTE + 1):
        now = opening.at + index * MINUTE
        clock.look(now)
        for turn in turns[1:]:
            if turn.at == now:
                clock.take(turn)
    return clock
