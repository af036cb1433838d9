"""Agents know who of them is there, whoever goes, comes or is late, and whatever the API server does meanwhile."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from daemonset import attendance, seats
from tests.daemonset.api_server import APIServer
from tests.daemonset.gathering import LEASES, gathering
from tests.daemonset.lease_objects import NAMESPACE
from tests.daemonset.selectors import Document

TARGETS = [("databases", f"db-{number}.example") for number in range(50)]


def written(server: APIServer, agent: str) -> Document:
    return server.leases.document((NAMESPACE, LEASES.name_of(agent)))


async def test_who_is_alone_has_a_lease_and_everything(tmp_path: Path) -> None:
    async with APIServer() as server, gathering(server, tmp_path, "ip-10-0-0-7.internal") as gathered:
        agent = gathered.agents["ip-10-0-0-7.internal"]
        assert all(agent.has(target) for target in TARGETS)
        lease = written(server, agent.name)
        assert lease["metadata"]["name"] == "watchkeep-agent-ip-10-0-0-7.internal"
        assert lease["metadata"]["labels"] == {
            "app.kubernetes.io/name": "watchkeep-agent",
            "app.kubernetes.io/instance": "watchkeep-agent",
        }
        first = lease["spec"]
        assert (first["holderIdentity"], first["leaseDurationSeconds"]) == ("ip-10-0-0-7.internal", 20)
        await gathered.wait(5)
        second = written(server, agent.name)["spec"]
        assert second["acquireTime"] == first["acquireTime"]
        assert second["renewTime"] > first["renewTime"]
        assert agent.faults == []


async def test_all_see_the_same_and_each_target_has_one_of_them(tmp_path: Path) -> None:
    async with APIServer() as server, gathering(server, tmp_path, "n1", "n2", "n3") as gathered:
        await gathered.wait(60)
        for target in TARGETS:
            assert sum(agent.has(target) for agent in gathered.agents.values()) == 1
        for agent in gathered.agents.values():
            assert agent.faults == []
            assert agent.shown[-1] == {"n1", "n2", "n3"}
            assert (agent.peers.facts.lists, agent.peers.facts.watches) == (1, 1)
        assert (server.lists, server.watches) == (3, 3)


async def test_who_is_not_ready_has_no_share_and_takes_none(tmp_path: Path) -> None:
    async with APIServer() as server, gathering(server, tmp_path, "n1") as gathered:
        late = gathered.start("n2", announced=False)
        await gathered.wait(30)
        assert late.peers.agents.now == {"n1"}
        assert not any(late.has(target) for target in TARGETS)
        late.peers.announce()
        await gathered.until_all_see(["n1", "n2"], within=10)


async def test_before_anything_is_known_nothing_is_shown(tmp_path: Path) -> None:
    async with APIServer() as server:
        server.forbid("list", "leases")
        async with gathering(server, tmp_path) as gathered:
            agent = gathered.start("n1")
            await gathered.settle()
            await gathered.wait(10)
            assert not agent.peers.agents.known
            await gathered.wait(15)
            assert agent.peers.agents.known, "rather than wait for ever it sees to everything"
            assert all(agent.has(target) for target in TARGETS)
            server.allow("list", "leases")
            await gathered.until_all_see(["n1"], within=60)


@pytest.mark.parametrize("others", [["n2"], ["n2", "n3"]])
async def test_the_share_of_who_is_lost_moves_within_30_seconds(others: list[str], tmp_path: Path) -> None:
    async with APIServer() as server, gathering(server, tmp_path, "n1", *others) as gathered:
        await gathered.wait(3.5)  # just before its next renewal, or just after: whatever comes of it
        await gathered.kill("n1")
        took = await gathered.until_all_see(others, within=30)
        assert took > 12, "who is late twice is not dead"
        for target in TARGETS:
            assert sum(agent.has(target) for agent in gathered.agents.values()) == 1


async def test_the_share_of_who_goes_moves_at_once(tmp_path: Path) -> None:
    async with APIServer() as server, gathering(server, tmp_path, "n1", "n2", "n3") as gathered:
        await gathered.stop("n1")
        assert await gathered.until_all_see(["n2", "n3"], within=2) <= 1.5
        assert (NAMESPACE, LEASES.name_of("n1")) not in server.leases


async def test_who_follows_nobody_any_more_can_still_go_as_it_should(tmp_path: Path) -> None:
    async with APIServer() as server, gathering(server, tmp_path, "n1", "n2") as gathered:
        agent = gathered.agents["n1"]
        agent.task.cancel()
        await asyncio.gather(agent.task, return_exceptions=True)
        await agent.peers.withdraw()
        assert (NAMESPACE, LEASES.name_of("n1")) not in server.leases
        await gathered.kill("n1")
        await gathered.until_all_see(["n2"], within=2)


async def test_who_comes_is_in_charge_before_others_leave_it_to_him(tmp_path: Path) -> None:
    async with APIServer() as server, gathering(server, tmp_path, "n1", "n2") as gathered:
        gathered.start("n3")
        for _ in range(30):
            await gathered.wait(0.5)
            for target in TARGETS:
                assert any(agent.has(target) for agent in gathered.agents.values()), target
        await gathered.until_all_see(["n1", "n2", "n3"], within=1)


async def test_clocks_that_are_hours_apart_make_no_difference(tmp_path: Path) -> None:
    async with APIServer() as server, gathering(server, tmp_path) as gathered:
        for name, hours in (("n1", 0), ("n2", 7), ("n3", -5)):
            gathered.start(name, ahead=timedelta(hours=hours))
        await gathered.settle()
        await gathered.until_all_see(["n1", "n2", "n3"], within=15)
        await gathered.wait(60)
        await gathered.until_all_see(["n1", "n2", "n3"], within=1)
        await gathered.kill("n2")
        await gathered.until_all_see(["n1", "n3"], within=30)


async def test_while_the_api_server_is_away_nobody_is_taken_for_gone(tmp_path: Path) -> None:
    names = ["n1", "n2", "n3"]
    async with APIServer() as server, gathering(server, tmp_path, *names) as gathered:
        before = {name: len(agent.shown) for name, agent in gathered.agents.items()}
        await server.__aexit__(None, None, None)
        await gathered.wait(300)
        assert all(agent.faults for agent in gathered.agents.values())
        asked = len(server.asked)
        await server.__aenter__()
        await gathered.wait(5)
        renewed = {each.path for each in server.asked[asked:] if each.verb == "update"}
        assert renewed == {LEASES.path_of(name) for name in names}, "all come back before others could miss them"
        await gathered.wait(120)
        for name, agent in gathered.agents.items():
            assert len(agent.shown) == before[name], f"{name} saw {agent.shown}"
            assert agent.peers.agents.now == set(names)


async def test_who_dies_while_the_api_server_is_away_is_missed_once_it_is_back(tmp_path: Path) -> None:
    async with APIServer() as server, gathering(server, tmp_path, "n1", "n2", "n3") as gathered:
        await server.__aexit__(None, None, None)
        await gathered.wait(60)
        await gathered.kill("n1")
        await gathered.wait(60)
        await server.__aenter__()
        await gathered.until_all_see(["n2", "n3"], within=60)


async def test_who_starts_while_the_api_server_is_away_sees_to_everything_meanwhile(tmp_path: Path) -> None:
    async with APIServer() as server, gathering(server, tmp_path, "n1") as gathered:
        await server.__aexit__(None, None, None)
        late = gathered.start("n2")
        await gathered.wait(25)
        assert all(late.has(target) for target in TARGETS)
        await server.__aenter__()
        await gathered.until_all_see(["n1", "n2"], within=60)


async def test_who_comes_back_gives_up_what_it_left_behind_until_it_is_ready(tmp_path: Path) -> None:
    async with APIServer() as server, gathering(server, tmp_path, "n1", "n2") as gathered:
        await gathered.kill("n1")
        again = gathered.start("n1", announced=False)
        assert await gathered.until_all_see(["n2"], within=30) <= 4
        again.peers.announce()
        await gathered.until_all_see(["n1", "n2"], within=10)


async def test_who_comes_leaves_nothing_to_the_dead(tmp_path: Path) -> None:
    """Others know that they are dead; it does not yet, and what it were given it would leave to them."""
    async with APIServer() as server, gathering(server, tmp_path, "n1", "n2", "n3") as gathered:
        await gathered.kill("n2")
        await gathered.kill("n3")
        await gathered.until_all_see(["n1"], within=30)
        gathered.start("n4")
        for _ in range(100):
            await gathered.wait(0.5)
            for target in TARGETS:
                assert any(agent.has(target) for agent in gathered.agents.values()), target
        await gathered.until_all_see(["n1", "n4"], within=1)


async def test_who_flaps_leaves_its_share_to_the_others_each_time(tmp_path: Path) -> None:
    async with APIServer() as server, gathering(server, tmp_path, "n1", "n2") as gathered:
        for _ in range(3):
            await gathered.kill("n1")
            await gathered.until_all_see(["n2"], within=30)
            gathered.start("n1")
            await gathered.until_all_see(["n1", "n2"], within=30)


async def test_releases_do_not_mix(tmp_path: Path) -> None:
    async with APIServer() as server, gathering(server, tmp_path, "n1") as gathered:
        other = gathered.start("n1-of-the-other", release="other")
        await gathered.wait(10)
        assert other.peers.agents.now == {"n1-of-the-other"}
        assert gathered.agents["n1"].peers.agents.now == {"n1"}


async def test_what_is_left_of_nodes_that_have_gone_is_deleted_by_one_agent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attendance, "LONG_GONE_SECONDS", 90.0)
    async with APIServer() as server, gathering(server, tmp_path, "n1", "n2", "n3", "n4") as gathered:
        await gathered.kill("n3")
        await gathered.kill("n4")
        await gathered.wait(80)
        assert len(server.leases) == 4
        await gathered.wait(110)
        assert sorted(name for _, name in map(key, server.leases.snapshot().objects)) == [
            LEASES.name_of("n1"),
            LEASES.name_of("n2"),
        ]
        assert sum(each.verb == "delete" for each in server.asked) == 2
        assert all(agent.faults == [] for agent in gathered.agents.values())


def key(lease: Document) -> tuple[str, str]:
    return lease["metadata"]["namespace"], lease["metadata"]["name"]


async def test_of_many_agents_some_have_a_share_and_others_take_the_place_of_who_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seats, "SEATS", 3)
    monkeypatch.setattr(seats, "FREE_SECONDS", 60.0)
    async with APIServer() as server, gathering(server, tmp_path) as gathered:
        for number in range(8):
            gathered.start(f"n{number}")
        await gathered.settle()
        await gathered.wait(90)
        seen = {agent.peers.agents.now for agent in gathered.agents.values()}
        assert len(seen) == 1
        (sharing,) = seen
        assert len(sharing) == 3
        assert len(server.leases) == 3
        lost = min(sharing)
        await gathered.kill(lost)
        await gathered.until_all_see(sharing - {lost}, within=30)
        await gathered.wait(90)
        (sharing,) = {agent.peers.agents.now for agent in gathered.agents.values()}
        assert len(sharing) == 3
        assert lost not in sharing
