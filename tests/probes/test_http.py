"""What an HTTP probe asks, what it takes for good, and what it says of it."""

import asyncio
import gzip
import json
import zlib
from collections.abc import Mapping
from pathlib import Path

import brotli
import pytest
from pydantic import ValidationError

from probes import http
from slo.core.reason import State
from slo.errors import Fault
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from tests import hostile
from tests.hostile import HEAD, Behaviour, answering, hanging, serving
from tests.probes.looking import Seen, look
from tests.services import StartNginx

UP = b'{"status": "UP", "checks": [{"name": "db", "up": true}, {"name": "disk", "up": true}], "count": 2}'


def ok(body: bytes = UP, *headers: bytes, status: bytes = b"200 OK") -> Behaviour:
    """Answers with this body and its length."""
    lines = [b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *headers, b"", b""]
    return answering(b"\r\n".join(lines) + body)


async def expecting(expect: Mapping[str, object], behaviour: Behaviour) -> Seen:
    async with serving(behaviour) as port:
        return await look(http, {"url": f"http://127.0.0.1:{port}/", "expect": expect})


# What is good


EXPECTATIONS: dict[str, tuple[Mapping[str, object], Behaviour, str]] = {
    "any 2xx by default": ({}, ok(status=b"204 No Content"), "ok"),
    "no 404 by default": ({}, ok(status=b"404 Not Found"), "status"),
    "a code": ({"status": [418]}, ok(status=b"418 Teapot"), "ok"),
    "another code": ({"status": [200, "3xx"]}, ok(status=b"201 Created"), "status"),
    "a class": ({"status": [418, "5xx"]}, ok(status=b"503 Busy"), "ok"),
    "a status of no class": ({"status": ["1xx", "2xx", "3xx", "4xx", "5xx"]}, ok(status=b"999 Odd"), "status"),
    "the version": ({"http_version": ["1.1"]}, ok(), "ok"),
    "another version": ({"http_version": [1.0]}, ok(), "http_version"),
    "a header": ({"headers": {"X-Node": "^a[0-9]$"}}, ok(UP, b"x-node: a1"), "ok"),
    "a header that says something else": ({"headers": {"X-Node": "^a[0-9]$"}}, ok(UP, b"X-Node: b1"), "header"),
    "a header that is not there": ({"headers": {"X-Node": ""}}, ok(), "header"),
    "a header on two lines": ({"headers": {"Via": "^b$"}}, ok(UP, b"Via: a", b"via: b"), "ok"),
    "a header with other lines": ({"headers": {"Via": "^c$"}}, ok(UP, b"Via: a", b"via: b"), "header"),
    "several rules of a header": ({"headers": {"Via": ["a", {"matches": "b"}]}}, ok(UP, b"Via: a", b"Via: b"), "ok"),
    "one of several rules": ({"headers": {"Via": ["a", {"matches": "c"}]}}, ok(UP, b"Via: a", b"Via: b"), "header"),
    "a header that is not to be so": (
        {"headers": {"Via": {"matches_not": "b"}}},
        ok(UP, b"Via: a", b"Via: b"),
        "header",
    ),
    "a header that is not so": ({"headers": {"Via": {"matches_not": "c"}}}, ok(UP, b"Via: a", b"Via: b"), "ok"),
    "a header that must not be so and is missing": ({"headers": {"Via": {"matches_not": "c"}}}, ok(), "header"),
    "a header that may be missing": (
        {"headers": {"Via": {"matches": "a", "allow_missing": True}}},
        ok(),
        "ok",
    ),
    "a header that may be missing and is wrong": (
        {"headers": {"Via": {"matches": "b", "allow_missing": True}}},
        ok(UP, b"Via: a"),
        "header",
    ),
    "several bodies": ({"body": ["UP", "disk"]}, ok(), "ok"),
    "one of several bodies": ({"body": ["UP", "DOWN"]}, ok(), "body"),
    "one of several that are not to be": ({"body_not": ["DOWN", "UP"]}, ok(), "body"),
    "without TLS": ({"over_tls": False}, ok(), "ok"),
    "no TLS": ({"over_tls": True}, ok(), "scheme"),
    "the body before the version": ({"body": "DOWN", "http_version": [2]}, ok(), "body"),
    "a body": ({"body": r'"status"\s*:\s*"UP"'}, ok(), "ok"),
    "another body": ({"body": "DOWN"}, ok(), "body"),
    "a body that is not to be": ({"body_not": '"UP"'}, ok(), "body"),
    "no such body": ({"body_not": "DOWN"}, ok(), "ok"),
    "a body that is no text": ({"body": "ok$"}, ok(b"\xff\xfeok"), "ok"),
    "a pattern that others would choke on": ({"body": "(a+)+$"}, ok(b"a" * 50_000 + b"!"), "body"),
    "json": ({"json": {"$.status": "UP"}}, ok(), "ok"),
    "json of every node": ({"json": {"$.checks[*].up": True}}, ok(), "ok"),
    "json that differs in one node": ({"json": {"$.checks[*].name": "db"}}, ok(), "json"),
    "json that is not there": ({"json": {"$.nothing": None}}, ok(), "json"),
    "json where one is not true": ({"json": {"$.count": True}}, ok(b'{"count": 1}'), "json"),
    "json numbers by value": ({"json": {"$.count": 2.0}}, ok(), "ok"),
    "json of a whole object": ({"json": {"$.checks[0]": {"up": True, "name": "db"}}}, ok(), "ok"),
    "no json": ({"json": {"$.status": "UP"}}, ok(b"<html>"), "json"),
    "json too deep": ({"json": {"$..x": 1}}, ok(b"[" * 100_000), "json"),
    "json deeper than is looked": ({"json": {"$..x": 1}}, ok(b'{"a":' * 900 + b"1" + b"}" * 900), "json"),
    "a fast answer": ({"latency": "30s"}, ok(), "ok"),
    "a slow answer": ({"latency": "1ms"}, None, "latency"),  # type: ignore[dict-item]
    "the status before the rest": ({"body": "DOWN", "latency": "1ms"}, ok(status=b"500 No"), "status"),
    "the body before the latency": ({"body": "DOWN", "latency": "1ms"}, None, "body"),  # type: ignore[dict-item]
}


async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await hostile.request(reader)
    await asyncio.sleep(0.01)
    writer.write(HEAD + b"Content-Length: 0\r\n\r\n")
    await writer.drain()


@pytest.mark.parametrize(("expect", "behaviour", "reason"), EXPECTATIONS.values(), ids=EXPECTATIONS.keys())
async def test_expectations(expect: Mapping[str, object], behaviour: Behaviour | None, reason: str) -> None:
    seen = await expecting(expect, behaviour or slow)
    assert seen.reason == reason
    assert bool(seen.judgement.detail) == (reason != "ok")
    assert list(seen.judgement.phases) == ["connect", "processing", "transfer"]


BODIES: dict[str, Behaviour] = {
    "with a length": answering(HEAD + b"Content-Length: 5\r\n\r\nhello"),
    "with more than its length": answering(HEAD + b"Content-Length: 5\r\n\r\nhello and more"),
    "until the connection closes": answering(HEAD + b"\r\nhe", b"llo"),
    "by HTTP/1.0": answering(b"HTTP/1.0 200 OK\r\n\r\nhello"),
    "by HTTP/1.0, kept alive without a length": answering(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nhello"),
    "in chunks": answering(
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;a=b\r\nl", b"lo\r\n0\r\nT: t\r\n\r\n"
    ),
    "and stays open": hanging(HEAD + b"Content-Length: 5\r\n\r\nhello"),
    "byte by byte": answering(*(bytes([byte]) for byte in HEAD + b"Content-Length: 5\r\n\r\nhello")),
    "after interim responses": answering(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\nContent-Length: 9\r\n\r\n",
        HEAD + b"Content-Length: 5\r\n\r\nhello",
    ),
    "zipped": answering(HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"hello")),
    "zipped in members": answering(
        HEAD + b"Content-Encoding: x-gzip\r\n\r\n" + gzip.compress(b"he") + gzip.compress(b"llo")
    ),
    "deflated": answering(HEAD + b"Content-Encoding: deflate\r\n\r\n" + zlib.compress(b"hello")),
    "deflated without its wrapper": answering(
        HEAD + b"Content-Encoding: deflate\r\n\r\n", *(bytes([byte]) for byte in zlib.compress(b"hello", wbits=-15))
    ),
    "compressed by Brotli": answering(HEAD + b"Content-Encoding: br\r\n\r\n" + brotli.compress(b"hello")),
    "compressed by Brotli, byte by byte": answering(
        HEAD + b"Content-Encoding: br\r\n\r\n", *(bytes([byte]) for byte in brotli.compress(b"hello"))
    ),
    "encoded as itself": answering(HEAD + b"Content-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello"),
}


@pytest.mark.parametrize("behaviour", BODIES.values(), ids=BODIES.keys())
async def test_a_body_is_read_as_it_is_framed_and_encoded(behaviour: Behaviour) -> None:
    seen = await expecting({"body": r"\Ahello\z"}, behaviour)
    assert seen.reason == "ok", seen.judgement.detail
    assert seen.value("probe_http_uncompressed_body_length") == 5


EMPTY: dict[str, tuple[str, bytes, str]] = {
    "to HEAD": ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n", "ok"),
    "204": ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", "ok"),
    "304": ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n", "status"),
    "101": ("GET", b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n\x01\x02", "status"),
}


@pytest.mark.parametrize(("method", "answer", "reason"), EMPTY.values(), ids=EMPTY.keys())
async def test_a_response_without_a_body_is_not_waited_for(method: str, answer: bytes, reason: str) -> None:
    async with serving(hanging(answer)) as port:
        seen = await look(http, {"url": f"http://127.0.0.1:{port}/", "method": method})
    assert seen.reason == reason


COMPRESSIONS: dict[str, tuple[str, bytes, str]] = {
    "zipped without saying so": ("gzip", HEAD + b"\r\n" + gzip.compress(b"hello"), "ok"),
    "zipped and said to be": ("gzip", HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"hello"), "ok"),
    "not zipped": ("gzip", HEAD + b"\r\nhello", "body_encoding"),
    "zipped and said to be otherwise": (
        "gzip",
        HEAD + b"Content-Encoding: br\r\n\r\n" + gzip.compress(b"hello"),
        "ok",
    ),
    "deflated without its wrapper": ("deflate", HEAD + b"\r\n" + zlib.compress(b"hello", wbits=-15), "ok"),
    "compressed by Brotli": ("br", HEAD + b"\r\n" + brotli.compress(b"hello"), "ok"),
    "taken as it is": ("identity", HEAD + b"Content-Encoding: gzip\r\n\r\nhello", "ok"),
    "taken as it is, though zipped": (
        "identity",
        HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"hello"),
        "body",
    ),
}


@pytest.mark.parametrize(("compression", "answer", "reason"), COMPRESSIONS.values(), ids=COMPRESSIONS.keys())
async def test_a_body_is_decoded_as_is_configured(compression: str, answer: bytes, reason: str) -> None:
    async with serving(answering(answer)) as port:
        config = {"url": f"http://127.0.0.1:{port}/", "compression": compression, "expect": {"body": "^hello$"}}
        assert (await look(http, config)).reason == reason


async def test_an_encoding_that_nobody_knows_is_fine_where_the_body_does_not_matter() -> None:
    assert (await expecting({}, answering(HEAD + b"Content-Encoding: rot13\r\n\r\nuryyb"))).reason == "ok"


# What is asked


async def asked(config: Mapping[str, object], *answers: bytes) -> tuple[Seen, list[str]]:
    """The requests that a probe sends to a server that gives these answers, one a connection; {port} is its own."""
    requests: list[str] = []

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await hostile.request(reader)
        length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0)
        requests.append((head + await reader.readexactly(length)).decode())
        own = writer.get_extra_info("sockname")[1]
        answer = answers[min(len(requests), len(answers)) - 1]
        writer.write(answer.replace(b"{port}", b"%d" % own))
        await writer.drain()

    async with serving(behave) as port:
        seen = await look(http, {"url": f"http://127.0.0.1:{port}/path?q=1", **config})
        return seen, [request.replace(str(port), "PORT") for request in requests]


GOOD = HEAD + b"Content-Length: 0\r\n\r\n"


async def test_the_request_is_plain_and_closes_its_connection() -> None:
    seen, requests = await asked({}, GOOD)
    assert seen.reason == "ok"
    assert requests[0] == (
        "GET /path?q=1 HTTP/1.1\r\n"
        "Host: 127.0.0.1:PORT\r\n"
        "User-Agent: Watchkeep\r\n"
        "Accept: */*\r\n"
        "Connection: close\r\n"
        "\r\n"
    )
    assert len(requests) == 1


async def test_the_request_is_as_it_was_configured() -> None:
    config = {
        "method": "POST",
        "headers": {"host": "www.example.org", "X-Request": "r"},
        "body": '{"ü": 1}',
        "bearer_token": "t0ken",
    }
    _, (request,) = await asked(config, GOOD)
    assert request == (
        "POST /path?q=1 HTTP/1.1\r\n"
        "host: www.example.org\r\n"
        "User-Agent: Watchkeep\r\n"
        "Accept: */*\r\n"
        "Connection: close\r\n"
        "Content-Length: 9\r\n"
        "X-Request: r\r\n"
        "Authorization: Bearer t0ken\r\n"
        "\r\n"
        '{"ü": 1}'
    )


async def test_basic_auth() -> None:
    _, (request,) = await asked({"basic_auth": {"username": "user", "password": "pass"}}, GOOD)
    assert "\r\nAuthorization: Basic dXNlcjpwYXNz\r\n" in request


REDIRECTS = {
    "301 makes POST a GET": (301, "POST", "GET", ""),
    "302 makes POST a GET": (302, "POST", "GET", ""),
    "303 makes PUT a GET": (303, "PUT", "GET", ""),
    "303 leaves HEAD": (303, "HEAD", "HEAD", ""),
    "307 leaves POST": (307, "POST", "POST", "hello"),
    "308 leaves PUT": (308, "PUT", "PUT", "hello"),
}


@pytest.mark.parametrize(("status", "method", "then", "body"), REDIRECTS.values(), ids=REDIRECTS.keys())
async def test_a_redirect_is_followed_as_browsers_do(status: int, method: str, then: str, body: str) -> None:
    own: Mapping[str, str] = {} if method == "HEAD" else {"body": "hello"}
    redirect = b"HTTP/1.1 %d Moved\r\nLocation: ../there?x=1#part\r\n\r\n" % status
    seen, requests = await asked({"method": method, **own}, redirect, GOOD)
    assert seen.reason == "ok"
    assert requests[1].startswith(f"{then} /there?x=1 HTTP/1.1\r\n")
    assert requests[1].partition("\r\n\r\n")[2] == body
    assert seen.value("probe_http_redirects") == 1


async def test_credentials_stay_with_the_origin() -> None:
    """The way back over another host name is another origin; Accept goes along, nothing else of ours does."""
    secret = {"Authorization": "Basic c2VjcmV0", "Cookie": "secret", "X-Api-Key": "secret", "Accept": "text/plain"}
    answers = (
        b"HTTP/1.1 302 F\r\nLocation: /own\r\n\r\n",
        b"HTTP/1.1 302 F\r\nLocation: http://localhost:{port}/\r\n\r\n",
    )
    seen, requests = await asked({"headers": secret, "ip_protocol": "ip4"}, *answers, GOOD)
    assert seen.reason == "ok"
    assert ["secret" in request or "c2VjcmV0" in request for request in requests] == [True, True, False]
    assert all("Accept: text/plain" in request for request in requests)


async def test_a_header_may_have_several_values() -> None:
    _, (request,) = await asked({"headers": {"X-A": ["1", "2"], "X-B": "3"}}, GOOD)
    assert "\r\nX-A: 1\r\nX-A: 2\r\nX-B: 3\r\n" in request


async def test_credentials_of_another_type() -> None:
    _, (request,) = await asked({"authorization": {"type": "Token", "credentials": "a b"}}, GOOD)
    assert "\r\nAuthorization: Token a b\r\n" in request


async def test_a_body_comes_from_a_file_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "body").write_bytes("ü\n".encode())
    _, (request,) = await asked({"method": "POST", "body_file": str(tmp_path / "body")}, GOOD)
    assert request.endswith("\r\nContent-Length: 3\r\n\r\nü\n")


async def test_cookies_come_along_with_redirects_of_the_same_round() -> None:
    first = b"HTTP/1.1 302 F\r\nLocation: /a\r\nSet-Cookie: one=1; Path=/\r\nSet-Cookie: two=2; Path=/elsewhere\r\n\r\n"
    second = b"HTTP/1.1 302 F\r\nLocation: /b\r\nSet-Cookie: three=3; Path=/\r\n\r\n"
    third = b"HTTP/1.1 302 F\r\nLocation: http://localhost:{port}/\r\n\r\n"
    seen, requests = await asked({"headers": {"Cookie": "own=0"}, "ip_protocol": "ip4"}, first, second, third, GOOD)
    assert seen.reason == "ok"
    sent = [[line for line in request.split("\r\n") if line.startswith("Cookie")] for request in requests]
    assert sent == [["Cookie: own=0"], ["Cookie: own=0; one=1"], ["Cookie: own=0; one=1; three=3"], []]


async def test_ten_redirects_are_followed() -> None:
    redirect = b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n"
    seen, requests = await asked({}, *[redirect] * 10, GOOD)
    assert (seen.reason, len(requests), seen.value("probe_http_redirects")) == ("ok", 11, 10)
    seen, requests = await asked({}, *[redirect] * 11, GOOD)
    assert (seen.reason, len(requests)) == ("redirect_loop", 11)


async def test_a_redirect_may_be_what_is_expected() -> None:
    found = b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n"
    seen, requests = await asked({"follow_redirects": False, "expect": {"status": [302]}}, found)
    assert (seen.reason, len(requests)) == ("ok", 1)


async def test_a_redirect_without_a_location_is_a_response() -> None:
    seen, _ = await asked({}, b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n")
    assert (seen.reason, seen.judgement.detail) == ("status", "302, not 2xx")


async def test_the_body_of_a_redirect_is_not_read() -> None:
    seen, _ = await asked({}, b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 9999999\r\n\r\n", GOOD)
    assert seen.reason == "ok"


async def test_a_name_is_resolved() -> None:
    async with serving(ok()) as port:
        seen = await look(http, {"url": f"http://localhost:{port}/"})
    assert seen.reason == "ok"
    assert list(seen.judgement.phases) == ["resolve", "connect", "processing", "transfer"]


async def test_a_server_of_one_protocol_is_reached_by_a_name_of_both() -> None:
    """The name localhost is ::1 and 127.0.0.1, and the server listens on the latter alone, as many do."""
    async with serving(ok()) as port:
        strict = {"url": f"http://localhost:{port}/", "ip_protocol": "ip6", "ip_protocol_fallback": False}
        assert (await look(http, strict)).reason in {"connect_refused", "dns_no_address"}
        assert (await look(http, strict | {"ip_protocol_fallback": True})).value("probe_ip_protocol") == 4


# What is said


async def test_samples_are_those_of_the_blackbox_exporter() -> None:
    head = (b"Last-Modified: Thu, 01 Jan 1970 00:00:10 GMT", b"Content-Encoding: gzip")
    seen = await expecting({}, ok(gzip.compress(UP), *head))
    values = {(sample.name, *sample.labels.values()): sample.value for sample in seen.samples}
    phases = {key[1]: values.pop(key) for key in list(values) if key[0] == "probe_http_duration_seconds"}
    assert phases == seen.judgement.phases
    assert values == {
        ("probe_ip_protocol",): 4,
        ("probe_ip_addr_hash",): 3668918509,
        ("probe_http_redirects",): 0,
        ("probe_http_ssl",): 0,
        ("probe_http_status_code",): 200,
        ("probe_http_version",): 1.1,
        ("probe_http_content_length",): len(gzip.compress(UP)),
        ("probe_http_uncompressed_body_length",): len(UP),
        ("probe_http_last_modified_timestamp_seconds",): 10,
        ("probe_failed_due_to_regex",): 0,
    }


async def test_an_expression_that_fails_has_its_metric() -> None:
    assert (await expecting({"body": "DOWN"}, ok())).value("probe_failed_due_to_regex") == 1
    assert (await expecting({"json": {"$.status": "DOWN"}}, ok())).value("probe_failed_due_to_regex") == 0


@pytest.mark.parametrize("date", [b"yesterday", b"Thu, 01 Jan 99999 00:00:10 GMT", b"\xff"])
async def test_a_date_that_cannot_be_read_is_left_out(date: bytes) -> None:
    seen = await expecting({}, ok(UP, b"Last-Modified: " + date))
    assert seen.reason == "ok"
    assert seen.value("probe_http_last_modified_timestamp_seconds") is None


async def test_a_body_is_not_kept_after_it_was_looked_at() -> None:
    seen = await expecting({"body": "UP"}, ok())
    assert UP not in repr(seen.facts).encode()
    assert seen.value("probe_http_uncompressed_body_length") == len(UP)


def test_what_the_runner_says_of_a_round_is_judged_by_its_reason() -> None:
    probe = http.build(http.Config.of("http://127.0.0.1/"), Context.default(SteadyClock()))
    (judgement,) = probe.judge(Fault("cancelled", phases={"connect": 1.0}))
    assert (judgement.state, judgement.reason, judgement.phases) == (State.UNKNOWN, "cancelled", {"connect": 1.0})
    assert list(probe.samples(Fault("cancelled"))) == []


async def test_no_secret_is_shown() -> None:
    config = {
        "headers": {"X-Api-Key": "s3cret"},
        "basic_auth": {"username": "user", "password": "s3cret"},
        "body": "s3cret",
        "method": "POST",
    }
    location = b"HTTP/1.1 302 F\r\nLocation: http://user:s3cret@127.0.0.1:{port}/?token=s3cret\r\n\r\n"
    for answers in ((GOOD,), (location,), (b"HTTP/1.1 307 F\r\nLocation: /?token=s3cret\r\n\r\n",), (b"s3cret",)):
        seen, _ = await asked(config, *answers)
        shown = f"{http.Config.model_validate({'url': 'http://a/', **config})!r} {seen.judgement} {seen.samples}"
        assert "s3cret" not in shown


# What may be configured


WRONG: dict[str, tuple[Mapping[str, object], str]] = {
    "a status": ({"expect": {"status": [600]}}, "600 is no status code, write codes as 200, and classes as 2xx"),
    "a class": ({"expect": {"status": ["6xx"]}}, "'6xx' is no status code, write codes as 200, and classes as 2xx"),
    "no status": ({"expect": {"status": []}}, "at least 1 item"),
    "truth as a status": ({"expect": {"status": [True]}}, "True is no status code"),
    "a path": ({"expect": {"json": {"status": "UP"}}}, "'status' is no JSONPath: expected '$', found 's', write it as"),
    "a redirect": (
        {"expect": {"status": [301, 302]}},
        "expects a redirect and follows it, add follow_redirects: false",
    ),
    "a header's value": ({"headers": {"X": "a\r\nB: b"}}, "holds a line end or a control character"),
    "a header's name": ({"headers": {"X Y": "a"}}, "is no name of a header"),
    "a header of ours": (
        {"headers": {"content-length": "1"}},
        "content-length is set by the watch itself, leave it out",
    ),
    "credentials twice": (
        {"headers": {"authorization": "x"}, "bearer_token": "y"},
        "gives credentials twice, keep one of basic_auth, authorization, oauth2, bearer_token and the header Author",
    ),
    "a version": ({"expect": {"http_version": [3]}}, "Input should be '1.0', '1.1' or '2'"),
    "a method": ({"method": "GET /"}, "'GET /' is no method of a request, write it as GET or POST"),
    "a rule that says nothing": (
        {"expect": {"headers": {"Via": {"allow_missing": True}}}},
        "says nothing about the header, write matches, or matches_not",
    ),
    "two bodies": ({"body": "a", "body_file": __file__}, "has a body twice, keep body or body_file"),
    "no body in a file": ({"body_file": "/nowhere/at/all"}, "/nowhere/at/all cannot be read: no such file"),
    "basic as a type": (
        {"authorization": {"type": "basic", "credentials": "x"}},
        "has its own key, write the user and password under basic_auth",
    ),
    "a colon in a user": (
        {"basic_auth": {"username": "a:b", "password": "c"}},
        "holds a colon, with which the user would end, leave the colon out",
    ),
    "versions of TLS": (
        {"tls": {"min_version": 1.3, "max_version": 1.2}},
        "has a min_version that is newer than its max_version, lower one, or raise the other",
    ),
    "no proxy": ({"proxy": {}}, "names no proxy, or two, give url, or from_environment: true"),
    "a proxy over TLS": ({"proxy": {"url": "https://proxy/"}}, "is a proxy over TLS, which is not spoken"),
    "a page as a proxy": ({"proxy": {"url": "http://proxy/page"}}, "has more than a host and a port"),
    "exceptions twice": (
        {"proxy": {"from_environment": True, "except": ["a"]}},
        "has exceptions beside those of the environment, set NO_PROXY, or write url",
    ),
}


@pytest.mark.parametrize(("config", "message"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_configuration_is_refused(config: Mapping[str, object], message: str) -> None:
    with pytest.raises(ValidationError) as raised:
        http.Config.model_validate({"url": "http://127.0.0.1/", **config})
    assert message in str(raised.value)


def test_the_same_probe_is_aimed_at_another_target() -> None:
    config = http.Config.model_validate({"url": "http://a/", "max_body": "2MB", "expect": {"body": "x"}})
    assert config.aimed_at("http://b/") == config.model_copy(update={"url": "http://b/"})
    with pytest.raises(ValidationError):
        config.aimed_at("b")


# A real server


async def test_nginx_is_good_while_it_runs(nginx: StartNginx) -> None:
    server = nginx('location /health { default_type application/json; return 200 \'{"status": "UP"}\'; }')
    url = f"http://127.0.0.1:{server.port}"
    expect = {"status": [200], "json": {"$.status": "UP"}, "headers": {"Content-Type": "json"}, "latency": "10s"}
    health = {"url": f"{url}/health", "expect": expect}
    assert (await look(http, health)).reason == "ok"
    assert (await look(http, {"url": f"{url}/nothing"})).reason == "status"
    server.stop()
    assert (await look(http, health)).reason == "connect_refused"
    server.start()
    assert (await look(http, health)).reason == "ok"


async def test_nginx_zips_and_chunks(nginx: StartNginx) -> None:
    server = nginx("gzip on; gzip_types *; gzip_min_length 1; root .; location / { try_files $uri =404; }")
    (server.folder / "large.json").write_text(json.dumps({"filler": "x" * 500_000, "status": "UP"}))
    config = {"url": f"http://127.0.0.1:{server.port}/large.json", "headers": {"Accept-Encoding": "gzip"}}
    seen = await look(http, {**config, "expect": {"json": {"$.status": "UP"}}})
    assert seen.reason == "ok", seen.judgement.detail
    assert seen.value("probe_http_uncompressed_body_length") == 500_030
    assert seen.value("probe_http_content_length") == -1
