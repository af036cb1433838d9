"""What SQLite says is wrong, as the errors that the rest of Watchkeep knows."""

import errno
import sqlite3
from pathlib import Path

from slo.errors import StoreBusy, StoreDamaged, StoreError, StoreFull

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FULL = ("SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_SHMSIZE")
_BUSY = ("SQLITE_BUSY", "SQLITE_LOCKED")
_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_IOERR_SHORT_READ")


def store_error(error: sqlite3.Error, path: Path) -> StoreError:
    """The error to raise for one of SQLite's about the file `path`: its place, what is the matter, and the mend.

    A write that fails without a full disk (a quota, a limit on file sizes) counts as full: the mend is the same.
    """
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(_FULL):
        return StoreFull(f"{path}: no space is left to write to ({error}): make room on its disk, or raise its quota")
    if name.startswith(_BUSY):
        return StoreBusy(f"{path}: another program holds it ({error}): close that program")
    if name.startswith(_DAMAGED):
        return StoreDamaged(f"{path}: the file does not read as it was written ({error})")
    return StoreError(f"{path}: {error} ({name or type(error).__name__}): look at the disk and at who may write to it")


def file_error(error: OSError, path: Path) -> StoreError:
    """The same for what the system says about the file or folder `path`."""
    if error.errno in _NO_SPACE:
        return StoreFull(f"{path}: no space is left to write to ({error.strerror}): make room on its disk")
    return StoreError(f"{path}: {error.strerror}: see that it is there, and that this user may read and write it")


def reason_of(error: StoreError) -> str:
    """The kind of an error as a label of a metric: `full`, `busy`, `damaged` or `error`."""
    match error:
        case StoreFull():
            return "full"
        case StoreBusy():
            return "busy"
        case StoreDamaged():
            return "damaged"
    return "error"
