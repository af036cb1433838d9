"""Requests that Slack did not sign are forged, true ones that make no sense malformed; nothing else happens."""

import hashlib
import hmac
import json
import logging
import ssl
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.core.delivery import Retry
from slo.core.inbound import Inbound, Received
from slo.demo.vendors.slack.standin import SIGNING_SECRET, TOKEN
from slo.errors import Forged, Malformed
from slo.router.slack.api import CallFailed, SlackAPI
from slo.router.slack.inbox import BODY_LIMIT_BYTES, SlackInbox
from tests.router.destinations.slack_chat import ANNA, Chat, entered, submission
from tests.router.making import at


@pytest.mark.parametrize(
    "change",
    [
        {"x-slack-signature": "v0=" + "0" * 64},
        {"x-slack-signature": ""},
        {"x-slack-signature": "v0=é\ud800"},
        {"x-slack-signature": None},
        {"x-slack-request-timestamp": None},
        {"x-slack-request-timestamp": ""},
        {"x-slack-request-timestamp": "yesterday"},
        {"x-slack-request-timestamp": "9" * 400},
        {"x-slack-request-timestamp": "9" * 5000},
        {"x-slack-request-timestamp": "nan"},
        {"x-slack-request-timestamp": "1767236491"},
    ],
    ids=str,
)
async def test_a_request_with_other_headers_is_forged(chat: Chat, change: dict[str, str | None]) -> None:
    request = await chat.press("acknowledge")
    headers = {name: value for name, value in (dict(request.headers) | change).items() if value is not None}
    with pytest.raises(Forged):
        await chat.inbox.receive(replace(request, headers=headers))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda body: body[:-1],
        lambda body: body[: len(body) // 2],
        lambda body: body + b"&payload={}",
        lambda body: body.replace(b"U0ANNA", b"U0BEN0"),
        lambda _: b"",
        lambda _: b"\xff\xfe",
        lambda _: b"x" * 10_000_000,
    ],
    ids=["cut", "half", "longer", "changed", "empty", "no text", "flood"],
)
async def test_a_request_with_another_body_is_forged(chat: Chat, spoil: Callable[[bytes], bytes]) -> None:
    request = await chat.press("acknowledge")
    with pytest.raises(Forged):
        await chat.inbox.receive(replace(request, body=spoil(request.body)))


@pytest.mark.parametrize("seconds", [301, -301, 86_400])
async def test_a_request_of_another_time_is_forged(chat: Chat, seconds: int) -> None:
    request = await chat.press("acknowledge")
    assert (await chat.inbox.receive(replace(request, at=request.at + timedelta(seconds=299)))).acts
    with pytest.raises(Forged):
        await chat.inbox.receive(replace(request, at=request.at + timedelta(seconds=seconds)))


async def test_a_request_that_another_app_signed_is_forged(chat: Chat) -> None:
    other = chat.receiver(signing_secret="another")
    assert other is not None
    with pytest.raises(Forged):
        await other.receive(await chat.press("acknowledge"))


def signed_body(body: bytes, content_type: str = "application/x-www-form-urlencoded") -> Inbound:
    """A request with any body at all, signed as Slack would."""
    stamp = f"{at(90).timestamp():.0f}"
    digest = hmac.new(SIGNING_SECRET.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    headers = {
        "content-type": content_type,
        "x-slack-request-timestamp": stamp,
        "x-slack-signature": f"v0={digest}",
    }
    return Inbound(headers=headers, body=body, at=at(90))


def form(payload: str) -> bytes:
    return urlencode({"payload": payload}).encode()


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "no payload in JSON"),
        (b"ssl_check=1", "no payload in JSON"),
        (form("{"), "no payload in JSON"),
        (form("[" * 50_000), "no payload in JSON"),
        (form("{}") + b"&" + form("{}"), "no payload in JSON"),
        (form("{}") + b"&a=1" * 20, "no payload in JSON"),
        (form("[]"), "the payload is not a JSON object"),
        (form("{}") + b" " * BODY_LIMIT_BYTES, "is larger than 262144 bytes"),
        (form(json.dumps(submission("note", entered(text={"value": "x"}), private_metadata=""))), "names no incident"),
        (
            form(json.dumps(submission("note", entered(text={"value": "x"}), private_metadata="\n"))),
            "names no incident",
        ),
        (form(json.dumps(submission("note", "words"))), "says nothing"),
        (form(json.dumps(submission("note", {"text": "words"}))), "the form has no input text"),
        (
            form(json.dumps({"type": "block_actions", "user": ANNA, "actions": [{"action_id": "acknowledge"}]})),
            "the button names no incident",
        ),
    ],
)
async def test_a_true_request_that_makes_no_sense_is_malformed(chat: Chat, body: bytes, problem: str) -> None:
    with pytest.raises(Malformed, match=problem):
        await chat.inbox.receive(signed_body(body))


async def test_a_true_request_of_another_content_type_is_malformed(chat: Chat) -> None:
    for content_type in ("application/json", "", "multipart/form-data; boundary=x"):
        with pytest.raises(Malformed, match="is not application/x-www-form-urlencoded"):
            await chat.inbox.receive(signed_body(form("{}"), content_type))
    charset = "Application/X-WWW-Form-URLencoded; charset=utf-8"
    assert await chat.inbox.receive(signed_body(form("{}"), charset)) == Received(status=200)


@pytest.mark.parametrize(
    "payload",
    [
        {"type": "view_closed", "user": ANNA},
        {"type": "shortcut", "user": ANNA, "callback_id": "x"},
        {"type": "block_actions", "user": ANNA, "actions": [{"action_id": "other", "value": "1"}]},
        {"type": "block_actions", "user": ANNA, "actions": "acknowledge"},
        {"type": "block_actions", "user": ANNA},
        {"type": "view_submission", "user": ANNA, "view": {"callback_id": "other"}},
        {"type": ["block_actions"]},
        {},
    ],
    ids=str,
)
async def test_what_is_not_for_us_is_answered_and_does_nothing(chat: Chat, payload: dict[str, Any]) -> None:
    assert await chat.inbox.receive(signed_body(form(json.dumps(payload)))) == Received(status=200)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
KEYS = ("user", "view", "actions", "team", "message", "trigger_id", "container")


@given(
    kind=st.sampled_from(["block_actions", "view_submission"]),
    parts=st.dictionaries(st.sampled_from(KEYS), JSON | st.just(ANNA), max_size=6),
    action=st.dictionaries(
        st.sampled_from(["action_id", "value", "action_ts"]), JSON | st.sampled_from(["acknowledge", "note", "eta"])
    ),
)
async def test_any_json_that_is_signed_is_answered_or_malformed(
    kind: str, parts: dict[str, Any], action: dict[str, Any]
) -> None:
    inbox = SlackInbox(name="chat", secret=SIGNING_SECRET, api=Unreachable)
    payload = {"type": kind, "actions": [action]} | parts
    try:
        received = await inbox.receive(signed_body(form(json.dumps(payload))))
        answers = [await received.then(problem) for problem in ("", "it is over")] if received.then else [received]
    except Malformed:
        return
    assert {answer.status for answer in answers} <= {200, 502}
    assert all(act.by.isprintable() and act.source.isprintable() for act in received.acts)


class Unreachable(SlackAPI):
    """A Slack that nobody gets through to."""

    def __init__(self) -> None:
        super().__init__(token=TOKEN, url="https://127.0.0.1:1/api/", tls=ssl.create_default_context)

    async def call(self, method: str, **arguments: object) -> Mapping[str, Any]:
        raise CallFailed(Retry(reason="connect_refused"))


async def test_the_secret_reaches_no_error_and_no_log(chat: Chat, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    request = await chat.press("acknowledge")
    with pytest.raises(Forged) as forged:
        await chat.inbox.receive(replace(request, body=b"x"))
    assert SIGNING_SECRET not in str(forged.value) + caplog.text + repr(chat.inbox)
