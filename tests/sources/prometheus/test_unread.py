"""What was not read yet, and in which pieces it is read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.sources.prometheus.history import LONGEST_WAIT_SECONDS, MOST_FAILURES, SMALLEST_SECONDS, History
from slo.sources.prometheus.tally import Piece
from slo.sources.prometheus.unread import MOST_GAPS, Unread, read_until

DAY = 86_400


def piece(since: int, until: int) -> Piece:
    return Piece(since=since, until=until)


def test_the_newest_piece_comes_first_and_what_was_taken_does_not_come_again() -> None:
    unread = Unread(0, 100, [(0, 100)])
    assert unread.newest(30) == piece(70, 100)
    unread.take(piece(70, 100))
    unread.grow(130)
    assert unread.newest(30) == piece(100, 130)
    assert unread.newest(30, below=100) == piece(40, 70)
    unread.take(piece(100, 130))
    assert unread.gaps == [(0, 70)]
    assert unread.lacks(piece(40, 70))
    assert not unread.lacks(piece(40, 80))
    assert unread.read_ratio == pytest.approx(60 / 130)


def test_looking_further_back_is_unread_and_looking_less_far_forgets_what_ended_before() -> None:
    unread = Unread(100, 200, [(100, 120), (150, 160)])
    unread.look_back_to(50)
    assert unread.gaps == [(50, 120), (150, 160)]
    unread.look_back_to(110)
    assert unread.gaps == [(50, 120), (150, 160)]
    unread.look_back_to(120)
    assert unread.gaps == [(150, 160)]


def test_time_that_is_lent_is_given_back_when_it_is_read() -> None:
    unread = Unread(0, 100)
    unread.lend((100_000, 110_000))
    unread.lend((110_000, 130_000))
    assert unread.lent == [(100_000, 130_000)]
    unread.grow(120)
    unread.take(piece(100, 120))
    assert unread.lent == [(120_000, 130_000)]


def test_of_very_many_gaps_the_oldest_are_given_up() -> None:
    unread = Unread(0, 0)
    for n in range(1, 300):
        unread.grow(20 * n)
        unread.take(piece(20 * n - 10, 20 * n))
    assert len(unread.gaps) == MOST_GAPS
    assert unread.gaps[-1] == (20 * 298, 20 * 298 + 10)


spans = st.lists(st.tuples(st.integers(0, 500), st.integers(1, 50)).map(lambda each: (each[0], each[0] + each[1])))


@given(spans, spans)
def test_a_watermark_makes_the_same_one_again(gaps: list[tuple[int, int]], lent: list[tuple[int, int]]) -> None:
    unread = Unread(0, 600, gaps, lent)
    again = Unread.restored(unread.watermark(), 1)
    assert (again.first, again.until, again.gaps, again.lent) == (0, 600, unread.gaps, unread.lent)
    assert read_until(unread.watermark()) == 600


def test_with_slots_of_another_length_no_part_of_a_slot_is_read_twice() -> None:
    again = Unread.restored(Unread(0, 110, [(10, 50), (100, 110)]).watermark(), 60)
    assert (again.until, again.gaps) == (120, [])
    assert Unread.restored(Unread(0, 300, [(10, 290)]).watermark(), 60).gaps == [(60, 240)]


@pytest.mark.parametrize("mark", [b"", b"{}", b"[1,2]", b'"abcd"', b"\xff", b"[1,2,3,4]"])
def test_what_is_no_watermark_is_refused(mark: bytes) -> None:
    with pytest.raises(ValueError, match="watermark"):
        Unread.restored(mark, 10)
    assert read_until(mark) in {0, 2}


# Histories


def month() -> History:
    return History(Unread(0, 30 * DAY, [(0, 30 * DAY)]), least_seconds=30)


def test_pieces_grow_while_they_are_read() -> None:
    history = month()
    pieces = []
    while (following := history.next(0)) is not None:
        pieces.append(following)
        history.unread.take(following)
        history.succeeded()
    assert [pieces[0].seconds, max(each.seconds for each in pieces)] == [SMALLEST_SECONDS, 21_600]
    assert len(pieces) < 160
    assert sum(each.seconds for each in pieces) == 30 * DAY


def test_a_limit_is_met_with_a_shorter_piece_at_once_down_to_the_least() -> None:
    history = month()
    seen = []
    for _ in range(7):
        following = history.next(0)
        assert following is not None
        seen.append(following.seconds)
        history.failed(following, 0, less=True)
    assert seen == [900, 450, 210, 90, 30, 30, 30]


def test_a_piece_that_fails_is_passed_over_and_tried_again_later_and_later() -> None:
    history = History(Unread(0, 1800, [(0, 1800)]), least_seconds=30)
    now, waits = 0.0, []
    for _ in range(12):
        for expected in (piece(900, 1800), piece(0, 900)):
            assert history.next(now) == expected
            history.failed(expected, now, less=False)
        assert history.next(now) is None
        begun = now
        while history.next(now) is None:
            now += 30
        waits.append(now - begun)
    assert waits[:3] == [60, 120, 240]
    assert waits[-1] == LONGEST_WAIT_SECONDS


def test_after_some_failures_in_a_row_the_server_is_left_alone_and_older_pieces_have_their_turn() -> None:
    history = month()
    for _ in range(MOST_FAILURES):
        following = history.next(0)
        assert following is not None
        history.failed(following, 0, less=False)
    assert history.next(30) is None
    following = history.next(60)
    assert following is not None
    assert following.until == 30 * DAY - MOST_FAILURES * SMALLEST_SECONDS


def test_a_server_that_answers_again_is_asked_for_the_newest_at_once() -> None:
    history = month()
    for _ in range(MOST_FAILURES):
        following = history.next(0)
        assert following is not None
        history.failed(following, 0, less=False)
    history.wake()
    following = history.next(0)
    assert following is not None
    assert following.until == 30 * DAY


def test_what_is_being_asked_for_elsewhere_is_left_out() -> None:
    assert month().next(0, below=30 * DAY - 30) == piece(30 * DAY - 930, 30 * DAY - 30)
