"""What is our own fault is unknown, said once, and stops nothing."""

import asyncio
import logging

import pytest

from slo.core.outcome import Outcome
from slo.core.reason import State
from slo.errors import Fault
from tests.runner.worlds import (
    World,
    fails,
    key,
    play,
)


@pytest.mark.parametrize(
    ("error", "state", "reason"),
    [
        (Fault("connect_refused", phase="connect"), State.BAD, "connect_refused"),
        (Fault("no_file_descriptors"), State.UNKNOWN, "no_file_descriptors"),
        (ZeroDivisionError("in the kind"), State.UNKNOWN, "prober_fault"),
        (MemoryError(), State.UNKNOWN, "prober_fault"),
        (asyncio.CancelledError(), State.UNKNOWN, "cancelled"),
        (TimeoutError(), State.UNKNOWN, "prober_fault"),
        (Fault("a reason of its own"), State.UNKNOWN, "prober_fault"),
    ],
)
def test_what_a_check_raises_becomes_an_outcome(error: BaseException, state: State, reason: str) -> None:
    async def scene(world: World) -> None:
        check = world.run("a", fails(error))
        await asyncio.sleep(100)
        assert [(outcome.state, outcome.reason) for outcome in world.outcomes] == [(state, reason)] * 10
        assert len(check.started) == 10

    play(scene)


def test_a_fault_of_a_check_is_logged_once_an_hour_and_not_each_round(caplog: pytest.LogCaptureFixture) -> None:
    async def scene(world: World) -> None:
        world.run("a", fails(ZeroDivisionError("in the kind")))
        world.run("b", fails(ZeroDivisionError("in the kind")))
        await asyncio.sleep(2 * 3600 - 60)

    play(scene)
    logged = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert [record.__dict__["check"] for record in logged].count("a") == 2
    assert [record.__dict__["check"] for record in logged].count("b") == 2
    assert all(record.exc_info is not None and record.exc_info[0] is ZeroDivisionError for record in logged)


def test_an_outcome_that_cannot_be_counted_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def scene(world: World) -> None:
        def sink(outcome: Outcome) -> None:
            raise KeyError(outcome.check)

        world.runner._results._sink = sink
        check = world.run("a")
        await asyncio.sleep(100)
        assert len(check.started) == 10
        assert world.runner.last[key("a")].reason == "ok"

    play(scene)
    assert caplog.messages == ["the outcome could not be counted"]


def test_after_the_loop_was_blocked_one_round_runs_and_the_others_are_missed() -> None:
    async def scene(world: World) -> None:
        async def blocks(deadline: float) -> None:
            world.block(35)

        world.run("blocks", blocks, interval=1000)
        check = world.run("a", interval=1, timeout=1)
        while not world.of("blocks"):
            await asyncio.sleep(0.1)
        before = len(check.started)
        await asyncio.sleep(0.2)
        assert len(check.started) - before in (1, 2)
        (missed,) = [outcome for outcome in world.of("a") if outcome.reason == "missed"]
        assert missed.detail.startswith("this process stood still")
        assert 33 <= world.sample("watchkeep_probe_missed_total") <= 35
        assert max(outcome.lateness_seconds for outcome in world.of("a")) < 1

    play(scene)


@pytest.mark.parametrize(
    ("blocked", "reason", "recorded"),
    [
        (2, "response_timeout", "prober_stalled"),
        (2, "latency", "prober_stalled"),
        (2, "connect_refused", "connect_refused"),
        (0.05, "response_timeout", "response_timeout"),
    ],
)
def test_a_target_is_not_blamed_for_the_time_that_this_process_stood_still(
    blocked: float, reason: str, recorded: str
) -> None:
    async def scene(world: World) -> None:
        async def waits(deadline: float) -> None:
            await asyncio.sleep(1)
            world.block(blocked)
            await asyncio.sleep(0.5)
            raise Fault(reason)

        world.run("a", waits)
        while not world.outcomes:
            await asyncio.sleep(0.2)
        (outcome,) = world.outcomes
        assert outcome.reason == recorded

    play(scene)


def test_a_loop_that_is_merely_busy_is_no_excuse() -> None:
    async def scene(world: World) -> None:
        async def waits(deadline: float) -> None:
            for _ in range(40):
                await asyncio.sleep(0.1)
                world.block(0.05)
            raise Fault("response_timeout")

        world.run("a", waits, timeout=8)
        while not world.outcomes:
            await asyncio.sleep(0.2)
        assert world.reasons("a") == ["response_timeout"]

    play(scene)


def test_a_round_that_waited_through_a_standstill_is_missed_rather_than_run_too_late() -> None:
    async def scene(world: World) -> None:
        async def blocks(deadline: float) -> None:
            await asyncio.sleep(9)
            world.block(30)

        blocking = world.run("blocks", blocks, interval=1000, timeout=20)
        while not blocking.under_way:
            await asyncio.sleep(0.1)
        for number in range(4):
            world.run(f"check-{number}", interval=2, timeout=2)
        await asyncio.sleep(10)
        late = [outcome.lateness_seconds for outcome in world.outcomes if outcome.check != "blocks"]
        assert len(late) >= 4
        assert max(late) < 2

    play(scene, concurrency=1)


def test_a_standstill_before_a_round_is_no_excuse_for_it() -> None:
    async def scene(world: World) -> None:
        world.run("a", fails(Fault("response_timeout")))
        await asyncio.sleep(1)
        world.block(3.0)
        await asyncio.sleep(15)
        assert world.reasons("a")[-1] == "response_timeout"

    play(scene)


class Network:
    def __init__(self) -> None:
        self.is_up = True
        self.asked = 0

    def up(self) -> bool:
        self.asked += 1
        return self.is_up


def test_while_our_own_network_is_down_targets_beyond_it_are_unknown() -> None:
    network = Network()

    async def scene(world: World) -> None:
        world.run("far", fails(Fault("connect_timeout", detail="after 5 s")))
        world.run("refused", fails(Fault("connect_refused")))
        on_this_machine = ("http://127.0.0.1:80/", "[::1]:80", "::1", "localhost")
        for target in on_this_machine:
            world.run(target, fails(Fault("connect_timeout")), target=target)
        await asyncio.sleep(10)
        assert world.reasons("far") == ["connect_timeout"]
        network.is_up = False
        await asyncio.sleep(10)
        assert world.reasons("far") == ["connect_timeout", "network_down"]
        assert world.of("far")[-1].detail == "it looked like connect_timeout: after 5 s"
        assert world.reasons("refused") == ["connect_refused"] * 2
        for target in on_this_machine:
            assert world.reasons(target) == ["connect_timeout"] * 2
        network.is_up = True
        await asyncio.sleep(10)
        assert world.reasons("far")[-1] == "connect_timeout"

    play(scene, connectivity=network)


def test_the_network_is_asked_after_once_a_second_however_much_fails() -> None:
    network = Network()

    async def scene(world: World) -> None:
        for number in range(100):
            world.run(f"check-{number}", fails(Fault("connect_timeout")), interval=1)
        await asyncio.sleep(10)
        assert len(world.outcomes) == 1000
        assert network.asked <= 11

    play(scene, connectivity=network)
