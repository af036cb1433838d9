"""The webhooks of the stand-in for PagerDuty: what they say, and how stubbornly they are delivered."""

import asyncio
import hashlib
import hmac
import json
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from slo.demo.vendors.pagerduty.incidents import user_id
from slo.demo.vendors.pagerduty.standin import PagerDutyStandIn
from tests.demo.test_pagerduty_rest import trigger


@dataclass
class Listener:
    """Somebody who takes webhooks, and answers with these statuses, the last one for good."""

    statuses: list[int] = field(default_factory=lambda: [202])
    taken: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body)["event"] for _, body in self.taken]

    async def take(self, request: web.Request) -> web.Response:
        self.taken.append(({name.lower(): value for name, value in request.headers.items()}, await request.read()))
        return web.Response(status=self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0])


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    listening = Listener()
    application = web.Application()
    application.add_routes([web.post("/hook", listening.take)])
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    listening.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield listening
    await runner.cleanup()


@asynccontextmanager
async def standing_in(folder: Path, retries: Sequence[float] = (0, 0, 0, 0)) -> AsyncIterator[PagerDutyStandIn]:
    async with PagerDutyStandIn(folder, retries_after_seconds=retries) as standin:
        yield standin


async def settled(standin: PagerDutyStandIn) -> None:
    async with asyncio.timeout(10):
        await standin.webhooks.settled()


async def test_what_happens_to_an_incident_is_told_with_who_did_it(tmp_path: Path, listener: Listener) -> None:
    async with standing_in(tmp_path) as standin:
        standin.subscribe(listener.url, "secret")
        await trigger(standin, "k1")
        for action, about in [
            ("acknowledge", {}),
            ("annotate", {"text": "looking"}),
            ("assign", {"to": "bert"}),
            ("prioritize", {"priority": "P2"}),
            ("status_update", {"text": "soon"}),
            ("resolve", {}),
        ]:
            assert standin.act("k1", action, by="anna", **about) == 1
        await settled(standin)
    assert [event["event_type"] for event in listener.events] == [
        "incident.triggered",
        "incident.acknowledged",
        "incident.annotated",
        "incident.reassigned",
        "incident.priority_updated",
        "incident.status_update_published",
        "incident.resolved",
    ]
    triggered, acknowledged, annotated, _, prioritized, _, resolved = listener.events
    assert triggered["agent"]["type"] == "inbound_integration_reference"
    assert (acknowledged["agent"]["type"], acknowledged["agent"]["id"]) == ("user_reference", user_id("anna"))
    assert (acknowledged["data"]["incident_key"], acknowledged["data"]["status"]) == ("k1", "acknowledged")
    assert "incident_key" not in annotated["data"] | annotated["data"]["incident"]
    assert (annotated["data"]["type"], annotated["data"]["content"]) == ("incident_note", "looking")
    assert prioritized["data"]["priority"]["summary"] == "P2"
    assert (resolved["data"]["status"], resolved["data"]["assignees"]) == ("resolved", [])
    assert len({event["id"] for event in listener.events}) == 7


@pytest.mark.parametrize(("agent", "type_"), [("integration", "inbound_integration_reference"), ("none", None)])
async def test_a_program_does_it_as_an_integration_or_as_nobody(
    tmp_path: Path, listener: Listener, agent: str, type_: str | None
) -> None:
    async with standing_in(tmp_path) as standin:
        await trigger(standin, "k1")
        standin.subscribe(listener.url, "secret")
        standin.act("k1", "acknowledge", by="a rule", agent=agent)
        await settled(standin)
    [event] = listener.events
    assert (event["agent"] or {}).get("type") == type_


async def test_events_that_change_nothing_are_not_told(tmp_path: Path, listener: Listener) -> None:
    async with standing_in(tmp_path) as standin:
        standin.subscribe(listener.url, "secret")
        for action in ("trigger", "trigger", "acknowledge", "acknowledge", "resolve", "resolve"):
            await trigger(standin, "k1", action)
        await settled(standin)
    assert [event["event_type"] for event in listener.events] == [
        "incident.triggered",
        "incident.acknowledged",
        "incident.resolved",
    ]


async def test_the_body_is_signed_with_every_secret(tmp_path: Path, listener: Listener) -> None:
    async with standing_in(tmp_path) as standin:
        standin.subscribe(listener.url, "old", "new")
        await trigger(standin, "k1")
        await settled(standin)
    [(headers, body)] = listener.taken
    right = [hmac.new(secret, body, hashlib.sha256).hexdigest() for secret in (b"old", b"new")]
    assert headers["x-pagerduty-signature"] == f"v1={right[0]},v1={right[1]}"
    assert headers["x-webhook-id"]


@pytest.mark.parametrize(
    ("statuses", "tried", "enabled"),
    [
        ([500, 503, 429, 202], 4, True),
        ([500], 5, True),
        ([400], 1, True),
        ([302], 1, True),
    ],
)
async def test_what_may_pass_is_tried_five_times_and_what_may_not_once(
    tmp_path: Path, listener: Listener, statuses: list[int], tried: int, *, enabled: bool
) -> None:
    listener.statuses = statuses
    async with standing_in(tmp_path) as standin:
        standin.subscribe(listener.url, "secret")
        await trigger(standin, "k1")
        await settled(standin)
        assert standin.webhooks.shown()["enabled"] is enabled
    assert len({headers["x-webhook-id"] for headers, _ in listener.taken}) == 1
    assert len(listener.taken) == tried


async def test_three_in_a_row_that_were_dropped_switch_the_subscription_off(tmp_path: Path, listener: Listener) -> None:
    listener.statuses = [400, 400, 202, 400, 400, 400, 202]
    async with standing_in(tmp_path) as standin:
        standin.subscribe(listener.url, "secret")
        for number in range(10):
            await trigger(standin, f"k{number}")
        await settled(standin)
        assert len(listener.taken) == 6
        assert not standin.webhooks.shown()["enabled"]
        standin.subscribe(listener.url, "secret")
        await trigger(standin, "k11")
        await settled(standin)
        assert len(listener.taken) == 7


async def test_nobody_there_is_tried_again(tmp_path: Path, unused_tcp_port_factory: Callable[[], int]) -> None:
    async with standing_in(tmp_path) as standin:
        standin.subscribe(f"http://127.0.0.1:{unused_tcp_port_factory()}/", "secret")
        await trigger(standin, "k1")
        await settled(standin)
        assert [attempt["status"] for attempt in standin.webhooks.attempts] == [0] * 5


async def test_people_and_subscriptions_are_controlled_over_http(tmp_path: Path, listener: Listener) -> None:
    async with standing_in(tmp_path) as standin:
        await trigger(standin, "acme:gate/x:-:g1")
        trust = ssl.create_default_context(cafile=standin.ca_file)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as session:
            hooks = f"{standin.url}/_standin/webhooks"
            assert (await session.put(hooks, json={"url": listener.url, "secrets": ["s"]})).status == 200
            assert (await session.post(f"{hooks}/ping")).status == 200
            incident = f"{standin.url}/_standin/incidents/acme:gate%2Fx:-:g1"
            for act, body, status in [
                ("annotate", {"by": "anna", "text": "looking"}, 200),
                ("annotate", {"by": "anna"}, 400),
                ("prioritize", {"by": "anna", "priority": "P9"}, 400),
                ("resolve", {"by": "x", "agent": "robot"}, 400),
                ("shout", {"by": "anna"}, 400),
                ("resolve", {"by": "x", "agent": "integration"}, 200),
                ("resolve", {"by": "anna"}, 404),
            ]:
                assert (await session.post(f"{incident}/{act}", json=body)).status == status
            await settled(standin)
            shown = await (await session.get(hooks)).json()
    assert [event["event_type"] for event in listener.events] == [
        "pagey.ping",
        "incident.annotated",
        "incident.resolved",
    ]
    assert [attempt["status"] for attempt in shown["attempts"]] == [202] * 3
    assert "secrets" not in shown
