"""Alerts, messages and configuration as the tests of the router need them."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from slo.core.acts import Acknowledge, Resolve, Target
from slo.core.alert import Alert, Cause, Evidence, FiringPair, Report
from slo.core.contract import Contract
from slo.core.delivery import Action, Message
from slo.core.incident import Incident
from slo.core.policy import Severity
from slo.core.priority import EnvironmentClass, Priority, circumstances_of, priority_in
from slo.core.routing import Route
from slo.router.audience import Audience
from slo.router.draft import Draft
from slo.router.messages import Teller
from slo.router.muting import Muting

PAGERS = frozenset({"oncall", "second"})
T0 = datetime(2026, 1, 1, 3, 0, tzinfo=UTC)
SLO = "gate-availability"
PRODUCTION = {"service": "gate", "customer": "acme", "environment": "production"}
STAGING = {"service": "gate", "customer": "acme", "environment": "staging"}

PAGE = FiringPair(severity=Severity.PAGE, long="1h", short="5m")
SLOW_PAGE = FiringPair(severity=Severity.PAGE, long="6h", short="30m")
FEW_EVENTS = FiringPair(severity=Severity.TICKET, long="1h", short="5m")
TICKET = FiringPair(severity=Severity.TICKET, long="1d", short="2h")
LOST = FiringPair(severity=Severity.TICKET, cause=Cause.LOST_DATA)
LOST_PAGE = FiringPair(severity=Severity.PAGE, cause=Cause.LOST_DATA)

EVIDENCE = Evidence(
    objective=0.999,
    window="30d",
    sli=0.9982,
    remaining=-0.8,
    coverage=0.75,
    burn_rates={"5m": 1000.0, "1h": 83.3, "30m": 166.7, "6h": 13.9, "2h": 41.7, "1d": 3.5},
    reason="connect_refused",
    target="http://10.0.0.7:8084/health",
)

REPORTED = FiringPair(severity=Severity.PAGE, cause=Cause.ALERT, alert="GateDown")
REPORTED_BY_A_PERSON = "pipelines hang since noon"

REPORT = Report(
    summary="gate answers nobody",
    description="No request was answered for 3m.",
    source_url="http://prometheus.example/graph?g0.expr=up",
    runbook_url="https://runbooks.example/gate",
)


def routes(**own: Any) -> Route:
    """Routes that tell `oncall`, which hears of pages only, and `hook`."""
    return Route(**({"destinations": ("oncall", "hook")} | own))


def draft_of(
    incidents: Mapping[str, Incident],
    at: datetime,
    *,
    tree: Route | None = None,
    contracts: Mapping[str, Contract] | None = None,
    muting: Muting | None = None,
    audience: Audience | None = None,
) -> Draft:
    """A decision to be made at that time; by an audience that has been asked before, where one is given."""
    audience = audience or Audience(tree or routes(), PAGERS, contracts or {})
    teller = Teller(at=at, external_url="https://watch.example/", due=lambda one: audience.response(one).due)
    return Draft(incidents, audience=audience, muting=muting or Muting(), teller=teller)


def takes_on(incident: str = "1", by: str = "anna", **others: object) -> Acknowledge:
    """A person acknowledges."""
    values: dict[str, object] = {"target": Target(incident=incident), "by": by, "via": "api"}
    return Acknowledge(**(values | others))  # type: ignore[arg-type]  # a table of a test, checked by the record itself


def ends(incident: str = "1", by: str = "anna", why: str = "a drill") -> Resolve:
    """A person declares it over."""
    return Resolve(target=Target(incident=incident), by=by, via="api", why=why)


def at(seconds: float) -> datetime:
    """So many seconds into the test."""
    return T0 + timedelta(seconds=seconds)


def alert(*firing: FiringPair, slo: str = SLO, scope: str = "", labels: Mapping[str, str] = PRODUCTION) -> Alert:
    """What the engine says of one SLO."""
    return Alert(slo=slo, scope=scope, at=T0, firing=frozenset(firing), labels=labels, evidence=EVIDENCE)


def message(
    name: str = "m1",
    *,
    action: Action = Action.TRIGGER,
    destination: str = "oncall",
    key: str = "acme:gate-availability:-:g1",
    severity: Severity = Severity.PAGE,
    labels: Mapping[str, str] = PRODUCTION,
    **others: object,
) -> Message:
    """A message about one incident, a P0 unless its severity or its labels say otherwise."""
    values: dict[str, object] = {
        "id": name,
        "destination": destination,
        "action": action,
        "key": key,
        "incident": "1",
        "slo": SLO,
        "severity": severity,
        "priority": priority_in(circumstances_of(severity, EnvironmentClass.of(labels.get("environment", "")))),
        "summary": "gate-availability (acme, production) burns 1000x its budget",
        "at": at(90),
        "opened_at": at(60),
        "labels": labels,
        "firing": frozenset() if action is Action.RESOLVE else frozenset({PAGE, SLOW_PAGE}),
        "evidence": EVIDENCE,
        "external_url": "https://watch.example",
    }
    return Message(**(values | others))  # type: ignore[arg-type]  # a table of a test, checked by the record itself


def of_a_person(name: str = "m1", *, labels: Mapping[str, str] | None = None, **others: object) -> Message:
    """A message about an incident that a person opened: of no SLO, no figures, and no service unless it says so."""
    values: dict[str, object] = {
        "key": "acme:reported:11-20260101T030100Z:g1",
        "incident": "11",
        "slo": "reported",
        "scope": "11-20260101T030100Z",
        "summary": REPORTED_BY_A_PERSON,
        "reported": REPORTED_BY_A_PERSON,
        "labels": {"customer": "acme", "environment": "live"} if labels is None else labels,
        "priority": Priority.P1,
        "firing": frozenset(),
        "evidence": Evidence(),
    }
    return message(name, **(values | others))  # type: ignore[arg-type]  # as above


def ticket(name: str, *, key: str, destination: str = "hook", action: Action = Action.TRIGGER) -> Message:
    """A message that can wait."""
    return message(name, key=key, destination=destination, action=action, severity=Severity.TICKET, labels=STAGING)
