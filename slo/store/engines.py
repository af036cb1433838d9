"""SQLAlchemy engines on the journal's file: one that writes, one at a time, and one that can only read."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, Engine, QueuePool, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from slo.errors import StoreBusy
from slo.store.faults import store_error

WAL_LIMIT_BYTES = 4 << 20

_WRITER = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "foreign_keys = ON",
    f"journal_size_limit = {WAL_LIMIT_BYTES}",
)


def writer(path: Path, *, busy_timeout_seconds: float) -> Engine:
    """An engine with one connection, whose transactions take the write lock when they begin. `path` must exist."""
    return _engine(path, "rw", _WRITER, "BEGIN IMMEDIATE", pool=1, busy_timeout_seconds=busy_timeout_seconds)


def reader(path: Path, *, busy_timeout_seconds: float) -> Engine:
    """An engine that reads while others write; each transaction sees one state of the file."""
    return _engine(path, "ro", (), "BEGIN", pool=4, busy_timeout_seconds=busy_timeout_seconds)


@contextlib.contextmanager
def transaction(engine: Engine, path: Path) -> Iterator[Connection]:
    """A transaction that is committed at the end, or not at all. Raises StoreError and what is below it."""
    try:
        with engine.begin() as connection:
            yield connection
    except DBAPIError as error:
        cause = error.orig
        raise store_error(cause if isinstance(cause, sqlite3.Error) else sqlite3.Error(cause), path) from error
    except sqlite3.Error as error:
        raise store_error(error, path) from error
    except PoolTimeoutError as error:
        raise StoreBusy(f"{path}: other transactions of this process have not ended in time") from error


def _engine(
    path: Path, mode: str, pragmas: tuple[str, ...], begin: str, *, pool: int, busy_timeout_seconds: float
) -> Engine:
    uri = f"{path.absolute().as_uri()}?mode={mode}"

    def connect() -> sqlite3.Connection:
        db = sqlite3.connect(uri, uri=True, timeout=busy_timeout_seconds, isolation_level=None, check_same_thread=False)
        try:
            for pragma in pragmas:
                db.execute(f"PRAGMA {pragma}")
        except sqlite3.Error:
            db.close()
            raise
        return db

    engine = create_engine(
        "sqlite://",
        creator=connect,
        poolclass=QueuePool,
        pool_size=pool,
        max_overflow=0,
        pool_timeout=busy_timeout_seconds,
        hide_parameters=True,  # a credential is one, and errors are logged
    )
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine
