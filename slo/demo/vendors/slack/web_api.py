"""The methods of Slack's Web API that the stand-in has: what they take, what they refuse, and what they do.

Sources: https://docs.slack.dev/reference/methods and /apis/web-api/rate-limits. A refusal is an answer with status 200
and `ok: false`. One thing is not documented, and was told by others: a reply to a message that is gone is not refused,
it is posted into the channel itself.
"""

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from slo.demo.vendors.slack.block_kit import blocks_too_long, faults_of_blocks, faults_of_view
from slo.demo.vendors.slack.workspace import APP, BOT, BOT_USER, TEAM, Workspace, posted

TEXT_LIMIT = 40_000
UPDATE_TEXT_LIMIT = 4_000
METADATA_LIMIT_BYTES = 16_384
SECONDS_A_MESSAGE = 1.0
"""One message a second is taken in a channel."""

TRIGGER_SECONDS = 3.0
"""How long a modal may be opened after a button was pressed."""

_LONGEST_PAGE = 999

Arguments = Mapping[str, Any]
Done = tuple[dict[str, Any], dict[str, Any] | None]
"""The answer of a call beside its `ok`, and its effect on the workspace."""


class Refusal(Exception):
    """The call is not taken: Slack's word for why, and what else it says."""

    def __init__(self, error: str, *, messages: list[str] | None = None, retry_after: int = 0, **also: Any) -> None:
        super().__init__(error)
        self.retry_after = retry_after
        self.answer: dict[str, Any] = {"ok": False, "error": error} | also
        if messages:
            self.answer["errors"] = messages
            self.answer["response_metadata"] = {"messages": [f"[ERROR] {message}" for message in messages]}


@dataclass(slots=True)
class _Trigger:
    user: Mapping[str, str]
    issued_at: float
    used: bool = False


class WebAPI:
    """The methods, on one workspace. `now` gives Unix seconds, `monotonic` is what rates are held against."""

    def __init__(
        self, workspace: Workspace, *, token: str, now: Callable[[], float], monotonic: Callable[[], float]
    ) -> None:
        self._workspace = workspace
        self._token = token
        self._now = now
        self._monotonic = monotonic
        self._posted_at: dict[str, float] = {}
        self._triggers: dict[str, _Trigger] = {}
        self._methods: Mapping[str, Callable[[Arguments], Done]] = {
            "auth.test": self._auth_test,
            "chat.postEphemeral": self._whisper,
            "chat.postMessage": self._post,
            "chat.update": self._update,
            "conversations.history": self._history,
            "conversations.replies": self._replies,
            "views.open": self._open,
        }

    def issue_trigger(self, user: Mapping[str, str]) -> str:
        """A new trigger, as it comes with what a person does."""
        trigger = f"{uuid.uuid4().int % 10**12}.{uuid.uuid4().int % 10**12}.{uuid.uuid4().hex}"
        self._triggers[trigger] = _Trigger(user=user, issued_at=self._monotonic())
        return trigger

    def call(self, method: str, arguments: Arguments, token: str) -> Done:
        """Make one call, whose effect the caller applies. Raises Refusal."""
        if method not in self._methods:
            raise Refusal("unknown_method", req_method=method)
        if not token:
            raise Refusal("not_authed")
        if token != self._token:
            raise Refusal("invalid_auth")
        return self._methods[method](arguments)

    def _auth_test(self, _: Arguments) -> Done:
        return {"user": "watchkeep", "user_id": BOT_USER, "bot_id": BOT, "team_id": TEAM, "team": "Acme"}, None

    def _post(self, arguments: Arguments) -> Done:
        channel = self._channel(arguments)
        _check_content(arguments, TEXT_LIMIT)
        _check_metadata(arguments.get("metadata"))
        waited = self._monotonic() - self._posted_at.get(channel, -SECONDS_A_MESSAGE)
        if waited < SECONDS_A_MESSAGE:
            raise Refusal("ratelimited", retry_after=1)
        self._posted_at[channel] = self._monotonic()
        thread = self._workspace.channels[channel].get(str(arguments.get("thread_ts", "")))
        if thread is not None and thread.get("thread_ts", thread["ts"]) != thread["ts"]:
            raise Refusal("cannot_reply_to_message")
        ts = self._workspace.next_ts(channel, self._now())
        message = posted(arguments, ts, in_thread=thread is not None)
        shown = {name: value for name, value in message.items() if name != "metadata"}
        effect = {"kind": "post", "channel": channel, "message": message}
        return {"channel": channel, "ts": ts, "message": shown}, effect

    def _whisper(self, arguments: Arguments) -> Done:
        channel, user = self._channel(arguments), arguments.get("user")
        if not isinstance(user, str) or not user:
            raise Refusal("user_not_in_channel")
        _check_content(arguments, TEXT_LIMIT)
        whisper = {"channel": channel, "user": user, "text": arguments.get("text", "")}
        return {"message_ts": f"{self._now():.6f}"}, {"kind": "whisper", "whisper": whisper}

    def _update(self, arguments: Arguments) -> Done:
        channel, ts = self._channel(arguments), arguments.get("ts")
        if not isinstance(ts, str) or ts not in self._workspace.channels[channel]:
            raise Refusal("message_not_found")
        if self._workspace.channels[channel][ts]["user"] != BOT_USER:
            raise Refusal("cant_update_message")
        _check_content(arguments, UPDATE_TEXT_LIMIT)
        _check_metadata(arguments.get("metadata"))
        changes = {name: arguments[name] for name in ("text", "blocks", "metadata") if name in arguments}
        changes["edited"] = {"user": BOT_USER, "ts": f"{self._now():.6f}"}
        answer = {"channel": channel, "ts": ts, "text": arguments.get("text", "")}
        return answer, {"kind": "update", "channel": channel, "ts": ts, "changes": changes}

    def _history(self, arguments: Arguments) -> Done:
        return _page(self._workspace.messages(self._channel(arguments)), arguments, default=100), None

    def _replies(self, arguments: Arguments) -> Done:
        thread = self._workspace.thread(self._channel(arguments), str(arguments.get("ts", "")))
        if not thread:
            raise Refusal("thread_not_found")
        return _page(thread, arguments, default=_LONGEST_PAGE), None

    def _open(self, arguments: Arguments) -> Done:
        trigger = self._triggers.get(str(arguments.get("trigger_id", "")))
        if trigger is None:
            raise Refusal("invalid_trigger_id")
        if trigger.used:
            raise Refusal("exchanged_trigger_id")
        if self._monotonic() - trigger.issued_at > TRIGGER_SECONDS:
            raise Refusal("expired_trigger_id")
        view = arguments.get("view")
        if messages := faults_of_view(view):
            raise Refusal("invalid_arguments", messages=messages)
        assert isinstance(view, dict)  # noqa: S101 - what is no object has been refused
        trigger.used = True
        opened = view | {
            "id": f"V{uuid.uuid4().hex[:10].upper()}",
            "team_id": TEAM,
            "app_id": APP,
            "bot_id": BOT,
            "state": {"values": {}},
            "hash": f"{self._now():.0f}.{uuid.uuid4().hex[:8]}",
        }
        return {"view": opened}, {"kind": "open", "view": opened | {"opened_for": trigger.user["id"]}}

    def _channel(self, arguments: Arguments) -> str:
        channel = arguments.get("channel")
        if not isinstance(channel, str) or channel not in self._workspace.channels:
            raise Refusal("channel_not_found")
        return channel


def arguments_of(body: bytes, content_type: str) -> dict[str, Any]:
    """The arguments of a call that has a body, in JSON. Raises Refusal."""
    if not body:
        return {}
    if content_type != "application/json":
        raise Refusal("invalid_post_type")
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        raise Refusal("invalid_json") from None
    if not isinstance(given, dict):
        raise Refusal("json_not_object")
    return given


def _check_content(arguments: Arguments, text_limit: int) -> None:
    text, blocks = arguments.get("text", ""), arguments.get("blocks", [])
    if not isinstance(text, str):
        raise Refusal("invalid_arguments", messages=["must be a string [json-pointer:/text]"])
    if blocks and (messages := faults_of_blocks(blocks)):
        raise Refusal("invalid_blocks", messages=messages)
    if blocks and blocks_too_long(blocks):
        raise Refusal("msg_blocks_too_long")
    if not blocks and not text.strip():
        raise Refusal("no_text")
    if len(text) > text_limit:
        raise Refusal("msg_too_long")


def _check_metadata(metadata: object) -> None:
    if metadata in (None, {}):
        return
    if not isinstance(metadata, dict) or set(metadata) != {"event_type", "event_payload"}:
        raise Refusal("invalid_metadata_format")
    event, payload = metadata["event_type"], metadata["event_payload"]
    if not isinstance(event, str) or not event or not isinstance(payload, dict):
        raise Refusal("invalid_metadata_format")
    if len(json.dumps(metadata)) > METADATA_LIMIT_BYTES:
        raise Refusal("metadata_too_large")


def _page(messages: list[dict[str, Any]], arguments: Arguments, *, default: int) -> dict[str, Any]:
    """One page of messages; their metadata is there for who asks for it."""
    oldest, limit = str(arguments.get("oldest", "0")), str(arguments.get("limit", default))
    cursor = str(arguments.get("cursor", "") or "0")
    if not limit.isdigit() or not 0 < int(limit) <= _LONGEST_PAGE + 1:
        raise Refusal("invalid_limit")
    if not cursor.isdigit():
        raise Refusal("invalid_cursor")
    try:
        since = float(oldest)
    except ValueError:
        raise Refusal("invalid_ts_oldest") from None
    found = [each for each in messages if float(each["ts"]) > since]
    whole = str(arguments.get("include_all_metadata", "")).lower() in ("1", "true")
    begin, end = int(cursor), int(cursor) + int(limit)
    page = [each if whole else {k: v for k, v in each.items() if k != "metadata"} for each in found[begin:end]]
    more = end < len(found)
    return {"messages": page, "has_more": more, "response_metadata": {"next_cursor": str(end) if more else ""}}
