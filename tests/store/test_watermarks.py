"""Where sources stand is on disk with the counts that go with it, in new files and in those of format 1."""

import itertools
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from slo.store.ledger_file import FORMAT
from tests.store.making import START, block, fill, ledger, noise, refused_on_a_full_disk, small_disk, spans, totals

ONE, TWO = ("scrape", "one"), ("scrape", "two")

DIE_AT = """
import os, signal, sqlite3, sys
from pathlib import Path
from slo.exposition.catalogue import Telemetry
from slo.store.ledger import LedgerStore
path, left = Path(sys.argv[1]), int(sys.argv[2])
connect = sqlite3.connect
def dying(path, **keys):
    db = connect(path, **keys)
    def count(statement):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
    db.set_trace_callback(count)
    return db
sqlite3.connect = dying
LedgerStore(path, slot_seconds=10, telemetry=Telemetry())
"""
"""Opens a ledger, and is killed at the statement of this number."""


def of_format_1(path: Path) -> None:
    """A ledger with some history as it was before there were watermarks."""
    with ledger(path) as store:
        store.append([block([START + 10], ["a"], 7)], totals(a=7), {"now": str(START + 10)})
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DROP TABLE watermarks")
        db.execute("PRAGMA user_version = 1")


def test_watermarks_are_kept_by_source_until_others_come(tmp_path: Path) -> None:
    with ledger(tmp_path / "ledger.db") as store:
        store.append([], {}, {}, {ONE: b"1", TWO: b"2", ("server", "one"): b"3"})
        store.append([], {}, {}, {ONE: b"\0" * 1000})
        store.append([], {}, {}, {TWO: None, ("scrape", "never there"): None})
    with ledger(tmp_path / "ledger.db") as store:
        assert store.watermarks("scrape") == {"one": b"\0" * 1000}
        assert store.watermarks("server") == {"one": b"3"}
        assert store.watermarks("another") == {}


def test_a_watermark_that_does_not_read_is_said_and_the_others_are_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with ledger(tmp_path / "ledger.db") as store:
        store.append([], {}, {}, {ONE: b"1", TWO: b"2"})
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as db, db:
        db.execute("UPDATE watermarks SET body = x'00' WHERE name = 'one'")
    with ledger(tmp_path / "ledger.db") as store:
        assert store.watermarks("scrape") == {"two": b"2"}
    assert [(record.message, record.__dict__["mark"]) for record in caplog.records] == [
        ("a watermark is damaged", "one")
    ]


def test_on_a_full_disk_counts_and_watermarks_stay_together(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "3m") as disk, ledger(disk / "ledger.db") as store:

        def write(number: int) -> None:
            store.append([noise(START + 10 * number)], {}, {}, {ONE: str(number).encode()})

        refused = refused_on_a_full_disk(write, range(1, 3_000))
        filler = fill(disk)
        assert store.watermarks("scrape") == {"one": str(refused - 1).encode()}
        assert max(end for end, _, _ in spans(store.history(0))) == START + 10 * (refused - 1)
        filler.unlink()


def test_a_file_of_format_1_gets_watermarks_and_keeps_everything(tmp_path: Path) -> None:
    of_format_1(tmp_path / "ledger.db")
    with ledger(tmp_path / "ledger.db") as store:
        assert store.watermarks("scrape") == {}
        store.append([block([START + 20], ["a"], 3)], totals(a=10), {}, {ONE: b"1"})
    with ledger(tmp_path / "ledger.db") as store:
        assert store.watermarks("scrape") == {"one": b"1"}
        assert {end: row[0] for (end, _, _), row in spans(store.history(0)).items()} == {START + 10: 7, START + 20: 3}
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (FORMAT.version,)


def test_an_upgrade_that_is_killed_at_any_statement_is_made_by_the_next_start(tmp_path: Path) -> None:
    killed = 0
    for statement in itertools.count():
        path = tmp_path / f"{statement}.db"
        of_format_1(path)
        child = subprocess.run(
            [sys.executable, "-c", DIE_AT, str(path), str(statement)], cwd=Path(__file__).parents[2], check=False
        )
        with ledger(path) as store:
            store.append([], {}, {}, {ONE: b"1"})
            assert store.watermarks("scrape") == {"one": b"1"}
            assert np.sum([row[0] for row in spans(store.history(0)).values()]) == 7
        if child.returncode == 0:
            break
        killed += 1
    assert killed >= 5, "it is killed before, between and after the statements of the upgrade"
