"""Slack's Web API on bad days: every answer, and every silence, is a verdict after one request."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from slo.core.delivery import Ambiguous, Lane, Refused, Retry, Sent, Verdict
from slo.demo.vendors.authority import Authority
from slo.demo.vendors.injection import Injection
from slo.demo.vendors.slack.standin import TOKEN
from slo.router.slack.api import ANSWER_LIMIT_BYTES
from tests.router.destinations.slack_chat import TRIGGER, Chat


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
async def test_a_bad_day_is_a_verdict_after_one_request(chat: Chat, injection: Injection, verdict: Verdict) -> None:
    chat.standin.inject(injection)
    given = await chat.destination().deliver(TRIGGER, Lane())
    assert not isinstance(given, Sent)
    assert replace(given, detail="") == verdict
    assert len(chat.standin.requests) == 1
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
    chat: Chat, error: str, verdict: Verdict
) -> None:
    chat.standin.refuse("chat.postMessage", error)
    given = await chat.destination().deliver(TRIGGER, Lane())
    assert not isinstance(given, Sent)
    assert replace(given, detail="") == verdict
    assert error in given.detail


async def test_a_typo_in_the_channel_or_the_token_loses_nothing_and_says_what_it_is(chat: Chat) -> None:
    wrong_channel = await chat.destination(channel="C0NOWHERE1").deliver(TRIGGER, Lane())
    detail = "chat.postMessage: HTTP 200 channel_not_found"
    assert wrong_channel == Retry(reason="not_permitted", detail=detail)
    wrong_token = await chat.destination(token="xoxb-typo").deliver(TRIGGER, Lane())
    assert wrong_token == Retry(reason="not_permitted", detail="chat.postMessage: HTTP 200 invalid_auth")


async def test_a_server_that_hangs_or_trickles_is_given_up_in_time(chat: Chat) -> None:
    chat.standin.inject(Injection(hang_seconds=30))
    assert await chat.destination(timeout="300ms").deliver(TRIGGER, Lane()) == Ambiguous(reason="timeout")
    chat.standin.inject(Injection(slow_seconds=60, status=200, body="x" * 600))
    assert await chat.destination(timeout="300ms").deliver(TRIGGER, Lane()) == Ambiguous(reason="timeout")


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
    chat: Chat, tmp_path: Path, body: bytes, content_type: str
) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body, headers={"Content-Type": content_type})

    given = await against(chat, answer, tmp_path)
    assert isinstance(given, Ambiguous)
    assert given.reason == "response_malformed"


async def test_a_flood_is_read_up_to_a_size(chat: Chat, tmp_path: Path) -> None:
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

    given = await against(chat, flood, tmp_path)
    assert given == Ambiguous(reason="response_too_large", detail="chat.postMessage")
    assert sent < 4 * ANSWER_LIMIT_BYTES


async def against(chat: Chat, handler: Callable[[web.Request], Awaitable[web.StreamResponse]], folder: Path) -> Verdict:
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
        return await chat.destination(api_url=url, ca_file=str(authority.ca_file)).deliver(TRIGGER, Lane())
    finally:
        await runner.cleanup()


async def test_a_port_that_nobody_listens_on_did_not_take_it(chat: Chat) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        given = await chat.destination(api_url=f"https://127.0.0.1:{unused.getsockname()[1]}/api/").deliver(
            TRIGGER, Lane()
        )
    assert isinstance(given, Retry)
    assert given.reason == "connect_refused"


async def test_it_trusts_the_authority_it_is_told_to_and_no_other(chat: Chat, tmp_path: Path) -> None:
    other = Authority(tmp_path / "other")
    for ca_file in (str(other.ca_file), None):
        given = await chat.destination(ca_file=ca_file).deliver(TRIGGER, Lane())
        assert isinstance(given, Retry)
        assert given.reason == "tls_verify"


async def test_an_authority_whose_file_is_gone_is_read_when_it_is_back(chat: Chat, tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes(chat.standin.ca_file.read_bytes())
    destination = chat.destination(ca_file=str(file))
    file.unlink()
    given = await destination.deliver(TRIGGER, Lane())
    assert isinstance(given, Retry)
    assert given.reason == "tls"
    file.write_bytes(chat.standin.ca_file.read_bytes())
    assert isinstance(await destination.deliver(TRIGGER, Lane()), Sent)


async def test_a_proxy_in_the_environment_is_not_used(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert isinstance(await chat.destination().deliver(TRIGGER, Lane()), Sent)


async def test_the_token_reaches_no_verdict_and_no_log(chat: Chat, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    destination = chat.destination()
    for status in (200, 400, 429, 500):
        chat.standin.inject(Injection(status=status, body=f'{{"ok": false, "error": "you sent {TOKEN}"}}'))
        assert TOKEN not in repr(await destination.deliver(TRIGGER, Lane()))
    chat.standin.refuse("chat.postMessage", f"you sent {TOKEN}")
    assert "you sent <secret>" in repr(await destination.deliver(TRIGGER, Lane()))
    await destination.deliver(TRIGGER, Lane())
    assert TOKEN not in caplog.text
    assert TOKEN not in repr(destination)


async def test_it_can_be_closed_before_it_was_used_and_twice(chat: Chat) -> None:
    destination = chat.destination()
    await destination.aclose()
    assert isinstance(await destination.deliver(TRIGGER, Lane()), Sent)
    await destination.aclose()
    await destination.aclose()
