"""The stand-in for Slack: the vendor's own client on the other side, and everything that the vendor refuses."""

import asyncio
import json
import logging
import signal
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from slack_sdk.errors import SlackApiError
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient

from slo.demo.vendors.injection import Injection
from slo.demo.vendors.slack.standin import CHANNEL, SIGNING_SECRET, TOKEN, SlackStandIn
from slo.demo.vendors.slack.workspace import BOT_USER

ANNA = {"id": "U0ANNA", "name": "anna"}
BUTTON: dict[str, Any] = {
    "type": "button",
    "action_id": "ack",
    "value": "7",
    "text": {"type": "plain_text", "text": "Acknowledge"},
}
SECTION: dict[str, Any] = {"type": "section", "text": {"type": "mrkdwn", "text": "gate burns"}}
BLOCKS = [SECTION, {"type": "actions", "elements": [BUTTON]}]
METADATA = {"event_type": "told", "event_payload": {"id": "m1"}}
INPUT: dict[str, Any] = {
    "type": "input",
    "block_id": "text",
    "label": {"type": "plain_text", "text": "Text"},
    "element": {"type": "plain_text_input", "action_id": "text", "max_length": 20},
}
VIEW: dict[str, Any] = {
    "type": "modal",
    "callback_id": "note",
    "private_metadata": "7",
    "title": {"type": "plain_text", "text": "Note"},
    "submit": {"type": "plain_text", "text": "Send"},
    "blocks": [INPUT],
}


@dataclass
class Time:
    """A time that passes when it is told to."""

    seconds: float = 1_767_236_490.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
async def standin(tmp_path: Path, time: Time) -> AsyncIterator[SlackStandIn]:
    async with SlackStandIn(tmp_path, now=time, monotonic=time) as server:
        yield server


@pytest.fixture
async def client(standin: SlackStandIn) -> AsyncIterator[AsyncWebClient]:
    async with calling(standin) as client:
        yield client


@asynccontextmanager
async def calling(standin: SlackStandIn, token: str = TOKEN) -> AsyncIterator[AsyncWebClient]:
    """Slack's package, told to call the stand-in, once."""
    trust = ssl.create_default_context(cafile=standin.ca_file)
    async with aiohttp.ClientSession() as session:
        client = AsyncWebClient(
            token=token,
            base_url=standin.api_url,
            ssl=trust,
            session=session,
            retry_handlers=[],
            logger=logging.getLogger("quiet"),
        )
        client.proxy = None
        yield client


async def test_the_vendors_client_posts_answers_updates_and_reads(
    client: AsyncWebClient, standin: SlackStandIn, time: Time
) -> None:
    first = await client.chat_postMessage(channel=CHANNEL, text="gate burns", blocks=BLOCKS, metadata=METADATA)
    assert (first["ok"], first["channel"], first["message"]["user"]) == (True, CHANNEL, BOT_USER)
    time.seconds += 1
    reply = await client.chat_postMessage(channel=CHANNEL, text="acknowledged", thread_ts=first["ts"])
    await client.chat_update(channel=CHANNEL, ts=first["ts"], text="gate is up", blocks=[SECTION])
    history = await client.conversations_history(channel=CHANNEL, include_all_metadata=True)
    [message] = history["messages"]
    assert (message["text"], message["blocks"], message["metadata"]) == ("gate is up", [SECTION], METADATA)
    assert message["edited"]["user"] == BOT_USER
    thread = await client.conversations_replies(channel=CHANNEL, ts=first["ts"])
    assert [each["ts"] for each in thread["messages"]] == [first["ts"], reply["ts"]]
    assert "metadata" not in thread["messages"][0]
    assert (await client.auth_test())["user_id"] == BOT_USER
    assert standin.calls[-1] == "auth.test"


@pytest.mark.parametrize(
    ("method", "arguments", "error"),
    [
        ("chat.postMessage", {"channel": "C0NOWHERE1", "text": "x"}, "channel_not_found"),
        ("chat.postMessage", {"text": "x"}, "channel_not_found"),
        ("chat.postMessage", {"channel": CHANNEL}, "no_text"),
        ("chat.postMessage", {"channel": CHANNEL, "text": "  "}, "no_text"),
        ("chat.postMessage", {"channel": CHANNEL, "text": 7}, "invalid_arguments"),
        ("chat.postMessage", {"channel": CHANNEL, "text": "x" * 40_001}, "msg_too_long"),
        ("chat.postMessage", {"channel": CHANNEL, "blocks": [SECTION] * 51}, "invalid_blocks"),
        ("chat.postMessage", {"channel": CHANNEL, "blocks": "x"}, "invalid_blocks"),
        ("chat.postMessage", {"channel": CHANNEL, "text": "x", "metadata": {"id": 1}}, "invalid_metadata_format"),
        (
            "chat.postMessage",
            {"channel": CHANNEL, "text": "x", "metadata": {"event_type": "", "event_payload": {}}},
            "invalid_metadata_format",
        ),
        (
            "chat.postMessage",
            {"channel": CHANNEL, "text": "x", "metadata": {"event_type": "t", "event_payload": {"a": "x" * 20_000}}},
            "metadata_too_large",
        ),
        ("chat.update", {"channel": CHANNEL, "ts": "1.000001", "text": "x"}, "message_not_found"),
        ("chat.update", {"channel": CHANNEL, "text": "x"}, "message_not_found"),
        ("conversations.replies", {"channel": CHANNEL, "ts": "1.000001"}, "thread_not_found"),
        ("conversations.history", {"channel": CHANNEL, "limit": 0}, "invalid_limit"),
        ("conversations.history", {"channel": CHANNEL, "cursor": "x"}, "invalid_cursor"),
        ("conversations.history", {"channel": CHANNEL, "oldest": "x"}, "invalid_ts_oldest"),
        ("views.open", {"trigger_id": "1.2.x", "view": VIEW}, "invalid_trigger_id"),
        ("chat.whisper", {"channel": CHANNEL}, "unknown_method"),
    ],
)
async def test_a_call_against_the_rules_is_answered_200_and_not_ok(
    client: AsyncWebClient, standin: SlackStandIn, method: str, arguments: dict[str, Any], error: str
) -> None:
    with pytest.raises(SlackApiError) as refused:
        await client.api_call(method, json=arguments)
    assert (refused.value.response.status_code, refused.value.response["error"]) == (200, error)
    assert standin.messages == []


def section(**changes: object) -> list[dict[str, Any]]:
    return [SECTION | changes]


def text(kind: str, length: int) -> dict[str, Any]:
    return {"type": kind, "text": "x" * length}


def actions(*elements: object) -> list[dict[str, Any]]:
    return [{"type": "actions", "elements": list(elements)}]


@pytest.mark.parametrize(
    ("blocks", "problem"),
    [
        (section(text=text("mrkdwn", 3001)), "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"),
        (section(text=text("mrkdwn", 0)), "must be more than 0 characters [json-pointer:/blocks/0/text/text]"),
        (section(text="words"), "must be an object [json-pointer:/blocks/0/text]"),
        (section(colour="red"), "invalid additional property: colour [json-pointer:/blocks/0]"),
        (section(fields=[text("mrkdwn", 2001)]), "must be less than 2001 characters"),
        (section(fields=[text("mrkdwn", 1)] * 11), "no more than 10 items allowed [json-pointer:/blocks/0/fields]"),
        (section(fields=[]), "no fewer than 1 items allowed"),
        (section(block_id="b") * 2, "block_id already exists"),
        ([{"type": "header", "text": text("plain_text", 151)}], "must be less than 151 characters"),
        ([{"type": "header", "text": text("mrkdwn", 1)}], "must be one of plain_text"),
        ([{"type": "header"}], "missing required field: text"),
        ([{"type": "banner"}], "unsupported type: banner"),
        (["words"], "unsupported type: None"),
        (actions(BUTTON, BUTTON), "action_id already exists"),
        (actions(*({**BUTTON, "action_id": str(n)} for n in range(26))), "no more than 25 items allowed"),
        (actions(BUTTON | {"text": text("plain_text", 76)}), "must be less than 76 characters"),
        (actions(BUTTON | {"value": "x" * 2001}), "must be less than 2001 characters"),
        (actions(BUTTON | {"style": "blue"}), "must be one of primary, danger"),
        (actions(INPUT), "unsupported type: input"),
        ([{"type": "context", "elements": [text("mrkdwn", 1)] * 11}], "no more than 10 items allowed"),
        ([INPUT], "unsupported type: input"),
    ],
)
async def test_blocks_against_the_rules_are_refused_with_their_place(
    client: AsyncWebClient, blocks: list[Any], problem: str
) -> None:
    with pytest.raises(SlackApiError) as refused:
        await client.chat_postMessage(channel=CHANNEL, text="x", blocks=blocks)
    assert refused.value.response["error"] == "invalid_blocks"
    assert problem in "\n".join(refused.value.response["errors"])
    assert refused.value.response["response_metadata"]["messages"][0].startswith("[ERROR] ")


async def test_blocks_that_are_too_much_together_are_refused(client: AsyncWebClient) -> None:
    with pytest.raises(SlackApiError) as refused:
        await client.chat_postMessage(channel=CHANNEL, text="x", blocks=section(text=text("mrkdwn", 3000)) * 5)
    assert refused.value.response["error"] == "msg_blocks_too_long"


async def test_a_token_has_to_be_there_and_to_be_right(standin: SlackStandIn) -> None:
    for token, error in (("", "not_authed"), ("xoxb-other", "invalid_auth")):
        async with calling(standin, token) as client:
            with pytest.raises(SlackApiError) as refused:
                await client.chat_postMessage(channel=CHANNEL, text="x")
            assert refused.value.response["error"] == error


@pytest.mark.parametrize(
    ("body", "content_type", "error"),
    [
        (b"{", "application/json", "invalid_json"),
        (b"[" * 100_000, "application/json", "invalid_json"),
        (b"[]", "application/json", "json_not_object"),
        (b"<x/>", "application/xml", "invalid_post_type"),
    ],
)
async def test_a_body_has_to_be_an_object_in_json(
    standin: SlackStandIn, body: bytes, content_type: str, error: str
) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": content_type}
    async with plain(standin) as session:
        answer = await (await session.post(f"{standin.api_url}chat.postMessage", data=body, headers=headers)).json()
    assert answer["error"] == error


async def test_a_channel_takes_a_message_a_second(client: AsyncWebClient, standin: SlackStandIn, time: Time) -> None:
    await client.chat_postMessage(channel=CHANNEL, text="one")
    time.seconds += 0.9
    with pytest.raises(SlackApiError) as refused:
        await client.chat_postMessage(channel=CHANNEL, text="two")
    response = refused.value.response
    assert (response.status_code, response["error"], response.headers["Retry-After"]) == (429, "ratelimited", "1")
    time.seconds += 0.1
    await client.chat_postMessage(channel=CHANNEL, text="three")
    assert [message["text"] for message in standin.messages] == ["one", "three"]


async def test_an_answer_to_a_message_that_is_gone_stands_in_the_channel(
    client: AsyncWebClient, standin: SlackStandIn, time: Time
) -> None:
    first = await client.chat_postMessage(channel=CHANNEL, text="one")
    standin.delete(CHANNEL, first["ts"])
    time.seconds += 1
    reply = await client.chat_postMessage(channel=CHANNEL, text="two", thread_ts=first["ts"])
    assert "thread_ts" not in reply["message"]
    time.seconds += 1
    answer = await client.chat_postMessage(channel=CHANNEL, text="three", thread_ts=reply["ts"])
    time.seconds += 1
    with pytest.raises(SlackApiError, match="cannot_reply_to_message"):
        await client.chat_postMessage(channel=CHANNEL, text="four", thread_ts=answer["ts"])


async def test_history_comes_in_pages_newest_first_and_timestamps_never_repeat(
    client: AsyncWebClient, standin: SlackStandIn, time: Time
) -> None:
    for number in range(5):
        message = {"ts": standin.workspace.next_ts(CHANNEL, time()), "user": "U1", "text": str(number)}
        standin.workspace.apply({"kind": "post", "channel": CHANNEL, "message": message})
    first = await client.conversations_history(channel=CHANNEL, limit=3)
    assert ([each["text"] for each in first["messages"]], first["has_more"]) == (["4", "3", "2"], True)
    cursor = first["response_metadata"]["next_cursor"]
    second = await client.conversations_history(channel=CHANNEL, limit=3, cursor=cursor)
    assert ([each["text"] for each in second["messages"]], second["has_more"]) == (["1", "0"], False)
    since = await client.conversations_history(channel=CHANNEL, oldest=first["messages"][1]["ts"])
    assert [each["text"] for each in since["messages"]] == ["4"]
    with pytest.raises(SlackApiError, match="cant_update_message"):
        await client.chat_update(channel=CHANNEL, ts=first["messages"][0]["ts"], text="mine")


# People


@dataclass
class App:
    """What an app is told, and how it answers."""

    standin: SlackStandIn
    url: str = ""
    told: list[dict[str, Any]] = field(default_factory=list)
    answers: list[web.Response] = field(default_factory=list)
    verified: list[bool] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        verifier = SignatureVerifier(SIGNING_SECRET, clock=At(self.standin))  # type: ignore[arg-type]  # only its now()
        self.verified.append(verifier.is_valid_request(body, dict(request.headers)))
        self.told.append(json.loads((await request.post())["payload"]))  # type: ignore[arg-type]  # a text, not a file
        return self.answers.pop(0) if self.answers else web.Response()


@dataclass
class At:
    """The clock of the workspace, as the verifier reads it."""

    standin: SlackStandIn

    def now(self) -> float:
        return self.standin._now()


@pytest.fixture
async def app(standin: SlackStandIn) -> AsyncIterator[App]:
    app = App(standin)
    application = web.Application()
    application.router.add_post("/webhooks/slack", app.take)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    app.url = f"http://127.0.0.1:{runner.addresses[0][1]}/webhooks/slack"
    yield app
    await runner.cleanup()


async def test_a_press_is_told_with_a_true_signature(client: AsyncWebClient, standin: SlackStandIn, app: App) -> None:
    first = await client.chat_postMessage(channel=CHANNEL, text="x", blocks=BLOCKS)
    answered = await standin.press(app.url, channel=CHANNEL, ts=first["ts"], action_id="ack", user=ANNA)
    assert (answered.status, app.verified) == (200, [True])
    [payload] = app.told
    assert (payload["type"], payload["user"]["id"], payload["user"]["name"]) == ("block_actions", "U0ANNA", "anna")
    [action] = payload["actions"]
    assert (action["action_id"], action["value"], action["action_ts"]) == ("ack", "7", "1767236490.000000")
    assert payload["message"]["user"] == BOT_USER
    with pytest.raises(LookupError):
        await standin.press(app.url, channel=CHANNEL, ts=first["ts"], action_id="nothing", user=ANNA)


async def test_a_modal_is_opened_once_within_three_seconds_and_closed_by_an_empty_answer(
    client: AsyncWebClient, standin: SlackStandIn, app: App, time: Time
) -> None:
    first = await client.chat_postMessage(channel=CHANNEL, text="x", blocks=BLOCKS)
    await standin.press(app.url, channel=CHANNEL, ts=first["ts"], action_id="ack", user=ANNA)
    trigger = app.told[0]["trigger_id"]
    opened = await client.views_open(trigger_id=trigger, view=VIEW)
    with pytest.raises(SlackApiError, match="exchanged_trigger_id"):
        await client.views_open(trigger_id=trigger, view=VIEW)
    view = opened["view"]["id"]
    for values, problem in (({}, "text must be given"), ({"text": "x" * 21}, "longer than 20 characters")):
        with pytest.raises(ValueError, match=problem):
            await standin.submit(app.url, view=view, values=values, user=ANNA)
    app.answers.append(web.json_response({"response_action": "errors", "errors": {"text": "no"}}))
    assert not (await standin.submit(app.url, view=view, values={"text": "words"}, user=ANNA)).closes
    assert [each["id"] for each in standin.views] == [view]
    assert (await standin.submit(app.url, view=view, values={"text": "words"}, user=ANNA)).closes
    assert standin.views == []
    assert app.told[-1]["view"]["state"]["values"]["text"]["text"]["value"] == "words"
    assert app.told[-1]["view"]["private_metadata"] == "7"
    await standin.press(app.url, channel=CHANNEL, ts=first["ts"], action_id="ack", user=ANNA)
    time.seconds += 3.1
    with pytest.raises(SlackApiError, match="expired_trigger_id"):
        await client.views_open(trigger_id=app.told[-1]["trigger_id"], view=VIEW)


@pytest.mark.parametrize(
    ("view", "problem"),
    [
        (VIEW | {"title": text("plain_text", 25)}, "must be less than 25 characters [json-pointer:/view/title/text]"),
        (VIEW | {"private_metadata": "x" * 3001}, "must be less than 3001 characters"),
        ({k: v for k, v in VIEW.items() if k != "submit"}, "submit is required when an input is in the blocks"),
        (VIEW | {"blocks": [INPUT | {"label": text("mrkdwn", 1)}]}, "[json-pointer:/view/blocks/0/label/type]"),
        (VIEW | {"blocks": None}, "must be provided as an array"),
        ("view", "must be an object [json-pointer:/view]"),
    ],
)
async def test_a_modal_against_the_rules_is_refused(
    client: AsyncWebClient, standin: SlackStandIn, view: Any, problem: str
) -> None:
    trigger = standin._api.issue_trigger(ANNA)
    with pytest.raises(SlackApiError) as refused:
        await client.api_call("views.open", json={"trigger_id": trigger, "view": view})
    assert refused.value.response["error"] == "invalid_arguments"
    assert problem in "\n".join(refused.value.response["errors"])


# Bad days, memory, process


@pytest.mark.parametrize(
    ("injection", "effect"),
    [
        (Injection(status=500, body="oops"), False),
        (Injection(status=429, retry_after="7"), False),
        (Injection(reset=True), False),
        (Injection(status=503, processed=True), True),
        (Injection(reset=True, processed=True), True),
    ],
)
async def test_a_bad_day_fails_one_request_and_leaves_the_next(
    client: AsyncWebClient, standin: SlackStandIn, time: Time, injection: Injection, *, effect: bool
) -> None:
    standin.inject(injection)
    with pytest.raises((SlackApiError, aiohttp.ClientError)):
        await client.chat_postMessage(channel=CHANNEL, text="one")
    assert bool(standin.messages) == effect
    assert standin.requests[0]["status"] == injection.status
    time.seconds += 1
    await client.chat_postMessage(channel=CHANNEL, text="two")
    assert standin.messages[-1]["text"] == "two"


async def test_it_refuses_what_it_is_told_to_once(client: AsyncWebClient, standin: SlackStandIn) -> None:
    standin.refuse("chat.postMessage", "is_archived")
    with pytest.raises(SlackApiError, match="is_archived"):
        await client.chat_postMessage(channel=CHANNEL, text="one")
    await client.chat_postMessage(channel=CHANNEL, text="one")


async def test_it_remembers_after_a_restart(tmp_path: Path, time: Time) -> None:
    async with SlackStandIn(tmp_path, now=time, monotonic=time) as standin, calling(standin) as client:
        first = await client.chat_postMessage(channel=CHANNEL, text="one", blocks=BLOCKS)
        await client.chat_update(channel=CHANNEL, ts=first["ts"], text="two")
        await client.views_open(trigger_id=standin._api.issue_trigger(ANNA), view=VIEW)
        authority, requests, messages = standin.ca_file.read_bytes(), standin.requests, standin.messages
        views = standin.views
    with (tmp_path / "record.jsonl").open("ab") as record:
        record.write(b'{"kind": "request", "cut off by a k')
    async with SlackStandIn(tmp_path, now=time, monotonic=time) as standin:
        assert standin.ca_file.read_bytes() == authority
        assert (standin.requests, standin.messages, standin.views) == (requests, messages, views)
        standin.delete(CHANNEL, first["ts"])
    async with SlackStandIn(tmp_path) as standin:
        assert standin.messages == []


@asynccontextmanager
async def plain(standin: SlackStandIn) -> AsyncIterator[aiohttp.ClientSession]:
    trust = ssl.create_default_context(cafile=standin.ca_file)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as session:
        yield session


async def test_everything_that_only_a_stand_in_has_is_there_over_http(
    client: AsyncWebClient, standin: SlackStandIn, app: App, time: Time
) -> None:
    first = await client.chat_postMessage(channel=CHANNEL, text="x", blocks=BLOCKS)
    async with plain(standin) as session:
        place = f"{standin.url}/_standin"
        press = {"callback": app.url, "channel": CHANNEL, "ts": first["ts"], "action_id": "ack", "user": ANNA}
        assert await (await session.post(f"{place}/press", json=press)).json() == {"status": 200, "body": ""}
        assert (await session.post(f"{place}/press", json=press | {"ts": "1.0"})).status == 404
        assert (await session.post(f"{place}/press", json={"callback": app.url})).status == 400
        await client.views_open(trigger_id=app.told[0]["trigger_id"], view=VIEW)
        [view] = (await (await session.get(f"{place}/views")).json())["views"]
        submit = {"callback": app.url, "view": view["id"], "values": {"text": "words"}, "user": ANNA}
        assert (await session.post(f"{place}/submit", json=submit)).status == 200
        assert len((await (await session.get(f"{place}/messages")).json())["messages"]) == 1
        assert len((await (await session.get(f"{place}/requests")).json())["requests"]) == 2
        await session.post(f"{place}/faults", json={"status": 500, "times": 9})
        await session.post(f"{place}/refusals", json={"method": "auth.test", "error": "invalid_auth"})
        assert (await session.post(f"{place}/faults", json={"stauts": 500})).status == 400
        assert (await session.post(f"{place}/refusals", json={})).status == 400
        await session.delete(f"{place}/faults")
    assert (await client.auth_test())["ok"]


async def test_nobody_trusts_it_who_does_not_know_its_authority(standin: SlackStandIn) -> None:
    with pytest.raises(aiohttp.ClientConnectorCertificateError):
        async with aiohttp.ClientSession() as session:
            await session.post(f"{standin.api_url}auth.test")


async def test_as_a_process_it_prints_where_it_is_and_ends_when_asked(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "slo.demo.vendors.slack", "--folder", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        place = json.loads(await asyncio.to_thread(process.stdout.readline))
        trust = ssl.create_default_context(cafile=place["ca_file"])
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as session:
            headers = {"Authorization": f"Bearer {place['token']}"}
            answer = await (await session.post(f"{place['api_url']}auth.test", headers=headers)).json()
            assert answer["user_id"] == BOT_USER
            message = {"channel": place["channel"], "text": "x"}
            posted = await session.post(f"{place['api_url']}chat.postMessage", headers=headers, json=message)
            assert (await posted.json())["ok"]
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 10) == 0
    finally:
        process.kill()
        process.communicate()
