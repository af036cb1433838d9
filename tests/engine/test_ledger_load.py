"""The ledger after a restart: history continues its windows, and counters may wrap."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from slo.core.counts import Counts
from slo.core.deltas import BAD, COVERED_MS, GOOD, UNKNOWN
from tests.engine.ledgers import ONE, A, B, block, inside, ledger, spans
from tests.engine.twin import NEW_YEAR

WRAP = 2**32

# History


def test_history_continues_the_windows_where_they_were() -> None:
    books = ledger(60, 7200)
    books.load([block({NEW_YEAR - 70: ONE, NEW_YEAR - 50: ONE, NEW_YEAR: ONE}, names=(B, A))])
    assert inside(books, 60) == ONE + ONE
    assert inside(books, 7200, B) == ONE + ONE + ONE
    books.close(NEW_YEAR + 10)
    assert inside(books, 60) == ONE
    books.close(NEW_YEAR + 60)
    assert inside(books, 60) == Counts()


def test_history_is_placed_by_the_names_of_its_slis() -> None:
    books = ledger(60)
    books.load([block({NEW_YEAR: ONE}, names=("probe:left", B))])
    assert (inside(books, 60), inside(books, 60, B)) == (Counts(), ONE)


def test_spans_of_history_add_up_and_come_in_any_order() -> None:
    books = ledger(60)
    two, four, eight, more = (Counts(good=number, bad=number, covered_ms=1000) for number in (2, 4, 8, 16))
    books.load(
        [block({NEW_YEAR: two, NEW_YEAR - 10: four}), block({NEW_YEAR - 10: eight}), block({NEW_YEAR - 60: more})]
    )
    assert inside(books, 60) == two + four + eight
    books.close(NEW_YEAR + 40)
    assert inside(books, 60) == two + four + eight
    books.close(NEW_YEAR + 50)
    assert inside(books, 60) == two
    books.close(NEW_YEAR + 60)
    assert inside(books, 60) == Counts()


def test_history_in_minutes_continues_windows_that_move_in_minutes() -> None:
    books = ledger(6 * 3600)
    minutes = {NEW_YEAR - 60 * age: ONE for age in range(500)}
    books.load([block(minutes, seconds=60)])
    assert inside(books, 6 * 3600).bad == 360 * ONE.bad
    books.close(NEW_YEAR + 50)
    assert inside(books, 6 * 3600).bad == 360 * ONE.bad
    books.close(NEW_YEAR + 60)
    assert inside(books, 6 * 3600).bad == 359 * ONE.bad


def test_slots_that_end_after_the_restart_wait_for_their_closing() -> None:
    books = ledger(60)
    books.load([block({NEW_YEAR: ONE, NEW_YEAR + 10: ONE})])
    assert inside(books, 60) == ONE
    books.add(A, NEW_YEAR + 10, ONE)
    assert spans(books.close(NEW_YEAR + 10)) == [(NEW_YEAR + 10, ONE + ONE)]
    assert inside(books, 60) == ONE + ONE + ONE


def test_history_of_slis_that_left_is_passed_over() -> None:
    books = ledger(60, names=(B,))
    books.load([block({NEW_YEAR: ONE, NEW_YEAR + 10: ONE}, names=(A,)), block({NEW_YEAR: ONE}, names=(A, B))])
    books.close(NEW_YEAR + 10)
    assert inside(books, 60, B) == ONE
    assert books.totals.shape == (4, 1)


@pytest.mark.parametrize("given_totals", [True, False])
def test_the_totals_are_those_given_or_else_what_the_history_adds_up_to(*, given_totals: bool) -> None:
    books = ledger(60)
    totals = np.arange(8, dtype=np.int64).reshape(4, 2) + 100
    books.load([block({NEW_YEAR - 20: ONE})], totals=totals if given_totals else None)
    assert books.totals[:, 0].tolist() == ([100, 102, 104, 106] if given_totals else [3, 2, 1, 10_000])
    assert inside(books, 60) == ONE
    books.add(A, NEW_YEAR + 10, ONE)
    books.close(NEW_YEAR + 10)
    assert totals[GOOD].tolist() == [100, 101], "the totals that were given are not ours to change"


def test_an_empty_ledger_takes_history_and_time() -> None:
    books = ledger(names=())
    books.load([block({NEW_YEAR: ONE})])
    assert books.close(NEW_YEAR + 10) == []
    assert books.window(60).good.shape == (0,)


# Counters that wrap


def near_wrap(room: int) -> NDArray[np.int64]:
    """Totals of one SLI from which `room` more of what is unknown, or covered, reach the wrap."""
    totals = np.zeros((4, 1), np.int64)
    totals[GOOD], totals[BAD] = 2**40, 2**33
    totals[UNKNOWN], totals[COVERED_MS] = WRAP - room, WRAP - room
    return totals


@given(
    room=st.integers(0, 3000),
    slots=st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 1000)), min_size=1, max_size=20),
    late=st.booleans(),
)
def test_windows_stay_right_while_counters_wrap(*, room: int, slots: list[tuple[int, int]], late: bool) -> None:
    books = ledger(60, names=(A,))
    books.load([], totals=near_wrap(room))
    for unknown, covered_ms in slots:
        end = books.now + 10
        if late:
            books.close(end)
        books.add(A, end, Counts(unknown=unknown, covered_ms=covered_ms))
        books.close(end)
    held = inside(books, 60)
    assert held.unknown == sum(unknown for unknown, _ in slots[-6:])
    assert held.covered_ms == sum(covered_ms for _, covered_ms in slots[-6:])


def test_history_is_counted_back_from_totals_that_have_wrapped() -> None:
    books = ledger(60, names=(A,))
    books.load([block({NEW_YEAR - 10: ONE, NEW_YEAR - 100: ONE})], totals=near_wrap(-500))
    assert inside(books, 60) == ONE
