"""DaemonSets are bad when they lack pods that are ready for too long, and a rollout that gets on is none of that."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.daemonset.api_server import APIServer
from tests.daemonset.cluster_objects import daemon_set
from tests.daemonset.viewing import GOOD, viewing

BAD = ("bad", "pods_unready")
SINCE_WHEN = ("unknown", "cluster_untold")
ON_DELETE = {"type": "OnDelete"}
HALF = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "45%"}}

Step = tuple[float, Mapping[str, Any], tuple[str, str]]
"""So many minutes later it is so, and judged so. Five minutes are allowed."""

LIVES: Mapping[str, Sequence[Step]] = {
    "short for a while": [(0, {}, GOOD), (1, {"ready": 9}, GOOD), (4, {"ready": 9}, GOOD), (1, {}, GOOD)],
    "short for too long": [(0, {}, GOOD), (1, {"ready": 9}, GOOD), (4, {"ready": 8}, GOOD), (2, {"ready": 9}, BAD)],
    "whole in between": [(0, {}, GOOD), (1, {"ready": 9}, GOOD), (4, {}, GOOD), (1, {"ready": 9}, GOOD), (4, {}, GOOD)],
    "short when it was seen first": [
        (0, {"ready": 9}, SINCE_WHEN),
        (4, {"ready": 9}, SINCE_WHEN),
        (2, {"ready": 9}, BAD),
    ],
    "mended before it is known": [(0, {"ready": 9}, SINCE_WHEN), (1, {}, GOOD)],
    "without any node": [(0, {"desired": 0, "ready": 0}, GOOD), (9, {"desired": 0, "ready": 0}, GOOD)],
    "more than it needs": [(0, {"ready": 12}, GOOD), (9, {"ready": 12}, GOOD)],
    "a rollout that gets on, one node after another": [
        (0, {}, GOOD),
        *((4, {"generation": 4, "ready": 9, "updated": updated}, GOOD) for updated in range(1, 10)),
        (4, {"generation": 4}, GOOD),
    ],
    "a rollout that stands still": [
        (0, {}, GOOD),
        (1, {"generation": 4, "ready": 9, "updated": 1}, GOOD),
        (4, {"generation": 4, "ready": 9, "updated": 2}, GOOD),
        (4, {"generation": 4, "ready": 9, "updated": 2}, GOOD),
        (2, {"generation": 4, "ready": 9, "updated": 2}, BAD),
    ],
    "a rollout that takes down more than it may": [
        (0, {}, GOOD),
        *((1, {"generation": 4, "ready": 7, "updated": updated}, GOOD) for updated in range(1, 6)),
        (2, {"generation": 4, "ready": 7, "updated": 7}, BAD),
    ],
    "a rollout that may take down half of them": [
        (0, {}, GOOD),
        *((4, {"generation": 4, "ready": 5, "updated": updated, "strategy": HALF}, GOOD) for updated in range(1, 6)),
    ],
    "the last node of a rollout, which does not become ready": [
        (0, {}, GOOD),
        (1, {"generation": 4, "ready": 9, "updated": 9}, GOOD),
        (4, {"generation": 4, "ready": 9, "updated": 10}, GOOD),
        (6, {"generation": 4, "ready": 9, "updated": 10}, BAD),
    ],
    "one that rolls nothing out, where people do": [
        (0, {"strategy": ON_DELETE}, GOOD),
        (1, {"strategy": ON_DELETE, "ready": 9, "updated": 1}, GOOD),
        (6, {"strategy": ON_DELETE, "ready": 9, "updated": 2}, BAD),
    ],
    "a controller that sees no change": [
        (0, {}, GOOD),
        (1, {"generation": 4, "observed": 3}, GOOD),
        (6, {"generation": 4, "observed": 3}, BAD),
        (1, {"generation": 4}, GOOD),
    ],
    "a strategy that is none": [(0, {"strategy": {"type": "RollingUpdate", "rollingUpdate": None}}, GOOD)],
}


@pytest.mark.parametrize("life", LIVES.values(), ids=LIVES.keys())
async def test_the_life_of_a_daemon_set(life: Sequence[Step], tmp_path: Path) -> None:
    async with APIServer() as server:
        server.daemon_sets.put(daemon_set(**life[0][1]))
        async with viewing(server, tmp_path, parts=["daemonsets"], silent_after="1d") as viewed:
            for number, (minutes, changed, expected) in enumerate(life):
                viewed.leap(minutes=minutes)
                server.daemon_sets.put(daemon_set(**changed))
                await viewed.hears("daemonsets")
                assert await viewed.judged() == [expected], f"step {number}"


async def test_the_worst_are_named_with_their_nodes_and_how_long(tmp_path: Path) -> None:
    async with APIServer() as server:
        async with viewing(server, tmp_path, parts=["daemonsets"], silent_after="1d") as viewed:
            assert await viewed.judged() == [GOOD]
            for name in "abcde":
                server.daemon_sets.put(daemon_set(name, ready=7))
            await viewed.hears("daemonsets")
            assert await viewed.judged() == [GOOD]
            viewed.leap(minutes=11)
            (judgement,) = await viewed.sees(BAD)
        assert judgement.detail == (
            "DaemonSets without a pod that is ready: kube-system/a: 3 of 10 nodes for 11m; kube-system/b: 3 of 10 nodes"
            " for 11m; kube-system/c: 3 of 10 nodes for 11m; and 2 more"
        )


async def test_other_namespaces_are_passed_over(tmp_path: Path) -> None:
    keys = {"parts": ["daemonsets"], "daemonsets": {"namespaces": ["kube-system"], "unready_after": "1s"}}
    async with APIServer() as server:
        server.daemon_sets.put(daemon_set(ready=10))
        server.daemon_sets.put(daemon_set("other", namespace="shop", ready=0))
        async with viewing(server, tmp_path, **keys) as viewed:
            assert await viewed.judged() == [GOOD]
            viewed.leap(seconds=2)
            facts = await viewed.look()
            ready = viewed.samples(facts, "kube_daemonset_status_number_ready")
            assert [labels["daemonset"] for labels, _ in ready] == ["logs"]


async def test_its_numbers_are_told_under_the_names_of_kube_state_metrics(tmp_path: Path) -> None:
    async with APIServer() as server:
        server.daemon_sets.put(daemon_set(ready=7, updated=4, generation=5, observed=4))
        async with viewing(server, tmp_path, parts=["daemonsets"]) as viewed:
            facts = await viewed.look()
            said = {each.name: each.value for each in viewed.collector.samples(facts) if each.name.startswith("kube_")}
            assert said == {
                "kube_daemonset_metadata_generation": 5,
                "kube_daemonset_status_observed_generation": 4,
                "kube_daemonset_status_desired_number_scheduled": 10,
                "kube_daemonset_status_current_number_scheduled": 10,
                "kube_daemonset_status_number_ready": 7,
                "kube_daemonset_status_number_available": 7,
                "kube_daemonset_status_number_unavailable": 3,
                "kube_daemonset_status_number_misscheduled": 0,
                "kube_daemonset_status_updated_number_scheduled": 4,
            }
