"""A SQLite file that is ours: begun whole, known by its header, in WAL mode with synchronous=NORMAL.

A killed process loses nothing that was committed; a machine that loses power may lose what the kernel had not written
yet.
"""

import contextlib
import logging
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from slo.errors import StoreDamaged, StoreError
from slo.store.faults import file_error, store_error
from slo.store.files import begin_whole, has_side_files, private, set_aside

WAL_LIMIT_BYTES = 1 << 20
_VACUUM_PAGES = 1024

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """A format of files: what it is of, the number in its header, its version, and the statements that begin one.

    `upgrades` are the statements that make of an older version the next one; `pragmas` are said at each opening.
    """

    of: str
    application_id: int
    version: int
    schema: Sequence[str]
    upgrades: Mapping[int, Sequence[str]] = field(default_factory=dict)
    pragmas: Sequence[str] = ()


Row = TypeVar("Row", bound=tuple[Any, ...])


class Database:
    """The file `path` of a format, begun if it is missing. Safe to use from several threads.

    Raises StoreDamaged for what is no such file, StoreError for one of a newer version; StoreBusy or StoreFull where it
    cannot be used now.
    """

    def __init__(self, path: Path, form: Format, *, busy_timeout_seconds: float = 2.0) -> None:
        self.path = path
        self._format = form
        self._lock = threading.RLock()
        self.replaces_damaged = False
        """Whether it was begun in the place of a file that was damaged."""
        try:
            if not path.exists():
                if has_side_files(path):
                    set_aside(path)
                with self._told():
                    begin_whole(path, self._build)
            if not path.is_file() or not path.stat().st_size:
                raise StoreDamaged(f"{path}: is {'empty' if path.is_file() else 'no file'}")
            private(path)
        except OSError as error:
            raise file_error(error, path) from error
        with self._told():
            self._db = sqlite3.connect(
                path, timeout=busy_timeout_seconds, isolation_level=None, check_same_thread=False
            )
            try:
                self._begin()
            except BaseException:
                self._db.close()
                raise

    @classmethod
    def sound(cls, path: Path, form: Format, *, busy_timeout_seconds: float = 2.0) -> "Database":
        """The same, read through once. One that is damaged is set aside, which is logged, and a new one begun."""
        try:
            opened = cls(path, form, busy_timeout_seconds=busy_timeout_seconds)
            try:
                opened._check()
            except BaseException:
                opened.close()
                raise
        except StoreDamaged as error:
            aside = set_aside(path)
            logger.error(  # noqa: TRY400 - the error is in the text
                f"a {form.of} is damaged and was set aside, a new one is begun",  # noqa: G004 - few, and each a message
                extra={"error": str(error), "kept": str(aside)},
            )
            opened = cls(path, form, busy_timeout_seconds=busy_timeout_seconds)
            opened.replaces_damaged = True
        return opened

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, to ask. Raises StoreError."""
        with self._lock, self._told():
            yield self._db

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """The connection: all that is done within, or nothing of it. Raises StoreError."""
        with self._lock, self._told():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # SQLite has rolled back by itself where the disk is full
                    self._db.execute("ROLLBACK")
                raise

    def shrink(self) -> None:
        """Give free pages back to the disk, some megabytes of them."""
        with self._lock, self._told():
            # One step frees one page, and `execute` stops after the first since a step has no columns.
            self._db.executescript(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})")

    def close(self) -> None:
        """Close the file. What is in its write-ahead log goes into the file itself if that can be."""
        with self._lock:
            self._db.close()

    def _begin(self) -> None:
        form = self._format
        if self._number("application_id") != form.application_id:
            raise StoreDamaged(f"{self.path}: is no {form.of} of Watchkeep")
        if (version := self._number("user_version")) > form.version:
            raise StoreError(
                f"{self.path}: was written by a newer Watchkeep (format {version}, this one knows {form.version}):"
                f" install that version again, or move the file away to begin without what it holds"
            )
        for older in range(version, form.version):
            with self.writing() as db:
                for statement in (*form.upgrades[older], f"PRAGMA user_version = {older + 1}"):
                    db.execute(statement)
        # The mode is said again, since a copy that was put back has another.
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", f"journal_size_limit = {WAL_LIMIT_BYTES}"):
            self._db.execute(f"PRAGMA {pragma}")
        for pragma in form.pragmas:
            self._db.execute(f"PRAGMA {pragma}")

    def _number(self, pragma: str) -> int:
        number: int = self._db.execute(f"PRAGMA {pragma}").fetchone()[0]
        return number

    def _check(self) -> None:
        with self.reading() as db:
            if db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                raise StoreDamaged(f"{self.path}: the file does not read as it was written")

    def _build(self, path: Path) -> None:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("PRAGMA auto_vacuum = INCREMENTAL")  # has no effect once there is a table
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("BEGIN IMMEDIATE")
            for statement in self._format.schema:
                db.execute(statement)
            db.execute(f"PRAGMA application_id = {self._format.application_id}")
            db.execute(f"PRAGMA user_version = {self._format.version}")
            db.execute("COMMIT")

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise store_error(error, self.path) from error


def fitting(rows: Iterable[Row], most_bytes: int) -> list[Row]:
    """The first of rows that end in a body in any case, and as many more as fit."""
    found: list[Row] = []
    for row in rows:
        most_bytes -= len(row[-1])
        if found and most_bytes < 0:
            break
        found.append(row)
    return found
