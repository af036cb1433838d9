"""The desk: alerts of others that page are judged as they come; in a storm of them the slot end takes the rest."""

from datetime import UTC, datetime
from pathlib import Path

from slo.app.desk import AT_ONCE
from slo.core.foreign import ForeignAlert
from slo.router.foreign import Fate
from tests.app.making import START, Time
from tests.app.played import PlayedWatch


def reported(instance: str, *, severity: str = "page") -> ForeignAlert:
    labels = {"alertname": "Down", "severity": severity, "environment": "production", "instance": instance}
    return ForeignAlert(labels=labels, annotations={}, starts_at=datetime.fromtimestamp(START, UTC))


async def come(played: PlayedWatch, *alerts: ForeignAlert) -> int:
    """The alerts come in between two slot ends; how many incidents there are when that is done."""
    desk = played.watch.desk
    assert {desk.take_alert(alert) for alert in alerts} == {Fate.TAKEN}
    if desk._hurrying is not None:
        await desk._hurrying
    return len(desk.all)


async def test_a_page_goes_out_before_the_slot_ends_and_once(tmp_path: Path) -> None:
    async with PlayedWatch(tmp_path, Time()) as played:
        assert await come(played, reported("a"), reported("b", severity="warning")) == 1
        page = played.triggers
        assert len(page) == 1
        assert await come(played, reported("a")) == 1
        await played.slots(2)
        assert len(played.watch.desk.all) == 2
        assert [key for key in played.triggers if "instance=a" in key] == page


async def test_in_a_storm_of_pages_most_wait_for_the_slot_to_end(tmp_path: Path) -> None:
    async with PlayedWatch(tmp_path, Time()) as played:
        storm = [reported(str(number)) for number in range(AT_ONCE + 5)]
        assert await come(played, *storm) == AT_ONCE
        assert await come(played, reported("late")) == AT_ONCE
        await played.slots(1)
        assert len(played.watch.desk.all) == AT_ONCE + 6
        assert await come(played, reported("after")) == AT_ONCE + 7
