"""Business hours: when a contract's clock runs that knows a calendar.

A day has spans of local time, [opens, closes). Each runs from the first instant at which the clocks of the zone show
its opening, or a later time, to the first at which they show its closing. So spans that touch stay together, and one
over a change of the clocks is as long as it really is: 00:00-24:00 has 23 hours on the day that loses one.

Business time is elapsed time within spans. A moment at which a span closes belongs to it when time is counted up to it,
and to what comes after when time is counted from it. Moments are in UTC.
"""

import functools
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from slo.core.zone import first_instant, zone_named

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""In the order of `date.weekday`."""

_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """A part of a day, [opens, closes), as times that its clocks show: both since midnight, and at most 24 hours."""

    opens: timedelta
    closes: timedelta

    def __post_init__(self) -> None:
        if not timedelta(0) <= self.opens < self.closes <= _DAY:
            raise ValueError(
                f"{self} does not end after it begins; write the end of a day as 24:00, and one that goes over midnight"
                " as two spans, of two days"
            )

    def __str__(self) -> str:
        """As it is written in a configuration: `09:00-17:00`."""
        return f"{_clock(self.opens)}-{_clock(self.closes)}"


def span_in(text: str) -> Span:
    """The span that `text` writes as `Span` does. Raises ValueError for what is none."""
    opens, closes = (timedelta(hours=int(time[:2]), minutes=int(time[3:])) for time in text.split("-"))
    return Span(opens=opens, closes=closes)


Spans = tuple[Span, ...]
"""The spans of a day in their order; a day without any is closed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BusinessHours:
    """The hours of a week in a zone with an IANA name, without the days that are `closed`.

    `week` has the spans of Monday to Sunday; a weekday that is not there is closed. What `special` says of a date wins
    over everything. Raises ValueError for an unknown zone, for spans that overlap, and for a week without any, since
    after the last special date it would never open.
    """

    zone: str
    week: Mapping[int, Spans]
    closed: frozenset[date] = frozenset()
    special: Mapping[date, Spans] = field(default_factory=dict)

    def __post_init__(self) -> None:
        zone_named(self.zone)
        if not any(self.week.values()):
            raise ValueError("never opens; write the hours of one weekday at least, as `mon-fri: 09:00-17:00`")
        for spans in (*self.week.values(), *self.special.values()):
            refuse_overlaps(spans)

    @property
    def day(self) -> timedelta:
        """How long a business day is: as most weekdays that are open. Of lengths that are as frequent, the shortest."""
        lengths = [_length(spans) for spans in self.week.values() if spans]
        return min(lengths, key=lambda length: (-lengths.count(length), length))

    def opening(self, at: datetime) -> datetime:
        """The moment itself where it is open, else the next at which it opens."""
        begin, _ = next(self._spans_after(at))
        return max(begin, at)

    def after(self, start: datetime, business: timedelta) -> datetime:
        """The moment at which so much business time has gone since `start`; the next opening for none at all."""
        spans = self._spans_after(start)
        left = business
        while True:
            begin, end = next(spans)
            reached = max(begin, start) + left
            if reached <= end:
                return reached
            left = reached - end

    def between(self, start: datetime, end: datetime) -> timedelta:
        """How much business time there is from `start` to `end`; negative where `end` comes first."""
        if end < start:
            return -self.between(end, start)
        spans = itertools.takewhile(lambda span: span[0] < end, self._spans_after(start))
        return sum((min(closes, end) - max(opens, start) for opens, closes in spans), timedelta(0))

    def end_of_day_after(self, start: datetime, days: int) -> datetime:
        """When the nth business day closes after the one that `start` falls in, or after the next one."""
        closings = (spans[-1][1] for spans in self._open_days(start))
        return next(itertools.islice((closing for closing in closings if closing > start), days, None))

    def _spans_after(self, at: datetime) -> Iterator[tuple[datetime, datetime]]:
        """When the spans begin and end that end after a moment, in their order, without an end."""
        return (span for spans in self._open_days(at) for span in spans if span[1] > at)

    def _open_days(self, at: datetime) -> Iterator[Sequence[tuple[datetime, datetime]]]:
        """The spans of each date that has any, from the one on that the clocks show at a moment."""
        # What belongs to an earlier date has ended: it does so where the clocks first show a later one.
        day = at.astimezone(zone_named(self.zone)).date()
        while True:
            if spans := self._spans_on(day):
                yield spans
            day += _DAY

    def _spans_on(self, day: date) -> Sequence[tuple[datetime, datetime]]:
        """When the spans of a date begin and end, in UTC. One that clocks skip is none."""
        if day in self.special:
            spans = self.special[day]
        else:
            spans = () if day in self.closed else self.week.get(day.weekday(), ())
        midnight = datetime.combine(day, time())
        times = ((midnight + span.opens, midnight + span.closes) for span in spans)
        instants = ((_instant(opens, self.zone), _instant(closes, self.zone)) for opens, closes in times)
        return [(begin, end) for begin, end in instants if begin < end]


def refuse_overlaps(spans: Sequence[Span]) -> None:
    """Raises ValueError where a span of a day begins before the one before it ends."""
    for before, span in itertools.pairwise(spans):
        if span.opens < before.closes:
            raise ValueError(f"{span} begins before {before} has ended; write the spans of a day in their order")


@functools.lru_cache(4096)
def _instant(local: datetime, zone: str) -> datetime:
    """When the clocks of a zone first show a time: thousands of incidents ask about the same few days."""
    return datetime.fromtimestamp(first_instant(local, zone_named(zone)), UTC)


def _length(spans: Spans) -> timedelta:
    return sum((span.closes - span.opens for span in spans), timedelta(0))


def _clock(since_midnight: timedelta) -> str:
    minutes = since_midnight // timedelta(minutes=1)
    return f"{minutes // 60:02}:{minutes % 60:02}"
