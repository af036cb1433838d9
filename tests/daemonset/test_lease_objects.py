"""Leases of the stand-in are as those of the API server, or else it would prove nothing."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.daemonset.api_server import TOKEN, APIServer
from tests.daemonset.selectors import Document

PATH = "/apis/coordination.k8s.io/v1/namespaces/watchkeep/leases"
MICRO_TIME = "2026-01-01T00:00:00.000000Z"


class Client:
    """Writes, and reads what is said to it."""

    def __init__(self, session: aiohttp.ClientSession, server: APIServer) -> None:
        self._session = session
        self.server = server

    async def ask(self, method: str, path: str, document: Document | None = None) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with self._session.request(method, self.server.url + path, json=document, headers=headers) as response:
            return response.status, await response.json()


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with APIServer() as server, aiohttp.ClientSession() as session:
        yield Client(session, server)


def lease(name: str = "a", *, version: str = "", **spec: Any) -> Document:
    metadata = {"name": name, **({"resourceVersion": version} if version else {})}
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}


def options(version: str) -> Document:
    return {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"resourceVersion": version}}


async def test_a_lease_is_created_read_replaced_and_deleted(client: Client) -> None:
    status, created = await client.ask("POST", PATH, lease(holderIdentity="n1", renewTime=MICRO_TIME))
    assert status == 201
    assert created["metadata"]["namespace"] == "watchkeep"
    assert await client.ask("GET", f"{PATH}/a") == (200, created)
    version = created["metadata"]["resourceVersion"]
    status, replaced = await client.ask("PUT", f"{PATH}/a", lease(version=version, holderIdentity="n2"))
    assert (status, replaced["spec"]) == (200, {"holderIdentity": "n2"})
    assert replaced["metadata"]["uid"] == created["metadata"]["uid"]
    assert replaced["metadata"]["resourceVersion"] != version
    status, page = await client.ask("GET", PATH)
    assert (page["kind"], page["apiVersion"]) == ("LeaseList", "coordination.k8s.io/v1")
    assert [item["metadata"]["name"] for item in page["items"]] == ["a"]
    assert (await client.ask("DELETE", f"{PATH}/a", options(version)))[0] == 409
    assert (await client.ask("DELETE", f"{PATH}/a", options(replaced["metadata"]["resourceVersion"])))[0] == 200
    assert (await client.ask("GET", f"{PATH}/a"))[0] == 404


REFUSED: dict[str, tuple[str, str, Document, int, str]] = {
    "one that is there": ("POST", PATH, lease("old"), 409, "AlreadyExists"),
    "an old version": ("PUT", f"{PATH}/old", lease("old", version="7"), 409, "Conflict"),
    "no version": ("PUT", f"{PATH}/old", lease("old"), 422, "Invalid"),
    "another name": ("PUT", f"{PATH}/old", lease("new", version="7"), 400, "BadRequest"),
    "a new one with a version": ("POST", PATH, lease(version="7"), 400, "BadRequest"),
    "another namespace": ("POST", PATH, {**lease(), "metadata": {"name": "a", "namespace": "b"}}, 400, "BadRequest"),
    "a name that is none": ("POST", PATH, lease("Node_1"), 422, "Invalid"),
    "a name that is too long": ("POST", PATH, lease("a" * 254), 422, "Invalid"),
    "no digits after the point": ("POST", PATH, lease(renewTime="2026-01-01T00:00:00Z"), 400, "BadRequest"),
    "three digits": ("POST", PATH, lease(renewTime="2026-01-01T00:00:00.000Z"), 400, "BadRequest"),
    "no time at all": ("POST", PATH, lease(leaseDurationSeconds=0), 422, "Invalid"),
    "a fraction of a second": ("POST", PATH, lease(leaseDurationSeconds=1.5), 400, "BadRequest"),
    "more than fits": ("POST", PATH, lease(leaseDurationSeconds=2**31), 400, "BadRequest"),
    "a misspelt key": ("POST", PATH, lease(holder="n1"), 400, "BadRequest"),
    "a pod": ("POST", PATH, {**lease(), "kind": "Pod"}, 400, "BadRequest"),
    "one that is not there": ("DELETE", f"{PATH}/new", {}, 404, "NotFound"),
    "all at once": ("DELETE", PATH, {}, 403, "Forbidden"),
    "a part of one": ("PATCH", f"{PATH}/old", {}, 403, "Forbidden"),
    "elsewhere": ("POST", PATH.replace("watchkeep", "kube-system"), lease(), 403, "Forbidden"),
    "everywhere": ("GET", "/apis/coordination.k8s.io/v1/leases", {}, 403, "Forbidden"),
}


@pytest.mark.parametrize(("method", "path", "document", "status", "reason"), REFUSED.values(), ids=REFUSED.keys())
async def test_what_is_wrong_is_refused(
    client: Client, method: str, path: str, document: Document, status: int, reason: str
) -> None:
    await client.ask("POST", PATH, lease("old"))
    code, said = await client.ask(method, path, document or None)
    assert (code, said["kind"], said["reason"]) == (status, "Status", reason)


async def test_replacing_what_is_not_there_creates_it(client: Client) -> None:
    assert (await client.ask("PUT", f"{PATH}/a", lease(version="7")))[0] == 201


@pytest.mark.parametrize(
    ("verb", "method", "path"),
    [
        ("get", "GET", f"{PATH}/a"),
        ("list", "GET", PATH),
        ("watch", "GET", f"{PATH}?watch=true"),
        ("create", "POST", PATH),
        ("update", "PUT", f"{PATH}/a"),
        ("delete", "DELETE", f"{PATH}/a"),
    ],
)
async def test_each_verb_is_permitted_by_itself(client: Client, verb: str, method: str, path: str) -> None:
    client.server.forbid(verb, "leases")
    status, said = await client.ask(method, path)
    assert (status, said["reason"]) == (403, "Forbidden")
    assert f'cannot {verb} resource "leases" in API group "coordination.k8s.io"' in said["message"]
