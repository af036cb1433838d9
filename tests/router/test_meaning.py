"""What an alert of somebody else's is about here."""

from collections.abc import Mapping
from datetime import timedelta
from fractions import Fraction

import pytest

from slo.core.alert import Cause, FiringPair
from slo.core.foreign import ForeignAlert
from slo.core.policy import POLICIES, Severity
from slo.core.slo import SLO
from slo.router.meaning import LONGEST_URL, Meanings, report_of
from tests.router.making import T0


def an_slo(name: str, *, group_by: tuple[str, ...] = (), customer: str = "acme") -> SLO:
    labels = {"customer": customer} if customer else {}
    return SLO(
        name=name,
        objective=Fraction(999, 1000),
        window=timedelta(days=30),
        sli=f"counters:{name}",
        pairs=POLICIES["google-30d"],
        labels=labels,
        group_by=group_by,
    )


SLOS = [an_slo("gate"), an_slo("api", group_by=("cluster", "tier")), an_slo("shared", customer="")]


def alert(labels: Mapping[str, str], annotations: Mapping[str, str] | None = None, url: str = "") -> ForeignAlert:
    return ForeignAlert(labels=labels, annotations=annotations or {}, starts_at=T0, source_url=url)


def reported(severity: Severity, name: str) -> FiringPair:
    return FiringPair(severity=severity, cause=Cause.ALERT, alert=name)


BURN = FiringPair(severity=Severity.PAGE, long="1h", short="5m")
RULE = {"alertname": "ErrorBudgetBurn", "severity": "page", "sloth_severity": "page"}
DOWN = reported(Severity.TICKET, "Down")


@pytest.mark.parametrize(
    ("labels", "slo", "scope", "pair"),
    [
        ({"alertname": "Down"}, "Down", "", DOWN),
        ({"alertname": "Down", "job": "b", "instance": "a"}, "Down", "instance=a,job=b", DOWN),
        ({"alertname": "reported"}, "alert reported", "", reported(Severity.TICKET, "reported")),
        ({"job": "b"}, "alert", "job=b", reported(Severity.TICKET, "alert")),
        ({"alertname": "Down", "slo": "gate", "instance": "a"}, "gate", "", DOWN),
        ({"alertname": "Down", "slo": "gate", "customer": "acme"}, "gate", "", DOWN),
        ({"alertname": "Down", "slo": "gate", "customer": "zeta"}, "gate", "customer=zeta", DOWN),
        ({"alertname": "Down", "slo": "shared", "customer": "zeta"}, "shared", "", DOWN),
        ({"alertname": "Down", "slo": "nobody", "instance": "a"}, "nobody", "instance=a", DOWN),
        ({"alertname": "Down", "slo": "api", "cluster": "eu", "tier": "web"}, "api", "cluster=eu,tier=web", DOWN),
        ({"alertname": "Down", "slo": "api", "cluster": "eu"}, "api", "cluster=eu,tier=", DOWN),
        ({"alertname": "Down", "slo": "api", "scope": "cluster=eu,tier=x"}, "api", "cluster=eu,tier=x", DOWN),
        (RULE | {"sloth_id": "gate", "long_window": "1h", "short_window": "5m"}, "gate", "", BURN),
        (
            RULE | {"sloth_id": "gate", "long_window": "1h", "short_window": "1m"},
            "gate",
            "",
            reported(Severity.PAGE, "ErrorBudgetBurn"),
        ),
        (
            RULE | {"sloth_id": "a-b", "sloth_service": "a", "sloth_slo": "b", "long_window": "1h"},
            "a-b",
            "",
            reported(Severity.PAGE, "ErrorBudgetBurn"),
        ),
        ({"alertname": "a\nb", "x": "\x1b[31m"}, "a b", "x=[31m", reported(Severity.TICKET, "a b")),
    ],
)
def test_an_alert_is_about_an_slo_and_a_scope(labels: dict[str, str], slo: str, scope: str, pair: FiringPair) -> None:
    meaning = Meanings(SLOS).of(alert(labels))
    assert (meaning.slo, meaning.scope, meaning.pair) == (slo, scope, pair)


@pytest.mark.parametrize(
    ("said", "severity"),
    [
        ("page", Severity.PAGE),
        ("critical", Severity.PAGE),
        ("Critical", Severity.PAGE),
        ("warning", Severity.TICKET),
        ("none", Severity.TICKET),
        ("", Severity.TICKET),
    ],
)
def test_only_what_says_so_wakes_somebody(said: str, severity: Severity) -> None:
    labels = {"alertname": "Down"} | ({"severity": said} if said else {})
    assert Meanings().of(alert(labels)).pair.severity is severity


@pytest.mark.parametrize(
    ("annotations", "summary"),
    [
        ({}, "fires"),
        ({"summary": "it\nis down", "title": "t", "description": "d"}, "it is down"),
        ({"title": "t", "message": "m"}, "t"),
        ({"message": "m", "description": "d"}, "m"),
        ({"description": "d"}, "d"),
    ],
)
def test_an_alert_speaks_by_its_annotations(annotations: dict[str, str], summary: str) -> None:
    assert report_of(alert({}, annotations)).summary == summary


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("http://p:9090/graph?g0.expr=up%3D%3D0", True),
        ("https://runbooks.example/gate", True),
        ("", False),
        ("/graph", False),
        ("javascript:alert(1)", False),
        ("http://", False),
        ("http://[", False),
        ("http://a/ b", False),
        ("http://a/\n", False),
        ("http://a/" + "x" * LONGEST_URL, False),
    ],
)
def test_only_what_leads_somewhere_is_a_link(url: str, *, kept: bool) -> None:
    report = report_of(alert({}, {"runbook_url": url}, url))
    assert (report.source_url, report.runbook_url) == ((url, url) if kept else ("", ""))
