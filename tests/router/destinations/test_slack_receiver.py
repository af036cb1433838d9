"""What people do in Slack: true requests are acts, everything else is refused; forms end to end with the stand-in."""

import hashlib
import hmac
import json
import logging
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from slo.core.acts import Acknowledge, Act, EndChat, Promise, Say, Target
from slo.core.delivery import Action, Lane, Retry
from slo.core.eta import ETA, Confidence
from slo.core.inbound import Inbound, Received
from slo.core.protocols import Receiver
from slo.demo.vendors.block_kit import faults_of_view
from slo.demo.vendors.injection import Injection
from slo.demo.vendors.slack import CHANNEL, SIGNING_SECRET, TOKEN, SlackStandIn
from slo.demo.vendors.workspace import BOT_USER, TEAM
from slo.errors import Forged, Malformed
from slo.net.context import Context
from slo.router.destinations.slack import Config, build, receiver
from slo.router.slack.api import CallFailed, SlackAPI
from slo.router.slack.inbox import BODY_LIMIT_BYTES, SlackInbox
from slo.router.slack.modals import modal
from tests.router.destinations.goldens import hold_against
from tests.router.destinations.quick import QuickClock
from tests.router.making import message

ANNA = {"id": "U0ANNA", "name": "anna"}
ASKED = Target(incident="1")


@pytest.fixture
def clock() -> QuickClock:
    return QuickClock()


@pytest.fixture
async def standin(tmp_path: Path, clock: QuickClock) -> AsyncIterator[SlackStandIn]:
    server = SlackStandIn(tmp_path / "slack", now=lambda: clock.now().timestamp(), monotonic=clock.monotonic)
    async with server:
        yield server


@pytest.fixture
def config(standin: SlackStandIn) -> Config:
    keys = {"token": TOKEN, "channel": CHANNEL, "signing_secret": SIGNING_SECRET}
    return Config.model_validate(keys | {"api_url": standin.api_url, "ca_file": str(standin.ca_file)})


@pytest.fixture
def inbox(config: Config, context: Context) -> Receiver:
    inbox = receiver("chat", config, context)
    assert inbox is not None
    return inbox


@pytest.fixture
async def posted(standin: SlackStandIn, config: Config, context: Context, clock: QuickClock) -> str:
    """The timestamp of an incident that the channel was told of."""
    destination = build(config, replace(context, clock=clock))
    await destination.deliver(message("m1", action=Action.TRIGGER), Lane())
    await destination.aclose()
    return str(standin.messages[0]["ts"])


Press = Callable[..., dict[str, Any]]


@pytest.fixture
def press(standin: SlackStandIn, posted: str) -> Press:
    """What is told when a person presses a button of the incident."""

    def press(action_id: str, user: Mapping[str, str] = ANNA) -> dict[str, Any]:
        return standin.pressed(CHANNEL, posted, action_id, user)

    return press


def inbound(standin: SlackStandIn, payload: Mapping[str, Any]) -> Inbound:
    """The request with that payload, as the stand-in signs it, here at once."""
    headers, body = standin.signed(payload)
    at = datetime.fromtimestamp(standin._now(), UTC)
    return Inbound(headers={name.lower(): value for name, value in headers.items()}, body=body, at=at)


# Acts


async def test_a_press_is_an_act_of_the_person(inbox: Receiver, standin: SlackStandIn, press: Press) -> None:
    received = await inbox.receive(inbound(standin, press("acknowledge")))
    [act] = received.acts
    assert isinstance(act, Acknowledge)
    assert (act.target, act.by, act.via) == (ASKED, "anna (U0ANNA)", "chat")
    assert (received.status, received.reply) == (200, None)
    [ended] = (await inbox.receive(inbound(standin, press("end_chat")))).acts
    assert isinstance(ended, EndChat)
    assert ended.source != act.source


async def test_a_press_that_is_told_twice_has_one_source_and_another_press_another(
    inbox: Receiver, standin: SlackStandIn, press: Press, clock: QuickClock
) -> None:
    request = inbound(standin, press("acknowledge"))
    [first] = (await inbox.receive(request)).acts
    [again] = (await inbox.receive(request)).acts
    assert (first, first.source.startswith(f"slack:{TEAM}:U0ANNA:")) == (again, True)
    clock.move(1)
    [later] = (await inbox.receive(inbound(standin, press("acknowledge")))).acts
    [other] = (await inbox.receive(inbound(standin, press("acknowledge", {"id": "U0BEN", "name": "ben"})))).acts
    assert len({first.source, later.source, other.source}) == 3


@pytest.mark.parametrize(
    ("user", "by"),
    [
        ({"id": "U0ANNA", "name": ""}, "U0ANNA"),
        ({"id": "U0ANNA", "name": "an\x00na\n\u202e"}, "an na (U0ANNA)"),
        ({"id": "U" * 500, "name": "a" * 500}, f"{'a' * 149}… ({'U' * 39}…)"),
        ({"id": "U0ANNA", "name": "<!channel>"}, "<!channel> (U0ANNA)"),
        ({"id": "U0ANNA", "name": "", "username": "anna.b"}, "anna.b (U0ANNA)"),
        ({"id": "U0ANNA", "name": 7}, "U0ANNA"),
    ],
)
async def test_a_name_is_visible_text_and_not_long(
    inbox: Receiver, standin: SlackStandIn, press: Press, user: dict[str, Any], by: str
) -> None:
    payload = press("acknowledge") | {"user": user}
    [act] = (await inbox.receive(inbound(standin, payload))).acts
    assert act.by == by
    assert act.by.isprintable()
    assert len(act.by) <= 200


@pytest.mark.parametrize(
    "user",
    [
        {"id": BOT_USER, "name": "watchkeep"},
        {"id": "USLACKBOT", "name": "slackbot"},
        {"id": "U0OTHER", "name": "robot", "is_bot": True},
        {"id": "", "name": "nobody"},
        {"name": "nobody"},
        "anna",
        None,
    ],
)
@pytest.mark.parametrize("button", ["acknowledge", "end_chat", "note"])
async def test_what_is_no_human_does_nothing(
    inbox: Receiver, standin: SlackStandIn, press: Press, user: object, button: str
) -> None:
    before = len(standin.requests)
    assert await inbox.receive(inbound(standin, press(button) | {"user": user})) == Received(status=200)
    assert len(standin.requests) == before


# Forms


@pytest.mark.parametrize("name", ["note", "eta"])
def test_a_form_is_what_slack_takes_and_a_person_reads(name: str) -> None:
    view = modal(name, "1")
    hold_against(f"slack-modal-{name}.json", view)
    assert faults_of_view(json.loads(json.dumps(view))) == []


@dataclass
class Watch:
    """The web route, as far as it matters here: it answers as the receiver says, and keeps the acts."""

    inbox: Receiver
    clock: QuickClock
    acts: list[Act] = field(default_factory=list)
    url: str = ""

    async def take(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        received = await self.inbox.receive(Inbound(headers=headers, body=await request.read(), at=self.clock.now()))
        self.acts += received.acts
        if received.reply is None:
            return web.Response(status=received.status)
        return web.json_response(received.reply, status=received.status)


@pytest.fixture
async def watch(inbox: Receiver, clock: QuickClock) -> AsyncIterator[Watch]:
    watch = Watch(inbox, clock)
    application = web.Application()
    application.router.add_post("/webhooks/slack", watch.take)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    watch.url = f"http://127.0.0.1:{runner.addresses[0][1]}/webhooks/slack"
    yield watch
    await runner.cleanup()


async def opened(standin: SlackStandIn, watch: Watch, posted: str, button: str) -> str:
    """The form that a button opens."""
    answered = await standin.press(watch.url, channel=CHANNEL, ts=posted, action_id=button, user=ANNA)
    assert answered.status == 200
    [view] = standin.views
    assert view["private_metadata"] == "1"
    return str(view["id"])


async def test_a_note_is_written_in_a_form_and_said_once(standin: SlackStandIn, watch: Watch, posted: str) -> None:
    view = await opened(standin, watch, posted, "note")
    assert watch.acts == []
    words = "The disk is full.\n\x07  We make room."
    said = standin.submitted(view, {"text": words}, ANNA)
    assert (await standin.submit(watch.url, view=view, values={"text": words}, user=ANNA)).closes
    source = f"slack:{TEAM}:{view}"
    text = "The disk is full.\n   We make room."
    assert watch.acts == [Say(target=ASKED, by="anna (U0ANNA)", via="chat", source=source, text=text)]
    again = await watch.inbox.receive(inbound(standin, said))
    assert list(again.acts) == watch.acts


async def test_a_time_to_recover_is_promised_in_a_form_that_says_what_is_wrong_with_it(
    standin: SlackStandIn, watch: Watch, posted: str, clock: QuickClock
) -> None:
    view = await opened(standin, watch, posted, "eta")
    soon = int((clock.now() + timedelta(minutes=30)).timestamp())
    both = await standin.submit(watch.url, view=view, values={"minutes": "30", "time": soon}, user=ANNA)
    errors = {"time": "Give minutes or a time, not both."}
    assert json.loads(both.body) == {"response_action": "errors", "errors": errors}
    assert watch.acts == []
    values = {"time": soon, "confidence": "high", "next_update": "15", "text": "The disk is being replaced."}
    assert (await standin.submit(watch.url, view=view, values=values, user=ANNA)).closes
    [act] = watch.acts
    assert isinstance(act, Promise)
    assert act.text == "The disk is being replaced."
    assert act.eta == ETA(
        recover_at=datetime.fromtimestamp(soon, UTC),
        confidence=Confidence.HIGH,
        next_update_at=clock.now() + timedelta(minutes=15),
    )


@pytest.mark.parametrize(
    ("values", "minutes", "next_minutes"),
    [
        ({"minutes": "45"}, 45, None),
        ({}, None, None),
        ({"next_update": "10"}, None, 10),
        ({"minutes": "43200"}, 43200, None),
    ],
)
async def test_a_promise_may_be_minutes_or_that_nobody_knows(
    standin: SlackStandIn,
    watch: Watch,
    posted: str,
    values: dict[str, str],
    minutes: int | None,
    next_minutes: int | None,
) -> None:
    view = await opened(standin, watch, posted, "eta")
    await standin.submit(watch.url, view=view, values=values, user=ANNA)
    [act] = watch.acts
    assert isinstance(act, Promise)
    now = watch.clock.now()
    assert act.eta == ETA(
        recover_at=None if minutes is None else now + timedelta(minutes=minutes),
        confidence=Confidence.LOW,
        next_update_at=None if next_minutes is None else now + timedelta(minutes=next_minutes),
    )


def entered(**values: object) -> dict[str, Any]:
    """The state of a form with these inputs, as nobody could have entered them."""
    return {name: {name: value} for name, value in values.items()}


SURE = {"selected_option": {"value": "low"}}


@pytest.mark.parametrize(
    ("form", "values", "blocks"),
    [
        ("note", entered(text={"value": " \n\x00 "}), {"text"}),
        ("note", entered(text={"value": None}), {"text"}),
        ("note", {}, {"text"}),
        ("eta", entered(minutes={"value": "0"}, confidence=SURE), {"minutes"}),
        ("eta", entered(minutes={"value": "-5"}, confidence=SURE), {"minutes"}),
        ("eta", entered(minutes={"value": "٣"}, confidence=SURE), {"minutes"}),
        ("eta", entered(minutes={"value": "9" * 5000}, confidence=SURE), {"minutes"}),
        ("eta", entered(minutes={"value": 30}, confidence=SURE), {"minutes"}),
        ("eta", entered(next_update={"value": "soon"}, confidence=SURE), {"next_update"}),
        ("eta", entered(time={"selected_date_time": 1_000_000}, confidence=SURE), {"time"}),
        ("eta", entered(time={"selected_date_time": 10**300}, confidence=SURE), {"time"}),
        ("eta", entered(confidence={"selected_option": {"value": "sure"}}), {"confidence"}),
        ("eta", {}, {"confidence"}),
    ],
)
async def test_a_form_that_is_wrong_is_answered_with_what_is_wrong(
    inbox: Receiver, standin: SlackStandIn, form: str, values: dict[str, Any], blocks: set[str]
) -> None:
    received = await inbox.receive(inbound(standin, submission(form, values)))
    assert received.acts == ()
    assert received.status == 200
    assert received.reply is not None
    assert received.reply["response_action"] == "errors"
    assert set(received.reply["errors"]) == blocks  # type: ignore[call-overload]  # a mapping, by the line before


def submission(form: str, values: object, **changes: object) -> dict[str, Any]:
    view = {"id": "V1", "callback_id": form, "private_metadata": "1", "state": {"values": values}}
    return {"type": "view_submission", "team": {"id": TEAM}, "user": ANNA, "view": view | changes}


@pytest.mark.parametrize(
    "injection",
    [Injection(status=500), Injection(reset=True), Injection(status=200, body="garbage")],
    ids=["500", "reset", "garbage"],
)
async def test_a_form_that_cannot_be_opened_shows_the_person_that_the_press_failed(
    inbox: Receiver,
    standin: SlackStandIn,
    press: Press,
    caplog: pytest.LogCaptureFixture,
    injection: Injection,
) -> None:
    standin.inject(injection)
    assert (await inbox.receive(inbound(standin, press("note")))).status == 502
    assert "a form could not be opened in Slack" in caplog.text
    assert TOKEN not in caplog.text


async def test_a_form_is_given_up_before_the_press_is_worth_nothing(
    inbox: Receiver, standin: SlackStandIn, press: Press, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slo.router.slack.inbox.OPEN_SECONDS", 0.2)
    standin.inject(Injection(hang_seconds=30))
    assert (await inbox.receive(inbound(standin, press("note")))).status == 502


async def test_a_press_that_is_told_twice_opens_one_form(inbox: Receiver, standin: SlackStandIn, press: Press) -> None:
    request = inbound(standin, press("note"))
    assert (await inbox.receive(request)).status == 200
    assert (await inbox.receive(request)).status == 502
    assert len(standin.views) == 1


# What is not believed, and what is not understood


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
async def test_a_request_with_other_headers_is_forged(
    inbox: Receiver, standin: SlackStandIn, press: Press, change: dict[str, str | None]
) -> None:
    request = inbound(standin, press("acknowledge"))
    headers = {name: value for name, value in (dict(request.headers) | change).items() if value is not None}
    with pytest.raises(Forged):
        await inbox.receive(replace(request, headers=headers))


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
async def test_a_request_with_another_body_is_forged(
    inbox: Receiver, standin: SlackStandIn, press: Press, spoil: Callable[[bytes], bytes]
) -> None:
    request = inbound(standin, press("acknowledge"))
    with pytest.raises(Forged):
        await inbox.receive(replace(request, body=spoil(request.body)))


@pytest.mark.parametrize("seconds", [301, -301, 86_400])
async def test_a_request_of_another_time_is_forged(
    inbox: Receiver, standin: SlackStandIn, press: Press, seconds: int
) -> None:
    request = inbound(standin, press("acknowledge"))
    assert (await inbox.receive(replace(request, at=request.at + timedelta(seconds=299)))).acts
    with pytest.raises(Forged):
        await inbox.receive(replace(request, at=request.at + timedelta(seconds=seconds)))


async def test_a_request_that_another_app_signed_is_forged(
    config: Config, context: Context, standin: SlackStandIn, press: Press
) -> None:
    other = Config.model_validate({"token": TOKEN, "channel": CHANNEL, "signing_secret": "another"})
    inbox = receiver("chat", other, context)
    assert inbox is not None
    with pytest.raises(Forged):
        await inbox.receive(inbound(standin, press("acknowledge")))


def signed_body(standin: SlackStandIn, body: bytes, content_type: str = "application/x-www-form-urlencoded") -> Inbound:
    """A request with any body at all, signed as Slack would."""
    stamp = f"{standin._now():.0f}"
    digest = hmac.new(SIGNING_SECRET.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    headers = {
        "content-type": content_type,
        "x-slack-request-timestamp": stamp,
        "x-slack-signature": f"v0={digest}",
    }
    return Inbound(headers=headers, body=body, at=datetime.fromtimestamp(standin._now(), UTC))


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
async def test_a_true_request_that_makes_no_sense_is_malformed(
    inbox: Receiver, standin: SlackStandIn, body: bytes, problem: str
) -> None:
    with pytest.raises(Malformed, match=problem):
        await inbox.receive(signed_body(standin, body))


async def test_a_true_request_of_another_content_type_is_malformed(inbox: Receiver, standin: SlackStandIn) -> None:
    for content_type in ("application/json", "", "multipart/form-data; boundary=x"):
        with pytest.raises(Malformed, match="is not application/x-www-form-urlencoded"):
            await inbox.receive(signed_body(standin, form("{}"), content_type))
    charset = "Application/X-WWW-Form-URLencoded; charset=utf-8"
    assert await inbox.receive(signed_body(standin, form("{}"), charset)) == Received(status=200)


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
async def test_what_is_not_for_us_is_answered_and_does_nothing(
    inbox: Receiver, standin: SlackStandIn, payload: dict[str, Any]
) -> None:
    assert await inbox.receive(signed_body(standin, form(json.dumps(payload)))) == Received(status=200)


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
        received = await inbox.receive(signed_body(NOBODY, form(json.dumps(payload))))
    except Malformed:
        return
    assert received.status in (200, 502)
    assert all(act.by.isprintable() and act.source.isprintable() for act in received.acts)


class Unreachable(SlackAPI):
    """A Slack that nobody gets through to."""

    def __init__(self) -> None:
        super().__init__(token=TOKEN, url="https://127.0.0.1:1/api/", tls=ssl.create_default_context)

    async def call(self, method: str, **arguments: object) -> Mapping[str, Any]:
        raise CallFailed(Retry(reason="connect_refused"))


NOBODY: Any = type("Nobody", (), {"_now": staticmethod(lambda: 1_767_236_490.0)})()


def test_without_a_signing_secret_nothing_is_received(context: Context) -> None:
    assert receiver("chat", Config.model_validate({"token": TOKEN, "channel": CHANNEL}), context) is None


async def test_the_secret_reaches_no_error_and_no_log(
    inbox: Receiver, standin: SlackStandIn, press: Press, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    request = inbound(standin, press("acknowledge"))
    with pytest.raises(Forged) as forged:
        await inbox.receive(replace(request, body=b"x"))
    assert SIGNING_SECRET not in str(forged.value) + caplog.text + repr(inbox)
