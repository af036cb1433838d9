"""Forms of Slack, end to end with the stand-in: what people write and promise in them, and what is wrong there."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from slo.core.acts import Look, Promise, Say
from slo.core.eta import ETA, Confidence
from slo.core.inbound import Inbound
from slo.demo.vendors.slack.block_kit import faults_of_view
from slo.demo.vendors.slack.standin import CHANNEL
from slo.demo.vendors.slack.workspace import TEAM
from slo.router.slack.modals import modal
from tests.router.destinations.goldens import hold_against
from tests.router.destinations.slack_chat import ANNA, ASKED, TRIGGER, Chat, entered, submission


@pytest.mark.parametrize("name", ["note", "eta"])
def test_a_form_is_what_slack_takes_and_a_person_reads(name: str) -> None:
    view = modal(name, TRIGGER.mark)
    hold_against(f"slack-modal-{name}.json", view)
    assert faults_of_view(json.loads(json.dumps(view))) == []


@pytest.fixture
async def callback(chat: Chat) -> AsyncIterator[str]:
    """Where the watch is told of what people do: the web route, as far as it matters here."""

    async def take(request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        received = await chat.hears(Inbound(headers=headers, body=await request.read(), at=chat.clock.now()))
        if received.reply is None:
            return web.Response(status=received.status)
        return web.json_response(received.reply, status=received.status)

    application = web.Application()
    application.router.add_post("/webhooks/slack", take)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/webhooks/slack"
    await runner.cleanup()


async def opened(chat: Chat, callback: str, button: str) -> str:
    """The form that a button opens, once the watch has looked whether its incident is there."""
    ts = await chat.posted()
    answered = await chat.standin.press(callback, channel=CHANNEL, ts=ts, action_id=button, user=ANNA)
    assert answered.status == 200
    [look] = chat.acts
    assert isinstance(look, Look)
    chat.acts.clear()
    [view] = chat.standin.views
    assert view["private_metadata"] == TRIGGER.mark
    return str(view["id"])


async def test_a_note_is_written_in_a_form_and_said_once(chat: Chat, callback: str) -> None:
    view = await opened(chat, callback, "note")
    assert chat.acts == []
    words = "The disk is full.\n\x07  We make room."
    said = chat.standin.submitted(view, {"text": words}, ANNA)
    assert (await chat.standin.submit(callback, view=view, values={"text": words}, user=ANNA)).closes
    source = f"slack:{TEAM}:{view}"
    text = "The disk is full.\n   We make room."
    assert chat.acts == [Say(target=ASKED, by="anna (U0ANNA)", via="chat", source=source, text=text)]
    again = await chat.inbox.receive(chat.signed(said))
    assert list(again.acts) == chat.acts


async def test_a_time_to_recover_is_promised_in_a_form_that_says_what_is_wrong_with_it(
    chat: Chat, callback: str
) -> None:
    view = await opened(chat, callback, "eta")
    soon = int((chat.clock.now() + timedelta(minutes=30)).timestamp())
    both = await chat.standin.submit(callback, view=view, values={"minutes": "30", "time": soon}, user=ANNA)
    errors = {"time": "Give minutes or a time, not both."}
    assert json.loads(both.body) == {"response_action": "errors", "errors": errors}
    assert chat.acts == []
    values = {"time": soon, "confidence": "high", "next_update": "15", "text": "The disk is being replaced."}
    assert (await chat.standin.submit(callback, view=view, values=values, user=ANNA)).closes
    [act] = chat.acts
    assert isinstance(act, Promise)
    assert act.text == "The disk is being replaced."
    assert act.eta == ETA(
        recover_at=datetime.fromtimestamp(soon, UTC),
        confidence=Confidence.HIGH,
        next_update_at=chat.clock.now() + timedelta(minutes=15),
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
    chat: Chat, callback: str, values: dict[str, str], minutes: int | None, next_minutes: int | None
) -> None:
    view = await opened(chat, callback, "eta")
    await chat.standin.submit(callback, view=view, values=values, user=ANNA)
    [act] = chat.acts
    assert isinstance(act, Promise)
    now = chat.clock.now()
    assert act.eta == ETA(
        recover_at=None if minutes is None else now + timedelta(minutes=minutes),
        confidence=Confidence.LOW,
        next_update_at=None if next_minutes is None else now + timedelta(minutes=next_minutes),
    )


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
    chat: Chat, form: str, values: dict[str, Any], blocks: set[str]
) -> None:
    received = await chat.hears(chat.signed(submission(form, values)))
    assert received.acts == ()
    assert received.status == 200
    assert received.reply is not None
    assert received.reply["response_action"] == "errors"
    assert set(received.reply["errors"]) == blocks  # type: ignore[call-overload]  # a mapping, by the line before


@pytest.mark.parametrize(("form", "values"), [("note", {"text": "We make room."}), ("eta", {"minutes": "30"})])
async def test_a_form_about_what_is_not_there_any_more_says_so_and_keeps_what_was_written(
    chat: Chat, callback: str, form: str, values: dict[str, str]
) -> None:
    view = await opened(chat, callback, form)
    chat.problem = "there is no incident 1"
    answered = await chat.standin.submit(callback, view=view, values=values, user=ANNA)
    errors = {"text": "Nothing was done: there is no incident 1."}
    assert json.loads(answered.body) == {"response_action": "errors", "errors": errors}
    assert (len(chat.standin.views), chat.standin.whispers) == (1, [])
