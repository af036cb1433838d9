"""The stand-in for the API server does what the real one is documented to do, or else it would prove nothing."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from tests.daemonset import statuses
from tests.daemonset.api_server import TOKEN, APIServer, answering
from tests.daemonset.making import pod

PODS = "/api/v1/pods"
AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}


class Client:
    """Asks the server, and reads what it says."""

    def __init__(self, session: aiohttp.ClientSession, server: APIServer) -> None:
        self._session = session
        self.server = server

    async def ask(
        self, query: str = "", *, method: str = "GET", path: str = PODS, headers: dict[str, str] = AUTHORIZED
    ) -> tuple[int, Any]:
        url = f"{self.server.url}{path}?{query}"
        async with self._session.request(method, url, headers=headers) as response:
            assert response.content_type == "application/json"
            return response.status, await response.json()

    async def names(self, query: str = "", path: str = PODS) -> list[str]:
        status, page = await self.ask(query, path=path)
        assert (status, page["kind"]) == (200, "PodList")
        return [item["metadata"]["name"] for item in page["items"]]

    @asynccontextmanager
    async def watch(self, query: str) -> AsyncIterator["Events"]:
        url = f"{self.server.url}{PODS}?watch=true&{query}"
        async with self._session.get(url, headers=AUTHORIZED) as response:
            assert response.status == 200
            yield Events(response)


class Events:
    """What a watch says."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def next(self) -> dict[str, Any]:
        async with asyncio.timeout(30):
            event: dict[str, Any] = json.loads(await self._response.content.readline())
        return event

    async def told(self) -> tuple[str, str, str]:
        """Type, name and version."""
        event = await self.next()
        about = event["object"]["metadata"]
        return event["type"], about.get("name", ""), about["resourceVersion"]

    async def ended(self) -> bool:
        async with asyncio.timeout(30):
            return await self._response.content.read() == b""


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with APIServer() as server, aiohttp.ClientSession() as session:
        yield Client(session, server)


def fill(server: APIServer) -> None:
    server.cluster.put(pod("web-1"))
    server.cluster.put(pod("web-2", "n2"))
    server.cluster.put(pod("db-1", namespace="pay"))
    server.cluster.put(pod("web-3", ""))


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["db-1", "web-1", "web-2", "web-3"]),
        ("fieldSelector=spec.nodeName=n1", ["db-1", "web-1"]),
        ("fieldSelector=spec.nodeName==n1,metadata.name=web-1", ["web-1"]),
        ("fieldSelector=spec.nodeName=", ["web-3"]),
        ("fieldSelector=spec.nodeName!=n1,status.phase=Running", ["web-2"]),
        ("fieldSelector=metadata.namespace=pay", ["db-1"]),
        ("labelSelector=app=db", ["db-1"]),
        ("labelSelector=app!=db", ["web-1", "web-2", "web-3"]),
        ("labelSelector=app in (db,cache),!tier", ["db-1"]),
        ("labelSelector=app notin (db)", ["web-1", "web-2", "web-3"]),
        ("labelSelector=app", ["db-1", "web-1", "web-2", "web-3"]),
        ("labelSelector=tier", []),
    ],
)
async def test_a_list_has_what_was_selected(client: Client, query: str, names: list[str]) -> None:
    fill(client.server)
    assert await client.names(query) == names


async def test_a_list_of_one_namespace(client: Client) -> None:
    fill(client.server)
    assert await client.names(path="/api/v1/namespaces/pay/pods") == ["db-1"]


async def test_a_list_says_its_version_and_its_items_no_kind(client: Client) -> None:
    fill(client.server)
    _, page = await client.ask()
    assert (page["apiVersion"], page["metadata"]) == ("v1", {"resourceVersion": "1004"})
    assert all("kind" not in item for item in page["items"])


async def test_pages_are_of_one_version_until_that_is_forgotten(client: Client) -> None:
    fill(client.server)
    _, first = await client.ask("limit=3")
    client.server.cluster.put(pod("web-4"))
    proceed = first["metadata"]["continue"]
    _, second = await client.ask(f"limit=3&continue={proceed}")
    assert [item["metadata"]["name"] for item in second["items"]] == ["web-3"]
    assert second["metadata"] == {"resourceVersion": first["metadata"]["resourceVersion"]}
    client.server.cluster.compact()
    status, said = await client.ask(f"limit=3&continue={proceed}")
    assert (status, said["reason"]) == (410, "Expired")


async def test_a_list_from_the_cache_has_no_pages_and_may_be_old(client: Client) -> None:
    fill(client.server)
    client.server.lag()
    client.server.cluster.put(pod("web-4"))
    assert len(await client.names("resourceVersion=0&limit=2")) == 4
    assert len(await client.names()) == 5
    status, said = await client.ask("resourceVersion=1005&resourceVersionMatch=NotOlderThan")
    assert (status, said["reason"]) == (504, "Timeout")
    client.server.catch_up()
    assert len(await client.names("resourceVersion=1005&resourceVersionMatch=NotOlderThan")) == 5


MISTAKES = [
    ("fieldselector=spec.nodeName=n1", 400, "BadRequest", "unknown query parameter"),
    ("limit=1&limit=2", 400, "BadRequest", "given twice"),
    ("limit=ten", 400, "BadRequest", "invalid syntax"),
    ("watch=yes", 400, "BadRequest", "neither true nor false"),
    ("fieldSelector=spec.node=n1", 400, "BadRequest", "field label not supported: spec.node"),
    ("fieldSelector=n1", 400, "BadRequest", "can't understand"),
    ("labelSelector=app in db", 400, "BadRequest", "unable to parse"),
    ("continue=made-up", 400, "BadRequest", "continue key is not valid"),
    ("continue=x&resourceVersion=7", 400, "BadRequest", "not allowed when using continue"),
    ("resourceVersionMatch=Exact", 422, "Invalid", "unless resourceVersion is provided"),
    ("resourceVersion=0&resourceVersionMatch=Exact", 422, "Invalid", "forbidden for resourceVersion"),
    ("resourceVersion=7&resourceVersionMatch=Newest", 422, "Invalid", "supported values"),
    ("watch=1&resourceVersion=7&resourceVersionMatch=NotOlderThan", 422, "Invalid", "forbidden for watch"),
    ("watch=1&resourceVersion=newest", 400, "BadRequest", "invalid syntax"),
    ("resourceVersion=7&limit=5", 410, "Expired", "too old resource version"),
]


@pytest.mark.parametrize(("query", "status", "reason", "said"), MISTAKES)
async def test_a_mistake_is_refused_with_a_status(
    client: Client, query: str, status: int, reason: str, said: str
) -> None:
    code, document = await client.ask(query)
    assert (code, document["kind"], document["status"]) == (status, "Status", "Failure")
    assert (document["code"], document["reason"]) == (status, reason)
    assert said in document["message"]


REFUSALS = [
    ("GET", "/api/v1/secrets", 'cannot get path "/api/v1/secrets"'),
    ("GET", "/api/v1/nodes/n1/proxy/exec", "cannot get path"),
    ("GET", "/api/v1/namespaces/shop/pods/web-1", 'cannot get resource "pods" in API group "" in the namespace "shop"'),
    ("POST", "/api/v1/namespaces/shop/pods", 'cannot create resource "pods"'),
    ("DELETE", PODS, 'cannot deletecollection resource "pods" in API group "" at the cluster scope'),
    ("PATCH", PODS, 'cannot patch resource "pods"'),
]


@pytest.mark.parametrize(("method", "path", "said"), REFUSALS)
async def test_all_but_listing_and_watching_pods_is_forbidden(
    client: Client, method: str, path: str, said: str
) -> None:
    status, document = await client.ask(method=method, path=path)
    assert (status, document["reason"]) == (403, "Forbidden")
    assert said in document["message"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 403), ({"Authorization": "Bearer wrong"}, 401), ({"Authorization": f"Basic {TOKEN}"}, 401)],
    ids=["nobody", "a wrong token", "a wrong scheme"],
)
async def test_who_asks_is_looked_at_first(client: Client, headers: dict[str, str], status: int) -> None:
    code, document = await client.ask("limit=ten", headers=headers)
    assert (code, document["code"]) == (status, status)


async def test_a_token_that_expired_is_refused(client: Client) -> None:
    client.server.reject(TOKEN)
    assert (await client.ask())[0] == 401


async def test_a_watch_tells_what_happened_after_its_version(client: Client) -> None:
    cluster = client.server.cluster
    cluster.put(pod("web-1"))
    cluster.put(pod("web-2"))
    async with client.watch("resourceVersion=1001&fieldSelector=spec.nodeName=n1") as events:
        assert await events.told() == ("ADDED", "web-2", "1002")
        cluster.put(pod("other", "n2"))
        cluster.put(pod("web-1", ready=False))
        assert await events.told() == ("MODIFIED", "web-1", "1004")
        cluster.change("shop", "web-1", nodeName="n2")
        gone = await events.next()
        assert (gone["type"], gone["object"]["metadata"]["resourceVersion"]) == ("DELETED", "1005")
        assert gone["object"]["spec"]["nodeName"] == "n1", "as it was when it was selected last"
        cluster.put(pod("web-3", ""))
        cluster.change("shop", "web-3", nodeName="n1")
        assert await events.told() == ("ADDED", "web-3", "1007")
        cluster.delete("shop", "web-3")
        assert await events.told() == ("DELETED", "web-3", "1008")
        assert client.server.open_watches == 1
    async with asyncio.timeout(30):
        while client.server.open_watches:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("version", ["", "resourceVersion=0"])
async def test_a_watch_of_no_version_begins_with_what_is_there(client: Client, version: str) -> None:
    client.server.cluster.put(pod("web-1"))
    async with client.watch(version) as events:
        assert await events.told() == ("ADDED", "web-1", "1001")


async def test_a_watch_ends_when_it_was_asked_to_with_a_last_bookmark(client: Client) -> None:
    client.server.cluster.pass_by()
    async with client.watch("resourceVersion=1000&timeoutSeconds=1&allowWatchBookmarks=true") as events:
        assert await events.told() == ("BOOKMARK", "", "1001")
        assert await events.ended()


async def test_bookmarks_come_to_those_alone_who_asked_for_them(client: Client) -> None:
    client.server.bookmark_seconds = 0.02
    async with client.watch("resourceVersion=1000&timeoutSeconds=1") as events:
        assert await events.ended()


async def test_a_version_that_is_forgotten_is_told_in_an_event_or_as_the_answer(client: Client) -> None:
    client.server.cluster.put(pod("web-1"))
    client.server.cluster.compact()
    async with client.watch("resourceVersion=1000") as events:
        event = await events.next()
        assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")
        assert await events.ended()
    client.server.gone_as_status = True
    status, document = await client.ask("watch=true&resourceVersion=1000")
    assert (status, document["reason"]) == (410, "Expired")


async def test_trouble_comes_once_and_says_when_to_come_back(client: Client) -> None:
    client.server.next("list", answering(statuses.too_many_requests(3)))
    async with aiohttp.ClientSession() as session, session.get(client.server.url + PODS, headers=AUTHORIZED) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (429, "3")
        assert (await answer.json())["details"] == {"retryAfterSeconds": 3}
    assert (await client.ask())[0] == 200


async def test_an_object_keeps_its_uid_until_it_is_gone(client: Client) -> None:
    cluster = client.server.cluster
    first = cluster.put(pod("web-1"))["metadata"]["uid"]
    assert cluster.put(pod("web-1", ready=False))["metadata"]["uid"] == first
    cluster.delete("shop", "web-1")
    assert cluster.put(pod("web-1"))["metadata"]["uid"] != first
