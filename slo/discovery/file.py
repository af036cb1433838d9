"""The discovery `file`: lists of targets in files of JSON or YAML, as Prometheus's file_sd reads them.

A file that changed is read once it stays as it is: whoever writes into it has ended then. One that cannot be read
leaves what it said before standing; one that is gone has no targets.
"""

import asyncio
import glob
import os
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo

from slo.config.target_groups import LARGEST_BYTES, Malformed, read_json, read_yaml
from slo.config.types import KindConfig, PositiveDuration, wrong
from slo.core.target import Target
from slo.errors import Fault
from slo.net.context import Context
from slo.net.repeated import repeatedly

SETTLED_AFTER_SECONDS = 0.5
"""A file that is the same twice, this long apart at least, is whole."""

MOST_FILES = 1000
TIMEOUT_SECONDS = 30.0

_READERS = {".json": read_json, ".yml": read_yaml, ".yaml": read_yaml}


def _pattern(value: str, info: ValidationInfo) -> str:
    """The full path; a relative one is relative to the folder of the configuration."""
    if Path(value).suffix not in _READERS:
        raise wrong(f"{value!r} is no file of JSON or YAML", "write a name that ends in .json, .yml or .yaml")
    folder = info.context["folder"] if info.context else Path()
    return str(Path(folder).absolute() / value)


class Config(KindConfig):
    """Files that list targets, as for Prometheus's file_sd."""

    files: tuple[Annotated[str, AfterValidator(_pattern)], ...] = Field(min_length=1)
    """The files, `*.json`, `*.yml` or `*.yaml`, also as patterns: `targets/*.json`. They may come later."""

    refresh_interval: PositiveDuration = timedelta(seconds=5)
    """How often they are looked at; those that did not change are not read again."""


Stamp = tuple[int, int, int, int]
"""What changes with a file: its inode, its size, and when it was written and changed last (nanoseconds)."""


@dataclass(slots=True)
class _File:
    """One file: how it looked last, how it looked when it was read, what it says, and what is wrong with it."""

    seen: Stamp
    read: Stamp | None = None
    targets: frozenset[Target] = frozenset()
    fault: Fault | None = None


@dataclass(slots=True)
class _Look:
    """What one look has found: all targets, and whether something changed that is not read yet."""

    targets: frozenset[Target] = frozenset()
    unsettled: bool = False
    faults: list[Fault] = field(default_factory=list)


class FileDiscovery:
    """Reads the files as they change."""

    def __init__(self, config: Config, context: Context) -> None:
        self._context = context
        self._patterns = config.files
        self._every_seconds = config.refresh_interval.total_seconds()
        self._unsettled = False
        self._looking: Future[_Look] | None = None
        self._files: dict[str, _File] = {}

    async def targets(self, failed: Callable[[Fault], None]) -> AsyncIterator[frozenset[Target]]:
        """The targets of all files, at each look at which none is broken or just changing, or something was read."""
        last: frozenset[Target] | None = None
        looks = repeatedly(
            self._in_a_thread,
            clock=self._context.clock,
            pause=lambda: min(SETTLED_AFTER_SECONDS, self._every_seconds) if self._unsettled else self._every_seconds,
            failed=failed,
            timeout_seconds=TIMEOUT_SECONDS,
        )
        async for look in looks:
            for fault in look.faults:
                failed(fault)
            broken = any(file.fault for file in self._files.values())
            if last is None and (look.unsettled or (broken and not look.targets)):
                continue  # what was known before a restart is better than nothing
            if look.targets != last or not (broken or look.unsettled):
                last = look.targets
                yield look.targets

    async def _in_a_thread(self) -> _Look:
        """One look. A file system that hangs has one thread of ours, and nobody else waits for it."""
        if self._looking and not self._looking.done():
            raise Fault("timeout", detail="the look before has not ended: the file system does not answer")
        self._looking = Future()
        self._looking.set_running_or_notify_cancel()  # whoever gives it up does not end it
        # A daemon: nobody waits for it when the watch ends, either.
        threading.Thread(target=self._answer, args=(self._looking,), name="files", daemon=True).start()
        look = await asyncio.wrap_future(self._looking)
        self._unsettled = look.unsettled
        return look

    def _answer(self, looking: Future[_Look]) -> None:
        try:
            looking.set_result(self._look())
        except BaseException as error:  # noqa: BLE001 - it is raised where the look is waited for
            looking.set_exception(error)

    def _look(self) -> _Look:
        paths = sorted({path for pattern in self._patterns for path in glob.iglob(pattern)})  # noqa: PTH207 - patterns are absolute
        if len(paths) > MOST_FILES:
            raise Fault("too_many", detail=f"{len(paths)} files, more than {MOST_FILES}")
        look = _Look()
        for path in [path for path in self._files if path not in paths]:
            del self._files[path]
        for path in paths:
            try:
                stamp = _stamp(path)
            except OSError:
                self._files.pop(path, None)  # it went meanwhile
                continue
            file = self._files.get(path)
            if file is None:
                self._files[path] = _File(stamp)
                look.unsettled = True
            elif file.read != stamp:
                if file.seen == stamp:
                    self._read(path, file, stamp, look)
                file.seen = stamp
                look.unsettled |= file.read != stamp
        look.targets = frozenset().union(*(file.targets for file in self._files.values()))
        return look

    def _read(self, path: str, file: _File, stamp: Stamp, look: _Look) -> None:
        """Take what a file says, unless it changes while it is read."""
        fault = None
        targets = file.targets
        try:
            targets = _targets_in(path)
        except Fault as error:
            fault = error
        try:
            if _stamp(path) != stamp:
                return
        except OSError:
            return
        file.read, file.targets, file.fault = stamp, targets, fault
        look.faults += [fault] if fault else []


def _stamp(path: str) -> Stamp:
    status = os.stat(path)  # noqa: PTH116 - one call for a thousand files, without objects around it
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _targets_in(path: str) -> frozenset[Target]:
    """What a file says. Raises Fault."""
    try:
        with Path(path).open("rb") as stream:
            content = stream.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise Fault("unreadable", detail=f"{path}: {(error.strerror or str(error)).lower()}") from None
    if len(content) > LARGEST_BYTES:
        raise Fault("too_large", detail=f"{path}: it is larger than {LARGEST_BYTES} bytes")
    try:
        return _READERS[Path(path).suffix](content.decode("utf-8-sig"), path)
    except UnicodeDecodeError:
        raise Fault("malformed", detail=f"{path}: it is no text in UTF-8") from None
    except Malformed as error:
        raise Fault("malformed", detail=str(error)) from None


def build(config: Config, context: Context) -> FileDiscovery:
    """The discovery of these files."""
    return FileDiscovery(config, context)
