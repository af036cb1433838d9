"""Budgets by slices of time: good or bad as a whole, or by their ratio; live, late, and from history."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo.core.budgeting import Budgeting, Method
from slo.core.counts import Counts
from slo.core.deltas import Block
from slo.core.exclusion import Exclusion
from slo.core.slo import SLO
from slo.engine.columns import Sliced
from slo.engine.evaluate import Engine
from slo.engine.slice_history import SliceHistory
from slo.engine.slices import Slices
from tests.engine.histories import DAY, SLI, fires, pair
from tests.engine.made import HALF, begun, excluded, goes_on, known, promise, remaining, rows
from tests.engine.twin import NEW_YEAR, packed_before

HOUR, MINUTE = 3600, 60
FIVE = timedelta(minutes=5)


def by_slices(*, target: Fraction = HALF, minutes: int = 5, **more: bool) -> Budgeting:
    return Budgeting(method=Method.TIMESLICES, slice=timedelta(minutes=minutes), target=target, **more)


BY_RATIO = Budgeting(method=Method.RATIO_TIMESLICES, slice=FIVE)


def sliced(budgeting: Budgeting) -> SLO:
    return promise("gate", pair(HOUR, 600, 2, window=DAY), budgeting=budgeting)


def shown(engine: Engine) -> tuple[int, int, int]:
    """Good, bad and unknown over the whole window."""
    figures = engine.status("gate").windows[-1]
    return figures.good, figures.bad, figures.unknown


@pytest.mark.parametrize(
    ("slots", "budgeting", "expected"),
    [
        ([known(good=1)] * 30, by_slices(), (1, 0, 0)),
        ([known(good=1)] * 15 + [known(bad=1)] * 15, by_slices(), (1, 0, 0)),
        ([known(good=1)] * 14 + [known(bad=1)] * 16, by_slices(), (0, 1, 0)),
        ([Counts(unknown=1)] * 29 + [known(good=1)], by_slices(), (1, 0, 0)),
        ([known()] * 30, by_slices(), (0, 0, 0)),
        ([known()] * 30, by_slices(no_traffic_good=True), (1, 0, 0)),
        ([known()] * 30, by_slices(no_data_bad=True), (0, 0, 0)),
        ([Counts(unknown=1)] * 30, by_slices(), (0, 0, 1)),
        ([Counts(unknown=1)] * 30, by_slices(no_traffic_good=True), (0, 0, 1)),
        ([Counts(unknown=1)] * 30, by_slices(no_data_bad=True), (0, 1, 0)),
    ],
)
def test_a_slice_is_what_its_events_make_it(
    slots: Sequence[Counts], budgeting: Budgeting, expected: tuple[int, int, int]
) -> None:
    engine = begun(sliced(budgeting), now=-300)
    goes_on(engine, 300, gate=known(good=1))
    for number, counts in enumerate(slots):
        assert shown(engine) == (1, 0, 0), f"before it ends, after {number} slots"
        goes_on(engine, 10, gate=counts)
    assert shown(engine) == (1 + expected[0], *expected[1:])


def test_a_slice_that_nobody_counted_in_is_no_data_once_the_sli_has_begun() -> None:
    engine = begun(sliced(by_slices(no_data_bad=True)))
    goes_on(engine, 1500)
    assert shown(engine) == (0, 0, 0)
    goes_on(engine, 10, gate=known(good=1))
    engine.ledger.close(NEW_YEAR + 2 * HOUR)
    assert shown(engine) == (1, (2 * HOUR - 1800) // 300, 0)


def test_the_budget_of_slices_is_one_of_time() -> None:
    # Of the 288 slices of a day 2.88 may be bad: half an hour of outage takes 6, whatever the traffic was.
    engine = begun(sliced(by_slices(target=Fraction(9, 10))))
    for hour in range(24):
        goes_on(engine, HOUR - 1800, gate=known(good=1 if hour % 2 else 1000))
        goes_on(engine, 1800, gate=known(good=0 if hour == 20 else 1, bad=int(hour == 20)))
    status = engine.status("gate")
    assert (status.budget.good, status.budget.bad, status.budget.coverage) == (282, 6, 1.0)
    assert status.budget.allowed_events == pytest.approx(2.88)
    assert remaining(engine, "gate") == pytest.approx(1 - 6 / 2.88)
    assert status.totals["good"] > 282, "the counters of the SLI stay those of its events"


def test_alerts_of_slices_go_by_slices() -> None:
    engine = begun(sliced(by_slices(target=Fraction(9, 10))))
    goes_on(engine, HOUR, gate=known(good=9, bad=1))
    assert fires(engine) == {}, "every slice meets its target"
    goes_on(engine, 290, gate=known(good=8, bad=2))
    assert fires(engine) == {}
    goes_on(engine, 10, gate=known(good=8, bad=2))
    # One of twelve slices is bad: more than twice the 1 % that may be.
    assert fires(engine) != {}


@pytest.mark.parametrize("budgeting", [by_slices(minutes=30), replace(BY_RATIO, slice=timedelta(minutes=30))])
def test_an_slo_whose_slices_are_longer_than_its_shortest_window_has_data_between_their_ends(
    budgeting: Budgeting,
) -> None:
    engine = begun(sliced(budgeting))
    goes_on(engine, 1790, gate=known(good=1))
    assert engine.status("gate").state == "no_data", "no slice has ended"
    for _ in range(6):
        goes_on(engine, 600, gate=known(good=1))
        assert engine.status("gate").state == "ok"
    goes_on(engine, 600)
    assert engine.status("gate").state == "no_data"


def test_a_late_count_judges_its_slice_anew_while_the_slots_are_kept() -> None:
    engine = begun(sliced(by_slices()))
    goes_on(engine, 7200, gate=known(good=1))
    assert shown(engine) == (24, 0, 0)
    for age, bad in ((7000, 0), (3300, 1), (3310, 1), (20, 2), (310, 3)):
        engine.ledger.add(SLI, engine.ledger.now - age, Counts(bad=1000))
        engine.evaluate()
        assert shown(engine) == (24 - bad, bad, 0)
    engine.ledger.add(SLI, engine.ledger.now - 310, Counts(good=2000))
    engine.evaluate()
    assert shown(engine) == (22, 2, 0)


def test_a_slice_of_which_a_part_is_excluded_is_what_the_rest_makes_it() -> None:
    engine = begun(sliced(by_slices(no_data_bad=True)), exclusions=[excluded(600, 1350)])
    goes_on(engine, 600, gate=known(good=1))
    goes_on(engine, 700, gate=known(bad=1))
    goes_on(engine, 200, gate=known(good=1))
    # From 600 s on: two slices that are excluded whole, one of which 150 s are left, all of them good.
    assert shown(engine) == (3, 0, 0)
    budget = engine.status("gate").budget
    assert budget.excluded_seconds == 600
    assert budget.coverage == pytest.approx(900 / (DAY - 600))
    assert budget.raw is not None
    assert (budget.raw.good, budget.raw.bad) == (3, 2)


def test_an_exclusion_shorter_than_a_slice_has_raw_figures_beside_it() -> None:
    engine = begun(sliced(by_slices()), exclusions=[excluded(700, 900)])
    goes_on(engine, 700, gate=known(good=1))
    goes_on(engine, 200, gate=known(bad=1))
    assert shown(engine) == (3, 0, 0)
    budget = engine.status("gate").budget
    assert budget.raw is not None
    assert (budget.raw.good, budget.raw.bad) == (2, 1)
    assert budget.excluded == 20


def test_a_slice_that_is_excluded_whole_is_not_without_data() -> None:
    engine = begun(sliced(by_slices(no_data_bad=True)), exclusions=[excluded(600, 1200)])
    goes_on(engine, 600, gate=known(good=1))
    engine.ledger.close(NEW_YEAR + 1500)
    assert shown(engine) == (2, 1, 0)


# The mean of ratios


def test_sloths_figure_of_an_hour_of_outage_is_the_same_at_night_as_at_a_peak() -> None:
    # reference: 99.9 %, 30 days: 139 % of the budget, whatever the traffic was. By events: 4 % at night.
    month = 30 * DAY
    budgets = []
    for budgeting in (BY_RATIO, Budgeting()):
        night = {end: known(good=0, bad=1, seconds=MINUTE) for end in range(month - HOUR + MINUTE, month + 1, MINUTE)}
        day = {end: known(good=34, seconds=MINUTE) for end in range(MINUTE, month - HOUR + 1, MINUTE)}
        gate = promise("gate", objective="0.999", window=month, budgeting=budgeting)
        engine = begun(gate, now=month, history=[rows(day | night, seconds=MINUTE)])
        budgets.append(1 - remaining(engine, "gate"))
    assert budgets == [pytest.approx(1.389, abs=0.001), pytest.approx(0.041, abs=0.001)]


def test_a_mean_of_ratios_is_exact() -> None:
    engine = begun(promise("gate", window=DAY, objective="0.9999", budgeting=BY_RATIO))
    goes_on(engine, DAY, gate=known(good=2, bad=1))
    assert 1 - remaining(engine, "gate") == pytest.approx(1e4 / 3, rel=1e-12)
    assert engine.status("gate").budget.sli == pytest.approx(2 / 3, rel=1e-12)


def test_a_mean_of_ratios_changes_the_budget_alone_and_is_not_weighed() -> None:
    by_ratio = promise("ratio", pair(HOUR, 300, 2, window=DAY), budgeting=BY_RATIO)
    engine = begun(by_ratio, promise("events", pair(HOUR, 300, 2, window=DAY)))
    goes_on(engine, 300, gate=known(good=99, bad=1))
    goes_on(engine, 300, gate=known(good=0, bad=3))
    ratio, events = engine.status("ratio"), engine.status("events")
    assert [w.bad for w in ratio.windows] == [w.bad for w in events.windows] == [90, 120, 120]
    assert (ratio.budget.bad, events.budget.bad) == (120, 120)
    assert ratio.budget.sli == pytest.approx((0.99 + 0) / 2)
    assert ratio.budget.allowed_events is None
    assert remaining(engine, "ratio") == pytest.approx(1 - 0.505 / 0.01)
    # Of a young hour as much is known as there is: what weighs little in the other weighs all of it here.
    assert ratio.windows[1].burn_rate == pytest.approx(120 / 3090 / 0.01)
    assert events.windows[1].burn_rate == pytest.approx(120 / 3090 / 0.01 / 6)


# History


counts = st.builds(
    Counts,
    good=st.integers(0, 3),
    bad=st.integers(0, 3),
    unknown=st.integers(0, 1),
    covered_ms=st.sampled_from([0, 5_000, 10_000]),
)
budgetings = st.sampled_from(
    [by_slices(), by_slices(no_data_bad=True), by_slices(no_traffic_good=True, minutes=1), BY_RATIO]
)


@settings(max_examples=20)
@given(
    slots=st.dictionaries(st.integers(1, 6 * 360), counts, min_size=1, max_size=40),
    late=st.lists(st.tuples(st.integers(0, 300), counts), max_size=4),
    budgeting=budgetings,
    exclusions=st.sampled_from([(), (excluded(HOUR, 2 * HOUR + MINUTE),)]),
    minutes=st.booleans(),
)
def test_what_is_read_again_by_slots_or_minutes_is_what_was_counted(
    *,
    slots: dict[int, Counts],
    late: list[tuple[int, Counts]],
    budgeting: Budgeting,
    exclusions: tuple[Exclusion, ...],
    minutes: bool,
) -> None:
    gate = sliced(budgeting)
    live = begun(gate, exclusions=exclusions)
    blocks: list[Block] = []
    for slot in range(1, 6 * 360 + 1):
        end = NEW_YEAR + slot * 10
        live.ledger.add(SLI, end, slots.get(slot, Counts()) if slot > 1 else known(good=1))
        blocks += live.ledger.close(end)
    for age, one in late:
        live.ledger.add(SLI, live.ledger.now - age * 10, one)
    blocks += live.ledger.close(live.ledger.now)
    written = packed_before(blocks, live.ledger.now) if minutes else blocks
    history = sorted(written, key=lambda block: -(-int(block.ends[0]) // HOUR))
    again = begun(gate, exclusions=exclusions, now=6 * HOUR, history=history)
    live.evaluate()
    assert again.status("gate").budget == live.status("gate").budget
    assert shown(again) == shown(live)


def test_silence_at_the_beginning_of_a_history_counts_for_an_sli_that_had_begun_before() -> None:
    gate = promise("gate", window=6 * HOUR, budgeting=by_slices(no_data_bad=True))
    seen = rows({5 * HOUR: known(good=1)})
    fresh = begun(gate, now=6 * HOUR, history=[seen])
    assert shown(fresh) == (1, 12, 0)
    older = begun(gate, now=6 * HOUR)
    older.ledger.load([seen], totals=np.array([[100], [0], [0], [10**6]], np.int64))
    older.evaluate()
    assert shown(older) == (1, 71, 0)


def test_history_with_slices_must_come_in_the_order_of_its_hours() -> None:
    with pytest.raises(ValueError, match="order of its hours"):
        begun(
            sliced(by_slices()),
            now=3 * HOUR,
            history=[rows({2 * HOUR + 10: known(good=1)}), rows({HOUR + 10: known(good=1)})],
        )


def test_the_slices_of_an_hour_are_judged_when_the_next_one_comes() -> None:
    column = Sliced(source=SLI, budgeting=by_slices(minutes=1))
    (group,) = Slices([column], {SLI: 0, column: 1}).groups
    history = SliceHistory(group, since=0, now=DAY)
    for hour in range(24):
        given = [len(ends) for ends, _ in history.settled(hour * HOUR)]
        assert sum(given) == (60 if hour else 0)
        ends = np.arange(hour * HOUR + MINUTE, (hour + 1) * HOUR + 1, MINUTE)
        history.add(ends, np.ones((4, len(ends), 2), np.int64))
    assert sum(len(ends) for ends, _ in history.settled(DAY)) == 60
