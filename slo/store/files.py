"""Files that only their owner may read: how they are begun whole, and how damaged ones are kept."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

SIDE_FILES = ("-wal", "-shm")
"""What SQLite keeps beside a database in WAL mode. They get the mode of the file they belong to."""

ASIDE_KEPT = 3
"""How many damaged files are kept of one name: a disk that damages each new one must not fill up with them."""


def private(path: Path) -> None:
    """Take every right to `path` and its side files from the group and from others."""
    for file in (path, *_side_files(path)):
        if file.stat().st_mode & 0o077:
            file.chmod(0o600)


def begin_whole(path: Path, build: Callable[[Path], None]) -> None:
    """Make the file `path` by `build`, which gets the path of an empty file to fill and close.

    The file appears under its name only when it is finished, so whatever is found under that name was whole once.
    """
    unfinished = path.with_name(path.name + ".new")
    for file in (unfinished, *_side_files(unfinished)):
        file.unlink(missing_ok=True)
    os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    build(unfinished)
    unfinished.replace(path)
    sync_folder(path.parent)


def set_aside(path: Path) -> Path:
    """Rename a damaged file, or whatever else has its name, with its side files; the time (UTC) is in the new name."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    for file in (path, *_side_files(path)):
        if file.exists() or file.is_symlink():
            file.rename(f"{aside}{file.name.removeprefix(path.name)}")
    older = sorted(file for file in path.parent.glob(f"{path.name}.damaged-*") if file.is_file() and _is_main(file))
    for file in older[:-ASIDE_KEPT]:
        for part in (file, *_side_files(file)):
            part.unlink(missing_ok=True)
    sync_folder(path.parent)
    return aside


def has_side_files(path: Path) -> bool:
    """Whether SQLite left something beside `path`: without the file itself, that is the rest of a lost one."""
    return bool(_side_files(path))


def sync_folder(folder: Path) -> None:
    """Have the disk know the names in a folder."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _side_files(path: Path) -> list[Path]:
    files = (path.with_name(path.name + tail) for tail in SIDE_FILES)
    return [file for file in files if file.exists()]


def _is_main(file: Path) -> bool:
    return not file.name.endswith(SIDE_FILES)
