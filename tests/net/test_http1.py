"""A response is the same however its bytes arrive, and whatever arrives comes to an end with a reason."""

import asyncio
import gzip
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.core.reason import REASONS, State
from slo.errors import Fault
from slo.net.http1 import Exchange, Headers, Response

MAX_BODY = 1000
BODY = b"0123456789" * 5


def exchanged(
    pieces: Iterable[bytes],
    *,
    ending: Exception | None = None,
    head: bool = False,
    keep: bool = True,
    redirect: bool = False,
) -> tuple[Response | None, Fault | None]:
    """What these pieces and this end of the connection come to."""

    async def exchange() -> tuple[Response | None, Fault | None]:
        receiver = Exchange(head=head, max_body=MAX_BODY, keep_body=keep, on_head=lambda *_: not redirect)
        for piece in pieces:
            receiver.received(piece)
        receiver.closed(ending)
        receiver.received(b"too late")
        receiver.closed(None)
        try:
            async with asyncio.timeout(30):
                await receiver.wait()
        except Fault as fault:
            return receiver.response, fault
        return receiver.response, None

    return asyncio.run(exchange())


def split(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    """The data, cut at these places."""
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in pairwise(places)]


HEAD = b"HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: 2\r\n"
RESPONSES = [
    HEAD + b"Content-Length: 50\r\n\r\n" + BODY,
    HEAD + b"\r\n" + BODY,
    HEAD
    + b"Transfer-Encoding: chunked\r\n\r\nA\r\n"
    + BODY[:10]
    + b"\r\n28;x=y\r\n"
    + BODY[10:]
    + b"\r\n0\r\nX-T: 1\r\n\r\n",
    HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(BODY[:20]) + gzip.compress(BODY[20:]),
    b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + HEAD + b"Content-Length: 50\r\n\r\n" + BODY,
]
ENDINGS: st.SearchStrategy[Exception | None] = st.sampled_from(
    [
        None,
        ConnectionResetError(104, "reset"),
        BrokenPipeError(32, "pipe"),
        OSError(113, "no route"),
        Fault("tls_protocol"),
    ]
)
CUTS = st.lists(st.integers(0, 1000), max_size=20)


@given(st.sampled_from(RESPONSES), CUTS)
def test_a_response_is_the_same_however_it_is_cut(data: bytes, cuts: list[int]) -> None:
    response, fault = exchanged(split(data, cuts))
    assert fault is None
    assert response is not None
    assert (response.status, response.body, response.decoded_bytes, response.complete) == (200, BODY, 50, True)
    assert response.header("X-A") == "1, 2"
    assert response.header("X-T") is None, "a trailer is no header"


def check_any_end(response: Response | None, fault: Fault | None) -> None:
    if fault is None:
        assert response is not None
        assert response.complete
    else:
        assert REASONS[fault.reason].state is State.BAD
        assert response is None or not response.complete
    if response is not None:
        assert 0 <= response.decoded_bytes <= MAX_BODY + 1
        assert len(response.body) <= MAX_BODY


@given(pieces=st.lists(st.binary(max_size=200), max_size=10), ending=ENDINGS, head=st.booleans(), keep=st.booleans())
def test_any_bytes_come_to_an_end_with_a_reason(
    pieces: list[bytes], ending: Exception | None, *, head: bool, keep: bool
) -> None:
    check_any_end(*exchanged(pieces, ending=ending, head=head, keep=keep))


@given(
    st.sampled_from(RESPONSES),
    st.lists(st.tuples(st.integers(0, 300), st.binary(max_size=3)), max_size=5),
    CUTS,
    ENDINGS,
)
def test_a_damaged_response_comes_to_an_end_with_a_reason(
    data: bytes, damages: list[tuple[int, bytes]], cuts: list[int], ending: Exception | None
) -> None:
    for at, damage in damages:
        data = data[:at] + damage + data[at + len(damage) :]
    check_any_end(*exchanged(split(data, cuts), ending=ending))


@given(st.sampled_from(RESPONSES), st.integers(1, 60), ENDINGS)
def test_a_response_that_breaks_off_is_never_good_unless_it_ends_with_the_connection(
    data: bytes, missing: int, ending: Exception | None
) -> None:
    response, fault = exchanged([data[:-missing]], ending=ending)
    until_closed = data == RESPONSES[1] and ending is None and missing <= len(BODY)
    assert (fault is None) == until_closed
    assert response is None or response.complete == until_closed


def test_the_end_of_a_connection_before_a_response() -> None:
    assert [exchanged([], ending=ending)[1].reason for ending in (None, ConnectionResetError(), BrokenPipeError())] == [  # type: ignore[union-attr]
        "response_closed",
        "response_reset",
        "request_reset",
    ]


def test_a_body_of_exactly_the_limit_is_good() -> None:
    limit = b"x" * MAX_BODY
    assert exchanged([HEAD + b"\r\n" + limit])[1] is None
    assert exchanged([HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(limit)])[1] is None


def test_a_body_that_is_not_wanted_is_not_waited_for() -> None:
    response, fault = exchanged(
        [HEAD + b"Content-Length: 999999\r\n\r\n"], ending=ConnectionResetError(), redirect=True
    )
    assert fault is None
    assert response is not None
    assert response.complete


def test_bodies_are_counted_where_they_are_not_kept() -> None:
    response, _ = exchanged([RESPONSES[0]], keep=False)
    assert response is not None
    assert (response.body, response.body_bytes, response.decoded_bytes) == (b"", 50, 50)


async def test_a_mistake_of_ours_is_no_fault_of_the_target() -> None:
    def broken(_status: int, _headers: Headers) -> bool:
        raise ZeroDivisionError

    receiver = Exchange(head=False, max_body=MAX_BODY, keep_body=True, on_head=broken)
    receiver.received(RESPONSES[0])
    with pytest.raises(ZeroDivisionError):
        await receiver.wait()
