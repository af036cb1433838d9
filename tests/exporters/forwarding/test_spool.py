"""What a disk does not take is held in memory, as far as there is room."""

from pathlib import Path

import pytest

from exporters.forwarding.spool import MOST_HELD_BYTES
from slo.core.telemetry import Rank
from slo.errors import StoreFull
from slo.store.spool import SpoolFile
from slo.store.spooled import New
from tests.exporters.forwarding.far_side import FarSide, Near

LARGE = "x" * (MOST_HELD_BYTES // 100)


def full(*_: object) -> None:
    raise StoreFull("no space is left")


async def test_what_the_disk_does_not_take_is_held_and_written_later_in_its_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = FarSide()
    near = Near(tmp_path, far)

    def full_while_another_comes(*_: object) -> None:
        near.spool.add([New(rank=Rank.OUTCOME, at=near.now, body=b"b")])
        full()

    with monkeypatch.context() as patched:
        patched.setattr(SpoolFile, "append", full_while_another_comes)
        await near.tells("a")
    assert near.metric("watchkeep_forwarder_spool_bytes") == 2
    await near.tells("c")
    await near.sends()
    assert far.taken == ["a", "b", "c"]


async def test_no_more_is_held_than_memory_has_room_for_and_the_oldest_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    near = Near(tmp_path, FarSide(), most_bytes=2 * MOST_HELD_BYTES)
    with monkeypatch.context() as patched:
        patched.setattr(SpoolFile, "append", full)
        await near.tells(*[LARGE] * 100)
        await near.tells("y", "z")
    await near.spool.flush()
    head = near.file.head(most=200, most_bytes=2 * MOST_HELD_BYTES)
    assert head
    assert [record.body for record in head.records[-2:]] == [b"y", b"z"]
    assert sum(len(record.body) for record in head.records) <= MOST_HELD_BYTES
    assert near.dropped() == {("outcome", "disk"): 1}


async def test_events_are_held_however_many_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    near = Near(tmp_path, FarSide())
    with monkeypatch.context() as patched:
        patched.setattr(SpoolFile, "append", full)
        await near.tells(*[LARGE] * 101, rank=Rank.EVENT)
        await near.tells("an outcome")
    await near.spool.flush()
    assert near.file.bytes_of(Rank.EVENT) == 101 * len(LARGE)
    assert near.dropped() == {("outcome", "disk"): 1}
