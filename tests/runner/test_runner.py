"""The promises of the runner that hold whatever the checks, the loop and the caps do."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo.core.outcome import Judgement
from slo.core.reason import State
from tests.runner.worlds import (
    Behaviour,
    FakeCheck,
    World,
    key,
    play,
    scheduled,
)

DURATIONS = st.sampled_from([0.0, 0.0, 0.5, 3.0, 30.0])


@settings(max_examples=15)
@given(
    targets=st.lists(
        st.tuples(st.sampled_from([1.0, 2.5, 10.0]), st.lists(DURATIONS, min_size=1, max_size=4)),
        min_size=1,
        max_size=6,
    ),
    stalls=st.lists(st.tuples(st.floats(0.1, 30), st.sampled_from([0.02, 0.3, 1.0, 7.0])), max_size=4),
    concurrency=st.sampled_from([1, 2, 1000]),
)
def test_every_due_time_is_run_or_missed_exactly_once_and_never_early(
    targets: list[tuple[float, list[float]]], stalls: list[tuple[float, float]], concurrency: int
) -> None:
    async def scene(world: World) -> None:
        dues: dict[str, list[float]] = {}

        def behaviour(name: str, durations: list[float]) -> Behaviour:
            rounds = iter(durations * 1000)

            async def behave(deadline: float) -> None:
                target = world.runner._targets[key(name)]
                assert target.running is not None
                assert target.running.due <= world.seconds + 1e-9
                dues[name].append(target.running.due)
                await asyncio.sleep(next(rounds))

            return behave

        checks = []
        for number, (interval, durations) in enumerate(targets):
            name = f"check-{number}"
            dues[name] = []
            checks.append(world.run(name, behaviour(name, durations), interval=interval, timeout=interval))
        firsts = {entry[2].target.scheduled.name: entry[0] for entry in world.runner._schedule._heap}
        for pause, stall in stalls:
            await asyncio.sleep(pause)
            world.block(stall)
        await asyncio.sleep(60)
        came_due = {entry[2].target.scheduled.name: entry[2].beat for entry in world.runner._schedule._heap}
        missed = 0
        assert all(check.most_under_way <= 1 for check in checks)
        for (name, *_), target in world.runner._targets.items():
            interval = target.scheduled.interval_seconds
            beats = [(due - firsts[name]) / interval for due in dues[name]]
            assert beats == pytest.approx([round(beat) for beat in beats], abs=1e-6)
            assert beats == sorted(set(beats))
            missed += came_due[name] - len(beats) - (target.pending is not None)
            assert all(outcome.lateness_seconds < interval + 0.01 for outcome in world.of(name))
        assert sum(came_due.values()) > 0
        assert world.sample("watchkeep_probe_missed_total") == missed

    play(scene, concurrency=concurrency)


def test_the_worst_of_several_judgements_is_the_outcome_of_the_round() -> None:
    class Several(FakeCheck):
        said = (
            Judgement(state=State.GOOD, reason="ok"),
            Judgement(state=State.UNKNOWN, reason="not_permitted"),
            Judgement(state=State.BAD, reason="status", detail="503"),
        )

        def judge(self, facts: object) -> tuple[Judgement, ...]:
            return self.said

    async def scene(world: World) -> None:
        world.runner.replace([scheduled("a", Several())])
        await asyncio.sleep(10)
        assert [(outcome.reason, outcome.detail) for outcome in world.outcomes] == [("status", "503")]

    play(scene)
