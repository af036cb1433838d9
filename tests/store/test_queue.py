"""A queue on disk gives back what was put into it, in its order, whatever happens to the process and to the disk."""

import os
import random
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from slo.errors import StoreBusy, StoreDamaged, StoreError, StoreFull
from slo.store.queue import FORMAT, Queue
from tests.store.making import fill, killed_while_it_writes, refused_on_a_full_disk, small_disk

PLENTY = 1 << 30


@contextmanager
def queue(path: Path, *, busy_timeout_seconds: float = 2.0) -> Iterator[Queue]:
    with closing(Queue(path, busy_timeout_seconds=busy_timeout_seconds)) as opened:
        yield opened


def everything(opened: Queue, after: int = 0) -> list[tuple[int, bytes]]:
    return opened.after(after, most=PLENTY, most_bytes=PLENTY)


def test_bodies_come_back_in_their_order_with_numbers_from_one_on(tmp_path: Path) -> None:
    with queue(tmp_path / "queue") as opened:
        assert opened.append([b"a", b""]) == 2
        assert opened.append([b"c"]) == 3
        assert everything(opened) == [(1, b"a"), (2, b""), (3, b"c")]
        assert everything(opened, after=2) == [(3, b"c")]
        identity = opened.identity
    with queue(tmp_path / "queue") as opened:
        assert everything(opened) == [(1, b"a"), (2, b""), (3, b"c")]
        assert (opened.identity, opened.held_bytes) == (identity, 2)
    assert (tmp_path / "queue").stat().st_mode & 0o777 == 0o600


def test_what_is_read_at_once_is_bounded_but_the_first_always_comes(tmp_path: Path) -> None:
    with queue(tmp_path / "queue") as opened:
        opened.append([b"aaaa", b"b", b"c", b"d"])
        assert opened.after(0, most=2, most_bytes=PLENTY) == [(1, b"aaaa"), (2, b"b")]
        assert opened.after(0, most=9, most_bytes=1) == [(1, b"aaaa")]
        assert opened.after(1, most=9, most_bytes=2) == [(2, b"b"), (3, b"c")]


def test_numbers_are_never_given_again(tmp_path: Path) -> None:
    with queue(tmp_path / "queue") as opened:
        opened.append([b"a", b"b"])
        opened.drop_through(2)
        assert (opened.held_bytes, everything(opened)) == (0, [])
    with queue(tmp_path / "queue") as opened:
        assert opened.append([b"c"]) == 3
        opened.drop_through(2)
        assert everything(opened) == [(3, b"c")]


def test_the_disk_gets_back_what_was_taken(tmp_path: Path) -> None:
    path = tmp_path / "queue"
    with queue(path) as opened:
        opened.append([os.urandom(100_000) for _ in range(20)])
        opened.drop_through(20)
    assert path.stat().st_size < 200_000


APPEND = """
import os, struct, sys
from pathlib import Path
from slo.store.queue import Queue
queue = Queue(Path(sys.argv[1]))
while True:
    os.write(1, struct.pack("<q", queue.append([b"abc"] * 3)))
"""


def test_a_killed_process_loses_nothing_that_was_appended_and_leaves_nothing_by_half(tmp_path: Path) -> None:
    chance = random.Random(1)
    for _ in range(5):
        last = killed_while_it_writes(APPEND, str(tmp_path / "queue"), chance=chance)
        with queue(tmp_path / "queue") as opened:
            numbers = [number for number, _ in everything(opened)]
            assert numbers == list(range(1, len(numbers) + 1))
            assert len(numbers) in {last, last + 3}


def test_a_full_disk_is_said_and_takes_nothing_by_half(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "2m") as disk, queue(disk / "queue") as opened:
        filler = fill(disk)

        def append(_number: int) -> None:
            opened.append([os.urandom(30_000)] * 2)

        refused = refused_on_a_full_disk(append, range(1, 50))
        assert len(everything(opened)) == 2 * (refused - 1)
        assert opened.held_bytes == 60_000 * (refused - 1)
        filler.unlink()
        opened.append([b"again"])
        assert everything(opened)[-1][1] == b"again"


@pytest.mark.parametrize("left_bytes", [0, 4096, 12_288])
def test_a_queue_that_is_begun_on_a_full_disk_is_refused_and_begun_when_there_is_room(
    left_bytes: int, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", "1m") as disk:
        room = disk / "room"
        room.write_bytes(b"x" * left_bytes)
        filler = fill(disk)
        room.unlink()
        with pytest.raises(StoreFull, match="make room on its disk"):
            Queue(disk / "queue")
        assert not (disk / "queue").exists()
        filler.unlink()
        with queue(disk / "queue") as opened:
            assert opened.append([b"a"]) == 1


def test_a_queue_that_another_program_holds_is_busy(tmp_path: Path) -> None:
    path = tmp_path / "queue"
    with (
        queue(path, busy_timeout_seconds=0.05) as opened,
        closing(sqlite3.connect(path, isolation_level=None)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusy, match="another program holds it"):
            opened.append([b"a"])
        other.execute("ROLLBACK")
        opened.append([b"a"])


@pytest.mark.parametrize("damage", ["no database", "another database", "a page"])
def test_a_damaged_queue_is_set_aside_and_a_new_one_begun(
    damage: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "queue"
    with queue(path) as opened:
        opened.append([os.urandom(5000) for _ in range(20)])
        identity = opened.identity
    if damage == "another database":
        path.unlink()
        with closing(sqlite3.connect(path)) as other:
            other.execute("CREATE TABLE a (b)")
    else:
        body = bytearray(path.read_bytes())
        begin = 0 if damage == "no database" else 8192
        body[begin : begin + 3000] = b"x" * 3000
        path.write_bytes(body)
    with queue(path) as opened:
        assert opened.identity != identity
        assert everything(opened) == []
    assert len(list(tmp_path.glob("queue*"))) >= 2
    assert "a queue is damaged and was set aside" in caplog.text


def test_a_queue_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "queue"
    with queue(path) as opened:
        opened.append([b"a"])
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA application_id").fetchone()[0] == FORMAT.application_id
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="was written by a newer Watchkeep") as refusal:
        Queue(path)
    assert not isinstance(refusal.value, StoreDamaged)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT body FROM bodies").fetchall() == [(b"a",)]


def test_several_threads_may_append_at_once(tmp_path: Path) -> None:
    with queue(tmp_path / "queue") as opened:

        def append() -> None:
            for _ in range(50):
                opened.append([b"a", b"b"])

        threads = [threading.Thread(target=append) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [body for _, body in everything(opened)] == [b"a", b"b"] * 200
        assert opened.held_bytes == 400
