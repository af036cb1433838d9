"""A system clock that jumps: the watch goes on, pages for what happened, and for nothing else."""

from pathlib import Path

import pytest

from tests.app.making import START, Time, sample
from tests.app.played import SLO, PlayedWatch

HOUR, DAY = 3600, 86_400
JUMPS = pytest.mark.parametrize(
    "jump", [-40 * DAY, -HOUR, -15, 15, 55, HOUR, 40 * DAY], ids=lambda seconds: f"{seconds:+} s"
)


@JUMPS
async def test_a_jump_while_all_is_well_pages_nobody(jump: int, tmp_path: Path) -> None:
    async with PlayedWatch(tmp_path, Time()) as played:
        await played.slots(60)
        played.time.wall_leaps(jump)
        await played.slots(60)
        assert played.watch.desk.incidents() == []
        (status,) = played.statuses
        assert (status.totals["good"], status.totals["bad"], status.state) == (120, 0, "ok")
        assert played.watch.unready() == []


@JUMPS
async def test_an_outage_after_a_jump_pages_once_and_its_end_resolves_once(jump: int, tmp_path: Path) -> None:
    async with PlayedWatch(tmp_path, Time()) as played:
        await played.slots(60)
        played.time.wall_leaps(jump)
        await played.slots(2, "connect_refused")
        assert played.triggers == [], "two bad rounds are not the three that the policy asks for"
        await played.slots(20, "connect_refused")
        assert played.triggers == ["acme:gate-availability:-:g1"]
        await played.slots(30)
        assert played.resolves == ["acme:gate-availability:-:g1"]
        assert len(played.watch.desk.incidents()) == 1


@JUMPS
async def test_a_jump_in_an_outage_neither_ends_it_nor_begins_another(jump: int, tmp_path: Path) -> None:
    async with PlayedWatch(tmp_path, Time()) as played:
        await played.slots(60)
        await played.slots(12, "connect_refused")
        played.time.wall_leaps(jump)
        await played.slots(12, "connect_refused")
        assert (len(played.triggers), played.resolves) == (1, [])
        await played.slots(30)
        assert len(played.triggers) == len(played.resolves) == 1


@JUMPS
async def test_a_jump_is_not_taken_for_time_that_was_watched(jump: int, tmp_path: Path) -> None:
    async with PlayedWatch(tmp_path, Time()) as played:
        await played.slots(60)
        played.time.wall_leaps(jump)
        await played.slots(60)
        status = played.statuses[0]
    inside = 1200 if abs(jump) < HOUR - 1200 or jump < 0 else 600
    assert status.maturity_seconds == pytest.approx(inside, abs=60)


async def test_a_bad_round_after_a_jump_does_not_burn_the_windows_that_it_emptied(tmp_path: Path) -> None:
    async with PlayedWatch(tmp_path, Time()) as played:
        await played.slots(60)
        played.time.wall_leaps(40 * DAY)
        await played.slots(1, "connect_refused")
        await played.slots(30)
        assert played.watch.desk.incidents() == []


async def test_no_round_while_an_incident_is_open_resolves_nothing_whatever_the_clock_does(tmp_path: Path) -> None:
    async with PlayedWatch(tmp_path, Time()) as played:
        await played.slots(12, "connect_refused")
        for jump in (HOUR, -HOUR, 40 * DAY, -40 * DAY):
            played.time.wall_leaps(jump)
            await played.slots(10, "")
        (incident,) = played.watch.desk.incidents()
        assert incident.open
        assert played.resolves == []


async def test_a_clock_that_was_wrong_for_days_is_got_over_by_a_restart(tmp_path: Path) -> None:
    time = Time(START + 40 * DAY)
    async with PlayedWatch(tmp_path, time) as played:
        await played.slots(12, "connect_refused")
        assert len(played.triggers) == 1
    time.wall_leaps(-40 * DAY)
    async with PlayedWatch(tmp_path, time) as played:
        assert sample(played.telemetry, "watchkeep_clock_offset_seconds") == pytest.approx(0, abs=1)
        await played.slots(12, "connect_refused")
        assert len(played.triggers) == 1, "it is the same outage"
        await played.slots(30)
        (incident,) = played.watch.desk.incidents()
        assert (incident.slo, incident.open, len(played.resolves)) == (SLO, False, 1)
