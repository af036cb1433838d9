"""What a flow of requests carries from one step to the next, where it ends, and what nobody gets to see."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, quote

import pytest
import trustme
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from probes import http_flow
from slo.core.reason import State
from slo.net.filling import filled
from slo.net.request import Request
from slo.net.url import URL
from tests.certificates import DAY, NOW, server_context, written
from tests.hostile import HEAD, answering, hanging, serving
from tests.probes.looking import Seen, look
from tests.services import free_port

TOKEN = 'tr0ub4dor"&+/=\\é'
"""A token with everything in it that means something somewhere."""


@dataclass
class Shop:
    """A service that a user logs in to. It keeps what it was asked."""

    sessions: int = 0
    asked: list[tuple[str, Mapping[str, str], str]] = field(default_factory=list)
    elsewhere: str = ""

    def application(self) -> web.Application:
        application = web.Application(middlewares=[self._keep])
        application.add_routes(
            [
                web.get("/form", self.form),
                web.post("/login", self.login),
                web.get("/orders", self.orders),
                web.get("/orders/{number}", self.orders),
                web.get("/loop/{path:.*}", self.loop),
                web.route("*", "/away", self.away),
                web.post("/echo", self.echo),
            ]
        )
        return application

    @web.middleware
    async def _keep(self, request: web.Request, handler: object) -> web.StreamResponse:
        self.asked.append((request.raw_path, dict(request.headers), await request.text()))
        return await handler(request)  # type: ignore[operator,no-any-return]

    async def form(self, _request: web.Request) -> web.Response:
        return web.Response(text='<input name="csrf" value="c+/=1">', headers={"X-Form": "f1"})

    async def login(self, request: web.Request) -> web.Response:
        self.sessions += 1
        response = web.json_response({"access_token": TOKEN, "number": 17, "nested": {"a": 1}, "none": None})
        response.set_cookie("session", f"s{self.sessions}", path="/")
        response.set_cookie("hidden", "h", path="/elsewhere")
        if request.query.get("then") == "redirect":
            response.set_status(302)
            response.headers["Location"] = "/orders"
        return response

    async def orders(self, request: web.Request) -> web.Response:
        if request.cookies.get("session") is None and "Authorization" not in request.headers:
            return web.json_response({"error": "who are you?"}, status=401)
        return web.json_response({"orders": 3, "token": TOKEN})

    async def loop(self, request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": request.raw_path})

    async def away(self, _request: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": self.elsewhere})

    async def echo(self, request: web.Request) -> web.Response:
        return web.Response(text=await request.text())


@asynccontextmanager
async def shop() -> AsyncIterator[tuple[Shop, str]]:
    """A shop and its address."""
    service = Shop()
    runner = web.AppRunner(service.application(), access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield service, f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def flow(*steps: Mapping[str, object], timeout_seconds: float = 10.0) -> Seen:
    return await look(http_flow, {"steps": steps}, timeout_seconds=timeout_seconds)


def by_name(address: str) -> str:
    """The same server at another host: cookies tell hosts apart, and no ports."""
    return address.replace("127.0.0.1", "localhost")


def log_in(base: str, **more: object) -> dict[str, object]:
    return {"name": "log-in", "url": f"{base}/login", "method": "POST", "body": "{}", **more}


async def test_a_token_of_the_first_step_opens_the_second() -> None:
    async with shop() as (service, base):
        seen = await flow(
            log_in(base, capture={"token": {"regex": r'"access_token": "(tr0ub4dor)'}}),
            {"name": "read", "url": f"{base}/orders", "bearer_token": "{{token}}", "expect": {"json": {"$.orders": 3}}},
        )
    assert seen.judgement.state is State.GOOD
    assert seen.judgement.detail == ""
    assert service.asked[1][1]["Authorization"] == "Bearer tr0ub4dor"
    assert list(seen.judgement.phases) == ["log-in", "read"]


CAPTURES: dict[str, tuple[Mapping[str, object], str | None]] = {
    "a text of JSON": ({"json": "$.access_token"}, TOKEN),
    "a number of JSON": ({"json": "$.number"}, "17"),
    "an object of JSON": ({"json": "$.nested"}, None),
    "nothing of JSON": ({"json": "$.none"}, None),
    "several values of JSON": ({"json": "$.*"}, None),
    "no such JSON": ({"json": "$.token"}, None),
    "a header": ({"header": "content-TYPE"}, "application/json; charset=utf-8"),
    "no such header": ({"header": "X-Token"}, None),
    "a group": ({"regex": "number.: ([0-9]+)"}, "17"),
    "a group that takes no part": ({"regex": "number|(x)"}, None),
    "an expression that does not match": ({"regex": "nothing like (it)"}, None),
    "a cookie": ({"cookie": "session"}, "s1"),
    "no such cookie": ({"cookie": "Session"}, None),
}


@pytest.mark.parametrize(("capture", "value"), CAPTURES.values(), ids=CAPTURES)
async def test_what_is_captured_is_one_value(capture: Mapping[str, object], value: str | None) -> None:
    async with shop() as (service, base):
        seen = await flow(
            log_in(base, capture={"it": capture}),
            {"name": "echo", "url": f"{base}/echo", "method": "POST", "body": "<{{it}}>"},
        )
    if value is None:
        assert (seen.reason, seen.judgement.state) == ("capture", State.BAD)
        assert seen.judgement.detail == "step log-in: there is no it in what came"
        assert len(service.asked) == 1
    else:
        assert seen.reason == "ok"
        assert service.asked[1][2] == f"<{value}>"


@pytest.mark.parametrize("line", [b"X-It: ", b"X-It: a\tb", b"X-It: " + b"a" * 9000], ids=["empty", "control", "long"])
async def test_what_no_request_can_carry_is_no_value(line: bytes) -> None:
    async with serving(answering(HEAD + line + b"\r\nContent-Length: 0\r\n\r\n")) as port:
        seen = await flow({"name": "get", "url": f"http://127.0.0.1:{port}/", "capture": {"it": {"header": "X-It"}}})
    assert seen.reason == "capture"


async def test_a_value_is_written_as_its_place_wants_it() -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    async with shop() as (service, base):
        seen = await flow(
            log_in(base, capture={"token": {"json": "$.access_token"}}),
            {"name": "url", "url": f"{base}/orders/{{{{token}}}}?q={{{{token}}}}&r=1"},
            {"name": "form", "url": f"{base}/echo", "method": "POST", "headers": form, "body": "a={{token}}&b=1"},
            {
                "name": "json",
                "url": f"{base}/echo",
                "method": "POST",
                "headers": {"Content-Type": "application/problem+json; charset=utf-8"},
                "body": '{"a": "{{token}}"}',
            },
        )
    assert seen.reason == "ok", seen.judgement.detail
    assert service.asked[1][0] == f"/orders/{quote(TOKEN, safe='')}?q={quote(TOKEN, safe='')}&r=1"
    assert parse_qs(service.asked[2][2]) == {"a": [TOKEN], "b": ["1"]}
    assert json.loads(service.asked[3][2]) == {"a": TOKEN}


@given(st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs"]), min_size=1))
def test_no_value_gets_out_of_its_place(value: str) -> None:
    request = Request(
        url=URL.parse("https://shop.example/a/{{it}}/b?c={{it}}&d"),
        method="POST",
        headers={"Content-Type": "application/json"},
        body=b'{"a": "{{it}}", "b": 1}',
    )
    made = filled(request, {"it": value})
    assert made.url.origin == "https://shop.example"
    assert made.url.resource.count("/") == 3
    assert made.url.resource.count("&") == made.url.resource.count("?") == 1
    assert json.loads(made.body) == {"a": value, "b": 1}


async def test_a_body_from_a_file_is_sent_as_it_is(tmp_path: Path) -> None:
    body = tmp_path / "body"
    body.write_text("{{number}} {{other}}")
    async with shop() as (service, base):
        seen = await flow(
            log_in(base, capture={"number": {"json": "$.number"}}),
            {"name": "echo", "url": f"{base}/echo", "method": "POST", "body_file": str(body)},
        )
    assert seen.reason == "ok"
    assert service.asked[1][2] == "{{number}} {{other}}"


# Cookies


async def test_cookies_last_for_a_round_and_no_longer() -> None:
    async with shop() as (service, base):
        steps: list[Mapping[str, object]] = [
            {"name": "early", "url": f"{base}/form"},
            log_in(base),
            {"name": "read", "url": f"{base}/orders"},
        ]
        for _ in range(2):
            assert (await flow(*steps)).reason == "ok"
    assert [asked[1].get("Cookie") for asked in service.asked] == [None, None, "session=s1", None, None, "session=s2"]


async def test_cookies_of_a_redirect_last_too() -> None:
    async with shop() as (service, base):
        seen = await flow(
            log_in(base, url=f"{base}/login?then=redirect", capture={"it": {"cookie": "session"}}),
            {"name": "read", "url": f"{base}/orders/1", "headers": {"X-Session": "{{it}}"}},
        )
    assert seen.reason == "ok"
    assert [asked[1].get("Cookie") for asked in service.asked] == [None, "session=s1", "session=s1"]
    assert service.asked[2][1]["X-Session"] == "s1"


async def test_cookies_go_to_no_other_host() -> None:
    async with shop() as (_, base), shop() as (other, there):
        seen = await flow(log_in(base), {"name": "other", "url": f"{by_name(there)}/form", "ip_protocol": "ip4"})
    assert seen.reason == "ok"
    assert "Cookie" not in other.asked[0][1]


# Where it ends


async def test_the_first_step_that_is_not_good_ends_the_round() -> None:
    async with shop() as (service, base):
        seen = await flow(
            {"name": "read", "url": f"{base}/orders"},
            {"name": "more", "url": f"{base}/form"},
        )
    assert (seen.reason, seen.judgement.detail) == ("status", "step read: 401, not 2xx")
    assert len(service.asked) == 1
    assert list(seen.judgement.phases) == ["read"]
    assert seen.value("probe_http_flow_success", step="read") == 0
    assert seen.value("probe_http_flow_success", step="more") is None


async def test_a_step_that_cannot_connect_says_so() -> None:
    async with shop() as (_, base):
        seen = await flow(log_in(base), {"name": "gone", "url": f"http://127.0.0.1:{free_port()}/"})
    assert seen.reason == "connect_refused"
    assert seen.judgement.detail.startswith("step gone: ")
    assert seen.findings["step gone"].startswith("connect ")


async def test_all_steps_have_one_deadline() -> None:
    async with shop() as (_, base), serving(hanging()) as port:
        seen = await flow(
            log_in(base),
            {"name": "hangs", "url": f"http://127.0.0.1:{port}/"},
            {"name": "never", "url": f"{base}/form"},
            timeout_seconds=0.3,
        )
    assert seen.reason == "response_timeout"
    assert seen.judgement.detail == "step hangs: waited for 127.0.0.1"
    assert list(seen.judgement.phases) == ["log-in", "hangs"]


async def test_each_step_has_its_phases_its_status_and_whether_it_was_good() -> None:
    async with shop() as (_, base):
        seen = await flow(log_in(base), {"name": "read", "url": f"{base}/orders"})
    assert [sample.labels["step"] for sample in seen.samples if sample.name == "probe_http_flow_status_code"] == [
        "log-in",
        "read",
    ]
    assert seen.value("probe_http_flow_status_code", step="read") == 200
    assert seen.value("probe_http_flow_success", step="read") == 1
    for phase in ("connect", "processing", "transfer"):
        assert seen.value("probe_http_flow_duration_seconds", step="read", phase=phase) is not None
    assert seen.findings["step read"].startswith("status 200: connect ")


async def test_steps_over_tls_show_which_certificate_expires_first(tmp_path: Path) -> None:
    authority, soon, late = trustme.CA(), NOW + 3 * DAY, NOW + 90 * DAY
    tls = {"ca_file": written(authority, tmp_path)}
    good = answering(HEAD + b"Content-Length: 0\r\n\r\n")
    async with (
        serving(good, tls=server_context(authority, "127.0.0.1", not_after=soon)) as first,
        serving(good, tls=server_context(authority, "127.0.0.1", not_after=late)) as last,
    ):
        seen = await flow(
            {"name": "first", "url": f"https://127.0.0.1:{first}/", "tls": tls},
            {"name": "last", "url": f"https://127.0.0.1:{last}/", "tls": tls},
        )
    assert seen.reason == "ok", seen.judgement.detail
    assert seen.value("probe_ssl_earliest_cert_expiry") == int(soon.timestamp())
    assert "certificate" in seen.findings


# Secrets


async def test_a_redirect_to_another_origin_gets_no_value() -> None:
    async with shop() as (service, base), shop() as (other, there):
        service.elsewhere = f"{by_name(there)}/form"
        seen = await flow(
            log_in(base, capture={"token": {"regex": "(tr0ub4dor)"}}),
            {"name": "away", "url": f"{base}/away", "bearer_token": "{{token}}", "headers": {"X-It": "{{token}}"}},
        )
    assert seen.reason == "ok"
    assert "tr0ub4dor" not in str(other.asked)
    assert other.asked[0][1].keys() == {"Host", "User-Agent", "Accept", "Connection"}


async def test_a_redirect_takes_no_body_to_another_origin() -> None:
    async with shop() as (service, base), shop() as (other, there):
        service.elsewhere = f"{there}/echo"
        seen = await flow(
            log_in(base, capture={"token": {"json": "$.access_token"}}),
            {"name": "away", "url": f"{base}/away", "method": "POST", "body": "{{token}}"},
        )
    assert (seen.reason, seen.judgement.detail) == (
        "redirect_invalid",
        "step away: another origin is to get the body",
    )
    assert other.asked == []


REVEALING: dict[str, tuple[Mapping[str, object], str]] = {
    "JSON that is not as expected": ({"url": "/orders", "expect": {"json": {"$.token": "x"}}}, "json"),
    "CEL that does not hold": ({"url": "/orders", "expect": {"cel": "body.token == 'x'"}}, "cel"),
    "CEL that fails": ({"url": "/orders", "expect": {"cel": "int(body.token) == 1"}}, "cel"),
    "a body": ({"url": "/orders", "expect": {"body_not": "orders"}}, "body"),
    "a path that goes round": ({"url": "/loop/{{token}}"}, "redirect_loop"),
}


@pytest.mark.parametrize(("step", "reason"), REVEALING.values(), ids=REVEALING)
async def test_no_value_is_ever_shown(
    step: Mapping[str, object], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with shop() as (_, base):
        seen = await flow(
            log_in(base, capture={"token": {"json": "$.access_token"}}),
            {"name": "read", "headers": {"Cookie": "session=1"}, **step, "url": f"{base}{step['url']}"},
        )
    assert seen.reason == reason
    assert seen.judgement.detail.startswith("step read: ")
    shown = f"{seen.facts!r} {seen.judgement!r} {seen.samples!r} {seen.findings!r} {caplog.text}"
    assert "tr0ub4dor" not in shown


async def test_a_large_body_is_looked_at_beside_other_rounds() -> None:
    body = b"x" * 500_000 + b" token=42 "
    async with serving(answering(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)) as port:
        step = {"name": "get", "url": f"http://127.0.0.1:{port}/", "capture": {"it": {"regex": "token=([0-9]+)"}}}
        seen = await flow(step)
    assert seen.reason == "ok"
    await asyncio.sleep(0)
