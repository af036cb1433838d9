"""A watch as its users run it: a process of its own, that can be killed and started again on the same data."""

import contextlib
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

from slo.exposition.catalogue import Telemetry
from slo.store.journal import Journal

T = TypeVar("T")

STOP_SECONDS = 20.0
"""How long a stop may take: twice what it may wait for a destination."""

PATIENCE_SECONDS = 60.0
"""How long anything that must happen may take before the test gives it up: a bound, not a measurement."""

SLO = "gate-availability"
FIRST_KEY, SECOND_KEY = f"acme:{SLO}:-:g1", f"acme:{SLO}:-:g2"
PAIR = {"long": "10s", "short": "2s", "budget": "20%", "severity": "page", "min_bad_events": 3}


def until(what: str, look: Callable[[], T], patience_seconds: float = PATIENCE_SECONDS) -> T:
    """What `look` gives once it gives something; fails when it does not in time."""
    deadline = time.monotonic() + patience_seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"{what} did not happen within {patience_seconds} s"
        time.sleep(0.05)
    return found


def configuration(*destinations: dict[str, str], port: int, names: tuple[str, ...] = ("gate",)) -> dict[str, Any]:
    """One endpoint, a probe and an SLO of each name on it, and a policy that pages after three bad rounds."""
    probe = {"type": "http", "url": f"http://127.0.0.1:{port}/", "interval": "500ms", "timeout": "450ms"}
    slo = {"objective": "99%", "window": "10m", "burn_policy": [PAIR]}
    labels = {"customer": "acme", "environment": "production"}
    return {
        "slot": "1s",
        "probes": [{"name": name, **probe} for name in names],
        "slos": [
            {"name": f"{name}-availability", "sli": {"probe": name}, "labels": labels | {"service": name}, **slo}
            for name in names
        ],
        "destinations": list(destinations),
        "routes": {"destinations": [destination["name"] for destination in destinations], "resolve_after": "1s"},
    }


class Watch:
    """`watchkeep run` on a configuration and a data folder, at a free port that stays the same.

    `wrapper` is put before the command.
    """

    def __init__(
        self, folder: Path, port: int, environ: Mapping[str, str] | None = None, *, wrapper: tuple[str, ...] = ()
    ) -> None:
        self.config = folder / "watchkeep.yaml"
        self.data = folder / "data"
        self.log = folder / "watch.log"
        self.url = f"http://127.0.0.1:{port}"
        self._port = port
        self._environ = environ or {}
        self._wrapper = wrapper
        self._process: subprocess.Popen[str] | None = None
        self.printed = ""
        """What it printed since it watches, as far as it has ended."""

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def configure(self, config: object) -> None:
        """Write the configuration whole; a text as it is."""
        text = config if isinstance(config, str) else json.dumps(config)
        unfinished = self.config.with_suffix(".new")
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(self.config)

    def start(self) -> None:
        """Start it, and return when it says that it watches."""
        self.begin()
        assert self._process is not None
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.startswith("watching "), f"it did not start: {line}{self.said}"

    def begin(self, *doom: str) -> None:
        """Start it, and do not wait for it; with a `doom` it dies there, see `tests.e2e.doomed`."""
        with self.log.open("a", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.e2e.doomed", *doom, *self.command] if doom else self.command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=os.environ | self._environ,
            )

    @property
    def command(self) -> list[str]:
        """What starts it."""
        run = ["run", "-c", str(self.config), "--data", str(self.data), "--listen", f"127.0.0.1:{self._port}"]
        return [*self._wrapper, sys.executable, "-m", "slo.cli.main", *run]

    @property
    def lives(self) -> bool:
        """Whether it runs: it may have killed itself."""
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """`kill -9`."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM; its exit code."""
        return self._end(signal.SIGTERM)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    @property
    def said(self) -> str:
        """Its log."""
        return self.log.read_text(encoding="utf-8")

    @property
    def faults(self) -> list[str]:
        """The lines of its log that tell of an error, or of what Python complains about."""
        marks = ("level=error", "Traceback", "never awaited", "never retrieved", "Warning")
        return [line for line in self.said.splitlines() if any(mark in line for mark in marks)]

    def get(self, path: str) -> Any:
        """A document of the API."""
        return json.loads(self.text(path))

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

    def sample(self, name: str) -> float:
        """The value of one sample of `/metrics`, named as it stands there, labels included; 0 where it is not there."""
        for line in self.text("/metrics").splitlines():
            if line.startswith(name + " "):
                return float(line.rsplit(" ", 1)[1])
        return 0.0

    def slo(self, name: str = SLO) -> Any:
        return self.get(f"/api/v1/slos/{name}")

    def slos(self) -> list[dict[str, Any]]:
        """The figures of every SLO."""
        found: list[dict[str, Any]] = self.get("/api/v1/slos")["slos"]
        return found

    def good(self, more: int = 2) -> None:
        """Wait until so many more rounds were good."""
        before = self.slo()["totals"]["good"]
        until("good rounds", lambda: self.slo()["totals"]["good"] >= before + more)

    def incidents(self) -> list[dict[str, Any]]:
        """Every incident, resolved ones too."""
        found: list[dict[str, Any]] = self.get("/api/v1/incidents?status=all")["incidents"]
        return found

    def end(self) -> Any:
        """Wait until its one incident is over, and return that. Its page may have ended before, as it may go on as a
        ticket for a moment.
        """
        until("the resolve on record", lambda: self.delivered("resolve"))
        until("the end of the incident", lambda: all(each["status"] == "resolved" for each in self.incidents()))
        (incident,) = self.incidents()
        return incident

    def timeline(self, incident: str) -> list[str]:
        """The kinds of the events of an incident."""
        return [event["event"] for event in self.get(f"/api/v1/incidents/{incident}")["events"]]

    def delivered(self, action: str) -> bool:
        """Whether a message of this kind is on record as sent."""
        return any(
            delivery["action"] == action and delivery["state"] == "sent"
            for incident in self.incidents()
            for delivery in self.get(f"/api/v1/incidents/{incident['id']}")["deliveries"]
        )

    def verify(self) -> int:
        """The number of events in the journal of the stopped watch, all in an unbroken chain."""
        with contextlib.closing(Journal(self.data / "journal.db", telemetry=Telemetry())) as journal:
            return journal.verify()

    def _end(self, number: signal.Signals) -> int:
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(number)
        printed, _ = self._process.communicate(timeout=STOP_SECONDS)
        self.printed += printed or ""
        code = self._process.returncode
        self._process = None
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._end(signal.SIGKILL)
