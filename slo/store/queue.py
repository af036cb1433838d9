"""A queue on disk: bodies in the order in which they came, kept until whoever reads them needs them no more.

It is a SQLite file in WAL mode with synchronous=NORMAL: a killed process loses nothing that was appended; a machine
that loses power may lose what the kernel had not written yet. A file that is damaged is set aside and a new queue
begun, which has another `identity`: numbers of one queue say nothing of another.
"""

import contextlib
import logging
import secrets
import sqlite3
import threading
from collections.abc import Collection, Iterator
from pathlib import Path

from slo.errors import StoreDamaged, StoreError
from slo.store.faults import file_error, store_error
from slo.store.files import begin_whole, has_side_files, private, set_aside

FORMAT = 1
APPLICATION_ID = 0x574B5155
"""`WKQU` in the header of the file."""

WAL_LIMIT_BYTES = 1 << 20
_VACUUM_PAGES = 1024

_SCHEMA = (
    "CREATE TABLE bodies (number INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB NOT NULL)",
    "CREATE TABLE about (identity TEXT NOT NULL)",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {FORMAT}",
)

logger = logging.getLogger(__name__)


class Queue:
    """The queue in the file `path`. Bodies are numbered from 1 on, and a number is never given again.

    Safe to use from several threads. Raises StoreError for a file of a newer version, StoreBusy or StoreFull where it
    cannot be used now.
    """

    def __init__(self, path: Path, *, busy_timeout_seconds: float = 2.0) -> None:
        self._path = path
        self._lock = threading.RLock()
        try:
            self._db = self._opened(busy_timeout_seconds)
        except StoreDamaged as error:
            aside = set_aside(path)
            logger.error(  # noqa: TRY400 - the error is in the text
                "a queue is damaged and was set aside, a new one is begun",
                extra={"error": str(error), "kept": str(aside)},
            )
            self._db = self._opened(busy_timeout_seconds)
        with self._told():
            self.identity: str = self._db.execute("SELECT identity FROM about").fetchone()[0]
            self.held_bytes: int = self._db.execute("SELECT coalesce(sum(length(body)), 0) FROM bodies").fetchone()[0]

    def append(self, bodies: Collection[bytes]) -> int:
        """Put bodies at the end, all of them or none; the number of the last. Raises StoreError."""
        with self._writing() as db:
            last = 0
            for body in bodies:
                last = db.execute("INSERT INTO bodies (body) VALUES (?)", (body,)).lastrowid or 0
        self.held_bytes += sum(map(len, bodies))
        return last

    def after(self, number: int, *, most: int, most_bytes: int) -> list[tuple[int, bytes]]:
        """The bodies after a number, with theirs: the first in any case, and as many as fit. Raises StoreError."""
        found: list[tuple[int, bytes]] = []
        left = most_bytes
        with self._lock, self._told():
            rows = self._db.execute(
                "SELECT number, body FROM bodies WHERE number > ? ORDER BY number LIMIT ?", (number, most)
            )
            for each, body in rows:
                left -= len(body)
                if found and left < 0:
                    break
                found.append((each, body))
        return found

    def drop_through(self, number: int) -> int:
        """Forget everything up to a number; how many bodies that were. Raises StoreError."""
        with self._writing() as db:
            gone: tuple[int, int] = db.execute(
                "SELECT count(*), coalesce(sum(length(body)), 0) FROM bodies WHERE number <= ?", (number,)
            ).fetchone()
            db.execute("DELETE FROM bodies WHERE number <= ?", (number,))
        self.held_bytes -= gone[1]
        if not self.held_bytes:
            self._shrink()
        return gone[0]

    def drop_oldest(self, most_bytes: int) -> int:
        """Forget the oldest bodies until at most so many bytes are held; how many these were. Raises StoreError."""
        last, surplus = 0, self.held_bytes - most_bytes
        if surplus <= 0:
            return 0
        with self._lock, self._told():
            for number, length in self._db.execute("SELECT number, length(body) FROM bodies ORDER BY number"):
                last, surplus = number, surplus - length
                if surplus <= 0:
                    break
        return self.drop_through(last)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def _shrink(self) -> None:
        """Give the disk back what an outage took."""
        with self._lock, self._told():
            # One step frees one page, and `execute` stops after the first since a step has no columns.
            self._db.executescript(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})")

    def _opened(self, busy_timeout_seconds: float) -> sqlite3.Connection:
        path = self._path
        try:
            if not path.exists():
                if has_side_files(path):
                    set_aside(path)
                with self._told():
                    begin_whole(path, _build)
            private(path)
        except OSError as error:
            raise file_error(error, path) from error
        with self._told():
            db = sqlite3.connect(path, timeout=busy_timeout_seconds, isolation_level=None, check_same_thread=False)
            try:
                self._begin(db)
            except BaseException:
                db.close()
                raise
        return db

    def _begin(self, db: sqlite3.Connection) -> None:
        if db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            raise StoreDamaged(f"{self._path}: is no queue of Watchkeep")
        if (version := db.execute("PRAGMA user_version").fetchone()[0]) > FORMAT:
            raise StoreError(
                f"{self._path}: was written by a newer Watchkeep (format {version}, this one knows {FORMAT}): install"
                " that version again, or move the file away to begin without what it holds"
            )
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", f"journal_size_limit = {WAL_LIMIT_BYTES}"):
            db.execute(f"PRAGMA {pragma}")
        if db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            raise StoreDamaged(f"{self._path}: the file does not read as it was written")

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._told():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # SQLite has rolled back by itself where the disk is full
                    self._db.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise store_error(error, self._path) from error


def _build(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        for statement in _SCHEMA:
            db.execute(statement)
        db.execute("INSERT INTO about VALUES (?)", (secrets.token_hex(8),))
