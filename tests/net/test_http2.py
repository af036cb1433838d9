"""A response over HTTP/2 is the same however its bytes arrive, and whatever arrives comes to an end with a reason."""

import asyncio
import gzip
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest
import trustme
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded
from hpack import Encoder
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    PushPromiseFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)
from hypothesis import given
from hypothesis import strategies as st

from slo.config.tls import TLSSettings
from slo.errors import Fault
from slo.net.attempt import Attempt, Endpoint, Reached
from slo.net.context import Context
from slo.net.http1 import Headers, Response
from slo.net.http2 import SPARE_FRAMES, Exchange
from slo.runner.clock import SteadyClock
from tests.certificates import server_context
from tests.certificates import written as certificate
from tests.hostile import Behaviour, serving, silent
from tests.net.test_http1 import BODY, CUTS, ENDINGS, MAX_BODY, check_any_end, split
from tests.services import StartNginx


def ask(
    receiver: Exchange,
    write: Callable[[bytes], None],
    *,
    resource: str = "/",
    method: str = "GET",
    headers: Sequence[tuple[str, str]] = (),
    body: bytes = b"",
) -> None:
    receiver.ask(
        write,
        method=method,
        scheme="https",
        authority="www.example.org",
        resource=resource,
        headers=headers,
        body=body,
    )


MORE, LAST = False, True


def settings(**values: int) -> SettingsFrame:
    return SettingsFrame(0, settings={getattr(SettingsFrame, name): value for name, value in values.items()})


def head(status: str, *fields: tuple[str, str], last: bool = MORE) -> HeadersFrame:
    """A head, in an encoding that refers to no other."""
    block = Encoder().encode([(":status", status), *fields])
    return HeadersFrame(1, block, flags=["END_HEADERS", *(["END_STREAM"] if last else [])])


def trailers(*fields: tuple[str, str]) -> HeadersFrame:
    return HeadersFrame(1, Encoder().encode(fields), flags=["END_HEADERS", "END_STREAM"])


def data(body: bytes, *, last: bool) -> DataFrame:
    return DataFrame(1, body, flags=["END_STREAM"] if last else [])


def goodbye(last_stream: int, code: int = 0) -> GoAwayFrame:
    return GoAwayFrame(0, last_stream_id=last_stream, error_code=code)


def written(*frames: Frame) -> bytes:
    """The bytes of a server that begins as it has to, and goes on with these frames."""
    return b"".join(frame.serialize() for frame in (settings(), *frames))


def exchanged(
    pieces: Iterable[bytes],
    *,
    ending: Exception | None = None,
    is_head: bool = False,
    keep: bool = True,
    redirect: bool = False,
) -> tuple[Response | None, Fault | None, Headers]:
    """What these pieces and this end of the connection come to, and the trailers."""

    async def exchange() -> tuple[Response | None, Fault | None, Headers]:
        receiver = Exchange(head=is_head, max_body=MAX_BODY, keep_body=keep, on_head=lambda *_: not redirect)
        ask(receiver, lambda _: None)
        for piece in pieces:
            receiver.received(piece)
        receiver.closed(ending)
        receiver.received(b"too late")
        receiver.closed(None)
        try:
            async with asyncio.timeout(30):
                await receiver.wait()
        except Fault as fault:
            return receiver.response, fault, receiver.trailers
        return receiver.response, None, receiver.trailers

    return asyncio.run(exchange())


def reason_of(*frames: Frame) -> str:
    """What comes of these frames, and a connection that ends after them."""
    fault = exchanged([written(*frames)])[1]
    return fault.reason if fault else "ok"


FIELDS = [("x-a", "1"), ("x-a", "2")]
OK = head("200", *FIELDS)
RESPONSES = [
    written(head("200", *FIELDS, ("content-length", "50")), data(BODY, last=LAST)),
    written(
        OK, data(BODY[:10], last=MORE), PingFrame(0, b"12345678"), data(BODY[10:], last=MORE), data(b"", last=LAST)
    ),
    written(OK, data(BODY, last=MORE), trailers(("x-t", "1"))),
    written(
        head("200", *FIELDS, ("content-encoding", "gzip")),
        data(gzip.compress(BODY[:20]), last=MORE),
        data(gzip.compress(BODY[20:]), last=LAST),
    ),
    written(head("103", ("link", "x")), OK, WindowUpdateFrame(0, window_increment=9), data(BODY, last=LAST)),
    written(
        HeadersFrame(1, OK.data[:3]),
        ContinuationFrame(1, OK.data[3:], flags=["END_HEADERS"]),
        goodbye(1),
        DataFrame(1, BODY, pad_length=7, flags=["END_STREAM", "PADDED"]),
    ),
]


@given(st.sampled_from(RESPONSES), CUTS)
def test_a_response_is_the_same_however_it_is_cut(data: bytes, cuts: list[int]) -> None:
    response, fault, trailers = exchanged(split(data, cuts))
    assert fault is None
    assert response is not None
    assert (response.status, response.version, response.body, response.complete) == (200, "2", BODY, True)
    assert response.header("X-A") == "1, 2"
    assert response.header("X-T") is None, "a trailer is no header"
    assert trailers == (((b"x-t", b"1"),) if data is RESPONSES[2] else ())


@given(pieces=st.lists(st.binary(max_size=200), max_size=10), ending=ENDINGS, is_head=st.booleans())
def test_any_bytes_come_to_an_end_with_a_reason(
    pieces: list[bytes], ending: Exception | None, *, is_head: bool
) -> None:
    check_any_end(*exchanged([written(), *pieces], ending=ending, is_head=is_head)[:2])


FRAMES = st.builds(
    lambda kind, flags, stream, body: (
        len(body).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + body
    ),
    kind=st.integers(0, 12),
    flags=st.integers(0, 255),
    stream=st.sampled_from([0, 1, 1, 1, 2, 3]),
    body=st.one_of(
        st.binary(max_size=30),
        st.sampled_from([OK.data, trailers(("x", "y")).data, b"\0\0\0\1" * 2]),
    ),
)


@given(st.lists(FRAMES, max_size=8), ENDINGS)
def test_any_frames_come_to_an_end_with_a_reason(frames: list[bytes], ending: Exception | None) -> None:
    check_any_end(*exchanged([written(), *frames], ending=ending)[:2])


@given(
    st.sampled_from(RESPONSES),
    st.lists(st.tuples(st.integers(0, 200), st.binary(max_size=3)), max_size=5),
    CUTS,
    ENDINGS,
)
def test_a_damaged_response_comes_to_an_end_with_a_reason(
    data: bytes, damages: list[tuple[int, bytes]], cuts: list[int], ending: Exception | None
) -> None:
    for at, damage in damages:
        data = data[:at] + damage + data[at + len(damage) :]
    pieces = split(data, cuts)
    seen = exchanged(pieces, ending=ending)
    check_any_end(*seen[:2])
    whole = exchanged([data], ending=ending)
    assert (seen[0], repr(seen[1])) == (whole[0], repr(whole[1]))


@given(st.sampled_from(RESPONSES), st.integers(1, 60), ENDINGS)
def test_a_response_that_breaks_off_is_never_good(data: bytes, missing: int, ending: Exception | None) -> None:
    response, fault, _ = exchanged([data[:-missing]], ending=ending)
    assert fault is not None
    assert response is None or not response.complete


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ([], "response_closed"),
        ([RstStreamFrame(1, 7)], "response_reset"),
        ([OK, data(b"x", last=MORE), RstStreamFrame(1, 2)], "body_reset"),
        ([goodbye(0)], "response_reset"),
        ([goodbye(1, 11)], "response_reset"),
        ([OK, goodbye(1, 2)], "body_reset"),
        ([goodbye(1), OK, data(b"", last=LAST)], "ok"),
        ([goodbye(1)], "response_closed"),
        ([OK, data(b"x", last=MORE)], "body_short"),
        ([head("200", ("content-length", "2")), data(b"x", last=LAST)], "body_short"),
        ([head("200", ("content-length", "2")), data(b"x", last=MORE), trailers(("a", "b"))], "body_short"),
        ([head("200", ("content-length", "2")), data(b"xyz", last=LAST)], "response_malformed"),
        ([head("200", ("content-length", "x"))], "response_malformed"),
        ([head("200", ("content-length", "1001"))], "body_too_large"),
        ([OK, data(b"x" * 1001, last=MORE)], "body_too_large"),
        ([OK, data(b"x" * 1000, last=LAST)], "ok"),
        ([head("304", ("content-length", "2"), last=LAST)], "ok"),
        ([head("200", ("content-encoding", "gzip")), data(gzip.compress(b"x" * 1001), last=LAST)], "body_too_large"),
        ([head("200", ("content-encoding", "gzip")), data(gzip.compress(b"x")[:9], last=LAST)], "body_encoding"),
        ([head("200", ("content-encoding", "gzip")), data(b"nothing", last=LAST)], "body_encoding"),
        ([head("abc")], "response_malformed"),
        ([head("99")], "response_malformed"),
        ([head("1ab")], "response_malformed"),
        ([trailers(("x", "y"))], "response_malformed"),
        ([head("200", (":status", "200"))], "response_malformed"),
        ([head("200", ("X-Upper", "1"))], "response_malformed"),
        ([head("200", ("x", "two\nlines"))], "response_malformed"),
        ([head("200", ("x", "a\tb"), last=LAST)], "ok"),
        ([OK, trailers((":status", "200"))], "response_malformed"),
        ([data(b"x", last=LAST)], "response_malformed"),
        ([OK, OK], "response_malformed"),
        ([ContinuationFrame(1, b"x")], "response_malformed"),
        ([HeadersFrame(1, OK.data), PingFrame(0, b"12345678")], "response_malformed"),
        ([PushPromiseFrame(1, 2, OK.data, flags=["END_HEADERS"])], "response_malformed"),
        ([settings(MAX_FRAME_SIZE=1)], "response_malformed"),
        ([DataFrame(1, b"x" * 16_385)], "response_malformed"),
    ],
)
def test_each_end_has_its_reason(frames: Sequence[Frame], reason: str) -> None:
    assert reason_of(*frames) == reason


def test_spaces_around_a_value_are_no_part_of_it() -> None:
    response = exchanged([written(head("200", ("x", " a b "), last=LAST))])[0]
    assert response is not None
    assert response.header("x") == "a b"


def test_who_does_not_speak_http2_is_known_by_its_first_bytes() -> None:
    _, fault, _ = exchanged([b"HTTP/1.1 400 Bad Request\r\n"])
    assert fault is not None
    assert (fault.reason, fault.detail) == ("response_malformed", "it does not speak HTTP/2")


def bomb() -> list[Frame]:
    """Interim responses that unfold to far more than they take: each refers to what the first one said."""
    encoder = Encoder()
    fields = [(":status", "103"), ("x-large", "x" * 3000)]
    return [HeadersFrame(1, encoder.encode(fields), flags=["END_HEADERS"]) for _ in range(100)]


FLOODS: dict[str, list[Frame]] = {
    "pings": [PingFrame(0, b"12345678")] * 4_000,
    "settings": [settings(INITIAL_WINDOW_SIZE=1)] * 5_000,
    "acknowledgements": [SettingsFrame(0, flags=["ACK"])] * 8_000,
    "empty data": [OK, *[data(b"", last=MORE)] * 8_000],
    "interim responses": [head("103", ("link", "x"))] * 5_000,
    "interim responses that unfold": bomb(),
    "priorities": [WindowUpdateFrame(0, window_increment=1)] * 6_000,
    "continuations": [HeadersFrame(1, b"\x88"), *[ContinuationFrame(1, b"\x00\x01a\x01b" * 300)] * 100],
    "endless headers": [HeadersFrame(1, b"\x88"), *[ContinuationFrame(1, b"\x00\x01a\x01b" * 3_000)] * 10],
    "a header that unfolds": [
        HeadersFrame(1, b"\x88\x40\x01a\x7f\x81\x1e" + b"b" * 3968 + b"\xbe" * 100, flags=["END_HEADERS"])
    ],
}


@pytest.mark.parametrize("flood", FLOODS)
def test_a_flood_ends_the_round_and_is_not_answered_without_end(flood: str) -> None:
    async def exchange() -> tuple[str, int]:
        sent: list[bytes] = []
        receiver = Exchange(head=False, max_body=MAX_BODY, keep_body=True, on_head=lambda *_: True)
        ask(receiver, sent.append)
        receiver.received(written(*FLOODS[flood]))
        with pytest.raises(Fault) as raised:
            async with asyncio.timeout(30):
                await receiver.wait()
        return raised.value.reason, sum(map(len, sent))

    reason, sent = asyncio.run(exchange())
    assert reason in {"headers_too_large", "response_malformed"}
    assert sent < 100_000


def test_a_body_in_small_frames_is_good() -> None:
    frames = [data(b"tiny ", last=MORE)] * (SPARE_FRAMES - 10)
    response, fault, _ = exchanged([written(OK, *frames, data(b"", last=LAST))])
    assert fault is None
    assert response is not None
    assert response.body == b"tiny " * (SPARE_FRAMES - 10)


@pytest.mark.parametrize(
    ("early", "reason"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "response_malformed"),
        (written(goodbye(0, 11)), "response_reset"),
        (settings(MAX_CONCURRENT_STREAMS=0).serialize(), "response_reset"),
    ],
)
async def test_who_says_too_much_before_it_is_asked_is_not_asked(early: bytes, reason: str) -> None:
    receiver = Exchange(head=False, max_body=MAX_BODY, keep_body=True, on_head=lambda *_: True)
    receiver.received(early)
    ask(receiver, lambda _: None, body=b"x")
    with pytest.raises(Fault) as raised:
        await receiver.wait()
    assert raised.value.reason == reason


def test_bodies_are_counted_where_they_are_not_kept() -> None:
    response = exchanged([RESPONSES[0]], keep=False)[0]
    assert response is not None
    assert (response.body, response.body_bytes, response.decoded_bytes) == (b"", 50, 50)


@pytest.mark.parametrize("how", ["redirect", "is_head"])
def test_a_body_that_is_not_wanted_is_not_waited_for(how: str) -> None:
    response, fault, _ = exchanged(
        [written(head("200", ("content-length", "999999")))],
        ending=ConnectionResetError(),
        redirect=how == "redirect",
        is_head=how == "is_head",
    )
    assert fault is None
    assert response is not None
    assert response.complete


async def test_a_mistake_of_ours_is_no_fault_of_the_target() -> None:
    def broken(_status: int, _headers: Headers) -> bool:
        raise ZeroDivisionError

    receiver = Exchange(head=False, max_body=MAX_BODY, keep_body=True, on_head=broken)
    ask(receiver, lambda _: None)
    receiver.received(RESPONSES[0])
    with pytest.raises(ZeroDivisionError):
        await receiver.wait()


@pytest.mark.parametrize("early", [True, False])
async def test_a_request_is_sent_as_fast_as_the_server_takes_it(*, early: bool) -> None:
    """A server that takes five bytes at a time; it greets before or after it was asked."""
    server = H2Connection(H2Configuration(client_side=False))
    server.initiate_connection()
    server.update_settings({SettingsFrame.INITIAL_WINDOW_SIZE: 5})
    receiver = Exchange(head=False, max_body=MAX_BODY, keep_body=True, on_head=lambda *_: True)
    sent: list[bytes] = []
    if early:
        receiver.received(server.data_to_send())
    ask(
        receiver,
        sent.append,
        method="POST",
        headers=[("Host", "other.example.org"), ("X-Mixed", "1"), ("Connection", "close"), ("TE", "gzip")],
        body=b"0123456789" * 2,
    )
    fields: dict[bytes, bytes] = {}
    body: list[bytes] = []
    ended = False
    for _ in range(20):
        for event in server.receive_data(b"".join(sent)):
            match event:
                case RequestReceived():
                    fields = dict(event.headers or ())
                case DataReceived():
                    body.append(event.data or b"")
                    server.acknowledge_received_data(event.flow_controlled_length or 0, 1)
                case StreamEnded():
                    ended = True
        sent.clear()
        receiver.received(server.data_to_send())
    assert ended
    assert b"".join(body) == b"0123456789" * 2
    assert fields == {
        b":method": b"POST",
        b":scheme": b"https",
        b":authority": b"other.example.org",
        b":path": b"/",
        b"x-mixed": b"1",
    }
    assert not early or max(map(len, body)) <= 5


# A real server, and one that hangs


async def fetched(
    port: int,
    tls: TLSSettings,
    resource: str,
    *,
    body: bytes = b"",
    timeout_seconds: float = 10.0,
    max_body: int = 1_000_000,
) -> tuple[Reached, Response | None, str]:
    """What a request to a port of this machine comes to, and what was agreed on in the handshake."""
    agreed = ""

    async def go(attempt: Attempt) -> None:
        nonlocal agreed
        endpoint = Endpoint(host="localhost", port=port, tls=tls, alpn=("h2",), scheme="https")
        connection = await attempt.connect(receiver, endpoint)
        try:
            agreed = connection.protocol
            attempt.enter("processing")
            headers = [("Accept-Encoding", "gzip"), ("Content-Length", str(len(body)))]
            ask(receiver, connection.write, resource=resource, headers=headers, body=body)
            await receiver.wait()
        finally:
            connection.close()

    receiver = Exchange(head=False, max_body=max_body, keep_body=True, on_head=lambda *_: True)
    context = Context.default(SteadyClock())
    try:
        attempt = Attempt(context)
        reached = await attempt.run(go(attempt), context.clock.monotonic() + timeout_seconds)
    finally:
        await context.close()
    return reached, receiver.response, agreed


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


DIRECTIVES = """
ssl_certificate {folder}/server.pem;
ssl_certificate_key {folder}/server.pem;
gzip on; gzip_min_length 0; gzip_types *;
keepalive_requests {requests};
root {folder};
location / {{ }}
location /status {{ return 503 "down"; }}
"""


@pytest.mark.parametrize("requests", [1, 1000])
async def test_nginx_is_understood(nginx: StartNginx, authority: trustme.CA, tmp_path: Path, requests: int) -> None:
    """After its last request a server says goodbye before it answers."""
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "server.pem"))
    (tmp_path / "small").write_bytes(b"hello")
    (tmp_path / "large").write_bytes(bytes(range(256)) * 12_000)
    server = nginx(DIRECTIVES.format(folder=tmp_path, requests=requests), listen="ssl http2")
    tls = TLSSettings(ca_file=certificate(authority, tmp_path))
    reached, response, agreed = await fetched(server.port, tls, "/small")
    assert (reached.fault, agreed) == (None, "h2")
    assert response is not None
    assert (response.status, response.body, response.header("content-encoding")) == (200, b"hello", "gzip")
    reached, response, _ = await fetched(server.port, tls, "/large", max_body=4_000_000)
    assert reached.fault is None
    assert response is not None
    assert response.body == bytes(range(256)) * 12_000
    reached, response, _ = await fetched(server.port, tls, "/large")
    assert reached.fault is not None
    assert (reached.fault.reason, reached.fault.phase) == ("body_too_large", "processing")
    _, response, _ = await fetched(server.port, tls, "/status")
    assert response is not None
    assert (response.status, response.content_length) == (503, 4)


PASSING_ON = """
ssl_certificate {folder}/server.pem;
ssl_certificate_key {folder}/server.pem;
client_max_body_size 0;
proxy_request_buffering off;
proxy_buffering off;
proxy_http_version 1.1;
location / {{ proxy_pass http://127.0.0.1:{upstream}; }}
"""


@pytest.mark.parametrize("size", [0, 10_000_000])
async def test_nginx_sends_few_frames_around_a_body(
    nginx: StartNginx, authority: trustme.CA, tmp_path: Path, size: int
) -> None:
    """Also where it takes the largest body that we send, and passes a response on in as many pieces as it comes in."""

    async def in_pieces(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(size)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(20):
            writer.write(b"tiny")
            await writer.drain()
            await asyncio.sleep(0.001)

    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "server.pem"))
    tls = TLSSettings(ca_file=certificate(authority, tmp_path))
    async with serving(in_pieces) as upstream:
        server = nginx(PASSING_ON.format(folder=tmp_path, upstream=upstream), listen="ssl http2")
        reached, response, _ = await fetched(server.port, tls, "/", body=b"x" * size)
    assert reached.fault is None
    assert response is not None
    assert response.body == b"tiny" * 20


async def test_who_speaks_no_http2_over_tls_is_known(nginx: StartNginx, authority: trustme.CA, tmp_path: Path) -> None:
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "server.pem"))
    server = nginx(DIRECTIVES.format(folder=tmp_path, requests=9), listen="ssl")
    tls = TLSSettings(ca_file=certificate(authority, tmp_path))
    reached, _, _ = await fetched(server.port, tls, "/")
    assert reached.fault is not None
    assert reached.fault.reason in {"tls_protocol", "response_malformed"}


async def greeting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Greets, acknowledges nothing, and asks for signs of life now and then."""
    writer.write(written())
    while True:
        writer.write(PingFrame(0, b"12345678").serialize())
        await writer.drain()
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("behaviour", [silent, greeting])
async def test_who_never_answers_is_waited_for_until_the_deadline(
    authority: trustme.CA, tmp_path: Path, behaviour: Behaviour
) -> None:
    tls = TLSSettings(ca_file=certificate(authority, tmp_path))
    async with serving(behaviour, tls=server_context(authority, "localhost")) as port:
        reached, response, _ = await fetched(port, tls, "/", timeout_seconds=0.5)
    assert (reached.fault and reached.fault.reason, response) == ("response_timeout", None)
