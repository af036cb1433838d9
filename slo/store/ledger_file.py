"""The file of the ledger: a SQLite database that is ours, of a format that we know, and no larger than it must be."""

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from slo.errors import StoreDamaged, StoreError
from slo.store.faults import store_error
from slo.store.files import begin_whole, has_side_files, private, set_aside

APPLICATION_ID = 0x574B4C47
"""`WKLG` in the header of the file, as `file` and SQLite show it."""

FORMAT = 2

WAL_LIMIT_BYTES = 1 << 20
_WAL_PAGES = WAL_LIMIT_BYTES // 4096
_VACUUM_PAGES = 1024

_WATERMARKS = (
    "CREATE TABLE watermarks (source TEXT NOT NULL, name TEXT NOT NULL, body BLOB, PRIMARY KEY (source, name))"
)

_SCHEMA = (
    "CREATE TABLE layouts (id INTEGER PRIMARY KEY, names TEXT NOT NULL)",
    """CREATE TABLE blocks (
        id INTEGER PRIMARY KEY,
        hour INTEGER NOT NULL,
        last INTEGER NOT NULL,
        seconds INTEGER NOT NULL,
        spans INTEGER NOT NULL,
        layout INTEGER NOT NULL REFERENCES layouts (id),
        body BLOB NOT NULL
    )""",
    "CREATE INDEX blocks_of_hour ON blocks (hour, seconds, layout)",
    """CREATE TABLE latest (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        layout INTEGER NOT NULL REFERENCES layouts (id),
        totals BLOB NOT NULL,
        marks TEXT NOT NULL
    )""",
    _WATERMARKS,
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {FORMAT}",
)


class LedgerFile:
    """The open database at `path`, made if it is missing. Safe to use from several threads.

    Raises StoreDamaged for what is not a ledger, StoreError for one of a newer format; StoreBusy or StoreFull where it
    cannot be opened now.
    """

    def __init__(self, path: Path, *, busy_timeout_seconds: float) -> None:
        self.path = path
        self._lock = threading.RLock()
        try:
            if not path.exists():
                if has_side_files(path):
                    set_aside(path)
                with self._told():
                    begin_whole(path, _build)
            if not path.is_file() or not path.stat().st_size:
                raise StoreDamaged(f"{path}: is {'empty' if path.is_file() else 'no file'}")
            private(path)
        except OSError as error:
            raise StoreError(f"{path}: {error.strerror}: see that this user may write there") from error
        self._db = _connect(path, busy_timeout_seconds)
        try:
            self._begin()
        except BaseException:
            self._db.close()
            raise

    def rows(self, sql: str, parameters: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """Every row of the answer to a query or a pragma."""
        with self._lock, self._told():
            return self._db.execute(sql, parameters).fetchall()

    def number(self, sql: str, parameters: tuple[object, ...] = ()) -> int | None:
        """The only number of the answer; None where it is null, or where there is no row."""
        rows = self.rows(sql, parameters)
        return rows[0][0] if rows else None

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All that is done with the connection within, or nothing of it."""
        with self._lock, self._told():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # SQLite has rolled back by itself where the disk is full
                    self._db.execute("ROLLBACK")
                raise

    def size_bytes(self) -> int:
        """What the file and its side files take."""
        sizes = 0
        for file in (self.path, *(self.path.with_name(self.path.name + tail) for tail in ("-wal", "-shm"))):
            with contextlib.suppress(FileNotFoundError):
                sizes += file.stat().st_size
        return sizes

    def needed_bytes(self) -> int:
        """What the file would take without its free pages."""
        pages = (self.number("PRAGMA page_count") or 0) - self._free_pages()
        return pages * (self.number("PRAGMA page_size") or 0)

    def shrink(self) -> None:
        """Give free pages back to the disk. The write-ahead log stays short meanwhile, and is empty afterwards."""
        free, before = self._free_pages(), None
        while free and free != before:  # what cannot be given back is left to be used again
            with self._lock, self._told():
                # One step frees one page, and `execute` stops after the first since a step has no columns.
                self._db.executescript(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})")
            self.rows("PRAGMA wal_checkpoint(TRUNCATE)")
            free, before = self._free_pages(), free
        self.rows("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close the file. What is in its write-ahead log goes into the file itself if that can be."""
        with self._lock:
            self._db.close()

    def _free_pages(self) -> int:
        return self.number("PRAGMA freelist_count") or 0

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise store_error(error, self.path) from error

    def _begin(self) -> None:
        application, version = self.number("PRAGMA application_id"), self.number("PRAGMA user_version") or 0
        if application != APPLICATION_ID:
            raise StoreDamaged(f"{self.path}: is no ledger of Watchkeep")
        if version > FORMAT:
            raise StoreError(
                f"{self.path}: was written by a newer Watchkeep (format {version}, this one knows {FORMAT}): "
                "install that version again, or move the file away to begin without history"
            )
        if version < 2:
            with self.transaction() as db:
                db.execute(_WATERMARKS)
                db.execute(f"PRAGMA user_version = {FORMAT}")
        for pragma in (
            "journal_mode = WAL",  # of a copy that was put back it is not
            "synchronous = NORMAL",
            "secure_delete = OFF",  # telemetry is no secret, and zeroing each freed page doubles what retention writes
            f"wal_autocheckpoint = {_WAL_PAGES}",
            f"journal_size_limit = {WAL_LIMIT_BYTES}",
        ):
            self.rows(f"PRAGMA {pragma}")


def _connect(path: Path, busy_timeout_seconds: float) -> sqlite3.Connection:
    try:
        return sqlite3.connect(path, timeout=busy_timeout_seconds, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise store_error(error, path) from error


def _build(path: Path) -> None:
    """Fill an empty file with the tables of a ledger."""
    try:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("PRAGMA auto_vacuum = INCREMENTAL")  # has no effect once there is a table
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("BEGIN IMMEDIATE")
            for statement in _SCHEMA:
                db.execute(statement)
            db.execute("COMMIT")
    except sqlite3.Error as error:
        raise store_error(error, path) from error
