"""Records as the documents of the API: what `docs/api.md` describes, made in one place for everybody who shows them.

Times are RFC 3339 in UTC, durations seconds, ratios numbers; a figure with nothing to divide by is null.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeAlias

from slo.core.alert import Evidence, FiringPair, Report
from slo.core.contract import Contract, response_time_name
from slo.core.delivery import Delivery
from slo.core.eta import ETA
from slo.core.events import Event
from slo.core.incident import Incident
from slo.core.priority import Circumstances, Priority
from slo.core.response import Response
from slo.core.status import BudgetFigures, RawFigures, SLOStatus, WindowFigures
from slo.core.written_contract import WrittenContract
from slo.errors import ConfigFault

REFUSED = "refused"
"""The state of a delivery that the other side will never take."""

Document: TypeAlias = dict[str, object]


def time_text(at: datetime) -> str:
    """`2026-01-01T00:01:30Z`, with a fraction where there is one."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def slo_document(status: SLOStatus) -> Document:
    """One SLO: what it promises, and how it stands."""
    slo, budget = status.slo, status.budget
    return {
        "name": slo.name,
        "scope": slo.scope,
        "key": slo.key,
        "state": status.state,
        "at": time_text(status.at),
        "objective": float(slo.objective),
        "window": budget.window,
        "window_seconds": budget.seconds,
        "indicator": slo.sli,
        "description": slo.description,
        "labels": dict(slo.labels),
        "sli": budget.sli,
        "budget": _budget(budget),
        "budgets": [_budget(figures) for figures in status.budgets],
        "maturity_seconds": status.maturity_seconds,
        "windows": {figures.window: _window(figures) for figures in status.windows},
        "totals": dict(status.totals),
        "firing": _pairs(status.firing),
        "incident": status.incident or None,
        "last_reason": status.last_reason or None,
        "last_target": status.last_target or None,
    }


def _window(figures: WindowFigures) -> Document:
    return {
        "seconds": figures.seconds,
        "good": figures.good,
        "bad": figures.bad,
        "unknown": figures.unknown,
        "excluded": figures.excluded,
        "excluded_seconds": figures.excluded_seconds,
        "covered_seconds": figures.covered_seconds,
        "coverage": figures.coverage,
        "sli": figures.sli,
        "burn_rate": figures.burn_rate,
        "raw": raw_document(figures.raw),
    }


def _budget(figures: BudgetFigures) -> Document:
    return {
        "window": figures.window,
        "seconds": figures.seconds,
        "period": figures.period or None,
        "elapsed": figures.elapsed,
        "remaining": figures.remaining,
        "exhaustion": _time(figures.exhaustion),
        "good": figures.good,
        "bad": figures.bad,
        "sli": figures.sli,
        "allowed_events": figures.allowed_events,
        "covered_seconds": figures.covered_seconds,
        "coverage": figures.coverage,
        "excluded": figures.excluded,
        "excluded_seconds": figures.excluded_seconds,
        "raw": raw_document(figures.raw),
    }


def raw_document(raw: RawFigures | None) -> Document | None:
    """What figures would be if nothing were excluded; null where nothing is."""
    if raw is None:
        return None
    return {"good": raw.good, "bad": raw.bad, "sli": raw.sli, "remaining": raw.remaining}


def incident_document(
    incident: Incident, deliveries: Sequence[Delivery] = (), response: Response | None = None
) -> Document:
    """One incident: its state, who works on it, the figures behind it, and what was refused of what was sent.

    `response` is its clock, by the contract that it was opened under; None where that is not known.
    """
    return {
        "id": incident.id,
        "slo": incident.slo,
        "scope": incident.scope,
        "status": incident.status,
        "priority": incident.priority.value,
        "severity": incident.severity.value,
        "summary": incident.summary,
        "labels": dict(incident.labels),
        "key": incident.key,
        "generation": incident.generation,
        "firing": _pairs(incident.firing),
        "evidence": _plain(incident.evidence),
        "customer": incident.customer or None,
        "environment": incident.labels.get("environment") or None,
        "cluster": incident.labels.get("cluster") or None,
        "detected_at": time_text(incident.detected_at),
        "opened_at": time_text(incident.opened_at),
        "opened_by": incident.opened_by or None,
        "created_at": _time(incident.created_at),
        "found_by": incident.found_by,
        "circumstances": _plain(incident.circumstances),
        "services": list(incident.services),
        "paged_at": _time(incident.paged_at),
        "clear_since": _time(incident.clear_since),
        "acknowledged_at": _time(incident.acknowledged_at),
        "acknowledged_by": incident.acknowledged_by or None,
        "muted": incident.muted or None,
        "contract": contract_document(incident, response.contract) if response else None,
        "response": _response(incident, response) if response else None,
        "responded_at": _time(incident.responded_at),
        "responded_by": incident.responded_by or None,
        "owner": incident.owner or None,
        "responsibility": incident.responsibility.value if incident.responsibility else None,
        "waiting": incident.waiting,
        "eta": _plain(incident.eta),
        "etas": [{"at": time_text(each.at), "by": each.by, "eta": _plain(each.eta)} for each in incident.etas],
        "chat_ended_at": _time(incident.chat_ended_at),
        "mitigated_at": _time(incident.mitigated_at),
        "resolved_at": _time(incident.resolved_at),
        "resolved_by": incident.resolved_by or None,
        "resolved_why": incident.resolved_why or None,
        "sent_directly": list(incident.sent_directly),
        "refused": [refusal(delivery) for delivery in deliveries if delivery.state == REFUSED],
    }


def contract_document(incident: Incident, contract: Contract) -> Document:
    """What was promised when an incident was opened. `digest` names it on record; null where it was opened before."""
    return {
        "digest": incident.contract_digest or None,
        "customer": contract.customer or None,
        "title": contract.title or None,
        "agreement": contract.agreement or None,
        "response": {priority.value: response_time_name(contract.responses[priority]) for priority in Priority},
        "business_days": contract.days.value,
        "zone": contract.hours.zone,
    }


def _response(incident: Incident, response: Response) -> Document:
    """The response clock: what was promised, and how it stands."""
    missed = incident.missed_at or (response.due if _answered_late(response) else None)
    return {
        "within": response_time_name(response.target),
        "counted_from": time_text(response.counted_from),
        "due": time_text(response.due),
        "missed_at": _time(missed),
        "warned": incident.warned,
    }


def _answered_late(response: Response) -> bool:
    return response.responded_at is not None and response.responded_at > response.due


def refusal(delivery: Delivery) -> str:
    """`oncall refused the trigger (rejected: ...)`: what nobody was told of, and never will be by itself."""
    why = ": ".join(part for part in (delivery.last_reason, delivery.last_detail) if part)
    return f"{delivery.message.destination} refused the {delivery.message.action.value} ({why})"


def in_order(incidents: Iterable[Incident]) -> list[Incident]:
    """Open incidents first, the most urgent of them before the others; then the newest first."""
    newest = sorted(incidents, key=lambda incident: incident.opened_at, reverse=True)
    return sorted(newest, key=lambda incident: (not incident.open, incident.priority.rank if incident.open else 0))


def incident_with_history(
    incident: Incident,
    events: Sequence[tuple[int, Event]],
    deliveries: Sequence[Delivery],
    response: Response | None = None,
) -> Document:
    """One incident with its timeline and with what was sent about it."""
    return incident_document(incident, deliveries, response) | {
        "events": [event_document(number, event) for number, event in events],
        "deliveries": [delivery_document(delivery) for delivery in deliveries],
    }


def act_document(incident: Incident, unchanged: str, response: Response | None = None) -> Document:
    """One incident after an act of a person; `unchanged` is what was so already, where the act changed nothing."""
    return incident_document(incident, response=response) | {"unchanged": unchanged or None}


def event_document(number: int, event: Event) -> Document:
    """One event of the journal, with its number there; `event` is its kind, as in `firing_changed`."""
    kind = re.sub(r"(?<!^)(?=[A-Z])", "_", type(event).__name__).lower()
    own = [field.name for field in fields(event) if field.name not in {"incident", "at"}]
    return {
        "number": number,
        "event": kind,
        "at": time_text(event.at),
        **{name: _plain(getattr(event, name)) for name in own},
    }


def delivery_document(delivery: Delivery) -> Document:
    """One message on its way to one destination."""
    return {
        "number": delivery.sequence,
        "destination": delivery.message.destination,
        "instead_of": delivery.message.instead_of or None,
        "action": delivery.message.action.value,
        "key": delivery.message.key,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "created_at": time_text(delivery.created_at),
        "not_before": time_text(delivery.not_before) if delivery.state == "pending" else None,
        "last_reason": delivery.last_reason or None,
        "last_detail": delivery.last_detail or None,
    }


def fault_document(fault: ConfigFault) -> Document:
    """One fault of a configuration; `text` is the line that `watchkeep check` prints for it."""
    return {
        "file": fault.file,
        "line": fault.line,
        "column": fault.column,
        "path": fault.path,
        "problem": fault.problem,
        "mend": fault.mend,
        "text": str(fault),
    }


def _time(at: datetime | None) -> str | None:
    return time_text(at) if at else None


def _pairs(firing: Iterable[FiringPair]) -> list[Document]:
    return [
        {
            "severity": pair.severity.value,
            "long": pair.long or None,
            "short": pair.short or None,
            "cause": pair.cause.value,
            "alert": pair.alert or None,
        }
        for pair in sorted(firing)
    ]


def _plain(value: object) -> object:
    match value:
        case StrEnum():
            return value.value
        case None | str() | int() | float():
            return value
        case datetime():
            return time_text(value)
        case Evidence() | Report() | ETA() | Circumstances() | WrittenContract():
            return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
        case frozenset():
            return _pairs(pair for pair in value if isinstance(pair, FiringPair))
        case Mapping():
            return {str(name): _plain(inner) for name, inner in value.items()}
        case tuple():
            return [_plain(inner) for inner in value]
    raise TypeError(f"no document for {type(value).__name__}")
