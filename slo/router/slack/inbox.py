"""What people do in Slack: requests that Slack signed, as acts.

Payloads: https://docs.slack.dev/reference/interaction-payloads. A button is an act, or opens a form; a form that is
sent is an act, or is answered with what is wrong in it. Slack wants its answer within three seconds, and a form
can be opened for no longer.
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from slo.core.acts import Acknowledge, Act, EndChat, Target
from slo.core.inbound import Inbound, Received
from slo.errors import Forged, Malformed
from slo.router.slack.api import CallFailed, SlackAPI
from slo.router.slack.blocks import ACKNOWLEDGE, END_CHAT, NOTE, PROMISE
from slo.router.slack.modals import Doing, FormErrors, act_of, modal
from slo.router.summary import one_line

BODY_LIMIT_BYTES = 256 * 1024
"""The largest request: a payload holds one message, which has 50 blocks at most."""

OPEN_SECONDS = 2.5
"""How long opening a form may take: the person's press is good for three seconds."""

NAME_LIMIT = 150
ID_LIMIT = 40

FORM = "application/x-www-form-urlencoded"
SLACKBOT = "USLACKBOT"

_UNDERSTOOD = Received(status=200)
_FAILED = Received(status=502)
"""Slack marks a button whose request failed, which is how the person learns that the form does not come."""

logger = logging.getLogger(__name__)


class SlackInbox:
    """The requests of one app. `name` is the destination's; `api` makes a connection to answer with."""

    def __init__(self, *, name: str, secret: str, api: Callable[[], SlackAPI]) -> None:
        self._name = name
        self._secret = secret
        self._api = api

    async def receive(self, inbound: Inbound) -> Received:
        """What a request says. Raises Forged, Malformed."""
        if not await asyncio.to_thread(_is_genuine, self._secret, inbound):
            raise Forged("the request is not signed with the app's signing secret, or not now")
        payload = _payload_of(inbound)
        match payload.get("type"):
            case "block_actions":
                return await self._of_press(payload)
            case "view_submission":
                return self._of_form(payload, inbound.at)
        return _UNDERSTOOD

    async def _of_press(self, payload: Mapping[str, Any]) -> Received:
        by, user = _person(payload), _text_of(payload, "user", "id")
        author = payload["message"].get("user") if isinstance(payload.get("message"), dict) else None
        if not by or user == author:
            return _UNDERSTOOD
        acts: list[Act] = []
        actions = payload.get("actions")
        for action in actions if isinstance(actions, list) else ():
            name, incident = _text_of(action, "action_id"), _text_of(action, "value")
            if name not in (ACKNOWLEDGE, END_CHAT, NOTE, PROMISE):
                continue
            if not _is_id(incident):
                raise Malformed("the button names no incident")
            if name in (NOTE, PROMISE):
                return await self._open(name, incident, _text_of(payload, "trigger_id"))
            kind = Acknowledge if name == ACKNOWLEDGE else EndChat
            stamp = _text_of(action, "action_ts") or _text_of(payload, "trigger_id")
            source = f"slack:{_text_of(payload, 'team', 'id')}:{user}:{stamp}:{name}"
            acts.append(kind(target=Target(incident=incident), by=by, via=self._name, source=one_line(source, 200)))
        return Received(acts=tuple(acts), status=200)

    def _of_form(self, payload: Mapping[str, Any], now: datetime) -> Received:
        by, view = _person(payload), payload.get("view")
        name, incident = _text_of(view, "callback_id"), _text_of(view, "private_metadata")
        if not by or name not in (NOTE, PROMISE):
            return _UNDERSTOOD
        state = view.get("state") if isinstance(view, dict) else None
        values = state.get("values") if isinstance(state, dict) else None
        if not _is_id(incident) or not isinstance(values, dict):
            raise Malformed("the form names no incident, or says nothing")
        source = one_line(f"slack:{_text_of(payload, 'team', 'id')}:{_text_of(view, 'id')}", 200)
        doing = Doing(target=Target(incident=incident), by=by, via=self._name, source=source)
        try:
            return Received(acts=(act_of(name, values, doing, now),), status=200)
        except FormErrors as error:
            return Received(status=200, reply={"response_action": "errors", "errors": dict(error.errors)})
        except ValueError as error:
            raise Malformed(str(error)) from None

    async def _open(self, form: str, incident: str, trigger: str) -> Received:
        try:
            async with asyncio.timeout(OPEN_SECONDS), contextlib.aclosing(self._api()) as api:
                await api.call("views.open", trigger_id=trigger, view=modal(form, incident))
        except (TimeoutError, CallFailed) as error:
            why = error.verdict if isinstance(error, CallFailed) else None
            logger.warning(
                "a form could not be opened in Slack",
                extra={
                    "destination": self._name,
                    "incident": incident,
                    "reason": why.reason if why else "timeout",
                    "detail": why.detail if why else "",
                },
            )
            return _FAILED
        return _UNDERSTOOD


class _Then:
    """The clock of the verifier: a request is judged by when it was here."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> float:
        return self._at.timestamp()


def _is_genuine(secret: str, inbound: Inbound) -> bool:
    """Whether Slack signed it in the last five minutes. In a thread: the package takes 0.9 s to import, once."""
    from slack_sdk.signature import SignatureVerifier

    try:
        verifier = SignatureVerifier(secret, clock=_Then(inbound.at))  # type: ignore[arg-type]  # it asks for now() alone
        return verifier.is_valid_request(inbound.body, dict(inbound.headers))
    except (ValueError, TypeError, ArithmeticError):  # a time, a signature or a body that can be none
        return False


def _payload_of(inbound: Inbound) -> dict[str, Any]:
    if len(inbound.body) > BODY_LIMIT_BYTES:
        raise Malformed(f"the request is larger than {BODY_LIMIT_BYTES} bytes")
    if inbound.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise Malformed(f"the request is not {FORM}")
    try:
        (text,) = parse_qs(inbound.body.decode(), max_num_fields=10).get("payload", [])
        payload = json.loads(text)
    except (ValueError, RecursionError):
        raise Malformed("the request has no payload in JSON") from None
    if not isinstance(payload, dict):
        raise Malformed("the payload is not a JSON object")
    return payload


def _person(payload: Mapping[str, Any]) -> str:
    """Who it was, for people to read: the name, and the id that it belongs to. Empty for what is no human."""
    user = payload.get("user")
    id_, bot = one_line(_text_of(user, "id"), ID_LIMIT), isinstance(user, dict) and user.get("is_bot") is True
    if not id_ or id_ == SLACKBOT or bot:
        return ""
    name = one_line(_text_of(user, "name") or _text_of(user, "username"), NAME_LIMIT)
    return f"{name} ({id_})" if name else id_


def _text_of(value: Any, *path: str) -> str:
    """The text at a path of keys; empty where there is none."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""


def _is_id(incident: str) -> bool:
    return 0 < len(incident) <= 100 and incident.isprintable()
