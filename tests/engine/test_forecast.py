"""When a budget will be spent: from what is left, at the rate of the last hour, with what leaves the window."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from slo.core.calendar import CalendarWindow, Period
from slo.core.counts import Counts
from slo.engine.evaluate import Engine
from tests.engine.histories import DAY, SLI, google_30d, known, pair, slo, steady, tick, watch
from tests.engine.twin import NEW_YEAR

HOUR = 3600
MONTH = CalendarWindow(period=Period.MONTH, zone="UTC")


def left(engine: Engine) -> timedelta | None:
    """How long the budget lasts."""
    status = engine.status("gate")
    return None if status.budget.exhaustion is None else status.budget.exhaustion - status.at


def test_a_steady_burn_spends_what_is_left_and_not_a_whole_budget_again() -> None:
    # An outage of an hour long ago took 5 / 36 of 3.6 h; one event in 50 fails now, which is twice the allowed rate.
    lasting = slo(pair(HOUR, 300, 1, window=30 * DAY), objective="0.99", window=30 * DAY)
    engine = watch(lasting, history=[steady(30 * DAY, a_minute=600)])
    tick(engine, known(good=98, bad=2), slots=360)
    status = engine.status("gate")
    assert status.budget.remaining == pytest.approx(1 - 2 / 720, abs=1e-4)
    assert left(engine) == pytest.approx(timedelta(days=15) * (1 - 2 / 720), abs=timedelta(hours=1))


def test_errors_that_leave_a_rolling_window_give_their_share_back() -> None:
    # Burning at the allowed rate for two windows: what leaves is what comes, so that the budget is never overspent.
    lasting = slo(pair(600, 60, 1, window=7200), objective="0.9", window=7200)
    engine = watch(lasting)
    tick(engine, known(good=19, bad=1), slots=1440)
    assert engine.status("gate").budget.remaining == 0.5
    assert left(engine) is None
    # The same burn, of which half the window is the first half: an hour passes before anything leaves.
    other = watch(lasting, history=[steady(2 * 7200, a_minute=120)])
    tick(other, known(good=16, bad=4), slots=180)
    assert other.status("gate").budget.remaining == pytest.approx(0.5)
    # 2x for half an hour took half of the budget; at 1x (the hour holds as much good) the other half takes an hour.
    assert other.status("gate").windows[-1].burn_rate == pytest.approx(0.5)
    assert left(other) == timedelta(hours=1)


@pytest.mark.parametrize(
    "engine", [watch(google_30d()), watch(google_30d(), history=[steady(DAY)])], ids=["new", "well"]
)
def test_where_nothing_burns_nothing_is_foretold(engine: Engine) -> None:
    assert left(engine) is None


def test_where_the_last_hour_is_not_known_nothing_is_foretold() -> None:
    engine = watch(google_30d(), history=[steady(DAY, bad=3)])
    assert left(engine) is not None
    tick(engine, slots=360)
    assert left(engine) is None


def test_a_budget_that_is_spent_is_spent_now() -> None:
    engine = watch(google_30d(), history=[steady(DAY, bad=3)])
    tick(engine, known(bad=100), slots=360)
    assert (engine.status("gate").budget.remaining or 0) < 0
    assert left(engine) == timedelta(0)


def test_in_a_period_nothing_is_given_back_and_its_end_is_the_end() -> None:
    half_over = NEW_YEAR + 15 * DAY
    promise = replace(google_30d(objective="0.99"), calendar=MONTH)
    engine = watch(promise, history=[steady(15 * DAY, until=half_over - HOUR, a_minute=60)], now=half_over - HOUR)
    tick(engine, known(good=196, bad=4), slots=360)
    status = engine.status("gate")
    assert status.budget.exhaustion is not None
    # Twice the allowed rate: what is left of the whole month's budget lasts for half a month.
    assert status.budget.exhaustion == pytest.approx(
        datetime.fromtimestamp(half_over, UTC) + timedelta(days=31) / 2 * (status.budget.remaining or 0),
        abs=timedelta(seconds=1),
    )
    late = NEW_YEAR + 30 * DAY
    engine = watch(promise, history=[steady(30 * DAY, until=late - HOUR, a_minute=60)], now=late - HOUR)
    tick(engine, known(good=196, bad=4), slots=360)
    assert left(engine) is None


def test_late_errors_leave_the_window_with_their_slot() -> None:
    lasting = slo(pair(600, 60, 1, window=7200), objective="0.9", window=7200)
    engine = watch(lasting, history=[steady(7200, a_minute=120)])
    tick(engine, known(good=10, bad=10), slots=60)
    before, remaining = left(engine), engine.status("gate").budget.remaining
    engine.ledger.add(SLI, engine.ledger.now - 7200 + 20, Counts(bad=500))
    engine.evaluate()
    assert before is not None
    assert remaining is not None
    assert (engine.status("gate").budget.remaining or 0) < remaining - 0.2
    # They are gone in 20 s, and with them what they took: the budget lasts as long as it did.
    assert left(engine) == pytest.approx(before, abs=timedelta(minutes=5))
