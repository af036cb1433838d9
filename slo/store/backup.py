"""Backups of a data folder, made while a watch runs on it, and how one is put back.

A backup is a folder with `journal.db`, `ledger.db` and `manifest.json`, which says how large they are, what their
SHA-256 is, and where the journal's chain ends. Each file is a state of its database as one transaction sees it, the
ledger's first: they are two promises, and a restart puts any ledger and any journal together. The files are written
anew (VACUUM INTO), so that nothing that was deleted is left in them.

Not in it: the token, which the next watch makes anew, and the lock. In it: the credentials of lanes that are open.
"""

import contextlib
import fcntl
import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from slo.core.restored import Restored
from slo.errors import StoreBusy, StoreDamaged, StoreFull, UsageError
from slo.exposition.catalogue import Telemetry
from slo.store import audit
from slo.store.chain import Chain
from slo.store.faults import file_error, store_error
from slo.store.files import sync_folder
from slo.store.folder import RESTORING, DataFolder, refuse_unfinished
from slo.store.journal import Journal
from slo.store.manifest import JOURNAL, LEDGER, MANIFEST, Manifest, seen

BUSY_SECONDS = 10.0
_COPY_BYTES = 1 << 20
_MENDS = {
    JOURNAL: "keep the folder as it is, and restore the last backup",
    LEDGER: "stop the watch and move this file away, to begin without its history",
}
_NOBODYS = {"lock", "token", "lost+found"}
"""What a folder may hold that a backup is put into."""


def back_up(data: Path, target: Path, *, version: str, now: datetime) -> Manifest:
    """Make the folder `target`, a backup of the data folder, whole or not at all.

    It is built under the name with `.new` at its end; what a kill leaves there goes with the next call. Raises
    UsageError where `target` is there already, StoreBusy while another backup is made under its name, StoreDamaged
    where the journal's chain is not whole, StoreFull without space.
    """
    refuse_unfinished(data)
    target = target.absolute()
    if target.exists() and not _is_empty(target):
        raise UsageError(f"{target}: is there already: name a folder that is not, as with the date in it")
    unfinished = target.with_name(target.name + ".new")
    try:
        with _emptied(unfinished):
            files = {}
            for name in (LEDGER, JOURNAL):
                if name == JOURNAL or (data / name).exists():
                    _copy_database(data / name, unfinished / name)
                    files[name] = seen(unfinished / name)
            chain = audit.verified(unfinished / JOURNAL)
            manifest = Manifest(version=version, made_at=now, events=chain.events, hash=chain.hash, files=files)
            _write(unfinished / MANIFEST, json.dumps(manifest.document, indent=2) + "\n")
            sync_folder(unfinished)
            unfinished.rename(target)
            sync_folder(target.parent)
    except OSError as error:
        raise file_error(error, target) from error
    return manifest


def verified(backup: Path) -> Manifest:
    """The manifest of a backup whose files and chain are as it says. Raises StoreDamaged, UsageError for no backup."""
    try:
        manifest = Manifest.read(backup)
        for name, file in manifest.files.items():
            if seen(backup / name) != file:
                raise StoreDamaged(f"{backup / name}: is not as it was backed up: restore from another backup")
    except OSError as error:
        raise StoreDamaged(
            f"{error.filename or backup}: {error.strerror}: the backup is not whole: restore from another one"
        ) from error
    _hold_to(audit.verified(backup / JOURNAL), manifest, backup)
    return manifest


def restore(backup: Path, data: Path, *, by: str, now: datetime) -> Manifest:
    """Put a backup into the data folder, which must be empty; the journal gets an event that says so.

    All or nothing: until the last step the folder has the file `restoring`, with which no watch takes it, and another
    restore begins anew. Raises StoreDamaged before anything is written where the backup is not whole, StoreBusy where a
    process holds the folder, UsageError where it is not empty.
    """
    manifest = verified(backup)
    _refuse_full(data)
    with DataFolder(data, restoring=True) as folder:
        _refuse_full(data)
        marker = folder.path / RESTORING
        try:
            _write(marker, "")
            sync_folder(folder.path)
            _remove_files(folder.path)
            try:
                for name, file in manifest.files.items():
                    _copy_file(backup / name, folder.path / name)
                    if seen(folder.path / name) != file:
                        raise StoreDamaged(
                            f"{backup / name}: has changed while it was read: restore from another backup"
                        )
                _resume(folder.journal, Restored(incident="", at=now, by=by, made_at=manifest.made_at))
            except BaseException:
                _remove_files(folder.path)
                marker.unlink()
                raise
            sync_folder(folder.path)
            marker.unlink()
            sync_folder(folder.path)
        except OSError as error:
            raise file_error(error, folder.path) from error
    return manifest


def _copy_database(source: Path, copy: Path) -> None:
    os.close(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    uri = f"{source.absolute().as_uri()}?mode=ro"
    try:
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)) as db:
            db.execute("VACUUM INTO ?", (str(copy),))
    except sqlite3.Error as error:
        told = store_error(error, copy)
        if isinstance(told, StoreFull):
            raise told from error
        told = store_error(error, source)
        if isinstance(told, StoreDamaged):
            told = StoreDamaged(f"{told}: nothing is backed up: {_MENDS[source.name]}")
        raise told from error
    with copy.open("rb") as file:
        os.fsync(file.fileno())


def _copy_file(source: Path, copy: Path) -> None:
    with source.open("rb") as whole, _begun(copy) as file:
        shutil.copyfileobj(whole, file, _COPY_BYTES)


def _write(path: Path, text: str) -> None:
    with _begun(path) as file:
        file.write(text.encode())


@contextlib.contextmanager
def _begun(path: Path) -> Iterator[BinaryIO]:
    """A new file for its owner alone, on the disk when the block ends."""
    with os.fdopen(os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def _hold_to(chain: Chain, manifest: Manifest, backup: Path) -> None:
    if (chain.events, chain.hash) != (manifest.events, manifest.hash):
        raise StoreDamaged(
            f"{backup}: its journal ends with {chain.anchor}, its manifest says {manifest.events}:{manifest.hash}: "
            "restore from another backup"
        )


def _resume(journal: Path, restored: Restored) -> None:
    """Say it in a journal that nobody uses yet; it is brought to what this version knows."""
    with contextlib.closing(Journal(journal, telemetry=Telemetry())) as opened:
        opened.resume(restored)


@contextlib.contextmanager
def _emptied(folder: Path) -> Iterator[None]:
    """The folder, ours alone and empty; it is removed where the block fails."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _lock(descriptor, folder)
        strange = [entry.name for entry in folder.iterdir() if not entry.name.startswith((JOURNAL, LEDGER, MANIFEST))]
        if strange:
            raise UsageError(
                f"{folder}: holds {strange[0]}, which is of no backup: move it away, or name another folder"
            )
        _remove_files(folder)
        try:
            yield
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    finally:
        os.close(descriptor)


def _lock(descriptor: int, folder: Path) -> None:
    busy = f"{folder}: another backup is being made there: wait for it, or name another folder"
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise StoreBusy(busy) from error
    if not folder.exists() or not os.path.samestat(os.fstat(descriptor), folder.stat()):
        raise StoreBusy(busy)


def _remove_files(folder: Path) -> None:
    """Remove what a backup or a restore has written into a folder so far."""
    for entry in folder.iterdir():
        if entry.name.startswith((JOURNAL, LEDGER, MANIFEST)):
            entry.unlink()


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())


def _refuse_full(data: Path) -> None:
    """Raise UsageError where something would be lost by a restore into this folder."""
    if not data.is_dir() or (data / RESTORING).exists():
        return
    others = sorted(entry.name for entry in data.iterdir() if entry.name not in _NOBODYS)
    if others:
        raise UsageError(f"--data {data}: is not empty, it holds {others[0]}: name a new folder, or move this one away")
