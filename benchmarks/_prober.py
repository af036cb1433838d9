"""Our probes and their scheduler alone, in a process that prints what it measured of itself as JSON.

`python -m benchmarks._prober MODULES MODULE TARGET saturated CONCURRENCY SECONDS` makes rounds as fast as it can;
`... paced TARGETS INTERVAL SECONDS` has the runner probe that many targets, each at that interval.
"""

import asyncio
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import uvloop

from slo.app.settling import settle
from slo.config.load import load
from slo.core.outcome import Outcome
from slo.core.reason import State
from slo.exposition.catalogue import Telemetry
from slo.kinds import Kinds
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from slo.runner.round import Round
from slo.runner.runner import Runner
from slo.runner.schedule import Scheduled

TIMEOUT_SECONDS = 5.0
WARM_SECONDS = 2.0


def scheduled_of(modules: Path, module: str, target: str, context: Context, interval_seconds: float) -> Any:
    """A function from a number to a check of that target, each built by itself."""
    kinds = Kinds.installed()
    entry = load(modules, kinds, {}).modules[module]
    kind = kinds.probes.module(entry.type)

    def made(number: int) -> Scheduled:
        check = kind.build(entry.aimed(target), context)
        return Scheduled(
            name=f"target-{number}",
            module=entry.type,
            target=check.target,
            interval_seconds=interval_seconds,
            timeout_seconds=min(TIMEOUT_SECONDS, interval_seconds),
            check=check,
        )

    return made


class Ended:
    """Rounds that ended since `begin`: how long each took, how late it started, and how many were not good."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        self.took: list[float] = []
        self.late: list[float] = []
        self.failed = 0
        self.since = time.monotonic()
        self.cpu = time.process_time()

    def take(self, outcome: Outcome) -> None:
        self.took.append(outcome.duration_seconds)
        self.late.append(outcome.lateness_seconds)
        self.failed += outcome.state is not State.GOOD

    def figures(self) -> dict[str, float]:
        cpu, seconds = time.process_time() - self.cpu, time.monotonic() - self.since
        took, late = sorted(self.took), sorted(self.late)
        return {
            "probes": len(took),
            "failed": self.failed,
            "seconds": seconds,
            "cpu": cpu,
            "p50": took[len(took) // 2],
            "p99": took[int(len(took) * 0.99)],
            "late_p50": late[len(late) // 2],
            "late_p99": late[int(len(late) * 0.99)],
            "rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        }


async def saturated(made: Any, clock: SteadyClock, ended: Ended, concurrency: int, seconds: float) -> None:
    """`concurrency` rounds at a time, as the runner makes them, without its schedule."""
    until = time.monotonic() + WARM_SECONDS + seconds

    async def work(scheduled: Scheduled) -> None:
        while clock.monotonic() < until:
            this = Round(scheduled, clock.monotonic())
            facts = await this.observe()
            ended.take(this.outcome(this.judge(facts), at=clock.now(), ended=clock.monotonic()))

    checks = [made(number) for number in range(concurrency)]
    settle()
    working = asyncio.gather(*map(work, checks))
    await asyncio.sleep(WARM_SECONDS)
    ended.begin()
    await working


async def paced(made: Any, clock: SteadyClock, ended: Ended, targets: int, seconds: float) -> None:
    """`targets` checks in the runner."""
    runner = Runner(clock=clock, sink=ended.take, telemetry=Telemetry().probes, concurrency=1000)
    checks = [made(number) for number in range(targets)]
    runner.replace(checks)
    settle()
    running = asyncio.create_task(runner.run())
    await asyncio.sleep(WARM_SECONDS + min(checks[0].interval_seconds, 2.0))
    ended.begin()
    await asyncio.sleep(seconds)
    print(json.dumps(ended.figures()), flush=True)
    await runner.close()
    await running


async def main(modules: str, module: str, target: str, how: str, *numbers: str) -> None:
    """Measure, and print."""
    clock, ended = SteadyClock(), Ended()
    context = Context.default(clock)
    if how == "saturated":
        made = scheduled_of(Path(modules), module, target, context, TIMEOUT_SECONDS)
        await saturated(made, clock, ended, int(numbers[0]), float(numbers[1]))
        print(json.dumps(ended.figures()), flush=True)
    else:
        made = scheduled_of(Path(modules), module, target, context, float(numbers[1]))
        await paced(made, clock, ended, int(numbers[0]), float(numbers[2]))
    await context.close()


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
