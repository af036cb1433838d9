"""What a cluster view shows: metrics that promtool takes, documented one and all, and no more memory than it needs."""

import gc
import json
import subprocess
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from daemonset import cluster_view
from daemonset.cluster_view import Facts
from daemonset.parts import pending_pods
from daemonset.parts.families import FAMILIES
from slo.core.outcome import Outcome
from slo.core.reason import State
from slo.exposition.buffer import Serving
from slo.exposition.collected import Collected, CollectedRenderer
from tests.daemonset.api_server import TOKEN, APIServer
from tests.daemonset.cluster_objects import autoscaler, daemon_set, node, pending, spinnaker
from tests.daemonset.making import large_pod
from tests.daemonset.viewing import Viewed, viewing
from tests.services import program

MANUAL = Path(__file__).parents[2] / "docs" / "collectors" / "kubernetes.md"
PODS = 5000


@asynccontextmanager
async def everything(folder: Path) -> AsyncIterator[Viewed]:
    """A cluster with one of everything, in which all sorts of things are wrong."""
    async with APIServer() as server:
        server.daemon_sets.put(daemon_set(ready=9))
        server.cluster.put(pending("web-1", minutes=20))
        server.autoscalers.put(autoscaler(desired=10))
        server.nodes.put(node(cordoned=True))
        server.spinnakers.put(spinnaker(services={"gate": (2, 0)}))
        server.reviews.permit(TOKEN, resources="pods", verbs="list")
        async with viewing(server, folder, access={}) as viewed:
            yield viewed


async def test_every_metric_has_a_family_and_every_family_a_metric(tmp_path: Path) -> None:
    async with everything(tmp_path) as viewed:
        said = {each.name for each in viewed.collector.samples(await viewed.look())}
    assert said == set(FAMILIES)
    assert all(cluster_view.family(name) == FAMILIES[name] for name in said)
    assert cluster_view.family("up") is None


async def test_promtool_takes_the_exposition(tmp_path: Path) -> None:
    async with everything(tmp_path) as viewed:
        text = exposed(viewed, await viewed.look())
    checked = subprocess.run(
        [program("promtool", package="prometheus"), "check", "metrics"],
        input=text.encode(),
        capture_output=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr.decode()
    assert "kube_daemonset_status_number_ready" in text


def test_every_metric_is_in_the_manual() -> None:
    manual = MANUAL.read_text(encoding="utf-8")
    assert [name for name in FAMILIES if name not in manual] == []


async def test_people_are_told_what_there_is_and_all_that_is_wrong(tmp_path: Path) -> None:
    async with everything(tmp_path) as viewed:
        facts = await viewed.look()
        found = {each.name: each.text for each in viewed.collector.explain(facts, datetime.now(UTC))}
    assert found["DaemonSets"] == "0 of 1 are ready on every node"
    assert found["pending pods"] == "1"
    assert found["autoscalers"] == "0 of 1 are below their limit"
    assert found["nodes"] == "0 of 1 take work"
    assert found["Spinnaker spinnaker/spinnaker"] == "version 1.30.1, 0 of 1 services have their replicas"
    assert found["rights"] == "1 of 88 are there"
    assert {"pods_pending", "nodes_unavailable", "component_down", "right_missing", "cluster_untold"} <= found.keys()


async def test_of_five_thousand_pods_that_wait_few_are_told_one_by_one(tmp_path: Path) -> None:
    async with APIServer() as server:
        for number in range(PODS):
            server.cluster.put(large_pod(f"web-{number}", ""))
        async with viewing(server, tmp_path, parts=["pods"]) as viewed:
            await viewed.hears("pods")
            facts = await viewed.look()
            assert viewed.samples(facts, "watchkeep_kubernetes_pods_pending") == [({}, float(PODS))]
            assert len(viewed.samples(facts, "kube_pod_status_phase")) == 500
            (judgement,) = viewed.collector.judge(facts)
            assert f"{PODS} pods are pending" in judgement.detail
            assert len(judgement.detail) < 1000


def test_of_each_pod_that_waits_less_than_a_kilobyte_is_held() -> None:
    documents = []
    for number in range(200):
        document = large_pod(f"web-{number}", "")
        document["metadata"] |= {"uid": f"uid-{number}", "resourceVersion": "7"}
        document["status"]["conditions"] = pending("web")["status"]["conditions"]
        documents.append(json.dumps(document))
    assert min(map(len, documents)) > 9_000
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        kept = [pending_pods.kept(pending_pods.PENDING_POD.validate_json(document)) for document in documents]
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert all(kept)
    assert (after - before) / len(kept) < 1_000


def exposed(viewed: Viewed, facts: Facts) -> str:
    """What `/metrics` shows of a round."""
    outcome = Outcome(
        check="cluster",
        target=viewed.collector.target,
        module="kubernetes",
        at=datetime.now(UTC),
        state=State.BAD,
        reason="component_down",
    )
    serving = Serving(family_of=cluster_view.family, most=10_000)
    collected = Collected(outcome=outcome, samples=viewed.collector.samples(facts), serving=serving)
    faults: list[Exception] = []
    text = "".join(
        CollectedRenderer(identified=False).render([collected], on_fault=lambda _, error: faults.append(error))
    )
    assert faults == []
    return text
