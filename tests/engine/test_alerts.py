"""Alert states: what begins to fire when, and what it takes to clear."""

import pytest

from slo.core.alert import FiringPair
from slo.core.counts import Counts
from slo.core.policy import POLICIES, Severity
from slo.engine.evaluate import Engine
from tests.engine.histories import DAY, PAGE, TICKET, fires, google_30d, known, pair, slo, steady, tick, watch

WINDOW = 1200
GOOD, BAD = known(good=10), known(bad=10)


def engine(*, least: int = 0, hold: int = 0, severity: Severity = PAGE) -> Engine:
    """A pair 2m/50s at twice the budget of 10 %, over twenty healthy minutes."""
    one = slo(pair(120, 50, 2, severity, window=WINDOW, least=least, hold=hold), objective="0.9", window=WINDOW)
    made = watch(one)
    tick(made, GOOD, slots=WINDOW // 10)
    return made


def ticks(engine: Engine, counts: Counts | None, slots: int) -> list[str]:
    """What fires at each of some slot ends: the severity, or nothing."""
    said = []
    for _ in range(slots):
        tick(engine, counts)
        said.append(fires(engine).get("2m/50s", ""))
    return said


# Clearing


def test_a_pair_clears_when_its_short_window_is_healthy_again() -> None:
    watched = engine()
    assert ticks(watched, BAD, 4) == ["", "", "page", "page"]
    # After four slots at most one of the last five was bad: two of ten is the factor itself, and not above it.
    assert ticks(watched, GOOD, 5) == ["page", "page", "page", "", ""]


@pytest.mark.parametrize("lost", [6, 13, 500, 40 * 8640])
def test_lost_data_clears_nothing_however_long(lost: int) -> None:
    watched = engine()
    ticks(watched, BAD, 4)
    watched.ledger.close(watched.ledger.now + lost * 10)
    assert watched.evaluate() == []
    assert fires(watched) == {"2m/50s": PAGE}
    # Four of five slots known are the 80 % from which a clear window is believed.
    assert ticks(watched, GOOD, 5) == ["page", "page", "page", "", ""]


@pytest.mark.parametrize(("covered_ms", "cleared"), [(7_490, False), (7_500, True)])
def test_a_short_window_is_believed_from_80_percent_of_coverage(covered_ms: int, cleared: bool) -> None:  # noqa: FBT001
    watched = engine()
    ticks(watched, BAD, 4)
    # After four more slots the window of five holds one that is wholly known: 10 s + 4 x 7.5 s are 80 % of 50 s.
    ticks(watched, Counts(good=10, covered_ms=covered_ms), 5)
    assert fires(watched) == ({} if cleared else {"2m/50s": PAGE})


def test_unknown_outcomes_clear_nothing() -> None:
    watched = engine()
    ticks(watched, BAD, 4)
    assert set(ticks(watched, Counts(unknown=10), 60)) == {"page"}


def test_data_lost_in_the_long_window_does_not_keep_a_pair_whose_short_window_is_known() -> None:
    watched = engine()
    ticks(watched, BAD, 4)
    ticks(watched, None, 3)
    assert ticks(watched, GOOD, 5)[-1] == ""


def test_no_traffic_in_known_time_clears() -> None:
    watched = engine()
    ticks(watched, BAD, 4)
    assert ticks(watched, known(), 5)[-1] == ""


def test_each_pair_clears_by_itself() -> None:
    watched = watch(google_30d(), history=[steady(40 * DAY)])
    tick(watched, known(bad=1), slots=30)
    assert set(fires(watched)) == {"1h/5m", "6h/30m", "1d/2h", "3d/6h"}
    tick(watched, known(good=1), slots=30)
    assert set(fires(watched)) == {"6h/30m", "1d/2h", "3d/6h"}
    tick(watched, known(good=1), slots=150)
    assert set(fires(watched)) == {"1d/2h", "3d/6h"}


# A minimum of bad events


def test_a_page_below_its_minimum_is_a_ticket_until_it_is_reached() -> None:
    watched = engine(least=50)
    assert ticks(watched, BAD, 4) == ["", "", "ticket", "ticket"]
    assert watched.firing() == {"gate": {FiringPair(severity=TICKET, long="2m", short="50s")}}
    assert ticks(watched, BAD, 1) == ["page"]
    assert watched.firing() == {"gate": {FiringPair(severity=PAGE, long="2m", short="50s")}}


def test_a_page_that_falls_below_its_minimum_while_it_burns_is_a_ticket_again() -> None:
    watched = engine(least=4)
    tick(watched, known(), slots=12)
    # Four failures, and one in every fourth slot from then on: the long window of twelve slots then holds three.
    said = [*ticks(watched, known(bad=1), 4)]
    for _ in range(3):
        said += ticks(watched, known(), 3) + ticks(watched, known(bad=1), 1)
    assert said == ["ticket"] * 3 + ["page"] * 11 + ["ticket"] * 2


def test_a_ticket_below_its_minimum_does_not_fire() -> None:
    watched = engine(least=50, severity=TICKET)
    assert ticks(watched, BAD, 6) == ["", "", "", "", "ticket", "ticket"]


def test_a_page_that_lost_its_data_stays_a_page_after_its_bad_events_aged_out() -> None:
    watched = engine(least=30)
    assert ticks(watched, BAD, 4)[-1] == "page"
    assert set(ticks(watched, None, 60)) == {"page"}


# `for`


def test_a_pair_with_a_for_fires_when_it_has_burned_for_so_long() -> None:
    watched = engine(hold=30)
    assert ticks(watched, BAD, 8) == ["", "", "", "", "", "page", "page", "page"]


def test_a_condition_that_is_interrupted_begins_anew() -> None:
    watched = engine(hold=30)
    assert set(ticks(watched, BAD, 3)) == {""}
    assert watched.pending() == {"gate/page/2m/50s": watched.ledger.now}
    ticks(watched, GOOD, 13)
    assert watched.pending() == {}
    assert ticks(watched, BAD, 6) == ["", "", "", "", "", "page"]


def test_a_for_is_of_the_pair_and_does_not_begin_anew_when_its_severity_rises() -> None:
    watched = engine(hold=30, least=50)
    # It burns from the third slot on; the fifth brings the bad events for a page, the sixth ends the half minute.
    assert ticks(watched, BAD, 6) == ["", "", "", "", "", "page"]


def test_a_for_that_is_over_as_a_ticket_is_over_as_a_page() -> None:
    watched = engine(hold=20, least=60)
    assert ticks(watched, BAD, 7) == ["", "", "", "", "ticket", "page", "page"]


def test_a_pair_with_a_for_clears_without_one() -> None:
    watched = engine(hold=30)
    ticks(watched, BAD, 6)
    assert ticks(watched, GOOD, 4) == ["page", "page", "page", ""]


def test_a_policy_without_a_for_remembers_no_times() -> None:
    watched = engine()
    ticks(watched, BAD, 4)
    assert watched.pending() == {}


# Restarts


def restarted(old: Engine) -> Engine:
    """The same SLOs over the same history, with alert states that know nothing."""
    return Engine(list(old.slos.values()), old.ledger)


def test_what_fired_before_a_restart_fires_after_it_until_it_is_seen_to_be_clear() -> None:
    old = engine()
    ticks(old, BAD, 4)
    new = restarted(old)
    new.restore(old.firing(), old.pending())
    assert new.firing() == old.firing()
    tick(new, None, slots=100)
    assert fires(new) == {"2m/50s": PAGE, "SLI lost its data": TICKET}
    tick(new, GOOD, slots=4)
    assert fires(new) == {}


def test_a_for_goes_on_over_a_restart() -> None:
    old = engine(hold=30)
    ticks(old, BAD, 4)
    new = restarted(old)
    new.restore({}, old.pending())
    assert new.pending() == old.pending()
    tick(new, BAD)
    assert fires(new) == {}
    tick(new, BAD)
    assert fires(new) == {"2m/50s": PAGE}


def test_pairs_and_slos_that_left_are_forgotten() -> None:
    watched = engine(hold=30)
    gone = FiringPair(severity=PAGE, long="1h", short="5m")
    other = FiringPair(severity=TICKET, long="2m", short="50s")
    watched.restore({"gate": [gone, other], "left": [gone]}, {"left/page/2m/50s": 5, "gate/page/1h/5m": 5})
    assert watched.firing() == {}
    assert watched.pending() == {}


def test_nothing_is_restored_into_a_policy_without_a_for() -> None:
    watched = engine()
    watched.restore({}, {"gate/page/2m/50s": 5})
    assert watched.pending() == {}


def test_the_hold_of_a_named_policy_is_held() -> None:
    watched = watch(slo(*POLICIES["pyrra-28d"], window=28 * DAY), history=[steady(30 * DAY)])
    elapsed = 0
    while not fires(watched):
        tick(watched, known(bad=1))
        elapsed += 10
    # 14 times the budget of an hour are 50.4 s of outage: seen after a minute, and held for two.
    assert elapsed == 60 + 120
    assert fires(watched) == {"1h/5m": PAGE}
