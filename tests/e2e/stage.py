"""A watch as its users run it: a process of its own, that can be killed and started again on the same data."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

T = TypeVar("T")

PATIENCE_SECONDS = 60.0
"""How long anything that must happen may take before the test gives it up: a bound, not a measurement."""


def until(what: str, look: Callable[[], T], patience_seconds: float = PATIENCE_SECONDS) -> T:
    """What `look` gives once it gives something; fails when it does not in time."""
    deadline = time.monotonic() + patience_seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"{what} did not happen within {patience_seconds} s"
        time.sleep(0.05)
    return found


class Watch:
    """`watchkeep run` on a configuration and a data folder, at a free port that stays the same."""

    def __init__(self, folder: Path, port: int, environ: Mapping[str, str] | None = None) -> None:
        self.config = folder / "watchkeep.yaml"
        self.data = folder / "data"
        self.log = folder / "watch.log"
        self.url = f"http://127.0.0.1:{port}"
        self._port = port
        self._environ = environ or {}
        self._process: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it, and return when it says that it watches."""
        command = [sys.executable, "-m", "slo.cli.main", "run", "-c", str(self.config), "--data", str(self.data)]
        with self.log.open("a", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                [*command, "--listen", f"127.0.0.1:{self._port}"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=os.environ | self._environ,
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.startswith("watching "), f"it did not start: {line}{self.log.read_text(encoding='utf-8')}"

    def kill(self) -> None:
        """`kill -9`."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM; its exit code."""
        return self._end(signal.SIGTERM)

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def get(self, path: str) -> Any:
        """A document of the API."""
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            return json.load(answer)

    def text(self, path: str) -> str:
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            body: bytes = answer.read()
        return body.decode()

    def post(self, path: str, body: object = None) -> tuple[int, Any]:
        """A change, with the token of the data folder; status and document."""
        token = (self.data / "token").read_text(encoding="ascii").strip()
        request = urllib.request.Request(
            self.url + path,
            data=json.dumps(body or {}).encode(),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def sample(self, name: str) -> float | None:
        """The value of one sample of `/metrics`, named as it stands there, labels included."""
        for line in self.text("/metrics").splitlines():
            if line.startswith(name + " "):
                return float(line.rsplit(" ", 1)[1])
        return None

    def slo(self, name: str) -> Any:
        return self.get(f"/api/v1/slos/{name}")

    def incidents(self) -> list[dict[str, Any]]:
        """Every incident, resolved ones too."""
        found: list[dict[str, Any]] = self.get("/api/v1/incidents?status=all")["incidents"]
        return found

    def _end(self, number: signal.Signals) -> int:
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(number)
        self._process.communicate(timeout=30)
        code = self._process.returncode
        self._process = None
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._end(signal.SIGKILL)
