"""What a WebSocket probe takes for good: an upgrade, and every step of a conversation."""

import asyncio
import base64
import contextlib
import hashlib
import struct
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from probes import websocket
from slo.core.reason import REASONS, State
from slo.errors import Fault
from slo.net.context import Context
from slo.net.url import URL
from slo.net.websocket import WAITING_BYTES, WebSocket
from slo.runner.clock import SteadyClock
from tests import hostile
from tests.certificates import server_context, written
from tests.hostile import Behaviour, request, serving
from tests.net.test_http1 import split
from tests.probes.looking import Seen, look
from tests.services import StartNginx, free_port

HUNG_SECONDS = 0.5


@asynccontextmanager
async def websockets_server(handler: Callable[[ServerConnection], Any], **options: Any) -> AsyncIterator[int]:
    """A server of the library `websockets`; gives its port."""
    async with serve(handler, "127.0.0.1", 0, **options) as server:
        yield next(iter(server.sockets)).getsockname()[1]


async def asked(port: int, *, scheme: str = "ws", timeout_seconds: float = 10.0, **config: object) -> Seen:
    return await look(
        websocket, {"url": f"{scheme}://localhost:{port}/live?x=1", **config}, timeout_seconds=timeout_seconds
    )


async def greeting(connection: ServerConnection) -> None:
    """Greets, answers one message, and waits for a goodbye."""
    await connection.send("incoming_test")
    heard = await connection.recv()
    await connection.send("passed" if heard == "outgoing_test" else f"heard {heard!r}")
    await connection.wait_closed()


STEPS = [{"expect": "^incoming_(.*)$", "send": "outgoing_${1}"}, {"expect": "^passed"}]


async def test_a_conversation() -> None:
    async with websockets_server(greeting) as port:
        seen = await asked(port, query_response=STEPS)
    assert seen.reason == "ok", seen.judgement.detail
    assert list(seen.judgement.phases) == ["resolve", "connect", "upgrade", "exchange"]
    assert seen.value("probe_websocket_status_code") == 101
    assert seen.value("probe_websocket_connection_upgraded") == 1
    assert seen.value("probe_websocket_failed_due_to_regex") == 0
    assert seen.value("probe_websocket_duration_seconds", phase="upgrade") is not None


async def test_a_message_that_does_not_match() -> None:
    async with websockets_server(greeting) as port:
        seen = await asked(port, query_response=[STEPS[0], {"expect": "^other"}])
    assert (seen.reason, seen.judgement.detail) == ("data", "step 2: the message does not match '^other'")
    assert seen.value("probe_websocket_connection_upgraded") == 1
    assert seen.value("probe_websocket_failed_due_to_regex") == 1


async def test_no_message_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "websockets.client")
    caplog.set_level("DEBUG", "slo")
    async with websockets_server(greeting) as port:
        assert (await asked(port, query_response=STEPS)).reason == "ok"
    assert [record for record in caplog.records if "outgoing_test" in record.getMessage()] == []


async def test_who_says_no_more_than_hello_is_good_and_is_told_goodbye() -> None:
    codes: list[int | None] = []

    async def handler(connection: ServerConnection) -> None:
        await connection.wait_closed()
        codes.append(connection.close_code)

    async with websockets_server(handler) as port:
        seen = await asked(port)
        assert seen.reason == "ok"
        async with asyncio.timeout(30):
            while not codes:
                await asyncio.sleep(0.01)
    assert codes == [1000]


async def test_the_server_over_tls_is_verified(tmp_path: Path) -> None:
    authority = trustme.CA()
    async with websockets_server(greeting, ssl=server_context(authority, "localhost")) as port:
        seen = await asked(port, scheme="wss", query_response=STEPS, tls={"ca_file": written(authority, tmp_path)})
        assert seen.reason == "ok", seen.judgement.detail
        assert list(seen.judgement.phases) == ["resolve", "connect", "tls", "upgrade", "exchange"]
        untrusted = await asked(port, scheme="wss")
    assert untrusted.reason in {"tls_verify", "tls_self_signed"}
    assert untrusted.value("probe_ssl_earliest_cert_expiry") is not None
    assert untrusted.value("probe_websocket_connection_upgraded") == 0


@pytest.mark.parametrize(
    ("offered", "spoken", "reason"),
    [
        (["graphql-ws", "chat"], ["chat"], "ok"),
        (["graphql-ws"], None, "upgrade"),
        ([], None, "ok"),
    ],
)
async def test_subprotocols(offered: Sequence[str], spoken: Any, reason: str) -> None:
    async def silent(connection: ServerConnection) -> None:
        await connection.wait_closed()

    async with websockets_server(silent, subprotocols=spoken) as port:
        seen = await asked(port, subprotocols=offered)
    assert seen.reason == reason, seen.judgement.detail
    assert seen.value("probe_websocket_connection_upgraded") == float(reason == "ok")


async def test_headers_and_credentials_are_sent() -> None:
    seen_by_server: dict[str, str] = {}
    many: list[str] = []

    async def handler(connection: ServerConnection) -> None:
        assert connection.request is not None
        seen_by_server.update(connection.request.headers.raw_items())
        many.extend(connection.request.headers.get_all("X-Many"))
        seen_by_server["path"] = connection.request.path
        await connection.wait_closed()

    async with websockets_server(handler) as port:
        await asked(
            port,
            headers={"Origin": "https://shop.example", "host": "shop.example", "X-Many": ["a", "b"]},
            basic_auth={"username": "u", "password": "p"},
        )
    assert seen_by_server["path"] == "/live?x=1"
    assert many == ["a", "b"]
    assert seen_by_server["Origin"] == "https://shop.example"
    assert seen_by_server["host"] == "shop.example"
    assert seen_by_server["User-Agent"] == "Watchkeep"
    assert seen_by_server["Authorization"] == "Basic dTpw"


async def test_a_server_that_closes_says_why() -> None:
    async def handler(connection: ServerConnection) -> None:
        await connection.close(1013, "come back later")

    async with websockets_server(handler) as port:
        seen = await asked(port, query_response=[{"expect": "."}])
    assert seen.reason == "data_closed"
    assert seen.judgement.detail == "step 1: goodbye: 1013 (try again later) come back later"


async def test_a_message_in_many_fragments_is_one_and_pings_are_answered() -> None:
    async def handler(connection: ServerConnection) -> None:
        pong = await connection.ping()
        await asyncio.wait_for(pong, 30)
        await connection.send(["one ", "two ", "three"])
        await connection.wait_closed()

    async with websockets_server(handler) as port:
        seen = await asked(port, query_response=[{"expect": "^one two three$"}])
    assert seen.reason == "ok", seen.judgement.detail


@pytest.mark.parametrize(("size", "reason"), [(1000, "ok"), (1001, "data")])
@pytest.mark.parametrize("fragments", [1, 7])
async def test_a_message_has_its_limit(size: int, reason: str, fragments: int) -> None:
    async def handler(connection: ServerConnection) -> None:
        step = -(-size // fragments)
        parts = ["x" * min(step, size - at) for at in range(0, size, step)]
        try:
            await connection.send(parts[0] if fragments == 1 else parts)
            await connection.wait_closed()
        except ConnectionClosed:
            pass  # the other side has heard enough

    async with websockets_server(handler) as port:
        seen = await asked(port, max_message="1000B", query_response=[{"expect": "x"}])
    assert seen.reason == reason, seen.judgement.detail


async def test_a_server_that_refuses() -> None:
    def refuse(connection: ServerConnection, _: Any) -> Any:
        return connection.respond(HTTPStatus.FORBIDDEN, "not you")

    async with websockets_server(greeting, process_request=refuse) as port:
        seen = await asked(port)
    assert (seen.reason, seen.judgement.detail) == ("status", "403, not 101")
    assert seen.value("probe_websocket_status_code") == 403
    assert seen.value("probe_websocket_connection_upgraded") == 0
    assert seen.value("probe_websocket_failed_due_to_regex") == 0


async def test_a_site_that_is_no_websocket(nginx: StartNginx) -> None:
    seen = await asked(nginx().port)
    assert (seen.reason, seen.value("probe_websocket_status_code")) == ("status", 200)


async def test_nobody_listens() -> None:
    seen = await asked(free_port())
    assert (seen.reason, seen.value("probe_websocket_status_code")) == ("connect_refused", 0)


# Servers that misbehave

HEAD = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"


def accept(key: bytes) -> bytes:
    digest = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    return b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"


def upgraded(*parts: bytes, then: str = "hang") -> Behaviour:
    """Upgrades, sends these parts at once, and hangs or closes."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await request(reader)
        key = head.split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0]
        writer.write(HEAD + accept(key) + b"".join(parts))
        await writer.drain()
        if then == "hang":
            await asyncio.Event().wait()
        writer.close()
        await writer.wait_closed()

    return behave


def frame(opcode: int, payload: bytes, *, last: bool = True) -> bytes:
    size = len(payload)
    length = bytes([size]) if size < 126 else b"\x7e" + struct.pack(">H", size)
    return bytes([opcode | (0x80 if last else 0)]) + length + payload


EXPECTING = [{"expect": "^hello$"}]


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (upgraded(frame(1, b"hello")), "ok"),
        (upgraded(frame(2, b"hello")), "ok"),
        (upgraded(frame(1, b"hel", last=False), frame(9, b"ping"), frame(0, b"lo")), "ok"),
        (upgraded(frame(1, b"hello"), frame(8, b""), then="close"), "ok"),
        (upgraded(frame(1, b"\xff")), "data"),
        (upgraded(frame(0, b"lo")), "data"),
        (upgraded(frame(3, b"odd")), "data"),
        (upgraded(b"\x81\x85\0\0\0\0hello"), "data"),
        (upgraded(frame(9, b"x" * 126)), "data"),
        (upgraded(b"\x81\x7f" + b"\xff" * 8), "data"),
        (upgraded(frame(8, b"\x03\xf0no")), "data_closed"),
        (upgraded(frame(8, b"")), "data_closed"),
        (upgraded(then="close"), "data_closed"),
        (upgraded(frame(1, b"hel", last=False), then="close"), "data_closed"),
        (upgraded(frame(9, b"x" * 100) * 1001), "data"),
        (upgraded(frame(1, b"x", last=False), frame(0, b"", last=False) * 1001), "data"),
        (upgraded(), "data_timeout"),
        (upgraded(frame(1, b"hel", last=False)), "data_timeout"),
        (hostile.answering(HEAD + b"\r\n"), "upgrade"),
        (hostile.answering(HEAD + b"Sec-WebSocket-Accept: x\r\n\r\n"), "upgrade"),
        (hostile.answering(HEAD.replace(b"websocket", b"h2c") + accept(b"x")), "upgrade"),
        (hostile.answering(b"HTTP/1.1 503 Busy\r\n\r\n" + b"x" * 1000), "status"),
        (hostile.answering(b"SSH-2.0-OpenSSH_9.2\r\n"), "response_malformed"),
        (hostile.answering(), "response_closed"),
        (hostile.resetting(), "response_reset"),
        (hostile.silent, "response_timeout"),
        (hostile.hanging(HEAD), "response_timeout"),
        (hostile.trickling(HEAD + b"X: ", b"x"), "response_timeout"),
        (hostile.flooding(HEAD, b"X-A: 1234567890\r\n" * 1000), "headers_too_large"),
    ],
)
async def test_a_server_that_misbehaves(behaviour: Behaviour, reason: str) -> None:
    async with serving(behaviour) as port:
        hung = reason.endswith("timeout")
        seen = await asked(port, query_response=EXPECTING, timeout_seconds=HUNG_SECONDS if hung else 5.0)
    assert seen.reason == reason, seen.judgement.detail


async def test_a_flood_of_messages_that_nobody_reads_is_cut() -> None:
    socket = WebSocket(URL.parse("http://a/"), subprotocols=(), max_message=1000)
    answered: list[bytes] = []
    upgrading = asyncio.ensure_future(socket.upgrade(answered.append, ()))
    await asyncio.sleep(0)
    key = answered[0].split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0]
    socket.received(HEAD + accept(key))
    await upgrading
    for _ in range(2 + WAITING_BYTES // 1000):
        socket.received(frame(2, b"x" * 1000))
    read = 0
    with contextlib.suppress(Fault):
        while await socket.read():
            read += 1000
    assert WAITING_BYTES < read <= WAITING_BYTES + 2000


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=50),
            st.builds(frame, st.integers(0, 15), st.binary(max_size=10), last=st.booleans()),
        ),
        max_size=8,
    ),
    st.lists(st.integers(0, 400), max_size=10),
    st.sampled_from([None, ConnectionResetError(104, "reset"), Fault("tls_protocol")]),
)
def test_whatever_comes_after_the_upgrade_comes_to_an_end(
    parts: list[bytes], cuts: list[int], ending: Exception | None
) -> None:
    """And to the same one however it is cut."""

    async def read(cuts: Sequence[int]) -> tuple[list[bytes], str]:
        socket = WebSocket(URL.parse("http://a/"), subprotocols=(), max_message=1000)
        sent: list[bytes] = []
        upgrading = asyncio.ensure_future(socket.upgrade(sent.append, ()))
        await asyncio.sleep(0)
        key = sent[0].split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0]
        for piece in split(HEAD + accept(key) + b"".join(parts), cuts):
            socket.received(piece)
        socket.closed(ending)
        socket.received(b"too late")
        async with asyncio.timeout(30):
            await upgrading
            messages = []
            try:
                while True:
                    messages.append(await socket.read())
            except Fault as fault:
                assert REASONS[fault.reason].state is State.BAD  # noqa: PT017 - each has a reason
                return messages, repr(fault)

    assert asyncio.run(read(cuts)) == asyncio.run(read([]))


# What may be configured


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"url": "https://host.example/"}, "is no URL of ws or wss with a host"),
        ({"url": "ws://user:secret@host.example/"}, "holds credentials"),
        ({"query_response": [{}]}, "does nothing, give it expect or send"),
        ({"headers": {"Sec-WebSocket-Protocol": "chat"}}, "write the protocols under subprotocols"),
        ({"headers": {"Sec-WebSocket-Key": "x"}}, "is set by the watch itself"),
        ({"subprotocols": ["two words"]}, "'two words' is no name of a protocol, write it as graphql-ws"),
        (
            {"bearer_token": "x", "headers": {"authorization": "y"}},
            "gives credentials twice",
        ),
    ],
)
def test_a_wrong_configuration_is_refused(config: Mapping[str, object], message: str) -> None:
    with pytest.raises(ValidationError) as raised:
        websocket.Config.model_validate({"url": "ws://localhost/", **config})
    assert message in str(raised.value)


def test_what_is_sent_is_a_secret() -> None:
    config = websocket.Config.model_validate(
        {"url": "ws://a/", "query_response": [{"send": "AUTH s3cret"}], "headers": {"X": "s3cret"}}
    )
    assert "s3cret" not in repr(config)


def test_what_the_runner_says_of_a_round_is_judged_by_its_reason() -> None:
    probe = websocket.build(websocket.Config.of("ws://127.0.0.1:1/"), Context.default(SteadyClock()))
    assert [judgement.reason for judgement in probe.judge(Fault("timeout"))] == ["timeout"]
    assert list(probe.samples(Fault("timeout"))) == []
