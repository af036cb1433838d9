"""Whatever a server does to an HTTP probe, there is a reason for it within the probe's own timeout."""

import asyncio
import contextlib
import gzip
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import brotli
import pytest

from probes import http
from slo.core.reason import State
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from tests import hostile
from tests.hostile import HEAD, Behaviour, answering, flooding, hanging, resetting, serving, trickling
from tests.probes.looking import look
from tests.services import free_port

HUNG_SECONDS = 0.5
"""The timeout of probes that are to meet it."""

MEGABYTE = bytes(1_000_000)
FLOOD = bytes(65_536)
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
GZIPPED = HEAD + b"Content-Encoding: gzip\r\n\r\n"

SERVERS: dict[str, tuple[str, Behaviour]] = {
    "closes without an answer": ("response_closed", answering()),
    "resets at once": ("response_reset", hostile.resetting_at_once),
    "greets as ssh": ("response_malformed", hostile.speaking_first),
    "says garbage": ("response_malformed", answering(b"\x00\x01\x02\x03 garbage")),
    "closes in the status line": ("response_malformed", answering(b"HTTP/1.1 20")),
    "closes in the headers": ("response_malformed", answering(HEAD)),
    "resets in the headers": ("response_reset", resetting(HEAD)),
    "says two lengths": ("response_malformed", answering(HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab")),
    "says a length of words": ("response_malformed", answering(HEAD + b"Content-Length: ten\r\n\r\n")),
    "says a length below zero": ("response_malformed", answering(HEAD + b"Content-Length: -1\r\n\r\n")),
    "says a length beyond 64 bits": (
        "response_malformed",
        answering(HEAD + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n"),
    ),
    "is shorter than it said": ("body_short", answering(HEAD + b"Content-Length: 10\r\n\r\nshort")),
    "closes between chunks": ("body_short", answering(CHUNKED + b"5\r\nhello\r\n")),
    "closes in a chunk": ("body_short", answering(CHUNKED + b"5\r\nhel")),
    "says a chunk of garbage": ("response_malformed", answering(CHUNKED + b"xyz\r\nhello\r\n")),
    "resets in the body": ("body_reset", resetting(HEAD + b"Content-Length: 10\r\n\r\nshort")),
    "resets in a chunk": ("body_reset", resetting(CHUNKED + b"5\r\nhel")),
    "resets in a body without a length": ("body_reset", resetting(HEAD + b"\r\nhello")),
    "announces a gigabyte": ("body_too_large", hanging(HEAD + b"Content-Length: 1073741824\r\n\r\n")),
    "streams gigabytes": ("body_too_large", flooding(HEAD + b"\r\n", FLOOD)),
    "streams gigabytes in chunks": ("body_too_large", flooding(CHUNKED, b"10000\r\n" + FLOOD + b"\r\n")),
    "is one byte too long": ("body_too_large", answering(HEAD + b"\r\n" + MEGABYTE + b"!")),
    "zips a bomb": ("body_too_large", answering(GZIPPED + gzip.compress(MEGABYTE + b"!"))),
    "zips many small bombs": ("body_too_large", answering(GZIPPED + gzip.compress(bytes(10_000)) * 101)),
    "says garbage is zipped": ("body_encoding", answering(GZIPPED + b"this is no gzip")),
    "breaks off a zip": ("body_encoding", answering(GZIPPED + gzip.compress(b"hello" * 100)[:-9])),
    "adds garbage to a zip": ("body_encoding", answering(GZIPPED + gzip.compress(b"hello") + b"garbage")),
    "says garbage is Brotli": ("body_encoding", answering(HEAD + b"Content-Encoding: br\r\n\r\nthis is no Brotli")),
    "breaks off Brotli": (
        "body_encoding",
        answering(HEAD + b"Content-Encoding: br\r\n\r\n" + brotli.compress(b"hello" * 100)[:-2]),
    ),
    "encodes as nobody knows": ("body_encoding", answering(HEAD + b"Content-Encoding: rot13\r\n\r\nuryyb")),
    "sends headers for ever": ("headers_too_large", flooding(HEAD, (b"X-Flood: " + b"x" * 100 + b"\r\n") * 100)),
    "sends one header for ever": ("headers_too_large", flooding(HEAD + b"X-Flood: ", b"x" * 4096)),
    "sends large headers at once": ("headers_too_large", answering(HEAD + b"X: " + b"x" * 70_000 + b"\r\n\r\n")),
    "sends thousands of headers": ("headers_too_large", answering(HEAD + b"X:\r\n" * 4_000 + b"\r\n")),
    "continues for ever": ("headers_too_large", flooding(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)),
    "sends trailers for ever": ("headers_too_large", flooding(CHUNKED + b"0\r\n", b"X-Flood: x\r\n" * 1000)),
    "extends a chunk for ever": ("headers_too_large", flooding(CHUNKED + b"5;", b"extension" * 1000)),
    "redirects to itself": ("redirect_loop", answering(b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n")),
    "redirects to ftp": ("redirect_invalid", answering(b"HTTP/1.1 301 Moved\r\nLocation: ftp://127.0.0.1/\r\n\r\n")),
    "redirects to no host": ("redirect_invalid", answering(b"HTTP/1.1 301 Moved\r\nLocation: http://\r\n\r\n")),
    "redirects to garbage": ("redirect_invalid", answering(b"HTTP/1.1 301 Moved\r\nLocation: http://[::1/\r\n\r\n")),
    "redirects to credentials": ("redirect_invalid", answering(b"HTTP/1.1 301 M\r\nLocation: http://a:b@c/\r\n\r\n")),
    "redirects to metadata": (
        "not_permitted",
        answering(b"HTTP/1.1 307 M\r\nLocation: http://169.254.169.254/\r\n\r\n"),
    ),
    "redirects to a mapped address": (
        "not_permitted",
        answering(b"HTTP/1.1 307 M\r\nLocation: http://[::ffff:169.254.169.254]/\r\n\r\n"),
    ),
}

HANGING: dict[str, tuple[str, Behaviour]] = {
    "never answers": ("response_timeout", hanging()),
    "hangs in the status line": ("response_timeout", hanging(b"HTTP/1.1 2")),
    "hangs in the headers": ("response_timeout", hanging(HEAD)),
    "hangs after the headers": ("body_timeout", hanging(HEAD + b"Content-Length: 5\r\n\r\n")),
    "hangs in the body": ("body_timeout", hanging(HEAD + b"Content-Length: 5\r\n\r\nhe")),
    "hangs in a chunk": ("body_timeout", hanging(CHUNKED + b"5\r\nhe")),
    "does not close": ("body_timeout", hanging(HEAD + b"\r\nhello")),
    "trickles headers": ("response_timeout", trickling(HEAD + b"X: ", b"x")),
    "trickles a body": ("body_timeout", trickling(HEAD + b"Content-Length: 100000\r\n\r\n", b"x")),
    "hangs after a redirect": ("response_timeout", hanging(b"HTTP/1.1 302 Found\r\nLocation: /\r\n")),
}


@pytest.mark.parametrize(("reason", "behaviour"), SERVERS.values(), ids=SERVERS.keys())
async def test_a_server_that_misbehaves_is_bad_for_a_reason(reason: str, behaviour: Behaviour) -> None:
    async with serving(behaviour) as port:
        seen = await look(http, {"url": f"http://127.0.0.1:{port}/", "expect": {"body": ""}})
    assert seen.reason == reason
    assert seen.judgement.state is (State.UNKNOWN if reason == "not_permitted" else State.BAD)


@pytest.mark.parametrize(("reason", "behaviour"), HANGING.values(), ids=HANGING.keys())
async def test_a_server_that_hangs_is_bad_by_the_phase_that_it_hung_in(reason: str, behaviour: Behaviour) -> None:
    async with serving(behaviour) as port:
        seen = await look(http, {"url": f"http://127.0.0.1:{port}/"}, timeout_seconds=HUNG_SECONDS)
    assert seen.reason == reason
    assert list(seen.judgement.phases)[-1] == {"response_timeout": "processing", "body_timeout": "transfer"}[reason]


async def test_nothing_listens() -> None:
    seen = await look(http, {"url": f"http://127.0.0.1:{free_port()}/"})
    assert (seen.reason, list(seen.judgement.phases)) == ("connect_refused", ["connect"])


async def test_nobody_answers_the_connection_attempt() -> None:
    with hostile.full_backlog() as port:
        seen = await look(http, {"url": f"http://127.0.0.1:{port}/"}, timeout_seconds=HUNG_SECONDS)
    assert (seen.reason, list(seen.judgement.phases)) == ("connect_timeout", ["connect"])


async def test_a_deadline_that_has_passed_is_not_waited_for() -> None:
    async with serving(hostile.silent) as port:
        seen = await look(http, {"url": f"http://127.0.0.1:{port}/"}, timeout_seconds=-1.0)
    assert seen.reason == "connect_timeout"


async def test_a_redirect_ends_at_what_it_leads_to() -> None:
    gone = free_port()
    async with serving(answering(b"HTTP/1.1 302 F\r\nLocation: http://127.0.0.1:%d/\r\n\r\n" % gone)) as port:
        seen = await look(http, {"url": f"http://127.0.0.1:{port}/"})
    assert seen.reason == "connect_refused"
    assert seen.value("probe_http_redirects") == 1
    assert seen.value("probe_http_status_code") == 0


async def test_what_was_seen_before_a_fault_is_kept_for_metrics() -> None:
    async with serving(hanging(HEAD + b"Content-Length: 5\r\n\r\nhe")) as port:
        seen = await look(http, {"url": f"http://127.0.0.1:{port}/"}, timeout_seconds=HUNG_SECONDS)
    assert seen.value("probe_http_status_code") == 200
    assert seen.value("probe_http_content_length") == 5
    assert seen.value("probe_http_duration_seconds", phase="processing") is not None


async def test_a_flood_is_cut_when_it_is_too_much() -> None:
    sent = 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await hostile.request(reader)
        writer.write(HEAD + b"\r\n")
        while True:
            writer.write(FLOOD)
            await writer.drain()
            sent += len(FLOOD)
            await asyncio.sleep(0)  # both ends share a loop

    async with serving(flood) as port:
        seen = await look(http, {"url": f"http://127.0.0.1:{port}/", "expect": {"body": ""}})
        assert seen.reason == "body_too_large"
        assert seen.facts.fetched.response.body_bytes <= 1_000_000 + len(FLOOD) * 4  # what one read may bring
        assert sent < 30_000_000  # that, and what the buffers of the kernel take


BOMBS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "deflate without its wrapper": ("deflate", lambda body: zlib.compress(body, wbits=-15)),
    "Brotli": ("br", partial(brotli.compress, quality=1)),
}


@pytest.mark.parametrize(("name", "encode"), BOMBS.values(), ids=BOMBS.keys())
async def test_a_bomb_is_not_unpacked_beyond_what_is_allowed(name: str, encode: Callable[[bytes], bytes]) -> None:
    head = HEAD + f"Content-Encoding: {name}\r\n\r\n".encode()
    async with serving(answering(head + encode(bytes(100_000_000)))) as port:
        seen = await look(http, {"url": f"http://127.0.0.1:{port}/", "expect": {"body": ""}})
    assert seen.reason == "body_too_large"
    assert seen.facts.fetched.response.decoded_bytes == 1_000_000


async def test_good_targets_are_undisturbed_by_bad_ones() -> None:
    """All bad servers at once, and a good one that must answer every round meanwhile, in time."""
    context = Context.default(SteadyClock())

    async def ask(port: int, *, rounds: int, timeout_seconds: float) -> set[str]:
        config = {"url": f"http://127.0.0.1:{port}/", "expect": {"body": ""}}
        seen = [await look(http, config, timeout_seconds=timeout_seconds, context=context) for _ in range(rounds)]
        return {each.reason for each in seen}

    async with contextlib.AsyncExitStack() as stack:
        bad = {await stack.enter_async_context(serving(behave)): reason for reason, behave in SERVERS.values()}
        hung = {await stack.enter_async_context(serving(behave)): reason for reason, behave in HANGING.values()}
        good = await stack.enter_async_context(serving(answering(HEAD + b"Content-Length: 2\r\n\r\nok")))
        expected = [{reason} for reason in (*bad.values(), *hung.values())]
        *found, found_good = await asyncio.gather(
            *(ask(port, rounds=2, timeout_seconds=10.0) for port in bad),
            *(ask(port, rounds=2, timeout_seconds=1.5) for port in hung),
            ask(good, rounds=50, timeout_seconds=10.0),
        )
    await context.close()
    assert found_good == {"ok"}
    assert found == expected


async def test_no_socket_is_lost() -> None:
    context = Context.default(SteadyClock())
    before = _sockets()
    for _, behaviour in (*SERVERS.values(), *HANGING.values()):
        async with serving(behaviour) as port:
            await look(http, {"url": f"http://127.0.0.1:{port}/"}, timeout_seconds=0.1, context=context)
    with hostile.full_backlog() as port:
        await look(http, {"url": f"http://127.0.0.1:{port}/"}, timeout_seconds=0.1, context=context)
    await _until_there_are(before)
    await context.close()


async def test_a_good_round_hangs_up_where_the_server_does_not() -> None:
    context = Context.default(SteadyClock())
    async with serving(hanging(HEAD + b"Content-Length: 0\r\n\r\n")) as port:
        before = _sockets()
        for _ in range(10):
            assert (await look(http, {"url": f"http://127.0.0.1:{port}/"}, context=context)).reason == "ok"
        await _until_there_are(before + 10)  # the server's own ends
    await context.close()


async def _until_there_are(sockets: int) -> None:
    async with asyncio.timeout(30):
        while _sockets() > sockets:
            await asyncio.sleep(0.01)


def _sockets() -> int:
    names = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the one that the folder was read with
            names.append(str(descriptor.readlink()))
    return sum(name.startswith("socket:") for name in names)
