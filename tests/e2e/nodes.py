"""A cluster of a test's own: nodes with agents, an API server, and a watch that they report to, each a machine."""

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from slo.core.batch import Observed
from slo.core.batch_document import record_of
from slo.core.counts import slot_end
from slo.core.deltas import BAD, COVERED_MS, GOOD, UNKNOWN
from slo.core.outcome import Outcome
from slo.exposition.catalogue import Telemetry
from slo.store.ledger import LedgerStore
from slo.store.spool import SpoolFile
from tests.daemonset.api_server import TOKEN, APIServer
from tests.daemonset.selectors import Document
from tests.e2e.lan import Machine
from tests.e2e.namespaces import inside
from tests.e2e.stage import STOP_SECONDS

PORT = 9990

KEEP = """
CREATE TABLE kept (number INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TRIGGER keep AFTER INSERT ON records BEGIN INSERT INTO kept VALUES (new.number, new.body); END;
"""
"""Has a spool keep what is dropped from it: what an agent saw, whatever became of it."""

STATES = {"good": GOOD, "bad": BAD, "unknown": UNKNOWN}


class ControlPlane:
    """The stand-in for the API server, on a machine of its own."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._began: threading.Event = threading.Event()
        self._thread = threading.Thread(target=self._live)
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()
        self._server: APIServer | None = None

    @property
    def url(self) -> str:
        assert self._server is not None
        return self._server.url

    def put(self, document: Document) -> None:
        """Have an object there."""
        server = self._server
        assert server is not None
        asyncio.run_coroutine_threadsafe(_call(lambda: server.cluster.put(document)), self._loop).result(30)

    def _live(self) -> None:
        with inside(self._machine.namespace):
            asyncio.set_event_loop(self._loop)
            self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        async with APIServer(host=self._machine.address) as self._server:
            self._began.set()
            await self._over.wait()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._began.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()
        self._loop.close()


async def _call(do: Callable[[], object]) -> None:
    do()


class Process:
    """`watchkeep` on a machine, that can be killed and started again on the same data."""

    def __init__(self, machine: Machine, folder: Path, *arguments: str) -> None:
        folder.mkdir(exist_ok=True)
        self.machine = machine
        self.data = folder / "data"
        self._log = folder / "log"
        self._arguments = [*arguments, "--data", str(self.data)]
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it, and return when it says what it does."""
        with inside(self.machine.namespace), self._log.open("a", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "slo.cli.main", *self._arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=Path(__file__).parents[2],
                env=os.environ,
            )
        assert self._process.stdout is not None
        assert self._process.stdout.readline(), f"it did not start: {self.said}"

    def kill(self) -> None:
        """`kill -9`."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM; its exit code."""
        return self._end(signal.SIGTERM)

    @property
    def said(self) -> str:
        """Its log."""
        return self._log.read_text(encoding="utf-8")

    def get(self, path: str) -> str:
        """What it serves, asked on its own machine."""
        token = (self.data / "token").read_text(encoding="ascii").strip()
        request = urllib.request.Request(
            f"http://{self.machine.address}:{PORT}{path}", headers={"Authorization": f"Bearer {token}"}
        )
        with inside(self.machine.namespace), urllib.request.urlopen(request, timeout=10) as answer:
            text: str = answer.read().decode()
        return text

    def document(self, path: str) -> Any:
        """The same as a document."""
        return json.loads(self.get(path))

    def looks_at(self, check: str) -> set[str]:
        """The targets of a probe that it looks at."""
        lines = [line for line in self.get("/metrics").splitlines() if line.startswith("probe_success{")]
        return {line.partition('target="')[2].partition('"')[0] for line in lines if f'probe="{check}"' in line}

    def _end(self, number: signal.Signals) -> int:
        assert self._process is not None
        process, self._process = self._process, None
        process.send_signal(number)
        process.communicate(timeout=STOP_SECONDS)
        return process.returncode

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._end(signal.SIGKILL)


def centre(machine: Machine, folder: Path, config: Path) -> Process:
    """The watch that agents report to."""
    return Process(machine, folder, "run", "-c", str(config), "--listen", f"{machine.address}:{PORT}")


def agent(machine: Machine, folder: Path, config: Path, *, node: str, api: str) -> Process:
    """The agent of a node, whose spool keeps everything."""
    folder.mkdir(exist_ok=True)
    (folder / "token").write_text(TOKEN)
    (folder / "namespace").write_text("watchkeep")
    account = ("--service-account", str(folder), "--api-server", api)
    made = Process(
        machine, folder, "agent", "-c", str(config), "--node", node, "--listen", f"{machine.address}:{PORT}", *account
    )
    made.data.mkdir(mode=0o700)
    spool = made.data / "spools" / "centre.spool"
    spool.parent.mkdir(mode=0o700)
    SpoolFile(spool).close()
    with contextlib.closing(sqlite3.connect(spool)) as db:
        db.executescript(KEEP)
    return made


def seen(agents: Iterable[Process]) -> dict[tuple[str, str, int], Outcome]:
    """Every round that agents saw, by check, target and number."""
    rounds: dict[tuple[str, str, int], Outcome] = {}
    for each in agents:
        with contextlib.closing(sqlite3.connect(each.data / "spools" / "centre.spool")) as db:
            for (body,) in db.execute("SELECT body FROM kept ORDER BY number"):
                record = record_of(json.loads(body))
                if isinstance(record, Observed):
                    outcome = record.outcome
                    rounds.setdefault((outcome.check, outcome.target, outcome.number), outcome)
    return rounds


def rounds_by_slot(outcomes: Iterable[Outcome], slot_seconds: int) -> Counter[tuple[int, str]]:
    """How many rounds of each state there are in each slot."""
    return Counter((slot_end(outcome.at.timestamp(), slot_seconds), outcome.state.value) for outcome in outcomes)


def ledger(watch: Process, slot_seconds: int) -> Mapping[str, Counter[tuple[int, str]]]:
    """What a watch that has stopped has on disk: by SLI, slot and state; `known` are milliseconds."""
    found: dict[str, Counter[tuple[int, str]]] = {}
    for sli, end, state, number in _ledger(watch.data / "ledger.db", slot_seconds):
        found.setdefault(sli, Counter())[end, state] += number
    return {sli: +counter for sli, counter in found.items()}


def _ledger(path: Path, slot_seconds: int) -> Iterator[tuple[str, int, str, int]]:
    with contextlib.closing(LedgerStore(path, slot_seconds=slot_seconds, telemetry=Telemetry())) as store:
        for block in store.history(0):
            for span, end in enumerate(block.ends.tolist()):
                for column, sli in enumerate(block.names):
                    for state, row in {**STATES, "known": COVERED_MS}.items():
                        yield sli, end, state, int(block.counts[row, span, column])
