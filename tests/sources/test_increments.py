"""Increments are exact: resets, births, missing series and baselines, however the scrapes are cut."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.sources.increments import Increments

NAN = math.nan


def grown(*values: float, scraped_before: bool = False) -> list[int]:
    """What one series grew by, scrape after scrape."""
    increments = Increments()
    increments.widen(1, followed_since_now=False)
    if scraped_before:
        increments.advance(np.array([0]), np.array([[NAN]]))
    times = np.arange(1, len(values) + 1) * 1000
    growth = increments.advance(times, np.array(values)[:, np.newaxis])
    return [int(increment) for increment in growth.increments[:, 0]]


@pytest.mark.parametrize(
    ("values", "increments"),
    [
        ([100, 103, 103, 110], [0, 3, 0, 7]),
        ([100, 4, 6], [0, 4, 2]),
        ([100, NAN, NAN, 105], [0, 0, 0, 5]),
        ([100, NAN, 5], [0, 0, 5]),
        ([NAN, NAN, 7, 9], [0, 0, 7, 2]),
        ([0.9, 2.5, 2.9, 3.1], [0, 2, 0, 1]),
        ([5, math.inf, 6], [0, 0, 1]),
        ([5, -1, 6], [0, 0, 1]),
        ([5, 2.0**53, 6], [0, 2**53 - 5, 6]),
        ([5, 2.0**53 + 2, 6], [0, 0, 1]),
    ],
    ids=[
        "growth",
        "reset",
        "missing",
        "reset while missing",
        "birth",
        "fractions",
        "infinite",
        "negative",
        "largest",
        "too large",
    ],
)
def test_a_series_grew_by(values: list[float], increments: list[int]) -> None:
    assert grown(*values) == increments


def test_a_series_of_a_target_that_was_scraped_before_counts_from_nothing() -> None:
    assert grown(7, 9, scraped_before=True) == [7, 2]


def test_a_series_that_is_followed_only_since_now_begins_with_a_baseline() -> None:
    increments = Increments()
    increments.widen(1, followed_since_now=False)
    increments.advance(np.array([1000]), np.array([[5.0]]))
    increments.widen(2, followed_since_now=True)
    growth = increments.advance(np.array([2000, 3000]), np.array([[6.0, 900.0], [6.0, 902.0]]))
    assert growth.increments.tolist() == [[1, 0], [0, 2]]


VALUES = st.one_of(st.integers(0, 20).map(float), st.just(NAN))


@given(
    rows=st.lists(st.tuples(VALUES, VALUES, VALUES), min_size=1, max_size=12),
    cuts=st.sets(st.integers(1, 11)),
)
def test_it_does_not_matter_how_scrapes_are_cut(rows: list[tuple[float, float, float]], cuts: set[int]) -> None:
    values, times = np.array(rows), np.arange(1, len(rows) + 1) * 1000
    whole, cut = Increments(), Increments()
    for increments in (whole, cut):
        increments.widen(3, followed_since_now=False)
    expected = whole.advance(times, values)
    edges = [0, *sorted(edge for edge in cuts if edge < len(rows)), len(rows)]
    parts = [cut.advance(times[a:b], values[a:b]) for a, b in itertools.pairwise(edges)]
    for name in ("increments", "reset", "present", "previous_ms"):
        assert np.array_equal(np.concatenate([getattr(part, name) for part in parts]), getattr(expected, name))
    assert np.array_equal(cut.last, whole.last)


@given(st.lists(st.integers(0, 1000), min_size=2, max_size=30))
def test_without_resets_the_increments_add_up_to_what_the_counter_says(steps: list[int]) -> None:
    values = np.cumsum(steps).astype(float)
    assert sum(grown(*values)) == values[-1] - values[0]
