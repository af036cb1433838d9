"""What observations cover, and what of it comes late."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.sources.increments import Ints
from slo.sources.knowledge import Known, Span, by_slot, cover

SLOT, HORIZON = 10, 75


def covered(observed: list[tuple[int, bool]], until: int) -> tuple[list[Span], list[tuple[int, Span]]]:
    _, spans, late = cover(Known(), observed, since_ms=0, until_ms=until, horizon_ms=HORIZON, slot_ms=SLOT)
    return spans, late


def known(spans: Sequence[Span], ends: Ints, *, rank: int = 0, among: int = 1) -> list[int]:
    """What falls to one target of the slots that end at `ends`."""
    shape = (len(ends), 1)
    found = by_slot(spans, ends, SLOT, rank=np.full(shape, rank, np.int64), among=np.full(shape, among, np.int64))
    return [int(amount) for amount in found[:, 0]]


@pytest.mark.parametrize(
    ("observed", "until", "spans", "late"),
    [
        ([], 100, [], []),
        ([(1004, False)], 1010, [(1000, 1010)], []),
        ([(1004, False)], 2000, [(1000, 1079)], []),
        ([(1010, False)], 1010, [(1000, 1010)], []),
        ([(1004, False), (1034, False)], 1040, [(1000, 1040)], []),
        ([(1004, False), (1079, False)], 1080, [(1000, 1080)], []),
        ([(1004, False), (1123, False)], 1130, [(1000, 1079), (1120, 1130)], []),
        ([(1004, False), (1123, True)], 1130, [(1000, 1079), (1123, 1130)], [(1123, (1079, 1123))]),
        ([(1004, False), (1083, False)], 1090, [(1000, 1079), (1080, 1090)], []),
    ],
    ids=[
        "nothing",
        "the first covers its slot",
        "and a horizon",
        "on a boundary",
        "back to the one before",
        "just near enough",
        "a gap",
        "a gap that is bridged",
        "a gap that ends in the slot of the horizon",
    ],
)
def test_observations_cover(
    observed: list[tuple[int, bool]], until: int, spans: list[Span], late: list[tuple[int, Span]]
) -> None:
    assert covered(observed, until) == (spans, late)


OBSERVED = st.lists(st.tuples(st.integers(1, 600), st.booleans()), max_size=12, unique_by=lambda each: each[0]).map(
    sorted
)


@given(observed=OBSERVED, cuts=st.sets(st.integers(0, 60)))
def test_it_does_not_matter_how_time_is_cut(observed: list[tuple[int, bool]], cuts: set[int]) -> None:
    ends = np.arange(SLOT, 611, SLOT)
    spans, late = covered(observed, 610)
    expected = known(spans, ends)
    so_far, found, found_late = Known(), [], []
    edges = [0, *sorted(cut * SLOT for cut in cuts if 0 < cut < 61), 610]
    for begin, end in itertools.pairwise(edges):
        inside = [each for each in observed if begin < each[0] <= end]
        so_far, spans, late_spans = cover(
            so_far, inside, since_ms=begin, until_ms=end, horizon_ms=HORIZON, slot_ms=SLOT
        )
        found += known(spans, ends[begin // SLOT : end // SLOT])
        found_late += late_spans
    assert found == expected
    assert found_late == late


@given(observed=OBSERVED)
def test_no_time_is_covered_twice(observed: list[tuple[int, bool]]) -> None:
    spans, late = covered(observed, 700)
    millisecond = np.zeros(700, np.int64)
    for begin, end in [*spans, *(span for _, span in late)]:
        millisecond[begin:end] += 1
    assert millisecond.max(initial=0) <= 1


def test_after_a_restart_the_time_since_the_last_observation_comes_late() -> None:
    before = Known(decided_ms=1000, until_ms=1070)
    known, spans, late = cover(before, [(1054, False)], since_ms=1040, until_ms=1060, horizon_ms=HORIZON, slot_ms=SLOT)
    assert (spans, late) == ([(1040, 1060)], [(1054, (1000, 1040))])
    assert known == Known(decided_ms=1060, until_ms=1054 + HORIZON)


@given(edges=st.sets(st.integers(0, 60), min_size=2).map(sorted), among=st.integers(1, 12))
def test_pieces_of_a_slot_add_up_and_what_all_targets_know_is_known_whole(edges: list[int], among: int) -> None:
    ends = np.arange(SLOT, 61, SLOT)
    whole = [(edges[0], edges[-1])]
    for rank in range(among):
        pieces = [known([piece], ends, rank=rank, among=among) for piece in itertools.pairwise(edges)]
        assert [sum(column) for column in zip(*pieces, strict=True)] == known(whole, ends, rank=rank, among=among)
    shares = [known(whole, ends, rank=rank, among=among) for rank in range(among)]
    assert [sum(column) for column in zip(*shares, strict=True)] == known(whole, ends)
