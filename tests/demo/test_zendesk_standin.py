"""The stand-in for Zendesk refuses what Zendesk refuses, keeps what it keeps, and tells what it tells."""

import asyncio
import hashlib
import hmac
import json
import signal
import ssl
import subprocess
import sys
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from slo.demo.vendors.injection import Injection
from slo.demo.vendors.zendesk.standin import KEY_LIFETIME_SECONDS, UPDATES_IN_TEN_MINUTES, ZendeskStandIn

USER, TOKEN, SECRET = "watch@provider.example", "t0ken", "s3cret"
ANNA = {"id": 7, "name": "Anna", "is_staff": True}
TICKET = {"subject": "x", "comment": {"body": "y"}, "external_id": "wk-1"}


@pytest.fixture
async def standin(tmp_path: Path) -> AsyncIterator[ZendeskStandIn]:
    async with ZendeskStandIn(tmp_path, user=USER, token=TOKEN) as server:
        yield server


async def ask(
    standin: ZendeskStandIn, method: str, path: str, body: object = None, *, key: str = "", token: str = TOKEN
) -> tuple[int, Any, str]:
    trust = ssl.create_default_context(cafile=standin.ca_file)
    headers = {"Authorization": aiohttp.encode_basic_auth(f"{USER}/token", token)}
    if key:
        headers["Idempotency-Key"] = key
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust), headers=headers) as session,
        session.request(method, f"{standin.url}{path}", json=body) as response,
    ):
        return response.status, json.loads(await response.text()), response.headers.get("x-idempotency-lookup", "")


async def create(standin: ZendeskStandIn, key: str = "", **fields: Any) -> tuple[int, Any, str]:
    return await ask(standin, "POST", "/api/v2/tickets.json", {"ticket": TICKET | fields}, key=key)


async def test_nothing_is_done_for_who_is_not_known(standin: ZendeskStandIn) -> None:
    status, _, _ = await ask(standin, "POST", "/api/v2/tickets.json", {"ticket": TICKET}, token="wrong")
    assert (status, standin.tickets) == (401, [])


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"comment": {"body": " "}}, "Description: cannot be blank"),
        ({"comment": {"body": "x" * 65_536}}, "Comment: is too long"),
        ({"priority": "P0"}, "Priority: is not valid"),
        ({"status": "new"}, "Status: is not valid"),
        ({"requester": {"email": "nobody"}}, "Requester: Email is not valid"),
        ({"colour": "red"}, "colour: is not a field of a ticket"),
    ],
)
async def test_a_ticket_that_is_not_right_is_refused(
    standin: ZendeskStandIn, fields: dict[str, Any], says: str
) -> None:
    status, said, _ = await create(standin, **fields)
    assert (status, said["description"], standin.tickets) == (422, says, [])


async def test_a_key_makes_one_ticket_for_two_hours(tmp_path: Path) -> None:
    now = 1000.0
    async with ZendeskStandIn(tmp_path, user=USER, token=TOKEN, monotonic=lambda: now) as standin:
        assert (await create(standin, "k1"))[::2] == (201, "miss")
        assert (await create(standin, "k1"))[::2] == (201, "hit")
        status, said, _ = await create(standin, "k1", subject="another")
        assert (status, said["error"]) == (400, "IdempotentRequestError")
        assert (await create(standin, "k2"))[::2] == (201, "miss")
        now += KEY_LIFETIME_SECONDS
        assert (await create(standin, "k1"))[::2] == (201, "miss")
        assert len(standin.tickets) == 3
        assert (await create(standin, "k" * 256))[0] == 400


async def test_tickets_are_listed_by_their_external_id(standin: ZendeskStandIn) -> None:
    await create(standin)
    for wanted, numbers in (("wk-1", [1]), ("wk-2", [])):
        _, found, _ = await ask(standin, "GET", f"/api/v2/tickets.json?external_id={wanted}")
        assert [each["id"] for each in found["tickets"]] == numbers


async def test_an_update_is_an_audit_with_its_metadata(standin: ZendeskStandIn) -> None:
    await create(standin)
    update = {"comment": {"body": "z", "public": False}, "status": "solved", "metadata": {"watchkeep": "m"}}
    assert (await ask(standin, "PUT", "/api/v2/tickets/1.json", {"ticket": update}))[0] == 200
    _, found, _ = await ask(standin, "GET", "/api/v2/tickets/1/audits.json?sort_order=desc&per_page=1")
    [audit] = found["audits"]
    assert audit["metadata"]["custom"] == {"watchkeep": "m"}
    assert [event["type"] for event in audit["events"]] == ["Comment", "Change"]
    assert standin.tickets[0].status == "solved"


async def test_what_is_not_there_is_not_found_and_what_is_closed_stays(standin: ZendeskStandIn) -> None:
    assert (await ask(standin, "PUT", "/api/v2/tickets/7.json", {"ticket": {"status": "open"}}))[0] == 404
    assert (await ask(standin, "GET", "/api/v2/nonsense"))[0] == 404
    await create(standin)
    standin.update(1, ANNA, status="closed")
    assert (await ask(standin, "PUT", "/api/v2/tickets/1.json", {"ticket": {"status": "open"}}))[0] == 422


async def test_one_ticket_is_not_updated_without_end(standin: ZendeskStandIn) -> None:
    await create(standin)
    update = {"ticket": {"comment": {"body": "z"}}}
    statuses = [
        (await ask(standin, "PUT", "/api/v2/tickets/1.json", update))[0] for _ in range(UPDATES_IN_TEN_MINUTES + 1)
    ]
    assert statuses == [200] * UPDATES_IN_TEN_MINUTES + [429]


async def test_bad_days_leave_no_ticket_unless_it_was_processed(standin: ZendeskStandIn) -> None:
    trust = ssl.create_default_context(cafile=standin.ca_file)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as session:
        fault = {"status": 500, "times": 1, "body": "{}"}
        assert (await session.post(f"{standin.url}/_standin/faults", json=fault)).status == 200
        assert (await session.post(f"{standin.url}/_standin/faults", json={"stauts": 1})).status == 400
    assert (await create(standin))[0] == 500
    assert standin.tickets == []
    standin.inject(Injection(status=500, body="{}", processed=True))
    assert (await create(standin))[0] == 500
    assert len(standin.tickets) == 1


async def test_it_remembers_after_a_restart(tmp_path: Path) -> None:
    async with ZendeskStandIn(tmp_path, user=USER, token=TOKEN) as standin:
        await create(standin, "k1")
        standin.update(1, ANNA, comment={"body": "hello"}, status="open")
    async with ZendeskStandIn(tmp_path, user=USER, token=TOKEN) as standin:
        [ticket] = standin.tickets
        assert (ticket.status, len(ticket.comments), len(standin.requests)) == ("open", 2, 1)
        assert (await create(standin, "k1"))[::2] == (201, "hit")


async def test_people_act_over_http_and_the_callback_hears_of_it_signed(standin: ZendeskStandIn) -> None:
    heard: list[str] = []

    async def take(request: web.Request) -> web.Response:
        body = await request.read()
        timestamp = request.headers["X-Zendesk-Webhook-Signature-Timestamp"].encode()
        digest = hmac.new(SECRET.encode(), timestamp + body, hashlib.sha256).digest()
        assert request.headers["X-Zendesk-Webhook-Signature"] == b64encode(digest).decode()
        heard.append(json.loads(body)["type"].rpartition(".")[2])
        return web.Response(status=202)

    application = web.Application()
    application.router.add_post("/", take)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    callback = {"url": f"http://127.0.0.1:{runner.addresses[0][1]}/", "secret": SECRET}
    await ask(standin, "POST", "/_standin/callback", callback)
    await ask(standin, "POST", "/_standin/tickets", {"by": ANNA, "subject": "x", "text": "y", "priority": "high"})
    await standin.told()
    change = {"by": ANNA, "text": "hello", "status": "pending"}
    await ask(standin, "POST", "/_standin/tickets/1/changes", change)
    await standin.told()
    await runner.cleanup()
    assert heard == ["created", "comment_added", "comment_added", "status_changed"]
    _, shown, _ = await ask(standin, "GET", "/_standin/tickets")
    assert (shown["tickets"][0]["status"], shown["tickets"][0]["priority"]) == ("pending", "high")


async def test_as_a_process_it_prints_where_it_is_and_ends_when_asked(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "slo.demo.vendors.zendesk", "--folder", str(tmp_path), "--user", USER]
    process = subprocess.Popen([*command, "--token", TOKEN], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        address = json.loads(await asyncio.to_thread(process.stdout.readline))
        trust = ssl.create_default_context(cafile=address["ca_file"])
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as session:
            assert (await session.get(f"{address['url']}/_standin/requests")).status == 200
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 10) == 0
    finally:
        process.kill()
        process.communicate()
