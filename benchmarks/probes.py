"""Our probes beside Debian's blackbox exporter: the same modules, targets and core, a new connection for each probe.

Probers have core 0 to themselves; nginx and who asks have core 1. Natively we probe by our own schedule, which the
exporter cannot; through `/probe` both are asked in the same way.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from benchmarks._output import Figure, report
from benchmarks._probe_targets import PACKAGES, Targets, targets
from benchmarks._process import (
    Server,
    cpu_seconds,
    free_port,
    have_debian_packages,
    peak_resident_bytes,
    serving,
    started,
)

PROBER_CORE, OTHER_CORE = 0, 1
SECONDS = 10
CONNECTIONS = 32
RATE = 500
NATIVE_TARGETS: dict[str, float] = {"http": 0.25, "https": 0.9, "tcp": 0.25}
"""The most that a native probe may cost, as a share of what the exporter needs."""

SERVED_TARGETS: dict[tuple[str, int], float] = {("http", 0): 0.35, ("http", RATE): 0.5, ("https", 0): 1.05}
"""The same through `/probe`, as fast as it goes (0) and at a pace."""

CROWD = 10_000
CROWD_SECONDS = 30


def pinned(core: int, *command: str) -> list[str]:
    """The command on one core."""
    return ["taskset", "-c", str(core), *command]


def measured(*command: str) -> dict[str, float]:
    """What a process prints of itself, the only thing that it prints."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=300)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def native(folder: Path, module: str, target: str, *how: object) -> dict[str, float]:
    """Our probes and scheduler alone."""
    command = (sys.executable, "-m", "benchmarks._prober", str(folder / "blackbox.yml"), module, target)
    return measured(*pinned(PROBER_CORE, *command, *map(str, how)))


@contextmanager
def theirs(folder: Path) -> Iterator[Server]:
    """Debian's exporter, on one core."""
    address = f"127.0.0.1:{free_port()}"
    config = folder / "blackbox.yml"
    command = ["prometheus-blackbox-exporter", f"--config.file={config}", f"--web.listen-address={address}"]
    alone = pinned(PROBER_CORE, "env", "GOMAXPROCS=1", *command)
    with serving("blackbox", *alone, address=address, folder=folder, ready="/-/healthy") as server:
        yield server


@contextmanager
def ours(folder: Path) -> Iterator[Server]:
    """`watchkeep run` with the same blackbox.yml, on one core."""
    address = f"127.0.0.1:{free_port()}"
    arguments = ["run", "-c", str(folder / "blackbox.yml"), "--data", f"{folder}/data", "--listen", address]
    command = pinned(PROBER_CORE, sys.executable, "-m", "slo.cli.main", *arguments)
    with serving("watchkeep", *command, address=address, folder=folder) as server:
        yield server


def asked(server: Server, module: str, target: str, rate: int) -> dict[str, float]:
    """What the server answers while it is asked, and what that costs it."""
    query = urlencode({"module": module, "target": target})
    load = (sys.executable, "-m", "benchmarks._probe_load", server.address, query, str(CONNECTIONS))
    measured(*pinned(OTHER_CORE, *load, str(rate), "2"))
    before = cpu_seconds(server.pid)
    seen = measured(*pinned(OTHER_CORE, *load, str(rate), str(SECONDS)))
    return seen | {"cpu": cpu_seconds(server.pid) - before, "rss": peak_resident_bytes(server.pid)}


def figures_of(prefix: str, seen: dict[str, float], peer: dict[str, float], under: float | None) -> list[Figure]:
    """Ours and theirs, and what ours costs as a share of theirs."""
    figures = []
    for name, side in (("ours", seen), ("theirs", peer)):
        figures += [
            Figure(name=f"{prefix}, {name}: probes", value=side["probes"] / side["seconds"], unit="/s"),
            Figure(name=f"{prefix}, {name}: CPU per 1,000", value=_cost(side), unit="s"),
            Figure(name=f"{prefix}, {name}: p50", value=side["p50"] * 1000, unit="ms"),
            Figure(name=f"{prefix}, {name}: p99", value=side["p99"] * 1000, unit="ms"),
            Figure(name=f"{prefix}, {name}: peak RSS", value=side["rss"] / 1e6, unit="MB"),
            Figure(name=f"{prefix}, {name}: not good", value=side["failed"], unit="probes", under=0),
        ]
    ratio = _cost(seen) / _cost(peer)
    return [*figures, Figure(name=f"{prefix}: CPU, ours / theirs", value=ratio, unit="x", under=under)]


def _cost(side: dict[str, float]) -> float:
    """CPU seconds for 1,000 probes."""
    return side["cpu"] / side["probes"] * 1000


def compared(folder: Path, site: Targets) -> list[Figure]:
    """Both sides on http, https and tcp: natively and through `/probe`, as fast as it goes and at a pace."""
    figures = []
    seen: dict[tuple[str, str, int], dict[str, float]] = {}
    for name, side in (("theirs", theirs), ("ours", ours)):
        with side(folder) as server:
            for module in ("http", "https", "tcp"):
                for rate in (0, RATE):
                    seen[name, module, rate] = asked(server, module, site.of(module), rate)
    for module in ("http", "https", "tcp"):
        for rate, how in ((0, ("saturated", CONNECTIONS, SECONDS)), (RATE, ("paced", RATE, 1, SECONDS))):
            pace = "saturated" if rate == 0 else f"{rate}/s"
            alone = native(folder, module, site.of(module), *how)
            peer = seen["theirs", module, rate]
            under = NATIVE_TARGETS[module] if rate == 0 else None
            figures += figures_of(f"{module} native, {pace}", alone, peer, under)
            served = seen["ours", module, rate]
            figures += figures_of(f"{module} /probe, {pace}", served, peer, SERVED_TARGETS.get((module, rate)))
    return figures


def crowds(folder: Path, site: Targets) -> list[Figure]:
    """Many targets on our schedule: how late rounds begin, and what they take."""
    figures = []
    for interval in (10, 2):
        alone = native(folder, "http", site.of("http"), "paced", CROWD, interval, CROWD_SECONDS)
        prefix, strict = f"{CROWD:,} targets at {interval} s", interval == 2
        figures += [
            Figure(name=f"{prefix}: probes", value=alone["probes"] / alone["seconds"], unit="/s"),
            Figure(name=f"{prefix}: late p50", value=alone["late_p50"] * 1000, unit="ms"),
            Figure(
                name=f"{prefix}: late p99", value=alone["late_p99"] * 1000, unit="ms", under=10.0 if strict else None
            ),
            Figure(
                name=f"{prefix}: CPU",
                value=alone["cpu"] / alone["seconds"] * 100,
                unit="% of a core",
                under=80.0 if strict else None,
            ),
            Figure(name=f"{prefix}: CPU per 1,000", value=_cost(alone), unit="s"),
            Figure(name=f"{prefix}: peak RSS", value=alone["rss"] / 1e6, unit="MB", under=80.0 if strict else None),
            Figure(name=f"{prefix}: not good", value=alone["failed"], unit="probes", under=0),
        ]
    return figures


def beside_hostile(folder: Path, site: Targets) -> list[Figure]:
    """1,000 good targets beside 180 that hang, flood or trickle: who is late, and by how much."""
    other = folder / "stopped"
    other.mkdir()
    good, command = site.of("http"), (sys.executable, "-m", "benchmarks._beside")
    with (
        started(*pinned(OTHER_CORE, sys.executable, "-m", "benchmarks._hostile")) as hostile,
        targets(other, OTHER_CORE) as stopped,
    ):
        assert hostile.stdout
        ports = hostile.stdout.readline()
        os.kill(stopped.pid, signal.SIGSTOP)
        try:
            alone = measured(*pinned(PROBER_CORE, *command, "{}", good, good, str(SECONDS)))
            beside = measured(*pinned(PROBER_CORE, *command, ports, good, stopped.of("http"), str(SECONDS)))
        finally:
            os.kill(stopped.pid, signal.SIGCONT)
    figures = [
        Figure(name=f"1,000 targets, {name}: late {figure}", value=seen[figure] * 1000, unit="ms")
        for name, seen in (("alone", alone), ("beside hostile ones", beside))
        for figure in ("p50", "p99", "worst")
    ]
    told: Any = beside["told"]
    return figures + [
        Figure(name=f"{kind}: told after its timeout, worst", value=seen["over"] * 1000, unit="ms", under=50.0)
        for kind, seen in sorted(told.items())
    ]


def main() -> None:
    """Measure everything, and print the figures."""
    have_debian_packages(*PACKAGES)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        with targets(folder, OTHER_CORE) as site:
            (folder / "blackbox.yml").write_text(site.modules(), encoding="utf-8")
            figures = [*compared(folder, site), *crowds(folder, site), *beside_hostile(folder, site)]
    report("probes", figures, {"connections": CONNECTIONS, "seconds": SECONDS, "cores": os.cpu_count()})


if __name__ == "__main__":
    main()
