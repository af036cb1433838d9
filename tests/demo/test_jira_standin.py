"""The stand-in for Jira refuses what Jira refuses, keeps what it keeps, and tells what it tells."""

import asyncio
import hashlib
import hmac
import json
import signal
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from slo.demo.vendors.injection import Injection
from slo.demo.vendors.jira.adf import is_document
from slo.demo.vendors.jira.standin import JiraStandIn

USER, TOKEN, SECRET = "watch@provider.example", "t0ken", "s3cret"
ANNA = {"accountId": "a1", "displayName": "Anna", "accountType": "atlassian"}
TEXT = {"type": "paragraph", "content": [{"type": "text", "text": "x"}]}
DOCUMENT = {"type": "doc", "version": 1, "content": [TEXT]}
FIELDS = {"project": {"key": "OPS"}, "issuetype": {"name": "Incident"}, "summary": "x", "labels": ["wk-1"]}
JQL = 'project = "OPS" AND labels = "wk-1" ORDER BY created ASC'


@pytest.fixture
async def standin(tmp_path: Path) -> AsyncIterator[JiraStandIn]:
    async with JiraStandIn(tmp_path, user=USER, token=TOKEN) as server:
        yield server


async def ask(
    standin: JiraStandIn, method: str, path: str, body: object = None, *, token: str = TOKEN
) -> tuple[int, Any]:
    trust = ssl.create_default_context(cafile=standin.ca_file)
    login = {"Authorization": aiohttp.encode_basic_auth(USER, token)}
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust), headers=login) as session,
        session.request(method, f"{standin.url}{path}", json=body) as response,
    ):
        text = await response.text()
        return response.status, json.loads(text) if text.startswith("{") else text


async def test_nothing_is_done_for_who_is_not_known(standin: JiraStandIn) -> None:
    status, _ = await ask(standin, "POST", "/rest/api/3/issue", {"fields": FIELDS}, token="wrong")
    assert (status, standin.issues) == (401, [])


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        (FIELDS | {"project": {"key": "NOPE"}}, "project"),
        (FIELDS | {"issuetype": {"name": "Nonsense"}}, "issuetype"),
        ({name: value for name, value in FIELDS.items() if name != "summary"}, "summary"),
        (FIELDS | {"summary": "x" * 256}, "summary"),
        (FIELDS | {"summary": "a\nb"}, "summary"),
        (FIELDS | {"labels": ["two words"]}, "labels"),
        (FIELDS | {"description": "plain"}, "description"),
        (FIELDS | {"priority": {"name": "Urgent"}}, "priority"),
        (FIELDS | {"colour": "red"}, "colour"),
    ],
)
async def test_an_issue_that_is_not_right_is_refused_by_field(
    standin: JiraStandIn, fields: dict[str, Any], field: str
) -> None:
    status, said = await ask(standin, "POST", "/rest/api/3/issue", {"fields": fields})
    assert (status, list(said["errors"]), standin.issues) == (400, [field], [])


@pytest.mark.parametrize(
    "bad",
    [
        None,
        "text",
        {"type": "doc", "content": []},
        {"type": "doc", "version": 1, "content": [{"type": "text", "text": "x"}]},
        {"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": [{"type": "text", "text": ""}]}]},
        {"type": "doc", "version": 1, "content": [{"type": "bulletList", "content": [TEXT]}]},
        {"type": "doc", "version": 1, "content": [{"type": "blockquote", "content": []}]},
        {"type": "doc", "version": 1, "content": [{"type": "sparkle"}]},
        {"type": "doc", "version": 1, "content": [{"type": []}]},
    ],
)
async def test_a_body_that_is_no_document_is_refused(standin: JiraStandIn, bad: object) -> None:
    assert not is_document(bad)
    standin.create(ANNA, "x")
    status, _ = await ask(standin, "POST", "/rest/api/3/issue/OPS-1/comment", {"body": bad})
    assert (status, standin.issues[0].comments) == (400, [])


async def test_what_is_not_there_is_not_found(standin: JiraStandIn) -> None:
    for method, path, body in (
        ("POST", "/rest/api/3/issue/OPS-7/comment", {"body": DOCUMENT}),
        ("GET", "/rest/api/3/issue/OPS-7/transitions", None),
        ("GET", "/rest/api/3/nonsense", None),
    ):
        assert (await ask(standin, method, path, body))[0] == 404


async def test_comments_come_newest_first_and_show_their_properties_when_asked(standin: JiraStandIn) -> None:
    standin.create(ANNA, "x")
    for number in range(3):
        properties = [{"key": "n", "value": number}, {"key": "sd.public.comment", "value": {"internal": True}}]
        comment = {"body": DOCUMENT, "properties": properties}
        assert (await ask(standin, "POST", "/rest/api/3/issue/OPS-1/comment", comment))[0] == 201
    path = "/rest/api/3/issue/OPS-1/comment?orderBy=-created&maxResults=2"
    _, shown = await ask(standin, "GET", f"{path}&expand=properties")
    assert [comment["properties"][0]["value"] for comment in shown["comments"]] == [2, 1]
    assert not shown["comments"][0]["jsdPublic"]
    _, without = await ask(standin, "GET", path)
    assert "properties" not in without["comments"][0]


async def test_a_search_lags_behind_and_shows_keys_when_asked(tmp_path: Path) -> None:
    now = 1000.0
    lagging = JiraStandIn(tmp_path, user=USER, token=TOKEN, search_lag_seconds=30, monotonic=lambda: now)
    async with lagging as standin:
        await ask(standin, "POST", "/rest/api/3/issue", {"fields": FIELDS})
        query = {"jql": JQL, "fields": ["key"], "maxResults": 1}
        assert (await ask(standin, "POST", "/rest/api/3/search/jql", query))[1]["issues"] == []
        now += 30
        assert (await ask(standin, "POST", "/rest/api/3/search/jql", query))[1]["issues"][0]["key"] == "OPS-1"
        bare = await ask(standin, "POST", "/rest/api/3/search/jql", {"jql": JQL})
        assert bare[1]["issues"] == [{"id": "10001"}]
        assert (await ask(standin, "POST", "/rest/api/3/search/jql", {"jql": "order by created"}))[0] == 400


async def test_a_transition_is_made_from_where_the_issue_stands(standin: JiraStandIn) -> None:
    standin.create(ANNA, "x")
    path = "/rest/api/3/issue/OPS-1/transitions"
    assert (await ask(standin, "POST", path, {"transition": {"id": "41"}}))[0] == 400
    assert (await ask(standin, "POST", path, {"transition": {"id": "21"}}))[0] == 204
    assert standin.issues[0].status == "Resolved"
    _, known = await ask(standin, "GET", path)
    assert "21" not in [transition["id"] for transition in known["transitions"]]


async def test_too_many_requests_wait(tmp_path: Path) -> None:
    async with JiraStandIn(tmp_path, user=USER, token=TOKEN, requests_a_minute=1, monotonic=lambda: 1.0) as standin:
        await ask(standin, "POST", "/rest/api/3/issue", {"fields": FIELDS})
        status, _ = await ask(standin, "POST", "/rest/api/3/issue", {"fields": FIELDS})
        assert (status, len(standin.issues)) == (429, 1)


async def test_bad_days_leave_no_issue_unless_it_was_processed(standin: JiraStandIn) -> None:
    for injection, issues in ((Injection(status=500), 0), (Injection(status=500, processed=True), 1)):
        standin.inject(injection)
        assert (await ask(standin, "POST", "/rest/api/3/issue", {"fields": FIELDS}))[0] == 500
        assert len(standin.issues) == issues


async def test_it_remembers_after_a_restart(tmp_path: Path) -> None:
    async with JiraStandIn(tmp_path, user=USER, token=TOKEN) as standin:
        await ask(standin, "POST", "/rest/api/3/issue", {"fields": FIELDS})
        standin.comment("OPS-1", ANNA, "hello")
        standin.change("OPS-1", ANNA, "status", "In progress")
    with (tmp_path / "record.jsonl").open("ab") as record:
        record.write(b'{"kind": "act", "cut off by a k')
    async with JiraStandIn(tmp_path, user=USER, token=TOKEN) as standin:
        [issue] = standin.issues
        assert (issue.key, issue.status, len(issue.comments), len(standin.requests)) == ("OPS-1", "In progress", 1, 1)
        standin.create(ANNA, "another")
        assert [issue.id for issue in standin.issues] == ["10001", "10004"]


async def test_people_act_over_http_and_the_callback_hears_of_it_signed(standin: JiraStandIn) -> None:
    heard: list[tuple[str, str]] = []

    async def take(request: web.Request) -> web.Response:
        body = await request.read()
        digest = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        assert request.headers["X-Hub-Signature"] == f"sha256={digest}"
        told = json.loads(body)
        heard.append((told["webhookEvent"], told["user"]["displayName"]))
        return web.Response(status=202)

    application = web.Application()
    application.router.add_post("/", take)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    callback = {"url": f"http://127.0.0.1:{runner.addresses[0][1]}/", "secret": SECRET}
    await ask(standin, "POST", "/_standin/callback", callback)
    _, created = await ask(standin, "POST", "/_standin/issues", {"by": ANNA, "summary": "x", "priority": "High"})
    await standin.told()
    path = f"/_standin/issues/{created['key']}"
    await ask(standin, "POST", f"{path}/comments", {"by": ANNA, "text": "hello"})
    await standin.told()
    await ask(standin, "POST", f"{path}/changes", {"by": ANNA, "field": "status", "to": "Resolved"})
    await standin.told()
    await ask(standin, "POST", "/rest/api/3/issue/OPS-1/comment", {"body": DOCUMENT})
    await standin.told()
    await runner.cleanup()
    assert heard == [
        ("jira:issue_created", "Anna"),
        ("comment_created", "Anna"),
        ("jira:issue_updated", "Anna"),
        ("comment_created", "Watchkeep"),
    ]
    _, shown = await ask(standin, "GET", "/_standin/issues")
    assert (shown["issues"][0]["status"], len(shown["issues"][0]["comments"])) == ("Resolved", 2)


async def test_as_a_process_it_prints_where_it_is_and_ends_when_asked(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "slo.demo.vendors.jira", "--folder", str(tmp_path), "--user", USER]
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
