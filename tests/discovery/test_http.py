"""A URL is asked for targets as Prometheus asks, and only a whole answer takes the place of the last one."""

import asyncio
import json

import pytest

from slo.discovery.http import Config, HTTPDiscovery, build
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from tests import hostile
from tests.discovery.following import following
from tests.hostile import Behaviour, answering, flooding, serving


def discovery(port: int, **keys: object) -> HTTPDiscovery:
    config = Config.model_validate({"url": f"http://127.0.0.1:{port}/sd?token=x", "refresh_interval": "100ms", **keys})
    return build(config, Context.default(SteadyClock()))


def answer(body: str, kind: str = "application/json", status: str = "200 OK") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return (head + body).encode()


ONE = json.dumps([{"targets": ["one"], "labels": {"region": "eu"}}])


class Turns:
    """Answers in one way after the other, and in the last one from then on."""

    def __init__(self, *turns: Behaviour) -> None:
        self._turns = list(turns)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        turn = self._turns.pop(0) if len(self._turns) > 1 else self._turns[0]
        await turn(reader, writer)


async def test_the_targets_and_how_they_are_asked_for() -> None:
    asked: list[bytes] = []

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await hostile.request(reader))
        writer.write(answer(ONE, 'Application/JSON; charset="utf-8"'))
        writer.close()

    async with serving(behave) as port, following(discovery(port, bearer_token="secret")) as followed:
        await followed.again()
        assert [(target.address, target.labels) for target in followed.found or ()] == [("one", (("region", "eu"),))]
    head = asked[0].decode().lower()
    assert head.startswith("get /sd?token=x http/1.1\r\n")
    for line in (
        "accept: application/json",
        "x-prometheus-refresh-interval-seconds: 0.1",
        "authorization: bearer secret",
    ):
        assert f"\r\n{line}\r\n" in head


FAILURES: dict[str, tuple[Behaviour, str]] = {
    "another status": (answering(answer(ONE, status="503 Service Unavailable")), "status"),
    "no content": (answering(answer("", status="204 No Content")), "status"),
    "another type": (answering(answer(ONE, "text/html")), "content_type"),
    "no type": (answering(answer(ONE, "")), "content_type"),
    "no JSON": (answering(answer("<html>")), "malformed"),
    "half an answer": (answering(answer(ONE)[:-5]), "body_short"),
    "a reset": (hostile.resetting_at_once, "response_reset"),
    "silence": (hostile.silent, "response_timeout"),
    "a flood": (flooding(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", b" " * 65536), "body_too_large"),
}


@pytest.mark.parametrize(("behaviour", "reason"), FAILURES.values(), ids=FAILURES.keys())
async def test_a_failure_leaves_the_last_targets_and_has_its_reason(behaviour: Behaviour, reason: str) -> None:
    turns = Turns(answering(answer(ONE)), behaviour)
    async with (
        serving(turns) as port,
        following(discovery(port, max_body="10KB", refresh_interval="500ms")) as followed,
    ):
        await followed.until(lambda it: len(it.faults) > 1)
        assert (followed.addresses, followed.times) == (["one"], 1)
        assert set(followed.reasons) == {reason}
        assert all("token" not in fault.detail for fault in followed.faults)


async def test_an_empty_list_is_an_answer() -> None:
    async with (
        serving(Turns(answering(answer(ONE)), answering(answer("[]")))) as port,
        following(discovery(port)) as followed,
    ):
        await followed.until(lambda it: it.times > 1)
        assert followed.addresses == []
        assert followed.faults == []


async def test_an_endpoint_that_comes_back_is_asked_again() -> None:
    turns = Turns(hostile.silent, answering(answer("oops")), answering(answer(ONE)))
    async with serving(turns) as port, following(discovery(port)) as followed:
        await followed.again()
        assert followed.addresses == ["one"]
        assert followed.reasons == ["response_timeout", "malformed"]
