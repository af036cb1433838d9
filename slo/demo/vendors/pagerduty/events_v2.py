"""The rules of PagerDuty's Events API v2, as far as alerts go: what it takes, and how it says what it does not take.

Sources: https://developer.pagerduty.com/docs/events-api-v2-overview and /docs/send-alert-event; the wording of the
faults is that of answers of the real API.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

BODY_LIMIT_BYTES = 512 * 1024
ROUTING_KEY_LENGTH = 32
DEDUP_KEY_LIMIT = 255
SUMMARY_LIMIT = 1024

ACTIONS = ("trigger", "acknowledge", "resolve")
SEVERITIES = ("critical", "warning", "error", "info")

_PAYLOAD_TEXTS = ("summary", "source", "severity", "timestamp", "component", "group", "class")


class InvalidEvent(Exception):
    """The event is not taken; `errors` are what the answer says about it."""

    def __init__(self, *errors: str) -> None:
        super().__init__("; ".join(errors))
        self.errors = errors


def parse_event(body: bytes, content_type: str) -> dict[str, Any]:
    """The event of a request that is taken; its content type comes without parameters. Raises InvalidEvent."""
    if content_type != "application/json":
        raise InvalidEvent("'Content-Type' must be application/json")
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidEvent("The request body is not valid JSON") from None
    if not isinstance(event, dict):
        raise InvalidEvent("The request body is not a JSON object")
    errors = [*_routing_key(event), *_action(event), *_dedup_key(event), *_context(event)]
    if event.get("event_action") == "trigger":
        errors += _payload(event.get("payload"))
    if errors:
        raise InvalidEvent(*errors)
    return event


def _routing_key(event: Mapping[str, Any]) -> list[str]:
    key = event.get("routing_key")
    if _blank(key):
        return ["'routing_key' is missing or blank"]
    errors = []
    if len(str(key)) != ROUTING_KEY_LENGTH:
        errors.append(f"Length of 'routing_key' is incorrect (should be {ROUTING_KEY_LENGTH} characters)")
    if not (str(key).isascii() and str(key).isalnum()):
        errors.append("'routing_key' cannot contain non-alphanumeric characters.")
    return errors


def _action(event: Mapping[str, Any]) -> list[str]:
    if _blank(event.get("event_action")):
        return ["'event_action' is missing or blank"]
    if event["event_action"] not in ACTIONS:
        return [f"'event_action' is invalid (must be one of the following: {_choice(ACTIONS)})"]
    return []


def _dedup_key(event: Mapping[str, Any]) -> list[str]:
    key = event.get("dedup_key")
    if event.get("event_action") != "trigger" and _blank(key):
        return ["'dedup_key' is missing or blank"]
    if key is not None and not isinstance(key, str):
        return ["'dedup_key' must be a string"]
    if key is not None and len(key) > DEDUP_KEY_LIMIT:
        return [f"Length of 'dedup_key' is incorrect (should be at most {DEDUP_KEY_LIMIT} characters)"]
    return []


def _payload(payload: object) -> list[str]:
    if not isinstance(payload, dict):
        return ["'payload' is missing or blank" if payload is None else "'payload' must be an object"]
    errors = [
        f"'payload.{field}' is missing or blank"
        for field in ("summary", "source", "severity")
        if _blank(payload.get(field))
    ]
    errors += [
        f"'payload.{field}' must be a string"
        for field in _PAYLOAD_TEXTS
        if payload.get(field) is not None and not isinstance(payload[field], str)
    ]
    if errors:
        return errors
    if len(payload["summary"]) > SUMMARY_LIMIT:
        errors.append(f"Length of 'payload.summary' is incorrect (should be at most {SUMMARY_LIMIT} characters)")
    if payload["severity"] not in SEVERITIES:
        errors.append(f"'payload.severity' is invalid (must be one of the following: {_choice(SEVERITIES)})")
    if "timestamp" in payload and not _is_time(payload["timestamp"]):
        errors.append("'payload.timestamp' is invalid (must be an ISO 8601 time)")
    if not isinstance(payload.get("custom_details", {}), dict):
        errors.append("'payload.custom_details' must be an object")
    return errors


def _context(event: Mapping[str, Any]) -> list[str]:
    errors = [
        f"'{field}' must be a string"
        for field in ("client", "client_url")
        if event.get(field) is not None and not isinstance(event[field], str)
    ]
    for field, required in (("links", "href"), ("images", "src")):
        items = event.get(field, [])
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            errors.append(f"'{field}' must be an array of objects")
        elif any(_blank(item.get(required)) for item in items):
            errors.append(f"'{field}.{required}' is missing or blank")
        elif field == "images" and not all(str(item["src"]).startswith("https://") for item in items):
            errors.append("'images.src' is invalid (must be served via HTTPS)")
    return errors


def _blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip()) or not isinstance(value, str)


def _choice(values: tuple[str, ...]) -> str:
    return ", ".join(f"'{value}'" for value in values[:-1]) + f" or '{values[-1]}'"


def _is_time(value: object) -> bool:
    try:
        datetime.fromisoformat(str(value))
    except ValueError:
        return False
    return True
