"""Pods that wait for too long are bad, and only those that wait are held."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from tests.daemonset.api_server import APIServer
from tests.daemonset.cluster_objects import pending
from tests.daemonset.making import pod
from tests.daemonset.selectors import Document
from tests.daemonset.viewing import GOOD, viewing

BAD = ("bad", "pods_pending")


def gated(name: str, minutes: float) -> Document:
    """A pod that is not to be scheduled yet."""
    document = pending(name, minutes=minutes)
    document["status"]["conditions"][0] |= {"reason": "SchedulingGated", "message": "Scheduling is blocked"}
    return document


TABLE: Mapping[str, tuple[Callable[[], Sequence[Document]], str]] = {
    "none": (list, ""),
    "one that runs": (lambda: [pod("web-1")], ""),
    "one that has waited for a while": (lambda: [pending("web-1", minutes=9)], ""),
    "one that is not to be scheduled yet": (lambda: [gated("web-1", 60)], ""),
    "no room": (
        lambda: [pending("web-1", minutes=11)],
        "1 pods are pending for longer than 10m: shop/web-1 for 11m: 0/10 nodes are available: 10 Insufficient cpu.",
    ),
    "an image that is not there": (
        lambda: [pending("web-1", minutes=11, why="ImagePullBackOff")],
        "1 pods are pending for longer than 10m: shop/web-1 for 11m: ImagePullBackOff",
    ),
    "one that does not say why": (
        lambda: [pending("web-1", minutes=11, why="ContainerCreating")],
        "1 pods are pending for longer than 10m: shop/web-1 for 11m",
    ),
    "several, the longest first": (
        lambda: [
            pending(f"web-{number}", minutes=11 + number, why="PodInitializing", namespace="a") for number in range(5)
        ],
        "5 pods are pending for longer than 10m: a/web-4 for 15m; a/web-3 for 14m; a/web-2 for 13m; and 2 more",
    ),
}
"""Pods that have waited for so long as of when they are made."""


@pytest.mark.parametrize(("pods", "detail"), TABLE.values(), ids=TABLE.keys())
async def test_pods_that_wait(pods: Callable[[], Sequence[Document]], detail: str, tmp_path: Path) -> None:
    async with APIServer() as server:
        for each in pods():
            server.cluster.put(each)
        async with viewing(server, tmp_path, parts=["pods"]) as viewed:
            (judgement,) = viewed.collector.judge(await viewed.look())
    assert judgement.reason == ("pods_pending" if detail else "ok")
    assert judgement.detail == detail


async def test_a_pod_waits_until_it_runs_or_is_gone(tmp_path: Path) -> None:
    async with APIServer() as server, viewing(server, tmp_path, parts=["pods"], silent_after="1d") as viewed:
        assert await viewed.judged() == [GOOD]
        server.cluster.put(pending("web-1"))
        server.cluster.put(pending("web-2"))
        await viewed.hears("pods")
        assert await viewed.judged() == [GOOD]
        viewed.leap(minutes=11)
        await viewed.sees(BAD)
        server.cluster.put(pod("web-1"))
        server.cluster.delete("shop", "web-2")
        await viewed.hears("pods")
        await viewed.sees(GOOD)


async def test_an_old_pod_that_becomes_pending_again_is_counted_from_then_on(tmp_path: Path) -> None:
    async with APIServer() as server:
        server.cluster.put(pod("web-1"))  # made months ago
        async with viewing(server, tmp_path, parts=["pods"], silent_after="1d") as viewed:
            assert await viewed.judged() == [GOOD]
            rebooted = pod("web-1")
            rebooted["status"]["phase"] = "Pending"
            server.cluster.put(rebooted)
            await viewed.hears("pods")
            assert await viewed.judged() == [GOOD]
            viewed.leap(minutes=11)
            assert await viewed.judged() == [BAD]


async def test_how_many_wait_is_told_and_of_each_its_phase(tmp_path: Path) -> None:
    async with APIServer() as server:
        server.cluster.put(pending("web-1", minutes=20))
        server.cluster.put(pending("web-2", minutes=1, why="ContainerCreating"))
        async with viewing(server, tmp_path, parts=["pods"]) as viewed:
            facts = await viewed.look()
            assert viewed.samples(facts, "watchkeep_kubernetes_pods_pending") == [({}, 2.0)]
            assert viewed.samples(facts, "watchkeep_kubernetes_pods_pending_too_long") == [({}, 1.0)]
            ((_, longest),) = viewed.samples(facts, "watchkeep_kubernetes_pods_pending_longest_seconds")
            assert 1200 <= longest < 1230
            phases = viewed.samples(facts, "kube_pod_status_phase")
            assert [(labels["pod"], labels["phase"]) for labels, _ in phases] == [
                ("web-1", "Pending"),
                ("web-2", "Pending"),
            ]
            assert [labels["pod"] for labels, _ in viewed.samples(facts, "kube_pod_status_unschedulable")] == ["web-1"]


async def test_of_five_thousand_pods_those_that_wait_are_asked_for_alone(tmp_path: Path) -> None:
    async with APIServer() as server:
        for number in range(5000):
            server.cluster.put(pod(f"web-{number}"))
        server.cluster.put(pending("web-x", minutes=20))
        async with viewing(server, tmp_path, parts=["pods"]) as viewed:
            facts = await viewed.look()
            assert viewed.samples(facts, "watchkeep_kubernetes_pods_pending") == [({}, 1.0)]
        assert all(each.parameters["fieldSelector"] == "status.phase=Pending" for each in server.asked)
