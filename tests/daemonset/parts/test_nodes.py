"""Too many nodes that take no work are bad."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.daemonset.api_server import APIServer
from tests.daemonset.cluster_objects import node
from tests.daemonset.selectors import Document
from tests.daemonset.viewing import viewing

WELL = [node(f"n{number}") for number in range(8)]

TABLE: Mapping[str, tuple[Sequence[Document], str]] = {
    "all well": (WELL, ""),
    "as many away as may be": ([*WELL, node("n8", ready="False"), node("n9", cordoned=True)], ""),
    "more than may be": (
        [*WELL[:7], node("n7", ready="Unknown"), node("n8", ready="False"), node("n9", cordoned=True)],
        "3 of 10 nodes, more than 20 %, take no work: n7 is not ready; n8 is not ready; n9 is cordoned",
    ),
    "one that does not say whether it is ready": (
        [{**node("n1"), "status": {}}],
        "1 of 1 nodes, more than 20 %, take no work: n1 is not ready",
    ),
}


@pytest.mark.parametrize(("nodes", "detail"), TABLE.values(), ids=TABLE.keys())
async def test_nodes(nodes: Sequence[Document], detail: str, tmp_path: Path) -> None:
    async with APIServer() as server:
        for each in nodes:
            server.nodes.put(each)
        async with viewing(server, tmp_path, parts=["nodes"]) as viewed:
            facts = await viewed.look()
            (judgement,) = viewed.collector.judge(facts)
            ready = viewed.samples(facts, "kube_node_status_condition")
            assert len(ready) == 3 * len(nodes)
    assert (judgement.reason, judgement.detail) == ("nodes_unavailable" if detail else "ok", detail)


async def test_a_cluster_without_nodes_takes_no_work(tmp_path: Path) -> None:
    async with APIServer() as server, viewing(server, tmp_path, parts=["nodes"]) as viewed:
        server.nodes.delete("", "n1")
        (judgement,) = viewed.collector.judge(await viewed.look())
    assert (judgement.reason, judgement.detail) == ("nodes_unavailable", "the cluster has no nodes")
