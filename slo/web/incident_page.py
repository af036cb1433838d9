"""One incident as the pages show it: where its response clock stands, and everything that a ticket holds."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from slo.core.alert import Evidence
from slo.core.contract import response_time_name
from slo.core.delivery import Delivery
from slo.core.eta import ETA
from slo.core.events import Event
from slo.core.incident import REPORTED, Incident
from slo.core.priority import EnvironmentClass
from slo.core.response import Response
from slo.core.slo import slo_key
from slo.router.words import told
from slo.web.documents import REFUSED, contract_document, event_document, refusal
from slo.web.words import age, burn, contract_words, lasting, minute, percent

MOST_EVENTS = 500
"""How many events a page shows, the newest: an alert that flaps makes thousands."""

STATUSES: Mapping[str, tuple[str, str]] = {
    "triggered": ("overspent", "Triggered"),
    "acknowledged": ("burning", "Acknowledged"),
    "resolved": ("ok", "Resolved"),
}
"""A status of an incident as the shape and the colour of a state, and its word."""

Facts = Sequence[tuple[str, str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Clock:
    """Where a response clock stands: `state` has its shape and colour, `words` say it."""

    state: str
    words: str


def clock_of(incident: Incident, response: Response | None, now: datetime) -> Clock:
    """Whether a person has answered in time. `response` is None where nobody knows the contract."""
    if response is None:
        return Clock(state="no_data", words="no contract is known")
    within = f"(promised: {response_time_name(response.target)})"
    if incident.responded_at is not None:
        took = f"answered after {lasting(incident.responded_at - response.counted_from)} {within}"
        by = f"{took} by {incident.responded_by}" if incident.responded_by else took
        late = response.breached_at(incident.responded_at) is not None
        return Clock(state="overspent", words=f"MISSED: {by}") if late else Clock(state="ok", words=by)
    if response.breached_at(now) is not None:
        return Clock(state="overspent", words=f"MISSED: was due {_ago(response.due, now)}, nobody has answered")
    return Clock(state="burning", words=f"due in {lasting(response.due - now)} {within}")


def open_row(incident: Incident, response: Response | None, now: datetime) -> dict[str, object]:
    """An open incident in the table of them."""
    state, word = STATUSES[incident.status]
    return {
        "id": incident.id,
        "priority": incident.priority.value,
        "summary": incident.summary,
        "slo": "" if incident.human else slo_key(incident.slo, incident.scope),
        "state": state,
        "word": word,
        "by": incident.acknowledged_by if incident.status == "acknowledged" else "",
        "owner": incident.owner,
        "waiting": incident.waiting,
        "muted": incident.muted,
        "clock": clock_of(incident, response, now),
        "eta": _recovery(incident.eta, now),
        "opened_at": incident.opened_at,
        "age": age(incident.opened_at, now),
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """A part of the page: facts under a title."""

    title: str
    facts: Facts


def sections_of(incident: Incident, response: Response | None, now: datetime) -> list[Section]:
    """What a ticket holds, but for what happened."""
    parts = (
        ("Where", _where(incident, response)),
        ("When", _times(incident)),
        ("Response", _response(incident, response, now)),
        ("Priority", _priority(incident)),
        ("Evidence", _evidence(incident.evidence, incident)),
    )
    return [Section(title=title, facts=known) for title, facts in parts if (known := [f for f in facts if f[1]])]


def notices_of(incident: Incident, deliveries: Iterable[Delivery]) -> list[str]:
    """What nobody may overlook."""
    found = [f"Nobody is told: {incident.muted}"] if incident.muted else []
    found += [f"Not told: {refusal(delivery)}" for delivery in deliveries if delivery.state == REFUSED]
    if incident.chat_ended_at is not None:
        found.append(f"The chat ended at {minute(incident.chat_ended_at)}, and the ticket is not updated yet")
    if incident.sent_directly:
        found.append(f"Sent without the journal to {', '.join(incident.sent_directly)}")
    return found


def promises_of(incident: Incident) -> list[dict[str, str]]:
    """Every time to recover that was promised, oldest first."""
    return [
        {
            "at": minute(promised.at),
            "by": promised.by,
            "recovery": minute(promised.eta.recover_at) if promised.eta.recover_at else "not known yet",
            "confidence": promised.eta.confidence.value,
            "next_update": minute(promised.eta.next_update_at) if promised.eta.next_update_at else "none promised",
            "text": promised.text,
        }
        for promised in incident.etas
    ]


def timeline_of(events: Sequence[tuple[int, Event]]) -> list[dict[str, str]]:
    """The newest events, oldest first."""
    return [
        {
            "number": str(number),
            "at": minute(event.at),
            "event": str(event_document(number, event)["event"]).replace("_", " "),
            "what": told(event),
        }
        for number, event in events[-MOST_EVENTS:]
    ]


def deliveries_of(deliveries: Iterable[Delivery]) -> list[dict[str, str]]:
    """What was sent, or waits."""
    return [
        {
            "destination": delivery.message.destination,
            "action": delivery.message.action.value,
            "state": delivery.state,
            "attempts": str(delivery.attempts),
            "reason": ": ".join(part for part in (delivery.last_reason, delivery.last_detail) if part),
            "not_before": minute(delivery.not_before) if delivery.state == "pending" else "",
        }
        for delivery in deliveries
    ]


def _where(incident: Incident, response: Response | None) -> Facts:
    labels, environment = incident.labels, incident.labels.get("environment", "")
    contract = response.contract if response else None
    kind = contract.class_of(environment) if contract else EnvironmentClass.of(environment)
    title = contract.title if contract and contract.customer == incident.customer else ""
    named = f"{title} ({incident.customer})" if title and title != incident.customer else incident.customer
    usual = {"customer", "environment", "cluster", "service"}
    others = [f"{name}={value}" for name, value in labels.items() if name not in usual]
    return (
        ("Customer", named),
        (
            "Environment",
            f"{environment}, which counts as {kind}" if environment and environment != kind else environment,
        ),
        ("Cluster", labels.get("cluster", "")),
        ("Affected", ", ".join(incident.services) or labels.get("service", "")),
        ("SLO", "" if incident.slo == REPORTED else slo_key(incident.slo, incident.scope)),
        ("Further labels", ", ".join(others)),
        ("Key", f"{incident.key}, generation {incident.generation}"),
    )


def _times(incident: Incident) -> Facts:
    return (
        ("Detected", minute(incident.detected_at)),
        ("Found by", f"the {incident.found_by}"),
        ("Opened", _by(incident.opened_at, incident.opened_by)),
        ("Paged", _at(incident.paged_at)),
        ("Acknowledged", _by(incident.acknowledged_at, incident.acknowledged_by) or "by nobody yet"),
        ("Mitigated", _at(incident.mitigated_at) or "not yet"),
        ("Resolved", _by(incident.resolved_at, incident.resolved_by or "the watch") or "not yet"),
        ("Why", incident.resolved_why),
    )


def _response(incident: Incident, response: Response | None, now: datetime) -> Facts:
    clock = clock_of(incident, response, now)
    promised: Facts = ()
    if response is not None:
        promised = (
            ("Promised", f"within {response_time_name(response.target)}, from {minute(response.counted_from)}"),
            ("Due", minute(response.due)),
            ("Contract", contract_words(contract_document(incident, response.contract))),
            ("Warned", f"at {incident.warned:.0%} of that time" if incident.warned else ""),
        )
    return (
        ("Clock", clock.words),
        *promised,
        ("Answered", _by(incident.responded_at, incident.responded_by)),
        ("Owner", incident.owner or ("nobody yet" if incident.open else "")),
        (
            "Responsibility",
            incident.responsibility.value.replace("_", " ") if incident.responsibility else "not said yet",
        ),
        ("Waiting", "for the customer" if incident.waiting else ""),
        ("Recovery", (_recovery(incident.eta, now) or "not promised yet") if incident.open else ""),
        ("Next update", _at(incident.eta.next_update_at) if incident.eta and incident.open else ""),
    )


def _priority(incident: Incident) -> Facts:
    found = incident.circumstances
    inputs: Facts = ()
    if found is not None:
        inputs = (
            ("Environment class", found.environment.value),
            ("Impact", found.impact.value.replace("_", " ")),
            ("Workaround", "yes" if found.workaround else "none is known"),
            ("Security issue", "yes" if found.security else "no"),
        )
    return (
        ("Priority", f"{incident.priority} (a {incident.severity})"),
        *inputs,
    )


def _evidence(evidence: Evidence, incident: Incident) -> Facts:
    rates = ", ".join(f"{window} {burn(rate)}" for window, rate in evidence.burn_rates.items())
    reason = ": ".join(part for part in (evidence.reason, evidence.detail) if part)
    fires = ", ".join(f"{pair.name} ({pair.severity})" for pair in sorted(incident.firing))
    figures = (
        ("SLI", f"{percent(evidence.sli)} of {percent(evidence.objective)} over {evidence.window}"),
        ("Budget left", percent(evidence.remaining, digits=1)),
        ("Coverage", percent(evidence.coverage, digits=1)),
        ("Burn rates", rates),
        ("Figures of now", f"/api/v1/slos/{quote(slo_key(incident.slo, incident.scope), safe='')}"),
    )
    report = evidence.report
    return (
        ("Fires", fires or ("" if incident.human else "nothing")),
        *(figures if evidence.objective is not None else ()),
        ("Last not good", " at ".join(part for part in (reason, evidence.target) if part)),
        ("Reported", (report.description or report.summary) if report else ""),
        ("Runbook", report.runbook_url if report else ""),
        ("Source", report.source_url if report else ""),
    )


def _recovery(eta: ETA | None, now: datetime) -> str:
    """`2026-01-01 04:00:00 UTC (in 20 min), high confidence`; empty where nothing was promised."""
    if eta is None:
        return ""
    if eta.recover_at is None:
        return f"not known yet, {eta.confidence} confidence"
    late = eta.recover_at <= now
    distance = _ago(eta.recover_at, now) if late else f"in {lasting(eta.recover_at - now)}"
    return f"{minute(eta.recover_at)} ({distance}), {eta.confidence} confidence"


def _ago(at: datetime, now: datetime) -> str:
    return f"{lasting(now - at)} ago"


def _at(at: datetime | None) -> str:
    return minute(at) if at else ""


def _by(at: datetime | None, by: str) -> str:
    return f"{minute(at)}{f' by {by}' if by else ''}" if at else ""
