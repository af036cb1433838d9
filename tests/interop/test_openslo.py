"""What OpenSLO means has the same meaning here."""

from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from slo.config.load import load
from slo.core.budgeting import Budgeting, Method
from slo.core.calendar import CalendarWindow, Period
from slo.core.policy import POLICIES, Pair, Severity
from slo.core.scaling import scaled_policy
from slo.core.sli import PrometheusSLI, Weighted
from slo.interop.native import rendered
from slo.interop.openslo.files import import_openslo
from slo.interop.server import Server
from slo.kinds import Kinds
from tests.interop.making import SERVER, changed, imported, notes, unfed

HERE = Path(__file__).parent
FILE = """\
apiVersion: openslo/v1
kind: SLO
metadata: {name: carts}
spec:
  service: shop
  indicator:
    metadata: {name: good-carts}
    spec:
      ratioMetric:
        counter: true
        good: {metricSource: {type: Prometheus, spec: {query: good_total}}}
        total: {metricSource: {type: Prometheus, spec: {query: all_total}}}
  timeWindow: [{duration: 30d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.99}]
"""
POLICY = """\
  alertPolicies:
    - kind: AlertPolicy
      metadata: {name: call}
      spec:
        alertWhenBreaching: true
        conditions:
          - kind: AlertCondition
            metadata: {name: fast}
            spec: {severity: page, condition: {op: gt, threshold: 14.4, lookbackWindow: 1h, alertAfter: 2m}}
        notificationTargets: [{targetRef: people}]
"""
WINDOW = "{duration: 30d, isRolling: true}"
KINDS = Kinds.installed()


def problems(text: str, folder: Path) -> list[str]:
    """What is noted, without the places and the mends."""
    return [note.split(": ", maxsplit=1)[1].split("; ")[0] for note in notes("openslo", text, folder)]


def test_an_slo_without_alert_policies_has_the_default_policy(tmp_path: Path) -> None:
    (slo,) = imported("openslo", FILE, tmp_path).slos
    assert (slo.name, slo.objective, slo.window) == ("carts", Fraction(99, 100), timedelta(days=30))
    assert slo.pairs == POLICIES["google-30d"]
    assert slo.labels == {"service": "shop"}
    assert slo.definition == PrometheusSLI(server="prometheus", total="all_total", part="good_total", part_is="good")


@pytest.mark.parametrize(
    ("written", "window"),
    [
        ("{duration: 2w, isRolling: true}", timedelta(days=14)),
        ("{duration: 36h, isRolling: true}", timedelta(hours=36)),
        ("{duration: 1M, isRolling: true}", timedelta(days=30)),
        ("{duration: 1Q, isRolling: true}", timedelta(days=90)),
        ("{duration: 7d}", timedelta(days=7)),
        (
            "{duration: 1w, calendar: {startTime: 2026-01-05 00:00:00, timeZone: UTC}}",
            CalendarWindow(period=Period.WEEK, zone="UTC"),
        ),
        (
            "{duration: 1M, isRolling: false, calendar: {startTime: 2025-11-01 00:00:00, timeZone: America/New_York}}",
            CalendarWindow(period=Period.MONTH, zone="America/New_York"),
        ),
        (
            "{duration: 3M, calendar: {startTime: 2026-07-01 00:00:00, timeZone: Asia/Tokyo}}",
            CalendarWindow(period=Period.QUARTER, zone="Asia/Tokyo"),
        ),
    ],
)
def test_windows_are_rolling_or_periods_of_the_calendar(
    written: str, window: timedelta | CalendarWindow, tmp_path: Path
) -> None:
    (slo,) = imported("openslo", changed(FILE, WINDOW, written), tmp_path).slos
    assert (slo.calendar or slo.window) == window


@pytest.mark.parametrize(
    "written",
    [
        "{duration: 1w, calendar: {startTime: 2026-01-06 00:00:00, timeZone: UTC}}",
        "{duration: 1M, calendar: {startTime: 2026-01-02 00:00:00, timeZone: UTC}}",
        "{duration: 1M, calendar: {startTime: 2026-01-01 12:30:00, timeZone: UTC}}",
        "{duration: 1Q, calendar: {startTime: 2026-02-01 00:00:00, timeZone: UTC}}",
        "{duration: 2M, calendar: {startTime: 2026-01-01 00:00:00, timeZone: UTC}}",
        "{duration: 1Y, calendar: {startTime: 2026-01-01 00:00:00, timeZone: UTC}}",
    ],
)
def test_periods_that_begin_elsewhere_have_no_counterpart(written: str, tmp_path: Path) -> None:
    read = imported("openslo", changed(FILE, WINDOW, written), tmp_path)
    assert read.slos == ()
    (entry,) = read.entries
    assert ["is no week, month or quarter of the calendar" in note.problem for note in entry.notes] == [True]


@pytest.mark.parametrize(
    ("method", "objective", "budgeting"),
    [
        (
            "Timeslices",
            "{target: 0.99, timeSliceTarget: 0.95, timeSliceWindow: 1m}",
            Budgeting(method=Method.TIMESLICES, slice=timedelta(minutes=1), target=Fraction(95, 100)),
        ),
        (
            "RatioTimeslices",
            "{targetPercent: 99, timeSliceWindow: 5}",
            Budgeting(method=Method.RATIO_TIMESLICES, slice=timedelta(minutes=5), target=Fraction(99, 100)),
        ),
    ],
)
def test_budgeting_methods_are_the_same(method: str, objective: str, budgeting: Budgeting, tmp_path: Path) -> None:
    text = changed(changed(FILE, "Occurrences", method), "{target: 0.99}", objective)
    (slo,) = imported("openslo", text, tmp_path).slos
    assert slo.budgeting == budgeting
    assert problems(text, tmp_path) == []


def test_several_objectives_become_several_slos(tmp_path: Path) -> None:
    text = changed(FILE, "[{target: 0.99}]", "[{target: 0.99, displayName: Good}, {targetPercent: 95}]")
    slos = imported("openslo", changed(text, "{name: carts}", "{name: carts, displayName: Carts fill}"), tmp_path).slos
    assert [(slo.name, slo.objective, slo.description) for slo in slos] == [
        ("carts-1", Fraction(99, 100), "Good: Carts fill"),
        ("carts-2", Fraction(95, 100), "Carts fill"),
    ]


def test_objects_may_stand_in_other_files_in_any_order(tmp_path: Path) -> None:
    documents = list(yaml.safe_load_all((HERE / "openslo" / "in-referenced.yaml").read_text(encoding="utf-8")))
    files = [tmp_path / f"{9 - index}.yaml" for index in range(len(documents))]
    for file, document in zip(files, documents, strict=True):
        file.write_text(yaml.safe_dump(document), encoding="utf-8")
    together = import_openslo([HERE / "openslo" / "in-referenced.yaml"], server=SERVER)
    assert import_openslo(files, server=SERVER).slos == together.slos
    assert import_openslo([tmp_path], server=SERVER).slos == together.slos
    assert together.servers["main-prometheus"] == Server(
        name="main-prometheus", url="https://prometheus.shop.example", assumed=False
    )


def test_a_composite_weighs_its_parts_and_its_parts_page_nobody(tmp_path: Path) -> None:
    first, second, whole = import_openslo([HERE / "openslo" / "in-composite.yaml"], server=SERVER).slos
    assert whole.definition == Weighted(weights=(("browse-1", Fraction(2)), ("browse-2", Fraction(1))))
    assert whole.objective == (2 * first.objective + second.objective) / 3
    assert any(pair.severity is Severity.PAGE for pair in whole.pairs)
    assert {pair.severity for part in (first, second) for pair in part.pairs} == {Severity.TICKET}


def test_a_condition_becomes_a_pair_with_a_short_window(tmp_path: Path) -> None:
    (slo,) = imported("openslo", FILE + POLICY, tmp_path).slos
    assert slo.pairs == (
        Pair(
            long=timedelta(hours=1),
            short=timedelta(minutes=5),
            budget=Fraction(2, 100),
            severity=Severity.PAGE,
            hold=timedelta(minutes=2),
        ),
    )


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("op: gt", "op: lte", "has no counterpart: it alerts while the budget burns slower than that"),
        ("op: gt", "op: gte", "becomes gt: an alert here is for more than its threshold"),
        ("alertWhenBreaching: true", "alertWhenBreaching: false", "alerts nobody when its condition is met"),
        ("alertWhenBreaching: true", "description: A policy.", "alerts nobody when its condition is met"),
        ("severity: page", "severity: sev1", "'sev1' is taken as page"),
        ("threshold: 14.4", "threshold: 900", "the pair 1h/5m is left out: it is for no share of the budget"),
        ("threshold: 14.4", "threshold: 101", "the pair 1h/5m is left out: can never fire"),
        ("lookbackWindow: 1h", "lookbackWindow: 1m", "the pair 1m/1m30s is left out: 1m is shorter than"),
        ("targetRef: people", "targetRef: nobody-here", "has no counterpart"),
        ("alertWhenBreaching: true", "alertWhenBreaching: true, alertWhenNoData: false", "cannot be false: data"),
    ],
)
def test_what_a_policy_says_and_cannot_be_done_is_noted(old: str, new: str, says: str, tmp_path: Path) -> None:
    policy = yaml.safe_load(POLICY)
    policy = yaml.safe_load(changed(yaml.safe_dump(policy, default_flow_style=True, width=9999), old, new))
    text = yaml.safe_dump(yaml.safe_load(FILE) | {"spec": yaml.safe_load(FILE)["spec"] | policy})
    assert any(says in problem for problem in problems(text, tmp_path)), problems(text, tmp_path)


def test_an_slo_whose_policies_alert_nobody_opens_tickets(tmp_path: Path) -> None:
    (slo,) = imported("openslo", FILE + changed(POLICY, "op: gt", "op: lt"), tmp_path).slos
    assert slo.pairs == POLICIES["google-30d"][2:]


@pytest.mark.parametrize(
    ("good", "total", "counter", "sli"),
    [
        ("good_total", "all_total", "true", ("good_total", "all_total")),
        (
            "sum(rate(good_total[5m]))",
            "sum(rate(all_total[5m]))",
            "false",
            ("sum(rate(good_total[{{.window}}]))", "sum(rate(all_total[{{.window}}]))"),
        ),
        ("good_total", "all_total", "false", None),
        ("good_total", "increase(all_total[5m])", "true", None),
        ("rate(good_total[5m]) > 1", "rate(all_total[5m])", "true", None),
        ("sum(good_total", "all_total", "true", None),
    ],
)
def test_events_are_counted_or_left_out(
    good: str, total: str, counter: str, sli: tuple[str, str] | None, tmp_path: Path
) -> None:
    text = changed(changed(FILE, "good_total", f"'{good}'"), "all_total", f"'{total}'")
    read = imported("openslo", changed(text, "counter: true", f"counter: {counter}"), tmp_path)
    definitions = [slo.definition for slo in read.slos]
    counts = [(each.part, each.total) for each in definitions if isinstance(each, PrometheusSLI)]
    assert counts == ([sli] if sli else [])
    assert bool(read.warnings) == (sli is None or "[5m]" in good)


def test_what_no_slo_refers_to_is_read_and_noted(tmp_path: Path) -> None:
    sli = "apiVersion: openslo/v1\nkind: SLI\nmetadata: {name: alone}\nspec: {}\n"
    assert problems(FILE + "---\n" + changed(sli, "{}", f"{{ratioMetric: {RAW}}}"), tmp_path) == [
        "is left out: no SLO refers to it"
    ]


RAW = "{rawType: failure, raw: {metricSource: {type: Prometheus, spec: {query: bad_total / all_total}}}}"


@given(
    threshold=st.integers(1, 30_000).map(lambda thousandths: thousandths / 1000),
    lookback=st.sampled_from(["5m", "10m", "1h", "7h", "1d", "3d", "1w"]),
    duration=st.sampled_from(["1d", "7d", "4w", "31d", "1Q"]),
    target=st.floats(0.001, 0.99999).map(lambda target: round(target, 6)),
)
def test_a_pair_fires_at_the_burn_rate_of_its_condition(
    threshold: float, lookback: str, duration: str, target: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("openslo")
    text = changed(FILE, "duration: 30d", f"duration: {duration}")
    text = changed(text, "target: 0.99", f"target: {target}")
    policy = changed(POLICY, "threshold: 14.4", f"threshold: {threshold}")
    read = imported("openslo", text + changed(policy, "lookbackWindow: 1h", f"lookbackWindow: {lookback}"), folder)
    for slo in read.slos:
        assert all(
            abs(pair.factor(slo.window) - Fraction(str(threshold))) < Fraction(1, 10**9)
            for pair in slo.pairs
            if pair.severity is Severity.PAGE
        )
        written = folder / "out.yaml"
        written.write_text(rendered(read, "Imported."), encoding="utf-8")
        assert unfed(load(written, KINDS, {}).slos) == (slo,)


def test_the_default_policy_is_written_out_where_a_part_of_it_can_never_fire(tmp_path: Path) -> None:
    (slo,) = imported("openslo", changed(FILE, "target: 0.99", "target: 0.9"), tmp_path).slos
    default = scaled_policy(slo.window, slot=timedelta(seconds=10), shortest=timedelta(seconds=90))
    assert slo.pairs == default[1:]
