"""What is well written and makes no sense is refused; what may not be meant is warned of."""

from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.config.indicators import Indicator
from slo.config.nodes import Node, Place
from slo.config.refusals import PairDraft, SLODraft, refuse
from slo.config.report import Report
from slo.config.source import Source
from slo.core.policy import POLICIES, Severity
from slo.core.sli import CheckSLI
from tests.config.making import faults, loaded, slo

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


def told(slo: SLODraft) -> Report:
    report = Report(Source(Node(Place("f", 1, 1), {}), whole=True), [])
    refuse(slo, report)
    return report


def draft(pair: PairDraft, *, objective: Fraction = Fraction(999, 1000), window: timedelta = 30 * DAY) -> SLODraft:
    return SLODraft(
        at=("slos", 0),
        objective=objective,
        window=window,
        slot=10 * SECOND,
        indicator=Indicator(sli=CheckSLI(check="gate"), interval=10 * SECOND, rounds="rounds", more_often="probe gate"),
        pairs=[pair],
    )


@given(
    budget=st.fractions(Fraction(1, 1000), 1),
    objective=st.fractions(Fraction(1, 2), Fraction(9999, 10000)),
    long=st.integers(6, 30 * 8640),
)
def test_a_pair_is_refused_exactly_where_a_full_outage_does_not_fire_it(
    budget: Fraction, objective: Fraction, long: int
) -> None:
    window = long * 10 * SECOND
    pair = PairDraft(at=("p",), long=window, short=30 * SECOND, budget=budget, severity=Severity.TICKET)
    outage = Fraction(1) / (1 - objective)
    fires = outage > budget * Fraction(30 * 8640, long)
    assert any("can never fire" in fault.problem for fault in told(draft(pair, objective=objective)).faults()) != fires


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_a_named_policy_is_not_refused_at_the_window_in_its_name(tmp_path: Path, name: str) -> None:
    assert loaded(slo(window=name.split("-")[1], burn_policy=name), tmp_path).warnings == ()


@pytest.mark.parametrize("window", ["1h", "6h", "1d", "3d", "7d", "14d", "28d", "30d", "31d", "90d"])
@pytest.mark.parametrize("objective", ["95%", "99%", "99.9%", "99.99%"])
def test_the_default_policy_is_refused_at_no_usual_window(tmp_path: Path, window: str, objective: str) -> None:
    assert faults(slo(window=window, objective=objective), tmp_path) == []


@pytest.mark.parametrize(
    ("keys", "path", "problem"),
    [
        ({"window": "15s"}, "slos[a].window", "15s is not a whole number of slots of 10s; write 30s"),
        ({"window": "10s"}, "slos[a].window", "10s is shorter than two slots of 10s; write 30s or more"),
        ({"window": "20s"}, "slos[a].window", "20s is shorter than three rounds of the probe gate, one every 10s"),
        ({"window": "91d"}, "slos[a].window", "91d is longer than counts are kept, which is 90d"),
        ({"objective": "93%"}, "slos[a].objective", "google-30d, scaled: the pair 1h/5m can never fire"),
        (
            {"burn_policy": "[{long: 1h, short: 5m, budget: 2%, severity: page}]", "window": "40m"},
            "slos[a].burn_policy[0].long",
            "the long window 1h is longer than the SLO's own window 40m; write 40m or less",
        ),
        (
            {"burn_policy": "[{long: 5m, short: 5m, budget: 2%, severity: page}]"},
            "slos[a].burn_policy[0].short",
            "5m is not shorter than the long window 5m",
        ),
    ],
)
def test_a_refusal_names_the_place_and_the_mend(tmp_path: Path, keys: dict[str, str], path: str, problem: str) -> None:
    found = faults(slo(**keys), tmp_path)
    assert any(f": {path}: {problem}" in fault for fault in found), found


def test_one_outcome_that_burns_faster_than_a_page_is_warned_of(tmp_path: Path) -> None:
    text = slo().replace("type: look", "type: look, interval: 60s")
    (warning,) = loaded(text, tmp_path).warnings
    assert warning.path == "slos[a].window"
    assert warning.problem.startswith(
        "one bad outcome alone burns 16.6667x over 1h, and google-30d, scaled: the pair 1h/5m"
    )
    assert warning.mend == "probe gate at least every 51s"
    assert loaded(text.replace("60s", "51s"), tmp_path).warnings == ()


def test_a_pair_that_fires_while_the_objective_is_met_is_warned_of(tmp_path: Path) -> None:
    warnings = loaded(slo(window="7d", burn_policy="google-30d"), tmp_path).warnings
    assert [warning.problem[:29] for warning in warnings] == [
        "google-30d: the pair 1d/2h fi",
        "google-30d: the pair 3d/6h fi",
    ]


def test_pages_want_three_bad_events_unless_they_say_otherwise(tmp_path: Path) -> None:
    pair = "{{long: {}, short: 5m, budget: 2%, severity: {}{}}}"
    written = [
        pair.format("1h", "page", ""),
        pair.format("2h", "page", ", min_bad_events: 1"),
        pair.format("3h", "ticket", ""),
    ]
    (objective,) = loaded(slo(burn_policy=f"[{', '.join(written)}]"), tmp_path).slos
    assert [pair.min_bad_events for pair in objective.pairs] == [3, 1, 0]
