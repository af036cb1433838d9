"""The file of the ledger: a SQLite database that is ours, of a format that we know, and no larger than it must be."""

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

from slo.store.database import WAL_LIMIT_BYTES, Database, Format
from slo.store.files import SIDE_FILES

_WAL_PAGES = WAL_LIMIT_BYTES // 4096

_WATERMARKS = (
    "CREATE TABLE watermarks (source TEXT NOT NULL, name TEXT NOT NULL, body BLOB, PRIMARY KEY (source, name))"
)

FORMAT = Format(
    of="ledger",
    application_id=0x574B4C47,  # `WKLG` in the header of the file, as `file` and SQLite show it
    version=2,
    schema=(
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
    ),
    upgrades={0: (), 1: (_WATERMARKS,)},
    pragmas=(
        "secure_delete = OFF",  # telemetry is no secret, and zeroing each freed page doubles what retention writes
        f"wal_autocheckpoint = {_WAL_PAGES}",
    ),
)


class LedgerFile:
    """The open database at `path`, made if it is missing. Safe to use from several threads.

    Raises StoreDamaged for what is not a ledger, StoreError for one of a newer format; StoreBusy or StoreFull where it
    cannot be opened now.
    """

    def __init__(self, path: Path, *, busy_timeout_seconds: float) -> None:
        self.path = path
        self._file = Database(path, FORMAT, busy_timeout_seconds=busy_timeout_seconds)

    def rows(self, sql: str, parameters: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """Every row of the answer to a query or a pragma."""
        with self._file.reading() as db:
            return db.execute(sql, parameters).fetchall()

    def number(self, sql: str, parameters: tuple[object, ...] = ()) -> int | None:
        """The only number of the answer; None where it is null, or where there is no row."""
        rows = self.rows(sql, parameters)
        return rows[0][0] if rows else None

    def transaction(self) -> contextlib.AbstractContextManager[sqlite3.Connection]:
        """All that is done with the connection within, or nothing of it."""
        return self._file.writing()

    def size_bytes(self) -> int:
        """What the file and its side files take."""
        sizes = 0
        for file in (self.path, *(self.path.with_name(self.path.name + tail) for tail in SIDE_FILES)):
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
            self._file.shrink()
            self.rows("PRAGMA wal_checkpoint(TRUNCATE)")
            free, before = self._free_pages(), free
        self.rows("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close the file. What is in its write-ahead log goes into the file itself if that can be."""
        self._file.close()

    def _free_pages(self) -> int:
        return self.number("PRAGMA freelist_count") or 0
