"""The engine as a whole: budgets, states and figures that agree with one another."""

from datetime import UTC, datetime
from fractions import Fraction

import pytest

from slo.core.counts import Counts
from slo.engine.evaluate import Engine, windows_of
from slo.engine.ledger import Ledger
from tests.engine.histories import (
    DAY,
    PAGE,
    SLI,
    TICKET,
    fires,
    google_30d,
    known,
    pair,
    slo,
    steady,
    tick,
    watch,
)
from tests.engine.twin import NEW_YEAR

HOUR = 3600


def remaining(engine: Engine, name: str = "gate") -> float | None:
    return engine.status(name).budget.remaining


# The budget


@pytest.mark.parametrize("past", [10, HOUR, DAY, 29 * DAY, 30 * DAY, 40 * DAY])
def test_a_burn_down_begins_at_100_percent_however_young_the_watch(past: int) -> None:
    engine = watch(google_30d())
    tick(engine, known(good=1), slots=past // 10 if past <= HOUR else 1)
    if past > HOUR:
        engine = watch(google_30d(), history=[steady(past)])
    assert remaining(engine) == 1.0


@pytest.mark.parametrize("past", [HOUR, DAY, 15 * DAY, 30 * DAY, 40 * DAY])
def test_a_minute_of_outage_costs_the_same_part_of_the_budget_however_young_the_watch(past: int) -> None:
    engine = watch(google_30d(), history=[steady(past)])
    tick(engine, known(bad=1), slots=6)
    # 43.2 min of 30 days may be lost; of a young watch's budget as much as the whole window will have.
    assert remaining(engine) == pytest.approx(1 - 1 / 43.2, abs=1e-4)


@pytest.mark.parametrize(("a_minute", "spent"), [(6000, 1.3889), (60, 0.0139)])
def test_an_hour_of_outage_costs_what_its_traffic_was(a_minute: int, spent: float) -> None:
    # A thousand events a slot for a month, and in the hour of outage as many, or a hundredth of them.
    engine = watch(google_30d(), now=NEW_YEAR - HOUR, history=[steady(31 * DAY, until=NEW_YEAR - HOUR, a_minute=6000)])
    tick(engine, known(bad=a_minute // 6), slots=360)
    assert remaining(engine) == pytest.approx(1 - spent, abs=1e-4)


def test_idle_time_costs_and_earns_nothing() -> None:
    engine = watch(google_30d(), history=[steady(30 * DAY)])
    tick(engine, known(bad=1), slots=6)
    before = engine.status("gate").budget
    tick(engine, known(), slots=60)
    after = engine.status("gate").budget
    assert (after.remaining, after.bad, after.coverage) == (before.remaining, before.bad, 1.0)


def test_the_parts_of_the_budget_make_it() -> None:
    engine = watch(google_30d(), history=[steady(30 * DAY, bad=1)])
    budget = engine.status("gate").budget
    assert (budget.window, budget.good, budget.bad, budget.coverage) == ("30d", 5 * 43_200, 43_200, 1.0)
    assert budget.sli == pytest.approx(5 / 6)
    assert budget.allowed_events == pytest.approx(259.2)
    assert budget.remaining == pytest.approx(1 - 43_200 / 259.2)


# States


def test_a_watch_that_knows_nothing_says_so_in_every_figure() -> None:
    status = watch(google_30d()).status("gate")
    assert status.state == "no_data"
    assert (status.budget.remaining, status.budget.allowed_events, status.budget.sli) == (None, None, None)
    assert (status.budget.coverage, status.maturity_seconds) == (0.0, 0.0)
    assert {(w.sli, w.burn_rate, w.coverage) for w in status.windows} == {(None, None, 0.0)}


def test_known_time_without_traffic_is_covered_and_has_no_ratio() -> None:
    engine = watch(google_30d())
    tick(engine, known(), slots=30)
    status = engine.status("gate")
    assert status.state == "ok"
    assert (status.windows[0].coverage, status.windows[0].sli, status.windows[0].burn_rate) == (1.0, None, None)
    assert status.maturity_seconds == 300


@pytest.mark.parametrize(
    ("past", "ticks", "state"),
    [
        (steady(30 * DAY), known(good=1), "ok"),
        (steady(30 * DAY), known(bad=1), "burning"),
        (steady(30 * DAY, until=NEW_YEAR - 4 * DAY, bad=1), known(good=1), "overspent"),
        (steady(30 * DAY, bad=1), known(good=1), "burning"),
        (steady(30 * DAY), None, "no_data"),
        (steady(30 * DAY, until=NEW_YEAR - 4 * DAY, bad=1), None, "no_data"),
    ],
)
def test_the_state_is_what_matters_most(past: object, ticks: Counts | None, state: str) -> None:
    engine = watch(google_30d(), history=[past])  # type: ignore[list-item]
    tick(engine, ticks, slots=30)
    assert engine.status("gate").state == state


def test_a_burning_slo_that_loses_its_data_goes_on_burning() -> None:
    engine = watch(google_30d(), history=[steady(DAY)])
    tick(engine, known(bad=1), slots=10)
    tick(engine, None, slots=100)
    assert engine.status("gate").state == "burning"


# Figures


def test_the_windows_are_those_of_the_policy_and_the_slos_own_shortest_first() -> None:
    engine = watch(google_30d(), history=[steady(31 * DAY)])
    windows = engine.status("gate").windows
    assert [w.window for w in windows] == ["5m", "30m", "1h", "2h", "6h", "1d", "3d", "30d"]
    assert [w.good * 10 for w in windows] == [w.seconds for w in windows]
    assert {w.excluded for w in windows} == {0}


def test_figures_are_of_the_slot_end() -> None:
    engine = watch(google_30d())
    tick(engine, Counts(good=6, bad=2, unknown=1, covered_ms=8_000))
    status = engine.status("gate")
    assert status.at == datetime.fromtimestamp(NEW_YEAR + 10, UTC)
    assert status.totals == {"good": 6, "bad": 2, "unknown": 1}
    five = status.windows[0]
    assert (five.good, five.bad, five.unknown, five.covered_seconds) == (6, 2, 1, 8.0)
    assert five.sli == 0.75
    assert five.coverage == pytest.approx(8 / 300)
    assert five.burn_rate == pytest.approx(0.25 * 8 / 300 * 1000)


def test_what_comes_late_is_in_the_figures_of_the_next_slot_end() -> None:
    engine = watch(google_30d())
    tick(engine, known(good=1))
    assert engine.status("gate").windows[0].bad == 0
    engine.ledger.add(SLI, NEW_YEAR + 10, Counts(bad=1))
    tick(engine)
    assert engine.status("gate").windows[0].bad == 1


def test_what_comes_late_is_in_the_figures_of_an_evaluation_that_is_repeated() -> None:
    engine = watch(google_30d(least=0))
    tick(engine, known(good=1), slots=30)
    engine.ledger.add(SLI, NEW_YEAR + 300, Counts(bad=20))
    assert engine.evaluate() == ["gate"]
    assert engine.status("gate").windows[0].bad == 20


def test_figures_follow_the_ledger_where_a_slot_closes_without_an_evaluation() -> None:
    engine = watch(google_30d())
    engine.ledger.add(SLI, NEW_YEAR + 10, known(bad=1))
    engine.ledger.close(NEW_YEAR + 10)
    status = engine.status("gate")
    assert (status.at.timestamp(), status.windows[0].bad, status.firing) == (NEW_YEAR + 10, 1, frozenset())


def test_slos_that_share_an_sli_are_judged_each_by_its_own_objective() -> None:
    policy = (pair(120, 50, 2, window=600),)
    strict, lax = (
        slo(*policy, name=name, objective=objective, window=600) for name, objective in (("s", "0.99"), ("l", "0.9"))
    )
    other = slo(*policy, name="other", objective="0.99", window=600, sli="probe:other")
    engine = watch([strict, other, lax])
    tick(engine, known(good=9, bad=1), slots=12)
    assert (fires(engine, "s"), fires(engine, "l"), fires(engine, "other")) == ({"2m/50s": PAGE}, {}, {})
    assert [engine.status(name).windows[0].burn_rate for name in ("s", "l", "other")] == [
        pytest.approx(10),
        pytest.approx(1),
        None,
    ]


def test_an_slo_without_a_policy_has_a_budget_and_never_fires() -> None:
    engine = watch(slo())
    assert tick(engine, known(bad=1), slots=300) == []
    assert engine.status("gate").firing == frozenset()
    assert engine.status("gate").state == "overspent"
    assert engine.status("gate").windows[0].window == "30d"


def test_an_engine_without_slos_has_nothing_to_say() -> None:
    engine = watch([])
    assert (engine.evaluate(), engine.firing(), engine.pending()) == ([], {}, {})


def test_an_unknown_name_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        watch(google_30d()).status("gates")


# Changes and alerts


def test_an_evaluation_names_what_changed_and_only_once() -> None:
    engine = watch(google_30d(), history=[steady(DAY)])
    said = [tick(engine, known(bad=1)) for _ in range(8)]
    assert said == [[]] * 5 + [["gate"]] + [[]] * 2
    assert engine.evaluate() == []


def test_an_alert_carries_the_figures_behind_it() -> None:
    one = slo(pair(HOUR, 300, Fraction(72, 5), window=30 * DAY), name="gate", window=30 * DAY)
    engine = watch(one, history=[steady(30 * DAY)])
    tick(engine, known(bad=1), slots=6)
    alert = engine.alert("gate", reason="connect_refused", target="gate:80", detail="refused")
    status = engine.status("gate")
    assert alert.severity is PAGE
    assert (alert.slo, alert.scope, alert.at, alert.firing) == ("gate", "", status.at, status.firing)
    assert [fired.name for fired in alert.firing] == ["1h/5m"]
    evidence = alert.evidence
    assert (evidence.objective, evidence.window, evidence.sli) == (0.999, "30d", status.budget.sli)
    assert (evidence.remaining, evidence.coverage) == (status.budget.remaining, 1.0)
    assert evidence.burn_rates == {figures.window: figures.burn_rate for figures in status.windows}
    assert evidence.burn_rates["1h"] == pytest.approx(6 / 360 * 1000)
    assert (evidence.reason, evidence.target, evidence.detail) == ("connect_refused", "gate:80", "refused")


def test_a_healthy_slo_has_an_alert_that_says_that_nothing_fires() -> None:
    alert = watch(google_30d(), history=[steady(DAY)]).alert("gate")
    assert alert.severity is None
    assert alert.firing == frozenset()


def test_tickets_and_pages_of_one_slo_fire_beside_each_other() -> None:
    engine = watch(google_30d(), history=[steady(40 * DAY)])
    tick(engine, known(bad=1), slots=30)
    assert fires(engine) == {"1h/5m": PAGE, "6h/30m": PAGE, "1d/2h": TICKET, "3d/6h": TICKET}
    assert engine.alert("gate").severity is PAGE


def test_windows_are_collected_over_all_slos_with_those_of_forecasts_and_lost_data() -> None:
    one, other = slo(pair(120, 50, 2, window=600), window=600), slo(name="other", window=7 * DAY)
    assert windows_of([one]) == {50, 120, 600, 300}
    assert windows_of([one, other]) == {50, 120, 600, 300, 7 * DAY, 3600}
    assert windows_of([]) == frozenset()


def test_a_ledger_that_lacks_an_sli_of_an_slo_is_refused_at_once() -> None:
    with pytest.raises(KeyError):
        Engine([slo()], Ledger((), windows_seconds=[30 * DAY], slot_seconds=10, now=NEW_YEAR))
