"""The engine with up to 100,000 SLOs of google-30d, what a Prometheus needs for the same by rules, and a restart.

A Prometheus evaluates 20 SLOs on 30 days of samples every 30 s: by the rules that Sloth writes, and by ours. The ratio
is the processor time of one evaluation of one SLO there, by that of the engine with 100,000.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import _rules, _sloth
from benchmarks._output import Figure, arguments, report
from benchmarks._process import peak_resident_bytes
from benchmarks._rule_cost import prometheus_cost, request_history, sloth_recorded
from slo.app.books import Books
from slo.core.counts import Counts
from slo.core.deltas import BAD, COVERED_MS, GOOD, Block
from slo.core.policy import POLICIES
from slo.core.slo import SLO
from slo.engine.evaluate import Engine, ledger_of
from slo.exposition.catalogue import Telemetry
from slo.runner.clock import SteadyClock
from slo.store.ledger import LedgerStore

SLOT = 10
COUNTS = (1_000, 10_000, 100_000)
RESTARTED = 1_000
RULED = 20
RULES_EVERY_SECONDS = 30
RATIO = 10_000
RULE_EVALUATIONS = 4
DAYS = 30
NOW = 1_800_000_000 // 7200 * 7200


def slos(count: int) -> list[SLO]:
    """That many SLOs with the pairs of google-30d and a budget of 30 days."""
    return [
        SLO(
            name=f"slo-{index}",
            objective=Fraction(999, 1000),
            window=timedelta(days=30),
            sli=f"probe:{index}",
            pairs=POLICIES["google-30d"],
        )
        for index in range(count)
    ]


def evaluation(count: int) -> list[Figure]:
    """One evaluation of so many SLOs, in a process of its own: processor time and memory."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.engine", "evaluate", str(count)], capture_output=True, text=True, check=True
    )
    median, slowest, closed, memory = (float(word) for word in done.stdout.split())
    last = count == COUNTS[-1]
    return [
        Figure(
            name=f"{count:,} SLOs: one evaluation, median",
            value=median,
            unit="ms of a core",
            under=50 if last else None,
        ),
        Figure(name=f"{count:,} SLOs: one evaluation, p99", value=slowest, unit="ms of a core"),
        Figure(name=f"{count:,} SLOs: closing a slot, median", value=closed, unit="ms of a core"),
        Figure(name=f"{count:,} SLOs: memory per SLO", value=memory, unit="KB", under=60 if last else None),
        Figure(name=f"{count:,} SLOs: one evaluation, per SLO", value=median / count * 1e6, unit="ns of a core"),
    ]


def evaluate(count: int) -> None:
    """Evaluate so many SLOs, all rings filled, after counts went into every slot; prints what it took."""
    rng = np.random.default_rng(1)
    watched = slos(count)
    before = resident_bytes()
    ledger = ledger_of(watched, slot_seconds=SLOT, now=NOW)
    engine = Engine(watched, ledger)
    ledger.load(history(ledger.names, ledger.now, rng))
    memory = resident_bytes() - before
    evaluated, closed = [], []
    for _ in range(min(500, max(30, 5_000_000 // count))):
        end = ledger.now + SLOT
        ledger.add_block(block(ledger.names, np.array([end]), SLOT, rng))
        begun = time.process_time_ns()
        ledger.close(end)
        middle = time.process_time_ns()
        engine.evaluate()
        evaluated.append((time.process_time_ns() - middle) / 1e6)
        closed.append((middle - begun) / 1e6)
    print(np.median(evaluated), np.percentile(evaluated, 99), np.median(closed), memory / count / 1000)


def history(names: tuple[str, ...], now: int, rng: np.random.Generator) -> Iterator[Block]:
    """30 days of rounds every 10 s, one in a thousand bad: in spans that are longer the further they are away."""
    begin = now - DAYS * 86_400
    for until, seconds in ((now - 3 * 86_400, 7200), (now - 86_400, 720), (now, 60)):
        ends = np.arange(begin + seconds, until + 1, seconds, dtype=np.int64)
        for part in np.array_split(ends, max(1, len(ends) // 60)):
            yield block(names, part, seconds, rng)
        begin = until


def block(names: tuple[str, ...], ends: NDArray[np.int64], seconds: int, rng: np.random.Generator) -> Block:
    """Rounds every 10 s for all SLIs in the given spans."""
    counts = np.zeros((4, len(ends), len(names)), np.int64)
    rounds = seconds // SLOT
    counts[BAD] = rng.binomial(rounds, 0.001, counts[BAD].shape)
    counts[GOOD] = rounds - counts[BAD]
    counts[COVERED_MS] = seconds * 1000
    return Block(ends=ends, seconds=seconds, names=names, counts=counts)


def by_rules(engine_ns: float) -> list[Figure]:
    """The cost of 20 SLOs as rules of a real Prometheus, by that of the engine for one SLO (ns of a core)."""
    services = [f"svc-{number:03}" for number in range(RULED)]
    figures = []
    for whose, text, recorded in (
        ("Sloth's rules", _sloth.rules(map(_sloth.of_requests, services)), sloth_recorded),
        ("our rules", _rules.rule_text(map(_rules.of_requests, services)), _rules.recorded),
    ):
        history = request_history(services, recorded=recorded)
        cost = prometheus_cost(
            text, history, slos=RULED, interval_seconds=RULES_EVERY_SECONDS, evaluations=RULE_EVALUATIONS
        )
        milliseconds = cost.cpu_seconds * 1000
        figures += [
            Figure(name=f"Prometheus, {whose}: one evaluation, per SLO", value=milliseconds, unit="ms of a core"),
            Figure(
                name=f"Prometheus, {whose}: by that of the engine",
                value=milliseconds * 1e6 / engine_ns,
                unit="x",
                above=RATIO if whose == "Sloth's rules" else None,
            ),
        ]
    return figures


def restart() -> list[Figure]:
    """Write 30 days of slots as a watch does, then start anew from what is on disk, in a process of its own."""
    rng = np.random.default_rng(2)
    names = tuple(slo.sli for slo in slos(RESTARTED))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        store = LedgerStore(path, slot_seconds=SLOT, telemetry=Telemetry())
        totals = dict.fromkeys(names, Counts(good=DAYS * 8640))
        begun = time.perf_counter()
        for hour in range(NOW - DAYS * 86_400, NOW, 3600):
            ends = np.arange(hour + SLOT, hour + 3601, SLOT, dtype=np.int64)
            written = block(names, ends, SLOT, rng)
            store.append(list(slots(written)), totals, {"now": str(hour + 3600)})
            store.compact(hour + 3600, retention_seconds=90 * 86_400, max_bytes=2_000_000_000)
        wrote = time.perf_counter() - begun
        store.close()
        size = sum(file.stat().st_size for file in Path(folder).iterdir())
        started = subprocess.run(
            [sys.executable, "-m", "benchmarks.engine", "restart", str(path)],
            capture_output=True,
            text=True,
            check=True,
        )
    seconds, peak = (float(word) for word in started.stdout.split())
    return [
        Figure(name="restart: 1,000 SLOs x 30 days", value=seconds, unit="s", under=5),
        Figure(name="restart: peak memory of that process", value=peak / 1e6, unit="MB"),
        Figure(name="ledger on disk: 1,000 SLOs x 30 days", value=size / 1e9, unit="GB", under=2),
        Figure(name="writing one slot of 1,000 SLOs, packing included", value=wrote / (DAYS * 8640) * 1000, unit="ms"),
    ]


def slots(whole: Block) -> Iterator[Block]:
    """A block for each slot, as a watch writes them."""
    for index in range(len(whole.ends)):
        chosen = slice(index, index + 1)
        yield Block(
            ends=whole.ends[chosen], seconds=whole.seconds, names=whole.names, counts=whole.counts[:, chosen, :]
        )


def start_from(path: Path) -> None:
    """What a watch does with its ledger at the start; prints the seconds, imports included, and the peak memory."""
    watched = slos(RESTARTED)
    clock = SteadyClock(wall_ns=lambda: NOW * 10**9)
    books = Books(
        path,
        slot_seconds=SLOT,
        retention=timedelta(days=90),
        max_bytes=2_000_000_000,
        clock=clock,
        telemetry=Telemetry(),
    )
    books.open(watched)
    books.engine.evaluate()
    status = books.engine.status("slo-0")
    if status.budget.good + status.budget.bad != DAYS * 8640:
        raise SystemExit(f"the restart has {status.budget.good + status.budget.bad} rounds of {DAYS * 8640}")
    print(time.clock_gettime(time.CLOCK_BOOTTIME) - process_start(), peak_resident_bytes("self"))


def process_start() -> float:
    """When this process began, in seconds since the machine did."""
    fields = Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[19]) / os.sysconf("SC_CLK_TCK")


def resident_bytes() -> int:
    """Resident memory of this process now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    """Both parts."""
    as_json = arguments("engine").parse_args().json
    engine = [figure for count in COUNTS for figure in evaluation(count)]
    report(
        "engine",
        [*engine, *by_rules(engine[-1].value), *restart()],
        {
            "policy": "google-30d and a budget of 30 days, 8 windows",
            "slot": f"{SLOT} s",
            "rules": f"{RULED} SLOs, 30 days of samples every 30 s, evaluated every {RULES_EVERY_SECONDS} s",
        },
        as_json=as_json,
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["restart"]:
        start_from(Path(sys.argv[2]))
    elif sys.argv[1:2] == ["evaluate"]:
        evaluate(int(sys.argv[2]))
    else:
        main()
