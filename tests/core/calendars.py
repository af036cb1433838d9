"""Calendars and turns for hypothesis: several spans a day, days on which clocks change, holidays, special days."""

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from slo.core.hours import BusinessHours, Span, Spans
from slo.core.priority import Priority
from slo.core.response import Turn, TurnKind

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
BEFORE, STRETCH = 5 * DAY, 120 * DAY
"""What is laid out for the oracle: so long, beginning so long before a change."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """A zone, and a UTC date on which its clocks change."""

    zone: str
    date: datetime


def _change(zone: str, date: str) -> Change:
    return Change(zone=zone, date=datetime.fromisoformat(date).replace(tzinfo=UTC))


CHANGES = (
    _change("UTC", "2026-06-01"),
    _change("America/New_York", "2026-03-08"),
    _change("America/New_York", "2026-11-01"),
    _change("Europe/London", "2026-03-29"),
    _change("Australia/Lord_Howe", "2026-04-05"),  # by half an hour
    _change("America/Santiago", "2026-09-06"),  # forward, over midnight
    _change("America/Santiago", "2026-04-05"),  # back, to the day before
    _change("Africa/Cairo", "2026-04-24"),  # forward, over the midnight of a Friday
    _change("America/Havana", "2026-11-01"),  # back, to midnight
    _change("Pacific/Apia", "2011-12-30"),  # over a whole day
)

TIMES = st.integers(0, 48).map(lambda half_hours: 30 * half_hours) | st.integers(0, 24 * 60)
"""Minutes since midnight."""


@st.composite
def spans(draw: st.DrawFn) -> Spans:
    """The spans of a day, some of which may touch, none of which are shorter than a minute."""
    bounds = sorted(draw(st.sets(TIMES, max_size=6)))
    pairs = itertools.pairwise(bounds)
    found = tuple(Span(opens=opens * MINUTE, closes=closes * MINUTE) for opens, closes in pairs)
    return found if draw(st.booleans()) else found[::2]


@st.composite
def hours(draw: st.DrawFn, change: Change) -> BusinessHours:
    """Hours of the change's zone, with holidays and special days near it."""
    usual = draw(st.lists(spans().filter(bool), min_size=1, max_size=2))
    week = {day: draw(st.sampled_from([(), *usual, *usual])) for day in range(7)} | {draw(st.integers(0, 6)): usual[0]}
    near = st.integers(-4, 12).map(lambda days: (change.date + days * DAY).date())
    return BusinessHours(
        zone=change.zone,
        week=week,
        closed=draw(st.frozensets(near, max_size=4)),
        special=draw(st.dictionaries(near, spans(), max_size=3)),
    )


def moments(change: Change) -> st.SearchStrategy[datetime]:
    """Whole minutes around the change, many of them close to it, or when something opens or closes."""
    near = st.integers(-5 * 60, 30 * 60)
    on_the_hour = st.integers(-3 * 48, 8 * 48).map(lambda half_hours: 30 * half_hours)
    any_minute = st.integers(-3 * 24 * 60, 8 * 24 * 60)
    return (near | on_the_hour | any_minute).map(lambda minutes: change.date + minutes * MINUTE)


@st.composite
def turns(draw: st.DrawFn, change: Change) -> list[Turn]:
    """An opening and up to six turns after it, in their order."""
    opened = draw(moments(change))
    found = [Turn(at=opened, kind=TurnKind.OPENED, priority=draw(st.sampled_from(Priority)))]
    later = st.sampled_from([TurnKind.PRIORITY] * 3 + [kind for kind in TurnKind if kind is not TurnKind.OPENED])
    for kind in draw(st.lists(later, max_size=6)):
        wait = draw(st.sampled_from([0, 1, 30, 60]) | st.integers(0, 3 * 24 * 60))
        priority = draw(st.sampled_from(Priority)) if kind is TurnKind.PRIORITY else None
        found.append(Turn(at=found[-1].at + wait * MINUTE, kind=kind, priority=priority))
    return found
