"""An SLI that loses its data: when that is said, how urgent it is, and what is no loss."""

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from slo.core.alert import Cause, FiringPair
from slo.core.counts import Counts
from slo.core.exclusion import Exclusion, Once
from slo.core.policy import Severity
from slo.core.sli import AllOf, Weighted
from slo.core.slo import SLO
from slo.engine.evaluate import Engine, ledger_of
from tests.engine.histories import PAGE, SLI, TICKET, google_30d, known, pair, slo, watch
from tests.engine.twin import NEW_YEAR

LOST = FiringPair(severity=TICKET, cause=Cause.LOST_DATA)
LOST_PAGE = FiringPair(severity=PAGE, cause=Cause.LOST_DATA)


def passes(
    engine: Engine, seconds: int, counts: Counts | None = None, *, at_fault: Collection[str] = (), sli: str = SLI
) -> None:
    """Let slots pass that each hold the same counts (None: nothing is known of them)."""
    for _ in range(seconds // 10):
        end = engine.ledger.now + 10
        if counts:
            engine.ledger.add(sli, end, counts)
        engine.ledger.close(end)
        engine.evaluate(at_fault=at_fault)


def lost(engine: Engine, key: str = "gate") -> Severity | None:
    """The severity at which the loss is told."""
    entries = [pair.severity for pair in engine.firing().get(key, ()) if pair.cause is Cause.LOST_DATA]
    return entries[0] if entries else None


def seen(*slos: SLO) -> Engine:
    """A watch that has known its SLI for ten minutes."""
    engine = watch(slos or [google_30d()])
    passes(engine, 600, known(good=1))
    return engine


def test_an_sli_has_lost_its_data_after_five_minutes_without_knowledge_and_until_it_is_back() -> None:
    engine = seen()
    passes(engine, 290)
    assert engine.firing() == {}
    passes(engine, 10)
    assert engine.firing() == {"gate": {LOST}}
    passes(engine, 3600)
    assert engine.firing() == {"gate": {LOST}}
    assert engine.evaluate() == []
    passes(engine, 10, known())
    assert engine.firing() == {}


def test_the_state_of_an_slo_that_lost_its_data_is_that_it_has_none() -> None:
    engine = seen(slo(pair(7200, 3600, 2, window=86_400), window=86_400))
    passes(engine, 300)
    status = engine.status("gate")
    assert (status.state, status.firing) == ("no_data", frozenset({LOST}))
    assert engine.alert("gate").severity is TICKET


def test_what_never_had_data_has_not_lost_it() -> None:
    engine = watch(google_30d())
    passes(engine, 3600)
    assert engine.firing() == {}


def test_a_service_that_was_never_there_is_told_of_where_it_is_its_own_fault() -> None:
    engine = watch(google_30d())
    passes(engine, 290, at_fault={SLI})
    assert engine.firing() == {}
    passes(engine, 20, at_fault={SLI})
    assert lost(engine) is PAGE


def test_what_burned_before_goes_on_firing_beside_it() -> None:
    engine = watch(google_30d())
    passes(engine, 600, known(bad=1))
    burning = engine.firing()["gate"]
    passes(engine, 3600)
    assert engine.firing() == {"gate": burning | {LOST}}
    assert engine.status("gate").state == "burning"


@pytest.mark.parametrize(
    ("pairs", "at_fault", "severity"),
    [
        ([PAGE, TICKET], {SLI}, PAGE),
        ([PAGE, TICKET], (), TICKET),
        ([PAGE, TICKET], {"probe:other"}, TICKET),
        ([TICKET], {SLI}, TICKET),
    ],
)
def test_it_pages_where_the_target_is_at_fault_and_the_slo_pages(
    pairs: list[Severity], at_fault: Collection[str], severity: Severity
) -> None:
    policy = [pair(3600, 300 + number * 60, 14, one, window=86_400) for number, one in enumerate(pairs)]
    engine = seen(slo(*policy, window=86_400))
    passes(engine, 400, at_fault=at_fault)
    assert lost(engine) is severity


def test_it_becomes_more_urgent_and_never_less_while_it_lasts() -> None:
    engine = seen()
    severities = []
    for at_fault in ((), {SLI}, ()):
        passes(engine, 400, at_fault=at_fault)
        severities.append(lost(engine))
    assert severities == [TICKET, PAGE, PAGE]


@pytest.mark.parametrize(("interval", "after"), [(10, 300), (120, 300), (121, 360), (600, 1500), (3600, 3600)])
def test_an_sli_that_is_fed_rarely_is_given_its_two_and_a_half_intervals(interval: int, after: int) -> None:
    engine = seen(replace(google_30d(), interval=timedelta(seconds=interval)))
    passes(engine, 3600 - 600, known(good=1))
    passes(engine, after - 10)
    assert lost(engine) is None
    passes(engine, 10)
    assert lost(engine) is TICKET


def test_late_data_for_the_last_minutes_is_data() -> None:
    engine = seen()
    passes(engine, 400)
    engine.ledger.add(SLI, engine.ledger.now - 60, known(good=1))
    engine.evaluate()
    assert lost(engine) is None


@pytest.mark.parametrize("gap", [70, 3600])
def test_time_that_nobody_watched_is_not_lost(gap: int) -> None:
    engine = seen()
    engine.ledger.close(engine.ledger.now + gap)
    engine.evaluate(at_fault={SLI})
    passes(engine, 290)
    assert lost(engine) is None
    passes(engine, 20)
    assert lost(engine) is TICKET


def test_a_restart_begins_to_watch_anew_and_keeps_what_was_told() -> None:
    old = seen()
    passes(old, 200)
    new = Engine(list(old.slos.values()), old.ledger)
    new.restore(old.firing(), old.pending())
    passes(new, 200)
    assert lost(new) is None
    passes(new, 200, at_fault={SLI})
    third = Engine(list(old.slos.values()), old.ledger)
    third.restore(new.firing(), new.pending())
    assert third.firing() == {"gate": {LOST_PAGE}}
    passes(third, 10, known(good=1))
    assert third.firing() == {}


def test_a_change_of_the_configuration_does_not() -> None:
    old = seen()
    passes(old, 200)
    new = Engine([*old.slos.values()], old.ledger)
    new.take_over(old)
    passes(new, 100)
    assert lost(new) is TICKET


def test_a_service_that_is_excluded_need_not_have_data() -> None:
    away = Exclusion(
        name="away",
        reason="moved to another rack",
        author="kim",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        when=Once(start=datetime.fromtimestamp(NEW_YEAR + 600, UTC), end=datetime.fromtimestamp(NEW_YEAR + 4200, UTC)),
    )
    slos = [google_30d()]
    ledger = ledger_of(slos, slot_seconds=10, now=NEW_YEAR, exclusions=[away])
    engine = Engine(slos, ledger, exclusions=[away])
    passes(engine, 600, known(good=1))
    passes(engine, 3600, at_fault={SLI})
    assert engine.firing() == {}
    passes(engine, 290)
    assert engine.firing() == {}
    passes(engine, 10)
    assert lost(engine) is TICKET


def test_what_is_made_of_others_has_lost_its_data_with_one_of_them() -> None:
    members = [replace(google_30d(), name=name, sli=f"probe:{name}", interval=timedelta(seconds=10)) for name in "ab"]
    every, mean = AllOf(slos=("a", "b")), Weighted(weights=(("a", Fraction(9)), ("b", Fraction(1))))
    made = [
        replace(google_30d(), name="every", sli=every.key, definition=every),
        replace(google_30d(), name="mean", sli=mean.key, definition=mean),
    ]
    engine = watch([*members, *made])
    for _ in range(60):
        engine.ledger.add("probe:b", engine.ledger.now + 10, known(good=1))
        passes(engine, 10, known(good=1), sli="probe:a")
    assert engine.firing() == {}
    passes(engine, 400, known(good=1), sli="probe:a", at_fault={"probe:b"})
    assert engine.firing() == {key: {LOST_PAGE} for key in ("b", "every", "mean")}
