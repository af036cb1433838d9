"""Windows: every one is the sum of others that follow one another."""

from hypothesis import given
from hypothesis import strategies as st

from slo.interop.prometheus.windows import MOST_PIECES, SUMMED_SECONDS, Sum, plan, step_of

MINUTE, HOUR, DAY = 60, 3600, 86_400
GOOGLE = [5 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 6 * HOUR, DAY, 3 * DAY]

WINDOWS = st.sets(st.integers(1, 3 * 24 * 60).map(lambda halves: halves * 30 * MINUTE), min_size=1, max_size=8)


def pieces_read(sums: tuple[Sum, ...]) -> int:
    """How many series have to be looked up for windows that are made of others."""
    return sum(each.pieces for each in sums if each.pieces > 1)


def test_thirty_days_are_ten_times_three() -> None:
    sums = {each.window: each for each in plan([*GOOGLE, 30 * DAY], 30)}
    assert sorted(sums) == [*GOOGLE, 30 * DAY]
    assert sums[30 * DAY] == Sum(window=30 * DAY, piece=3 * DAY, pieces=10)
    assert sums[3 * DAY] == Sum(window=3 * DAY, piece=DAY, pieces=3)
    assert sums[DAY] == Sum(window=DAY, piece=6 * HOUR, pieces=4)
    assert sums[6 * HOUR] == Sum(window=6 * HOUR, piece=6 * HOUR)


def test_a_window_of_many_pieces_gets_windows_in_between() -> None:
    sums = plan([5 * MINUTE, DAY, 28 * DAY], 30)
    assert [(each.window // HOUR, each.pieces) for each in sums if each.window > SUMMED_SECONDS] == [
        (24, 4),
        (48, 2),
        (96, 2),
        (672, 7),
    ]


@given(WINDOWS)
def test_every_window_is_the_sum_of_whole_shorter_ones(windows: set[int]) -> None:
    sums = plan(windows, step_of(windows))
    known: set[int] = set()
    for each in sums:
        assert each.piece * each.pieces == each.window
        assert each.piece in known or each.pieces == 1
        assert each.pieces > 1 or each.window <= SUMMED_SECONDS
        known.add(each.window)
    assert windows <= known


@given(WINDOWS)
def test_windows_that_are_there_are_summed_alike_whatever_longer_ones_there_are(windows: set[int]) -> None:
    some = sorted(windows)[: len(windows) // 2 + 1]
    step = step_of(windows)
    more = plan(windows, step)
    assert all(each in more for each in plan(some, step))


def test_the_usual_policies_read_few_pieces() -> None:
    for windows in ([*GOOGLE, 30 * DAY], [*GOOGLE, 28 * DAY], [*GOOGLE, 4 * DAY, 28 * DAY], [*GOOGLE, 90 * DAY]):
        sums = plan(windows, 30)
        assert pieces_read(sums) <= 26
        assert max(each.pieces for each in sums) <= MOST_PIECES


def test_a_step_divides_every_window() -> None:
    assert step_of([5 * MINUTE, HOUR]) == 30
    assert step_of([5, 30 * MINUTE]) == 5
    assert step_of([45, 3 * MINUTE]) == 15
