"""A damaged ledger is set aside, what can be read of it is kept, and the watch goes on."""

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from slo.core.counts import Counts
from slo.core.deltas import Block
from slo.errors import StoreError
from slo.exposition.catalogue import Telemetry
from slo.store.ledger import LedgerStore
from slo.store.ledger_file import FORMAT
from tests.store.making import HOUR, START, block, compact, ledger, noise, spans, totals


def garbage(path: Path) -> None:
    path.write_bytes(random.Random(1).randbytes(20_000))


def truncated(path: Path) -> None:
    with ledger(path) as store:
        store.append([noise(START + 10 * number) for number in range(1, 100)], {}, {})
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def empty(path: Path) -> None:
    path.touch()


def a_folder(path: Path) -> None:
    path.mkdir()
    (path / "inside").touch()


def somebody_elses(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE recipes (id INTEGER PRIMARY KEY, text TEXT)")


def without_its_file(path: Path) -> None:
    with ledger(path) as store:
        store.append([block([START + 10], ["a"])], {}, {})
        wal = path.with_name("ledger.db-wal").read_bytes()
    path.unlink()
    path.with_name("ledger.db-wal").write_bytes(wal)


def with_a_changed_header(path: Path) -> None:
    with ledger(path) as store:
        store.append([block([START + 10], ["a"])], {}, {})
    with path.open("r+b") as file:
        file.write(b"not a database")


def with_changed_totals(path: Path) -> None:
    with ledger(path) as store:
        store.append([block([START + 10], ["a"])], totals(a=1), {})
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE latest SET totals = zeroblob(10)")


@pytest.mark.parametrize(
    "damage", [garbage, truncated, empty, a_folder, somebody_elses, with_a_changed_header, with_changed_totals]
)
def test_a_damaged_file_is_kept_aside_said_and_a_new_one_begun(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: Callable[[Path], None]
) -> None:
    path = tmp_path / "ledger.db"
    damage(path)
    was = path.read_bytes() if path.is_file() else None
    with ledger(path) as store:
        store.append([block([START + 20], ["a"])], totals(a=2), {"now": "2"})
    with ledger(path) as store:
        assert (START + 20, 10, "a") in spans(store.history(0))
        assert store.totals() == {"a": Counts(good=2)}
    (kept,) = tmp_path.glob("ledger.db.damaged-*Z")
    assert damage is a_folder or kept.read_bytes() == was
    assert damage is not a_folder or (kept / "inside").exists()
    assert "the ledger is damaged and was set aside, a new one is begun" in caplog.messages


def test_what_is_left_of_a_lost_file_never_gets_into_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    without_its_file(path)
    with ledger(path) as store:
        assert list(store.history(0)) == []
        store.append([block([START + 20], ["a"])], {}, {})
        assert set(spans(store.history(0))) == {(START + 20, 10, "a")}
    assert len(list(tmp_path.glob("ledger.db.damaged-*-wal"))) == 1


def test_damaged_files_do_not_pile_up(tmp_path: Path) -> None:
    for _ in range(6):
        garbage(tmp_path / "ledger.db")
        with ledger(tmp_path / "ledger.db"):
            pass
    assert len(list(tmp_path.glob("ledger.db.damaged-*"))) == 3


def test_a_ledger_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with ledger(path) as store:
        store.append([block([START + 10], ["a"])], {}, {})
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {FORMAT.version + 1}")
    was = path.read_bytes()
    with pytest.raises(StoreError, match=r"newer Watchkeep \(format 3, this one knows 2\): install"), ledger(path):
        pass
    assert path.read_bytes() == was
    assert not list(tmp_path.glob("*.damaged-*"))


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"nowhere/ledger\.db: No such file or directory"):
        LedgerStore(tmp_path / "nowhere" / "ledger.db", slot_seconds=10, telemetry=Telemetry())


def test_an_unfinished_file_of_a_killed_start_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "ledger.db.new").write_bytes(b"half")
    with ledger(tmp_path / "ledger.db") as store:
        store.append([block([START + 10], ["a"])], {}, {})
    assert [entry.name for entry in tmp_path.iterdir()] == ["ledger.db"]


@pytest.fixture(scope="module")
def some_history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ledger") / "ledger.db"
    with ledger(path) as store:
        for hour in range(30):
            ends = [START + hour * HOUR + 60 * minute for minute in range(1, 61)]
            counts = np.random.default_rng(hour).integers(1, 60_000, (4, 60, 4), np.int64)
            names = tuple(f"probe:{n}" for n in range(4))
            store.append(
                [Block(ends=np.array(ends), seconds=60, names=names, counts=counts)], totals(a=7), {"now": "7"}
            )
    return path


@pytest.mark.parametrize("page", range(1, 34))
def test_whichever_page_is_damaged_the_watch_goes_on_and_keeps_what_can_be_read(
    tmp_path: Path, some_history: Path, page: int
) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(some_history.read_bytes())
    assert path.stat().st_size // 4096 >= 34
    with path.open("r+b") as file:
        file.seek(4096 * page)  # the first page is the header: see above
        file.write(b"\xa5" * 4096)
    with ledger(some_history) as store:
        before = spans(store.history(0))
    now = START + 40 * HOUR
    with ledger(path) as store:
        assert spans(store.history(0)).items() <= before.items(), "what is still there is as it was written"
        for number in range(1, 4):
            store.append([block([now + 10 * number], ["a"])], totals(a=8), {"now": str(number)})
            compact(store, now)
        written = {(now + 10 * number, 10, "a"): (1, 0, 0, 10_000) for number in (1, 2, 3)}
        after = spans(store.history(0))
        assert written.items() <= after.items()
        assert (after.items() - written.items()) <= before.items()
    with ledger(path) as store:
        assert spans(store.history(0)) == after
        assert store.totals()["a"] == Counts(good=8)
        assert store.marks() == {"now": "3"}


def test_a_ledger_that_breaks_under_way_is_replaced_with_what_can_be_read_of_it(
    tmp_path: Path, some_history: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(some_history.read_bytes())
    with closing(sqlite3.connect(path)) as db:
        (root,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'latest'").fetchone()
    now = START + 40 * HOUR
    with ledger(path) as store:
        before = spans(store.history(0))
        store.close()
        with path.open("r+b") as file:
            file.seek(4096 * (root - 1))
            file.write(b"\xa5" * 4096)
        store.append([block([now], ["a"])], totals(a=8), {"now": "8"})
        assert spans(store.history(0)) == before | {(now, 10, "a"): (1, 0, 0, 10_000)}
        assert store.totals() == {"a": Counts(good=8)}
    assert caplog.messages == [
        "the ledger is damaged and was set aside, a new one is begun",
        "history was copied from the damaged ledger",
    ]
