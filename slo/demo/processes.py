"""The processes that the demo starts, and only those: started, awaited, stopped by their ids."""

import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from slo.errors import WatchkeepError

START_SECONDS = 30.0
STOP_SECONDS = 15.0


class Processes:
    """Started processes by name; whatever happens in the block, none is left behind. Their logs go into `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, subprocess.Popen[str]] = {}
        self._logs: list[IO[str]] = []

    def start(self, name: str, module: str, arguments: Sequence[str]) -> str:
        """Start `python -m module` and give the first line that it prints: it works from then on."""
        log = (self._folder / f"{name}.log").open("a", encoding="utf-8")
        self._logs.append(log)
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
        self._running[name] = process
        line = process.stdout.readline() if process.stdout else ""
        if not line:
            process.wait(START_SECONDS)
            said = (self._folder / f"{name}.log").read_text(encoding="utf-8").strip()
            raise WatchkeepError(f"{name} did not start: {said or f'exit code {process.returncode}'}")
        return line.strip()

    def kill(self, name: str) -> None:
        """Kill one, as a crash would: it gets no chance to say goodbye."""
        process = self._running.pop(name)
        process.kill()
        process.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in reversed(self._running.values()):
            process.terminate()
            try:
                process.communicate(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
        for log in self._logs:
            log.close()


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
