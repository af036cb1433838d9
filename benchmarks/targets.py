"""10,000 targets of one probe that are found in a file, and 1,000 of them that change: how long the loop stands still.

A watch with ledger, engine and journal, on the event loop that `watchkeep run` has. Each target is a port of loopback
that nothing listens on, asked once a minute. The loop stands still for as long as a timer of a millisecond is late; its
own work in that time is the processor time of its thread, which a busy machine does not lengthen.
"""

import asyncio
import json
import tempfile
import time
from pathlib import Path

import uvloop

from benchmarks._output import Figure, report
from slo.app.place import Place
from slo.app.settling import settle
from slo.app.watch import RunningWatch
from slo.config.load import load
from slo.exposition.catalogue import Telemetry
from slo.kinds import Kinds
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from slo.store.folder import DataFolder

TARGETS = 10_000
CHANGED = 1_000
TICK_SECONDS = 0.001
QUIET_SECONDS = 5.0
PATIENCE_SECONDS = 60.0
PAUSE_TARGET_MS = 50.0


class Standstill:
    """How long the loop stood still, and worked by itself, at most since it was asked last, in milliseconds."""

    def __init__(self) -> None:
        self._longest = self._work = 0.0
        self.task = asyncio.create_task(self._tick())

    async def _tick(self) -> None:
        while True:
            begun, worked = time.perf_counter(), time.thread_time()
            await asyncio.sleep(TICK_SECONDS)
            self._longest = max(self._longest, time.perf_counter() - begun - TICK_SECONDS)
            self._work = max(self._work, time.thread_time() - worked)

    async def taken(self) -> tuple[float, float]:
        """The longest standstill, and the longest work of the loop itself, in milliseconds, with those that end now."""
        await asyncio.sleep(TICK_SECONDS)  # the tick that is under way began before, and so ends first
        longest, work, self._longest, self._work = self._longest, self._work, 0.0, 0.0
        return longest * 1000, work * 1000


def config(file: Path, kind: str) -> str:
    """One probe over the targets in a file, with an SLO over all of them. YAML is a superset of JSON."""
    found = {"type": "file", "files": [str(file)], "refresh_interval": "500ms"}
    if kind == "http":
        found["format"] = "http://{target}/health"
    probe = {
        "name": "fleet",
        "type": kind,
        "interval": "60s",
        "timeout": "5s",
        "targets_from": [found],
    }
    slos = [{"name": "fleet", "objective": "99.9%", "window": "30d", "sli": {"probe": "fleet"}}]
    return json.dumps({"probes": [probe], "slos": slos})


def write(file: Path, ports: list[int]) -> None:
    """The targets, in a file that takes the place of the one before."""
    groups = [{"targets": [f"127.0.0.{port % 250 + 2}:{port}"], "labels": {"zone": str(port % 5)}} for port in ports]
    following = file.with_suffix(".next")
    following.write_text(json.dumps(groups), encoding="utf-8")
    following.rename(file)


async def measure(kind: str) -> list[Figure]:
    """The figures of one kind of probe."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        file, path = folder / "targets.json", folder / "watchkeep.yaml"
        path.write_text(config(file, kind), encoding="utf-8")
        clock, telemetry, kinds = SteadyClock(), Telemetry(), Kinds.installed()
        context = Context.default(clock)
        place = Place(config=path, environ={}, kinds=kinds, folder=DataFolder(folder / "data"))
        settings = load(path, kinds, {})
        watch = RunningWatch(place, settings, clock=clock, telemetry=telemetry, context=context)
        await watch.open()
        settle()
        working = asyncio.create_task(watch.run())

        def watched() -> float:
            """How many targets there are. Other metrics read files, and would wait for every thread at work."""
            return sum(sample.value for metric in telemetry.probe_targets.collect() for sample in metric.samples)

        async def until_watched(targets: int) -> float:
            """Seconds until so many targets are watched."""
            begun = time.perf_counter()
            while watched() != targets:
                if time.perf_counter() - begun > PATIENCE_SECONDS:
                    raise TimeoutError(f"{targets} targets are not watched")
                await asyncio.sleep(0.01)
            return time.perf_counter() - begun

        standstill = Standstill()
        await asyncio.sleep(1)
        await standstill.taken()
        figures = []
        ports = list(range(1, TARGETS + 1))
        for what, listed in (
            (f"{TARGETS:,} added", ports),
            (f"{CHANGED:,} changed", [*ports[CHANGED:], *range(20_001, 20_000 + CHANGED)]),  # one less, to be told by
            ("all gone", []),
        ):
            write(file, listed)
            await standstill.taken()  # writing is not the watch's work
            seconds = await until_watched(len(listed))
            figures.append(Figure(name=f"{kind}: {what}, until it is so", value=seconds, unit="s"))
            stood_still, worked = await standstill.taken()
            for name, value in (("longest standstill", stood_still), ("longest work at once", worked)):
                figures.append(Figure(name=f"{kind}: {what}, {name}", value=value, unit="ms", under=PAUSE_TARGET_MS))
            await asyncio.sleep(QUIET_SECONDS)
            await standstill.taken()
        standstill.task.cancel()
        working.cancel()
        await asyncio.gather(working, standstill.task, return_exceptions=True)
        await watch.close(1.0)
        await context.close()
        return figures


if __name__ == "__main__":
    figures = [figure for kind in ("tcp", "http") for figure in uvloop.run(measure(kind))]
    report("targets", figures, {"targets": TARGETS, "changed": CHANGED})
