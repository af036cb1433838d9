"""The ledger in memory: every count in its slot, whenever it comes; every window a difference of totals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.core.counts import Counts
from slo.core.deltas import Block
from slo.engine.ledger import Ledger
from slo.engine.windows import window_start
from tests.engine.ledgers import ONE, A, B, block, inside, ledger, spans
from tests.engine.twin import NEW_YEAR

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


@pytest.mark.parametrize("window", [100, 7200, 60 * 86_400])
def test_covered_time_is_exact_to_the_millisecond_however_late_it_comes(window: int) -> None:
    books = ledger(window)
    for number in range(1, 11):
        books.add(A, NEW_YEAR + 10 * number, Counts(covered_ms=9_993))
        books.close(NEW_YEAR + 10 * number)
    for number in range(1, 6):
        books.add(A, NEW_YEAR + 10 * number, Counts(covered_ms=6))
    assert inside(books, window).covered_ms == 10 * 9_993 + 5 * 6


@pytest.mark.parametrize("days", [45, 60])
def test_covered_time_of_windows_of_months_is_right_where_milliseconds_no_longer_fit_32_bits(days: int) -> None:
    books = ledger(days * 86_400)
    for day in range(1, 101):
        books.add(A, NEW_YEAR + day * 86_400, Counts(covered_ms=86_400_000))
        books.close(NEW_YEAR + day * 86_400)
    assert inside(books, days * 86_400).covered_ms == days * 86_400_000


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


ADDITIONS = st.lists(
    st.tuples(st.integers(1, 40), st.integers(0, 1), st.integers(0, 9), st.integers(0, 9), st.integers(0, 10_000)),
    min_size=1,
    max_size=12,
)


@given(additions=ADDITIONS, closed=st.integers(0, 40))
def test_a_block_counts_as_its_slots_do_one_by_one(
    additions: list[tuple[int, int, int, int, int]], closed: int
) -> None:
    one, other = (Ledger(("a", "b"), windows_seconds=(60, 7200), slot_seconds=10, now=0) for _ in range(2))
    counts = np.zeros((4, 40, 2), np.int64)
    for slot, column, *added in additions:
        counts[:, slot - 1, column] += (*added[:2], 0, added[2])
    for books in (one, other):
        books.close(closed * 10)
    for slot, column in np.ndindex(40, 2):
        good, bad, unknown, covered_ms = counts[:, slot, column].tolist()
        one.add("ab"[column], (slot + 1) * 10, Counts(good=good, bad=bad, unknown=unknown, covered_ms=covered_ms))
    shuffled = np.random.default_rng(closed).permutation(40)
    other.add_block(
        Block(ends=(shuffled + 1) * 10, seconds=10, names=("b", "c", "a"), counts=counts[:, shuffled][:, :, [1, 0, 0]])
    )
    for books in (one, other):
        books.close(400)
    for window in (60, 7200):
        expected, found = one.window(window), other.window(window)
        for name in ("good", "bad", "unknown", "covered_ms"):
            assert np.array_equal(getattr(found, name), getattr(expected, name)), (window, name)


def test_history_counts_at_once_in_its_own_time_and_no_closing_gives_it() -> None:
    ours = ledger(60, 7200)
    ours.close(NEW_YEAR + 600)
    ours.add_history(block({NEW_YEAR + 600: ONE, NEW_YEAR + 60: ONE}, seconds=60, names=("probe:other", A)))
    assert (inside(ours, 60), inside(ours, 7200)) == (ONE, ONE + ONE)
    assert inside(ours, 7200, B) == Counts()
    assert ours.close(NEW_YEAR + 610) == []
    assert inside(ours, 60) == ONE
    ours.close(NEW_YEAR + 660)
    assert (inside(ours, 60), inside(ours, 7200)) == (Counts(), ONE + ONE)
