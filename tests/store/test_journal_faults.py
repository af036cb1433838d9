"""A full disk, a locked file, a damaged one: the journal says so, does nothing by half, and is never replaced."""

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from slo.errors import StoreBusy, StoreDamaged
from slo.exposition.catalogue import Telemetry
from tests.store.making import NOW, fill, journal, message, opened, refused_on_a_full_disk, small_disk


def test_a_locked_journal_is_busy_within_its_time_is_read_meanwhile_and_goes_on_afterwards(tmp_path: Path) -> None:
    path, telemetry = tmp_path / "journal.db", Telemetry()
    with (
        journal(path, telemetry=telemetry, busy_timeout_seconds=0.05) as store,
        closing(sqlite3.connect(path, isolation_level=None)) as other,
    ):
        store.commit([opened("i1")], [message("m1")], at=NOW)
        other.execute("BEGIN EXCLUSIVE")
        (head,) = store.due(NOW)
        for write in (
            lambda: store.commit([opened("i2")], [message("m2")], at=NOW),
            lambda: store.begin(head.sequence, credential="c", now=NOW),
        ):
            with pytest.raises(StoreBusy, match="another program holds it"):
                write()
        assert len(store.events()) == 1
        other.execute("ROLLBACK")
        store.commit([opened("i2")], [message("m2")], at=NOW)
        assert store.verify() == 2
        assert store.due(NOW)[0].attempts == 0
    assert telemetry.registry.get_sample_value("watchkeep_journal_write_failures_total", {"reason": "busy"}) == 2


def test_a_locked_journal_can_be_opened(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with journal(path) as store:
        store.commit([opened()], [], at=NOW)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with journal(path, busy_timeout_seconds=0.05) as store:
            assert len(store.events()) == 1


def test_a_full_disk_is_said_and_the_same_journal_goes_on_when_there_is_room_again(tmp_path: Path) -> None:
    telemetry = Telemetry()
    with small_disk(tmp_path / "disk", "3m") as disk, journal(disk / "journal.db", telemetry=telemetry) as store:
        store.commit([opened("i0")], [message("m0")], at=NOW)
        filler = fill(disk)
        refused = refused_on_a_full_disk(
            lambda n: store.commit([opened(f"i{n}")], [message(f"m{n}", key=f"k{n}")], at=NOW), range(1, 300)
        )
        assert len(store.events()) == store.verify() == len(store.due(NOW, limit=500)) == refused
        filler.unlink()
        store.commit([opened("late")], [message("late", key="late")], at=NOW)
        assert len(store.events()) == store.verify() == len(store.due(NOW, limit=500)) == refused + 1
    failures = telemetry.registry.get_sample_value("watchkeep_journal_write_failures_total", {"reason": "full"})
    assert failures == 300 - refused


def garbage(path: Path) -> None:
    path.write_bytes(random.Random(1).randbytes(20_000))


def empty(path: Path) -> None:
    path.touch()


def a_folder(path: Path) -> None:
    path.mkdir()


def somebody_elses(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE recipes (id INTEGER PRIMARY KEY, text TEXT)")


def truncated(path: Path) -> None:
    with journal(path) as store:
        store.commit([opened(f"i{n}") for n in range(100)], [], at=NOW)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def gone(path: Path) -> None:
    with journal(path) as store:
        store.commit([opened()], [], at=NOW)
        wal = path.with_name("journal.db-wal").read_bytes()
    path.unlink()
    path.with_name("journal.db-wal").write_bytes(wal)


@pytest.mark.parametrize("damage", [garbage, empty, a_folder, somebody_elses, truncated, gone])
def test_a_damaged_journal_is_refused_and_never_replaced_by_itself(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    path = tmp_path / "journal.db"
    damage(path)
    was = {entry.name: entry.read_bytes() for entry in tmp_path.iterdir() if entry.is_file()}
    with pytest.raises(StoreDamaged, match=r"journal\.db: "), journal(path):
        pass
    now = {entry.name: entry.read_bytes() for entry in tmp_path.iterdir() if entry.is_file()}
    assert was.items() <= now.items()


def test_damage_that_shows_later_is_said_as_such(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with journal(path) as store:
        store.commit([opened(f"i{n}") for n in range(200)], [], at=NOW)
    with path.open("r+b") as file:
        file.seek(4096 * 30)
        file.write(b"\xa5" * 4096 * (path.stat().st_size // 4096 - 30))
    with journal(path) as store:
        for read in (store.events, store.verify):
            with pytest.raises(StoreDamaged):
                read()
