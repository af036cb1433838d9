"""SLOs that are made of others: all of which are needed, or whose errors are averaged."""

from collections.abc import Sequence
from datetime import timedelta
from fractions import Fraction

import pytest

from slo.core.counts import Counts
from slo.core.sli import AllOf, Weighted
from slo.core.slo import SLO
from slo.engine.evaluate import Engine
from tests.engine.histories import DAY, fires, pair
from tests.engine.made import begun, excluded, goes_on, known, moment, promise, remaining, rows
from tests.engine.twin import NEW_YEAR

HOUR, MINUTE = 3600, 60
NEEDED = AllOf(slos=("a", "b"))
A, B = (promise(name, sli=f"probe:{name}") for name in "ab")
EVERY = promise("every", pair(HOUR, 300, 2, window=DAY), sli=NEEDED.key, definition=NEEDED)


def counted(engine: Engine, key: str = "every") -> tuple[int, int, int, float]:
    """Good, bad, unknown and covered seconds over the whole window."""
    figures = engine.status(key).windows[-1]
    return figures.good, figures.bad, figures.unknown, figures.covered_seconds


# All of them


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (known(good=1), known(good=1), (1, 0, 0, 10.0)),
        (known(good=1), known(bad=1), (0, 1, 0, 10.0)),
        (known(bad=1), known(bad=1), (0, 1, 0, 10.0)),
        (known(bad=1), Counts(unknown=1), (0, 1, 0, 10.0)),
        (known(good=1), Counts(unknown=1), (0, 0, 1, 0.0)),
        (Counts(unknown=1), Counts(unknown=1), (0, 0, 1, 0.0)),
        (known(good=99, bad=1), known(good=1), (1, 0, 0, 10.0)),
        (known(good=98, bad=2), known(good=1), (0, 1, 0, 10.0)),
        (Counts(good=1), known(good=1), (1, 0, 0, 10.0)),
        (Counts(), Counts(), (0, 0, 0, 0.0)),
        (known(good=1), Counts(), (0, 0, 1, 0.0)),
    ],
)
def test_a_slot_is_one_event_as_bad_as_its_worst_member(
    a: Counts, b: Counts, expected: tuple[int, int, int, float]
) -> None:
    engine = begun(A, B, EVERY)
    goes_on(engine, 10, a=a, b=b)
    assert counted(engine) == expected


def test_two_outages_of_two_members_add_up_where_they_do_not_overlap() -> None:
    engine = begun(A, B, EVERY)
    ok, out = known(good=1), known(bad=1)
    goes_on(engine, 2400, a=out, b=ok)
    goes_on(engine, 1200, a=ok, b=ok)
    goes_on(engine, 2400, a=ok, b=out)
    assert engine.status("every").budget.bad * 10 == 80 * MINUTE
    assert "1h/5m" in fires(engine, "every")


def test_an_observation_speaks_for_its_time_until_two_and_a_half_intervals_have_passed() -> None:
    rare = promise("b", sli="probe:b", interval=timedelta(seconds=30))
    engine = begun(A, rare, EVERY)
    goes_on(engine, 10, a=known(good=1), b=known(bad=1))
    states = []
    for _ in range(9):
        before = counted(engine)
        goes_on(engine, 10, a=known(good=1), b=known())
        after = counted(engine)
        states.append([name for name, x, y in zip(("good", "bad", "unknown"), before, after, strict=False) if y > x])
    assert states == [["bad"]] * 7 + [["unknown"]] * 2


def test_no_traffic_is_not_good_and_time_that_is_not_covered_keeps_no_state() -> None:
    rare = promise("b", sli="probe:b", interval=timedelta(seconds=60))
    engine = begun(A, rare, EVERY)
    goes_on(engine, 10, a=known(good=1), b=known(good=1))
    goes_on(engine, 10, a=known(good=1), b=Counts())
    goes_on(engine, 10, a=known(good=1), b=known())
    assert counted(engine) == (2, 0, 1, 20.0)
    idle = begun(A, B, EVERY)
    goes_on(idle, 300, a=known(good=1), b=known())
    assert counted(idle) == (0, 0, 30, 0.0)


def test_what_arrives_late_changes_it_no_more_but_is_remembered_as_the_last_state() -> None:
    engine = begun(A, B, EVERY)
    goes_on(engine, 20, a=known(good=1), b=known(good=1))
    engine.ledger.add("probe:b", engine.ledger.now, known(bad=5))
    engine.evaluate()
    assert counted(engine) == (2, 0, 0, 20.0)
    goes_on(engine, 10, a=known(good=1), b=known())
    assert counted(engine) == (2, 1, 0, 30.0)


def test_it_is_written_with_its_slot_and_read_again_as_it_was() -> None:
    engine = begun(A, B, EVERY)
    engine.ledger.add("probe:a", NEW_YEAR + 10, known(bad=1))
    engine.ledger.add("probe:b", NEW_YEAR + 10, known(good=1))
    (block,) = engine.ledger.close(NEW_YEAR + 10)
    assert block.names == ("probe:a", "probe:b", NEEDED.key)
    assert block.counts[:, 0, 2].tolist() == [0, 1, 0, 10_000]
    again = begun(A, B, EVERY, now=10, history=[block])
    again.ledger.add("probe:b", NEW_YEAR + 10, known(bad=1))
    again.evaluate()
    assert counted(again) == (0, 1, 0, 10.0)


def test_slots_that_were_counted_before_a_restart_with_longer_slots_are_counted_once() -> None:
    engine = begun(A, B, EVERY, now=0)
    engine.ledger.load([rows({10: known(bad=1)}, sli="probe:a"), rows({10: known(bad=1)}, sli=NEEDED.key)])
    engine.ledger.close(NEW_YEAR + 10)
    engine.evaluate()
    assert counted(engine) == (0, 1, 0, 10.0)


def test_a_gap_is_a_gap() -> None:
    engine = begun(A, B, EVERY)
    goes_on(engine, 10, a=known(good=1), b=known(good=1))
    engine.ledger.close(NEW_YEAR + HOUR)
    engine.evaluate()
    assert counted(engine) == (1, 0, 0, 10.0)


def test_members_are_held_against_the_objective_that_counts_at_the_time() -> None:
    change = moment(60)
    stricter = promise("a", sli="probe:a", objective="0.999", effective_from=change)
    moved = promise("b", sli="probe:c", effective_from=change)
    engine = begun(A, stricter, B, moved, EVERY)
    goes_on(engine, 60, a=known(good=995, bad=5), b=known(good=1), c=known(bad=1))
    assert counted(engine) == (6, 0, 0, 60.0)
    goes_on(engine, 10, a=known(good=995, bad=5), b=known(good=1), c=known(good=1))
    assert counted(engine) == (6, 1, 0, 70.0)
    goes_on(engine, 10, a=known(good=1), b=known(good=1), c=known(bad=1))
    assert counted(engine) == (6, 2, 0, 80.0)


def test_a_member_that_does_not_count_yet_is_unknown() -> None:
    later = promise("b", sli="probe:b", effective_from=moment(60))
    engine = begun(A, later, EVERY)
    goes_on(engine, 60, a=known(good=1), b=known(good=1))
    assert counted(engine) == (0, 0, 6, 0.0)
    goes_on(engine, 10, a=known(good=1), b=known(good=1))
    assert counted(engine) == (1, 0, 6, 10.0)


# Their mean


def mean(*weights: tuple[str, int | Fraction], objective: str = "0.9") -> SLO:
    definition = Weighted(weights=tuple((name, Fraction(weight)) for name, weight in weights))
    policy = pair(HOUR, 300, 2, window=DAY, least=10)
    return promise("mean", policy, sli=definition.key, definition=definition, objective=objective)


def test_errors_are_averaged_by_weight_and_not_by_traffic() -> None:
    engine = begun(A, B, mean(("a", 3), ("b", 1)))
    goes_on(engine, DAY, a=known(good=1), b=known(good=500, bad=500))
    status = engine.status("mean")
    assert status.budget.sli == pytest.approx(1 - 0.5 / 4)
    assert status.budget.remaining == pytest.approx(1 - 0.125 / 0.1)
    assert (status.budget.good, status.budget.bad) == (8640 * 501, 8640 * 500)
    assert status.budget.allowed_events is None
    assert [window.burn_rate for window in status.windows] == [pytest.approx(1.25)] * 3
    assert status.totals["bad"] == 8640 * 500


@pytest.mark.parametrize(("bad_a", "bad_b"), [(3, 0), (3, 1), (0, 5), (0, 6)])
def test_an_average_above_the_factor_pages_and_one_that_is_just_it_does_not(bad_a: int, bad_b: int) -> None:
    engine = begun(A, B, mean(("a", 2), ("b", Fraction(4, 3))))
    goes_on(engine, HOUR, a=known(good=10 - bad_a, bad=bad_a), b=known(good=10 - bad_b, bad=bad_b))
    average = (2 * Fraction(bad_a, 10) + Fraction(4, 3) * Fraction(bad_b, 10)) / (2 + Fraction(4, 3))
    # Twice the 10 % that may be bad.
    assert ("1h/5m" in fires(engine, "mean")) == (average > Fraction(2, 10))


def test_an_average_that_is_exactly_the_factor_does_not_page() -> None:
    engine = begun(A, B, mean(("a", 1), ("b", 2)))
    goes_on(engine, HOUR, a=known(bad=10), b=known(good=10))
    assert "1h/5m" in fires(engine, "mean")
    other = begun(A, B, mean(("a", 3), ("b", 2)))
    goes_on(other, HOUR, a=known(good=30, bad=0), b=known(good=5, bad=5))
    assert other.status("mean").windows[0].burn_rate == pytest.approx(2)
    assert fires(other, "mean") == {}


def test_the_minimum_of_bad_events_is_that_of_all_members_together() -> None:
    engine = begun(A, B, mean(("a", 1), ("b", 1)))
    goes_on(engine, HOUR - 40, a=known(good=1), b=known(good=1))
    goes_on(engine, 40, a=known(), b=known())
    figures = engine.status("mean").windows
    assert figures[0].bad == 0
    goes_on(engine, HOUR, a=Counts(good=0, bad=0, covered_ms=10_000), b=known())
    engine.ledger.add("probe:a", engine.ledger.now - 5, Counts(bad=4))
    engine.ledger.add("probe:b", engine.ledger.now - 5, Counts(bad=5))
    engine.evaluate()
    severities: Sequence[str] = [severity.value for severity in fires(engine, "mean").values()]
    assert severities == ["ticket"]
    engine.ledger.add("probe:b", engine.ledger.now - 5, Counts(bad=1))
    engine.evaluate()
    assert [severity.value for severity in fires(engine, "mean").values()] == ["page"]


def test_it_is_known_as_well_as_its_least_known_member_and_a_lost_one_has_no_errors() -> None:
    engine = begun(A, B, mean(("a", 1), ("b", 1)))
    goes_on(engine, HOUR // 2, a=known(good=1), b=known(good=1))
    goes_on(engine, HOUR // 2, a=known(bad=1))
    hour = engine.status("mean").windows[1]
    assert hour.coverage == 0.5
    # a burns with half of its hour, b not at all; each counts half.
    assert hour.burn_rate == pytest.approx((0.5 + 0) / 2 / 0.1)
    newest = engine.status("mean").windows[0]
    assert (newest.coverage, newest.sli) == (0.0, 0.0)


def test_what_is_excluded_of_a_member_is_excluded_in_the_mean() -> None:
    away = [excluded(0, HOUR, slos=("a",)), excluded(HOUR, 2 * HOUR, slos=("mean",))]
    engine = begun(A, B, mean(("a", 1), ("b", 1)), exclusions=away)
    goes_on(engine, HOUR, a=known(bad=1), b=known(good=1))
    goes_on(engine, HOUR, a=known(bad=1), b=known(bad=1))
    assert remaining(engine, "mean") == 1.0
    status = engine.status("mean")
    assert (status.budget.excluded, status.budget.excluded_seconds) == (360 + 720, 2 * HOUR)
    assert status.budget.raw is not None
    assert status.budget.raw.sli == pytest.approx(1 - (1 + 0.5) / 2)
    assert engine.status("b").budget.excluded == 0
