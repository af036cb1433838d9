"""The response clock by its rules: the worked examples of docs/contracts.md, and what turns do to a clock."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo.core.contract import DEFAULT, BusinessDays, Contract, DayReading, office_hours
from slo.core.priority import Priority
from slo.core.response import Response, Turn, TurnKind, response_of
from tests.core import calendars
from tests.core.calendars import MINUTE
from tests.oracle.clock import Stretch, watched

P0, P1, P2 = Priority.P0, Priority.P1, Priority.P2
HOUR = timedelta(hours=1)

US = [date(2026, 5, 25), date(2026, 6, 19), date(2026, 11, 26), date(2026, 12, 25), date(2027, 1, 1)]
ENGLAND = [date(2026, 4, 3), date(2026, 4, 6), date(2026, 12, 25), date(2026, 12, 28), date(2027, 1, 1)]
NEW_YORK = replace(DEFAULT, hours=replace(office_hours("America/New_York"), closed=frozenset(US)))
LONDON = replace(DEFAULT, hours=replace(office_hours("Europe/London"), closed=frozenset(ENGLAND)))


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def opened(at: str, priority: Priority) -> Turn:
    return Turn(at=moment(at), kind=TurnKind.OPENED, priority=priority)


def turn(at: str, kind: TurnKind) -> Turn:
    return Turn(at=moment(at), kind=kind)


def became(at: str, priority: Priority) -> Turn:
    return Turn(at=moment(at), kind=TurnKind.PRIORITY, priority=priority)


def clock(*turns: Turn, contract: Contract = NEW_YORK) -> Response:
    return response_of(turns, contract)


TABLE = [
    # A Friday, half an hour before it closes; the clocks of New York go forward on Sunday.
    (NEW_YORK, "2026-03-06T16:30-05:00",
     "2026-03-09T16:30-04:00", "2026-03-12T16:30-04:00", "2026-03-09T17:00-04:00", "2026-03-12T17:00-04:00"),
    # A Saturday: it counts from Monday 09:00, and Monday is the day that it began on.
    (NEW_YORK, "2026-03-07T10:00-05:00",
     "2026-03-09T17:00-04:00", "2026-03-12T17:00-04:00", "2026-03-10T17:00-04:00", "2026-03-13T17:00-04:00"),
    # A minute after closing, before Thanksgiving.
    (NEW_YORK, "2026-11-25T17:01-05:00",
     "2026-11-27T17:00-05:00", "2026-12-02T17:00-05:00", "2026-11-30T17:00-05:00", "2026-12-03T17:00-05:00"),
    # An hour before Christmas, which England makes up for on Monday the 28th.
    (LONDON, "2026-12-24T16:00Z",
     "2026-12-29T16:00Z", "2027-01-04T16:00Z", "2026-12-29T17:00Z", "2027-01-04T17:00Z"),
    # Before Good Friday and Easter Monday.
    (LONDON, "2026-04-02T12:00+01:00",
     "2026-04-07T12:00+01:00", "2026-04-10T12:00+01:00", "2026-04-07T17:00+01:00", "2026-04-10T17:00+01:00"),
    # Monday in UTC and still Sunday in New York; the Friday of that week is Juneteenth.
    (NEW_YORK, "2026-06-15T00:30Z",
     "2026-06-15T17:00-04:00", "2026-06-18T17:00-04:00", "2026-06-16T17:00-04:00", "2026-06-22T17:00-04:00"),
]  # fmt: skip
"""Contract, opened, and due for P1 and P2 in business hours, and then by the end of the 1st and the 4th day."""


@pytest.mark.parametrize(("contract", "at", "p1", "p2", "first", "fourth"), TABLE)
def test_business_days_are_due_as_the_contract_reads_them(
    contract: Contract, at: str, p1: str, p2: str, first: str, fourth: str
) -> None:
    lenient = replace(contract, days=DayReading.END_OF_NTH_DAY)
    assert clock(opened(at, P1), contract=contract).due == moment(p1)
    assert clock(opened(at, P2), contract=contract).due == moment(p2)
    assert clock(opened(at, P1), contract=lenient).due == moment(first)
    assert clock(opened(at, P2), contract=lenient).due == moment(fourth)


@pytest.mark.parametrize("contract", [NEW_YORK, LONDON])
@pytest.mark.parametrize(
    ("at", "due"),
    [
        ("2026-03-08T06:30Z", "2026-03-08T07:30Z"),
        ("2026-11-01T05:30Z", "2026-11-01T06:30Z"),
        ("2026-12-25T23:59Z", "2026-12-26T00:59Z"),
    ],
)
def test_a_p0_is_due_an_hour_later_on_any_day(contract: Contract, at: str, due: str) -> None:
    assert clock(opened(at, P0), contract=contract).due == moment(due)


def test_opened_exactly_at_closing_it_counts_from_the_next_day() -> None:
    lenient = replace(NEW_YORK, days=DayReading.END_OF_NTH_DAY)
    assert clock(opened("2026-03-06T17:00-05:00", P1)).due == moment("2026-03-09T17:00-04:00")
    assert clock(opened("2026-03-06T17:00-05:00", P1), contract=lenient).due == moment("2026-03-10T17:00-04:00")


# Raising and lowering: Monday 2026-06-08, 10:00 in New York is 14:00Z, and P1 is due on Tuesday at 14:00Z.

MONDAY, TUESDAY, DUE = "2026-06-08T14:00Z", "2026-06-09T14:00Z", "2026-06-12T14:00Z"


@pytest.mark.parametrize(
    ("turns", "due", "counted_from", "target"),
    [
        pytest.param([opened(MONDAY, P2)], DUE, MONDAY, BusinessDays(count=4), id="left as it is"),
        pytest.param(
            [opened(MONDAY, P2), became("2026-06-09T15:00Z", P1)],
            "2026-06-10T15:00Z",
            "2026-06-09T15:00Z",
            BusinessDays(count=1),
            id="raised, with the new response time from then on",
        ),
        pytest.param(
            [opened(MONDAY, P2), became("2026-06-11T15:00Z", P1)],
            DUE,
            MONDAY,
            BusinessDays(count=4),
            id="raised when it is due sooner anyway",
        ),
        pytest.param(
            [opened(MONDAY, P1), became("2026-06-09T02:00Z", P0)],
            "2026-06-09T03:00Z",
            "2026-06-09T02:00Z",
            HOUR,
            id="raised to P0 in the night",
        ),
        pytest.param(
            [opened(MONDAY, P1), became("2026-06-09T13:40Z", P0)],
            TUESDAY,
            MONDAY,
            BusinessDays(count=1),
            id="raised to P0 twenty minutes before it is due",
        ),
        pytest.param(
            [opened(MONDAY, P0), became("2026-06-08T14:30Z", P1)],
            TUESDAY,
            MONDAY,
            BusinessDays(count=1),
            id="lowered, as if it had been opened so",
        ),
        pytest.param(
            [opened(MONDAY, P1), became("2026-06-09T02:00Z", P0), became("2026-06-09T02:30Z", P2)],
            DUE,
            MONDAY,
            BusinessDays(count=4),
            id="raised and lowered",
        ),
        pytest.param(
            [opened(MONDAY, P2), became("2026-06-10T14:00Z", P0), became("2026-06-10T14:30Z", P1)],
            "2026-06-10T15:00Z",
            "2026-06-10T14:00Z",
            HOUR,
            id="raised and lowered to what would have been due before",
        ),
        pytest.param(
            [opened(MONDAY, P2), became("2026-06-11T14:00Z", P1)],
            DUE,
            MONDAY,
            BusinessDays(count=4),
            id="raised when it is due at that moment anyway",
        ),
        pytest.param(
            [opened(MONDAY, P1), became("2026-06-08T14:30Z", P1)],
            TUESDAY,
            MONDAY,
            BusinessDays(count=1),
            id="said once more",
        ),
    ],
)
def test_a_change_of_the_priority_moves_what_is_due(
    turns: list[Turn], due: str, counted_from: str, target: BusinessDays | timedelta
) -> None:
    response = clock(*turns)
    assert response.due == moment(due)
    assert response.counted_from == moment(counted_from)
    assert response.target == target
    assert response.priority is turns[-1].priority
    assert response.opened_at == moment(MONDAY)


# Breaches


def test_it_is_breached_when_it_is_due_and_nobody_has_answered() -> None:
    response = clock(opened(MONDAY, P0))
    assert response.breached_at(moment("2026-06-08T14:59:59Z")) is None
    assert response.breached_at(moment("2026-06-08T15:00Z")) == moment("2026-06-08T15:00Z")
    assert response.breached_at(moment("2027-06-08T15:00Z")) == moment("2026-06-08T15:00Z")


@pytest.mark.parametrize(
    ("answered", "breached_at"),
    [
        ("2026-06-08T14:00Z", None),
        ("2026-06-08T15:00Z", None),
        ("2026-06-08T15:00:00.000001Z", moment("2026-06-08T15:00Z")),
    ],
)
def test_an_answer_is_in_time_until_the_very_moment(answered: str, breached_at: datetime | None) -> None:
    response = clock(opened(MONDAY, P0), turn(answered, TurnKind.RESPONDED))
    assert response.breached_at(moment("2027-01-01T00:00Z")) == breached_at
    assert response.stopped
    assert response.responded_at == moment(answered)


@pytest.mark.parametrize("later", [P1, P2])
def test_lowering_never_takes_a_breach_back(later: Priority) -> None:
    response = clock(opened(MONDAY, P0), became("2026-06-08T15:00Z", later), turn(TUESDAY, TurnKind.RESPONDED))
    assert response.due == response.breached_at(moment(TUESDAY)) == moment("2026-06-08T15:00Z")
    assert response.priority is later


def test_what_comes_after_the_response_moves_nothing_but_the_priority() -> None:
    answered = [opened(MONDAY, P1), turn("2026-06-08T15:00Z", TurnKind.RESPONDED)]
    later = [became("2026-06-10T14:00Z", P0), turn("2026-06-10T18:00Z", TurnKind.RESPONDED)]
    before, response = clock(*answered), clock(*answered, *later)
    assert response == replace(before, priority=P0)
    assert response.breached_at(moment("2027-01-01T00:00Z")) is None


def test_an_incident_that_resolved_by_itself_keeps_its_clock() -> None:
    turns = [opened(MONDAY, P0), turn("2026-06-08T14:10Z", TurnKind.RESOLVED)]
    response = clock(*turns)
    assert not response.stopped
    assert response.resolved_at == moment("2026-06-08T14:10Z")
    assert response.remaining(moment("2026-06-08T14:30Z")) == timedelta(minutes=30)
    assert response.breached_at(moment("2026-06-08T15:00Z")) == moment("2026-06-08T15:00Z")
    answered = clock(*turns, turn("2026-06-08T14:50Z", TurnKind.RESPONDED))
    assert answered.stopped
    assert answered.breached_at(moment("2026-06-08T15:00Z")) is None


# Pauses


def test_there_is_no_pause_before_a_response() -> None:
    response = clock(opened(MONDAY, P1), turn("2026-06-08T15:00Z", TurnKind.PAUSED))
    assert response == clock(opened(MONDAY, P1))


def test_a_pause_moves_nothing_and_ends_when_the_customer_has_answered() -> None:
    answered = [opened(MONDAY, P2), turn("2026-06-08T15:00Z", TurnKind.RESPONDED)]
    pause, end = turn("2026-06-09T15:00Z", TurnKind.PAUSED), turn("2026-06-11T15:00Z", TurnKind.RESUMED)
    assert clock(*answered, pause) == replace(clock(*answered), paused=True)
    assert clock(*answered, pause, end) == clock(*answered)


@pytest.mark.parametrize(
    "end", [became("2026-06-10T15:00Z", P0), turn("2026-06-10T15:00Z", TurnKind.RESOLVED)], ids=["P0", "resolved"]
)
def test_a_pause_ends_where_the_next_step_is_ours_or_nobodys(end: Turn) -> None:
    paused = [opened(MONDAY, P1), turn(MONDAY, TurnKind.RESPONDED), turn(TUESDAY, TurnKind.PAUSED)]
    assert clock(*paused).paused
    assert not clock(*paused, end).paused
    assert not clock(*paused, end, turn("2026-06-10T16:00Z", TurnKind.PAUSED)).paused


def test_lowering_keeps_a_pause() -> None:
    paused = [opened(MONDAY, P1), turn(MONDAY, TurnKind.RESPONDED), turn(TUESDAY, TurnKind.PAUSED)]
    assert clock(*paused, became("2026-06-10T15:00Z", P2)).paused


def test_a_p0_never_pauses() -> None:
    assert not clock(opened(MONDAY, P0), turn(MONDAY, TurnKind.RESPONDED), turn(TUESDAY, TurnKind.PAUSED)).paused


# What is left, and when shares of it have gone


@pytest.mark.parametrize(
    ("now", "left"),
    [
        ("2026-06-08T14:00Z", 8 * HOUR),
        ("2026-06-08T20:00Z", 2 * HOUR),
        ("2026-06-09T04:00Z", HOUR),
        ("2026-06-09T14:00Z", timedelta(0)),
        ("2026-06-09T15:30Z", -1.5 * HOUR),
        ("2026-06-09T23:00Z", -7 * HOUR),
    ],
)
def test_what_is_left_of_business_days_is_business_time(now: str, left: timedelta) -> None:
    assert clock(opened(MONDAY, P1)).remaining(moment(now)) == left


def test_what_is_left_stays_as_it_was_at_the_response() -> None:
    response = clock(opened(MONDAY, P1), turn("2026-06-08T16:00Z", TurnKind.RESPONDED))
    assert response.remaining(moment("2026-07-01T00:00Z")) == 6 * HOUR


def test_a_p0_that_was_due_in_business_days_is_late_around_the_clock() -> None:
    response = clock(opened("2026-06-05T20:30Z", P1), became("2026-06-08T20:00Z", P0))
    assert response.due == moment("2026-06-08T20:30Z")
    assert response.remaining(moment("2026-06-08T23:30Z")) == -3 * HOUR


@pytest.mark.parametrize(
    ("turns", "moments"),
    [
        pytest.param(
            [opened(MONDAY, P0)],
            ["2026-06-08T14:30Z", "2026-06-08T14:45Z", "2026-06-08T14:54Z", "2026-06-08T15:00Z"],
            id="of an hour",
        ),
        pytest.param(
            [opened(MONDAY, P1)],
            ["2026-06-08T18:00Z", "2026-06-08T20:00Z", "2026-06-09T13:12Z", TUESDAY],
            id="of 8 business hours",
        ),
        pytest.param(
            [opened("2026-06-06T12:00Z", P1)],
            ["2026-06-08T17:00Z", "2026-06-08T19:00Z", "2026-06-08T20:12Z", "2026-06-08T21:00Z"],
            id="of a Monday, opened on Saturday",
        ),
        pytest.param(
            [opened(MONDAY, P1), became("2026-06-09T02:00Z", P0)],
            ["2026-06-09T02:30Z", "2026-06-09T02:45Z", "2026-06-09T02:54Z", "2026-06-09T03:00Z"],
            id="from the raise on",
        ),
        pytest.param(
            [opened(MONDAY, P1), became("2026-06-09T13:40Z", P0)],
            ["2026-06-08T18:00Z", "2026-06-08T20:00Z", "2026-06-09T13:12Z", TUESDAY],
            id="from the opening on, where the raise moved nothing",
        ),
    ],
)
def test_a_share_of_the_response_time_has_gone_in_the_clocks_own_time(turns: list[Turn], moments: list[str]) -> None:
    response = clock(*turns)
    assert [response.moment_of(share) for share in (0.5, 0.75, 0.9, 1)] == [moment(text) for text in moments]


def test_shares_until_the_end_of_a_day_are_of_the_business_time_up_to_it() -> None:
    response = clock(opened(MONDAY, P1), contract=replace(NEW_YORK, days=DayReading.END_OF_NTH_DAY))
    assert response.due == moment("2026-06-09T21:00Z")  # 15 business hours
    assert response.moment_of(0.5) == moment("2026-06-09T13:30Z")


# Contracts and turns that are none


def test_a_business_day_may_be_promised_as_elapsed_time() -> None:
    contract = replace(NEW_YORK, responses={P0: HOUR, P1: 24 * HOUR, P2: 96 * HOUR})
    response = clock(opened("2026-06-05T20:30Z", P1), contract=contract)
    assert response.due == moment("2026-06-06T20:30Z")
    assert response.moment_of(0.5) == moment("2026-06-06T08:30Z")
    assert response.remaining(moment("2026-06-07T20:30Z")) == -24 * HOUR


@pytest.mark.parametrize(
    ("turns", "why"),
    [
        ([], "begins with an opening"),
        ([turn(MONDAY, TurnKind.RESPONDED)], "begins with an opening"),
        ([opened(MONDAY, P0), opened(MONDAY, P0)], "opened twice"),
        ([turn(MONDAY, TurnKind.OPENED)], "no priority"),
        ([opened(MONDAY, P0), turn(MONDAY, TurnKind.PRIORITY)], "no priority"),
    ],
)
def test_turns_that_make_no_clock_are_refused(turns: list[Turn], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        response_of(turns, NEW_YORK)


def test_moments_are_the_same_in_any_offset() -> None:
    for kind in (P0, P1, P2):
        in_utc = moment("2026-06-06T12:00+05:30").astimezone(UTC)
        assert clock(opened("2026-06-06T12:00+05:30", kind)).due == clock(opened(in_utc.isoformat(), kind)).due


# Minute by minute


@settings(max_examples=300)
@given(st.data())
def test_it_agrees_with_a_clock_that_is_watched_every_minute(data: st.DataObject) -> None:
    change = data.draw(st.sampled_from(calendars.CHANGES))
    business_days = st.integers(1, 3).map(lambda count: BusinessDays(count=count))
    elapsed = st.integers(1, 3 * 24 * 60).map(lambda minutes: minutes * MINUTE)
    contract = replace(
        DEFAULT,
        hours=data.draw(calendars.hours(change)),
        days=data.draw(st.sampled_from(DayReading)),
        responses={
            P0: data.draw(elapsed),
            P1: data.draw(business_days | elapsed),
            P2: data.draw(business_days | elapsed),
        },
    )
    turns = data.draw(calendars.turns(change))
    now = turns[-1].at + data.draw(st.integers(0, 4 * 24 * 60)) * MINUTE
    stretch = Stretch(contract.hours, change.date - calendars.BEFORE, calendars.STRETCH // MINUTE)

    response, expected = response_of(turns, contract), watched(turns, contract, stretch, now)
    assert response.due == expected.due
    assert response.counted_from == expected.counted_from
    assert response.responded_at == expected.answered_at
    assert response.breached_at(now) == expected.breached_at
    assert response.priority == expected.priority
    assert response.paused == expected.waiting
    assert response.remaining(now) == expected.left_at(now) * MINUTE
    for share in (0.25, 0.5, 0.75):
        assert response.moment_of(share) == expected.moment_of(share)
    assert response.moment_of(1) == response.due
