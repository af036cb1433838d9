"""The destination `heartbeat`: asks an address that the watch is alive, never late, and tells it nothing else."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from aiohttp import web
from pydantic import ValidationError

from slo.core.delivery import Ambiguous, Dropped, Lane, Refused, Retry, Sent
from slo.net.context import Context
from slo.router.destinations.heartbeat import TOO_LATE, Config, Heartbeat, build
from slo.router.heartbeat import beat_of
from tests.router.making import message


class Switch:
    """A dead man's switch: remembers who asked, and answers as it is told."""

    def __init__(self) -> None:
        self.status = 200
        self.seen: list[tuple[str, str, str]] = []
        self.hangs = False
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        if self.hangs:
            await asyncio.sleep(10)
        self.seen.append((request.method, request.headers.get("X-Key", ""), await request.text()))
        return web.Response(status=self.status, text=f"what is {self.url}?")


@pytest.fixture
async def switch() -> AsyncIterator[Switch]:
    switch = Switch()
    application = web.Application()
    application.router.add_route("*", "/ping/s3cr3t", switch.take)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    switch.url = f"http://127.0.0.1:{runner.addresses[0][1]}/ping/s3cr3t"
    yield switch
    await runner.cleanup()


def heartbeat(context: Context, url: str, **keys: object) -> Heartbeat:
    return build(Config.model_validate({"url": url, **keys}), context)


@pytest.mark.parametrize(
    ("keys", "seen"),
    [
        ({}, ("GET", "", "")),
        ({"method": "POST", "headers": {"X-Key": "k"}}, ("POST", "k", '{"at": "NOW", "watch": "https://w.example"}')),
    ],
)
async def test_a_beat_is_a_request(
    context: Context, switch: Switch, keys: dict[str, object], seen: tuple[str, str, str]
) -> None:
    now = context.clock.now()
    made = heartbeat(context, switch.url, **keys)
    assert await made.deliver(beat_of("switch", 1, now, "https://w.example"), Lane()) == Sent()
    assert switch.seen == [tuple(part.replace("NOW", now.isoformat()) for part in seen)]
    await made.aclose()


@pytest.mark.parametrize(
    ("status", "verdict"), [(204, Sent), (404, Refused), (429, Retry), (408, Retry), (500, Retry), (302, Retry)]
)
async def test_a_verdict_for_every_answer(context: Context, switch: Switch, status: int, verdict: type[object]) -> None:
    switch.status = status
    made = heartbeat(context, switch.url)
    found = await made.deliver(beat_of("switch", 1, context.clock.now(), ""), Lane())
    assert isinstance(found, verdict)
    assert switch.url not in repr(found)
    await made.aclose()


async def test_a_beat_that_is_as_old_as_the_interval_is_not_sent(context: Context, switch: Switch) -> None:
    made = heartbeat(context, switch.url, interval="30s")
    late = beat_of("switch", 1, context.clock.now() - timedelta(seconds=30), "")
    assert await made.deliver(late, Lane()) == Dropped(reason=TOO_LATE)
    assert not switch.seen
    await made.aclose()


async def test_incidents_are_not_its_business(context: Context, switch: Switch) -> None:
    made = heartbeat(context, switch.url)
    assert await made.deliver(message(), Lane()) == Dropped()
    assert not switch.seen


async def test_one_that_hangs_has_its_time(context: Context, switch: Switch) -> None:
    switch.hangs = True
    made = heartbeat(context, switch.url, timeout="100ms")
    found = await made.deliver(beat_of("switch", 1, context.clock.now(), ""), Lane())
    assert found == Ambiguous(reason="timeout")
    await made.aclose()


@pytest.mark.parametrize("url", ["switch.example", "ftp://switch.example/1", "https://u:p@switch.example/1", ""])
def test_an_address_that_is_none_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Config.model_validate({"url": url})
    assert not url or url not in str(caught.value)
