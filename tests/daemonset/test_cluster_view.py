"""A cluster is judged as its API server tells of it, part by part."""

from pathlib import Path

from tests.daemonset.api_server import APIServer
from tests.daemonset.cluster_objects import autoscaler, daemon_set, node, pending, spinnaker
from tests.daemonset.making import pod
from tests.daemonset.viewing import GOOD, viewing


async def test_a_cluster_that_is_well_is_good_and_is_listed_once(tmp_path: Path) -> None:
    async with APIServer() as server:
        server.daemon_sets.put(daemon_set())
        server.cluster.put(pod("web-1"))
        server.cluster.put(pending("web-2", minutes=1))
        server.autoscalers.put(autoscaler())
        server.spinnakers.put(spinnaker())
        async with viewing(server, tmp_path) as viewed:
            assert await viewed.judged() == [GOOD]
            await viewed.until(lambda: server.open_watches == 5)
            for _ in range(20):
                assert await viewed.judged() == [GOOD]
            assert (server.lists, server.watches) == (5, 5)
            readyz = [each for each in server.asked if each.path == "/readyz"]
            assert len(readyz) == 21


async def test_what_comes_to_be_wrong_is_seen_and_what_is_mended_is_good_again(tmp_path: Path) -> None:
    async with APIServer() as server, viewing(server, tmp_path) as viewed:
        assert await viewed.judged() == [GOOD]
        server.nodes.put(node("n1", ready="Unknown"))
        (judgement,) = await viewed.sees(("bad", "nodes_unavailable"))
        assert judgement.detail == "1 of 1 nodes, more than 20 %, take no work: n1 is not ready"
        server.nodes.put(node("n1"))
        await viewed.sees(GOOD)


async def test_what_no_longer_runs_is_told_before_what_waits(tmp_path: Path) -> None:
    async with APIServer() as server:
        server.cluster.put(pending("web-1", minutes=20))
        server.spinnakers.put(spinnaker(services={"gate": (2, 0)}))
        async with viewing(server, tmp_path) as viewed:
            assert await viewed.judged() == [("bad", "component_down"), ("bad", "pods_pending")]
            server.ready = False
            (first, *_) = await viewed.judged()
            assert first == ("bad", "not_ready")
