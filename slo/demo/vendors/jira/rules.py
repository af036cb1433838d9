"""The rules of Jira's REST v3, as far as issues and comments go: what it takes, and how it says what it does not take.

Source: https://developer.atlassian.com/cloud/jira/platform/rest/v3/.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from slo.demo.vendors.jira.adf import is_document
from slo.demo.vendors.jira.issues import PRIORITIES

ISSUE_TYPES = ("Incident", "Service Request", "Task")
SUMMARY_LIMIT = 255
BODY_LIMIT = 32_767
PROJECT = "OPS"

_SYSTEM_FIELDS = frozenset({"project", "issuetype", "summary", "description", "labels", "priority", "components"})


class Refusal(Exception):
    """A request that is not taken; carries its answer."""

    def __init__(self, status: int, *messages: str, **errors: str) -> None:
        super().__init__(status)
        self.response = web.json_response({"errorMessages": list(messages), "errors": errors}, status=status)


def checked_fields(fields: object) -> dict[str, Any]:
    """The fields of a new issue, as they are. Raises Refusal with what is wrong, by field."""
    if not isinstance(fields, dict):
        raise Refusal(400, "fields is required")
    unknown = [name for name in fields if name not in _SYSTEM_FIELDS and not name.startswith("customfield_")]
    errors = {
        name: f"Field '{name}' cannot be set. It is not on the appropriate screen, or unknown." for name in unknown
    }
    summary, labels = fields.get("summary"), fields.get("labels", [])
    if key_of(fields.get("project"), "key") != PROJECT:
        errors["project"] = "valid project is required"
    if key_of(fields.get("issuetype"), "name") not in ISSUE_TYPES:
        errors["issuetype"] = "Specify a valid issue type"
    if not isinstance(summary, str) or not summary.strip():
        errors["summary"] = "You must specify a summary of the issue."
    elif len(summary) > SUMMARY_LIMIT:
        errors["summary"] = "Summary must be less than 255 characters."
    elif "\n" in summary or "\r" in summary:
        errors["summary"] = "The summary is invalid because it contains newline characters."
    if not isinstance(labels, list) or any(not isinstance(label, str) or re.search(r"\s", label) for label in labels):
        errors["labels"] = "The label contains spaces which is invalid."
    if "description" in fields and not _is_body(fields["description"]):
        errors["description"] = "Operation value must be an Atlassian Document (see the Atlassian Document Format)"
    if "priority" in fields and key_of(fields["priority"], "name") not in PRIORITIES:
        errors["priority"] = "The priority selected is invalid."
    if errors:
        raise Refusal(400, **errors)
    return fields


def parsed(request: web.Request, body: bytes) -> dict[str, Any]:
    """The JSON object of a request. Raises Refusal."""
    if request.content_type != "application/json":
        raise Refusal(415)
    try:
        parsed = json.loads(body)
    except ValueError:
        raise Refusal(400, "Invalid request payload. Refer to the REST API documentation and try again.") from None
    if not isinstance(parsed, dict):
        raise Refusal(400, "Invalid request payload. Refer to the REST API documentation and try again.")
    return parsed


def checked_comment(asked: Mapping[str, Any]) -> dict[str, Any]:
    """A comment, with whether customers see it. Raises Refusal."""
    if not _is_body(asked.get("body")):
        raise Refusal(400, comment="Comment body is not valid!")
    properties = checked_properties(asked)
    internal = {"key": "sd.public.comment", "value": {"internal": True}} in properties
    return {"body": asked["body"], "properties": properties, "jsdPublic": not internal}


def checked_properties(asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The properties that an issue or a comment is created with. Raises Refusal."""
    properties = asked.get("properties", [])
    if not all(isinstance(each, dict) and each.keys() == {"key", "value"} for each in properties):
        raise Refusal(400, "Invalid request payload. Refer to the REST API documentation and try again.")
    return list(properties)


def _is_body(value: object) -> bool:
    return is_document(value) and len(json.dumps(value)) <= BODY_LIMIT


def priority_in(fields: object) -> str:
    """The name of the priority that fields set. Raises Refusal."""
    name = key_of(fields.get("priority") if isinstance(fields, dict) else None, "name")
    if name not in PRIORITIES:
        raise Refusal(400, priority="The priority selected is invalid.")
    return name


def key_of(value: object, key: str) -> str:
    """A text within an object; empty where it is none."""
    return str(value.get(key, "")) if isinstance(value, dict) else ""
