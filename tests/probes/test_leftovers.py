"""A thousand rounds a second leave nothing that has to wait for the garbage collector."""

import asyncio
import gc

import pytest

from probes import http
from slo.net.http1 import Exchange
from tests.hostile import HEAD, answering, serving
from tests.probes.looking import look
from tests.services import free_port


def exchanges() -> list[Exchange]:
    return [each for each in gc.get_objects() if type(each) is Exchange]


async def exchanges_left(url: str, reason: str) -> int:
    gc.collect()
    gc.disable()
    earlier = exchanges()  # other tests' own, which are held here so that none of ours is taken for one of them
    try:
        seen = await look(http, {"url": url, "expect": {"body": "o"}})
        assert seen.reason == reason
        await asyncio.sleep(0.01)  # the loop lets go of a closed connection in a turn of its own
        return sum(all(each is not known for known in earlier) for each in exchanges())
    finally:
        gc.enable()


async def test_a_good_round_is_gone_when_it_is_over() -> None:
    async with serving(answering(HEAD + b"Content-Length: 2\r\n\r\nok")) as port:
        assert await exchanges_left(f"http://127.0.0.1:{port}/", "ok") == 0


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_refused_round_is_gone_when_it_is_over(scheme: str) -> None:
    assert await exchanges_left(f"{scheme}://127.0.0.1:{free_port()}/", "connect_refused") == 0
