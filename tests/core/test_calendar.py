"""Calendar windows have the weeks, months and quarters that the clocks of their zone show, to the second."""

import itertools
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.core.calendar import CalendarWindow, Period, period_label, period_of
from slo.core.zone import zone_named, zone_names
from tests.core.minutes import DAY, HOUR, MINUTE, PERIODS, boundary, changes, first_dates, midnight, minutes, seconds

ZONES = ["America/New_York", "Europe/London", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"]
ODD_ZONES = [
    "America/Santiago",  # midnight is skipped, and comes twice
    "Africa/Cairo",
    "Asia/Beirut",
    "America/Havana",
    "Africa/Casablanca",  # changes with the moon
    "Pacific/Chatham",  # 12:45 and 13:45 from UTC
    "Asia/Kathmandu",
    "Pacific/Kiritimati",
    "Etc/GMT+12",
]
SINCE, UNTIL = date(2024, 1, 1), date(2029, 1, 1)


def window(period: str, zone: str) -> CalendarWindow:
    return CalendarWindow(period=Period(period), zone=zone)


def utc(at: int) -> str:
    """As the tables have it."""
    return datetime.fromtimestamp(at, UTC).isoformat().removesuffix("+00:00").removesuffix(":00")


# Against the oracle


@pytest.mark.parametrize("zone", ZONES + ODD_ZONES)
@pytest.mark.parametrize("period", PERIODS)
def test_every_boundary_of_five_years_is_the_minute_that_a_walk_finds(period: str, zone: str) -> None:
    found = [boundary(day, zone) for day in first_dates(period, SINCE, UNTIL)]
    assert len(found) == {"week": 262, "month": 61, "quarter": 21}[period]
    for start, end in itertools.pairwise(found):
        assert period_of(window(period, zone), end) == (start, end)
        assert start % MINUTE == 0


@pytest.mark.parametrize("zone", ZONES + ODD_ZONES)
def test_every_minute_around_the_month_boundaries_of_five_years_belongs_where_a_walk_puts_it(zone: str) -> None:
    for day in first_dates("month", SINCE, UNTIL):
        first = boundary(day, zone)
        for minute in minutes(first - 2 * HOUR, first + 2 * HOUR, zone):
            for period in PERIODS:
                for at in (minute.start + 1, minute.start + MINUTE):
                    assert period_label(window(period, zone), at) == minute.labels[period]


@pytest.mark.parametrize(
    ("zone", "lengths"),
    [
        ("America/New_York", {23 * 60: 5, 25 * 60: 5}),
        ("Europe/London", {23 * 60: 5, 25 * 60: 5}),
        ("Australia/Lord_Howe", {23 * 60 + 30: 5, 24 * 60 + 30: 5}),
        ("Asia/Kolkata", {}),
        ("UTC", {}),
        ("America/Santiago", {23 * 60: 5, 25 * 60: 5}),
        ("Asia/Beirut", {23 * 60: 5, 25 * 60: 5}),
        ("Africa/Cairo", {23 * 60: 5, 25 * 60: 5}),
    ],
)
def test_every_minute_of_the_days_on_which_clocks_change_belongs_where_a_walk_puts_it(
    zone: str, lengths: dict[int, int]
) -> None:
    counted: dict[int, int] = {}
    for day, forward in changes(SINCE, UNTIL, zone):
        begin = midnight(day) - 15 * HOUR
        whole = [m for m in minutes(begin, begin + 54 * HOUR, zone) if m.shown.date() == day]
        counted[len(whole)] = counted.get(len(whole), 0) + 1
        assert len(whole) == 24 * 60 - forward
        for minute in whole:
            for period in PERIODS:
                start, end = period_of(window(period, zone), minute.start + MINUTE)
                assert start <= minute.start < minute.start + MINUTE <= end
                assert period_of(window(period, zone), minute.start + 1) == (start, end)
                assert period_label(window(period, zone), minute.start + MINUTE) == minute.labels[period]
    assert counted == lengths


@pytest.mark.parametrize("zone", ZONES + ODD_ZONES)
@pytest.mark.parametrize("period", PERIODS)
def test_a_period_is_as_long_as_its_days_less_what_the_clocks_went_forward(period: str, zone: str) -> None:
    firsts = first_dates(period, SINCE, UNTIL)
    changed = changes(SINCE, UNTIL, zone)
    for first, following in itertools.pairwise(firsts):
        start, end = period_of(window(period, zone), boundary(following, zone))
        forward = sum(by for day, by in changed if first <= day < following)
        assert (end - start) // MINUTE == (following - first).days * 24 * 60 - forward


# Where it is hard


@pytest.mark.parametrize(
    ("period", "zone", "first", "begins"),
    [
        ("month", "UTC", "2026-11-01", "2026-11-01T00:00"),
        ("month", "Europe/London", "2026-04-01", "2026-03-31T23:00"),
        ("month", "Asia/Kolkata", "2026-11-01", "2026-10-31T18:30"),
        ("month", "America/New_York", "2026-11-01", "2026-11-01T04:00"),
        ("quarter", "Australia/Lord_Howe", "2026-10-01", "2026-09-30T13:30"),
        ("week", "Pacific/Kiritimati", "2026-11-23", "2026-11-22T10:00"),
        # midnight is skipped: the date begins at 01:00
        ("quarter", "America/Asuncion", "2017-10-01", "2017-10-01T04:00"),
        ("week", "Asia/Tehran", "2021-03-22", "2021-03-21T20:30"),
        ("quarter", "America/Havana", "2001-04-01", "2001-04-01T05:00"),
        ("month", "Asia/Damascus", "2005-04-01", "2005-03-31T22:00"),
        # midnight comes once, an hour after it would have been
        ("quarter", "Asia/Damascus", "2005-10-01", "2005-09-30T22:00"),
        # 00:00 comes, 23:01 follows again: the month that has begun goes on
        ("month", "America/St_Johns", "2009-11-01", "2009-11-01T02:30"),
        # half an hour before midnight to half an hour after it: the date begins at 00:30
        ("week", "America/Toronto", "1919-03-31", "1919-03-31T04:30"),
        # the last day of the year was skipped
        ("quarter", "Pacific/Kiritimati", "1995-01-01", "1994-12-31T10:00"),
    ],
)
def test_a_period_begins_at_the_first_instant_of_its_first_date(
    period: str, zone: str, first: str, begins: str
) -> None:
    start, _ = period_of(window(period, zone), seconds(begins) + 1)
    assert (utc(start), utc(boundary(date.fromisoformat(first), zone))) == (begins, begins)
    assert period_of(window(period, zone), seconds(begins))[1] == start


def test_a_slot_that_ends_as_a_period_begins_belongs_to_the_period_before() -> None:
    november = window("month", "Europe/London")
    begins = seconds("2026-11-01T00:00")
    assert [period_label(november, begins + slot) for slot in (-10, 0, 1, 10)] == [
        "2026-10",
        "2026-10",
        "2026-11",
        "2026-11",
    ]
    assert [period_of(november, begins + slot)[1] for slot in (-10, 0, 1)] == [
        begins,
        begins,
        seconds("2026-12-01T00:00"),
    ]


def test_an_hour_that_comes_again_after_a_period_began_belongs_to_that_period() -> None:
    month = window("month", "America/St_Johns")
    began, again, end = (seconds(f"2009-11-01T{time}") for time in ("02:30", "02:31", "03:30"))
    zone = zone_named("America/St_Johns")
    assert datetime.fromtimestamp(again, zone).isoformat() == "2009-10-31T23:01:00-03:30"
    assert {period_label(month, at) for at in range(began + MINUTE, end + 1, MINUTE)} == {"2009-11"}
    assert period_of(month, again + MINUTE) == period_of(month, end + DAY)


@pytest.mark.parametrize(
    ("period", "at", "name"),
    [
        ("month", "2026-11-30T12:00", "2026-11"),
        ("quarter", "2026-11-30T12:00", "2026-Q4"),
        ("quarter", "2026-01-01T12:00", "2026-Q1"),
        ("week", "2026-11-29T12:00", "2026-W48"),
        ("week", "2026-01-03T12:00", "2026-W01"),
        ("week", "2027-01-03T12:00", "2026-W53"),
        ("week", "2024-12-30T12:00", "2025-W01"),
    ],
)
def test_a_period_has_a_name(period: str, at: str, name: str) -> None:
    assert period_label(window(period, "UTC"), seconds(at)) == name


def test_a_window_has_a_name_and_a_nominal_length() -> None:
    windows = [window(period, "Europe/London") for period in PERIODS]
    assert [w.name for w in windows] == ["week (Europe/London)", "month (Europe/London)", "quarter (Europe/London)"]
    assert [w.nominal_length for w in windows] == [timedelta(days=7), timedelta(days=30), timedelta(days=91)]


def test_an_unknown_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no time zone 'Europe/Lundun'"):
        window("month", "Europe/Lundun")


# Whatever the zone

# Until 1972 Liberia was 44 minutes and 30 seconds from UTC; since then every offset is in whole minutes.
INSTANTS = st.integers(seconds("1973-01-01"), seconds("2100-12-31"))
WINDOWS = st.builds(window, st.sampled_from(PERIODS), st.sampled_from(sorted(zone_names())))


@given(WINDOWS, INSTANTS)
def test_periods_follow_one_another_without_a_gap_or_an_overlap(window: CalendarWindow, at: int) -> None:
    start, end = period_of(window, at)
    assert start < at <= end
    assert {period_of(window, slot_end) for slot_end in (start + 1, (start + end) // 2, end)} == {(start, end)}
    assert period_of(window, start)[1] == start
    assert period_of(window, end + 1)[0] == end
    assert period_label(window, start) < period_label(window, at) < period_label(window, end + 1)


@given(WINDOWS, INSTANTS)
def test_a_period_begins_and_ends_with_a_minute_and_has_about_its_nominal_length(
    window: CalendarWindow, at: int
) -> None:
    start, end = period_of(window, at)
    assert (start % MINUTE, end % MINUTE) == (0, 0)
    assert abs(timedelta(seconds=end - start) - window.nominal_length) <= timedelta(days=2, hours=2)


@given(WINDOWS, INSTANTS)
def test_clocks_show_an_earlier_date_until_a_period_begins(window: CalendarWindow, at: int) -> None:
    start, _ = period_of(window, at)
    zone = zone_named(window.zone)
    before, after = (datetime.fromtimestamp(instant, zone).date() for instant in (start - 1, start))
    assert before < after
    assert period_label(window, start) < period_label(window, start + 1)


@pytest.mark.parametrize("zone", ZONES + ODD_ZONES)
@pytest.mark.parametrize("period", PERIODS)
def test_the_periods_from_1970_to_2100_are_one_line(period: str, zone: str) -> None:
    at = seconds("1970-01-01") + DAY
    ends: list[int] = []
    while at < seconds("2101-01-01"):
        start, end = period_of(window(period, zone), at)
        assert not ends or start == ends[-1]
        assert end % MINUTE == 0
        ends.append(end)
        at = end + 1
    assert len(ends) == pytest.approx({"week": 131 * 52.1775, "month": 131 * 12, "quarter": 131 * 4}[period], abs=1)
