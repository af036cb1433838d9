"""Rounds and events as logs for others: what an auditor of a customer finds in his own place."""

import re
from collections.abc import Mapping
from typing import cast

from slo.core.contract_events import ContractEnded, ContractRecorded
from slo.core.events import Event, Opened, Reminder, ResponseMissed
from slo.core.incident import Incident
from slo.core.outcome import Outcome
from slo.core.reason import State
from slo.core.telemetry import Json, Logged, id_of
from slo.router.words import told
from slo.store.records import event_to_text
from slo.web.documents import event_document

INCIDENT, AUDIT, OUTCOME = "watchkeep.incident", "watchkeep.audit", "watchkeep.outcome"
"""The datasets."""

_OURS = frozenset({"number", "event", "at", "told", "paged", "hears", "key", "source", "labels", "summary"})
"""What is said elsewhere in the log, or is about how we reach people and nobody else's business."""


def logged_outcome(outcome: Outcome) -> Logged:
    """A round that was not good."""
    bad = outcome.state is State.BAD
    seen = f" seen from {outcome.vantage_point}" if outcome.vantage_point else ""
    detail = f": {outcome.detail}" if outcome.detail else ""
    return Logged(
        id=id_of("outcome", *outcome.point, outcome.number, outcome.at.isoformat()),
        at=outcome.at,
        dataset=OUTCOME,
        action="observed",
        outcome="failure" if bad else "unknown",
        level="error" if bad else "warning",
        message=f"{outcome.check} of {outcome.target}{seen} is {outcome.state.value}: {outcome.reason}{detail}",
        labels=outcome.labels,
        fields={
            "check": outcome.check,
            "target": outcome.target,
            "module": outcome.module,
            "state": outcome.state.value,
            "reason": outcome.reason,
            "detail": outcome.detail,
            "vantage_point": outcome.vantage_point,
            "duration_seconds": outcome.duration_seconds,
            "phases": dict(outcome.phases),
            "extra": outcome.extra,
        },
    )


def logged_event(number: int, event: Event, incident: Incident | None) -> Logged:
    """An event of the journal with its number there, and the incident that it is about."""
    document = event_document(number, event)
    fields = {name: cast("Json", value) for name, value in document.items() if name not in _OURS and value is not None}
    if incident is not None:
        fields |= {
            "id": incident.id,
            "slo": incident.slo,
            "scope": incident.scope,
            "priority": incident.priority.value,
            "severity": incident.severity.value,
            "status": incident.status,
            "summary": incident.summary,
        }
    return Logged(
        id=id_of("event", number, event_to_text(event)),
        at=event.at,
        dataset=INCIDENT if event.incident else AUDIT,
        action=str(document["event"]),
        level=_level(event),
        message=re.sub(r"\s+", " ", told(event)),
        sequence=number,
        labels=_labels_of(event, incident),
        fields=fields,
    )


def _level(event: Event) -> str:
    if isinstance(event, Opened | ResponseMissed):
        return "error"
    return "warning" if isinstance(event, Reminder) else "info"


def _labels_of(event: Event, incident: Incident | None) -> Mapping[str, str]:
    """Whose event it is: the SLO and the labels of its incident, the customer of a contract; none where it is of
    everybody.
    """
    match event:
        case Opened(labels=labels, slo=slo):
            return {**labels, "slo": slo}
        case ContractRecorded(customer=customer) | ContractEnded(customer=customer):
            return {"customer": customer}
    return {**incident.labels, "slo": incident.slo} if incident is not None else {}
