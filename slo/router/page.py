"""The page: what an engineer sees at PagerDuty of an incident, within the limits of the Events API v2."""

import json
import math
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC

from slo.core.alert import Cause, Report
from slo.core.delivery import Action, Message
from slo.core.priority import Priority
from slo.router.summary import one_line, where_of

EVENT_LIMIT_BYTES = 500_000
"""PagerDuty takes 512 KB; the rest is for the keys that its package adds."""

LABELS_LIMIT = 100

_CLASSES: Mapping[Cause, str] = {
    Cause.BURN: "error budget burn",
    Cause.ALERT: "alert",
    Cause.LOST_DATA: "lost data",
    Cause.UNDELIVERED: "broken path",
}
"""Words for what sort of trouble it is, the one that counts first."""

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
        "summary": one_line(message.summary) or one_line(message.subject),
        "source": one_line(_source(message)) or message.slo,
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
    if links := _links(message):
        event["links"] = links
    for field in ("labels", "burn_rates", "firing", "report", "detail", "target"):
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
        "incidents": _members(message),
        "slo": "" if message.reported else message.slo,
        "scope": "" if message.reported else message.scope,
        "reason": evidence.reason,
        "target": one_line(evidence.target),
        "detail": one_line(evidence.detail),
        "report": _report(evidence.report),
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


def _members(message: Message) -> list[Json]:
    """Every incident that the page tells of, the most urgent first; nothing where there is one alone."""
    more = f"and {message.more_members} more" if message.more_members else ""
    return [*map(str, message.members), *([more] if more else [])]


def _source(message: Message) -> str:
    """What is affected: of what a person reported at least whose it is and where."""
    affected = message.evidence.target or message.labels.get("service", "") or ", ".join(message.services)
    return affected or (where_of(message) if message.reported else "")


def _links(message: Message) -> list[Json]:
    """Where to read on: here, and what an alert of somebody else's names."""
    report = message.evidence.report or Report(summary="")
    links = (
        (message.url, f"Incident {message.incident} in Watchkeep"),
        (report.runbook_url, "Runbook"),
        (report.source_url, "Where the alert comes from"),
    )
    return [{"href": href, "text": text} for href, text in links if href]


def _report(report: Report | None) -> dict[str, Json]:
    """What an alert of somebody else's says; nothing where there is none."""
    if report is None:
        return {}
    said = {field.name: one_line(getattr(report, field.name)) for field in fields(report)}
    return {name: text for name, text in said.items() if text}


def _class_of(message: Message) -> str:
    """What sort of trouble it is, in PagerDuty's `class`."""
    if message.reported:
        return "reported issue"
    causes = {pair.cause for pair in message.firing} or {Cause.BURN}
    return next(word for cause, word in _CLASSES.items() if cause in causes)


def _number(value: float | None) -> float | None:
    """Six digits that matter; None for what JSON has no number for."""
    return float(f"{value:.6g}") if value is not None and math.isfinite(value) else None
