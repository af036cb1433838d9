"""Checks come, change and go while the runner runs, and the runner itself ends in a bounded time."""

import asyncio

import pytest

from tests.runner.worlds import (
    Behaviour,
    FakeCheck,
    World,
    key,
    on_virtual_time,
    play,
    scheduled,
    swallows_its_cancellation,
    takes,
)


def test_replacing_keeps_what_did_not_change_and_restarts_what_did() -> None:
    async def scene(world: World) -> None:
        kept, changed, removed, added = FakeCheck(), FakeCheck(), FakeCheck(), FakeCheck()
        world.runner.replace([scheduled("kept", kept), scheduled("changed", changed), scheduled("removed", removed)])
        await asyncio.sleep(20)
        last = world.runner.last[key("kept")]
        now_other = FakeCheck()
        world.runner.replace(
            [scheduled("kept", FakeCheck()), scheduled("changed", now_other, config="new"), scheduled("added", added)]
        )
        assert world.runner.last == {key("kept"): last}
        assert set(world.runner.last_facts) == {key("kept")}
        await asyncio.sleep(20)
        assert (len(kept.started), len(changed.started), len(removed.started)) == (4, 2, 2)
        assert (len(now_other.started), len(added.started)) == (2, 2)
        assert [started - kept.started[0] for started in kept.started] == pytest.approx([0, 10, 20, 30], abs=0.006)
        assert (now_other.started[0] - changed.started[0]) % 10 == pytest.approx(0, abs=0.006)
        assert set(world.runner.last) == {key("kept"), key("changed"), key("added")}

    play(scene)


def test_a_change_leaves_alone_what_it_does_not_name() -> None:
    async def scene(world: World) -> None:
        kept, gone, other, added = FakeCheck(), FakeCheck(), FakeCheck(), FakeCheck()
        world.runner.replace(
            [
                scheduled("a", kept, target="a:1"),
                scheduled("a", gone, target="a:2"),
                scheduled("a", other, target="a:3", config="old"),
            ]
        )
        await asyncio.sleep(20)
        otherwise = FakeCheck()
        world.runner.change(
            gone=[key("a", "a:2"), key("a", "a:9")],
            checks=[scheduled("a", otherwise, target="a:3", config="new"), scheduled("a", added, target="a:4")],
        )
        assert set(world.runner.last) == set(world.runner.last_facts) == {key("a", "a:1")}
        await asyncio.sleep(20)
        assert (len(kept.started), len(gone.started), len(other.started)) == (4, 2, 2)
        assert (len(otherwise.started), len(added.started)) == (2, 2)
        assert set(world.runner.last) == {key("a", "a:1"), key("a", "a:3"), key("a", "a:4")}

    play(scene)


def test_a_check_that_gets_other_labels_keeps_its_rhythm_and_its_last_outcome() -> None:
    async def scene(world: World) -> None:
        check = FakeCheck()
        world.runner.replace([scheduled("a", check, labels={"region": "eu"})])
        await asyncio.sleep(20)
        world.runner.change(gone=[], checks=[scheduled("a", FakeCheck(), labels={"region": "us"})])
        assert world.runner.last[key("a")].labels == {"region": "eu"}
        await asyncio.sleep(20)
        assert len(check.started) == 4
        assert [outcome.labels["region"] for outcome in world.outcomes] == ["eu", "eu", "us", "us"]

    play(scene)


def test_a_round_of_a_removed_check_is_cancelled_without_an_outcome() -> None:
    async def scene(world: World) -> None:
        check = world.run("a", takes(4))
        while not check.under_way:
            await asyncio.sleep(0.1)
        world.runner.replace([])
        await asyncio.sleep(30)
        assert (check.under_way, len(check.started)) == (0, 1)
        assert world.outcomes == []
        assert world.runner.last == {}

    play(scene)


def test_a_removed_check_that_waited_for_its_turn_does_not_get_it() -> None:
    async def scene(world: World) -> None:
        turn_ends = asyncio.Event()

        async def waits(deadline: float) -> None:
            await turn_ends.wait()

        slow = world.run("slow", waits, interval=1000, timeout=500)
        while not slow.under_way:
            await asyncio.sleep(1)
        waiting = world.run("waiting")
        while world.runner._targets[key("waiting")].pending is None:
            await asyncio.sleep(0.1)
        world.runner.replace(world.scheduled[:1])
        turn_ends.set()
        await asyncio.sleep(60)
        assert world.reasons("slow") == ["ok"]
        assert waiting.started == []

    play(scene, concurrency=1)


def test_a_check_that_is_added_to_an_idle_runner_starts_when_it_is_due() -> None:
    async def scene(world: World) -> None:
        await asyncio.sleep(1000)
        check = world.run("a")
        await asyncio.sleep(10)
        assert len(check.started) == 1
        assert world.of("a")[0].lateness_seconds < 0.0051

    play(scene)


def test_a_round_that_is_removed_makes_room_for_others() -> None:
    async def scene(world: World) -> None:
        stuck = world.run("a", swallows_its_cancellation, timeout=1000, interval=1000)
        while not stuck.under_way:
            await asyncio.sleep(0.1)
        check = FakeCheck()
        world.runner.replace([scheduled("b", check)])
        await asyncio.sleep(100)
        assert len(check.started) == 10

    play(scene, concurrency=1)


def test_replacing_again_and_again_does_not_keep_a_check_from_running() -> None:
    async def scene(world: World) -> None:
        check = FakeCheck()
        for _ in range(1000):
            world.runner.replace([scheduled("a", check)])
            await asyncio.sleep(0.1)
        assert len(check.started) == 10

    play(scene)


def test_two_checks_of_one_name_are_refused() -> None:
    async def scene(world: World) -> None:
        with pytest.raises(ValueError, match="the same name"):
            world.runner.replace([scheduled("a"), scheduled("a", interval=3)])

    play(scene)


def test_closing_cancels_what_is_under_way_without_outcomes() -> None:
    async def scene(world: World) -> None:
        checks = [world.run(f"check-{number}", takes(4)) for number in range(50)]
        await asyncio.sleep(8)
        outcomes, began = len(world.outcomes), world.seconds
        await world.runner.close()
        await world.running
        assert world.seconds - began < 0.01
        assert all(check.under_way == 0 for check in checks)
        await asyncio.sleep(30)
        assert len(world.outcomes) == outcomes

    play(scene)


def test_closing_takes_a_bounded_time_whatever_the_checks_do(caplog: pytest.LogCaptureFixture) -> None:
    async def scene(world: World) -> None:
        world.run("a", swallows_its_cancellation)
        await asyncio.sleep(10)
        began = world.seconds
        await world.runner.close()
        await world.running
        assert world.seconds - began <= 1.01
        for _ in range(3):  # so that nothing outlives the loop
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
            await asyncio.sleep(0)

    play(scene)
    assert caplog.messages[-1] == "some checks do not let themselves be cancelled"


def test_when_running_is_cancelled_nothing_starts_any_more() -> None:
    async def scene() -> None:
        world = World(concurrency=1)
        checks = [world.run(f"check-{number}", takes(3)) for number in range(8)]
        await asyncio.sleep(20)
        world.running.cancel()
        await asyncio.gather(world.running, return_exceptions=True)
        started = sum(len(check.started) for check in checks)
        await asyncio.sleep(60)
        assert sum(len(check.started) for check in checks) == started
        await world.runner.close()

    on_virtual_time(scene())


class FakeCollector(FakeCheck):
    """A check that has a connection to give back, which takes as long as told."""

    def __init__(self, seconds: float = 0.0, behaviour: Behaviour | None = None) -> None:
        super().__init__(behaviour)
        self.seconds = seconds
        self.given_back: list[int] = []
        """How many rounds were under way each time."""

    async def aclose(self) -> None:
        self.given_back.append(self.under_way)
        await asyncio.sleep(self.seconds)


def test_a_collector_gives_its_connection_back_once_its_last_round_has_ended() -> None:
    async def scene(world: World) -> None:
        kept, changed, removed = FakeCollector(), FakeCollector(behaviour=takes(4)), FakeCollector()
        world.runner.replace([scheduled("kept", kept), scheduled("changed", changed), scheduled("removed", removed)])
        while not changed.under_way:
            await asyncio.sleep(0.1)
        world.runner.replace([scheduled("kept", FakeCollector()), scheduled("changed", FakeCollector(), config="new")])
        await asyncio.sleep(1)
        assert (kept.given_back, changed.given_back, removed.given_back) == ([], [0], [0])
        await world.runner.close()
        assert kept.given_back == [0]

    play(scene)


def test_a_collector_that_does_not_let_go_keeps_nobody_waiting() -> None:
    async def scene(world: World) -> None:
        world.runner.replace([scheduled("a", FakeCollector(seconds=1000))])
        began = world.seconds
        await world.runner.close()
        assert world.seconds - began <= 1

    play(scene)
