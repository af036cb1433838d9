"""What people do in Slack: requests that Slack signed, as acts.

Payloads: https://docs.slack.dev/reference/interaction-payloads. A button is an act, or opens a form; a form that is
sent is an act, or is answered with what is wrong in it. Buttons and forms carry the mark of their incident, so that an
old message does nothing to another one with its number; who did what cannot be done is told why, and nobody else is.
Slack wants its answer within three seconds, and a form can be opened for no longer.
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from slo.core.acts import Acknowledge, Act, EndChat, Look, Target
from slo.core.inbound import Inbound, Received
from slo.errors import Forged, Malformed
from slo.router.slack.api import CallFailed, SlackAPI
from slo.router.slack.blocks import ACKNOWLEDGE, END_CHAT, NOTE, PROMISE, escaped
from slo.router.slack.modals import TEXT, Doing, FormErrors, act_of, modal
from slo.router.summary import one_line

BODY_LIMIT_BYTES = 256 * 1024
"""The largest request: a payload holds one message, which has 50 blocks at most."""

CALL_SECONDS = 2.5
"""How long a call of Slack may take while a person waits: their press is good for three seconds."""

NAME_LIMIT = 150
ID_LIMIT = 40
WHY_LIMIT = 700
MARK_LIMIT = 100

FORM = "application/x-www-form-urlencoded"
SLACKBOT = "USLACKBOT"

_UNDERSTOOD = Received(status=200)
_FAILED = Received(status=502)
"""Slack marks a button whose request failed, which is how the person learns that nothing comes of it."""

_ACTS: Mapping[str, type[Act]] = {ACKNOWLEDGE: Acknowledge, END_CHAT: EndChat, NOTE: Look, PROMISE: Look}

logger = logging.getLogger(__name__)


class SlackInbox:
    """The requests of one app. `name` is the destination's; `api` makes a connection to answer with."""

    def __init__(self, *, name: str, secret: str, api: Callable[[], SlackAPI]) -> None:
        self._name = name
        self._secret = secret
        self._api = api

    async def receive(self, inbound: Inbound) -> Received:
        """What a request says. Raises Forged, Malformed."""
        if not _is_genuine(self._secret, inbound):
            raise Forged("the request is not signed with the app's signing secret, or not now")
        payload = _payload_of(inbound)
        match payload.get("type"):
            case "block_actions":
                return self._of_press(payload)
            case "view_submission":
                return self._of_form(payload, inbound.at)
        return _UNDERSTOOD

    def _of_press(self, payload: Mapping[str, Any]) -> Received:
        by, user = _person(payload), _text_of(payload, "user", "id")
        author = payload["message"].get("user") if isinstance(payload.get("message"), dict) else None
        actions = payload.get("actions")
        pressed = [
            each for each in (actions if isinstance(actions, list) else ()) if _text_of(each, "action_id") in _ACTS
        ]
        if not by or user == author or not pressed:
            return _UNDERSTOOD
        action = pressed[0]  # a button is pressed alone
        name, trigger = _text_of(action, "action_id"), _text_of(payload, "trigger_id")
        stamp = _text_of(action, "action_ts") or trigger
        source = one_line(f"slack:{_text_of(payload, 'team', 'id')}:{user}:{stamp}:{name}", 200)
        target = _target(_text_of(action, "value"), "the button names no incident")
        act = _ACTS[name](target=target, by=by, via=self._name, source=source)

        async def then(problem: str) -> Received:
            if problem:
                return await self._whisper(_text_of(payload, "channel", "id"), user, problem)
            return await self._open(name, target.mark, trigger) if isinstance(act, Look) else _UNDERSTOOD

        return Received(acts=(act,), status=200, then=then)

    def _of_form(self, payload: Mapping[str, Any], now: datetime) -> Received:
        by, view = _person(payload), payload.get("view")
        name = _text_of(view, "callback_id")
        if not by or name not in (NOTE, PROMISE):
            return _UNDERSTOOD
        state = view.get("state") if isinstance(view, dict) else None
        values = state.get("values") if isinstance(state, dict) else None
        target = _target(_text_of(view, "private_metadata"), "the form names no incident")
        if not isinstance(values, dict):
            raise Malformed("the form says nothing")
        source = one_line(f"slack:{_text_of(payload, 'team', 'id')}:{_text_of(view, 'id')}", 200)
        doing = Doing(target=target, by=by, via=self._name, source=source)
        try:
            return Received(acts=(act_of(name, values, doing, now),), status=200, then=_after_form)
        except FormErrors as error:
            return _wrong(error.errors)
        except ValueError as error:
            raise Malformed(str(error)) from None

    async def _open(self, form: str, mark: str, trigger: str) -> Received:
        failed = "a form could not be opened in Slack"
        return await self._call(failed, "views.open", trigger_id=trigger, view=modal(form, mark))

    async def _whisper(self, channel: str, user: str, problem: str) -> Received:
        """Tell the person alone why nothing was done, where they did it."""
        text = f"Nothing was done: {escaped(problem, WHY_LIMIT)}."
        words = {"channel": channel, "user": user, "text": text, "parse": "none", "link_names": False}
        return await self._call("nobody could be told in Slack that nothing was done", "chat.postEphemeral", **words)

    async def _call(self, failed: str, method: str, **arguments: object) -> Received:
        """Call Slack while a person waits; `failed` is what is logged where that comes to nothing."""
        try:
            async with asyncio.timeout(CALL_SECONDS), contextlib.aclosing(self._api()) as api:
                await api.call(method, **arguments)
        except (TimeoutError, CallFailed) as error:
            why = error.verdict if isinstance(error, CallFailed) else None
            reason, detail = (why.reason, why.detail) if why else ("timeout", "")
            logger.warning(failed, extra={"destination": self._name, "reason": reason, "detail": detail})
            return _FAILED
        return _UNDERSTOOD


async def _after_form(problem: str) -> Received:
    """A form whose act cannot be done says so, and what was written in it is not lost."""
    return _wrong({TEXT: f"Nothing was done: {one_line(problem, WHY_LIMIT)}."}) if problem else _UNDERSTOOD


def _wrong(errors: Mapping[str, str]) -> Received:
    return Received(status=200, reply={"response_action": "errors", "errors": dict(errors)})


class _Then:
    """The clock of the verifier: a request is judged by when it was here."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> float:
        return self._at.timestamp()


def _is_genuine(secret: str, inbound: Inbound) -> bool:
    """Whether Slack signed it in the last five minutes."""
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


def _target(mark: str, otherwise: str) -> Target:
    """The incident with that mark. A mark of an older version was its id alone, and is that of no incident any more.

    Raises Malformed where it is none.
    """
    incident = mark.partition("/")[0]
    if not incident or len(mark) > MARK_LIMIT or not mark.isprintable():
        raise Malformed(otherwise)
    return Target(incident=incident, mark=mark)
