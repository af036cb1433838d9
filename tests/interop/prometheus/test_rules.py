"""Which SLOs become rules, by which definition, and under which names."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from slo.interop.prometheus.rule import Alerting, Recording
from slo.interop.prometheus.rules import Rules
from tests.interop.prometheus.promtool import requests, rules_of


def recorded(rules: Rules) -> Iterator[Recording]:
    return (rule for group in rules.groups for rule in group.rules if isinstance(rule, Recording))


def test_everything_that_dashboards_of_sloth_read_is_there_with_its_labels(tmp_path: Path) -> None:
    metrics = {rule.metric: rule.labels for rule in recorded(rules_of(tmp_path, requests()))}
    identity = {
        "service": "api",
        "sloth_id": "api-availability",
        "sloth_service": "api",
        "sloth_slo": "availability",
    }
    for window in ("5m", "30m", "1h", "2h", "6h", "1d", "3d", "30d"):
        assert metrics[f"slo:sli_error:ratio_rate{window}"] == {**identity, "sloth_window": window}
    for metric in (
        "slo:objective:ratio",
        "slo:error_budget:ratio",
        "slo:time_period:days",
        "slo:current_burn_rate:ratio",
        "slo:period_burn_rate:ratio",
        "slo:period_error_budget_remaining:ratio",
    ):
        assert metrics[metric] == identity
    assert metrics["sloth_slo_info"] == {
        **identity,
        "sloth_mode": "watchkeep",
        "sloth_objective": "99.9",
        "sloth_spec": "watchkeep",
    }


@pytest.mark.parametrize(
    ("name", "labels", "service", "slo"),
    [
        ("api-availability", {"service": "api"}, "api", "availability"),
        ("availability", {"service": "api"}, "api", "availability"),
        ("api", {"service": "api"}, "api", "api"),
        ("availability", {}, "availability", "availability"),
    ],
)
def test_an_slo_is_called_as_sloth_would_call_it(
    tmp_path: Path, name: str, labels: dict[str, str], service: str, slo: str
) -> None:
    rules = rules_of(tmp_path, requests(name=name, labels=labels))
    info = next(rule.labels for rule in recorded(rules) if rule.metric == "sloth_slo_info")
    assert (info["sloth_id"], info["sloth_service"], info["sloth_slo"]) == (name, service, slo)


def test_what_only_the_rules_read_has_no_label_that_somebody_could_want_to_change(tmp_path: Path) -> None:
    rules = rules_of(tmp_path, requests(labels={"service": "api", "team": "blue"}))
    for rule in recorded(rules):
        if rule.metric.startswith(("slo:sli_events", "slo:sli_followed", "slo:sli_seen", "slo:sli_window")):
            assert rule.labels.keys() <= {"sloth_id", "entry", "sloth_window"}
        elif rule.metric != "slo:sli_burning:bool":
            assert rule.labels["team"] == "blue"


def test_the_promise_is_exact(tmp_path: Path) -> None:
    """1 - 0.999 is 0.0010000000000000009 for a float; the budget is 0.001."""
    rules = {rule.metric: rule.expression for rule in recorded(rules_of(tmp_path, requests()))}
    assert rules["slo:objective:ratio"] == "vector(0.999)"
    assert rules["slo:error_budget:ratio"] == "vector(0.001)"
    assert rules["slo:time_period:days"] == "vector(30)"


@pytest.mark.parametrize(
    ("now", "objective"),
    [("2026-01-01", "0.99"), ("2026-06-30", "0.99"), ("2026-07-01", "0.995"), ("2028-01-01", "0.999")],
)
def test_the_definition_that_is_in_force_counts(tmp_path: Path, now: str, objective: str) -> None:
    rules = rules_of(
        tmp_path,
        requests(objective="99.9%", effective_from="2027-01-01T00:00:00Z"),
        requests(objective="99%"),
        requests(objective="99.5%", effective_from="2026-07-01T00:00:00Z"),
        now=datetime.fromisoformat(now).replace(tzinfo=UTC),
    )
    promised = [rule.expression for rule in recorded(rules) if rule.metric == "slo:objective:ratio"]
    assert promised == [f"vector({objective})"]
    assert rules.omissions == ()


def test_an_slo_of_which_no_definition_is_in_force_is_named(tmp_path: Path) -> None:
    rules = rules_of(tmp_path, requests(effective_from="2027-01-01T00:00:00Z"), requests(name="other"))
    assert {group.name.removesuffix("-other") for group in rules.groups} == {
        "watchkeep-slo-alerts",
        "watchkeep-slo-figures",
    }
    assert [(str(omission), omission.whole) for omission in rules.omissions] == [
        ("api-availability: no definition of it is in force yet", True)
    ]


def test_a_label_of_the_slo_that_the_rules_set_themselves_is_named(tmp_path: Path) -> None:
    rules = rules_of(tmp_path, requests(labels={"service": "api", "long_window": "1h", "alertname": "Api"}))
    assert [str(omission) for omission in rules.omissions] == [
        "api-availability: its label alertname, which the rules set themselves",
        "api-availability: its label long_window, which the rules set themselves",
    ]


def test_what_an_slo_is_made_of_must_be_there(tmp_path: Path) -> None:
    rules = rules_of(
        tmp_path,
        requests(name="grouped-badly", group_by=["sloth_window"]),
        requests(name="later", effective_from="2027-01-01T00:00:00Z"),
        requests(name="all", sli={"all_of": ["later"]}),
    )
    assert rules.groups == ()
    assert sorted(omission.subject for omission in rules.omissions if omission.whole) == [
        "all",
        "grouped-badly",
        "later",
    ]


def test_rules_do_not_depend_on_when_they_are_written(tmp_path: Path) -> None:
    once = rules_of(tmp_path, requests(), now=datetime(2026, 1, 1, tzinfo=UTC))
    again = rules_of(tmp_path, requests(), now=datetime(2026, 2, 1, tzinfo=UTC))
    assert once == again


def test_every_pair_of_the_policy_alerts(tmp_path: Path) -> None:
    rules = rules_of(tmp_path, requests(burn_policy="pyrra-28d", window="28d"))
    alerts = [rule for group in rules.groups for rule in group.rules if isinstance(rule, Alerting)]
    assert [(rule.labels["severity"], rule.labels["long_window"], str(rule.hold)) for rule in alerts] == [
        ("page", "1h", "0:02:00"),
        ("page", "6h", "0:15:00"),
        ("ticket", "1d", "1:00:00"),
        ("ticket", "4d", "3:00:00"),
    ]
