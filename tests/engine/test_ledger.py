"""The ledger in memory: every count in its slot, whenever it comes; every window a difference of totals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from slo.core.counts import Counts
from slo.core.deltas import BAD, COVERED_MS, GOOD, UNKNOWN, Block
from slo.engine.ledger import COVERED_UNIT_MS, Ledger
from slo.engine.windows import window_start
from tests.engine.twin import NEW_YEAR

A, B = "probe:a", "probe:b"
WRAP = 2**32
ONE = Counts(good=3, bad=2, unknown=1, covered_ms=10_000)


def ledger(*windows: int, slot: int = 10, now: int = NEW_YEAR, names: tuple[str, ...] = (A, B)) -> Ledger:
    return Ledger(names, windows_seconds=windows or (60,), slot_seconds=slot, now=now)


def inside(ledger: Ledger, window: int, sli: str = A) -> Counts:
    """What one window of one SLI holds."""
    counts = ledger.window(window)
    column = ledger.column[sli]
    return Counts(
        good=int(counts.good[column]),
        bad=int(counts.bad[column]),
        unknown=int(counts.unknown[column]),
        covered_ms=int(counts.covered_ms[column]),
    )


def spans(blocks: list[Block], sli: str = A) -> list[tuple[int, Counts]]:
    """What blocks say of one SLI: slot ends and counts, in the order of the blocks."""
    return [
        (end, Counts(good=good, bad=bad, unknown=unknown, covered_ms=covered_ms))
        for block in blocks
        for end, (good, bad, unknown, covered_ms) in zip(
            block.ends.tolist(), block.counts[:, :, block.names.index(sli)].T.tolist(), strict=True
        )
    ]


def block(rows: dict[int, Counts], *, seconds: int = 10, names: tuple[str, ...] = (A,)) -> Block:
    """A block with the same counts for each of its SLIs."""
    counts = np.array([[one.good, one.bad, one.unknown, one.covered_ms] for one in rows.values()], np.int64)
    return Block(
        ends=np.array(list(rows), np.int64),
        seconds=seconds,
        names=names,
        counts=np.repeat(counts.T[:, :, np.newaxis], len(names), axis=2),
    )


# Slots


def test_a_count_is_seen_when_its_slot_closes_and_not_before() -> None:
    books = ledger(60)
    books.add(A, NEW_YEAR + 20, ONE)
    assert inside(books, 60) == Counts()
    books.close(NEW_YEAR + 10)
    assert inside(books, 60) == Counts()
    books.close(NEW_YEAR + 20)
    assert inside(books, 60) == ONE
    assert inside(books, 60, B) == Counts()


@pytest.mark.parametrize("window", [20, 60, 3600])
def test_a_count_leaves_a_window_when_its_slot_end_does(window: int) -> None:
    books = ledger(window)
    books.add(A, NEW_YEAR + 10, ONE)
    books.close(NEW_YEAR + window)
    assert inside(books, window) == ONE
    books.close(NEW_YEAR + window + 10)
    assert inside(books, window) == Counts()


def test_a_window_over_an_hour_moves_its_trailing_edge_in_steps_and_is_exact_on_them() -> None:
    books = ledger(2 * 3600)
    books.add(A, NEW_YEAR + 10, ONE)
    books.add(A, NEW_YEAR + 20, ONE)
    books.close(NEW_YEAR + 7210)
    assert inside(books, 7200) == ONE + ONE
    books.close(NEW_YEAR + 7220)
    assert inside(books, 7200) == Counts()


def test_a_watch_that_begins_within_a_slot_begins_with_the_slot_before() -> None:
    assert ledger(now=NEW_YEAR + 9).now == NEW_YEAR


@pytest.mark.parametrize("end", [NEW_YEAR - 10, NEW_YEAR + 5, NEW_YEAR + 11])
def test_only_slot_ends_that_do_not_go_back_can_be_closed(end: int) -> None:
    with pytest.raises(ValueError, match=f"{end} is not a slot end at or after {NEW_YEAR}"):
        ledger().close(end)


def test_a_window_that_is_not_kept_is_refused_rather_than_answered_wrongly() -> None:
    books = ledger(60)
    for window in (70, 7200):
        with pytest.raises(KeyError):
            books.window(window)
    assert inside(books, 30) == Counts()


def test_a_window_is_never_covered_for_longer_than_it_is() -> None:
    books = ledger(60)
    books.add(A, NEW_YEAR + 10, Counts(good=1, covered_ms=61_000))
    books.close(NEW_YEAR + 10)
    assert inside(books, 60) == Counts(good=1, covered_ms=60_000)


# What comes late


@pytest.mark.parametrize("age", [0, 10, 50])
def test_what_is_late_is_counted_at_once_and_in_its_own_slot(age: int) -> None:
    books = ledger(60)
    books.close(NEW_YEAR + 100)
    books.add(A, NEW_YEAR + 100 - age, ONE)
    assert inside(books, 60) == ONE
    assert inside(books, 60, B) == Counts()
    books.close(NEW_YEAR + 150 - age)
    assert inside(books, 60) == ONE
    books.close(NEW_YEAR + 160 - age)
    assert (inside(books, 60), inside(books, 60, B)) == (Counts(), Counts())


def test_what_is_late_for_a_shorter_window_still_reaches_a_longer_one() -> None:
    books = ledger(20, 60, 7200)
    books.close(NEW_YEAR + 100)
    books.add(A, NEW_YEAR + 70, ONE)
    assert [inside(books, window) for window in (20, 60, 7200)] == [Counts(), ONE, ONE]


def test_what_is_late_within_a_step_of_a_long_window_leaves_it_at_the_next_one() -> None:
    books = ledger(7200)
    books.close(NEW_YEAR + 100)
    books.add(A, NEW_YEAR + 30, ONE)
    books.close(NEW_YEAR + 7200 + 30)
    assert inside(books, 7200) == ONE
    books.close(NEW_YEAR + 7200 + 40)
    assert inside(books, 7200) == Counts()


def test_what_is_older_than_every_window_only_adds_to_the_totals() -> None:
    books = ledger(60, 7200)
    books.close(NEW_YEAR + 20_000)
    books.add(A, NEW_YEAR + 10, ONE)
    assert [inside(books, window) for window in (60, 7200)] == [Counts(), Counts()]
    assert books.totals[:, 0].tolist() == [ONE.good, ONE.bad, ONE.unknown, ONE.covered_ms]


def test_covered_time_below_the_unit_is_lost_by_at_most_a_unit_for_each_late_count() -> None:
    books = ledger(100)
    for number in range(1, 11):
        books.add(A, NEW_YEAR + 10 * number, Counts(covered_ms=9_993))
        books.close(NEW_YEAR + 10 * number)
    lates = 5
    for number in range(lates):
        books.add(A, NEW_YEAR + 10 * (number + 1), Counts(covered_ms=6))
    true = 10 * 9_993 + lates * 6
    assert abs(inside(books, 100).covered_ms - true) <= COVERED_UNIT_MS * (1 + lates)


# What goes to the disk


def test_closing_gives_each_slot_once_and_what_was_late_under_its_own_end() -> None:
    books = ledger(60)
    books.add(A, NEW_YEAR + 10, ONE)
    books.add(A, NEW_YEAR + 30, ONE)
    assert spans(books.close(NEW_YEAR + 20)) == [(NEW_YEAR + 10, ONE)]
    late = Counts(bad=1)
    books.add(A, NEW_YEAR + 10, late)
    books.add(A, NEW_YEAR + 10, late)
    assert spans(books.close(NEW_YEAR + 40)) == [(NEW_YEAR + 10, late + late), (NEW_YEAR + 30, ONE)]
    assert books.close(NEW_YEAR + 50) == []


def test_a_slot_may_be_closed_again_to_give_what_was_late() -> None:
    books = ledger(60)
    books.close(NEW_YEAR + 20)
    books.add(A, NEW_YEAR + 20, ONE)
    assert spans(books.close(NEW_YEAR + 20)) == [(NEW_YEAR + 20, ONE)]
    assert inside(books, 60) == ONE


def test_what_no_closing_gave_can_be_had_without_closing() -> None:
    books = ledger(60)
    books.close(NEW_YEAR + 20)
    books.add(A, NEW_YEAR + 10, ONE)
    books.add(B, NEW_YEAR + 30, ONE)
    assert [end for end, _ in spans(books.open_blocks())] == [NEW_YEAR + 10, NEW_YEAR + 30]
    assert spans(books.open_blocks(), B) == [(NEW_YEAR + 10, Counts()), (NEW_YEAR + 30, ONE)]


# Gaps


@pytest.mark.parametrize("gap", [350, 360, 370, 3600, 3610, 7200, 7220, 86_400, 40 * 86_400])
def test_after_a_gap_no_window_holds_what_happened_before_it(gap: int) -> None:
    windows = (60, 3600, 7200, 6 * 3600, 30 * 86_400)
    books = ledger(*windows)
    for end in range(NEW_YEAR + 10, NEW_YEAR + 400, 10):
        books.add(A, end, ONE)
        books.close(end)
    books.close(books.now + gap)
    for window in windows:
        start = window_start(books.now, window, 10)
        slots = len(range(max(NEW_YEAR, start) + 10, NEW_YEAR + 400, 10))
        assert inside(books, window).bad == slots * ONE.bad
    books.add(A, books.now + 10, ONE)
    books.close(books.now + 10)
    assert inside(books, 60).bad == ONE.bad * (1 + max(0, 4 - (gap - 10) // 10))


def test_after_a_gap_the_rows_of_the_gap_hold_what_the_totals_were_in_it() -> None:
    books = ledger(100)
    for _ in range(3):
        books.add(A, books.now + 10, ONE)
        books.close(books.now + 10)
        books.close(books.now + 130)
        assert inside(books, 100) == Counts()


@pytest.mark.parametrize("window", [60, 100, 300, 7200])
def test_slots_that_are_closed_at_once_are_as_if_each_had_been_closed_in_time(window: int) -> None:
    at_once, in_time = ledger(window), ledger(window)
    for books in (at_once, in_time):
        for end in (30, 40, 90, 200):
            books.add(A, NEW_YEAR + end, Counts(good=end, covered_ms=10_000))
    assert spans(at_once.close(NEW_YEAR + 240)) == [
        span for end in range(10, 250, 10) for span in spans(in_time.close(NEW_YEAR + end))
    ]
    for later in range(240, window + 300, 10):
        for books in (at_once, in_time):
            books.close(NEW_YEAR + later)
        assert inside(at_once, window) == inside(in_time, window)


# Restarts


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
    """Totals of one SLI from which `room` more of what is unknown, or covered in units, reach the wrap."""
    totals = np.zeros((4, 1), np.int64)
    totals[GOOD], totals[BAD] = 2**40, 2**33
    totals[UNKNOWN], totals[COVERED_MS] = WRAP - room, (WRAP - room) * COVERED_UNIT_MS
    return totals


@given(
    room=st.integers(0, 3000),
    slots=st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 1000)), min_size=1, max_size=20),
    late=st.booleans(),
)
def test_windows_stay_right_while_counters_wrap(*, room: int, slots: list[tuple[int, int]], late: bool) -> None:
    books = ledger(60, names=(A,))
    books.load([], totals=near_wrap(room))
    for unknown, units in slots:
        end = books.now + 10
        if late:
            books.close(end)
        books.add(A, end, Counts(unknown=unknown, covered_ms=units * COVERED_UNIT_MS))
        books.close(end)
    held = inside(books, 60)
    assert held.unknown == sum(unknown for unknown, _ in slots[-6:])
    assert held.covered_ms == min(60_000, sum(units for _, units in slots[-6:]) * COVERED_UNIT_MS)


def test_history_is_counted_back_from_totals_that_have_wrapped() -> None:
    books = ledger(60, names=(A,))
    books.load([block({NEW_YEAR - 10: ONE, NEW_YEAR - 100: ONE})], totals=near_wrap(-500))
    assert inside(books, 60) == ONE
