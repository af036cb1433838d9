"""After a failure a target is looked at more often: outcomes like others, that take no turn and count for nothing."""

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo.core.counts import Counts
from slo.core.outcome import Outcome
from slo.core.reason import State
from slo.errors import Fault
from slo.runner.schedule import AfterFailure
from slo.sources.checks import CheckSource, Fed, Watched
from tests.runner.worlds import Behaviour, FakeCheck, World, key, play

SOON = AfterFailure(interval_seconds=2)


def one_after_another(*reasons: str) -> Behaviour:
    """What each round finds in turn; the last goes on."""
    left = list(reasons)

    async def behave(deadline: float) -> None:
        reason = left.pop(0) if len(left) > 1 else left[0]
        if reason != "ok":
            raise Fault(reason)

    return behave


def seen(outcomes: Sequence[Outcome]) -> list[tuple[str, bool]]:
    return [(outcome.reason, outcome.extra) for outcome in outcomes]


def test_a_bad_target_is_looked_at_more_often_until_it_is_good_again() -> None:
    async def scene(world: World) -> None:
        check = world.run("a", one_after_another(*["connect_refused"] * 3, "ok"), after_failure=SOON)
        await asyncio.sleep(35)
        refused, ok = ("connect_refused", False), ("ok", False)
        assert seen(world.outcomes)[:6] == [refused, *[("connect_refused", True)] * 2, ("ok", True), ok, ok]
        first = check.started[0]
        assert [started - first for started in check.started[:6]] == pytest.approx([0, 2, 4, 6, 10, 20], abs=0.02)
        assert [outcome.number - world.outcomes[0].number for outcome in world.outcomes[:6]] == [0, 0, 0, 0, 1, 2]
        assert world.runner.last[key("a")] is world.outcomes[-1]

    play(scene)


def test_what_is_not_the_targets_fault_is_no_reason_to_ask_more_often() -> None:
    async def scene(world: World) -> None:
        world.run("a", one_after_another("network_down"), after_failure=SOON)
        await asyncio.sleep(35)
        assert {outcome.extra for outcome in world.outcomes} == {False}

    play(scene)


def test_there_are_no_more_extra_rounds_in_a_row_than_are_wanted() -> None:
    async def scene(world: World) -> None:
        behaviour = one_after_another(*["status"] * 6, "ok", "status")
        world.run("a", behaviour, after_failure=AfterFailure(interval_seconds=2, rounds=2))
        await asyncio.sleep(75)
        assert [outcome.extra for outcome in world.outcomes[:9]] == [
            *[False, True, True],
            *[False, False, False, False],  # it is bad all along, then good
            *[False, True],  # and bad anew
        ]

    play(scene)


def test_an_extra_round_gives_way_to_the_next_round_of_its_target() -> None:
    async def fails_slowly(deadline: float) -> None:
        await asyncio.sleep(7)
        raise Fault("status")

    async def scene(world: World) -> None:
        check = world.run("a", fails_slowly, timeout=10, after_failure=SOON)
        await asyncio.sleep(65)
        assert len(check.started) >= 11, "an extra round begins after each of the others"
        assert [outcome.extra for outcome in world.outcomes] == [False] * len(world.outcomes)
        assert max(outcome.lateness_seconds for outcome in world.outcomes) < 0.02
        assert world.sample("watchkeep_probe_missed_total") == 0

    play(scene)


@pytest.mark.parametrize("concurrency", [1, 2])
def test_extra_rounds_take_nobodys_turn(concurrency: int) -> None:
    async def fails_slowly(deadline: float) -> None:
        await asyncio.sleep(4)
        raise Fault("status")

    async def scene(world: World) -> None:
        world.run("bad", fails_slowly, interval=20, after_failure=AfterFailure(interval_seconds=0.1))
        for number in range(5):
            world.run(f"good-{number}", interval=1)
        await asyncio.sleep(120)
        assert any(outcome.extra for outcome in world.of("bad")) is (concurrency > 1)
        late = [outcome.lateness_seconds for outcome in world.outcomes if outcome.check != "bad"]
        assert len(late) > 500
        assert max(late) < 0.02 or concurrency == 1, "it waits for rounds, never for extra ones"

    play(scene, concurrency=concurrency)


def test_a_check_that_is_taken_away_has_no_extra_rounds() -> None:
    async def scene(world: World) -> None:
        check = world.run("a", one_after_another("status"), after_failure=SOON)
        await asyncio.sleep(11)
        world.runner.replace([])
        begun = len(check.started)
        await asyncio.sleep(30)
        assert len(check.started) == begun

    play(scene)


class Slots:
    def __init__(self) -> None:
        self.counted: Counter[str] = Counter()

    def add(self, sli: str, slot_end: int, counts: Counts) -> None:
        self.counted.update(good=counts.good, bad=counts.bad, unknown=counts.unknown, covered_ms=counts.covered_ms)


FINDINGS = st.lists(st.sampled_from(["ok", "status", "connect_timeout", "network_down"]), min_size=1, max_size=8)


@settings(max_examples=12)
@given(
    targets=st.lists(st.tuples(FINDINGS, st.floats(0, 0.9)), min_size=1, max_size=4),
    after=st.sampled_from(
        [AfterFailure(interval_seconds=each, rounds=r) for each in (0.1, 1, 3) for r in (None, 1, 4)]
    ),
    concurrency=st.sampled_from([1, 3, 1000]),
)
def test_the_rounds_and_the_counts_are_the_same_with_extra_rounds_and_without(
    targets: list[tuple[list[str], float]], after: AfterFailure, concurrency: int
) -> None:
    """What a round finds, and how long it takes, depends on its number alone; extra rounds find something else."""

    def played(after_failure: AfterFailure | None) -> tuple[list[tuple[str, int, State]], Counter[str], int]:
        slots = Slots()
        found: list[tuple[str, int, State]] = []
        extra = 0

        async def scene(world: World) -> None:
            nonlocal extra
            names = [f"check-{number}" for number in range(len(targets))]
            source = CheckSource(slots, slot_seconds=10, slis=[Fed(sli=name, check=name) for name in names])
            watched = [Watched(check=name, target=FakeCheck.target, interval_seconds=5) for name in names]
            source.change(gone=(), watched=watched)
            for name, (findings, seconds) in zip(names, targets, strict=True):
                world.run(name, behaviour(world, name, findings, seconds), interval=5, after_failure=after_failure)
            await asyncio.sleep(60)
            for outcome in world.outcomes:
                source.observe(outcome)
                extra += outcome.extra
            found.extend((o.check, o.number, o.state) for o in world.outcomes if not o.extra)

        play(scene, concurrency=concurrency)
        return sorted(found), slots.counted, extra

    def behaviour(world: World, name: str, findings: list[str], seconds: float) -> Behaviour:
        async def behave(deadline: float) -> None:
            this = world.runner._targets[key(name)].running
            assert this is not None
            await asyncio.sleep(seconds)
            reason = findings[(this.number + this.extra) % len(findings)]
            if reason != "ok":
                raise Fault(reason)

        return behave

    without, with_extra = played(None), played(after)
    assert with_extra[0] == without[0]
    assert {state: with_extra[1][state] for state in State} == {state: without[1][state] for state in State}
    assert abs(with_extra[1]["covered_ms"] - without[1]["covered_ms"]) <= 100
    assert without[2] == 0
