"""The data folder: one process at a time, and nobody but its owner."""

import contextlib
import fcntl
import io
import logging
import os
import secrets
from pathlib import Path
from types import TracebackType
from typing import Self

from slo.errors import StoreBusy, StoreDamaged, StoreError
from slo.store.faults import file_error
from slo.store.files import begin_whole, private

TOKEN_LEAST_CHARACTERS = 16
"""A token of the owner's own choice may not be shorter."""

PID_WIDTH = 20

RESTORING = "restoring"
"""The file that stands in a folder while a backup is put into it: until it is gone, nothing there is whole."""

_OURS = (RESTORING, "lock", "token", "journal.db", "ledger.db", "spools")
_NOBODYS = ("lost+found",)

logger = logging.getLogger(__name__)


class DataFolder:
    """The folder at `path`, made if it is missing, locked until `close`.

    The lock is the kernel's: it ends with the process that holds it, whatever that dies of. Raises StoreBusy while
    another process holds the folder, StoreError where it cannot be used, or where a restore into it was not finished
    and `restoring` is not what it is opened for.
    """

    def __init__(self, path: Path, *, restoring: bool = False) -> None:
        self.path = path
        self.journal = path / "journal.db"
        self.ledger = path / "ledger.db"
        self.jobs = path / "jobs"
        self.agents = path / "agents.queue"
        self.spools = path / "spools"
        try:
            _make_private(path)
            self._lock = _lock(path)
        except (FileExistsError, NotADirectoryError) as error:
            raise StoreError(f"{path}: is no folder: name one with --data") from error
        except OSError as error:
            raise StoreError(
                f"{path}: cannot be used as the data folder ({error.strerror}): name a folder that this user may "
                "write to with --data"
            ) from error
        try:
            if not restoring:
                refuse_unfinished(path)
        except StoreError:
            self.close()
            raise

    def spool(self, forwarder: str) -> Path:
        """Where the spool of a forwarder is, in a folder that is made if it is missing. Raises StoreError."""
        try:
            self.spools.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise file_error(error, self.spools) from error
        return self.spools / f"{forwarder}.spool"

    def token(self) -> str:
        """The token that the API asks for: read from the file `token`, which is made at the first call."""
        file = self.path / "token"
        try:
            if not file.exists():
                begin_whole(file, lambda unfinished: _write(unfinished, secrets.token_urlsafe(32)))
            private(file)
            token = file.read_bytes().decode("ascii").strip()
        except UnicodeDecodeError:
            token = ""
        except OSError as error:
            raise StoreError(
                f"{file}: cannot be read or made ({error.strerror}): see that this user may, and that its disk has room"
            ) from error
        if len(token) < TOKEN_LEAST_CHARACTERS or not token.isprintable() or " " in token:
            raise StoreDamaged(
                f"{file}: holds no token, which is at least {TOKEN_LEAST_CHARACTERS} visible ASCII characters on one "
                "line: write one, or remove the file and a new one is made"
            )
        return token

    def close(self) -> None:
        """Let the next process have the folder."""
        self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def refuse_unfinished(path: Path) -> None:
    """Raise StoreError where a backup was being put into the folder, and that was not finished."""
    if (path / RESTORING).exists():
        raise StoreError(
            f"{path}: a restore into this folder was not finished: call `watchkeep restore` again, or remove the folder"
        )


def _make_private(path: Path) -> None:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.stat().st_mode & 0o077:
        return
    names = {entry.name for entry in path.iterdir()} - set(_NOBODYS)
    if names and names.isdisjoint(_OURS):
        raise StoreError(
            f"{path}: is open to other users and holds files that are not of a watch: name a folder of its own "
            "with --data"
        )
    try:
        path.chmod(0o700)
    except PermissionError:
        # A mounted volume belongs to root and lets us in by its group; the files in it are ours alone all the same.
        logger.warning("the data folder is open to other users and belongs to another one", extra={"path": str(path)})


def _lock(folder: Path) -> io.FileIO:
    """Take the lock of the folder; it is held until the file is closed."""
    lock = io.FileIO(os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+")
    try:
        os.fchmod(lock.fileno(), 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = lock.read(PID_WIDTH).decode("ascii", "replace").strip()
        lock.close()
        holder = f"process {pid}" if pid.isdigit() else "another process"
        raise StoreBusy(
            f"{folder}: {holder} holds this data folder: stop it, or name another folder with --data"
        ) from None
    except OSError:
        lock.close()
        raise
    # The number is for people: a watch starts on a full disk too. Always as wide, it is written over in place.
    with contextlib.suppress(OSError):
        lock.write(f"{os.getpid():<{PID_WIDTH - 1}}\n".encode())
    return lock


def _write(file: Path, token: str) -> None:
    with file.open("w", encoding="ascii") as open_file:
        open_file.write(token + "\n")
        open_file.flush()
        os.fsync(open_file.fileno())
