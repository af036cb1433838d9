"""The destination `slack`: Slack's own package against the strict stand-in, on good days and bad ones."""

import asyncio
import json
import logging
import random
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from slo.core.delivery import Action, Ambiguous, Lane, Message, Refused, Retry, Sent, Verdict
from slo.core.eta import ETA, Confidence
from slo.core.policy import Severity
from slo.demo.vendors.authority import Authority
from slo.demo.vendors.block_kit import blocks_too_long, faults_of_blocks
from slo.demo.vendors.injection import Injection
from slo.demo.vendors.slack import CHANNEL, SIGNING_SECRET, TOKEN, SlackStandIn
from slo.net.context import Context
from slo.router.destinations.slack import PAGES_ONLY, Config, Slack, build
from slo.router.slack.api import ANSWER_LIMIT_BYTES
from slo.router.slack.blocks import Post, alone, beginning, escaped, following
from slo.router.summary import promised
from tests.router.destinations.goldens import hold_against
from tests.router.destinations.quick import QuickClock
from tests.router.making import EVIDENCE, LOST, STAGING, at, message, of_a_person

PROMISED = ETA(recover_at=at(1890), confidence=Confidence.HIGH, next_update_at=at(990))
Make = Callable[..., Slack]


@pytest.fixture
def clock() -> QuickClock:
    return QuickClock()


@pytest.fixture
async def standin(tmp_path: Path, clock: QuickClock) -> AsyncIterator[SlackStandIn]:
    server = SlackStandIn(tmp_path / "slack", now=lambda: clock.now().timestamp(), monotonic=clock.monotonic)
    async with server:
        yield server


@pytest.fixture
async def make(standin: SlackStandIn, context: Context, clock: QuickClock) -> AsyncIterator[Make]:
    made: list[Slack] = []

    def make(**keys: object) -> Slack:
        given: dict[str, object] = {
            "token": TOKEN,
            "channel": CHANNEL,
            "signing_secret": SIGNING_SECRET,
            "api_url": standin.api_url,
            "ca_file": str(standin.ca_file),
            "timeout": "5s",
        }
        config = Config.model_validate({k: v for k, v in (given | keys).items() if v is not None})
        made.append(build(config, replace(context, clock=clock)))
        return made[-1]

    yield make
    for destination in made:
        await destination.aclose()


def told(action: Action, **others: Any) -> Message:
    return message(f"m-{action}", destination="chat", action=action, **others)


TRIGGER = told(Action.TRIGGER)


# What is said


@pytest.mark.parametrize(
    ("name", "post"),
    [
        (
            "slack-beginning.json",
            beginning(
                told(Action.TRIGGER, due=at(3660), services=("gate", "deck"), scope="eu", owner=""), interactive=True
            ),
        ),
        (
            "slack-beginning-bare.json",
            beginning(
                told(
                    Action.TRIGGER,
                    severity=Severity.TICKET,
                    labels={},
                    firing=frozenset({LOST}),
                    evidence=replace(EVIDENCE, sli=None, remaining=None, burn_rates={}, reason="", target=""),
                    external_url="",
                ),
                interactive=False,
            ),
        ),
        (
            "slack-beginning-answered.json",
            beginning(
                told(
                    Action.ETA,
                    status="acknowledged",
                    at=at(690),
                    by="anna",
                    responded_at=at(300),
                    owner="anna",
                    eta=PROMISED,
                    due=at(3660),
                ),
                interactive=True,
            ),
        ),
        (
            "slack-beginning-over.json",
            beginning(
                told(
                    Action.RESOLVE,
                    status="resolved",
                    at=at(3690),
                    by="anna",
                    why="rolled back",
                    summary="gate-availability is resolved by anna: rolled back",
                    responded_at=at(300),
                    eta=PROMISED,
                    owner="anna",
                ),
                interactive=True,
            ),
        ),
        ("slack-update.json", following(told(Action.UPDATE, by="anna", why="all of it is down"))),
        (
            "slack-update-said.json",
            following(told(Action.UPDATE, by="anna", why="they have to restart it", text="waits for the customer")),
        ),
        ("slack-acknowledge.json", following(told(Action.ACKNOWLEDGE, by="anna", status="acknowledged"))),
        ("slack-note.json", following(told(Action.NOTE, by="anna", text="Two lines,\nwith <!channel> & all.\n"))),
        (
            "slack-eta.json",
            following(
                told(Action.ETA, by="anna", eta=PROMISED, text=f"{promised(PROMISED)}: The disk is being replaced.")
            ),
        ),
        ("slack-eta-unknown.json", following(told(Action.ETA, by="anna", eta=ETA(next_update_at=at(990))))),
        ("slack-remind-response.json", following(told(Action.REMIND, due=at(990)))),
        ("slack-remind-late.json", following(told(Action.REMIND, at=at(4000), due=at(3660)))),
        (
            "slack-remind-update.json",
            following(told(Action.REMIND, at=at(1050), due=at(3660), responded_at=at(300), eta=PROMISED)),
        ),
        ("slack-resolve.json", following(told(Action.RESOLVE, why="clear for 5m"))),
        ("slack-of-a-person.json", beginning(of_a_person(due=at(3660)), interactive=True)),
        (
            "slack-of-a-person-alone.json",
            alone(of_a_person(action=Action.NOTE, by="kim", text="On it."), interactive=False),
        ),
        ("slack-alone.json", alone(told(Action.ACKNOWLEDGE, by="anna", status="acknowledged"), interactive=True)),
    ],
)
def test_what_is_said_is_what_slack_takes_and_a_person_reads(name: str, post: Post) -> None:
    hold_against(name, {"text": post.text, "blocks": list(post.blocks)})
    assert faults_of_blocks(json.loads(json.dumps(post.blocks))) == []


HOSTILE = st.text(min_size=0, max_size=40).map(lambda text: text * 200) | st.sampled_from(
    ["<!channel> @everyone", "&" * 9000, "\ud800\x00\u202e" * 999, "<" * 9000, "🔥" * 9000, "\n" * 9000 + "x", ""]
)


@given(text=HOSTILE, action=st.sampled_from(Action), status=st.sampled_from(["triggered", "resolved", "odd"]))
def test_a_message_keeps_within_slacks_limits_and_calls_nobody_whatever_it_is_made_of(
    text: str, action: Action, status: str
) -> None:
    evidence = replace(
        EVIDENCE,
        target=text,
        detail=text,
        sli=float("nan"),
        remaining=float("-inf"),
        burn_rates={f"{n}{text}": float(n) for n in range(50)},
    )
    hostile = told(
        action,
        status=status,
        summary=text,
        by=text,
        why=text,
        text=text,
        owner=text,
        labels={"customer": text, "environment": text},
        services=(text,) * 20,
        evidence=evidence,
        external_url=f"https://watch.example/{text}",
    )
    for post in (beginning(hostile, interactive=True), following(hostile), alone(hostile, interactive=True)):
        blocks = json.loads(json.dumps(post.blocks, allow_nan=False))
        assert faults_of_blocks(blocks) == []
        assert not blocks_too_long(blocks)
        assert 0 < len(post.text) < 40_000
        assert post.text.encode()
        assert "<!channel" not in json.dumps(blocks) + post.text
    assert len(beginning(hostile, interactive=True).text) < 4000


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        ("a < b & c > d", 40, "a &lt; b &amp; c &gt; d"),
        ("&&&", 15, "&amp;&amp;&amp;"),
        ("&&&", 14, "&amp;&amp;…"),
        ("<<", 5, "&lt;…"),
        ("two\nlines", 40, "two lines"),
        ("", 5, ""),
    ],
)
def test_what_is_cut_is_not_cut_within_a_code(text: str, limit: int, shown: str) -> None:
    assert escaped(text, limit) == shown


# What is sent


async def test_an_incident_is_one_message_that_stays_up_to_date_and_a_thread(make: Make, standin: SlackStandIn) -> None:
    destination = make()
    begun = await destination.deliver(TRIGGER, Lane())
    assert isinstance(begun, Sent)
    channel, ts = begun.reference.split(":")
    assert (channel, destination.credential) == (CHANNEL, "")
    lane = Lane(reference=begun.reference)
    for sent in (
        told(Action.ACKNOWLEDGE, status="acknowledged", by="anna"),
        told(Action.ETA, status="acknowledged", by="anna", eta=PROMISED),
        told(Action.RESOLVE, status="resolved", why="clear for 5m"),
    ):
        assert isinstance(await destination.deliver(sent, lane), Sent)
    first, *replies = standin.messages
    assert (first["ts"], len(replies)) == (ts, 3)
    assert {reply["thread_ts"] for reply in replies} == {ts}
    assert first["blocks"][0]["text"]["text"].startswith("● Resolved · P0")
    assert "actions" not in [block["type"] for block in first["blocks"]]
    assert standin.calls == ["chat.postMessage", *("chat.postMessage", "chat.update") * 3]
    assert first["metadata"]["event_payload"] == {"id": TRIGGER.id, "incident": "1"}


async def test_no_links_and_no_names_are_looked_for_in_what_is_sent(make: Make, standin: SlackStandIn) -> None:
    await make().deliver(TRIGGER, Lane())
    sent = json.loads(standin.requests[0]["body"])
    assert (sent["parse"], sent["link_names"], sent["unfurl_links"]) == ("none", False, False)


@pytest.mark.parametrize("reference", ["", "C0ELSEWHERE:1767236490.000000", "nonsense"])
async def test_what_follows_stands_alone_where_the_beginning_is_not_in_the_channel(
    make: Make, standin: SlackStandIn, reference: str
) -> None:
    await make().deliver(told(Action.RESOLVE, why="clear for 5m"), Lane(reference=reference))
    [only] = standin.messages
    assert "thread_ts" not in only
    assert [block["type"] for block in only["blocks"]][:2] == ["section", "header"]
    assert standin.calls == ["chat.postMessage"]


async def test_without_a_signing_secret_there_are_no_buttons(make: Make, standin: SlackStandIn) -> None:
    await make(signing_secret=None).deliver(TRIGGER, Lane())
    assert "actions" not in [block["type"] for block in standin.messages[0]["blocks"]]


async def test_a_beginning_that_somebody_deleted_keeps_nobody_from_hearing_the_rest(
    make: Make, standin: SlackStandIn
) -> None:
    destination = make()
    begun = await destination.deliver(TRIGGER, Lane())
    assert isinstance(begun, Sent)
    standin.delete(*begun.reference.split(":"))
    resolved = told(Action.RESOLVE, why="clear for 5m")
    assert isinstance(await destination.deliver(resolved, Lane(reference=begun.reference)), Sent)
    assert isinstance(await destination.deliver(resolved, Lane(reference=begun.reference, attempts=1)), Sent)
    assert [message["text"] for message in standin.messages] == ["*Resolved*\nclear for 5m"]


async def test_messages_wait_their_turn_and_a_long_queue_is_tried_again(
    make: Make, standin: SlackStandIn, clock: QuickClock
) -> None:
    destination = make()
    sent = [told(Action.TRIGGER, incident=str(number)) for number in range(8)]
    verdicts = await asyncio.gather(*(destination.deliver(each, Lane()) for each in sent))
    assert clock.woken == pytest.approx([1001.1, 1002.2, 1003.3])
    assert len(standin.requests) == 4
    later = [verdict for verdict in verdicts[4:] if isinstance(verdict, Retry)]
    assert len(later) == 4
    assert {verdict.reason for verdict in later} == {"rate_limited"}
    assert all(verdict.after_seconds and verdict.after_seconds > 4 for verdict in later)


async def test_the_next_message_waits_a_second_after_one_that_took_long(
    make: Make, standin: SlackStandIn, clock: QuickClock
) -> None:
    standin.inject(Injection(hang_seconds=0.2))
    destination = make()
    slow = asyncio.create_task(destination.deliver(TRIGGER, Lane()))
    while not standin.requests:
        await asyncio.sleep(0.01)
    clock.move(5)
    assert isinstance(await slow, Sent)
    assert isinstance(await destination.deliver(told(Action.TRIGGER, incident="2"), Lane()), Sent)
    assert clock.woken == [1006.0]


# What becomes of it on a bad day


@pytest.mark.parametrize(
    ("injection", "verdict"),
    [
        (Injection(status=429, retry_after="30"), Retry(reason="rate_limited", after_seconds=30)),
        (Injection(status=429), Retry(reason="rate_limited")),
        (Injection(status=500), Retry(reason="server_error")),
        (Injection(status=503, retry_after="120", body="<html>"), Retry(reason="server_error", after_seconds=120)),
        (Injection(status=404, body="{}"), Retry(reason="unexpected_status")),
        (Injection(status=403, body="<html>proxy</html>"), Retry(reason="unexpected_status")),
        (Injection(status=302), Retry(reason="redirected")),
        (Injection(status=200, body="<html>Please log in</html>"), Ambiguous(reason="response_malformed")),
        (Injection(status=200, body='"ok"'), Ambiguous(reason="response_malformed")),
        (Injection(status=200, body="x" * (ANSWER_LIMIT_BYTES + 1)), Ambiguous(reason="response_too_large")),
        (Injection(reset=True), Ambiguous(reason="reset")),
        (Injection(reset=True, processed=True), Ambiguous(reason="reset")),
    ],
    ids=lambda value: f"{value.status}" if isinstance(value, Injection) else None,
)
async def test_a_bad_day_is_a_verdict_after_one_request(
    make: Make, standin: SlackStandIn, injection: Injection, verdict: Verdict
) -> None:
    standin.inject(injection)
    given = await make().deliver(TRIGGER, Lane())
    assert not isinstance(given, Sent)
    assert replace(given, detail="") == verdict
    assert len(standin.requests) == 1
    assert TOKEN not in repr(given)


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        ("ratelimited", Retry(reason="rate_limited")),
        ("rate_limited", Retry(reason="rate_limited")),
        ("internal_error", Retry(reason="server_error")),
        ("fatal_error", Retry(reason="server_error")),
        ("team_added_to_org", Retry(reason="server_error")),
        ("invalid_auth", Retry(reason="not_permitted")),
        ("token_revoked", Retry(reason="not_permitted")),
        ("account_inactive", Retry(reason="not_permitted")),
        ("missing_scope", Retry(reason="not_permitted")),
        ("not_in_channel", Retry(reason="not_permitted")),
        ("is_archived", Retry(reason="not_permitted")),
        ("restricted_action", Retry(reason="not_permitted")),
        ("something_new", Retry(reason="not_permitted")),
        ("invalid_arguments", Refused(reason="rejected")),
        ("msg_too_long", Refused(reason="rejected")),
        ("no_text", Refused(reason="rejected")),
    ],
)
async def test_what_somebody_can_mend_is_tried_again_and_only_a_message_that_cannot_be_is_refused(
    make: Make, standin: SlackStandIn, error: str, verdict: Verdict
) -> None:
    standin.refuse("chat.postMessage", error)
    given = await make().deliver(TRIGGER, Lane())
    assert not isinstance(given, Sent)
    assert replace(given, detail="") == verdict
    assert error in given.detail


@pytest.mark.parametrize("error", ["invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long"])
async def test_a_layout_that_slack_does_not_take_any_more_keeps_nothing_back(
    make: Make, standin: SlackStandIn, clock: QuickClock, error: str
) -> None:
    destination = make()
    standin.refuse("chat.postMessage", error)
    begun = await destination.deliver(TRIGGER, Lane())
    assert isinstance(begun, Sent)
    assert (standin.messages[0]["text"], standin.messages[0]["blocks"]) == (f"■ Triggered · P0: {TRIGGER.summary}", [])
    standin.refuse("chat.postMessage", error)
    standin.refuse("chat.postMessage", error)
    assert isinstance(await destination.deliver(TRIGGER, Lane()), Refused)
    standin.refuse("chat.update", error)
    resolved = told(Action.RESOLVE, why="clear for 5m")
    assert isinstance(await destination.deliver(resolved, Lane(reference=begun.reference)), Sent)
    assert standin.messages[0]["text"].startswith("● Resolved")


async def test_a_typo_in_the_channel_or_the_token_loses_nothing_and_says_what_it_is(make: Make) -> None:
    wrong_channel = await make(channel="C0NOWHERE1").deliver(TRIGGER, Lane())
    detail = "chat.postMessage: HTTP 200 channel_not_found"
    assert wrong_channel == Retry(reason="not_permitted", detail=detail)
    wrong_token = await make(token="xoxb-typo").deliver(TRIGGER, Lane())
    assert wrong_token == Retry(reason="not_permitted", detail="chat.postMessage: HTTP 200 invalid_auth")


@pytest.mark.parametrize(
    "injection",
    [
        Injection(reset=True, processed=True),
        Injection(status=503, processed=True),
        Injection(status=200, body="garbage", processed=True),
        Injection(hang_seconds=1, processed=True),
    ],
    ids=["reset", "503", "garbage", "hang"],
)
@pytest.mark.parametrize("action", [Action.TRIGGER, Action.NOTE])
async def test_what_was_taken_although_nobody_heard_so_is_found_and_not_sent_again(
    make: Make, standin: SlackStandIn, clock: QuickClock, injection: Injection, action: Action
) -> None:
    reference = ""
    if action is not Action.TRIGGER:
        begun = await make().deliver(TRIGGER, Lane())
        assert isinstance(begun, Sent)
        reference = begun.reference
    clock.move(2)
    before = len(standin.messages)
    sent = told(action, by="anna", text="words")
    standin.inject(injection)
    destination = make(timeout="500ms")
    assert isinstance(await destination.deliver(sent, Lane(reference=reference)), Retry | Ambiguous)
    again = await make().deliver(sent, Lane(reference=reference, attempts=1))
    assert isinstance(again, Sent)
    assert len(standin.messages) == before + 1
    assert again.reference == f"{CHANNEL}:{standin.messages[-1]['ts']}"
    if reference:
        assert standin.calls[-1] == "chat.update"


BAD_DAYS = (
    Injection(),
    Injection(reset=True),
    Injection(reset=True, processed=True),
    Injection(status=503),
    Injection(status=503, processed=True),
    Injection(status=429, retry_after="1"),
    Injection(status=200, body="garbage", processed=True),
)


@pytest.mark.parametrize("seed", range(10))
async def test_whatever_happens_on_the_way_everything_is_said_once_and_in_order(
    make: Make, standin: SlackStandIn, clock: QuickClock, seed: int
) -> None:
    chance = random.Random(seed)
    for injection in chance.choices(BAD_DAYS, k=12):
        standin.inject(injection)
    destination, reference = make(), ""
    sent = [told(action, by="anna", text="words") for action in (Action.TRIGGER, Action.NOTE, Action.RESOLVE)]
    for each in sent:
        verdict, attempts = None, 0
        while not isinstance(verdict, Sent):
            assert attempts < 20
            clock.move(2)
            verdict = await destination.deliver(each, Lane(reference=reference, attempts=attempts))
            attempts += 1
        reference = reference or verdict.reference
    assert [each["metadata"]["event_payload"]["id"] for each in standin.messages] == [each.id for each in sent]
    assert standin.messages[0]["blocks"][0]["text"]["text"].startswith("● Resolved")


async def test_what_was_not_taken_is_sent_again(make: Make, standin: SlackStandIn) -> None:
    standin.inject(Injection(reset=True))
    destination = make()
    assert isinstance(await destination.deliver(TRIGGER, Lane()), Ambiguous)
    assert isinstance(await destination.deliver(TRIGGER, Lane(attempts=1)), Sent)
    assert len(standin.messages) == 1


async def test_an_answer_that_is_there_is_not_repeated_when_the_beginning_could_not_be_updated(
    make: Make, standin: SlackStandIn
) -> None:
    destination = make()
    begun = await destination.deliver(TRIGGER, Lane())
    assert isinstance(begun, Sent)
    standin.refuse("chat.update", "internal_error")
    note = told(Action.NOTE, by="anna", text="words")
    given = await destination.deliver(note, Lane(reference=begun.reference))
    assert isinstance(given, Retry)
    assert isinstance(await destination.deliver(note, Lane(reference=begun.reference, attempts=1)), Sent)
    assert len(standin.messages) == 2


async def test_a_message_is_found_behind_a_busy_day(make: Make, standin: SlackStandIn, clock: QuickClock) -> None:
    destination = make()
    begun = await destination.deliver(TRIGGER, Lane())
    for number in range(250):
        clock.move(2)
        other = {"ts": f"{clock.now().timestamp():.6f}", "user": "U1", "text": f"talk {number}", "blocks": []}
        standin.workspace.apply({"kind": "post", "channel": CHANNEL, "message": other})
    assert await destination.deliver(TRIGGER, Lane(attempts=1)) == begun
    assert standin.calls == ["chat.postMessage", *["conversations.history"] * 3]


@pytest.mark.parametrize("error", ["missing_scope", "not_in_channel"])
async def test_a_channel_that_may_not_be_read_hears_twice_rather_than_never(
    make: Make, standin: SlackStandIn, error: str
) -> None:
    standin.refuse("conversations.history", error)
    assert isinstance(await make().deliver(TRIGGER, Lane(attempts=1)), Sent)
    assert len(standin.messages) == 1


async def test_a_look_that_fails_sends_nothing(make: Make, standin: SlackStandIn) -> None:
    standin.inject(Injection(status=500))
    given = await make().deliver(TRIGGER, Lane(attempts=1))
    assert isinstance(given, Retry)
    assert standin.messages == []


@pytest.mark.parametrize("error", ["message_not_found", "cant_update_message", "edit_window_closed", "is_inactive"])
async def test_a_beginning_that_cannot_be_changed_any_more_is_left_as_it_is(
    make: Make, standin: SlackStandIn, error: str
) -> None:
    destination = make()
    begun = await destination.deliver(TRIGGER, Lane())
    assert isinstance(begun, Sent)
    standin.refuse("chat.update", error)
    note = told(Action.NOTE, by="anna", text="words")
    assert isinstance(await destination.deliver(note, Lane(reference=begun.reference)), Sent)


async def test_a_server_that_hangs_or_trickles_is_given_up_in_time(make: Make, standin: SlackStandIn) -> None:
    standin.inject(Injection(hang_seconds=30))
    assert await make(timeout="300ms").deliver(TRIGGER, Lane()) == Ambiguous(reason="timeout")
    standin.inject(Injection(slow_seconds=60, status=200, body="x" * 600))
    assert await make(timeout="300ms").deliver(TRIGGER, Lane()) == Ambiguous(reason="timeout")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"{" * 10, "application/json"),
        (b"[" * 100_000, "application/json"),
        (b"null", "application/json"),
        (b"[1]", "application/json"),
        (b'{"ok": true}', "application/json"),
        (b'{"ok": true, "ts": 1}', "application/json"),
        (b'{"ok": false}', "application/json"),
        (b'{"ok": false, "error": {"a": 1}}', "application/json"),
        (b"\xff\xfe", "application/json"),
        (b"\xff\xfe", "text/plain"),
        (b"x", "application/gzip"),
        (b"", "text/html"),
        (b"{}", "application/json; charset=nonsense"),
    ],
)
async def test_an_answer_that_is_none_leaves_it_open_whether_the_message_is_there(
    make: Make, tmp_path: Path, body: bytes, content_type: str
) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body, headers={"Content-Type": content_type})

    given = await against(answer, make, tmp_path)
    assert isinstance(given, Ambiguous)
    assert given.reason == "response_malformed"


async def test_a_flood_is_read_up_to_a_size(make: Make, tmp_path: Path) -> None:
    sent = 0

    async def flood(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        while request.transport is not None and not request.transport.is_closing():
            await response.write(b" " * 65_536)
            sent += 65_536
            await asyncio.sleep(0)
        return response

    given = await against(flood, make, tmp_path)
    assert given == Ambiguous(reason="response_too_large", detail="chat.postMessage")
    assert sent < 4 * ANSWER_LIMIT_BYTES


async def against(handler: Callable[[web.Request], Awaitable[web.StreamResponse]], make: Make, folder: Path) -> Verdict:
    """The verdict on a server that answers anything."""
    authority = Authority(folder / "other")
    application = web.Application()
    application.router.add_route("*", "/api/{method}", handler)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=authority.server_context())
        await site.start()
        url = f"https://127.0.0.1:{runner.addresses[0][1]}/api/"
        return await make(api_url=url, ca_file=str(authority.ca_file)).deliver(TRIGGER, Lane())
    finally:
        await runner.cleanup()


async def test_a_port_that_nobody_listens_on_did_not_take_it(make: Make) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        given = await make(api_url=f"https://127.0.0.1:{unused.getsockname()[1]}/api/").deliver(TRIGGER, Lane())
    assert isinstance(given, Retry)
    assert given.reason == "connect_refused"


async def test_it_trusts_the_authority_it_is_told_to_and_no_other(make: Make, tmp_path: Path) -> None:
    other = Authority(tmp_path / "other")
    for ca_file in (str(other.ca_file), None):
        given = await make(ca_file=ca_file).deliver(TRIGGER, Lane())
        assert isinstance(given, Retry)
        assert given.reason == "tls_verify"


async def test_an_authority_whose_file_is_gone_is_read_when_it_is_back(
    make: Make, standin: SlackStandIn, tmp_path: Path
) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes(standin.ca_file.read_bytes())
    destination = make(ca_file=str(file))
    file.unlink()
    given = await destination.deliver(TRIGGER, Lane())
    assert isinstance(given, Retry)
    assert given.reason == "tls"
    file.write_bytes(standin.ca_file.read_bytes())
    assert isinstance(await destination.deliver(TRIGGER, Lane()), Sent)


async def test_a_proxy_in_the_environment_is_not_used(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert isinstance(await make().deliver(TRIGGER, Lane()), Sent)


async def test_the_token_reaches_no_verdict_and_no_log(
    make: Make, standin: SlackStandIn, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    destination = make()
    for status in (200, 400, 429, 500):
        standin.inject(Injection(status=status, body=f'{{"ok": false, "error": "you sent {TOKEN}"}}'))
        assert TOKEN not in repr(await destination.deliver(TRIGGER, Lane()))
    standin.refuse("chat.postMessage", f"you sent {TOKEN}")
    assert "you sent <secret>" in repr(await destination.deliver(TRIGGER, Lane()))
    await destination.deliver(TRIGGER, Lane())
    assert TOKEN not in caplog.text
    assert TOKEN not in repr(destination)


async def test_it_can_be_closed_before_it_was_used_and_twice(make: Make) -> None:
    destination = make()
    await destination.aclose()
    assert isinstance(await destination.deliver(TRIGGER, Lane()), Sent)
    await destination.aclose()
    await destination.aclose()


# How it is configured


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"token": ""}, "is empty"),
        ({"token": "xoxb 1"}, "has a token that holds what no token can"),
        ({"channel": "#incidents"}, "is no id of a channel"),
        ({"channel": "U0123456789"}, "is no id of a channel"),
        ({"api_url": "http://slack.com/api/"}, "is not over https"),
        ({"ca_file": "/nowhere/ca.pem"}, "there is no file /nowhere/ca.pem"),
        ({"timeout": "26s"}, "is longer than 25s"),
        ({"signing_secret": ""}, "is empty"),
        ({"chanel": "C0123456789"}, "Extra inputs are not permitted"),
    ],
)
def test_a_configuration_that_cannot_be_says_why(keys: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        Config.model_validate({"token": TOKEN, "channel": CHANNEL} | keys)


def test_its_secrets_can_lie_in_files_and_are_never_shown(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    (tmp_path / "secret").write_text(f"{SIGNING_SECRET}\n")
    given = {"token_file": "token", "signing_secret_file": "secret", "channel": CHANNEL}
    config = Config.model_validate(given, context={"folder": tmp_path})
    assert config.signing_secret is not None
    assert (config.token.reveal(), config.signing_secret.reveal()) == (TOKEN, SIGNING_SECRET)
    assert TOKEN not in repr(config)
    assert SIGNING_SECRET not in repr(config)
    assert config.api_url == "https://slack.com/api/"
    assert not PAGES_ONLY


def test_the_vendors_package_is_not_loaded_before_it_is_needed() -> None:
    make = (
        "from slo.router.destinations.slack import Config, build, receiver; from slo.net.context import Context;"
        "from slo.runner.clock import SteadyClock; context = Context.default(SteadyClock());"
        f"config = Config(token='x', channel='{CHANNEL}', signing_secret='y');"
        "build(config, context); receiver('chat', config, context)"
    )
    ask = f"{make}; import sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", ask], check=True, capture_output=True, text=True).stdout.split()
    assert not {"slack_sdk", "aiohttp"} & set(loaded)


def test_a_staging_incident_has_its_place_and_priority() -> None:
    post = beginning(told(Action.TRIGGER, severity=Severity.TICKET, labels=STAGING), interactive=True)
    assert "acme, staging" in json.dumps(post.blocks)
    assert post.text.startswith("■ Triggered · P2: ")
