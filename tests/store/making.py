"""What the tests of the store put into it, and how they look at what comes out."""

import os
import random
import signal
import struct
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from slo.core.alert import Evidence, FiringPair
from slo.core.contract import DEFAULT
from slo.core.contract_events import ContractRecorded
from slo.core.counts import Counts
from slo.core.delivery import Action, Message, Refused, Verdict
from slo.core.deltas import Block
from slo.core.events import Opened
from slo.core.policy import Severity
from slo.core.priority import Priority
from slo.core.written_contract import WrittenContract
from slo.errors import StoreFull
from slo.exposition.catalogue import Telemetry
from slo.store.journal import Journal
from slo.store.ledger import LedgerStore

HOUR = 3600
START = 1_767_225_600  # 2026-01-01T00:00:00Z
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
DAYS_90 = 90 * 24 * HOUR
PLENTY = 1 << 31

Spans = dict[tuple[int, int, str], tuple[int, ...]]

EVIDENCE = Evidence(
    objective=0.999,
    window="30d",
    sli=0.99,
    remaining=-1.5,
    coverage=1.0,
    burn_rates={"5m": 100.0, "1h": None},
    reason="connect_refused",
)
FIRING = frozenset(
    {
        FiringPair(severity=Severity.PAGE, long="1h", short="5m"),
        FiringPair(severity=Severity.TICKET, long="1d", short="2h"),
    }
)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def block(ends: Sequence[int], names: Sequence[str], good: int = 1, *, seconds: int = 10, bad: int = 0) -> Block:
    """The same counts for each span and SLI, all of the time known."""
    counts = np.zeros((4, len(ends), len(names)), np.int64)
    counts[0], counts[1], counts[3] = good, bad, seconds * 1000
    return Block(ends=np.array(ends, np.int64), seconds=seconds, names=tuple(names), counts=counts)


def noise(*ends: int, slis: int = 400, seconds: int = 10) -> Block:
    """Counts that hardly compress: the worst that can be asked of a disk."""
    counts = np.random.default_rng(ends[0]).integers(1, 60_000, (4, len(ends), slis), np.int64)
    return Block(ends=np.array(ends), seconds=seconds, names=tuple(f"probe:{n}" for n in range(slis)), counts=counts)


def spans(blocks: Iterable[Block]) -> Spans:
    """The counts by (end, seconds, name), what comes twice added up, without what is zero."""
    found: Spans = defaultdict(lambda: (0, 0, 0, 0))
    for each in blocks:
        for span, end in enumerate(each.ends.tolist()):
            for column, name in enumerate(each.names):
                counts = each.counts[:, span, column].tolist()
                if any(counts):
                    place = (end, each.seconds, name)
                    found[place] = tuple(a + b for a, b in zip(found[place], counts, strict=True))
    return dict(found)


def by_minute(found: Spans) -> dict[tuple[int, str], tuple[int, ...]]:
    """Spans of any length, added up by (end of the minute, name)."""
    minutes: dict[tuple[int, str], tuple[int, ...]] = defaultdict(lambda: (0, 0, 0, 0))
    for (end, _, name), counts in found.items():
        place = (-(-end // 60) * 60, name)
        minutes[place] = tuple(a + b for a, b in zip(minutes[place], counts, strict=True))
    return dict(minutes)


@contextmanager
def ledger(path: Path, *, slot_seconds: int = 10, busy_timeout_seconds: float = 2.0) -> Iterator[LedgerStore]:
    store = LedgerStore(
        path, slot_seconds=slot_seconds, telemetry=Telemetry(), busy_timeout_seconds=busy_timeout_seconds
    )
    try:
        yield store
    finally:
        store.close()


def compact(store: LedgerStore, now: int, *, retention_seconds: int = DAYS_90, max_bytes: int = PLENTY) -> None:
    store.compact(now, retention_seconds=retention_seconds, max_bytes=max_bytes)


def totals(**good: int) -> dict[str, Counts]:
    return {name: Counts(good=number) for name, number in good.items()}


@contextmanager
def journal(path: Path, *, telemetry: Telemetry | None = None, busy_timeout_seconds: float = 2.0) -> Iterator[Journal]:
    store = Journal(path, telemetry=telemetry or Telemetry(), busy_timeout_seconds=busy_timeout_seconds)
    try:
        yield store
    finally:
        store.close()


def recorded(contract: WrittenContract | None = None) -> ContractRecorded:
    """That of acme goes on record; the usual one where none is given."""
    written = contract or WrittenContract.of(DEFAULT)
    return ContractRecorded(
        incident="",
        at=NOW,
        customer="acme",
        title="Acme",
        digest=written.digest,
        contract=written,
        holidays_version="",
        via="start",
    )


def opened(incident: str = "i1", *, slo: str = "gate-availability") -> Opened:
    return Opened(
        incident=incident,
        at=NOW,
        slo=slo,
        scope="",
        generation=1,
        key=f"acme:{slo}:-:g1",
        severity=Severity.PAGE,
        priority=Priority.P0,
        summary="gate: 1h burns at 20x, «Störung»",
        labels={"service": "gate", "customer": "acme"},
        firing=FIRING,
        evidence=EVIDENCE,
    )


def message(
    name: str,
    action: Action = Action.TRIGGER,
    *,
    key: str = "k1",
    destination: str = "oncall",
    priority: Priority = Priority.P0,
    incident: str = "i1",
) -> Message:
    return Message(
        id=name,
        destination=destination,
        action=action,
        key=key,
        incident=incident,
        slo="gate-availability",
        severity=Severity.PAGE,
        priority=priority,
        summary="gate burns",
        at=NOW,
        opened_at=NOW,
        labels={"service": "gate"},
        firing=FIRING if action is not Action.RESOLVE else frozenset(),
        evidence=EVIDENCE,
    )


REFUSED = Refused(reason="bad_request", detail="the routing key is of no service")


def put(store: Journal, *messages: Message, now: datetime = NOW) -> None:
    store.commit([], messages, at=now)


def attempt(
    store: Journal, verdict: Verdict, *, now: datetime = NOW, wait: float | None = None, credential: str = ""
) -> str:
    """Begin the first delivery that is due and finish it with this verdict; the credential that it used."""
    head = store.due(now)[0]
    used = store.begin(head.sequence, credential=credential, now=now).credential
    store.finish(head.sequence, verdict, now=now, not_before=None if wait is None else now + timedelta(seconds=wait))
    return used


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system of its own with so little space that it can be filled."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk: Path) -> Path:
    """Take the rest of the space; removing the file that comes back gives it back."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 16, 1 << 12, 1):
            while _wrote(file.fileno(), size):
                pass
    return filler


def refused_on_a_full_disk(write: Callable[[int], None], numbers: range) -> int:
    """Write every number; the first of them that was refused for want of space."""
    refused, why = 0, ""
    for number in numbers:
        try:
            write(number)
        except StoreFull as error:
            refused = refused or number
            why = str(error)
    assert refused, "the disk never filled up"
    assert "make room on its disk" in why
    return refused


def _wrote(descriptor: int, size: int) -> bool:
    try:
        return os.write(descriptor, b"\0" * size) == size
    except OSError:
        return False


def killed_while_it_writes(program: str, *arguments: str, chance: random.Random) -> int:
    """Run a program that writes a number (8 bytes) for each thing that is done, and kill it -9 in the middle of one.

    The last number that it wrote, which is some tens after its first.
    """
    root = Path(__file__).parents[2]
    with subprocess.Popen([sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE, cwd=root) as process:
        assert process.stdout is not None
        written = process.stdout.read(8 * chance.randint(10, 60))
        time.sleep(chance.uniform(0.0, 0.005))  # so that it is anywhere in what it does next
        process.send_signal(signal.SIGKILL)
        written += process.stdout.read()
    assert process.returncode == -signal.SIGKILL, "the program ended by itself"
    return int(struct.unpack("<q", written[len(written) // 8 * 8 - 8 :][:8])[0])
