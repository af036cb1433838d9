"""The log of one container: read on from where it is told, whatever its files are called by now.

What is told of a file is kept as two offsets. Every line that ends up to `told` is; to know again what stood before the
end of a line that is in several pieces, it is read anew from `start` on.
"""

import os
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from exporters.containers.files import LogFile, beginning_of, identity_of, last_line_end, lines_in, opened
from exporters.containers.lines import Joining, Line, Place, time_of

SETTLED_SECONDS = 2.0
"""A file that was renamed is written on for a moment: after so long without that the one after it is read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What is told of a file, as offsets; see above."""

    start: int
    told: int

    def __str__(self) -> str:
        return f"{self.start} {self.told}"

    @classmethod
    def of(cls, text: str) -> "Told":
        """What was written. Raises ValueError for what was not."""
        start, told = map(int, text.split(" "))
        return cls(start=start, told=told)


@dataclass(kw_only=True, slots=True)
class _File:
    """A file as it was seen last: read up to `position`, told up to `told`."""

    identity: str
    start: int
    position: int
    told: int
    size: int = 0
    seen: tuple[int, float] | None = None


class ContainerLog:
    """Reads the log of one container on; `told` is what was told of its files, by identity.

    Of a file that nothing is known of, and that began before `since` (Unix seconds), only that is told which is written
    from now on. `lost_bytes` are those that were gone before they could be read.
    """

    def __init__(self, told: Mapping[str, Told], *, since: float) -> None:
        self.lost_bytes = 0
        self._known = dict(told)
        self._since = since
        self._files: dict[int, _File] = {}
        self._joinings: dict[int, Joining] = {}

    @property
    def unread_bytes(self) -> int:
        """How much was there and not read."""
        return sum(max(0, file.size - file.position) for file in self._files.values())

    @property
    def told(self) -> Mapping[str, Told]:
        """What is told of each file that is there, by identity, with the lines that were read."""
        return self._known | {file.identity: self._told_of(file) for file in self._files.values()}

    def read(self, folder: int, files: Sequence[LogFile], *, now: float, over: bool) -> Iterator[Line]:
        """The lines that are new in these files of a folder, in their order; one that is given is told.

        `over` says that nothing more will be written. Raises OSError.
        """
        whole = True
        last = max((file.start for file in files), default=0)
        for start, chain in groupby(files, key=lambda file: file.start):
            joining = self._joinings.setdefault(start, Joining())
            ended = start < last or over
            for file, newer in _each_with_next(list(chain)):
                whole &= yield from self._read(folder, file, joining)
                if abs(now - file.modified) < SETTLED_SECONDS and (newer or ended):
                    whole = ended = False
                    break
            if ended:
                yield from joining.ended()
        for start in self._joinings.keys() - {file.start for file in files}:
            yield from self._joinings[start].ended()
        self._forget(files)
        if whole:
            self._known.clear()

    def _read(self, folder: int, file: LogFile, joining: Joining) -> Generator[Line, None, bool]:
        """Read a file to its end. Whether it is known which it is."""
        known = self._files.get(file.inode)
        if known is not None and known.seen == (file.size, file.modified):
            return True
        with opened(folder, file.name) as descriptor:
            known = self._identified(descriptor, file)
            if known is None:
                return file.size == 0
            for begin, end, raw in lines_in(descriptor, known.position):
                line = joining.take(raw, Place(file=known.identity, offset=begin), cut=end - begin - 1 > len(raw))
                before = known.told
                known.position, known.told = end, max(before, end)
                if line is not None and end > before:
                    yield line
        known.seen = file.size, file.modified
        return True

    def _identified(self, descriptor: int, file: LogFile) -> _File | None:
        beginning, size = beginning_of(descriptor), os.fstat(descriptor).st_size
        if beginning is None:
            return None
        identity = identity_of(file.inode, beginning)
        known = self._files.get(file.inode)
        if known is None or known.identity != identity:
            self._lose(file.inode)
            known = self._files[file.inode] = self._begun(descriptor, identity, file.start, size, time_of(beginning))
        elif size < known.position:  # its end was cut off
            known.position = known.told = last_line_end(descriptor, size)
        known.size = size
        return known

    def _begun(self, descriptor: int, identity: str, start: int, size: int, began: datetime | None) -> _File:
        told = self._known.pop(identity, None)
        if told is not None:
            return _File(identity=identity, start=start, position=told.start, told=told.told)
        before = began is not None and began.timestamp() < self._since
        position = last_line_end(descriptor, size) if before else 0
        return _File(identity=identity, start=start, position=position, told=position)

    def _told_of(self, file: _File) -> Told:
        first = self._joinings[file.start].first_in(file.identity)
        return Told(start=file.position if first is None else min(first, file.position), told=file.told)

    def _forget(self, files: Sequence[LogFile]) -> None:
        """Forget what is not among these files."""
        for inode in self._files.keys() - {file.inode for file in files}:
            self._lose(inode)
        for start in self._joinings.keys() - {file.start for file in files}:
            del self._joinings[start]

    def _lose(self, inode: int) -> None:
        gone = self._files.pop(inode, None)
        if gone is not None:
            self.lost_bytes += max(0, gone.size - gone.position)


def _each_with_next(chain: Sequence[LogFile]) -> Iterator[tuple[LogFile, bool]]:
    """Each file, and whether there is one after it."""
    for place, file in enumerate(chain, 1):
        yield file, place < len(chain)
