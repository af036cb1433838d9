"""Few agents of many share, always enough of them, and they do not all come at once."""

from hypothesis import given
from hypothesis import strategies as st

from daemonset.seats import FREE_SECONDS, SEATS, Seat, seated

NODES = [f"n{number}" for number in range(1000)]


@given(st.frozensets(st.sampled_from(NODES), max_size=60))
def test_those_with_a_seat_are_the_same_for_all_and_as_many_as_there_are_seats(agents: frozenset[str]) -> None:
    assert seated(agents) == seated(sorted(agents))
    assert len(seated(agents)) == min(len(agents), SEATS)
    assert seated(agents) <= agents


def test_in_a_small_cluster_everybody_sits_down_at_once() -> None:
    others = frozenset(NODES[: SEATS // 2 - 1])
    assert all(Seat(me).wanted(others, held=False, now=0.0) for me in NODES[SEATS:])


def test_where_all_seats_are_taken_nobody_else_sits_down() -> None:
    seat = Seat("late")
    others = frozenset(NODES[:SEATS])
    assert not any(seat.wanted(others, held=False, now=now) for now in (0.0, 1000.0, 2000.0))


def test_where_more_came_than_there_are_seats_those_without_one_stand_up() -> None:
    everybody = frozenset(NODES[: SEATS + 5])
    stay = {me for me in everybody if Seat(me).wanted(everybody - {me}, held=True, now=0.0)}
    assert stay == seated(everybody)
    assert len(stay) == SEATS


def test_a_free_seat_is_taken_by_one_of_a_thousand_within_seconds_and_by_all_within_their_time() -> None:
    others = frozenset(NODES[: SEATS - 1])
    waiting = {me: Seat(me) for me in NODES[SEATS:]}
    came = {
        now: sum(seat.wanted(others, held=False, now=float(now)) for seat in waiting.values())
        for now in (0, 1, 5, FREE_SECONDS)
    }
    assert came[0] <= 1
    assert came[1] <= 8
    assert 1 <= came[5] <= 25
    assert came[FREE_SECONDS] == len(waiting)


def test_who_waits_for_a_seat_begins_anew_when_another_took_it() -> None:
    seat = Seat("late")
    one_free, none_free = frozenset(NODES[: SEATS - 1]), frozenset(NODES[:SEATS])
    assert not seat.wanted(one_free, held=False, now=0.0)
    assert not seat.wanted(none_free, held=False, now=FREE_SECONDS - 2)
    assert not seat.wanted(one_free, held=False, now=FREE_SECONDS - 1)
    assert seat.wanted(one_free, held=False, now=2 * FREE_SECONDS)
