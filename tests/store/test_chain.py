"""The hash chain: any change to what happened is found at its place."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from slo.errors import StoreDamaged, StoreError
from slo.store.chain import FIRST, link
from tests.store.making import NOW, journal, opened


def raw(path: Path, *statements: str) -> None:
    """Change the file behind the journal's back, triggers taken away as who wants to hide something would."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for trigger in ("update", "delete", "insert"):
            db.execute(f"DROP TRIGGER IF EXISTS events_no_{trigger}")
        for statement in statements:
            assert db.execute(statement).rowcount, statement


def test_the_chain_can_be_checked_with_the_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with journal(path) as store:
        store.commit([opened(f"i{n}") for n in range(3)], [], at=NOW)
    previous = FIRST
    with closing(sqlite3.connect(path)) as db:
        for sequence, body, recorded in db.execute("SELECT sequence, body, hash FROM events ORDER BY sequence"):
            previous = link(previous, sequence, body.encode())
            assert recorded == previous
    assert FIRST == "0" * 64
    assert link(FIRST, 1, b"{}") == "857ee6299d26533d1f5f46c02209ae8bc34dc4898a8a9545493946b4ea59d6f3"


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        (["UPDATE events SET body = replace(body, 'gate', 'Gate') WHERE sequence = 3"], "event 3 is not as it was"),
        (["UPDATE events SET body = CAST(x'ff00' AS TEXT) WHERE sequence = 3"], "event 3 is not as it was"),
        (["UPDATE events SET incident = 'i9' WHERE sequence = 3"], "event 3 is filed under another incident"),
        (["UPDATE events SET kind = 'Resolved' WHERE sequence = 3"], "event 3 is filed under another incident or kind"),
        (
            ["UPDATE events SET hash = (SELECT hash FROM events WHERE sequence = 2) WHERE sequence = 3"],
            "event 3 is not",
        ),
        (["DELETE FROM events WHERE sequence = 1"], "event 1 is missing"),
        (["DELETE FROM events WHERE sequence = 3"], "event 3 is missing"),
        (
            ["DELETE FROM events WHERE sequence = 3", "UPDATE events SET sequence = sequence - 1 WHERE sequence > 3"],
            "event 3 is not as it was",
        ),
        (
            [
                "UPDATE events SET sequence = -2 WHERE sequence = 2",
                "UPDATE events SET sequence = 2 WHERE sequence = 3",
                "UPDATE events SET sequence = 3 WHERE sequence = -2",
            ],
            "event 2 is not as it was",
        ),
        (
            [
                "UPDATE events SET sequence = -sequence - 1 WHERE sequence > 3",
                "UPDATE events SET sequence = -sequence WHERE sequence < 0",
                "INSERT INTO events SELECT 4, incident, kind, body, hash FROM events WHERE sequence = 3",
            ],
            "event 4 is not as it was",
        ),
        (["DELETE FROM events WHERE sequence > 4"], "event 5 is missing: the chain ends after 4, its head says 6"),
        (["DELETE FROM events"], "event 1 is missing: the chain ends after 0"),
        (["DELETE FROM head"], "event 7 is missing: the chain ends after 6, its head says an unknown number"),
    ],
)
def test_any_change_to_the_past_is_found_at_its_place(tmp_path: Path, changes: list[str], place: str) -> None:
    path = tmp_path / "journal.db"
    with journal(path) as store:
        store.commit([opened(f"i{n}") for n in range(1, 7)], [], at=NOW)
        assert store.verify() == 6
        raw(path, *changes)
        with pytest.raises(StoreDamaged, match=place):
            store.verify()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET body = '{}' WHERE sequence = 1",
        "DELETE FROM events WHERE sequence = 2",
        "DELETE FROM events",
        "REPLACE INTO events SELECT * FROM events WHERE sequence = 1",
        "INSERT INTO events SELECT 9, incident, kind, body, hash FROM events WHERE sequence = 1",
        "INSERT INTO events SELECT 0, incident, kind, body, hash FROM events WHERE sequence = 1",
    ],
)
def test_the_database_itself_refuses_to_change_events(tmp_path: Path, statement: str) -> None:
    path = tmp_path / "journal.db"
    with journal(path) as store:
        store.commit([opened("i1"), opened("i2")], [], at=NOW)
        with closing(sqlite3.connect(path)) as db, pytest.raises(sqlite3.IntegrityError, match="append-only"):
            db.execute(statement)
        assert store.verify() == 2


def test_an_event_of_a_newer_version_is_never_skipped(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with journal(path) as store:
        store.commit([opened("i1"), opened("i2")], [], at=NOW)
        raw(path, """UPDATE events SET body = replace(body, '"Opened"', '"Escalated"') WHERE sequence = 2""")
        with pytest.raises(StoreError, match="event 2 is of the kind Escalated, which this version does not know"):
            store.events()
        assert store.events("i1") == [(1, opened("i1"))]


@pytest.mark.parametrize("body", ["'{}'", "'no JSON'", "x'ff'"])
def test_an_event_that_cannot_be_read_is_named(tmp_path: Path, body: str) -> None:
    path = tmp_path / "journal.db"
    with journal(path) as store:
        store.commit([opened("i1"), opened("i2")], [], at=NOW)
        raw(path, f"UPDATE events SET body = CAST({body} AS TEXT) WHERE sequence = 2")
        with pytest.raises(StoreDamaged, match="event 2 cannot be read"):
            store.events()
