"""Burn rates and the conditions made of them: the figures that can be worked out by hand."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from slo.core.counts import Counts
from slo.core.deltas import Block
from slo.core.policy import POLICIES, Severity
from slo.engine.burn import Condition, conditions_of, grouped
from slo.engine.evaluate import Engine
from slo.engine.plan import Plan
from tests.engine.histories import DAY, PAGE, TICKET, fires, google_30d, known, pair, slo, steady, tick, watch
from tests.engine.twin import NEW_YEAR

HOUR = 3600


def burn_rate(engine: Engine, window: str, name: str = "gate") -> float | None:
    return next(figures.burn_rate for figures in engine.status(name).windows if figures.window == window)


# How long an outage burns before it is told

PASTS: dict[str, tuple[Block, ...]] = {
    "none": (),
    "ten minutes": (steady(600),),
    "an hour": (steady(HOUR),),
    "six hours": (steady(6 * HOUR),),
    "forty days": (steady(40 * DAY),),
    "forty days, the last three lost": (steady(40 * DAY, until=NEW_YEAR - 3 * DAY),),
    "forty days, the last half hour lost": (steady(40 * DAY, until=NEW_YEAR - 1800),),
}


@pytest.mark.parametrize("past", PASTS)
def test_a_full_outage_that_begins_with_a_slot_pages_after_a_minute_whatever_the_past(past: str) -> None:
    engine = watch(google_30d(), history=PASTS[past])
    told: list[dict[str, Severity]] = []
    for _ in range(14):
        tick(engine, known(bad=1))
        told.append(fires(engine))
    assert [list(fired.values()).count(PAGE) for fired in told[:5]] == [0] * 5
    assert all(fired["1h/5m"] is PAGE for fired in told[5:])
    # 5 % of the budget are 129.6 s of outage within 6 h.
    assert ["6h/30m" in fired for fired in told] == [False] * 12 + [True] * 2


@pytest.mark.parametrize("began", [*range(0, 1000, 90), 815, 816, 817])
def test_a_full_outage_pages_at_the_first_slot_end_after_51_84_seconds(began: int) -> None:
    # A hundred events a second, so that an outage may begin at any hundredth of a slot's 10 s.
    engine = watch(google_30d(least=0), history=[steady(7 * HOUR, a_minute=6000)])
    tick(engine, known(good=began, bad=1000 - began))
    burned = 1000 - began
    while "1h/5m" not in fires(engine):
        assert burned <= 5184
        tick(engine, known(bad=1000))
        burned += 1000
    assert 5184 < burned <= 6184


def test_tickets_follow_their_share_of_the_budget() -> None:
    engine = watch(slo(*POLICIES["google-30d"]), history=[steady(40 * DAY)])
    first: dict[str, int] = {}
    for slot in range(1, 40):
        tick(engine, known(bad=1))
        for name in fires(engine):
            first.setdefault(name, slot * 10)
    # 10 % of the budget of 30 days are 259.2 s of outage; the trailing edges stand still meanwhile.
    assert first == {"1h/5m": 60, "6h/30m": 130, "1d/2h": 260, "3d/6h": 260}


# What does not page


@pytest.mark.parametrize("past", ["none", "ten minutes"])
def test_a_young_watch_does_not_page_on_one_failed_probe(past: str) -> None:
    engine = watch(google_30d(least=0), history=PASTS[past])
    tick(engine, known(bad=1))
    assert fires(engine) == {}
    # The hour weighs what is known of it: 10 s of outage are 2.8 times what an hour may hold.
    assert burn_rate(engine, "1h") == pytest.approx(1000 * 10 / 3600)


@pytest.mark.parametrize(("least", "severity"), [(0, PAGE), (1, PAGE), (2, TICKET), (3, TICKET)])
def test_one_failure_of_a_probe_a_minute_burns_an_hour_16_7_times_and_is_a_ticket_for_probes(
    least: int, severity: Severity
) -> None:
    engine = watch(google_30d(least=least), slot=60, history=[steady(40 * DAY, a_minute=1)])
    tick(engine, known(bad=1, slot=60))
    assert burn_rate(engine, "1h") == pytest.approx(1000 / 60)
    assert burn_rate(engine, "5m") == pytest.approx(1000 / 5)
    assert fires(engine) == {"1h/5m": severity}


def test_the_first_failure_of_a_probe_a_minute_does_not_even_open_a_ticket_on_a_new_watch() -> None:
    engine = watch(google_30d(), slot=10)
    tick(engine, known(bad=1))
    assert fires(engine) == {}


def test_a_gap_does_not_make_one_failure_a_page() -> None:
    engine = watch(google_30d(least=0), history=[steady(40 * DAY, until=NEW_YEAR - HOUR)])
    tick(engine, known(good=1))
    tick(engine, known(bad=1))
    assert fires(engine) == {}


# Strictly above, exactly


@given(
    bad=st.integers(1, 10**7),
    good=st.integers(0, 10**9),
    covered_tens=st.integers(1, 6000),
    objective=st.sampled_from(["0.5", "0.9", "0.99", "0.999", "0.9995", "0.99999"]),
)
@example(bad=18, good=1232, covered_tens=6000, objective="0.999")
@example(bad=1, good=2, covered_tens=1000, objective="0.9")
def test_a_burn_rate_equal_to_the_factor_does_not_fire_and_a_hair_above_does(
    bad: int, good: int, covered_tens: int, objective: str
) -> None:
    window, long = 600, 60
    burn = Fraction(bad, bad + good) * Fraction(covered_tens, 6000) / (1 - Fraction(objective))
    hair = Fraction(1, 10**20)
    factors = {"below": burn * (1 - hair), "equal": burn, "above": burn * (1 + hair)}
    slos = [
        slo(pair(long, 10, factor, window=window), name=name, objective=objective, window=window)
        for name, factor in factors.items()
    ]
    engine = watch(slos)
    tick(engine, Counts(good=good, bad=bad, covered_ms=covered_tens * 10))
    assert {name: bool(fires(engine, name)) for name in factors} == {"below": True, "equal": False, "above": False}


@pytest.mark.parametrize(
    ("long_bad", "short_bad", "expected"), [(12, 3, False), (13, 3, False), (12, 4, False), (13, 4, True)]
)
def test_both_windows_must_burn_above_the_factor(long_bad: int, short_bad: int, expected: bool) -> None:  # noqa: FBT001
    # A factor of 2 for an objective of 90 %: 12 of 60 in the long window, 3 of 15 in the short one.
    engine = watch(slo(pair(40, 10, 2, window=400), objective="0.9", window=400))
    tick(engine, known(good=45 - (long_bad - short_bad), bad=long_bad - short_bad), slots=1)
    tick(engine, known(), slots=2)
    tick(engine, known(good=15 - short_bad, bad=short_bad))
    assert bool(fires(engine)) is expected


# Conditions


def condition(**changes: object) -> Condition:
    base = Condition(pair=0, severity=PAGE, long=HOUR, short=300, hold=0, at_least=0, below=None)
    return replace(base, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("severity", "least", "expected"),
    [
        (PAGE, 0, [condition()]),
        (PAGE, 3, [condition(at_least=3), condition(severity=TICKET, below=3)]),
        (TICKET, 0, [condition(severity=TICKET)]),
        (TICKET, 3, [condition(severity=TICKET, at_least=3)]),
    ],
)
def test_a_page_with_too_few_bad_events_is_a_ticket(
    severity: Severity, least: int, expected: Sequence[Condition]
) -> None:
    one = pair(HOUR, 300, 14, severity, window=30 * DAY, least=least)
    assert conditions_of([one]) == tuple(expected)


def test_slos_with_policies_of_one_shape_are_judged_together_whatever_their_factors() -> None:
    slos = [
        slo(pair(60, 10, 2, window=600), name="a", window=600),
        slo(pair(60, 10, 3, window=600), name="b", window=600, objective="0.9"),
        slo(pair(60, 10, 2, window=600, hold=10), name="c", window=600),
        slo(name="d", window=600),
        slo(pair(60, 10, 2, window=1200), name="e", window=1200),
    ]
    groups = grouped(Plan(slos).in_force(NEW_YEAR), lambda _: 0)
    assert [[one.name for one in group.slos] for group in groups] == [["a", "b", "e"], ["c"], ["d"]]


def test_a_window_that_holds_nothing_has_no_burn_rate_and_does_not_fire() -> None:
    engine = watch(slo(pair(60, 10, Fraction(1, 100), window=600), window=600))
    for counts in (known(), Counts(unknown=5), Counts(unknown=5, covered_ms=10_000)):
        tick(engine, counts)
        assert burn_rate(engine, "1m") is None
        assert fires(engine) == {}


def test_events_of_a_window_that_is_not_covered_have_no_burn_rate_and_do_not_fire() -> None:
    engine = watch(slo(pair(60, 10, Fraction(1, 100), window=600), window=600))
    tick(engine, Counts(good=1, bad=9))
    assert burn_rate(engine, "1m") is None
    assert fires(engine) == {}


@pytest.mark.parametrize("policy", POLICIES)
def test_every_named_policy_pages_on_an_outage_and_is_silent_within_the_budget(policy: str) -> None:
    days = int(policy.rpartition("-")[2].removesuffix("d"))
    one = slo(*POLICIES[policy], window=days * DAY)
    longest_hold = max(each.hold for each in one.pairs) // timedelta(seconds=60)
    engine = watch(one, slot=60, history=[steady(100 * DAY, a_minute=10_000, bad=9)])
    tick(engine, known(good=9_991, bad=9, slot=60), slots=10)
    assert fires(engine) == {}
    tick(engine, known(bad=10_000, slot=60), slots=60 + longest_hold)
    assert set(fires(engine).values()) == {PAGE, TICKET}
    assert len(fires(engine)) == len(one.pairs)
