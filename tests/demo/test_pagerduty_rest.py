"""The REST API of the stand-in for PagerDuty: the vendor's own client on the other side, and what is refused."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pagerduty import RestApiV2Client

from slo.demo.vendors.pagerduty.incidents import user_id
from slo.demo.vendors.pagerduty.rest_v2 import REQUESTS_A_MINUTE
from slo.demo.vendors.pagerduty.standin import PagerDutyStandIn

KEY = "0123456789abcdef0123456789abcdef"
TOKEN = "u+AbCdEfGhIjKlMnOp-_"
EMAIL = "watchkeep@acme.example"
HEADERS = {"Authorization": f"Token token={TOKEN}", "From": EMAIL}


@pytest.fixture
async def standin(tmp_path: Path) -> AsyncIterator[PagerDutyStandIn]:
    async with PagerDutyStandIn(tmp_path, api_tokens=[TOKEN], users=[EMAIL]) as server:
        await trigger(server, "k1")
        yield server


async def trigger(standin: PagerDutyStandIn, key: str, action: str = "trigger", *, by: str = KEY) -> None:
    payload = {"summary": "gate burns", "source": "gate", "severity": "critical"}
    event = {"routing_key": by, "event_action": action, "dedup_key": key, "payload": payload}
    assert (await ask(standin, "POST", "/v2/enqueue", event))[0] == 202


async def ask(
    standin: PagerDutyStandIn, method: str, path: str, body: object = None, headers: dict[str, str] = HEADERS
) -> tuple[int, Any, Mapping[str, str]]:
    trust = ssl.create_default_context(cafile=standin.ca_file)
    data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
    typed = {"Content-Type": "application/json"} if body is not None else {}
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as session,
        session.request(method, standin.url + path, data=data, headers=typed | headers) as response,
    ):
        return response.status, await response.json(), response.headers


async def test_the_vendors_client_finds_an_incident_and_works_on_it(standin: PagerDutyStandIn) -> None:
    def work() -> None:
        trust = ssl.create_default_context(cafile=standin.ca_file)
        with RestApiV2Client(TOKEN, default_from=EMAIL, base_url=standin.url, verify=trust, trust_env=False) as client:
            [incident] = client.list_all("incidents", params={"incident_key": "k1", "statuses": ["triggered"]})
            path = f"/incidents/{incident['id']}"
            p1 = client.find("priorities", "P1", attribute="name")
            client.rpost(f"{path}/notes", json={"content": "looking"})
            client.post(f"{path}/status_updates", json={"message": "soon"}).raise_for_status()
            changed = client.rput(path, json={"type": "incident_reference", "priority": p1, "status": "acknowledged"})
            assert (changed["status"], changed["priority"]["summary"]) == ("acknowledged", "P1")
            assert changed["acknowledgements"][0]["acknowledger"]["id"] == user_id(EMAIL)
            assert [note["content"] for note in client.rget(f"{path}/notes")] == ["looking"]
            log = client.list_all(f"{path}/log_entries")
            assert [(entry["type"], entry["agent"]["type"]) for entry in log] == [
                ("priority_change_log_entry", "user_reference"),
                ("acknowledge_log_entry", "user_reference"),
                ("status_update_log_entry", "user_reference"),
                ("annotate_log_entry", "user_reference"),
                ("trigger_log_entry", "inbound_integration_reference"),
            ]
            client.rput(path, json={"type": "incident", "status": "resolved", "title": "gate burned"})
            assert client.rget(path)["title"] == "gate burned"

    await asyncio.to_thread(work)
    assert [incident["status"] for incident in standin.incidents] == ["resolved"]


PATH = "/incidents/Q0000000000001"
REFERENCE = {"type": "incident_reference"}


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status", "code", "said"),
    [
        ("GET", "/incidents", None, {}, 401, 2006, ""),
        ("GET", "/incidents", None, {"Authorization": f"Bearer {TOKEN}"}, 401, 2006, ""),
        ("GET", "/incidents", None, {"Authorization": "Token token=u+AbCdEfGhIjKlMnOp--"}, 401, 2006, ""),
        ("GET", "/incidents?statuses[]=open", None, HEADERS, 400, 2001, "Invalid status: open"),
        ("GET", "/incidents?limit=101", None, HEADERS, 400, 2001, "Limit must be between 1 and 100"),
        ("GET", "/incidents/Q9", None, HEADERS, 404, 2100, ""),
        ("GET", "/teapots", None, HEADERS, 404, 2100, ""),
        ("POST", f"{PATH}/notes", {"note": {"content": "x"}}, {"From": ""}, 400, 2001, "From header is required"),
        ("POST", f"{PATH}/notes", {"note": {"content": "x"}}, {"From": "x@y.example"}, 400, 1008, ""),
        ("POST", f"{PATH}/notes", {"note": {"content": " "}}, HEADERS, 400, 2001, "Content cannot be empty"),
        ("POST", f"{PATH}/notes", {"content": "x"}, HEADERS, 400, 2003, "note must be an object"),
        ("POST", f"{PATH}/notes", b"{", HEADERS, 400, 2002, "The request body is not valid JSON"),
        ("POST", f"{PATH}/notes", b"{}", HEADERS | {"Content-Type": "text/plain"}, 400, 2001, "Content-Type must be"),
        ("POST", f"{PATH}/status_updates", {"text": "x"}, HEADERS, 400, 2001, "Message cannot be empty"),
        ("PUT", PATH, {"incident": {"status": "resolved"}}, HEADERS, 400, 2001, "Incident type must be"),
        ("PUT", PATH, {"incident": REFERENCE | {"status": "triggered"}}, HEADERS, 400, 1003, ""),
        ("PUT", PATH, {"incident": REFERENCE | {"priority": {"id": "PRIO001"}}}, HEADERS, 400, 1020, ""),
        ("PUT", PATH, {"incident": REFERENCE | {"title": ""}}, HEADERS, 400, 2001, "Title cannot be empty"),
    ],
)
async def test_what_the_vendor_refuses_is_refused_as_the_vendor_does(
    standin: PagerDutyStandIn,
    method: str,
    path: str,
    body: object,
    headers: dict[str, str],
    status: int,
    code: int,
    said: str,
) -> None:
    given = {"Authorization": HEADERS["Authorization"]} | headers if "From" in headers else headers
    answered, answer, _ = await ask(standin, method, path, body, given)
    assert (answered, answer["error"]["code"]) == (status, code)
    assert answer["error"]["message"]
    assert said in "\n".join(answer["error"].get("errors", []))
    assert [step["action"] for step in standin.incidents[0]["history"]] == ["trigger"]


async def test_a_resolved_incident_is_not_resolved_again(standin: PagerDutyStandIn) -> None:
    await trigger(standin, "k1", "resolve")
    status, answer, _ = await ask(standin, "PUT", PATH, {"incident": REFERENCE | {"status": "resolved"}})
    assert (status, answer["error"]) == (400, {"message": "Incident Already Resolved", "code": 1001})


async def test_more_than_960_requests_a_minute_are_too_many(tmp_path: Path) -> None:
    now = 1000.0
    async with PagerDutyStandIn(tmp_path, monotonic=lambda: now) as standin:
        trust = ssl.create_default_context(cafile=standin.ca_file)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust), headers=HEADERS) as session:
            for left in reversed(range(REQUESTS_A_MINUTE)):
                answer = await session.get(f"{standin.url}/priorities")
                assert (answer.status, answer.headers["ratelimit-remaining"]) == (200, str(left))
            now += 20
            answer = await session.get(f"{standin.url}/priorities")
            assert (answer.status, answer.headers["ratelimit-reset"]) == (429, "40")
            assert (await answer.json())["error"] == {"message": "Rate Limit Exceeded", "code": 2020}
            now += 40
            assert (await session.get(f"{standin.url}/priorities")).status == 200


async def test_an_incident_that_groups_alerts_has_the_keys_of_all_and_ends_with_the_last(tmp_path: Path) -> None:
    async with PagerDutyStandIn(tmp_path, grouped=True) as standin:
        await trigger(standin, "k1")
        assert (await ask(standin, "GET", PATH))[1]["incident"]["incident_key"] == "k1"
        await trigger(standin, "k2")
        for key in ("k1", "k2"):
            found = (await ask(standin, "GET", f"/incidents?incident_key={key}"))[1]["incidents"]
            assert [(incident["id"], incident["incident_key"]) for incident in found] == [("Q0000000000001", None)]
        alerts = (await ask(standin, "GET", f"{PATH}/alerts"))[1]["alerts"]
        assert [alert["alert_key"] for alert in alerts] == ["k1", "k2"]
        await trigger(standin, "k1", "resolve")
        assert standin.incidents[0]["status"] == "triggered"
        await trigger(standin, "k2", "resolve")
        assert standin.incidents[0]["status"] == "resolved"


async def test_a_key_is_that_of_an_incident_in_each_service(tmp_path: Path) -> None:
    services = {"a" * 32: "PSERVA", "b" * 32: "PSERVB"}
    async with PagerDutyStandIn(tmp_path, routing_keys=services) as standin:
        for routing_key in services:
            await trigger(standin, "k1", by=routing_key)
        for wanted, found in ((["PSERVA", "PSERVB"], ["PSERVA", "PSERVB"]), (["PSERVB"], ["PSERVB"]), (["P0"], [])):
            query = "".join(f"&service_ids[]={service}" for service in wanted)
            answer = (await ask(standin, "GET", f"/incidents?incident_key=k1{query}"))[1]["incidents"]
            assert [incident["service"]["id"] for incident in answer] == found
        assert standin.act("k1", "acknowledge", by="anna", service="PSERVB") == 1
        assert [incident["status"] for incident in standin.incidents] == ["triggered", "acknowledged"]


async def test_what_was_done_over_the_api_is_remembered_after_a_restart(tmp_path: Path) -> None:
    async with PagerDutyStandIn(tmp_path) as standin:
        await trigger(standin, "k1")
        await ask(standin, "POST", f"{PATH}/notes", {"note": {"content": "looking"}})
        standin.act("k1", "resolve", by="anna")
        before = standin.incidents
    async with PagerDutyStandIn(tmp_path) as standin:
        assert standin.incidents == before
