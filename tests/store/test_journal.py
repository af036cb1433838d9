"""The journal keeps events and messages together, in order, and notices every change to what happened."""

import random
import sqlite3
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from subprocess import run
from threading import Thread

import pytest

from slo.core.delivery import Refused, Sent
from slo.core.events import Acknowledged, Opened, Resolved
from slo.core.folding import fold_all
from slo.exposition.catalogue import Telemetry
from slo.store.journal import Journal
from tests.store.making import NOW, at, journal, killed_while_it_writes, message, opened

COMMIT_FOR_EVER = """
import itertools, os, struct, sys
from pathlib import Path
from slo.exposition.catalogue import Telemetry
from slo.store.journal import Journal
from tests.store.making import NOW, message, opened
store = Journal(Path(sys.argv[1]), telemetry=Telemetry())
for number in itertools.count(int(sys.argv[2])):
    name = f"i{number}"
    messages = [message(f"{name}-{n}", key=f"k{number % 5}", incident=name) for n in range(3)]
    store.commit([opened(name), opened(f"{name}-again")], messages, at=NOW)
    os.write(1, struct.pack("<q", number))
    if number % 3 == 0:
        (head, *_) = store.due(NOW, limit=1)
        store.begin(head.sequence, credential="secret", now=NOW)
"""


def test_events_come_back_in_their_order_with_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    first, second = opened("i1"), opened("i2")
    acknowledged = Acknowledged(incident="i1", at=at(60), by="ada", via="page")
    with journal(path) as store:
        assert store.events() == []
        store.commit([first, second], [], at=NOW)
        store.commit([acknowledged], [], at=NOW)
    with journal(path) as store:
        assert store.events() == [(1, first), (2, second), (3, acknowledged)]
        assert store.events("i1") == [(1, first), (3, acknowledged)]
        assert store.events("nothing") == []
        assert fold_all(event for _, event in store.events())["i1"].status == "acknowledged"
        assert store.verify() == 3


def test_committing_a_message_again_changes_nothing(tmp_path: Path) -> None:
    with journal(tmp_path / "journal.db") as store:
        store.commit([opened()], [message("m1"), message("m2", key="k2")], at=NOW)
        store.commit([], [replace(message("m1"), summary="another"), message("m3", key="k3")], at=at(5))
        assert [(each.message.id, each.message.summary) for each in store.deliveries("i1")] == [
            ("m1", "gate burns"),
            ("m2", "gate burns"),
            ("m3", "gate burns"),
        ]


def test_what_was_refused_about_many_incidents_is_read_at_once(tmp_path: Path) -> None:
    with journal(tmp_path / "journal.db") as store:
        messages = [message(f"m{number}", key=f"k{number}", incident=f"i{number % 3}") for number in range(6)]
        store.commit([], messages, at=NOW)
        for delivery in store.due(NOW)[:5]:
            store.begin(delivery.sequence, credential="", now=NOW)
            refused = delivery.message.id not in {"m1", "m4"}
            store.finish(delivery.sequence, Refused(reason="rejected") if refused else Sent(), now=NOW, not_before=None)
        found = store.refused(["i0", "i1", "i3"])
        assert {name: [each.message.id for each in each_of] for name, each_of in found.items()} == {"i0": ["m0", "m3"]}
        assert {each.state for each in found["i0"]} == {"refused"}


def test_nothing_of_a_commit_is_there_when_one_part_of_it_cannot_be(tmp_path: Path) -> None:
    with journal(tmp_path / "journal.db") as store:
        with pytest.raises(ValueError, match="has no zone"):
            store.commit([opened()], [message("m1"), replace(message("m2"), at=NOW.replace(tzinfo=None))], at=NOW)
        assert (store.events(), store.due(NOW), store.verify()) == ([], [], 0)


def test_what_is_written_is_counted_by_kind(tmp_path: Path) -> None:
    telemetry = Telemetry()
    with journal(tmp_path / "journal.db", telemetry=telemetry) as store:
        store.commit([opened("i1"), opened("i2"), Resolved(incident="i1", at=NOW, by="", why="clear")], [], at=NOW)
    for kind, count in (("Opened", 2), ("Resolved", 1)):
        assert telemetry.registry.get_sample_value("watchkeep_journal_events_total", {"kind": kind}) == count


def test_the_number_of_the_last_event_is_told_from_the_start_for_others_to_remember(tmp_path: Path) -> None:
    def told(telemetry: Telemetry) -> float | None:
        return telemetry.registry.get_sample_value("watchkeep_journal_head_number")

    first, second = Telemetry(), Telemetry()
    with journal(tmp_path / "journal.db", telemetry=first) as store:
        assert told(first) == 0
        store.commit([opened("i1"), opened("i2")], [], at=NOW)
        assert told(first) == 2
        store.commit([], [message("m1")], at=NOW)
        assert told(first) == 2
    with journal(tmp_path / "journal.db", telemetry=second):
        assert told(second) == 2


def test_the_files_are_their_owners_alone(tmp_path: Path) -> None:
    with journal(tmp_path / "journal.db") as store:
        store.commit([opened()], [], at=NOW)
        assert {entry.name: entry.stat().st_mode & 0o777 for entry in tmp_path.iterdir()} == {
            "journal.db": 0o600,
            "journal.db-wal": 0o600,
            "journal.db-shm": 0o600,
        }


def test_a_kill_at_any_point_leaves_events_and_messages_that_agree(tmp_path: Path) -> None:
    path, chance, following = tmp_path / "journal.db", random.Random(20260101), 0
    for _ in range(5):
        last = killed_while_it_writes(COMMIT_FOR_EVER, str(path), str(following), chance=chance)
        with journal(path) as store:
            events = [event.incident for _, event in store.events()]
            assert store.verify() == len(events)
            written = len(events) // 2
            assert written - 1 in (last, last + 1), "the one that was being written may be there, or not"
            assert events == [name for n in range(written) for name in (f"i{n}", f"i{n}-again")]
            with closing(sqlite3.connect(path)) as db:
                outbox = [name for (name,) in db.execute("SELECT message FROM outbox ORDER BY sequence")]
            assert outbox == [f"i{n}-{part}" for n in range(written) for part in range(3)]
        following = written


def test_several_threads_may_use_one_journal(tmp_path: Path) -> None:
    failures: list[BaseException] = []

    def write(store: Journal, writer: int) -> None:
        try:
            for number in range(25):
                name = f"i{writer}-{number}"
                store.commit([opened(name)], [message(name, key=name, incident=name)], at=NOW)
                store.due(NOW, limit=5)
        except BaseException as error:  # noqa: BLE001  # a thread's failure is the test's
            failures.append(error)

    with journal(tmp_path / "journal.db", busy_timeout_seconds=30) as store:
        threads = [Thread(target=write, args=(store, writer)) for writer in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert store.verify() == 100
        for writer in range(4):
            own = [event.incident for _, event in store.events() if event.incident.startswith(f"i{writer}-")]
            assert own == [f"i{writer}-{number}" for number in range(25)]


@pytest.mark.parametrize("events", [None, 1], ids=["a new one", "one that is up to date"])
def test_opening_a_journal_imports_no_alembic(events: int | None, tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    if events:
        with journal(path) as store:
            store.commit([opened()], [message("m1")], at=NOW)
    program = (
        "import sys; from pathlib import Path; from slo.exposition.catalogue import Telemetry; "
        "from slo.store.journal import Journal; store = Journal(Path(sys.argv[1]), telemetry=Telemetry()); "
        "assert store.verify() == len(store.events()) == int(sys.argv[2]); sys.exit('alembic' in sys.modules)"
    )
    assert run([sys.executable, "-c", program, path, str(events or 0)], check=False).returncode == 0


def test_opened_events_keep_their_evidence(tmp_path: Path) -> None:
    with journal(tmp_path / "journal.db") as store:
        store.commit([opened()], [], at=NOW)
        ((_, event),) = store.events()
    assert isinstance(event, Opened)
    assert event.evidence.burn_rates == {"5m": 100.0, "1h": None}
