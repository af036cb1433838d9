"""What was counted since a moment: the beginning of a period of the calendar, or any other."""

from datetime import UTC, datetime, timedelta

import pytest

from slo.core.calendar import CalendarWindow, Period
from slo.core.counts import Counts
from slo.engine.ledger import Ledger
from tests.engine.ledgers import ONE, A, B, block
from tests.engine.twin import NEW_YEAR

MONTH = CalendarWindow(period=Period.MONTH, zone="UTC")
WEEK = CalendarWindow(period=Period.WEEK, zone="America/New_York")
DAY = 86_400
FEBRUARY = NEW_YEAR + 31 * DAY
MARCH = FEBRUARY + 28 * DAY
MONDAY = int(datetime(2026, 1, 5, 5, tzinfo=UTC).timestamp())


def ledger(*moments: int, now: int = NEW_YEAR + 10, calendars: tuple[CalendarWindow, ...] = (MONTH,)) -> Ledger:
    return Ledger((A, B), windows_seconds=(60,), slot_seconds=10, now=now, calendars=calendars, moments=moments)


def since(ledger: Ledger, mark: int, sli: str = A) -> Counts:
    counts, column = ledger.since(mark), ledger.column[sli]
    return Counts(
        good=int(counts.good[column]),
        bad=int(counts.bad[column]),
        unknown=int(counts.unknown[column]),
        covered_ms=int(counts.covered_ms[column]),
    )


def test_a_period_holds_the_slots_that_end_after_its_beginning() -> None:
    books = ledger(now=FEBRUARY - 20)
    for end in (FEBRUARY - 10, FEBRUARY, FEBRUARY + 10):
        books.add(A, end, ONE)
        books.close(end)
        assert since(books, NEW_YEAR if end <= FEBRUARY else FEBRUARY) == (ONE + ONE if end == FEBRUARY else ONE)


def test_the_elapsed_part_of_a_period_is_its_length() -> None:
    books = ledger(now=FEBRUARY)
    assert books.since(NEW_YEAR).length_ms == 31 * DAY * 1000
    books.close(FEBRUARY + 10)
    assert books.since(FEBRUARY).length_ms == 10_000


def test_a_gap_over_several_periods_leaves_the_current_one_empty() -> None:
    books = ledger(calendars=(MONTH, WEEK))
    books.add(A, NEW_YEAR + 20, ONE)
    books.close(MARCH + 10)
    assert since(books, MARCH) == Counts()
    books.add(A, MARCH + 20, ONE)
    books.close(MARCH + 20)
    assert since(books, MARCH) == ONE


def test_what_arrives_late_is_counted_in_the_period_of_its_slot() -> None:
    books = ledger(now=FEBRUARY - 10)
    books.close(FEBRUARY + 20)
    books.add(A, FEBRUARY, ONE)
    assert since(books, FEBRUARY) == Counts()
    books.add(A, FEBRUARY + 10, ONE)
    assert since(books, FEBRUARY) == ONE


def test_history_is_counted_in_its_periods() -> None:
    books = ledger(now=MONDAY + DAY, calendars=(MONTH, WEEK))
    assert books.history_since == NEW_YEAR
    books.load([block({NEW_YEAR: ONE, NEW_YEAR + 60: ONE, MONDAY: ONE, MONDAY + 60: ONE}, seconds=60, names=(B,))])
    assert since(books, NEW_YEAR, B) == ONE + ONE + ONE
    assert since(books, MONDAY, B) == ONE
    assert since(books, NEW_YEAR) == Counts()


@pytest.mark.parametrize("gap", [10, 40 * DAY])
def test_a_period_that_is_over_is_forgotten(gap: int) -> None:
    books = ledger(now=FEBRUARY)
    assert since(books, NEW_YEAR) == Counts()
    books.close(FEBRUARY + gap)
    with pytest.raises(KeyError):
        books.since(NEW_YEAR)


def test_a_moment_is_marked_when_it_comes_and_forgotten_when_no_window_reaches_it() -> None:
    moment = NEW_YEAR + 30
    books = ledger(moment, now=NEW_YEAR, calendars=())
    for end in range(NEW_YEAR + 10, moment + 50, 10):
        books.add(A, end, ONE)
        books.close(end)
    assert since(books, moment) == ONE + ONE + ONE + ONE
    books.close(moment + 70)
    with pytest.raises(KeyError):
        books.since(moment)


def test_a_moment_stays_while_a_period_reaches_back_to_it() -> None:
    moment = FEBRUARY - DAY
    books = ledger(moment, now=moment - 10)
    books.add(A, moment, ONE)
    books.add(A, moment + 10, ONE)
    books.close(FEBRUARY)
    assert since(books, moment) == ONE
    books.close(FEBRUARY + 10)
    with pytest.raises(KeyError):
        books.since(moment)


def test_a_moment_of_the_past_is_found_in_history() -> None:
    books = ledger(NEW_YEAR + DAY, now=NEW_YEAR + 2 * DAY)
    books.load([block({NEW_YEAR + DAY: ONE, NEW_YEAR + DAY + 10: ONE})])
    assert since(books, NEW_YEAR + DAY) == ONE


def test_periods_need_history_from_their_beginning_on_and_windows_theirs() -> None:
    long = timedelta(days=40) // timedelta(seconds=1)
    books = Ledger((A,), windows_seconds=(long,), slot_seconds=10, now=FEBRUARY, calendars=(MONTH,))
    assert FEBRUARY - long - long // 360 <= books.history_since <= FEBRUARY - long
    assert ledger(now=FEBRUARY + 10).history_since == min(FEBRUARY, FEBRUARY + 10 - 60 - 10)
