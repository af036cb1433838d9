"""What agents report is counted once, in its own slot, through kills, reloads and outages."""

from pathlib import Path

from tests.app.making import Time, sample
from tests.app.played import SLOT, PlayedWatch
from tests.app.reporting import configuration, gone, outcome, report, status_of

ONE, TWO = "127.0.0.1:1", "127.0.0.1:2"


async def slots(played: PlayedWatch, number: int = 1, reason: str = "ok", *targets: str) -> None:
    """So many slots with one round of each target, which an agent reports at once."""
    for _ in range(number):
        played.time.passes(SLOT / 2)
        at = played.watch.now().timestamp()
        await report(played, *(outcome(at, reason, target) for target in targets or (ONE, TWO)))
        played.time.passes(SLOT / 2)
        await played.watch._close_slot()


async def test_what_agents_report_is_counted_in_the_slot_in_which_it_happened(tmp_path: Path) -> None:
    async with PlayedWatch(tmp_path, Time(), configuration()) as played:
        await slots(played, 6)
        found = status_of(played)
        assert found.totals == {"good": 12, "bad": 0, "unknown": 0}
        assert found.maturity_seconds == 60


async def test_a_round_that_two_agents_report_counts_once(tmp_path: Path) -> None:
    async with PlayedWatch(tmp_path, Time(), configuration()) as played:
        played.time.passes(5)
        at = played.watch.now().timestamp()
        for agent in ("node-1", "node-2", "node-1"):
            await report(played, outcome(at), agent=agent)
        played.time.passes(5)
        await played.watch._close_slot()
        assert status_of(played).totals["good"] == 1


async def test_what_comes_minutes_late_counts_in_its_own_slots_and_leaves_no_hole(tmp_path: Path) -> None:
    async with PlayedWatch(tmp_path, Time(), configuration()) as played:
        await slots(played, 2)
        late = []
        for _ in range(30):
            played.time.passes(SLOT / 2)
            late += [outcome(played.watch.now().timestamp(), target=target) for target in (ONE, TWO)]
            played.time.passes(SLOT / 2)
            await played.watch._close_slot()
        before = status_of(played)
        await report(played, *late)
        await slots(played, 1)
        after = status_of(played)
        assert (before.totals["good"], after.totals["good"]) == (4, 66)
        assert (before.maturity_seconds, after.maturity_seconds) == (40, 330)


async def test_a_kill_at_every_step_loses_nothing_and_counts_nothing_twice(tmp_path: Path) -> None:
    time = Time()
    for _ in range(8):
        async with PlayedWatch(tmp_path, time, configuration()) as played:
            time.passes(SLOT / 2)
            at = played.watch.now().timestamp()
            await report(played, outcome(at), outcome(at, "connect_refused", TWO))
        async with PlayedWatch(tmp_path, time, configuration()) as played:
            time.passes(SLOT / 2)
            await played.watch._close_slot()
    async with PlayedWatch(tmp_path, time, configuration()) as played:
        assert status_of(played).totals == {"good": 8, "bad": 8, "unknown": 0}
        assert status_of(played).maturity_seconds == 80


async def test_a_target_that_is_gone_is_not_missed(tmp_path: Path) -> None:
    async with PlayedWatch(tmp_path, Time(), configuration()) as played:
        await slots(played, 2)
        await report(played, gone(TWO, played.watch.now().timestamp()))
        await slots(played, 8, "ok", ONE)
        assert status_of(played).maturity_seconds == 100
        assert [each.target for each in played.watch.last_outcomes()] == [ONE]


async def test_checks_that_are_not_here_are_taken_and_not_counted(tmp_path: Path) -> None:
    async with PlayedWatch(tmp_path, Time(), configuration()) as played:
        played.time.passes(5)
        at = played.watch.now().timestamp()
        await report(played, outcome(at, check="newer"), outcome(at), outcome(at, number=int(at // 30)))
        played.time.passes(5)
        await played.watch._close_slot()
        dropped = "watchkeep_agent_records_dropped_total"
        assert sample(played.telemetry, dropped, reason="unknown_check") == 1
        assert sample(played.telemetry, dropped, reason="other_interval") == 1
        assert status_of(played).totals["good"] == 1
