"""Counts add up, and every time belongs to one slot."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.core.counts import Counts, slot_end

SLOTS = [1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60]

counts = st.builds(
    Counts,
    good=st.integers(0, 10**12),
    bad=st.integers(0, 10**12),
    unknown=st.integers(0, 10**12),
    covered_ms=st.integers(0, 10**12),
)


@given(counts, counts, counts)
def test_counts_add_up_in_any_order(a: Counts, b: Counts, c: Counts) -> None:
    assert (a + b) + c == c + (b + a)
    assert a + Counts() == a
    whole = a + b
    assert (whole.good, whole.bad) == (a.good + b.good, a.bad + b.bad)
    assert (whole.unknown, whole.covered_ms) == (a.unknown + b.unknown, a.covered_ms + b.covered_ms)
    assert whole.total == a.total + b.total


@pytest.mark.parametrize(
    ("counts", "total", "ratio"),
    [
        (Counts(good=3, bad=1), 4, 0.75),
        (Counts(good=5), 5, 1.0),
        (Counts(bad=5), 5, 0.0),
        (Counts(good=3, bad=1, unknown=96), 4, 0.75),
    ],
)
def test_the_sli_is_good_over_good_and_bad(counts: Counts, total: int, ratio: float) -> None:
    assert (counts.total, counts.ratio()) == (total, ratio)


@pytest.mark.parametrize("counts", [Counts(), Counts(unknown=7), Counts(covered_ms=10_000)])
def test_the_sli_of_nothing_is_none_and_neither_good_nor_bad(counts: Counts) -> None:
    assert counts.total == 0
    assert counts.ratio() is None


@pytest.mark.parametrize(
    ("at", "end"), [(100.0, 100), (100.001, 110), (109.999, 110), (110.0, 110), (90.000001, 100), (0.0, 0), (0.5, 10)]
)
def test_a_slot_holds_its_end_and_not_its_beginning(at: float, end: int) -> None:
    assert slot_end(at, 10) == end


@given(st.floats(1, 4e9), st.sampled_from(SLOTS))
def test_every_time_is_in_the_slot_that_ends_next(at: float, slot: int) -> None:
    end = slot_end(at, slot)
    assert end % slot == 0
    assert end - slot < at <= end


@given(st.integers(60, 4 * 10**9), st.sampled_from(SLOTS))
def test_the_least_time_after_a_slot_is_in_the_next(number: int, slot: int) -> None:
    end = number // slot * slot
    assert slot_end(end, slot) == end
    assert slot_end(math.nextafter(end, math.inf), slot) == end + slot
