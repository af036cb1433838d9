"""The hash chain: any change to what happened is found at its place."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from slo.core.events import Acknowledged
from slo.errors import StoreDamaged, StoreError
from slo.store import audit
from slo.store.chain import FIRST, Chain, link
from tests.store.making import NOW, at, journal, opened


def raw(path: Path, *statements: str) -> None:
    """Change the file behind the journal's back, triggers taken away as who wants to hide something would."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for trigger in ("update", "delete", "insert"):
            db.execute(f"DROP TRIGGER IF EXISTS events_no_{trigger}")
        for statement in statements:
            assert db.execute(statement).rowcount, statement


def hashes(path: Path) -> dict[int, str]:
    """The hash of each event."""
    with closing(sqlite3.connect(path)) as db:
        return dict(db.execute("SELECT sequence, hash FROM events"))


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


def test_a_whole_chain_is_told_with_its_ends(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with journal(path) as store:
        assert audit.verified(path) == Chain(events=0, hash=FIRST)
        store.commit([opened("i1"), Acknowledged(incident="i1", at=at(60), by="kim", via="page")], [], at=NOW)
        chain = audit.verified(path)
    assert (chain.events, chain.first_at, chain.last_at) == (2, "2026-01-01T12:00:00Z", "2026-01-01T12:01:00Z")
    assert chain.anchor == f"2:{hashes(path)[2]}"


def test_a_chain_that_was_written_anew_is_whole_and_only_a_hash_that_was_kept_elsewhere_tells(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with journal(path) as store:
        store.commit([opened(f"i{n}") for n in range(1, 7)], [], at=NOW)
    kept = hashes(path)
    with closing(sqlite3.connect(path)) as db:
        triggers = [sql for (sql,) in db.execute("SELECT sql FROM sqlite_master WHERE type = 'trigger'")]
    forge = ["UPDATE events SET body = replace(body, 'gate', 'Gate') WHERE sequence = 3"]
    previous = kept[2]
    with closing(sqlite3.connect(path)) as db:
        bodies = dict(db.execute("SELECT sequence, body FROM events"))
    for number in range(3, 7):
        body = bodies[number].replace("gate", "Gate") if number == 3 else bodies[number]
        previous = link(previous, number, body.encode())
        forge.append(f"UPDATE events SET hash = '{previous}' WHERE sequence = {number}")
    raw(path, *forge, f"UPDATE head SET hash = '{previous}'")
    with closing(sqlite3.connect(path)) as db:
        for trigger in triggers:
            db.execute(trigger)
    assert audit.verified(path).events == 6
    assert audit.verified(path, {2: kept[2]}).events == 6
    with pytest.raises(StoreDamaged, match="event 6 has another hash than the one that was kept elsewhere"):
        audit.verified(path, {2: kept[2], 6: kept[6]})
    with pytest.raises(StoreDamaged, match="event 3 has another hash"):
        audit.verified(path, kept)


def test_an_old_copy_that_was_put_back_lacks_the_event_whose_hash_was_kept(tmp_path: Path) -> None:
    path, old = tmp_path / "journal.db", tmp_path / "old.db"
    with journal(path) as store:
        store.commit([opened("i1")], [], at=NOW)
    old.write_bytes(path.read_bytes())
    with journal(path) as store:
        store.commit([opened("i2")], [], at=NOW)
    kept = hashes(path)
    path.write_bytes(old.read_bytes())
    assert audit.verified(path).events == 1
    with pytest.raises(
        StoreDamaged, match="event 2 is missing: its hash was kept elsewhere, but the chain ends after 1"
    ):
        audit.verified(path, {2: kept[2]})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (["DROP TRIGGER events_no_delete"], "events_no_delete is gone"),
        (
            [
                "DROP TRIGGER events_no_update",
                "CREATE TRIGGER events_no_update BEFORE UPDATE ON events BEGIN SELECT 1; END",
            ],
            "events_no_update is not the one",
        ),
        (["CREATE TRIGGER mine AFTER INSERT ON events BEGIN DELETE FROM outbox; END"], "mine is not the one"),
    ],
)
def test_a_database_that_would_let_events_be_changed_is_told_with_the_way_back(
    tmp_path: Path, changes: list[str], says: str
) -> None:
    path = tmp_path / "journal.db"
    with journal(path) as store:
        store.commit([opened("i1")], [], at=NOW)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for change in changes:
            db.execute(change)
        with pytest.raises(StoreDamaged, match=rf"{says}.* all 1 events are as they were written") as error:
            audit.verified(path)
        db.executescript(str(error.value).partition("with: ")[2])
    assert audit.verified(path).events == 1


def test_a_file_whose_pages_are_damaged_is_told_as_such(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with journal(path) as store:
        store.commit([opened(f"i{n}") for n in range(200)], [], at=NOW)
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 2)
        file.write(b"\xff" * (size // 4))
    with pytest.raises(StoreDamaged):
        audit.verified(path)


@pytest.mark.parametrize("content", [b"", b"no database at all" * 300])
def test_what_is_no_journal_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(content)
    with pytest.raises(StoreDamaged, match=r"is no journal of Watchkeep|does not read as it was written"):
        audit.verified(path)


WRITE = """
import struct, sys, time
from pathlib import Path
from tests.store.making import NOW, journal, opened
with journal(Path(sys.argv[1])) as store:
    for number in range(int(sys.argv[2])):
        store.commit([opened(f"i{number}")], [], at=NOW)
        sys.stdout.buffer.write(struct.pack("<q", number))
        sys.stdout.buffer.flush()
"""


def test_it_is_checked_while_another_process_writes_which_never_has_to_wait_for_it(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    root = Path(__file__).parents[2]
    with subprocess.Popen([sys.executable, "-c", WRITE, path, "300"], stdout=subprocess.PIPE, cwd=root) as writer:
        assert writer.stdout is not None
        writer.stdout.read(8)
        seen = [audit.verified(path)]
        while writer.poll() is None:
            seen.append(audit.verified(path, {seen[-1].events: seen[-1].hash}))
    assert writer.returncode == 0, "a commit failed while somebody was reading"
    assert audit.verified(path, {seen[-1].events: seen[-1].hash}).events == 300
    assert len({chain.events for chain in seen}) > 1


def test_a_reader_in_the_middle_lets_the_writer_write_with_no_patience_at_all(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with journal(path, busy_timeout_seconds=0) as store:
        store.commit([opened("i1")], [], at=NOW)
        with audit.reading(path) as connection:
            entries = iter(audit.Chosen(connection, path, audit.Choice()))
            assert next(entries).number == 1
            store.commit([opened("i2")], [], at=NOW)
            assert list(entries) == [], "it sees the state that it began with"
        assert audit.verified(path).events == 2


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
