"""The files of a container's log: which there are, what tells each from every other, and what stands in it.

`N.log` is that of the container's Nth start. When it has become large it is renamed to `N.log.YYYYMMDD-HHMMSS` and a
new one begun; older ones are compressed, and are not read. Nothing is reached over a symbolic link.
"""

import contextlib
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b

from exporters.containers.lines import LONGEST_LINE

CHUNK_BYTES = 262_144
HEAD_BYTES = 64
"""In so many bytes the time of the first line has ended."""

KEPT_BYTES = LONGEST_LINE + 256
"""How much of what stands on one line of a file is kept: what is kept of a line, and what the CRI writes before it."""

_NAME = re.compile(r"(\d{1,9})\.log(?:\.(\d{8}-\d{6}))?")
_HERE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, kw_only=True, slots=True)
class LogFile:
    """A file that is there. `rotated` is when it was renamed, as its name has it, empty where it was not."""

    name: str
    start: int
    rotated: str
    inode: int
    size: int
    modified: float

    @property
    def order(self) -> tuple[int, bool, str]:
        """The one that is written last."""
        return self.start, not self.rotated, self.rotated


@contextlib.contextmanager
def folder_at(path: str, *names: str) -> Iterator[int]:
    """The descriptor of a folder, or of one below it on a way without links. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in names:
            above = descriptor
            try:
                descriptor = os.open(name, _HERE | os.O_DIRECTORY, dir_fd=above)
            finally:
                os.close(above)
        yield descriptor
    finally:
        os.close(descriptor)


def folders_in(folder: int) -> list[str]:
    """The names of the folders in a folder, links left out. Raises OSError."""
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]


def files_in(folder: int) -> list[LogFile]:
    """The files of a container's log that can be read, in the order in which they were written. Raises OSError."""
    found: list[LogFile] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            matched = _NAME.fullmatch(entry.name)
            if matched is None or not entry.is_file(follow_symlinks=False):
                continue
            try:
                about = entry.stat(follow_symlinks=False)
            except FileNotFoundError:  # it has gone, or has another name now: the next look finds it
                continue
            found.append(
                LogFile(
                    name=entry.name,
                    start=int(matched[1]),
                    rotated=matched[2] or "",
                    inode=about.st_ino,
                    size=about.st_size,
                    modified=about.st_mtime,
                )
            )
    return sorted(found, key=lambda file: file.order)


@contextlib.contextmanager
def opened(folder: int, name: str) -> Iterator[int]:
    """The descriptor of a file in a folder, which is no link and nothing but a file. Raises OSError."""
    descriptor = os.open(name, _HERE | os.O_NONBLOCK, dir_fd=folder)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(f"{name} is no file")
        yield descriptor
    finally:
        os.close(descriptor)


def beginning_of(descriptor: int) -> bytes | None:
    """What tells a file from another one that has its inode later: the time of its first line. None: not there yet."""
    head = os.pread(descriptor, HEAD_BYTES, 0)
    end = min((at for at in (head.find(b" "), head.find(b"\n")) if at >= 0), default=-1)
    if end < 0:
        return head if len(head) == HEAD_BYTES else None
    return head[:end]


def identity_of(inode: int, beginning: bytes) -> str:
    """What a file is called, whatever its name: sixteen hexadecimal digits."""
    return blake2b(b"%d %s" % (inode, beginning), digest_size=8).hexdigest()


def lines_in(descriptor: int, offset: int) -> Iterator[tuple[int, int, bytes]]:
    """What stands on each whole line from an offset on, at most `KEPT_BYTES` of it, with its begin and its end."""
    while chunk := os.pread(descriptor, CHUNK_BYTES, offset):
        whole = chunk.rfind(b"\n") + 1
        if not whole:
            end = _line_end(descriptor, offset + len(chunk))
            if end is None:
                return
            yield offset, end, chunk[:KEPT_BYTES]
            offset = end
            continue
        begin = 0
        while begin < whole:
            end = chunk.index(b"\n", begin) + 1
            yield offset + begin, offset + end, chunk[begin : min(end - 1, begin + KEPT_BYTES)]
            begin = end
        offset += whole


def last_line_end(descriptor: int, size: int) -> int:
    """Where the last whole line of so many bytes ends."""
    while size:
        begin = max(0, size - CHUNK_BYTES)
        found = os.pread(descriptor, size - begin, begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        size = begin
    return 0


def _line_end(descriptor: int, offset: int) -> int | None:
    while chunk := os.pread(descriptor, CHUNK_BYTES, offset):
        found = chunk.find(b"\n")
        if found >= 0:
            return offset + found + 1
        offset += len(chunk)
    return None
