"""Phases as a bar: as wide as it may be, and each phase as wide as its time."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.cli.bar import FILLS, bar, widths


def test_the_bar_of_a_request() -> None:
    phases = {"resolve": 0.002, "connect": 0.001, "tls": 0.010, "processing": 0.006, "transfer": 0.001}
    assert bar(phases, 40) == "████░░▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▒▒▒▒▒▒▒▒▒▒▒▒▞▞"


@pytest.mark.parametrize(
    ("seconds", "width", "parts"),
    [
        pytest.param([1.0, 1.0], 10, [5, 5], id="equal times, equal parts"),
        pytest.param([0.0, 1.0, 0.000001], 10, [1, 8, 1], id="what took no time is seen all the same"),
        pytest.param([0.0, 0.0], 10, [5, 5], id="no time at all"),
        pytest.param([1.0] * 5, 3, [1] * 5, id="more phases than room"),
        pytest.param([], 10, [], id="no phases"),
    ],
)
def test_how_wide_the_parts_are(seconds: list[float], width: int, parts: list[int]) -> None:
    assert widths(seconds, width) == parts


@given(
    st.lists(st.floats(min_value=0, max_value=100), min_size=1, max_size=12), st.integers(min_value=12, max_value=200)
)
def test_a_bar_has_its_width_and_keeps_the_order_of_times(seconds: list[float], width: int) -> None:
    parts = widths(seconds, width)
    assert sum(parts) == width
    assert min(parts) >= 1
    by_time = [part for _, part in sorted(zip(seconds, parts, strict=True))]
    assert all(longer >= shorter - 1 for shorter, longer in pairwise(by_time))


def test_neighbours_are_told_apart_without_colour() -> None:
    drawn = bar({str(number): 1.0 for number in range(13)}, 13)
    assert all(left != right for left, right in pairwise(drawn))
    assert len(set(FILLS)) == len(FILLS)
