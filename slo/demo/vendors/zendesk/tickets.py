"""The tickets of the stand-in for Zendesk, and the rules of REST v2 about them.

Source: https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from slo.demo.vendors.standin import Effect

STATUSES = ("new", "open", "pending", "hold", "solved", "closed")
PRIORITIES = ("low", "normal", "high", "urgent")
COMMENT_LIMIT = 65_535

_FIELDS = frozenset(
    {
        *("subject", "comment", "priority", "type", "status", "external_id", "metadata", "requester", "tags"),
        *("group_id", "ticket_form_id", "organization_id", "custom_fields", "assignee_id"),
    }
)


class Refusal(Exception):
    """A request that is not taken; carries its answer."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(status)
        self.response = web.json_response({"error": error, "description": description}, status=status)


@dataclass(slots=True)
class Ticket:
    """One ticket, with its audits, oldest first."""

    id: int
    subject: str
    created_at: str
    submitter_id: int
    description: str
    external_id: str | None = None
    status: str = "new"
    priority: str | None = None
    tags: list[str] = field(default_factory=list)
    audits: list[dict[str, Any]] = field(default_factory=list)

    @property
    def comments(self) -> list[dict[str, Any]]:
        """What was said, oldest first, the description before all."""
        return [event for audit in self.audits for event in audit["events"] if event["type"] == "Comment"]

    def apply(self, effect: Effect) -> None:
        """Take an update in."""
        changes, events = effect["changes"], []
        if comment := changes.get("comment"):
            events.append({"type": "Comment", "body": comment["body"], "public": comment.get("public", True)})
        for name in ("status", "priority"):
            if name in changes:
                setattr(self, name, changes[name])
                events.append({"type": "Change", "field_name": name, "value": changes[name]})
        metadata = {"custom": changes.get("metadata", {}), "system": {}}
        self.audits.append(
            {"id": effect["id"], "author_id": effect["by"]["id"], "metadata": metadata, "events": events}
        )


def parsed(request: web.Request, body: bytes) -> dict[str, Any]:
    """The JSON object of a request, with a ticket in it. Raises Refusal."""
    if request.content_type != "application/json":
        raise Refusal(415, "UnsupportedMediaType", "The content type is not application/json")
    try:
        parsed = json.loads(body)
    except ValueError:
        raise Refusal(400, "UnprocessableRequest", "The request body is not valid JSON") from None
    if not isinstance(parsed, dict) or not isinstance(parsed.get("ticket"), dict):
        raise Refusal(400, "InvalidParameters", "ticket: is required")
    return parsed


def checked(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a ticket, as they are. Raises Refusal."""
    fields: dict[str, Any] = asked["ticket"]
    if unknown := sorted(fields.keys() - _FIELDS):
        raise Refusal(422, "RecordInvalid", f"{unknown[0]}: is not a field of a ticket")
    if "priority" in fields and fields["priority"] not in PRIORITIES:
        raise Refusal(422, "RecordInvalid", "Priority: is not valid")
    if "status" in fields and fields["status"] not in STATUSES[1:]:
        raise Refusal(422, "RecordInvalid", "Status: is not valid")
    if len(str(fields.get("comment", {}).get("body", ""))) > COMMENT_LIMIT:
        raise Refusal(422, "RecordInvalid", "Comment: is too long")
    if "requester" in fields and "@" not in str(fields["requester"].get("email", "")):
        raise Refusal(422, "RecordInvalid", "Requester: Email is not valid")
    return fields
