"""The runner holds its rhythm, its deadlines and its caps, whatever the checks do."""

import asyncio
import logging

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from slo.core.outcome import Judgement, Outcome
from slo.core.reason import State
from slo.errors import Fault
from slo.exposition.catalogue import Telemetry
from slo.runner.clock import SteadyClock
from slo.runner.runner import Runner
from tests.runner.worlds import START, Behaviour, FakeCheck, World, on_virtual_time, play, scheduled


def takes(seconds: float) -> Behaviour:
    async def behave(deadline: float) -> None:
        await asyncio.sleep(seconds)

    return behave


def fails(error: BaseException) -> Behaviour:
    async def behave(deadline: float) -> None:
        raise error

    return behave


async def swallows_its_cancellation(deadline: float) -> None:
    for _ in range(3):
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            continue


# Rhythm


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
        assert world.runner.last == {"a": outcome}
        assert world.runner.last_facts == {"a": None}
        assert world.sample("watchkeep_probe_rounds_total", state="good") == 1
        assert world.sample("watchkeep_probe_lateness_seconds_count") == 1
        assert world.sample("watchkeep_probe_in_flight") == 0

    play(scene)


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_on_a_real_loop_no_round_starts_early(loop: "type[asyncio.AbstractEventLoop]") -> None:
    async def scene() -> None:
        outcomes: list[Outcome] = []
        runner = Runner(clock=SteadyClock(), sink=outcomes.append, telemetry=Telemetry())
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


# Rounds that do not end


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


# Deadlines


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
        assert isinstance(world.runner.last_facts["a"], Fault)

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


# Faults of ours


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

        world.runner._sink = sink
        check = world.run("a")
        await asyncio.sleep(100)
        assert len(check.started) == 10
        assert world.runner.last["a"].reason == "ok"

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
        world.run("here", fails(Fault("connect_timeout")), target="http://127.0.0.1:80/")
        await asyncio.sleep(10)
        assert world.reasons("far") == ["connect_timeout"]
        assert world.sample("watchkeep_network_up") == 1
        network.is_up = False
        await asyncio.sleep(10)
        assert world.sample("watchkeep_network_up") == 0
        assert world.reasons("far") == ["connect_timeout", "network_down"]
        assert world.of("far")[-1].detail == "it looked like connect_timeout: after 5 s"
        assert world.reasons("refused") == ["connect_refused"] * 2
        assert world.reasons("here") == ["connect_timeout"] * 2
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


# The cap


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


# Replacing


def test_replacing_keeps_what_did_not_change_and_restarts_what_did() -> None:
    async def scene(world: World) -> None:
        kept, changed, removed, added = FakeCheck(), FakeCheck(), FakeCheck(), FakeCheck()
        world.runner.replace([scheduled("kept", kept), scheduled("changed", changed), scheduled("removed", removed)])
        await asyncio.sleep(20)
        last = world.runner.last["kept"]
        now_other = FakeCheck()
        world.runner.replace(
            [scheduled("kept", FakeCheck()), scheduled("changed", now_other, config="new"), scheduled("added", added)]
        )
        assert world.runner.last == {"kept": last}
        assert set(world.runner.last_facts) == {"kept"}
        await asyncio.sleep(20)
        assert (len(kept.started), len(changed.started), len(removed.started)) == (4, 2, 2)
        assert (len(now_other.started), len(added.started)) == (2, 2)
        assert [started - kept.started[0] for started in kept.started] == pytest.approx([0, 10, 20, 30], abs=0.006)
        assert (now_other.started[0] - changed.started[0]) % 10 == pytest.approx(0, abs=0.006)
        assert set(world.runner.last) == {"kept", "changed", "added"}

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


# Closing


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


# All of it at once

DURATIONS = st.sampled_from([0.0, 0.0, 0.5, 3.0, 30.0])


@settings(max_examples=40)
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
                target = world.runner._targets[name]
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
        for name, target in world.runner._targets.items():
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
