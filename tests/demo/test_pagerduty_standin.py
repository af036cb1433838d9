"""The stand-in for PagerDuty: the vendor's own client on the other side, and everything that the vendor refuses."""

import asyncio
import json
import signal
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pagerduty import Error, EventsApiV2Client, HttpError

from slo.demo.vendors.injection import Injection
from slo.demo.vendors.pagerduty.standin import EVENTS_A_MINUTE, PagerDutyStandIn

KEY = "0123456789abcdef0123456789abcdef"
OTHER_KEY = "fedcba9876543210fedcba9876543210"
PAYLOAD = {"summary": "gate burns", "source": "gate", "severity": "critical"}
TRIGGER: dict[str, Any] = {"routing_key": KEY, "event_action": "trigger", "dedup_key": "k1", "payload": PAYLOAD}


@pytest.fixture
async def standin(tmp_path: Path) -> AsyncIterator[PagerDutyStandIn]:
    async with PagerDutyStandIn(tmp_path) as server:
        yield server


async def send(standin: PagerDutyStandIn, action: str, key: str = "k1", *, routing_key: str = KEY) -> str:
    """One event, sent by PagerDuty's package."""

    def call() -> str:
        trust = ssl.create_default_context(cafile=standin.ca_file)
        with EventsApiV2Client(routing_key, base_url=standin.url, verify=trust, trust_env=False) as client:
            client.timeout = 5
            client.max_network_attempts = 0
            client.max_http_attempts = -1
            client.retry = {429: 1}
            properties = {"payload": PAYLOAD} if action == "trigger" else {}
            return client.send_event(action, dedup_key=key, **properties)

    return await asyncio.to_thread(call)


async def post(
    standin: PagerDutyStandIn, body: bytes, content_type: str = "application/json"
) -> tuple[int, Any, Mapping[str, str]]:
    trust = ssl.create_default_context(cafile=standin.ca_file)
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as session,
        session.post(standin.events_url, data=body, headers={"Content-Type": content_type}) as response,
    ):
        text = await response.text()
        parsed = json.loads(text) if response.content_type == "application/json" else text
        return response.status, parsed, response.headers


def statuses(standin: PagerDutyStandIn) -> list[str]:
    return [incident["status"] for incident in standin.incidents]


async def test_the_vendors_client_triggers_acknowledges_and_resolves(standin: PagerDutyStandIn) -> None:
    assert await send(standin, "trigger") == "k1"
    assert statuses(standin) == ["triggered"]
    await send(standin, "acknowledge")
    assert statuses(standin) == ["acknowledged"]
    await send(standin, "resolve")
    assert statuses(standin) == ["resolved"]
    [incident] = standin.incidents
    assert [step["action"] for step in incident["history"]] == ["trigger", "acknowledge", "resolve"]
    assert [request["status"] for request in standin.requests] == [202, 202, 202]


async def test_one_incident_is_open_for_a_key_and_a_trigger_after_its_end_opens_another(
    standin: PagerDutyStandIn,
) -> None:
    for action in ("trigger", "trigger", "resolve", "trigger"):
        await send(standin, action)
    assert statuses(standin) == ["resolved", "triggered"]
    assert [incident["triggers"] for incident in standin.incidents] == [2, 1]


async def test_what_acknowledges_or_resolves_nothing_is_accepted_and_dropped(standin: PagerDutyStandIn) -> None:
    await send(standin, "trigger")
    await send(standin, "resolve", "k2")
    await send(standin, "acknowledge", "k2")
    await send(standin, "resolve", routing_key=OTHER_KEY)
    assert statuses(standin) == ["triggered"]
    assert [request["status"] for request in standin.requests] == [202] * 4


async def test_a_trigger_without_a_key_is_given_one(standin: PagerDutyStandIn) -> None:
    status, answer, _ = await post(standin, json.dumps(TRIGGER | {"dedup_key": None}).encode())
    assert status == 202
    assert answer["message"] == "Event processed"
    assert answer["dedup_key"]
    assert [incident["dedup_key"] for incident in standin.incidents] == [answer["dedup_key"]]


def payload(**changes: object) -> dict[str, Any]:
    return TRIGGER | {"payload": {k: v for k, v in (PAYLOAD | changes).items() if v is not None}}


@pytest.mark.parametrize(
    ("event", "error"),
    [
        (TRIGGER | {"routing_key": ""}, "'routing_key' is missing or blank"),
        (TRIGGER | {"routing_key": "abc"}, "Length of 'routing_key' is incorrect (should be 32 characters)"),
        (TRIGGER | {"routing_key": "-" * 32}, "'routing_key' cannot contain non-alphanumeric characters."),
        (TRIGGER | {"event_action": None}, "'event_action' is missing or blank"),
        (TRIGGER | {"event_action": "update"}, "'event_action' is invalid (must be one of the following: "),
        (TRIGGER | {"dedup_key": "k" * 256}, "Length of 'dedup_key' is incorrect (should be at most 255 characters)"),
        (TRIGGER | {"dedup_key": 7}, "'dedup_key' must be a string"),
        ({"routing_key": KEY, "event_action": "resolve"}, "'dedup_key' is missing or blank"),
        ({"routing_key": KEY, "event_action": "trigger"}, "'payload' is missing or blank"),
        (TRIGGER | {"payload": []}, "'payload' must be an object"),
        (payload(summary=None), "'payload.summary' is missing or blank"),
        (payload(source="  "), "'payload.source' is missing or blank"),
        (payload(severity=None), "'payload.severity' is missing or blank"),
        (payload(severity="P0"), "'payload.severity' is invalid (must be one of the following: "),
        (payload(summary="x" * 1025), "Length of 'payload.summary' is incorrect (should be at most 1024 characters)"),
        (payload(timestamp="yesterday"), "'payload.timestamp' is invalid (must be an ISO 8601 time)"),
        (payload(component=1), "'payload.component' must be a string"),
        (payload(custom_details="text"), "'payload.custom_details' must be an object"),
        (TRIGGER | {"links": [{"text": "no address"}]}, "'links.href' is missing or blank"),
        (TRIGGER | {"links": "http://x"}, "'links' must be an array of objects"),
        (TRIGGER | {"images": [{"src": "http://x"}]}, "'images.src' is invalid (must be served via HTTPS)"),
        (TRIGGER | {"client": 1}, "'client' must be a string"),
        ([TRIGGER], "The request body is not a JSON object"),
    ],
)
async def test_an_event_against_the_schema_is_refused(standin: PagerDutyStandIn, event: object, error: str) -> None:
    status, answer, _ = await post(standin, json.dumps(event).encode())
    assert status == 400
    assert (answer["status"], answer["message"]) == ("invalid event", "Event object is invalid")
    assert error in "\n".join(answer["errors"])
    assert standin.incidents == []


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (json.dumps(TRIGGER).encode(), "text/plain", 400),
        (json.dumps(payload(custom_details={"x": "y" * 512 * 1024})).encode(), "application/json", 413),
    ],
)
async def test_what_is_no_event_at_all_is_refused(
    standin: PagerDutyStandIn, body: bytes, content_type: str, status: int
) -> None:
    assert (await post(standin, body, content_type))[0] == status
    assert standin.incidents == []


async def test_a_routing_key_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    async with PagerDutyStandIn(tmp_path, routing_keys=[OTHER_KEY]) as standin:
        with pytest.raises(HttpError) as refused:
            await send(standin, "trigger")
        response = refused.value.response
        assert response is not None
        assert (response.status_code, response.text) == (400, "Invalid routing key")
        await send(standin, "trigger", routing_key=OTHER_KEY)


async def test_more_than_120_events_a_minute_of_a_routing_key_are_too_many(tmp_path: Path) -> None:
    now = 1000.0
    async with PagerDutyStandIn(tmp_path, monotonic=lambda: now) as standin:
        trust = ssl.create_default_context(cafile=standin.ca_file)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as session:
            for _ in range(EVENTS_A_MINUTE):
                assert (await session.post(standin.events_url, json=TRIGGER)).status == 202
            now += 20
            answer = await session.post(standin.events_url, json=TRIGGER)
            assert (answer.status, answer.headers["Retry-After"]) == (429, "40")
            assert (await session.post(standin.events_url, json=TRIGGER | {"routing_key": OTHER_KEY})).status == 202
            now += 40
            assert (await session.post(standin.events_url, json=TRIGGER)).status == 202


async def test_a_person_acknowledges(standin: PagerDutyStandIn) -> None:
    await send(standin, "trigger", "acme:gate/x:-:g1")
    trust = ssl.create_default_context(cafile=standin.ca_file)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as session:
        address = f"{standin.url}/_standin/incidents/acme:gate%2Fx:-:g1/acknowledge"
        assert (await session.post(address, json={"by": "anna"})).status == 200
        assert (await session.post(f"{standin.url}/_standin/incidents/k9/acknowledge")).status == 404
        shown = await (await session.get(f"{standin.url}/_standin/incidents")).json()
    assert [(i["status"], i["acknowledged_by"]) for i in shown["incidents"]] == [("acknowledged", "anna")]


@pytest.mark.parametrize(
    ("injection", "effect"),
    [
        (Injection(status=500, body="oops"), False),
        (Injection(status=429, retry_after="7"), False),
        (Injection(reset=True), False),
        (Injection(status=503, processed=True), True),
        (Injection(reset=True, processed=True), True),
    ],
)
async def test_a_bad_day_fails_one_request_and_leaves_the_next(
    standin: PagerDutyStandIn, injection: Injection, *, effect: bool
) -> None:
    standin.inject(injection)
    with pytest.raises(Error) as failed:
        await send(standin, "trigger")
    assert bool(standin.incidents) == effect
    assert standin.requests[0]["status"] == injection.status
    if failed.value.response is not None:
        assert failed.value.response.status_code == injection.status
        assert failed.value.response.headers.get("Retry-After", "") == injection.retry_after
    await send(standin, "trigger")
    assert statuses(standin) == ["triggered"]


async def test_bad_days_are_ordered_over_http_and_called_off(standin: PagerDutyStandIn) -> None:
    trust = ssl.create_default_context(cafile=standin.ca_file)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as session:
        faults = f"{standin.url}/_standin/faults"
        assert (await session.post(faults, json={"status": 500, "times": 2})).status == 200
        assert [(await session.post(standin.events_url, json=TRIGGER)).status for _ in range(3)] == [500, 500, 202]
        await session.post(faults, json={"status": 500, "times": 9})
        await session.delete(faults)
        assert (await session.post(standin.events_url, json=TRIGGER)).status == 202
        refused = await session.post(faults, json={"stauts": 500})
        assert (refused.status, (await refused.json())["error"][:21]) == (400, "'stauts' is no fault:")
        assert (await session.post(faults, json={"status": "500"})).status == 400


async def test_it_can_hang_and_trickle(standin: PagerDutyStandIn) -> None:
    standin.inject(Injection(hang_seconds=0.05))
    standin.inject(Injection(slow_seconds=0.05))
    assert await send(standin, "trigger") == "k1"
    assert await send(standin, "acknowledge") == "k1"
    assert statuses(standin) == ["acknowledged"]


async def test_it_remembers_after_a_restart(tmp_path: Path) -> None:
    async with PagerDutyStandIn(tmp_path) as standin:
        await send(standin, "trigger")
        standin.acknowledge("k1", "anna")
        authority, requests = standin.ca_file.read_bytes(), standin.requests
    with (tmp_path / "record.jsonl").open("ab") as record:
        record.write(b'{"kind": "request", "cut off by a k')
    async with PagerDutyStandIn(tmp_path) as standin:
        assert standin.ca_file.read_bytes() == authority
        assert standin.requests == requests
        assert [(i["status"], i["acknowledged_by"]) for i in standin.incidents] == [("acknowledged", "anna")]
        await send(standin, "resolve")
    async with PagerDutyStandIn(tmp_path) as standin:
        assert statuses(standin) == ["resolved"]


async def test_nobody_trusts_it_who_does_not_know_its_authority(standin: PagerDutyStandIn) -> None:
    with pytest.raises(aiohttp.ClientConnectorCertificateError):
        async with aiohttp.ClientSession() as session:
            await session.post(standin.events_url, json=TRIGGER)


async def test_as_a_process_it_prints_where_it_is_and_ends_when_asked(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "slo.demo.vendors.pagerduty", "--folder", str(tmp_path), "--routing-key", KEY]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = await asyncio.to_thread(process.stdout.readline)
        address = json.loads(line)
        assert address["events_url"] == f"{address['url']}/v2/enqueue"
        trust = ssl.create_default_context(cafile=address["ca_file"])
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as session:
            assert (await session.post(address["events_url"], json=TRIGGER)).status == 202
            refused = await session.post(address["events_url"], json=TRIGGER | {"routing_key": OTHER_KEY})
            assert refused.status == 400
            shown = await (await session.get(f"{address['url']}/_standin/requests")).json()
            assert [request["status"] for request in shown["requests"]] == [202, 400]
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 10) == 0
    finally:
        process.kill()
        process.communicate()
