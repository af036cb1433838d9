"""Definitions of an SLO by date: each slot counts by the one of its time, and what fires goes on."""

from dataclasses import replace
from fractions import Fraction

import pytest

from slo.core.policy import Severity
from slo.core.sli import Weighted
from slo.core.slo import SLO
from slo.engine.evaluate import Engine
from tests.engine.histories import DAY, fires, pair
from tests.engine.made import begun, goes_on, known, moment, promise, remaining, rows
from tests.engine.twin import NEW_YEAR

HOUR, MINUTE = 3600, 60
LONG = pair(HOUR, 300, 2, window=DAY)


def since(slo: SLO, seconds: int) -> SLO:
    """The same from so many seconds into the year on."""
    return replace(slo, effective_from=moment(seconds))


FIRST = promise("gate", LONG, objective="0.99")
STRICT = since(promise("gate", LONG, objective="0.999"), HOUR)


def burn_rate(engine: Engine, seconds: int = HOUR) -> float | None:
    return next(figures.burn_rate for figures in engine.status("gate").windows if figures.seconds == seconds)


def test_the_definition_in_force_is_that_of_the_slot_that_ends_now() -> None:
    engine = begun(STRICT, FIRST)
    promised = []
    for _ in range(3):
        goes_on(engine, HOUR // 2, gate=known(good=1))
        promised.append(engine.slos["gate"].objective)
    assert promised == [Fraction(99, 100), Fraction(99, 100), Fraction(999, 1000)]
    assert list(engine.slos) == ["gate"]


def test_each_objective_counts_for_its_part_of_a_window() -> None:
    engine = begun(FIRST, STRICT)
    goes_on(engine, HOUR // 2, gate=known(good=1000))
    goes_on(engine, HOUR, gate=known(good=999, bad=1))
    # Of the last hour, 180 slots may have 10 bad events of 1000 each, and 180 slots 1: 360 are bad.
    assert burn_rate(engine) == pytest.approx(360 / (180 * 10 + 180 * 1))
    # Of the whole, 360 may have 10, and 180 one; projected from 1.5 h onto the day.
    budget = engine.status("gate").budget
    assert budget.allowed_events == pytest.approx((360 * 10 + 180) * 16)
    assert budget.remaining == pytest.approx(1 - 360 / ((360 * 10 + 180) * 16))
    goes_on(engine, HOUR // 2, gate=known(good=999, bad=1))
    assert burn_rate(engine) == pytest.approx(1.0)


@pytest.mark.parametrize("bad", [5, 6])
def test_alerts_go_by_the_objective_of_each_part_exactly(bad: int) -> None:
    # Twice (10 + 1) / 2 per thousand is 11 of 1000; the first half hour has 5 or 6 more bad events than the second.
    policy = pair(HOUR, HOUR // 2, 2, window=DAY)
    first = promise("gate", policy, objective="0.99")
    strict = since(promise("gate", policy, objective="0.999"), HOUR)
    engine = begun(first, strict)
    goes_on(engine, HOUR // 2, gate=known(good=1000))
    goes_on(engine, HOUR // 2, gate=known(good=1000 - 3 * bad, bad=3 * bad))
    goes_on(engine, HOUR // 2, gate=known(good=1000 - 22 + 3 * bad, bad=22 - 3 * bad))
    assert burn_rate(engine) == pytest.approx(2.0)
    assert fires(engine) == {}
    engine.ledger.add("probe:gate", engine.ledger.now, known(bad=1))
    engine.evaluate()
    assert ("1h/30m" in fires(engine)) == (bad == 5 or burn_rate(engine, HOUR // 2) > 2)  # type: ignore[operator]


def test_another_sli_counts_from_its_date_on_and_not_before() -> None:
    moved = since(promise("gate", LONG, sli="probe:door"), HOUR)
    engine = begun(FIRST, moved)
    goes_on(engine, 2 * HOUR, gate=known(bad=1), door=known(good=1))
    budget = engine.status("gate").budget
    assert (budget.good, budget.bad, budget.covered_seconds) == (360, 360, 2 * HOUR)
    engine.ledger.add("probe:gate", NEW_YEAR + HOUR, known(bad=1))
    engine.ledger.add("probe:door", NEW_YEAR + HOUR, known(bad=1))
    engine.ledger.add("probe:door", NEW_YEAR + HOUR + 10, known(bad=1))
    engine.evaluate()
    assert engine.status("gate").budget.bad == 362


def test_what_was_counted_before_the_first_definition_counts_for_nothing() -> None:
    engine = begun(since(FIRST, HOUR))
    goes_on(engine, HOUR, gate=known(bad=1))
    assert engine.status("gate").budget.remaining is None
    assert fires(engine) == {}
    goes_on(engine, HOUR, gate=known(good=1))
    assert (remaining(engine, "gate"), engine.status("gate").budget.good) == (1.0, 360)


def test_a_definition_counts_from_the_next_whole_minute_on() -> None:
    engine = begun(FIRST, since(promise("gate", sli="probe:door"), 61))
    goes_on(engine, 180, gate=known(good=1), door=known(bad=1))
    assert (engine.status("gate").budget.good, engine.status("gate").budget.bad) == (12, 6)


def test_history_counts_by_the_definition_of_its_time() -> None:
    moved = since(promise("gate", LONG, sli="probe:door", objective="0.999"), HOUR)
    minutes = range(MINUTE, 2 * HOUR + 1, MINUTE)
    history = [
        rows({end: known(good=9, bad=1, seconds=MINUTE) for end in minutes}, seconds=MINUTE, sli="probe:gate"),
        rows({end: known(good=99, bad=1, seconds=MINUTE) for end in minutes}, seconds=MINUTE, sli="probe:door"),
    ]
    engine = begun(FIRST, moved, now=2 * HOUR, history=history)
    budget = engine.status("gate").budget
    assert (budget.good, budget.bad) == (60 * 9 + 60 * 99, 120)
    assert budget.allowed_events == pytest.approx((60 * 10 * 0.01 + 60 * 100 * 0.001) * 12)


def test_what_fires_goes_on_where_the_new_policy_has_the_pair_and_is_dropped_where_it_does_not() -> None:
    kept, gone = pair(HOUR, 300, 2, window=DAY), pair(7200, 600, 1, Severity.TICKET, window=DAY)
    engine = begun(promise("gate", kept, gone), since(promise("gate", kept), HOUR))
    goes_on(engine, HOUR, gate=known(bad=1))
    assert fires(engine) == {"1h/5m": Severity.PAGE, "2h/10m": Severity.TICKET}
    engine.ledger.add("probe:gate", engine.ledger.now + 10, known(bad=1))
    engine.ledger.close(engine.ledger.now + 10)
    assert engine.evaluate() == ["gate"]
    assert fires(engine) == {"1h/5m": Severity.PAGE}
    assert engine.evaluate() == []


def test_a_for_goes_on_over_a_change() -> None:
    patient = pair(HOUR, 300, 2, window=DAY, hold=120)
    engine = begun(promise("gate", patient), since(promise("gate", patient, objective="0.999"), HOUR))
    goes_on(engine, HOUR - 60, gate=known(good=1))
    goes_on(engine, 300, gate=known(bad=1))
    assert fires(engine) == {"1h/5m": Severity.PAGE}


def test_scopes_of_one_name_are_slos_of_their_own() -> None:
    scopes = [promise("gate", LONG, sli=f"probe:{scope}", scope=f"cluster={scope}") for scope in ("eu", "us")]
    engine = begun(*scopes)
    goes_on(engine, HOUR, eu=known(good=1), us=known(bad=1))
    assert list(engine.slos) == ["gate{cluster=eu}", "gate{cluster=us}"]
    assert list(engine.firing()) == ["gate{cluster=us}"]
    alert = engine.alert("gate{cluster=us}")
    assert (alert.slo, alert.scope) == ("gate", "cluster=us")
    assert remaining(engine, "gate{cluster=eu}") == 1.0


def test_a_mean_begins_with_its_definition() -> None:
    definition = Weighted(weights=(("a", Fraction(1)),))
    member = promise("a", sli="probe:a")
    mean = since(promise("gate", sli=definition.key, definition=definition), HOUR)
    engine = begun(member, FIRST, mean)
    goes_on(engine, HOUR, gate=known(bad=1), a=known(bad=1))
    assert engine.status("gate").budget.bad == 360
    goes_on(engine, HOUR, gate=known(bad=1), a=known(good=1))
    assert (engine.status("gate").budget.good, engine.status("gate").budget.bad) == (360, 0)
