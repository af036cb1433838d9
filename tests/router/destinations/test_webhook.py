"""The destination `webhook`: the payload, and a verdict whatever answers."""

import asyncio
import contextlib
import json
import logging
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pydantic import ValidationError

from slo.core.alert import Evidence
from slo.core.delivery import Action, Ambiguous, Lane, Message, Refused, Retry, Sent, Verdict
from slo.core.policy import Severity
from slo.demo.vendors.authority import Authority
from slo.net.context import Context
from slo.router.destinations.webhook import PAGES_ONLY, Config, Webhook, build
from slo.router.hook import payload_of
from tests.router.destinations.goldens import hold_against
from tests.router.making import EVIDENCE, PAGE, REPORT, REPORTED, STAGING, TICKET, at, message, of_a_person

SECRET = "s3cr3t-of-the-hook"
Make = Callable[..., Webhook]


@dataclass
class Receiver:
    """Takes what is posted, and answers as it is told."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    text: str = ""
    seen: list[tuple[Any, dict[str, str]]] = field(default_factory=list)
    url: str = ""

    async def take(self, request: web.Request) -> web.Response:
        self.seen.append((await request.json(), dict(request.headers)))
        return web.Response(status=self.status, headers=self.headers, text=self.text)


async def serving(handler: Callable[[web.Request], Awaitable[web.StreamResponse]], **tls: Any) -> web.AppRunner:
    application = web.Application()
    application.router.add_post("/hook", handler)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, **tls).start()
    return runner


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    runner = await serving(receiver.take)
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield receiver
    await runner.cleanup()


@pytest.fixture
async def make(context: Context) -> AsyncIterator[Make]:
    made: list[Webhook] = []

    def make(url: str, **keys: object) -> Webhook:
        made.append(build(Config.model_validate({"url": url, "timeout": "5s"} | keys), context))
        return made[-1]

    yield make
    for destination in made:
        await destination.aclose()


def hook(action: Action, **others: Any) -> Message:
    return message(f"m-{action}", destination="hook", action=action, **others)


@pytest.mark.parametrize(
    ("name", "of"),
    [
        ("webhook-trigger.json", hook(Action.TRIGGER)),
        (
            "webhook-update.json",
            hook(
                Action.UPDATE,
                severity=Severity.TICKET,
                labels=STAGING | {"severity": "not ours", "team": "blue"},
                firing=frozenset({TICKET}),
                scope="eu",
                external_url="",
            ),
        ),
        (
            "webhook-reported.json",
            hook(Action.TRIGGER, firing=frozenset({REPORTED}), evidence=Evidence(target="a", report=REPORT)),
        ),
        ("webhook-of-a-person.json", of_a_person()),
        ("webhook-acknowledge.json", hook(Action.ACKNOWLEDGE, by="anna", status="acknowledged")),
        (
            "webhook-resolve.json",
            hook(
                Action.RESOLVE,
                at=at(3690),
                status="resolved",
                summary="gate-availability is resolved: clear for 5m",
                why="clear for 5m",
                evidence=replace(EVIDENCE, reason="", target="", burn_rates={"5m": 0.0, "1h": None}),
            ),
        ),
    ],
)
def test_the_payload_is_alertmanagers_with_the_incident_beside_it(name: str, of: Message) -> None:
    hold_against(name, payload_of(of))


def test_a_group_and_its_alert_keep_their_identity_from_beginning_to_end() -> None:
    ticket = payload_of(hook(Action.TRIGGER, severity=Severity.TICKET, firing=frozenset({TICKET})))
    page = payload_of(hook(Action.UPDATE, firing=frozenset({PAGE})))
    end = payload_of(hook(Action.RESOLVE, at=at(900)))
    for one in (page, end):
        assert one["groupKey"] == ticket["groupKey"]
        assert fingerprint(one) == fingerprint(ticket)
    other = payload_of(hook(Action.TRIGGER, scope="eu"))
    assert fingerprint(other) != fingerprint(ticket)


def fingerprint(payload: Any) -> str:
    assert len(payload["alerts"][0]["fingerprint"]) == 16
    return str(payload["alerts"][0]["fingerprint"])


def test_a_payload_is_json_whatever_it_is_made_of() -> None:
    evidence = replace(EVIDENCE, sli=float("nan"), burn_rates={"5m": float("inf")}, target="\ud800\n")
    json.dumps(payload_of(hook(Action.TRIGGER, summary="\ud800\x00", evidence=evidence)), allow_nan=False)


async def test_it_posts_with_its_headers_and_its_token(make: Make, receiver: Receiver) -> None:
    destination = make(receiver.url, bearer_token=SECRET, headers={"X-Team": "blue"})
    assert await destination.deliver(hook(Action.TRIGGER), Lane(credential=destination.credential)) == Sent()
    [(payload, headers)] = receiver.seen
    assert payload == payload_of(hook(Action.TRIGGER))
    assert (headers["Authorization"], headers["X-Team"]) == (f"Bearer {SECRET}", "blue")
    assert (headers["Content-Type"], headers["User-Agent"]) == ("application/json", "Watchkeep")


@pytest.mark.parametrize(
    ("status", "headers", "verdict"),
    [
        (200, {}, Sent()),
        (204, {}, Sent()),
        (301, {"Location": "http://127.0.0.1:1/"}, Retry(reason="redirected")),
        (400, {}, Refused(reason="rejected")),
        (401, {}, Refused(reason="rejected")),
        (404, {}, Refused(reason="rejected")),
        (408, {}, Retry(reason="unexpected_status")),
        (425, {}, Retry(reason="unexpected_status")),
        (429, {"Retry-After": "12"}, Retry(reason="rate_limited", after_seconds=12)),
        (500, {}, Retry(reason="server_error")),
        (503, {"Retry-After": "soon"}, Retry(reason="server_error")),
    ],
)
async def test_an_answer_is_a_verdict_after_one_request(
    make: Make, receiver: Receiver, status: int, headers: dict[str, str], verdict: Verdict
) -> None:
    receiver.status, receiver.headers = status, headers
    given = await make(receiver.url).deliver(hook(Action.TRIGGER), Lane())
    assert (given if isinstance(given, Sent) else replace(given, detail="")) == verdict
    assert len(receiver.seen) == 1


async def test_what_the_other_side_says_is_kept_without_our_secrets(
    make: Make, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    receiver.status, receiver.text = 403, f"no\nentry for {SECRET}" + "x" * 10_000
    destination = make(receiver.url, bearer_token=SECRET, headers={"X-Key": SECRET})
    verdict = await destination.deliver(hook(Action.TRIGGER), Lane())
    assert isinstance(verdict, Refused)
    assert verdict.detail.startswith("HTTP 403: no entry for <secret>xxx")
    assert len(verdict.detail) < 600
    assert SECRET not in caplog.text


async def test_a_success_counts_although_its_body_never_comes(make: Make) -> None:
    async def stall(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = 1_000_000_000
        await response.prepare(request)
        await response.write(b"x")
        await asyncio.sleep(30)
        return response

    runner = await serving(stall)
    try:
        verdict = await make(f"http://127.0.0.1:{runner.addresses[0][1]}/hook").deliver(hook(Action.TRIGGER), Lane())
    finally:
        await runner.cleanup()
    assert verdict == Sent()


async def test_a_failure_that_never_ends_is_not_read_to_the_end(make: Make) -> None:
    async def flood(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=500)
        await response.prepare(request)
        while True:
            await response.write(b"x" * 65_536)

    runner = await serving(flood)
    try:
        verdict = await make(f"http://127.0.0.1:{runner.addresses[0][1]}/hook").deliver(hook(Action.TRIGGER), Lane())
    finally:
        await runner.cleanup()
    assert isinstance(verdict, Retry)
    assert verdict.reason == "server_error"


async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(10)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
    writer.close()


async def headers_without_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1_000_000)
    with contextlib.suppress(ConnectionError):
        await reader.read()
    writer.close()


@pytest.mark.parametrize(
    ("serve", "reason"),
    [(hang, "timeout"), (reset, "reset"), (garbage, "response_malformed"), (headers_without_end, "response_malformed")],
)
async def test_a_server_that_is_broken_leaves_it_open_whether_it_has_the_message(
    make: Make, serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]], reason: str
) -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
        verdict = await make(url, timeout="300ms").deliver(hook(Action.TRIGGER), Lane())
    assert isinstance(verdict, Ambiguous)
    assert verdict.reason == reason


async def test_a_port_that_nobody_listens_on_did_not_take_it(make: Make) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        verdict = await make(f"http://127.0.0.1:{unused.getsockname()[1]}/hook").deliver(hook(Action.TRIGGER), Lane())
    assert isinstance(verdict, Retry)
    assert verdict.reason == "connect_refused"


async def test_a_name_that_does_not_exist_did_not_take_it(make: Make) -> None:
    verdict = await make("http://no-such-host.invalid/hook").deliver(hook(Action.TRIGGER), Lane())
    assert isinstance(verdict, Retry)
    assert verdict.reason == "dns"


async def test_it_trusts_the_authority_it_is_told_to_and_no_other(make: Make, tmp_path: Path) -> None:
    authority, receiver = Authority(tmp_path), Receiver()
    runner = await serving(receiver.take, ssl_context=authority.server_context())
    try:
        url = f"https://127.0.0.1:{runner.addresses[0][1]}/hook"
        trusting = await make(url, ca_file=str(authority.ca_file)).deliver(hook(Action.TRIGGER), Lane())
        other = Authority(tmp_path / "other")
        wary = await make(url, ca_file=str(other.ca_file)).deliver(hook(Action.TRIGGER), Lane())
    finally:
        await runner.cleanup()
    assert trusting == Sent()
    assert isinstance(wary, Retry)
    assert wary.reason == "tls_verify"
    assert len(receiver.seen) == 1


async def test_it_can_be_closed_before_it_was_used_and_twice(context: Context, receiver: Receiver) -> None:
    destination = build(Config.model_validate({"url": receiver.url}), context)
    await destination.aclose()
    await destination.deliver(hook(Action.TRIGGER), Lane())
    await destination.aclose()
    await destination.aclose()


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"url": "ftp://x/"}, "is no URL of http or https with a host"),
        ({"headers": {"X Team": "blue"}}, "is no name of a header"),
        ({"headers": {"X-Team": "blue\r\nX-Evil: 1"}}, "holds a line end"),
        ({"headers": {"Content-type": "text/plain"}}, "sets the header content-type, which the watch sets itself"),
        ({"headers": {"Authorization": "x"}, "bearer_token": "y"}, "gives credentials twice"),
        ({"bearer_token": "two\nlines"}, "holds what no token can"),
        ({"timeout": "1m"}, "is longer than 25s"),
    ],
)
def test_a_configuration_that_cannot_be_says_why(keys: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        Config.model_validate({"url": "http://127.0.0.1/"} | keys)


def test_its_secrets_are_not_shown_and_it_is_told_of_everything(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{SECRET}\n")
    given = {"url": "http://x/", "bearer_token_file": "token", "headers": {"X-Key": SECRET}}
    config = Config.model_validate(given, context={"folder": tmp_path, "files": set()})
    assert config.bearer_token is not None
    assert config.bearer_token.reveal() == SECRET
    assert SECRET not in repr(config)
    assert not PAGES_ONLY
