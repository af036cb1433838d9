"""Collectors alone, in a process that prints what it measured of itself as JSON.

`python -m benchmarks._collector CONFIG NAME ROUNDS` makes so many rounds of a collector of a configuration, one after
the other, and of each the text that a scrape would be answered with. `... render TARGETS SERIES` renders samples of no
server.
"""

import gc
import json
import resource
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import uvloop
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric

from slo.app.checks import checks_of
from slo.app.settling import settle
from slo.config.load import load
from slo.core.outcome import Outcome
from slo.core.reason import State
from slo.core.sample import Sample
from slo.exposition.buffer import Serving
from slo.exposition.collected import Collected, CollectedRenderer
from slo.kinds import Kinds
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from slo.runner.round import run_once

WARM_ROUNDS = 5

NO_LABELS: dict[str, str] = {}


def not_faulty(outcome: Outcome, error: Exception) -> None:
    """Samples that cannot be made end the benchmark."""
    raise SystemExit(f"the samples of {outcome.target} could not be made: {error}")


async def rounds(config: Path, name: str, number: int) -> dict[str, object]:
    """So many rounds, and their texts."""
    clock, kinds = SteadyClock(), Kinds.installed()
    context = Context.default(clock)
    (check,) = [each for each in checks_of(load(config, kinds, {}), kinds, context, config) if each.name == name]
    assert check.serving is not None
    renderer = CollectedRenderer(identified=False)
    took: list[float] = []
    text, cpu, reasons = "", 0.0, set[str]()
    for each in range(WARM_ROUNDS + number):
        if each == WARM_ROUNDS:
            settle()
            took, cpu = [], time.process_time()
        began = time.perf_counter()
        outcome, facts = await run_once(check, clock, context.limits)
        collected = Collected(outcome=outcome, samples=check.check.samples(facts), serving=check.serving)
        text = "".join(renderer.render([collected], on_fault=not_faulty))
        took.append(time.perf_counter() - began)
        if outcome.state is not State.GOOD:
            reasons.add(f"{outcome.reason}: {outcome.detail}")
    used = time.process_time() - cpu
    await context.close()
    return {
        "p50": sorted(took)[number // 2],
        "cpu": used / number,
        "rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "text": text,
        "wrong": sorted(reasons),
    }


def rendered(targets: int, series: int) -> dict[str, object]:
    """What it takes to render samples that are all others than in the round before, and prometheus_client's time."""
    serving, renderer = Serving(family_of=lambda _: None, most=series), CollectedRenderer(identified=True)
    labels = [{"cmd": f"command-{number}"} for number in range(series // 4)]
    names = [f"redis_metric_{number}" for number in range(series - len(labels))]
    ticks = count()

    def samples() -> Iterator[Sample]:
        value = float(next(ticks))
        yield from (Sample(name, value, NO_LABELS) for name in names)
        yield from (Sample("redis_commands_total", value, each) for each in labels)

    used = []
    size = 0
    for _ in range(5):
        now = datetime.now(UTC)
        collected = [
            Collected(outcome=_outcome(target, now), samples=list(samples()), serving=serving)
            for target in range(targets)
        ]
        gc.collect()
        began = time.process_time()
        size = sum(len(part) for part in renderer.render(collected, on_fault=not_faulty))
        used.append(time.process_time() - began)
    theirs = _theirs(targets, names, labels)
    return {"cpu": min(used[1:]), "worst": max(used[1:]), "theirs": theirs, "bytes": size}


def _outcome(target: int, now: datetime) -> Outcome:
    return Outcome(check="cache", target=f"cache-{target}:6379", module="redis", at=now, state=State.GOOD, reason="ok")


class _Registry(CollectorRegistry):
    """The same samples, as a registry of prometheus_client has them."""

    def __init__(self, metrics: list[Metric]) -> None:
        super().__init__()
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        yield from self._metrics


def _theirs(targets: int, names: list[str], labels: list[dict[str, str]]) -> float:
    metrics = []
    for name in [*names, "redis_commands"]:
        metric = Metric(name, "help", "gauge")
        for target in range(targets):
            own = {"collector": "cache", "target": f"cache-{target}:6379"}
            for more in labels if name == "redis_commands" else [NO_LABELS]:
                metric.add_sample(name, {**more, **own}, float(target))
        metrics.append(metric)
    began = time.process_time()
    generate_latest(_Registry(metrics))
    return time.process_time() - began


def main(*arguments: str) -> None:
    """Measure, and print."""
    if arguments[0] == "render":
        print(json.dumps(rendered(int(arguments[1]), int(arguments[2]))))
    else:
        config, name, number = arguments
        print(json.dumps(uvloop.run(rounds(Path(config), name, int(number)))))


if __name__ == "__main__":
    main(*sys.argv[1:])
