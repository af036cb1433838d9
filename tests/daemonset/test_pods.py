"""The pods of a node are seen as they are, whatever becomes of the connection to the API server."""

from pathlib import Path

import pytest

from slo.errors import UsageError
from tests.daemonset.api_server import APIServer
from tests.daemonset.cluster import line
from tests.daemonset.following import following
from tests.daemonset.making import pod


async def test_what_runs_is_listed_once_and_watched_from_there_on(tmp_path: Path) -> None:
    async with APIServer() as server:
        cluster = server.cluster
        cluster.put(pod("web-1"))
        cluster.put(pod("other", "n2"))
        async with following(server, tmp_path) as followed:
            await followed.sees("web-1")
            cluster.put(pod("web-2"))
            cluster.put(pod("web-1", ready=False))
            await followed.until(lambda: not followed.pod("web-1").ready)
            await followed.sees("web-1", "web-2")
            cluster.delete("shop", "web-1")
            await followed.sees("web-2")
            assert followed.faults == []
        assert (server.lists, server.watches) == (1, 1)
        first, second = server.asked
        selector = {"fieldSelector": "spec.nodeName=n1"}
        assert first.parameters == {**selector, "resourceVersion": "0", "limit": "500"}
        seconds = int(second.parameters.pop("timeoutSeconds"))
        assert 300 <= seconds <= 600
        assert second.parameters == {
            **selector,
            "watch": "true",
            "resourceVersion": "1002",
            "allowWatchBookmarks": "true",
        }


async def test_a_pod_that_moves_away_is_gone(tmp_path: Path) -> None:
    async with APIServer() as server, following(server, tmp_path) as followed:
        server.cluster.put(pod("web-1", ""))
        server.cluster.put(pod("web-2"))
        await followed.sees("web-2")
        server.cluster.change("shop", "web-1", nodeName="n1")
        await followed.sees("web-1", "web-2")
        server.cluster.change("shop", "web-2", nodeName="n2")
        await followed.sees("web-1")
        assert followed.faults == []


async def test_pods_of_other_nodes_are_not_kept_whoever_sends_them(tmp_path: Path) -> None:
    async with APIServer() as server, following(server, tmp_path) as followed:
        server.cluster.put(pod("web-1"))
        await followed.sees("web-1")
        for kind in ("ADDED", "MODIFIED"):
            other = server.cluster.put(pod("other", "n2"))
            server.say(line({"type": kind, "object": other}))
        server.cluster.put(pod("web-2"))
        await followed.sees("web-1", "web-2")
        moved = server.cluster.put(pod("web-3", "n2"))
        server.say(line({"type": "MODIFIED", "object": {**moved, "metadata": {**moved["metadata"], "name": "web-2"}}}))
        await followed.until(lambda: followed.names == ["shop/web-1"])
        assert followed.faults == []


async def test_a_node_without_a_name_is_refused(tmp_path: Path) -> None:
    async with APIServer() as server:
        with pytest.raises(UsageError, match="set NODE_NAME"):
            await following(server, tmp_path, node="").__aenter__()


async def test_who_is_slow_gets_the_newest_view_and_holds_nobody_up(tmp_path: Path) -> None:
    async with APIServer() as server, following(server, tmp_path) as followed:
        views = followed.pods.view.changes()
        assert dict(await anext(views)) == {}, "that there is none is known"
        for number in range(20):
            server.cluster.put(pod(f"web-{number}"))
        await followed.until(lambda: len(followed.names) == 20)
        assert len(await anext(views)) == 20
        server.cluster.change("shop", "web-1", tolerations=[])
        server.cluster.put(pod("web-20"))
        assert len(await anext(views)) == 21, "what makes no difference to us is no change"


async def test_a_view_that_was_handed_out_stays_as_it_is(tmp_path: Path) -> None:
    async with APIServer() as server, following(server, tmp_path) as followed:
        server.cluster.put(pod("web-1"))
        await followed.sees("web-1")
        before = followed.pods.view.now
        server.cluster.delete("shop", "web-1")
        await followed.sees()
        assert sorted(before) == ["shop/web-1"]


async def test_facts_say_how_it_goes(tmp_path: Path) -> None:
    async with APIServer() as server:
        server.forbid("list")
        async with following(server, tmp_path) as followed:
            await followed.until(lambda: followed.faults)
            facts = followed.pods.facts
            assert facts.watches == 0
            assert not followed.pods.view.known
            server.allow("list")
            await followed.sees()
            facts = followed.pods.facts
            assert (facts.lists, facts.watches) == (server.lists, 1)
            assert set(facts.restarts) == {"permission"}
            assert facts.silent_seconds < 10
