"""What the benchmark of detection reckons: when targets break, the history that watches begin with, its figures."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks._paging import bound_seconds, needed_seconds
from benchmarks._sides import slot_counts
from benchmarks.detection import figures, next_whole, phases
from slo.core.deltas import BAD, COVERED_MS, GOOD, UNKNOWN


@pytest.mark.parametrize(("rounds", "places"), [(1, [0]), (2, [0, 7.5]), (3, [0, 5, 10]), (5, [0, 3, 6, 9, 12])])
def test_targets_break_at_even_places_of_the_interval(rounds: int, places: list[float]) -> None:
    assert phases(rounds) == places


@given(st.integers(min_value=0, max_value=2**40))
def test_the_first_target_breaks_at_the_next_whole_interval(milliseconds: int) -> None:
    now = milliseconds / 1000
    whole = next_whole(now)
    assert now <= whole < now + 15
    assert round(whole * 1000) % 15_000 == 0


@pytest.mark.parametrize(("seconds", "rounds"), [(3600, 240), (6 * 3600, 1440)])
def test_history_is_good_rounds_and_no_gap(seconds: int, rounds: int) -> None:
    now = 1_800_000_000
    history = slot_counts(now, seconds)
    assert history.ends.tolist() == list(range(now - seconds + 10, now + 1, 10))
    assert history.counts[GOOD].sum() == rounds
    assert history.counts[GOOD].max() == 1
    assert not history.counts[BAD].any()
    assert not history.counts[UNKNOWN].any()
    assert np.all(history.counts[COVERED_MS] == 10_000)


def test_the_policy_needs_an_outage_of_51_84_seconds() -> None:
    assert needed_seconds() == pytest.approx(51.84)


@pytest.mark.parametrize(("slot", "interval", "seconds"), [(10, 10, 71), (10, 15, 76), (1, 1, 54)])
def test_a_page_has_a_slot_an_interval_and_a_second_more_than_the_policy_needs(
    slot: int, interval: int, seconds: int
) -> None:
    assert bound_seconds(slot=slot, interval=interval) == seconds


def test_the_figures_are_the_spread_of_each_side_and_the_ratio_of_the_medians() -> None:
    found = {figure.name: figure for figure in figures({3600: [(60, 90), (50, 100), (55, 80)]})}
    assert [found[f"1h of history: ours, {name}"].value for name in ("fastest", "median", "slowest")] == [50, 55, 60]
    assert found["1h of history: theirs, median"].value == 90
    ratio = found["1h of history: ours / theirs, medians"]
    assert ratio.value == pytest.approx(55 / 90)
    assert ratio.met


def test_a_ratio_of_one_misses_its_target() -> None:
    assert figures({3600: [(60, 60)]})[-1].met is False
