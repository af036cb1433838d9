"""Every round is over soon after its deadline, whatever its check does."""

import asyncio

import pytest

from slo.core.reason import State
from slo.errors import Fault
from tests.runner.worlds import (
    World,
    key,
    play,
    swallows_its_cancellation,
    takes,
)


def test_a_check_that_ignores_its_deadline_is_cancelled_and_bad() -> None:
    async def scene(world: World) -> None:
        check = world.run("a", takes(1000), timeout=5)
        other = world.run("other")
        await asyncio.sleep(40)
        assert set(world.reasons("a")) == {"timeout"}
        assert {outcome.state for outcome in world.of("a")} == {State.BAD}
        assert all(5 <= outcome.duration_seconds <= 5.2 for outcome in world.of("a"))
        assert len(check.started) == 4
        assert len(other.started) == 4
        assert isinstance(world.runner.last_facts[key("a")], Fault)

    play(scene)


@pytest.mark.parametrize(
    ("raised", "recorded"),
    [
        (Fault("tls_timeout", phase="tls", phases={"connect": 0.1}), ("tls_timeout", {"connect": 0.1})),
        (Fault("cancelled", phase="tls", phases={"connect": 0.1}), ("timeout", {"connect": 0.1})),
        (None, ("timeout", {})),
    ],
)
def test_the_phase_of_a_cancelled_round_is_kept_where_the_check_knows_it(
    raised: Fault | None, recorded: tuple[str, dict[str, float]]
) -> None:
    async def ends_when_cancelled(deadline: float) -> str:
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            if raised is not None:
                raise raised from None
        return "facts that are too late"

    async def scene(world: World) -> None:
        world.run("a", ends_when_cancelled)
        await asyncio.sleep(16)
        (outcome,) = world.outcomes
        assert (outcome.reason, outcome.phases) == recorded
        assert outcome.state is State.BAD

    play(scene)


def test_a_check_that_swallows_its_cancellation_is_given_up_and_never_doubled(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scene(world: World) -> None:
        check = world.run("a", swallows_its_cancellation)
        other = world.run("other")
        await asyncio.sleep(100)
        reasons = world.reasons("a")
        assert reasons[0] == "timeout"
        assert world.of("a")[0].duration_seconds == pytest.approx(5.1, abs=0.1)
        assert check.most_under_way == 1
        assert "missed" in reasons
        assert reasons.count("timeout") == len(check.started) > 1
        assert world.reasons("other") == ["ok"] * 10
        assert len(other.started) == 10

    play(scene, concurrency=1)
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "does not let itself be cancelled" in caplog.text
