"""An autoscaler that may add no more pods for too long is bad."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.daemonset.api_server import APIServer
from tests.daemonset.cluster_objects import autoscaler
from tests.daemonset.viewing import GOOD, viewing

BAD = ("bad", "autoscaler_at_limit")
UNKNOWN = ("unknown", "cluster_untold")
FULL = {"desired": 10}

Step = tuple[float, Mapping[str, Any], tuple[str, str]]
"""So many minutes later it is so, and judged so. Fifteen minutes are allowed."""

LIVES: Mapping[str, Sequence[Step]] = {
    "with headroom": [(0, {}, GOOD), (60, {"desired": 9}, GOOD)],
    "at its limit for a while": [(0, {}, GOOD), (1, FULL, GOOD), (14, FULL, GOOD), (1, {"desired": 9}, GOOD)],
    "at its limit for too long": [(0, {}, GOOD), (1, FULL, GOOD), (16, FULL, BAD), (1, {}, GOOD)],
    "beyond its limit, which was lowered": [(0, {}, GOOD), (1, {"most": 3}, GOOD), (16, {"most": 3}, BAD)],
    "at its limit when it was seen first": [(0, FULL, UNKNOWN), (14, FULL, UNKNOWN), (2, FULL, BAD)],
    "without headroom by design": [(0, {"least": 10, **FULL}, GOOD), (60, {"least": 10, **FULL}, GOOD)],
    "that nothing looks after": [(0, {}, GOOD), (1, {"desired": None}, GOOD), (16, {"desired": None}, UNKNOWN)],
}


@pytest.mark.parametrize("life", LIVES.values(), ids=LIVES.keys())
async def test_the_life_of_an_autoscaler(life: Sequence[Step], tmp_path: Path) -> None:
    async with APIServer() as server:
        server.autoscalers.put(autoscaler(**life[0][1]))
        async with viewing(server, tmp_path, parts=["autoscalers"], silent_after="1d") as viewed:
            for number, (minutes, changed, expected) in enumerate(life):
                viewed.leap(minutes=minutes)
                server.autoscalers.put(autoscaler(**changed))
                await viewed.hears("autoscalers")
                assert await viewed.judged() == [expected], f"step {number}"


async def test_its_replicas_and_conditions_are_told(tmp_path: Path) -> None:
    async with APIServer() as server:
        server.autoscalers.put(autoscaler(desired=10))
        async with viewing(server, tmp_path, parts=["autoscalers"]) as viewed:
            facts = await viewed.look()
            of = {"namespace": "shop", "horizontalpodautoscaler": "web"}
            for name, value in (
                ("spec_max_replicas", 10.0),
                ("spec_min_replicas", 2.0),
                ("status_current_replicas", 10.0),
                ("status_desired_replicas", 10.0),
            ):
                assert viewed.samples(facts, f"kube_horizontalpodautoscaler_{name}") == [(of, value)]
            limited = {**of, "condition": "ScalingLimited"}
            assert viewed.samples(facts, "kube_horizontalpodautoscaler_status_condition") == [
                ({**limited, "status": "true"}, 1.0),
                ({**limited, "status": "false"}, 0.0),
                ({**limited, "status": "unknown"}, 0.0),
            ]
