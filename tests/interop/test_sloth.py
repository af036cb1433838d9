"""What Sloth means has the same meaning here."""

from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from slo.config.load import load
from slo.core.duration import parse_duration
from slo.core.policy import POLICIES, Pair, Severity
from slo.core.sli import PrometheusSLI
from slo.errors import UsageError
from slo.interop.native import rendered
from slo.interop.sloth.files import import_sloth
from slo.kinds import Kinds
from tests.interop.making import SERVER, changed, imported, notes, unfed

FILE = """\
version: prometheus/v1
service: shop
labels: {team: till, tier: "2"}
slos:
  - name: carts
    objective: 99.9
    labels: {tier: "1"}
    sli:
      events:
        error_query: sum(rate(bad_total[{{.window}}]))
        total_query: sum(rate(all_total[{{ .window }}]))
    alerting: {page_alert: {}, ticket_alert: {}, name: Carts}
"""
WINDOWS = """\
apiVersion: sloth.slok.dev/v1
kind: AlertWindows
spec:
  sloPeriod: 7d
  page:
    quick: {errorBudgetPercent: 8, shortWindow: 5m, longWindow: 1h}
    slow: {errorBudgetPercent: 12.5, shortWindow: 30m, longWindow: 6h}
  ticket:
    quick: {errorBudgetPercent: 20, shortWindow: 1h, longWindow: 12h}
    slow: {errorBudgetPercent: 42, shortWindow: 3h, longWindow: 36h}
"""


def test_an_slo_is_named_as_sloth_s_id_and_counts_what_its_queries_measure(tmp_path: Path) -> None:
    (slo,) = imported("sloth", FILE, tmp_path).slos
    assert slo.name == "shop-carts"
    assert slo.objective == Fraction(999, 1000)
    assert slo.window == timedelta(days=30)
    assert slo.pairs == POLICIES["google-30d"]
    assert slo.labels == {"service": "shop", "team": "till", "tier": "1"}
    assert slo.definition == PrometheusSLI(
        server="prometheus",
        total="sum(rate(all_total[{{.window}}]))",
        part="sum(rate(bad_total[{{.window}}]))",
        part_is="bad",
    )


def test_a_label_of_a_file_that_is_a_number_or_a_truth_is_a_text_as_it_is_to_sloth(tmp_path: Path) -> None:
    text = changed(FILE, '{team: till, tier: "2"}', "{team: true, grade: 0.20}")
    text = changed(text, "name: Carts", "name: Carts, labels: {objective: 99}, annotations: {year: 2026}")
    (slo,) = imported("sloth", text, tmp_path).slos
    assert slo.labels == {"service": "shop", "team": "true", "grade": "0.20", "tier": "1"}


@pytest.mark.parametrize(
    ("disabled", "severities"),
    [
        ([], {Severity.PAGE, Severity.TICKET}),
        (["page_alert"], {Severity.TICKET}),
        (["ticket_alert"], {Severity.PAGE}),
        (["page_alert", "ticket_alert"], {Severity.TICKET}),
    ],
)
def test_what_is_disabled_does_not_alert_and_nobody_is_paged_who_was_not(
    disabled: list[str], severities: set[Severity], tmp_path: Path
) -> None:
    text = FILE
    for alert in disabled:
        text = changed(text, f"{alert}: {{}}", f"{alert}: {{disable: true}}")
    (slo,) = imported("sloth", text, tmp_path).slos
    assert {pair.severity for pair in slo.pairs} == severities
    assert any("alerts nobody" in note for note in notes("sloth", text, tmp_path)) == (len(disabled) == 2)


@pytest.mark.parametrize("days", [28, 30])
def test_the_period_is_one_that_sloth_has_windows_for(days: int, tmp_path: Path) -> None:
    file = tmp_path / "in.yaml"
    file.write_text(FILE, encoding="utf-8")
    (slo,) = import_sloth([file], server=SERVER, period=timedelta(days=days)).slos
    assert slo.window == timedelta(days=days)
    assert slo.pairs == POLICIES[f"google-{days}d"]
    with pytest.raises(UsageError, match="for a period of 7d: give --period one of 28d, 30d, or a file"):
        import_sloth([file], server=SERVER, period=timedelta(days=7))


def test_windows_of_one_s_own_take_the_place_of_sloth_s(tmp_path: Path) -> None:
    (slo,) = imported("sloth", f"{WINDOWS}---\n{FILE}", tmp_path).slos
    assert slo.window == timedelta(days=7)
    assert [(pair.factor(slo.window), pair.severity) for pair in slo.pairs] == [
        (Fraction(1344, 100), Severity.PAGE),
        (Fraction(35, 10), Severity.PAGE),
        (Fraction(28, 10), Severity.TICKET),
        (Fraction(196, 100), Severity.TICKET),
    ]
    with pytest.raises(UsageError, match="no alert windows for a period of 30d: give --period one of 7d, 14d"):
        imported("sloth", f"{WINDOWS}---\n{changed(WINDOWS, '7d', '14d')}---\n{FILE}", tmp_path)


def test_alerts_wait_with_the_plugin_that_makes_them_wait(tmp_path: Path) -> None:
    waiting = changed(FILE, "page_alert: {}", "page_alert: {for: 5m}")
    (slo,) = imported("sloth", waiting, tmp_path).slos
    assert {pair.hold for pair in slo.pairs} == {timedelta(0)}
    assert any("Sloth reads over it without its plugin" in note for note in notes("sloth", waiting, tmp_path))
    plugged = f"slo_plugins: {{chain: [{{id: sloth.dev/contrib/alert_for/v1}}]}}\n{waiting}"
    (slo,) = imported("sloth", plugged, tmp_path).slos
    assert {(pair.severity, pair.hold) for pair in slo.pairs} == {
        (Severity.PAGE, timedelta(minutes=5)),
        (Severity.TICKET, timedelta(0)),
    }


def test_every_key_without_a_counterpart_is_noted_at_its_place(tmp_path: Path) -> None:
    text = changed(FILE, "name: Carts}", "name: Carts, labels: {a: b}, annotations: {c: d}}")
    text = changed(text, "    objective", "    infoLabels: {x: y}\n    interval: {all: 1m}\n    new: 1\n    objective")
    assert [note.split("; ")[0] for note in notes("sloth", text, tmp_path)] == [
        "6:17: slos[carts].infoLabels: has no counterpart",
        "7:15: slos[carts].interval: has no counterpart",
        "8:5: slos[carts].new: unknown key",
        "15:56: slos[carts].alerting.name: has no counterpart",
        "15:71: slos[carts].alerting.labels: has no counterpart",
        "15:92: slos[carts].alerting.annotations: has no counterpart",
    ]


SPANS = st.sampled_from(["30s", "1m", "90s", "5m", "2h", "6h", "1d", "3d", "20d"])
WINDOW = st.fixed_dictionaries(
    {
        "errorBudgetPercent": st.floats(0.1, 150).map(lambda percent: round(percent, 3)),
        "shortWindow": SPANS,
        "longWindow": SPANS,
    }
)
KINDS = Kinds.installed()
ALERT = st.fixed_dictionaries({"quick": WINDOW, "slow": WINDOW})


@given(
    period=st.sampled_from(["1h", "7d", "30d", "120d"]),
    page=ALERT,
    ticket=ALERT,
    objective=st.floats(0.001, 100).map(lambda percent: round(percent, 6)),
)
def test_whatever_is_imported_loads_as_it_was_read_and_alerts_as_sloth_does(
    period: str,
    page: dict[str, Any],
    ticket: dict[str, Any],
    objective: float,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("sloth")
    catalogue = yaml.safe_load(WINDOWS) | {"spec": {"sloPeriod": period, "page": page, "ticket": ticket}}
    document = yaml.safe_load(FILE)
    document["slos"][0]["objective"] = objective
    read = imported("sloth", yaml.safe_dump_all([catalogue, document]), folder)
    for slo in read.slos:
        assert slo.objective == Fraction(str(objective)) / 100
        assert set(slo.pairs) <= {
            Pair(
                long=parse_duration(window["longWindow"]),
                short=parse_duration(window["shortWindow"]),
                budget=Fraction(str(window["errorBudgetPercent"])) / 100,
                severity=severity,
            )
            for severity, alert in ((Severity.PAGE, page), (Severity.TICKET, ticket))
            for window in alert.values()
        }
        written = folder / "out.yaml"
        written.write_text(rendered(read, "Imported."), encoding="utf-8")
        assert unfed(load(written, KINDS, {}).slos) == (slo,)
