"""An acknowledgement or a resolve goes out with the credential of its trigger, or it would be dropped unsaid."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from slo.core.delivery import Action, Ambiguous, Retry, Sent, Verdict
from slo.errors import StoreError
from slo.store.journal import Journal
from tests.store.making import NOW, REFUSED, attempt, journal, message, opened, put


def test_a_lane_keeps_what_it_was_begun_with_after_a_rotation_and_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with journal(path) as store:
        put(store, message("t"), message("a", Action.ACKNOWLEDGE), message("r", Action.RESOLVE))
        put(store, message("other", key="k2"))
        assert attempt(store, Sent(), credential="old") == "old"
    with journal(path) as store:
        assert attempt(store, Sent(), credential="new") == "old"
        assert attempt(store, Sent(), credential="new") == "old"
        assert attempt(store, Sent(), credential="new") == "new", "another lane"


def test_it_is_forgotten_when_the_lane_is_resolved(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with journal(path) as store:
        put(store, message("t"), message("r", Action.RESOLVE))
        attempt(store, Sent(), credential="old")
        attempt(store, Sent(), credential="new")
        assert stored(path) == []
        put(store, message("t2"))
        assert attempt(store, Sent(), credential="new") == "new"


@pytest.mark.parametrize(
    ("verdicts", "used"),
    [
        ([Retry(reason="http_503")], ["new"]),
        ([REFUSED], ["new"]),
        ([Ambiguous(reason="timeout")], ["old"]),
        ([Ambiguous(reason="timeout"), Retry(reason="http_503")], ["old", "old"]),
        ([Retry(reason="http_503"), Ambiguous(reason="timeout"), Retry(reason="http_503")], ["new", "new", "new"]),
        ([Ambiguous(reason="timeout"), REFUSED], ["old", "new"]),
        ([Sent()], ["old"]),
    ],
)
def test_a_rotation_is_followed_as_long_as_nothing_can_be_open_under_the_old_one(
    store: Journal, verdicts: list[Verdict], used: list[str]
) -> None:
    put(store, message("t"), message("t2"), message("t3"), message("t4"))
    seen = [attempt(store, verdict, credential="new" if n else "old") for n, verdict in enumerate(verdicts)]
    seen.append(attempt(store, Sent(), credential="new"))
    assert seen == ["old", *used]


def test_an_attempt_that_was_cut_short_by_a_kill_may_have_opened_something(store: Journal) -> None:
    put(store, message("t"))
    (head,) = store.due(NOW)
    assert store.begin(head.sequence, credential="old", now=NOW).credential == "old"
    assert attempt(store, Retry(reason="http_503"), credential="new") == "old"
    assert attempt(store, Sent(), credential="new") == "old"


def test_a_destination_without_one_stores_nothing(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with journal(path) as store:
        put(store, message("t"))
        assert attempt(store, Sent(), credential="") == ""
    assert stored(path) == []


def test_it_is_in_no_record_no_body_and_no_error(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with journal(path, busy_timeout_seconds=0.05) as store:
        store.commit([opened()], [message("t"), message("other", key="k2")], at=NOW)
        attempt(store, Sent(), credential="R0UT1NG")
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            for table in ("events", "outbox", "head"):
                rows = other.execute(f"SELECT * FROM {table}").fetchall()
                assert rows
                assert "R0UT1NG" not in repr(rows)
            other.execute("CREATE TRIGGER no BEFORE INSERT ON credentials BEGIN SELECT RAISE(ABORT, 'no'); END")
        assert "R0UT1NG" not in repr(store.deliveries("i1"))
        with pytest.raises(StoreError) as error:
            store.begin(store.due(NOW)[0].sequence, credential="R0UT1NG", now=NOW)
        assert "R0UT1NG" not in repr(error.value) + repr(error.value.__cause__) + str(error.value.__cause__)


def stored(path: Path) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT * FROM credentials").fetchall()
