"""What an SLO means in practice is what the engine does with it."""

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest

from slo.core.budgeting import Budgeting, Method
from slo.core.selector import parse_selector
from slo.core.sli import CheckSLI, CountersSLI
from slo.core.slo import SLO
from slo.engine.explain import explain
from tests.engine.histories import DAY, TICKET, google_30d, pair, slo

SLOT = timedelta(seconds=10)

Told = dict[str, tuple[int | None, int | None]]
"""Page and ticket, in seconds of outage, by the share of events that fail."""


def of_rounds(one: SLO, interval: float) -> SLO:
    return replace(one, definition=CheckSLI(check="gate"), interval=timedelta(seconds=interval))


def told(one: SLO, *, interval: float = 10, slot: timedelta = SLOT) -> Told:
    explanation = explain(of_rounds(one, interval), slot=slot)
    return {str(found.share): (found.page_seconds, found.ticket_seconds) for found in explanation.detections}


@pytest.mark.parametrize(
    ("objective", "interval", "budget_seconds", "events", "budget_events"),
    [("0.999", 10, 2592.0, 259_200, 259.2), ("0.999", 30, 2592.0, 86_400, 86.4), ("0.99", 60, 25_920.0, 43_200, 432.0)],
)
def test_the_budget_is_told_in_time_and_in_events(
    objective: str, interval: int, budget_seconds: float, events: int, budget_events: float
) -> None:
    explained = explain(of_rounds(google_30d(objective=objective), interval), slot=SLOT)
    assert explained.events == events
    assert explained.budget_events == pytest.approx(budget_events)
    assert explained.budget_seconds == pytest.approx(budget_seconds)


@pytest.mark.parametrize(
    ("one", "interval", "expected"),
    [
        # 2 % of the budget in an hour are the sixth failure of 360, 10 % in a day the 26th; the sixth of one in a
        # hundred is never in an hour, and 5 % in six hours are the thirteenth, looked at once a minute by then.
        (google_30d(), 10, {"1": (60, 260), "1/2": (110, 510), "1/10": (510, 2510), "1/100": (12_060, 25_020)}),
        # One failure a minute burns an hour 16.7 times: a ticket at once, a page with the third.
        (google_30d(), 60, {"1": (180, 60), "1/2": (300, 60), "1/10": (1260, 60), "1/100": (12_060, 60)}),
        # At 90 % a half is not six times the budget, and a tenth is the budget itself and not above it.
        (google_30d(objective="0.9"), 10, {"1": (13_020, 25_980), "1/2": (None, 51_900), "1/10": (None, None)}),
        (slo(pair(3600, 300, 14, TICKET, window=30 * DAY)), 10, {"1": (None, 60), "1/2": (None, 110)}),
        (slo(), 10, {"1": (None, None), "1/2": (None, None), "1/10": (None, None), "1/100": (None, None)}),
    ],
)
def test_an_outage_is_told_after_as_long_as_its_share_of_the_budget_takes(
    one: SLO, interval: int, expected: Told
) -> None:
    assert expected.items() <= told(one, interval=interval).items()


def test_windows_shorter_than_a_minute_are_told_by_the_slot() -> None:
    # 10 % of the budget of 30 minutes at 99 % are 9x in 20 s: above 1.8 of 20 rounds, and 3.6 of 40.
    short = slo(pair(20, 5, 9, window=1800), objective="0.99", window=1800)
    second = timedelta(seconds=1)
    assert told(short, interval=1, slot=second)["1"] == (2, None)
    assert told(short, interval=1, slot=second)["1/2"] == (3, None)
    assert told(short, interval=0.5, slot=second)["1"] == (2, None)


def test_a_for_is_part_of_the_time() -> None:
    held = slo(pair(3600, 300, 14, window=30 * DAY, hold=120))
    assert told(held)["1"] == (60 + 120, None)


def test_shares_are_exact() -> None:
    shares = [found.share for found in explain(of_rounds(slo(), SLOT.total_seconds()), slot=SLOT).detections]
    assert shares == [1, Fraction(1, 2), Fraction(1, 10), Fraction(1, 100)]


def test_events_of_counters_come_as_people_make_them_and_an_outage_is_a_share_of_them() -> None:
    counters = CountersSLI(total=parse_selector("a_total"), part=parse_selector("b_total"), part_is="bad")
    one = replace(google_30d(), definition=counters, interval=timedelta(seconds=30))
    explained = explain(one, slot=SLOT)
    assert (explained.events, explained.budget_events, explained.budget_seconds) == (None, None, 2592.0)
    assert {str(found.share): found.page_seconds for found in explained.detections} == {
        "1": 60,
        "1/2": 120,
        "1/10": 540,
        "1/100": 13_020,
    }


def test_slices_are_told_as_they_end() -> None:
    sliced = Budgeting(method=Method.TIMESLICES, slice=timedelta(minutes=5), target=Fraction(95, 100))
    one = replace(of_rounds(google_30d(objective="0.99"), 10), budgeting=sliced)
    found = {str(each.share): each.page_seconds for each in explain(one, slot=SLOT).detections}
    assert found["1"] is not None
    assert found["1"] % 300 == 0
    assert found["1"] == found["1/2"] == found["1/10"]
    assert found["1/100"] is None
