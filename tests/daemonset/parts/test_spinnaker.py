"""Spinnaker is judged by the replicas of its services, whatever its operator thinks of it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.daemonset.api_server import APIServer
from tests.daemonset.cluster_objects import WHOLE, spinnaker
from tests.daemonset.viewing import GOOD, viewing

DOWN = ("bad", "component_down")
UNKNOWN = ("unknown", "cluster_untold")

Step = tuple[float, Mapping[str, Any], tuple[str, str]]
"""So many minutes later it is so, and judged so. Five minutes are allowed."""


def with_(**services: tuple[int, int]) -> Mapping[str, Any]:
    return {"services": {**WHOLE, **services}}


LIVES: Mapping[str, Sequence[Step]] = {
    "whole": [(0, {}, GOOD), (60, {}, GOOD)],
    "whole, whatever its operator thinks": [(0, {"status": "Failure"}, GOOD)],
    "a service without a replica that is ready": [(0, with_(gate=(2, 0)), DOWN), (1, {}, GOOD)],
    "a service without any replica": [(0, with_(gate=(0, 0)), DOWN)],
    "a replica missing for a while": [(0, {}, GOOD), (1, with_(orca=(2, 1)), GOOD), (4, {}, GOOD)],
    "a replica missing for too long": [(0, {}, GOOD), (1, with_(orca=(2, 1)), GOOD), (6, with_(orca=(2, 1)), DOWN)],
    "a rollout with one more than it needs": [(0, {}, GOOD), (1, with_(orca=(3, 2)), GOOD), (1, {}, GOOD)],
    "a replica missing at first": [(0, with_(orca=(2, 1)), UNKNOWN), (6, with_(orca=(2, 1)), DOWN)],
    "no service told of": [(0, {"services": {}}, UNKNOWN)],
}


@pytest.mark.parametrize("life", LIVES.values(), ids=LIVES.keys())
async def test_the_life_of_a_spinnaker(life: Sequence[Step], tmp_path: Path) -> None:
    async with APIServer() as server:
        server.spinnakers.put(spinnaker(**life[0][1]))
        async with viewing(server, tmp_path, parts=["spinnaker"], silent_after="1d") as viewed:
            for number, (minutes, changed, expected) in enumerate(life):
                viewed.leap(minutes=minutes)
                server.spinnakers.put(spinnaker(**changed))
                await viewed.hears("spinnaker")
                assert await viewed.judged() == [expected], f"step {number}"


@pytest.mark.parametrize(
    ("required", "kind", "expected"),
    [(False, True, GOOD), (False, False, GOOD), (True, True, UNKNOWN), (True, False, UNKNOWN)],
)
async def test_where_there_is_none_it_is_left_out_unless_it_must_be_there(
    *, required: bool, kind: bool, expected: tuple[str, str], tmp_path: Path
) -> None:
    async with APIServer() as server:
        server.has_spinnaker = kind
        async with viewing(server, tmp_path, parts=["spinnaker"], spinnaker={"required": required}) as viewed:
            assert await viewed.judged() == [expected]


async def test_a_kind_that_is_added_later_is_found(tmp_path: Path) -> None:
    async with APIServer() as server:
        server.has_spinnaker = False
        server.spinnakers.put(spinnaker(services={"gate": (1, 0)}))
        async with viewing(server, tmp_path, parts=["spinnaker"]) as viewed:
            assert await viewed.judged() == [GOOD]
            server.has_spinnaker = True
            (judgement,) = await viewed.sees(DOWN)
            assert judgement.detail == "spinnaker/spinnaker: 0 of 1 replicas of spin-gate are ready"


async def test_version_accounts_and_images_are_told(tmp_path: Path) -> None:
    async with APIServer() as server:
        server.spinnakers.put(spinnaker(services={"gate": (2, 1)}))
        async with viewing(server, tmp_path, parts=["spinnaker"]) as viewed:
            facts = await viewed.look()
            of = {"namespace": "spinnaker", "spinnaker": "spinnaker"}
            gate = {**of, "service": "spin-gate"}
            for name, labels, value in (
                ("info", {**of, "version": "1.30.1"}, 1.0),
                ("accounts", of, 7.0),
                ("service_replicas", gate, 2.0),
                ("service_ready_replicas", gate, 1.0),
                ("service_info", {**gate, "image": "registry.example/gate:1.30.1"}, 1.0),
            ):
                assert viewed.samples(facts, f"watchkeep_kubernetes_spinnaker_{name}") == [(labels, value)]
            ((labels, at),) = viewed.samples(facts, "watchkeep_kubernetes_spinnaker_deployed_timestamp_seconds")
            assert (labels["part"], at) == ("config", datetime(2026, 1, 1, tzinfo=UTC).timestamp())
