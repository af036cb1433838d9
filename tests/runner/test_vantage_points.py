"""Several vantage points look at one target: each by itself, all in one rhythm."""

import asyncio

from slo.errors import Fault
from tests.runner.worlds import FakeCheck, World, key, play, scheduled


async def refused(deadline: float) -> None:
    raise Fault("connect_refused")


def test_all_vantage_points_begin_a_round_together_and_call_it_by_one_number() -> None:
    async def scene(world: World) -> None:
        checks = {name: FakeCheck() for name in ("direct", "proxy-eu")}
        world.runner.replace([scheduled("a", check, vantage_point=name) for name, check in checks.items()])
        await asyncio.sleep(35)
        assert checks["direct"].started == checks["proxy-eu"].started
        by_point = {
            name: [outcome.number for outcome in world.outcomes if outcome.vantage_point == name] for name in checks
        }
        assert by_point["direct"] == by_point["proxy-eu"]
        first = by_point["direct"][0]
        assert by_point["direct"] == list(range(first, first + len(by_point["direct"])))

    play(scene)


def test_what_one_vantage_point_sees_is_not_what_another_sees() -> None:
    async def scene(world: World) -> None:
        bad, good = FakeCheck(refused), FakeCheck()
        world.runner.replace([scheduled("a", bad, vantage_point="far"), scheduled("a", good, vantage_point="near")])
        await asyncio.sleep(15)
        seen = {point: outcome.reason for point, outcome in world.runner.last.items()}
        assert seen == {key("a", vantage_point="far"): "connect_refused", key("a", vantage_point="near"): "ok"}

    play(scene)


def test_a_vantage_point_that_is_new_joins_the_rounds_of_the_others() -> None:
    async def scene(world: World) -> None:
        old, new = FakeCheck(), FakeCheck()
        world.runner.replace([scheduled("a", old, vantage_point="old", config="same")])
        await asyncio.sleep(25)
        both = [
            scheduled("a", old, vantage_point="old", config="same"),
            scheduled("a", new, vantage_point="new", config="same"),
        ]
        world.runner.replace(both)
        await asyncio.sleep(30)
        numbers = {outcome.number for outcome in world.outcomes if outcome.vantage_point == "new"}
        assert len(numbers) >= 2
        assert numbers <= {outcome.number for outcome in world.outcomes if outcome.vantage_point == "old"}

    play(scene)
