"""Counters become counts by slot: gaps are spread, excesses carried, targets averaged, however time is cut."""

import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.core.deltas import BAD, COVERED_MS, GOOD, UNKNOWN, Block
from slo.core.selector import parse_selector
from slo.core.sli import CountersSLI
from slo.sources.counters import CounterSource, Excess

SLOT = 10
INTERVAL_MS = 30_000
NAN = math.nan
SERIES = ({"__name__": "requests_total"}, {"__name__": "errors_total"})

Scrape = tuple[int, float, float]
"""When (seconds), the total, the bad."""

BY_BAD = CountersSLI(total=parse_selector("requests_total"), part=parse_selector("errors_total"), part_is="bad")
BY_GOOD = CountersSLI(total=parse_selector("requests_total"), part=parse_selector("errors_total"), part_is="good")


class Counting:
    """The slots up to `until` (seconds), counted from scrapes of targets, cut at `cuts`."""

    def __init__(
        self,
        scrapes: Mapping[str, Sequence[Scrape]],
        until: int,
        *,
        cuts: Sequence[int] = (),
        sli: CountersSLI = BY_BAD,
        leaves: Mapping[str, int] | None = None,
    ) -> None:
        source = CounterSource({"a": sli}, slot_seconds=SLOT)
        for name in scrapes:
            leaves_ms = {"leaves_ms": leaves[name] * 1000} if leaves and name in leaves else {}
            source.begin(name, interval_ms=INTERVAL_MS, **leaves_ms).follow(SERIES)
        self.counts = np.zeros((4, until // SLOT), np.int64)
        self.late: list[tuple[int, int]] = []
        self.excesses: list[Excess] = []
        for begin, end in itertools.pairwise([0, *cuts, until]):
            inside = {
                name: (
                    np.array([at * 1000 for at, _, _ in rows if begin < at <= end], np.int64),
                    np.array([values for at, *values in rows if begin < at <= end], float).reshape(-1, 2),
                )
                for name, rows in scrapes.items()
            }
            counted = source.close(np.arange(begin + SLOT, end + 1, SLOT), inside)
            self._add(counted.block)
            for came, block in counted.late:
                self._add(block)
                self.late += [(came, int(slot)) for slot in block.ends]
                assert begin < came <= end
            self.excesses += counted.excesses

    def _add(self, block: Block) -> None:
        self.counts[:, block.ends // SLOT - 1] += block.counts[:, :, 0]

    def row(self, what: int) -> list[int]:
        return [int(count) for count in self.counts[what]]


def test_increments_belong_to_the_slot_of_the_scrape_and_cover_the_time_before_it() -> None:
    counting = Counting({"t": [(5, 100, 1), (35, 110, 3), (65, 130, 3)]}, 70)
    assert counting.row(GOOD) == [0, 0, 0, 8, 0, 0, 20]
    assert counting.row(BAD) == [0, 0, 0, 2, 0, 0, 0]
    assert counting.row(COVERED_MS) == [10_000] * 7


def test_good_events_are_what_a_good_selector_counts() -> None:
    counting = Counting({"t": [(5, 100, 1), (35, 110, 3)]}, 40, sli=BY_GOOD)
    assert (counting.row(GOOD), counting.row(BAD)) == ([0, 0, 0, 2], [0, 0, 0, 8])


def test_what_was_counted_over_a_gap_is_spread_evenly_and_known_from_then_on() -> None:
    counting = Counting({"t": [(10, 100, 1), (110, 125, 6)]}, 120)
    assert counting.row(GOOD) == [0, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 0]
    assert counting.row(BAD) == [0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0]
    assert counting.row(COVERED_MS) == [10_000] * 12
    assert {came for came, _ in counting.late} == {110}


def test_a_gap_with_a_reset_stays_unknown_but_for_what_was_known_before_it_ended() -> None:
    counting = Counting({"t": [(10, 100, 1), (110, 20, 0)]}, 120)
    assert sum(counting.row(GOOD)) == 20
    assert counting.row(COVERED_MS) == [*[10_000] * 8, 5_000, 0, 10_000, 10_000]


def test_a_failure_counter_that_is_born_in_a_gap_counts_from_nothing() -> None:
    counting = Counting({"t": [(10, 100, NAN), (110, 200, 10)]}, 110)
    assert counting.row(BAD) == [0, *[1] * 10]


def test_an_sli_without_its_total_is_not_observed() -> None:
    counting = Counting({"t": [(10, NAN, 1), (40, NAN, 5), (70, 50, 6)]}, 80)
    assert counting.row(COVERED_MS) == [0, 0, 0, 0, 0, 0, 10_000, 10_000]


def test_an_excess_is_carried_to_the_next_observation() -> None:
    counting = Counting({"t": [(10, 100, 0), (40, 102, 5), (70, 110, 5)]}, 80)
    assert (counting.row(BAD)[3], counting.row(BAD)[6], counting.row(GOOD)[6]) == (2, 3, 5)
    assert counting.excesses == []


def test_an_excess_that_is_still_there_makes_the_slot_unknown_and_is_of_others() -> None:
    counting = Counting({"t": [(10, 100, 0), (40, 102, 5), (70, 103, 5)]}, 80)
    assert (counting.row(GOOD)[6], counting.row(BAD)[6], counting.row(UNKNOWN)[6]) == (0, 0, 3)
    assert counting.row(COVERED_MS)[5:] == [10_000, 0, 10_000]
    assert counting.excesses == [Excess(sli="a", slot_end=70, total=1, part=3)]


def test_an_excess_over_a_gap_is_carried_behind_it() -> None:
    counting = Counting({"t": [(10, 100, 0), (110, 100, 4), (140, 106, 5)]}, 140)
    assert (sum(counting.row(BAD)), counting.row(BAD)[13], counting.row(GOOD)[13]) == (5, 5, 1)


def test_a_slot_is_known_as_far_as_the_targets_that_are_there_know_it() -> None:
    one, other = [(5, 1, 0), (35, 1, 0), (65, 1, 0), (95, 1, 0)], [(45, 1, 0), (75, 1, 0)]
    counting = Counting({"one": one, "other": other}, 100, leaves={"other": 90})
    assert counting.row(COVERED_MS) == [10_000] * 10
    gone = Counting({"one": one, "other": [(5, 1, 0)]}, 100)
    assert gone.row(COVERED_MS) == [*[10_000] * 8, 5_000, 5_000]


def test_a_slot_that_becomes_known_in_pieces_is_not_known_for_longer_than_it_is() -> None:
    source = CounterSource({"a": BY_BAD}, slot_seconds=SLOT)
    for name in ("one", "other"):
        source.begin(name, interval_ms=2_001).follow(SERIES)
    steady, with_a_gap = np.arange(1_000, 20_000, 2_000), np.array([1_000, 3_000, 19_000])
    counted = source.close(
        np.array([10, 20]),
        {name: (times, np.zeros((len(times), 2))) for name, times in (("one", steady), ("other", with_a_gap))},
    )
    whole = counted.block.counts[COVERED_MS].copy()
    for _, block in counted.late:
        whole[block.ends // SLOT - 1] += block.counts[COVERED_MS]
    assert whole.tolist() == [[10_000], [10_000]]


def test_events_of_a_gap_within_a_slot_belong_to_that_slot() -> None:
    source = CounterSource({"a": BY_BAD}, slot_seconds=60)
    source.begin("t", interval_ms=10_000).follow(SERIES)
    times, values = np.array([5_000, 50_000]), np.array([[100.0, 1.0], [110.0, 3.0]])
    counted = source.close(np.array([60]), {"t": (times, values)})
    late = np.sum([block.counts[:, 0, 0] for _, block in counted.late], axis=0)
    assert late.tolist() == [8, 2, 0, 20_000]  # known at once: up to 30 s, and the last 10


VALUES = st.one_of(st.integers(0, 30), st.just(NAN))
TIMES = st.sets(st.integers(1, 400), max_size=14).map(sorted)


@st.composite
def targets(draw: st.DrawFn) -> dict[str, list[Scrape]]:
    return {
        name: [(at, draw(VALUES), draw(VALUES)) for at in draw(TIMES)]
        for name in draw(st.sampled_from([["one"], ["one", "two"], ["one", "two", "three"]]))
    }


@given(scrapes=targets(), cuts=st.sets(st.integers(1, 39).map(lambda slot: slot * SLOT)))
def test_it_does_not_matter_how_time_is_cut(scrapes: dict[str, list[Scrape]], cuts: set[int]) -> None:
    whole, cut = Counting(scrapes, 400), Counting(scrapes, 400, cuts=sorted(cuts))
    assert cut.counts.tolist() == whole.counts.tolist()
    assert sorted(cut.late) == sorted(whole.late)
    assert cut.excesses == whole.excesses


@given(scrapes=targets())
def test_nothing_is_negative_and_no_slot_is_covered_longer_than_it_is(scrapes: dict[str, list[Scrape]]) -> None:
    counting = Counting(scrapes, 400)
    assert counting.counts.min(initial=0) >= 0
    assert max(counting.row(COVERED_MS)) <= SLOT * 1000


@pytest.mark.parametrize("gap_seconds", [3_600, 30 * 86_400])
def test_a_gap_of_any_length_is_spread_to_the_last_event(gap_seconds: int) -> None:
    counting = Counting({"t": [(10, 0, 0), (10 + gap_seconds, 1_000_003, 77)]}, 10 + gap_seconds)
    assert (counting.counts[GOOD].sum(), counting.counts[BAD].sum()) == (1_000_003 - 77, 77)
    assert counting.counts[COVERED_MS].min() == SLOT * 1000
