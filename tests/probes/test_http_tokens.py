"""Access tokens of an HTTP probe: how they are asked for, how long they are kept, and what may be wrong with them."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from probes import http
from slo.core.outcome import Judgement
from slo.net.context import Context
from tests import hostile
from tests.hostile import Behaviour, answering, hanging, serving
from tests.probes.looking import look
from tests.services import free_port


def said(status: str, body: bytes) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def token(name: str, **more: object) -> bytes:
    return said("200 OK", json.dumps({"access_token": name, "token_type": "bearer", **more}).encode())


GOOD = said("200 OK", b"hello")


@dataclass
class Heard:
    """What a server was asked; it gives the answers in turn, and the last one for ever."""

    answers: tuple[bytes, ...]
    requests: list[str] = field(default_factory=list)

    async def behave(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await hostile.request(reader)
        length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0)
        self.requests.append((head + await reader.readexactly(length)).decode())
        writer.write(self.answers[min(len(self.requests), len(self.answers)) - 1])
        await writer.drain()

    @property
    def authorizations(self) -> list[str]:
        lines = [request.split("\r\n") for request in self.requests]
        return [next((line[15:] for line in each if line.startswith("Authorization")), "") for each in lines]


@dataclass
class Clock:
    """A clock whose seconds a test lets pass."""

    passed: float = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time() + self.passed

    async def sleep_until(self, monotonic: float) -> None:
        raise NotImplementedError


@asynccontextmanager
async def probing(issuer: Behaviour, target: Heard, **more: object) -> AsyncIterator[tuple[http.HTTPProbe, Clock]]:
    clock = Clock()
    context = Context.default(clock)
    async with serving(issuer) as issuer_port, serving(target.behave) as port:
        oauth2 = {
            "client_id": "watch",
            "client_secret": "s3cret/",
            "token_url": f"http://127.0.0.1:{issuer_port}/token",
            **more,
        }
        config = {"url": f"http://127.0.0.1:{port}/", "oauth2": oauth2}
        yield http.build(http.Config.model_validate(config), context), clock
    await context.close()


async def round_of(probe: http.HTTPProbe, clock: Clock, *, seconds: float = 10.0) -> Judgement:
    (judgement,) = probe.judge(await probe.observe(clock.monotonic() + seconds))
    return judgement


async def test_a_token_is_asked_for_and_sent() -> None:
    issuer, target = Heard((token("t0ken", expires_in=3600),)), Heard((GOOD,))
    more = {"scopes": ["read", "list"], "endpoint_params": {"audience": "api & more"}}
    async with probing(issuer.behave, target, **more) as (probe, clock):
        judgement = await round_of(probe, clock)
    assert judgement.reason == "ok", judgement.detail
    assert list(judgement.phases) == ["token", "connect", "processing", "transfer"]
    assert target.authorizations == ["Bearer t0ken"]
    assert issuer.authorizations == ["Basic d2F0Y2g6czNjcmV0JTJG"], "both are encoded as in a form, RFC 6749, 2.3.1"
    head, _, form = issuer.requests[0].partition("\r\n\r\n")
    assert head.startswith("POST /token HTTP/1.1\r\n")
    assert "Content-Type: application/x-www-form-urlencoded" in head
    assert form == "grant_type=client_credentials&scope=read+list&audience=api+%26+more"


async def test_credentials_are_given_in_the_body_where_the_server_wants_them_there() -> None:
    issuer, target = Heard((said("401 No", b""), token("t0ken"))), Heard((GOOD,))
    async with probing(issuer.behave, target) as (probe, clock):
        assert (await round_of(probe, clock)).reason == "ok"
    assert issuer.requests[1].endswith("grant_type=client_credentials&client_id=watch&client_secret=s3cret%2F")
    assert issuer.authorizations[1] == ""


async def test_a_token_is_kept_until_shortly_before_it_expires() -> None:
    issuer, target = Heard((token("one", expires_in=60), token("two", expires_in="60"))), Heard((GOOD,))
    async with probing(issuer.behave, target) as (probe, clock):
        for passed in (0.0, 30.0, 49.0, 51.0):
            clock.passed = passed
            assert (await round_of(probe, clock)).reason == "ok"
    assert target.authorizations == ["Bearer one"] * 3 + ["Bearer two"]


async def test_a_token_that_is_refused_is_not_used_again() -> None:
    issuer, target = Heard((token("one"), token("two"))), Heard((said("401 No", b""), GOOD))
    async with probing(issuer.behave, target) as (probe, clock):
        assert [(await round_of(probe, clock)).reason for _ in range(2)] == ["status", "ok"]
    assert target.authorizations == ["Bearer one", "Bearer two"]


WRONG: Mapping[str, Behaviour] = {
    "refuses": answering(said("403 No", b"")),
    "refuses twice": answering(said("400 No", b'{"error": "invalid_client"}')),
    "redirects": answering(b"HTTP/1.1 302 F\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"),
    "says nothing": answering(said("200 OK", b"")),
    "says garbage": answering(said("200 OK", b"\xff{")),
    "says a list": answering(said("200 OK", b"[1]")),
    "gives no token": answering(said("200 OK", b'{"token_type": "bearer"}')),
    "gives a number": answering(said("200 OK", b'{"access_token": 5}')),
    "gives two lines": answering(token("a\r\nX: y")),
    "gives an odd type": answering(token("a", token_type="a\r\nX: y")),
    "gives an odd time": answering(token("a", expires_in=[])),
    "gives a time that is no number": answering(token("a", expires_in=float("nan"))),
    "gives a time beyond all others": answering(token("a", expires_in=10**400)),
    "floods": hostile.flooding(b"HTTP/1.1 200 OK\r\n\r\n", bytes(65_536)),
    "closes": answering(),
    "hangs": hanging(),
}


@pytest.mark.parametrize("issuer", WRONG.values(), ids=WRONG.keys())
async def test_no_token_is_a_reason_and_the_target_is_not_asked(issuer: Behaviour) -> None:
    target = Heard((GOOD,))
    async with probing(issuer, target) as (probe, clock):
        judgement = await round_of(probe, clock, seconds=0.5)
    assert judgement.reason == "token", judgement.detail
    assert list(judgement.phases) == ["token"]
    assert target.requests == []


async def test_nobody_at_the_token_url_is_the_same_reason_with_its_own_in_the_detail() -> None:
    oauth2 = {"client_id": "watch", "token_url": f"http://127.0.0.1:{free_port()}/"}
    seen = await look(http, {"url": "http://127.0.0.1/", "oauth2": oauth2})
    assert (seen.reason, seen.judgement.detail) == ("token", "127.0.0.1: connect_refused")


async def test_no_secret_is_shown() -> None:
    issuer, target = Heard((token("s3cret-token"),)), Heard((GOOD,))
    more = {"endpoint_params": {"assertion": "s3cret-too"}}
    async with probing(issuer.behave, target, **more) as (probe, clock):
        facts = await probe.observe(clock.monotonic() + 10.0)
    assert "s3cret" not in f"{facts!r} {probe.judge(facts)} {list(probe.samples(facts))}"
