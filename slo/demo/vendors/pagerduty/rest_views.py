"""What PagerDuty's REST API v2 shows of an incident: itself, its notes, its log."""

from collections.abc import Mapping, Sequence
from typing import Any

from slo.demo.vendors.pagerduty.incidents import VendorIncident, priority, reference, service, user

_LOG_ENTRIES: Mapping[str, str] = {
    "trigger": "trigger_log_entry",
    "acknowledge": "acknowledge_log_entry",
    "annotate": "annotate_log_entry",
    "assign": "assign_log_entry",
    "prioritize": "priority_change_log_entry",
    "resolve": "resolve_log_entry",
    "status_update": "status_update_log_entry",
}


def listed(name: str, items: Sequence[Mapping[str, Any]], *, limit: int = 100) -> dict[str, Any]:
    """The first page of a list."""
    return {name: list(items[:limit]), "limit": limit, "offset": 0, "total": None, "more": len(items) > limit}


def incident_of(incident: VendorIncident) -> dict[str, Any]:
    """The incident itself."""
    acknowledged = incident.steps("acknowledge") if incident.status == "acknowledged" else []
    return reference("incident", incident.id, f"[#{incident.number}] {incident.summary}") | {
        "type": "incident",
        "incident_number": incident.number,
        "title": incident.summary,
        "created_at": incident.opened_at,
        "status": incident.status,
        "incident_key": incident.incident_key,
        "service": service(incident.service),
        "assignments": [
            {"at": incident.opened_at, "assignee": user(incident.assignee)}
            for _ in "1"
            if incident.status != "resolved"
        ],
        "acknowledgements": [{"at": step["at"], "acknowledger": step["agent"]} for step in acknowledged],
        "priority": priority(incident.priority) | {"type": "priority"} if incident.priority else None,
        "resolve_reason": None,
        "urgency": "high",
        "last_status_change_at": incident.history[-1]["at"] if incident.history else incident.opened_at,
    }


def alerts_of(incident: VendorIncident) -> list[dict[str, Any]]:
    """The alerts that it is made of."""
    where = reference("incident", incident.id, incident.summary)
    return [
        {"id": f"{incident.id}A{number}", "type": "alert", "alert_key": key, "status": status, "incident": where}
        for number, (key, status) in enumerate(incident.alerts.items())
    ]


def note_of(step: Mapping[str, Any]) -> dict[str, Any]:
    """A note."""
    return {"id": step["id"], "user": step["agent"], "content": step["text"], "created_at": step["at"]}


def log_entry_of(incident: VendorIncident, step: Mapping[str, Any]) -> dict[str, Any] | None:
    """A step as the log shows it; None for one that it does not show."""
    if step["action"] not in _LOG_ENTRIES:
        return None
    agent = step["agent"] or service(incident.service)
    channel = {"type": "auto" if step["agent"] is None else "website" if agent["type"] == "user_reference" else "api"}
    if step["action"] == "annotate":
        channel = {"type": "note", "summary": step["text"]}
    return {
        "id": step["id"],
        "type": _LOG_ENTRIES[step["action"]],
        "summary": f"{step['action']} by {agent['summary']}",
        "self": f"https://api.pagerduty.com/log_entries/{step['id']}",
        "html_url": None,
        "created_at": step["at"],
        "agent": agent,
        "channel": channel,
        "service": service(incident.service),
        "incident": reference("incident", incident.id, f"[#{incident.number}] {incident.summary}"),
        "teams": [],
    }
