"""The payload of a webhook: Alertmanager's, version 4, with what Alertmanager does not have under `incident`.

Format: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config. An incident is one alert in a group of
its own. Its fingerprint is made of the labels that do not change while it lasts, so that its end finds its beginning.
Where the page of several comes here in place of their pager, it is one alert of the priority of the most urgent.
An annotation says which incident it is, so that one that comes back through an Alertmanager is known for ours.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime

from slo.core.delivery import Action, Message
from slo.router.page import Json, details_of
from slo.router.summary import one_line

NEVER = "0001-01-01T00:00:00Z"
"""The end of an alert that still fires."""

INCIDENT_MARK = "watchkeep_incident"
"""The annotation that says which incident it is."""

_KEPT = frozenset({"alertname", "slo", "scope", "severity", "priority"})


def payload_of(message: Message) -> dict[str, Json]:
    """What is posted of one message."""
    over = message.action is Action.RESOLVE
    status = "resolved" if over else "firing"
    labels, annotations = _labels(message), _annotations(message)
    alert: dict[str, Json] = {
        "status": status,
        "labels": dict(labels),
        "annotations": dict(annotations),
        "startsAt": _time(message.opened_at),
        "endsAt": _time(message.at) if over else NEVER,
        "generatorURL": message.url,
        "fingerprint": _fingerprint(labels, message),
    }
    return {
        "version": "4",
        "groupKey": message.key,
        "truncatedAlerts": 0,
        "status": status,
        "receiver": message.destination,
        "groupLabels": {name: labels[name] for name in ("alertname", "slo", "scope") if name in labels},
        "commonLabels": dict(labels),
        "commonAnnotations": dict(annotations),
        "externalURL": message.external_url,
        "alerts": [alert],
        "incident": _incident(message),
    }


def _labels(message: Message) -> dict[str, str]:
    given = {name: value for name, value in message.labels.items() if name not in _KEPT}
    ours = {
        "alertname": message.slo,
        "slo": message.slo,
        "scope": message.scope,
        "severity": message.severity.value,
        "priority": message.priority.value,
    }
    return {name: value for name, value in sorted((given | ours).items()) if value}


def _annotations(message: Message) -> dict[str, str]:
    report = message.evidence.report
    said = {
        INCIDENT_MARK: message.mark,
        "summary": one_line(message.summary),
        "description": one_line(report.description) if report else "",
        "runbook_url": report.runbook_url if report else "",
        "reason": message.evidence.reason,
        "target": one_line(message.evidence.target),
        "by": one_line(message.by),
        "why": one_line(message.why),
    }
    return {name: value for name, value in said.items() if value}


def _incident(message: Message) -> dict[str, Json]:
    evidence = details_of(message)
    return {
        "id": message.incident,
        "key": message.key,
        "message": message.id,
        "action": message.action.value,
        "status": message.status,
        "priority": message.priority.value,
        "severity": message.severity.value,
        "slo": message.slo,
        "scope": message.scope,
        "summary": one_line(message.summary),
        "opened_at": _time(message.opened_at),
        "at": _time(message.at),
        "by": one_line(message.by),
        "why": one_line(message.why),
        "url": message.url,
        **_page(message),
        "firing": [
            {
                "long": pair.long or None,
                "short": pair.short or None,
                "severity": pair.severity.value,
                "cause": pair.cause.value,
                "alert": pair.alert or None,
            }
            for pair in sorted(message.firing)
        ],
        "evidence": {
            name: evidence[name]
            for name in (
                *("objective", "window", "sli", "budget_remaining", "coverage"),
                *("burn_rates", "reason", "target", "detail", "report"),
            )
            if name in evidence
        },
    }


def _page(message: Message) -> dict[str, Json]:
    """The incidents of a page that tells of several; nothing where it tells of one."""
    if not message.members:
        return {}
    members: list[Json] = [
        {"id": member.incident, "subject": member.subject, "priority": member.priority.value}
        for member in message.members
    ]
    return {"members": members, "more_members": message.more_members}


def _fingerprint(labels: Mapping[str, str], message: Message) -> str:
    """What the end has as well as the beginning. What is told in place of a pager is a page, of several incidents."""
    lasting = sorted((name, value) for name, value in labels.items() if name not in ("severity", "priority"))
    identity = message.key if message.instead_of else repr(lasting)
    return hashlib.sha256(identity.encode()).hexdigest()[:16]


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
