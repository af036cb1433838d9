"""Files that change while a process runs: secrets that are rotated, and the configuration of an agent."""

import logging
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path
from typing import TypeAlias

from slo.core.protocols import Clock

LOOK_EVERY_SECONDS = 2.0

Version: TypeAlias = tuple[int, int, int] | None
"""What tells one version of a file from the next: when it was written, its size, which file it is; None without one."""

logger = logging.getLogger(__name__)


class Rotation:
    """Looks at `files`, and calls `reload` once they have changed and look the same twice: none is read by halves."""

    def __init__(
        self, files: Callable[[], Collection[Path]], reload: Callable[[], Awaitable[None]], *, clock: Clock
    ) -> None:
        self._files = files
        self._reload = reload
        self._clock = clock

    async def run(self) -> None:
        """Look for good."""
        read = last = self._versions()
        while True:
            await self._clock.sleep_until(self._clock.monotonic() + LOOK_EVERY_SECONDS)
            now = self._versions()
            if now == last and any(read.get(file, version) != version for file, version in now.items()):
                changed = [str(file) for file, version in now.items() if read.get(file, version) != version]
                logger.info("files of the configuration changed", extra={"files": ", ".join(sorted(changed))})
                await self._reload()
                read = now
            last = now
            read = {file: read.get(file, version) for file, version in now.items()}

    def _versions(self) -> dict[Path, Version]:
        return {file: _version(file) for file in self._files()}


def _version(file: Path) -> Version:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
