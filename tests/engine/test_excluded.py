"""What is excluded counts for nothing, with raw figures beside it; and neither begins an alert nor ends one."""

from datetime import timedelta

import numpy as np
import pytest

from slo.core.exclusion import Exclusion
from slo.core.recurrence import Recurrence
from slo.core.status import RawFigures
from slo.engine.evaluate import Engine
from slo.engine.excluded import NOTHING, Excluded
from tests.engine.histories import DAY, fires, pair
from tests.engine.made import begun, excluded, goes_on, known, moment, promise, remaining, rows
from tests.engine.twin import NEW_YEAR

PAIR = pair(3600, 300, 2, window=DAY)
GATE = promise("gate", PAIR)
HOUR = 3600


def test_a_slot_is_excluded_if_it_lies_inside_whole() -> None:
    away = Excluded([excluded(15, 45), excluded(45, 62)])
    ends = NEW_YEAR + np.arange(10, 80, 10)
    assert away.covers(ends, 10).tolist() == [False, False, True, True, True, True, False]
    assert away.covers(NEW_YEAR + np.arange(20, 81, 20), 20).tolist() == [False, True, True, False]
    assert away.seconds(NEW_YEAR, NEW_YEAR + 100, 10) == 40
    assert away.seconds(NEW_YEAR + 25, NEW_YEAR + 35, 10) == 10


def test_spans_are_found_wherever_they_are_asked_for_next() -> None:
    recurring = Exclusion(
        name="every night",
        reason="backup",
        author="kim",
        created_at=moment(0),
        when=Recurrence(
            rule="FREQ=DAILY", zone="UTC", start=moment(0).replace(tzinfo=None), duration=timedelta(minutes=1)
        ),
    )
    away = Excluded([recurring])
    for day in (3, 40, 1, 200):
        begin = NEW_YEAR + day * DAY
        assert away.covers(np.array([begin, begin + 10, begin + 60, begin + 70]), 10).tolist() == [
            False,
            True,
            True,
            False,
        ]
    assert away.seconds(NEW_YEAR, NEW_YEAR + 10 * DAY, 10) == 600


def test_nothing_excludes_nothing() -> None:
    assert not NOTHING
    assert not NOTHING.covers(np.array([NEW_YEAR]), 10).any()
    assert NOTHING.seconds(NEW_YEAR, NEW_YEAR + DAY, 10) == 0


def test_an_outage_that_is_excluded_spends_nothing_and_is_shown_beside() -> None:
    engine = begun(GATE, exclusions=[excluded(HOUR, 2 * HOUR)])
    goes_on(engine, HOUR, gate=known(good=1))
    goes_on(engine, HOUR, gate=known(bad=1))
    goes_on(engine, HOUR, gate=known(good=1))
    status = engine.status("gate")
    assert (status.budget.good, status.budget.bad, status.budget.remaining) == (720, 0, 1.0)
    assert (status.budget.excluded, status.budget.excluded_seconds) == (360, HOUR)
    # Two hours of 23 are known; of an hour of outage in a day that may be bad for 14.4 min, raw.
    assert status.budget.coverage == pytest.approx(2 / 23)
    raw = status.budget.raw
    assert raw is not None
    assert (raw.good, raw.bad, raw.sli) == (720, 360, 2 / 3)
    assert raw.remaining == pytest.approx(1 - 60 / 14.4)
    assert status.totals == {"good": 720, "bad": 360, "unknown": 0}


def test_a_window_without_anything_excluded_has_no_raw_figures() -> None:
    engine = begun(GATE, exclusions=[excluded(HOUR, 2 * HOUR)])
    goes_on(engine, 4 * HOUR, gate=known(good=1))
    short, long, _ = engine.status("gate").windows
    assert (short.raw, short.excluded_seconds) == (None, 0)
    assert (long.raw, long.excluded_seconds) == (None, 0)
    assert engine.status("gate").windows[-1].raw == RawFigures(good=1440, bad=0, sli=1.0)


def test_the_budget_of_what_is_left_is_that_of_the_whole_window_without_what_is_excluded() -> None:
    # Half of the day is excluded: 1 % of the other half may be bad, 7.2 min of it.
    engine = begun(GATE, exclusions=[excluded(0, DAY // 2)])
    goes_on(engine, DAY // 2, gate=known(good=1))
    goes_on(engine, 432, gate=known(bad=1))
    goes_on(engine, DAY // 2 - 440, gate=known(good=1))
    assert remaining(engine, "gate") == pytest.approx(1 - 430 / 432, abs=0.001)


def test_burn_is_weighed_by_everything_so_that_what_is_excluded_makes_no_failure_larger() -> None:
    engine = begun(GATE, exclusions=[excluded(0, 3000)])
    goes_on(engine, 3000, gate=known(good=1))
    goes_on(engine, 600, gate=known(good=1, bad=1))
    hour = next(figures for figures in engine.status("gate").windows if figures.seconds == HOUR)
    # Half of the events of ten minutes: a twelfth of the hour's weight, 1 % may be bad.
    assert hour.burn_rate == pytest.approx(0.5 / 6 / 0.01)
    assert hour.coverage == 1.0


def test_maintenance_begins_no_alert() -> None:
    engine = begun(GATE, exclusions=[excluded(HOUR, 2 * HOUR)])
    goes_on(engine, HOUR, gate=known(good=1))
    goes_on(engine, HOUR, gate=known(bad=1))
    assert fires(engine) == {}
    goes_on(engine, 600, gate=known(bad=1))
    assert "1h/5m" in fires(engine)


def during_an_outage() -> Engine:
    engine = begun(GATE)
    goes_on(engine, HOUR, gate=known(good=1))
    goes_on(engine, 1200, gate=known(bad=1))
    assert "1h/5m" in fires(engine)
    return engine


def rebuilt(old: Engine, *exclusions: Exclusion) -> Engine:
    """The same slots again, without what is excluded now: as the books do it."""
    seen = {
        end: known(good=int(end <= HOUR), bad=int(end > HOUR)) for end in range(10, old.ledger.now - NEW_YEAR + 1, 10)
    }
    new = begun(GATE, exclusions=exclusions, now=old.ledger.now - NEW_YEAR, history=[rows(seen)])
    new.take_over(old)
    return new


@pytest.mark.parametrize("until", [HOUR + 900, HOUR + 1200, 2 * DAY], ids=["a part", "so far", "and on"])
def test_an_outage_that_is_excluded_afterwards_goes_on_firing_until_it_is_over(until: int) -> None:
    engine = rebuilt(during_an_outage(), excluded(HOUR, until))
    goes_on(engine, 10, gate=known(bad=1))
    assert "1h/5m" in fires(engine)
    assert remaining(engine, "gate") > -1
    goes_on(engine, 290, gate=known(good=1))
    assert "1h/5m" in fires(engine)
    goes_on(engine, 60, gate=known(good=1))
    assert fires(engine) == {}


def test_an_outage_that_is_excluded_afterwards_does_not_clear_by_being_forgotten() -> None:
    engine = rebuilt(during_an_outage(), excluded(HOUR, 2 * DAY))
    goes_on(engine, 1200)
    assert "1h/5m" in fires(engine), "nothing is known of it"


def test_only_slos_that_an_exclusion_is_for_are_touched() -> None:
    other = promise("other", labels={"team": "blue"})
    engine = begun(GATE, other, exclusions=[excluded(0, HOUR, labels={"team": "blue"})])
    goes_on(engine, HOUR, gate=known(bad=1))
    assert engine.status("other").budget.excluded == 360
    assert engine.status("gate").budget.excluded == 0
    assert len(engine.ledger.column) == 2


def test_what_arrives_late_is_excluded_with_its_slot() -> None:
    engine = begun(GATE, exclusions=[excluded(60, 120)])
    goes_on(engine, 300, gate=known(good=1))
    for late in (60, 70, 120, 130):
        engine.ledger.add("probe:gate", NEW_YEAR + late, known(bad=1))
    engine.ledger.close(engine.ledger.now)
    engine.evaluate()
    assert (engine.status("gate").budget.bad, engine.status("gate").budget.excluded) == (2, 8)


def test_what_is_kept_by_the_minute_is_excluded_by_the_minute() -> None:
    # From 00:00:30 to 00:03:30, by slots, or the two whole minutes in it.
    exclusions = [excluded(30, 210)]
    slots = rows({end: known(bad=1) for end in range(10, 301, 10)})
    minutes = rows({end: known(bad=6, seconds=60) for end in range(60, 301, 60)}, seconds=60)
    for history, bad in ((slots, 12), (minutes, 18)):
        engine = begun(GATE, exclusions=exclusions, now=300, history=[history])
        assert engine.status("gate").budget.bad == bad
        assert engine.status("gate").budget.coverage <= 1
