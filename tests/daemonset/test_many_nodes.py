"""Many nodes, each with an agent, while pods come and go: each sees its own, and asks once. In full: bench agent."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random

from tests.daemonset.api_server import APIServer
from tests.daemonset.churn import Churn, on_node, seen_on
from tests.daemonset.following import following
from tests.daemonset.making import large_pod


async def test_500_pods_on_10_nodes_are_followed_with_one_list_and_one_watch_each(tmp_path: Path) -> None:
    nodes = [f"n{number}" for number in range(10)]
    churn = Churn(nodes, make=large_pod, random=Random(1))
    async with APIServer() as server, AsyncExitStack() as stack:
        for _ in range(500):
            churn.create(server.cluster)
        agents = {node: await stack.enter_async_context(following(server, tmp_path, node=node)) for node in nodes}
        for _ in range(500):
            churn.happen(server.cluster)
            await asyncio.sleep(0.002)
        for node, agent in agents.items():
            there = on_node(server.cluster, node)
            assert there
            async for view in agent.pods.view.changes():
                if seen_on(view) == there:
                    break
            assert agent.faults == []
        assert (server.lists, server.watches, server.open_watches) == (10, 10, 10)
