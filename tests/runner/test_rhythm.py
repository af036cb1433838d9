"""Rounds start when they are due, wait for one another within their target, and are missed rather than piled up."""

import asyncio

import pytest
import uvloop

from slo.core.outcome import Outcome
from slo.core.reason import State
from slo.errors import Fault
from slo.exposition.catalogue import Telemetry
from slo.runner.clock import SteadyClock
from slo.runner.runner import Runner
from tests.runner.worlds import (
    START,
    FakeCheck,
    World,
    key,
    play,
    scheduled,
    takes,
)


def test_a_day_of_rounds_does_not_drift() -> None:
    async def scene(world: World) -> None:
        check = world.run("a", takes(0.05), interval=60)
        await asyncio.sleep(86_400)
        assert len(check.started) == 1440
        for number, started in enumerate(check.started):
            assert started - check.started[0] - number * 60 == pytest.approx(0, abs=1e-5)
        assert world.reasons("a") == ["ok"] * 1440

    play(scene)


def test_rounds_that_are_due_within_a_tick_start_together_and_never_early() -> None:
    async def scene(world: World) -> None:
        checks = [world.run(f"check-{number}", interval=1) for number in range(200)]
        await asyncio.sleep(60)
        wakings = {round(started, 6) for check in checks for started in check.started}
        assert sum(len(check.started) for check in checks) == 200 * 60
        assert len(wakings) <= 60 * 200 + 1
        assert all(0 <= outcome.lateness_seconds <= 0.0051 for outcome in world.outcomes)

    play(scene)


def test_an_outcome_carries_the_identity_and_the_times_of_its_round() -> None:
    async def scene(world: World) -> None:
        check = world.run("a", takes(1.5))
        await asyncio.sleep(12)
        (outcome,) = world.outcomes
        assert (outcome.check, outcome.target, outcome.module) == ("a", FakeCheck.target, "fake")
        assert (outcome.state, outcome.reason) == (State.GOOD, "ok")
        assert outcome.duration_seconds == pytest.approx(1.5)
        assert outcome.lateness_seconds == pytest.approx(0, abs=1e-5)
        assert (outcome.at - START).total_seconds() == pytest.approx(check.started[0] + 1.5, abs=1e-5)
        assert check.deadlines[0] == pytest.approx(check.started[0] + 5)
        assert world.runner.last == {key("a"): outcome}
        assert world.runner.last_facts == {key("a"): None}
        assert world.sample("watchkeep_probe_rounds_total", state="good") == 1
        assert world.sample("watchkeep_probe_lateness_seconds_count") == 1
        assert world.sample("watchkeep_probe_in_flight") == 0

    play(scene)


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_on_a_real_loop_no_round_starts_early(loop: "type[asyncio.AbstractEventLoop]") -> None:
    async def scene() -> None:
        outcomes: list[Outcome] = []
        runner = Runner(clock=SteadyClock(), sink=outcomes.append, telemetry=Telemetry().probes)
        runner.replace([scheduled(f"check-{number}", interval=0.02, timeout=0.02) for number in range(10)])
        running = asyncio.create_task(runner.run())
        while len(outcomes) < 50:
            await asyncio.sleep(0.005)
        await runner.close()
        await running
        assert min(outcome.lateness_seconds for outcome in outcomes) >= 0

    this = loop()
    try:
        this.run_until_complete(scene())
    finally:
        this.close()


def test_a_round_that_is_under_way_delays_the_next_one_of_its_target_only() -> None:
    async def scene(world: World) -> None:
        slow = world.run("slow", takes(12), timeout=15)
        quick = world.run("quick", interval=1)
        await asyncio.sleep(100)
        assert slow.most_under_way == 1
        assert world.reasons("quick") == ["ok"] * len(quick.started)
        assert len(quick.started) == 100
        assert all(outcome.lateness_seconds < 0.0051 for outcome in world.of("quick"))
        late = [outcome.lateness_seconds for outcome in world.of("slow") if outcome.reason == "ok"]
        assert late[:4] == pytest.approx([0, 2, 4, 6], abs=0.01)

    play(scene)


def test_a_round_that_could_not_start_within_its_interval_is_missed_and_unknown() -> None:
    async def scene(world: World) -> None:
        check = FakeCheck(takes(35))
        world.runner.replace([scheduled("a", check, interval=10, timeout=40)])
        await asyncio.sleep(45)
        assert world.reasons("a") == ["missed", "missed", "ok"]
        missed = world.of("a")[0]
        assert missed.state is State.UNKNOWN
        assert missed.detail == "the earlier round had not ended"
        assert (missed.at - START).total_seconds() == pytest.approx(check.started[0] + 20, abs=0.01)
        assert [started - check.started[0] for started in check.started] == pytest.approx([0, 35], abs=0.01)
        assert world.sample("watchkeep_probe_missed_total") == 2
        assert world.sample("watchkeep_probe_rounds_total", state="unknown") == 0

    play(scene)


def test_a_target_that_hangs_for_its_whole_interval_is_bad_each_time() -> None:
    async def hangs_until_its_deadline(deadline: float) -> None:
        await asyncio.sleep(deadline - asyncio.get_running_loop().time())
        raise Fault("response_timeout", phase="processing")

    async def scene(world: World) -> None:
        world.run("a", hangs_until_its_deadline, interval=10, timeout=10)
        await asyncio.sleep(300)
        assert world.reasons("a") == ["response_timeout"] * 29

    play(scene)


def test_no_more_rounds_than_allowed_are_under_way_and_they_start_in_the_order_they_are_due() -> None:
    async def scene(world: World) -> None:
        under_way = most = 0

        async def counts(deadline: float) -> None:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(1.4)
            under_way -= 1

        for number in range(20):
            world.run(f"check-{number}", counts)
        await asyncio.sleep(100)
        order = [
            round(outcome.at.timestamp() - outcome.duration_seconds - outcome.lateness_seconds, 3)
            for outcome in world.outcomes
        ]
        assert most == 3
        assert order == sorted(order)
        assert len(order) >= 190
        assert max(outcome.lateness_seconds for outcome in world.outcomes) > 0.1
        assert world.sample("watchkeep_probe_missed_total") == 0

    play(scene, concurrency=3)


def test_under_overload_rounds_are_missed_and_no_target_starves() -> None:
    async def scene(world: World) -> None:
        checks = [world.run(f"slow-{number}", takes(2), interval=10) for number in range(8)]
        checks += [world.run(f"quick-{number}", takes(2), interval=2) for number in range(4)]
        await asyncio.sleep(400)
        fewest, most = min(len(check.started) for check in checks), max(len(check.started) for check in checks)
        assert fewest >= 14
        assert most <= 2 * fewest
        missed = [outcome for outcome in world.outcomes if outcome.reason == "missed"]
        assert missed
        assert all(outcome.lateness_seconds <= 10 for outcome in world.outcomes)
        assert "1 rounds of other checks were under way" in {outcome.detail for outcome in missed}

    play(scene, concurrency=1)
