"""The page: what an engineer sees at PagerDuty of an incident, within the limits of the Events API v2."""

import json
import math
from collections.abc import Mapping
from datetime import UTC

from slo.core.alert import Cause
from slo.core.delivery import Action, Message
from slo.core.priority import Priority
from slo.router.summary import one_line

EVENT_LIMIT_BYTES = 500_000
"""PagerDuty takes 512 KB; the rest is for the keys that its package adds."""

LABELS_LIMIT = 100

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

_SEVERITIES: Mapping[Priority, str] = {Priority.P0: "critical", Priority.P1: "error", Priority.P2: "warning"}
"""PagerDuty's severity: what its services route on."""


def event_of(message: Message) -> dict[str, Json]:
    """The properties of the event beside its action and keys; none for an acknowledgement or a resolution.

    What is too large is left out, the least important first, so that a page always goes out.
    """
    if message.action in (Action.ACKNOWLEDGE, Action.RESOLVE):
        return {}
    details = details_of(message)
    payload: dict[str, Json] = {
        "summary": one_line(message.summary) or message.slo,
        "source": one_line(message.evidence.target or message.labels.get("service", "")) or message.slo,
        "severity": _SEVERITIES[message.priority],
        "timestamp": message.at.astimezone(UTC).isoformat(timespec="milliseconds"),
        "class": _class_of(message),
        "custom_details": details,
    }
    for field, label in (("component", "service"), ("group", "customer")):
        if message.labels.get(label):
            payload[field] = one_line(message.labels[label])
    event: dict[str, Json] = {"payload": payload, "client": "Watchkeep"}
    if message.external_url:
        event["client_url"] = message.external_url
        event["links"] = [{"href": message.url, "text": f"Incident {message.incident} in Watchkeep"}]
    for field in ("labels", "burn_rates", "firing", "detail", "target"):
        if len(json.dumps(event).encode()) <= EVENT_LIMIT_BYTES:
            break
        details.pop(field, None)
    return event


def details_of(message: Message) -> dict[str, Json]:
    """The evidence, as plain values: what the engineer looks at next."""
    evidence = message.evidence
    labels = list(message.labels.items())[:LABELS_LIMIT]
    details: dict[str, Json] = {
        "priority": message.priority.value,
        "incident": message.incident,
        "slo": message.slo,
        "scope": message.scope,
        "reason": evidence.reason,
        "target": one_line(evidence.target),
        "detail": one_line(evidence.detail),
        "firing": [f"{pair.name} ({pair.severity})" for pair in sorted(message.firing)],
        "burn_rates": {window: _number(rate) for window, rate in evidence.burn_rates.items()},
        "objective": _number(evidence.objective),
        "window": evidence.window,
        "sli": _number(evidence.sli),
        "budget_remaining": _number(evidence.remaining),
        "coverage": _number(evidence.coverage),
        "opened_at": message.opened_at.astimezone(UTC).isoformat(timespec="seconds"),
        "labels": {one_line(name): one_line(value) for name, value in labels},
    }
    return {name: value for name, value in details.items() if value not in ("", None, [], {})}


def _class_of(message: Message) -> str:
    """PagerDuty's word for what sort of trouble it is."""
    burns = any(pair.cause is Cause.BURN for pair in message.firing)
    return "error budget burn" if burns or not message.firing else "lost data"


def _number(value: float | None) -> float | None:
    """Six digits that matter; None for what JSON has no number for."""
    return float(f"{value:.6g}") if value is not None and math.isfinite(value) else None
