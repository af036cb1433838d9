"""Time that people exclude while a watch runs, past time as well: figures change at once, and incidents do not."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from slo.core.exclusion import Exclusion, Once
from slo.core.status import SLOStatus
from slo.errors import UsageError
from tests.app.making import START, Time
from tests.app.played import PlayedWatch

OUTAGE_BEGINS = 20
OUTAGE_SLOTS = 12


def outage(name: str = "agreed", *, slos: tuple[str, ...] = (), labels: Mapping[str, str] | None = None) -> Exclusion:
    """The whole outage, excluded."""
    begin = datetime.fromtimestamp(START + OUTAGE_BEGINS * 10, UTC)
    end = begin + timedelta(seconds=OUTAGE_SLOTS * 10)
    return Exclusion(
        name=name,
        reason="CHG-17",
        author="sm",
        created_at=None,
        when=Once(start=begin, end=end),
        slos=slos,
        labels=labels or {},
    )


def counted(status: SLOStatus) -> tuple[int, int]:
    """Good and bad rounds of the budget's window."""
    return status.budget.good, status.budget.bad


async def with_outage(played: PlayedWatch) -> None:
    await played.slots(OUTAGE_BEGINS)
    await played.slots(OUTAGE_SLOTS, "connect_refused")


async def test_a_past_outage_that_is_excluded_leaves_figures_at_once_and_comes_back_when_it_is_withdrawn(
    tmp_path: Path,
) -> None:
    async with PlayedWatch(tmp_path, Time()) as played:
        await with_outage(played)
        assert counted(played.statuses[0]) == (20, 12)
        await played.watch.exclude(outage())
        (status,) = played.statuses
        assert (counted(status), status.budget.remaining) == ((20, 0), 1)
        raw = status.budget.raw
        assert raw is not None
        assert (raw.good, raw.bad) == (20, 12)
        await played.watch.withdraw_exclusion("agreed", by="sm", why="it was none of ours")
        assert (counted(played.statuses[0]), played.statuses[0].budget.raw) == ((20, 12), None)


async def test_an_exclusion_resolves_no_incident_before_its_alert_is_clear(tmp_path: Path) -> None:
    async with PlayedWatch(tmp_path, Time()) as played:
        await with_outage(played)
        assert len(played.triggers) == 1
        await played.watch.exclude(outage())
        await played.slots(1, "")
        assert played.resolves == []
        await played.slots(12)
        assert len(played.triggers) == len(played.resolves) == 1


async def test_what_was_excluded_stays_so_after_a_kill(tmp_path: Path) -> None:
    time = Time()
    async with PlayedWatch(tmp_path, time) as played:
        await with_outage(played)
        await played.watch.exclude(outage())
    async with PlayedWatch(tmp_path, time) as played:
        await played.slots(1)
        assert counted(played.statuses[0]) == (21, 0)
        assert [exclusion.name for exclusion in played.watch.exclusions()] == ["agreed"]
        with pytest.raises(UsageError, match="there is an exclusion agreed already"):
            await played.watch.exclude(outage())


async def test_an_exclusion_of_other_slos_changes_nothing(tmp_path: Path) -> None:
    async with PlayedWatch(tmp_path, Time()) as played:
        await with_outage(played)
        await played.watch.exclude(outage(labels={"service": "deck"}))
        assert counted(played.statuses[0]) == (20, 12)


async def test_an_slo_that_is_not_there_cannot_be_excluded(tmp_path: Path) -> None:
    async with PlayedWatch(tmp_path, Time()) as played:
        name = played.statuses[0].slo.name
        with pytest.raises(UsageError, match=f"there is no SLO {name}s: did you mean {name}"):
            await played.watch.exclude(outage(slos=(f"{name}s",)))
        assert played.watch.exclusions() == []
        await played.watch.exclude(outage(slos=(name,)))
