"""What Slack tells an app of what people do to its messages and modals, signed as Slack signs it.

Sources: https://docs.slack.dev/reference/interaction-payloads, and /authentication/verifying-requests-from-slack for
the signature.
"""

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from slo.demo.vendors.slack.workspace import APP, TEAM

Value = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered:
    """How an app answered what a person did."""

    status: int
    body: str

    @property
    def closes(self) -> bool:
        """Whether a modal that was submitted is closed: an empty answer closes it, errors leave it open."""
        return self.status == 200 and not self.body


def signed(payload: Value, secret: str, now: float) -> tuple[dict[str, str], bytes]:
    """The headers and the body of a request with this payload."""
    body = urlencode({"payload": json.dumps(payload)}).encode()
    timestamp = f"{now:.0f}"
    digest = hmac.new(secret.encode(), b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
        "X-Slack-Request-Timestamp": timestamp,
        "X-Slack-Signature": f"v0={digest}",
    }
    return headers, body


def block_actions(
    message: Value, channel: str, action_id: str, *, user: Value, trigger_id: str, now: float
) -> dict[str, Any]:
    """A person uses an element of a message. Raises LookupError where the message has no such element."""
    block, element = next(
        ((block, element) for block, element in _elements(message) if element.get("action_id") == action_id),
        (None, None),
    )
    if block is None or element is None:
        raise LookupError(f"element {action_id} in the message")
    given = {name: element[name] for name in ("action_id", "type", "text", "value") if name in element}
    return {
        "type": "block_actions",
        "user": {"id": user["id"], "username": user["name"], "name": user["name"], "team_id": TEAM},
        "api_app_id": APP,
        "token": "of old times",
        "container": {
            "type": "message",
            "message_ts": message["ts"],
            "channel_id": channel,
            "is_ephemeral": False,
        },
        "trigger_id": trigger_id,
        "team": {"id": TEAM, "domain": "acme"},
        "enterprise": None,
        "is_enterprise_install": False,
        "channel": {"id": channel, "name": "incidents"},
        "message": {name: value for name, value in message.items() if name != "metadata"},
        "state": {"values": {}},
        "response_url": f"https://hooks.slack.com/actions/{TEAM}/1/x",
        "actions": [given | {"block_id": block.get("block_id", "b1"), "action_ts": f"{now:.6f}"}],
    }


def view_submission(view: Value, values: Value, *, user: Value, trigger_id: str) -> dict[str, Any]:
    """A person submits a modal, with `values` by the ids of their blocks; what is not named stays empty.

    Raises LookupError for a block that the modal does not have, ValueError for what no person could submit.
    """
    inputs = {block["block_id"]: block for block in view["blocks"] if block["type"] == "input"}
    for name in values:
        if name not in inputs:
            raise LookupError(f"block {name} in the modal")
    state: dict[str, Any] = {}
    for name, block in inputs.items():
        element, value = block["element"], values.get(name)
        if value in (None, "") and not block.get("optional", False) and "initial_option" not in element:
            raise ValueError(f"{name} must be given")
        state[name] = {element["action_id"]: _entered(element, value)}
    return {
        "type": "view_submission",
        "team": {"id": TEAM, "domain": "acme"},
        "user": {"id": user["id"], "username": user["name"], "name": user["name"], "team_id": TEAM},
        "api_app_id": APP,
        "token": "of old times",
        "trigger_id": trigger_id,
        "view": {key: value for key, value in view.items() if key != "opened_for"} | {"state": {"values": state}},
        "response_urls": [],
        "is_enterprise_install": False,
        "enterprise": None,
    }


def _entered(element: Value, value: Any) -> dict[str, Any]:
    """The state of an input, as it is told."""
    kind = element["type"]
    match kind:
        case "static_select":
            options = {option["value"]: option for option in element["options"]}
            chosen = options[value] if value is not None else element.get("initial_option")
            return {"type": kind, "selected_option": chosen}
        case "datetimepicker":
            return {"type": kind, "selected_date_time": value}
        case "number_input":
            if value is not None and not element["is_decimal_allowed"] and not str(value).removeprefix("-").isdigit():
                raise ValueError(f"{value!r} is no whole number")
            least, most = element.get("min_value"), element.get("max_value")
            if value is not None and least is not None and float(value) < float(least):
                raise ValueError(f"{value!r} is less than {least}")
            if value is not None and most is not None and float(value) > float(most):
                raise ValueError(f"{value!r} is more than {most}")
    if value is not None and len(str(value)) > element.get("max_length", 3000):
        raise ValueError(f"longer than {element.get('max_length', 3000)} characters")
    return {"type": kind, "value": None if value is None else str(value)}


def _elements(message: Value) -> Iterator[tuple[Value, Value]]:
    for block in message.get("blocks", []):
        for element in block.get("elements", []):
            yield block, element
