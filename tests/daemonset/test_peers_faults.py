"""Whatever the API server answers a renewal with, whatever stands in Leases: nobody is lost, and people are told."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import web

from daemonset import peers
from daemonset.reflector import Patience
from tests.daemonset import statuses
from tests.daemonset.api_server import TOKEN, APIServer, Trouble, answering, cutting, hanging, saying
from tests.daemonset.gathering import LEASES, Gathering, gathering
from tests.daemonset.lease_objects import GROUP, NAMESPACE
from tests.daemonset.selectors import Document

NAMES = ["n1", "n2"]

NOT_FOUND = statuses.not_found(GROUP, "leases", "watchkeep-agent-n1")
CONFLICT = statuses.conflict(GROUP, "leases", "watchkeep-agent-n1")

MENDED: dict[str, tuple[str, Trouble]] = {
    "somebody else wrote it": ("update", answering(CONFLICT)),
    "somebody deleted it": ("update", answering(NOT_FOUND)),
}
TOLD: dict[str, tuple[Trouble, str]] = {
    "an error of etcd": (answering(statuses.internal_error()), "server_error"),
    "too many requests": (answering(statuses.too_many_requests(1)), "rate_limited"),
    "come back tomorrow": (answering(statuses.too_many_requests(86_400)), "rate_limited"),
    "a reset": (cutting, "reset"),
    "no JSON": (saying(b"<html>"), "malformed"),
    "no Lease": (saying(b"{}"), "malformed"),
    "a flood": (saying(b"x" * 5_000_000), "too_large"),
    "an expired token": (answering(statuses.unauthorized()), "auth_refused"),
    "a redirect": (saying(b"", 302, Location="https://elsewhere.example/"), "status"),
}


def lease(holder: str, *, name: str = "", seconds: int = 20, renewed: str = "2026-01-01T00:00:00.000000Z") -> Document:
    """A Lease that somebody writes."""
    return {
        "kind": "Lease",
        "apiVersion": f"{GROUP}/v1",
        "metadata": {
            "namespace": NAMESPACE,
            "name": name or LEASES.name_of(holder),
            "labels": dict(LEASES.labels),
        },
        "spec": {"holderIdentity": holder, "leaseDurationSeconds": seconds, "renewTime": renewed},
    }


def trouble_twice(server: APIServer, agent: str, trouble: Trouble) -> None:
    """The next two renewals of this agent fail; those of others do not."""
    left = [trouble, trouble]

    async def maybe(request: web.Request) -> web.StreamResponse:
        if left and request.path.endswith(f"/{LEASES.name_of(agent)}"):
            return await left.pop()(request)
        return await server.answer(request)

    server.next("update", *[maybe] * 20)


async def assert_all_are_seen_all_the_time(gathered: Gathering, seconds: float) -> None:
    for agent in gathered.agents.values():
        agent.shown.clear()
    await gathered.wait(seconds)
    for agent in gathered.agents.values():
        assert agent.shown == [frozenset(NAMES)], f"{agent.name} saw {agent.shown}"


@pytest.mark.parametrize(("verb", "trouble"), MENDED.values(), ids=MENDED.keys())
async def test_what_can_be_mended_at_once_is(verb: str, trouble: Trouble, tmp_path: Path) -> None:
    async with APIServer() as server, gathering(server, tmp_path, *NAMES) as gathered:
        server.next(verb, trouble, trouble)
        await assert_all_are_seen_all_the_time(gathered, 30)
        assert all(agent.faults == [] for agent in gathered.agents.values())


async def test_a_lease_that_was_deleted_is_made_anew(tmp_path: Path) -> None:
    async with APIServer() as server, gathering(server, tmp_path, *NAMES) as gathered:
        server.leases.delete(NAMESPACE, LEASES.name_of("n1"))
        await gathered.wait(10)
        assert (NAMESPACE, LEASES.name_of("n1")) in server.leases
        await gathered.until_all_see(NAMES, within=5)
        assert all(agent.faults == [] for agent in gathered.agents.values())


@pytest.mark.parametrize(("trouble", "reason"), TOLD.values(), ids=TOLD.keys())
async def test_a_renewal_that_fails_twice_comes_before_anybody_is_taken_for_gone(
    trouble: Trouble, reason: str, tmp_path: Path
) -> None:
    async with APIServer() as server, gathering(server, tmp_path, *NAMES) as gathered:
        trouble_twice(server, "n1", trouble)
        await assert_all_are_seen_all_the_time(gathered, 40)
        assert [fault.reason for fault in gathered.agents["n1"].faults] == [reason, reason]
        assert gathered.agents["n2"].faults == []


async def test_a_token_that_is_replaced_is_used_from_the_next_renewal_on(tmp_path: Path) -> None:
    async with APIServer() as server, gathering(server, tmp_path, *NAMES) as gathered:
        server.accept("another")
        gathered.token_file.write_text("another")
        server.reject(TOKEN)
        await assert_all_are_seen_all_the_time(gathered, 30)
        assert all(agent.faults == [] for agent in gathered.agents.values())


async def test_a_renewal_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "WRITE_SECONDS", 1.0)
    async with APIServer() as server, gathering(server, tmp_path, *NAMES) as gathered:
        trouble_twice(server, "n1", hanging)
        await assert_all_are_seen_all_the_time(gathered, 30)
        assert [fault.reason for fault in gathered.agents["n1"].faults] == ["timeout", "timeout"]


@pytest.mark.parametrize("verb", ["create", "update", "list", "watch"])
async def test_a_missing_rule_is_told_with_the_rule(verb: str, tmp_path: Path) -> None:
    async with APIServer() as server, gathering(server, tmp_path) as gathered:
        server.forbid(verb, "leases")
        agent = gathered.start("n1")
        await gathered.settle()
        await gathered.wait(40)
        fault = agent.faults[0]
        assert fault.reason == "permission"
        assert fault.detail.startswith(
            f"it may not {verb} leases: bind its service account to a Role in the namespace watchkeep with the"
            ' rule {apiGroups: ["coordination.k8s.io"], resources: ["leases"],'
            ' verbs: ["get", "list", "watch", "create", "update", "delete"]} ('
        )
        assert agent.has(("web", "w1.example")), "who cannot be known of sees to everything"
        assert len(agent.faults) < 20
        server.allow(verb, "leases")
        await gathered.until_all_see(["n1"], within=60)


async def test_who_may_not_write_leaves_it_to_those_who_may(tmp_path: Path) -> None:
    async with APIServer() as server, gathering(server, tmp_path, "n1") as gathered:
        server.forbid("create", "leases")
        other = gathered.start("n2")
        await gathered.wait(30)
        assert other.faults
        assert other.peers.agents.now == {"n1"}


async def test_a_watch_that_is_half_open_is_begun_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "PATIENCE", Patience(idle_seconds=0.3))
    async with APIServer() as server, gathering(server, tmp_path, *NAMES) as gathered:
        server.freeze()
        await gathered.wait(4)
        await asyncio.sleep(0.5)
        await gathered.kill("n1")
        await gathered.until_all_see(["n2"], within=40)
        assert {fault.reason for fault in gathered.agents["n2"].faults} <= {"silent", "timeout"}


@pytest.mark.parametrize("asked_seconds", [1, 3600])
async def test_who_is_lost_is_missed_while_the_server_wants_no_more_watches(asked_seconds: int, tmp_path: Path) -> None:
    async with APIServer() as server, gathering(server, tmp_path, *NAMES) as gathered:
        server.next("watch", *[answering(statuses.too_many_requests(asked_seconds))] * 3)
        server.end()
        await gathered.wait(1.5)
        await gathered.kill("n1")
        await gathered.until_all_see(["n2"], within=45)
        assert {fault.reason for fault in gathered.agents["n2"].faults} == {"rate_limited"}


async def test_a_lease_is_left_alone_by_who_had_it_before(tmp_path: Path) -> None:
    async with APIServer() as server, gathering(server, tmp_path, *NAMES) as gathered:
        taken = lease("n1", renewed="2026-01-01T00:01:00.000000Z")
        server.leases.put(taken)
        await gathered.agents["n1"].peers.withdraw()
        assert server.leases.document((NAMESPACE, LEASES.name_of("n1")))["spec"] == taken["spec"]


async def test_a_lease_that_was_written_without_an_answer_is_given_up_all_the_same(tmp_path: Path) -> None:
    async def written_and_cut(request: web.Request) -> web.StreamResponse:
        await server.answer(request)
        return await cutting(request)

    async with APIServer() as server, gathering(server, tmp_path) as gathered:
        server.next("create", written_and_cut)
        agent = gathered.start("n1")
        await gathered.settle()
        await gathered.wait(1)
        assert len(server.leases) == 1
        await agent.peers.withdraw()
        assert len(server.leases) == 0


async def test_leaving_ends_in_time_whatever_the_api_server_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "LEAVE_SECONDS", 0.2)
    async with APIServer() as server, gathering(server, tmp_path, *NAMES) as gathered:
        server.next("delete", hanging)
        await gathered.stop("n1")
        await gathered.until_all_see(["n2"], within=30)


HOSTILE: dict[str, Document] = {
    "nobody holds it": lease("", name="watchkeep-agent-"[:-1]),
    "another's name": lease("n1", name="watchkeep-agent-n9"),
    "no name of a node": lease("\x00\ud83d\ude00" + "x" * 5000, name="watchkeep-agent-odd"),
    "no spec": {**lease("n9"), "spec": {}},
    "nulls": {**lease("n9"), "spec": {"holderIdentity": None, "leaseDurationSeconds": None, "renewTime": None}},
}


@pytest.mark.parametrize("document", HOSTILE.values(), ids=HOSTILE.keys())
async def test_a_lease_that_is_none_of_ours_makes_no_difference(document: Document, tmp_path: Path) -> None:
    async with APIServer() as server, gathering(server, tmp_path, *NAMES) as gathered:
        server.leases.put(document)
        await assert_all_are_seen_all_the_time(gathered, 10)
        late = gathered.start("n3")
        await gathered.until_all_see([*NAMES, "n3"], within=30)
        assert late.faults == []


async def test_a_lease_for_ever_is_good_for_a_minute(tmp_path: Path) -> None:
    async with APIServer() as server, gathering(server, tmp_path, *NAMES) as gathered:
        server.leases.put(lease("n9", seconds=2**31 - 1))
        await gathered.until_all_see([*NAMES, "n9"], within=10)
        await gathered.until_all_see(NAMES, within=75)


async def test_ten_thousand_leases_are_borne(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They take all seats, so that nobody renews any more; that the API server answers is enough to miss them."""
    monkeypatch.setattr(peers, "PATIENCE", Patience(idle_seconds=0.3))
    async with APIServer() as server, gathering(server, tmp_path, *NAMES) as gathered:
        for number in range(10_000):
            server.leases.put(lease(f"x{number}"))
        await gathered.wait(5)
        assert all(len(agent.peers.agents.now) <= 32 for agent in gathered.agents.values())
        await gathered.until_all_see(NAMES, within=300)
        assert {fault.reason for agent in gathered.agents.values() for fault in agent.faults} <= {"silent"}
