"""Business hours: what is open when, by hand where clocks change, and minute by minute for any calendar."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo.core.contract import office_hours
from slo.core.hours import BusinessHours, Span, Spans
from tests.core import calendars
from tests.oracle.clock import Stretch

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
LONDON = office_hours("Europe/London")


def spans(text: str) -> Spans:
    """The spans of a text such as `09:00-12:00 13:00-17:00`."""
    found = []
    for span in text.split():
        opens, closes = (int(clock[:2]) * HOUR + int(clock[3:]) * MINUTE for clock in span.split("-"))
        found.append(Span(opens=opens, closes=closes))
    return tuple(found)


def daily(zone: str, text: str) -> BusinessHours:
    """The same spans on every day of the week."""
    return BusinessHours(zone=zone, week=dict.fromkeys(range(7), spans(text)))


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("at", "opening"),
    [
        ("2026-11-26T08:59Z", "2026-11-26T09:00Z"),
        ("2026-11-26T09:00Z", "2026-11-26T09:00Z"),
        ("2026-11-26T16:59:59.5Z", "2026-11-26T16:59:59.5Z"),
        ("2026-11-26T17:00Z", "2026-11-27T09:00Z"),
        ("2026-11-27T17:00Z", "2026-11-30T09:00Z"),
    ],
)
def test_it_is_open_from_its_opening_until_its_closing(at: str, opening: str) -> None:
    assert LONDON.opening(moment(at)) == moment(opening)


def test_business_time_goes_through_the_spans_of_a_day() -> None:
    hours = daily("UTC", "09:00-12:00 13:00-15:30")
    start = moment("2026-11-26T11:00Z")
    assert hours.after(start, HOUR) == moment("2026-11-26T12:00Z")
    assert hours.after(start, HOUR + MINUTE) == moment("2026-11-26T13:01Z")
    assert hours.after(start, 3.5 * HOUR) == moment("2026-11-26T15:30Z")
    assert hours.after(start, 3.5 * HOUR + timedelta(microseconds=1)) == moment("2026-11-27T09:00:00.000001Z")
    assert hours.between(start, moment("2026-11-27T10:00Z")) == 4.5 * HOUR
    assert hours.between(moment("2026-11-27T10:00Z"), start) == -4.5 * HOUR


@pytest.mark.parametrize(
    ("zone", "day", "text", "length"),
    [
        pytest.param("America/New_York", "2026-03-08", "00:00-24:00", 23 * HOUR, id="forward"),
        pytest.param("America/New_York", "2026-11-01", "00:00-24:00", 25 * HOUR, id="back"),
        pytest.param("America/New_York", "2026-03-08", "01:30-02:30", HOUR / 2, id="into what is skipped"),
        pytest.param("America/New_York", "2026-03-08", "02:30-04:00", HOUR, id="out of what is skipped"),
        pytest.param("America/New_York", "2026-03-08", "02:15-02:45", 0 * HOUR, id="skipped"),
        pytest.param("America/New_York", "2026-11-01", "00:30-01:30", HOUR, id="until the first 01:30"),
        pytest.param("America/New_York", "2026-11-01", "01:30-02:00", HOUR * 1.5, id="from the first 01:30"),
        pytest.param("Australia/Lord_Howe", "2026-04-05", "00:00-24:00", 24.5 * HOUR, id="back by half an hour"),
        pytest.param("America/Santiago", "2026-09-06", "00:00-03:00", 2 * HOUR, id="forward over midnight"),
        pytest.param("America/Santiago", "2026-04-04", "22:00-24:00", 3 * HOUR, id="back from midnight"),
    ],
)
def test_a_span_is_as_long_as_it_really_is(zone: str, day: str, text: str, length: timedelta) -> None:
    hours = replace(daily(zone, "12:00-13:00"), special={date.fromisoformat(day): spans(text)})
    closed = replace(hours, special={date.fromisoformat(day): ()})
    around = moment(f"{day}T00:00Z") - 24 * HOUR, moment(f"{day}T00:00Z") + 48 * HOUR
    assert hours.between(*around) - closed.between(*around) == length


def test_a_special_day_wins_over_a_holiday_and_over_the_week() -> None:
    christmas, saturday, monday = date(2026, 12, 25), date(2026, 12, 26), date(2026, 12, 28)
    hours = replace(
        LONDON,
        closed=frozenset({christmas}),
        special={christmas: spans("10:00-11:00"), saturday: spans("12:00-13:00"), monday: ()},
    )
    start = moment("2026-12-24T17:00Z")
    assert hours.after(start, HOUR / 2) == moment("2026-12-25T10:30Z")
    assert hours.after(start, 2 * HOUR) == moment("2026-12-26T13:00Z")
    assert hours.after(start, 3 * HOUR) == moment("2026-12-29T10:00Z")


def test_spans_that_touch_are_one_also_over_midnight() -> None:
    hours = daily("UTC", "00:00-08:00 08:00-24:00")
    start = moment("2026-11-26T23:30Z")
    assert hours.after(start, HOUR) == start + HOUR
    assert hours.opening(moment("2026-11-27T00:00Z")) == moment("2026-11-27T00:00Z")


@pytest.mark.parametrize(
    ("week", "length"),
    [
        (dict.fromkeys(range(5), "09:00-17:00"), 8 * HOUR),
        (dict.fromkeys(range(5), "09:00-12:00 13:00-17:30"), 7.5 * HOUR),
        (dict.fromkeys(range(5), "09:00-17:00") | {5: "09:00-13:00"}, 8 * HOUR),
        (dict.fromkeys(range(3), "09:00-17:00") | {3: "09:00-20:00", 4: "09:00-15:00"}, 8 * HOUR),
        ({0: "09:00-17:00", 1: "09:00-15:00"}, 6 * HOUR),
        ({0: "09:00-17:00", 1: "", 2: "", 3: ""}, 8 * HOUR),
    ],
)
def test_a_business_day_is_as_long_as_most_that_are_open(week: dict[int, str], length: timedelta) -> None:
    hours = BusinessHours(zone="UTC", week={day: spans(text) for day, text in week.items()})
    assert hours.day == length


@pytest.mark.parametrize(
    ("opens", "closes"), [(9 * HOUR, 9 * HOUR), (17 * HOUR, 9 * HOUR), (-HOUR, HOUR), (23 * HOUR, 25 * HOUR)]
)
def test_a_span_that_does_not_go_forward_within_a_day_is_refused(opens: timedelta, closes: timedelta) -> None:
    with pytest.raises(ValueError, match="two spans"):
        Span(opens=opens, closes=closes)


@pytest.mark.parametrize("text", ["09:00-12:00 11:00-13:00", "13:00-14:00 09:00-10:00"])
def test_spans_that_overlap_or_stand_out_of_order_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="in their order"):
        daily("UTC", text)
    with pytest.raises(ValueError, match="in their order"):
        replace(LONDON, special={date(2026, 1, 1): spans(text)})


@pytest.mark.parametrize("week", [{}, {0: (), 1: ()}])
def test_a_calendar_that_never_opens_is_refused(week: dict[int, Spans]) -> None:
    with pytest.raises(ValueError, match="write the hours of one weekday"):
        BusinessHours(zone="UTC", week=week, special={date(2026, 1, 1): spans("09:00-10:00")})


def test_an_unknown_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone 'Mars/Olympus'"):
        office_hours("Mars/Olympus")


# Minute by minute


@settings(max_examples=80)
@given(st.data())
def test_it_agrees_with_clocks_that_are_looked_at_every_minute(data: st.DataObject) -> None:
    change = data.draw(st.sampled_from(calendars.CHANGES))
    hours = data.draw(calendars.hours(change))
    start, end = data.draw(calendars.moments(change)), data.draw(calendars.moments(change))
    minutes, days = data.draw(st.integers(1, 600)), data.draw(st.integers(1, 3))
    stretch = Stretch(hours, change.date - calendars.BEFORE, calendars.STRETCH // MINUTE)
    assert hours.day == stretch.business_day_minutes * MINUTE
    assert hours.end_of_day_after(start, days) == stretch.end_of_day_after(start, days)
    first, last = sorted((start, end))
    assert hours.between(first, last) == stretch.between(first, last) * MINUTE
    assert hours.after(start, minutes * MINUTE) == stretch.after(start, minutes)


@settings(max_examples=80)
@given(st.data())
def test_so_much_business_time_later_there_is_so_much_business_time_between(data: st.DataObject) -> None:
    change = data.draw(st.sampled_from(calendars.CHANGES))
    hours = data.draw(calendars.hours(change))
    start = data.draw(calendars.moments(change)) + timedelta(microseconds=data.draw(st.integers(0, 59_999_999)))
    business = timedelta(seconds=data.draw(st.floats(0, 1_000_000)))
    later = hours.after(start, business)
    assert later.tzinfo is UTC
    assert hours.between(start, later) == business
    assert hours.between(start, hours.opening(start)) == timedelta(0)
