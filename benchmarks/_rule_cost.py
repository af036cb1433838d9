"""What rules cost a real Prometheus: the processor time of one evaluation, for each SLO.

    services = [f"svc-{number:03}" for number in range(20)]
    sloths = [of_requests(service) for service in services]
    prometheus_cost(rules(sloths), request_history(services, recorded=sloth_recorded), slos=len(services))

The figure is the processor time of the whole process less that of the same process without rules: what evaluation
causes elsewhere in it (collecting garbage, writing the samples) is its cost too, and waiting for a busy core is not.
Prometheus's own figure, the duration of rule evaluations, has it the other way round and is given beside it.
"""

import os
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._process import Server, cpu_seconds, have_debian_packages, scrape
from benchmarks._prometheus import Series, ask, prometheus, promtool, write_blocks
from benchmarks._sloth import RATIO_5M, of_requests

DAYS = 30
STEP_SECONDS = 30
REQUESTS_A_STEP = 3000
FAILED_SHARE = 0.0005
INTERVAL_SECONDS = 15
EVALUATIONS = 8
IDLE_SECONDS = 15
PATIENCE_SECONDS = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """What rules cost. Where not said otherwise: seconds, of one evaluation of all rules, for each SLO."""

    cpu_seconds: float
    """Processor time of the process, less what it needs without rules."""
    rule_seconds: float
    """Prometheus's own figure: how long the evaluations took by the wall clock."""
    seconds_by_rule: Mapping[str, float]
    """The last evaluation by the wall clock, by the name of what is recorded or alerted on."""
    recorded: int
    """Series that were recorded, of all SLOs."""
    evaluations: float
    """How many intervals it was measured for: a group that has an interval of its own was evaluated at that."""
    idle_cores: float
    """Processor seconds a second of the process without rules."""


def request_history(
    services: Iterable[str],
    *,
    recorded: Callable[[str, Series, Series], Iterable[Series]],
    failed_share: float = FAILED_SHARE,
) -> Iterator[Series]:
    """Thirty days until now of `http_requests_total` of each service, code 200 and 500, in steps of 30 s.

    `recorded` gives what a Prometheus with the rules would have recorded in that time, from a service and its two
    counters.
    """
    rng = np.random.default_rng(1)
    until = time.time()
    steps = np.arange(1 - DAYS * 86_400 // STEP_SECONDS, 1, dtype=np.float64)
    times = (until + steps * STEP_SECONDS).round(3)
    for service in services:
        asked = rng.poisson(REQUESTS_A_STEP, len(times))
        failed = rng.binomial(asked, failed_share)
        good, bad = (
            Series(
                name=f'http_requests_total{{service="{service}",code="{code}"}}',
                times=times,
                values=np.cumsum(increments).astype(np.float64),
            )
            for code, increments in (("200", asked - failed), ("500", failed))
        )
        yield from (good, bad, *recorded(service, good, bad))


def sloth_recorded(service: str, good: Series, bad: Series) -> Iterator[Series]:
    """The error ratio over five minutes, which Sloth's ratio over thirty days is made of."""
    steps = 300 // STEP_SECONDS
    failed, total = (values[steps:] - values[:-steps] for values in (bad.values, good.values + bad.values))
    name = of_requests(service).recorded(RATIO_5M, sloth_window="5m")
    yield Series(name=name, times=bad.times[steps:], values=failed / total)


def prometheus_cost(
    rules: str | Path,
    history: Iterable[Series],
    *,
    slos: int,
    interval_seconds: int = INTERVAL_SECONDS,
    evaluations: int = EVALUATIONS,
) -> Cost:
    """The cost of these rules (text or file), which are of so many SLOs, to a Prometheus that holds this history.

    Takes a while: `evaluations` intervals, and the time to write the blocks. The history must end now, or minutes ago.
    """
    have_debian_packages("prometheus")
    text = rules.read_text(encoding="utf-8") if isinstance(rules, Path) else rules
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        checked, loaded = folder / "checked.yml", folder / "rules.yml"
        checked.write_text(text, encoding="utf-8")
        promtool("check", "rules", str(checked))
        write_blocks(folder, history)
        config = {"global": {"evaluation_interval": f"{interval_seconds}s"}, "rule_files": [loaded.name]}
        with prometheus(folder, config) as server:
            idle = _idle_cores(server)
            checked.rename(loaded)
            os.kill(server.pid, signal.SIGHUP)
            _wait_evaluated(server, interval_seconds)
            before = _Reading.of(server)
            time.sleep(evaluations * interval_seconds)
            used = _Reading.of(server).since(before)
            return _cost(server, used, idle, slos=slos, interval_seconds=interval_seconds)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Reading:
    """What the process has used and done at one time, or between two."""

    at: float
    cpu: float
    rule_seconds: float
    missed: float
    failed: float

    @classmethod
    def of(cls, server: Server) -> "_Reading":
        cpu, at, samples = cpu_seconds(server.pid), time.monotonic(), scrape(server.url)

        def total(name: str) -> float:
            return sum(value for key, value in samples.items() if key.partition("{")[0] == f"prometheus_rule_{name}")

        return cls(
            at=at,
            cpu=cpu,
            rule_seconds=total("evaluation_duration_seconds_sum"),
            missed=total("group_iterations_missed_total"),
            failed=total("evaluation_failures_total"),
        )

    def since(self, before: "_Reading") -> "_Reading":
        names = ("at", "cpu", "rule_seconds", "missed", "failed")
        return _Reading(**{name: getattr(self, name) - getattr(before, name) for name in names})


def _idle_cores(server: Server) -> float:
    """What the process uses before it has rules, once it has settled."""
    time.sleep(IDLE_SECONDS / 3)
    before = cpu_seconds(server.pid)
    time.sleep(IDLE_SECONDS)
    return (cpu_seconds(server.pid) - before) / IDLE_SECONDS


def _wait_evaluated(server: Server, interval_seconds: int) -> None:
    """Return when every rule was evaluated once, so that caches are as warm as they ever are.

    Groups with a longer interval of their own are not waited for: meanwhile the history would become stale.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS

    def evaluated() -> bool:
        groups = [group for group in ask(server.url, "rules")["groups"] if group["interval"] <= interval_seconds]
        return bool(groups) and all(rule["lastEvaluation"][:4] != "0001" for group in groups for rule in group["rules"])

    while not evaluated():
        if time.monotonic() > deadline:
            raise SystemExit(f"the rules were not evaluated within {PATIENCE_SECONDS} s\n{server.last_words()}")
        time.sleep(0.5)


def _cost(server: Server, used: _Reading, idle: float, *, slos: int, interval_seconds: int) -> Cost:
    if used.missed or used.failed:
        fault = f"{used.missed:g} evaluations of a group were missed and {used.failed:g} of a rule failed"
        raise SystemExit(f"{fault}\n{server.last_words()}")
    evaluations = used.at / interval_seconds
    recorded = sum(
        int(samples)
        for name, samples in scrape(server.url).items()
        if name.startswith("prometheus_rule_group_last_evaluation_samples")
    )
    spent: Counter[str] = Counter()
    for rule in _rules(server):
        spent[rule["name"]] += rule["evaluationTime"]
    return Cost(
        cpu_seconds=(used.cpu - idle * used.at) / evaluations / slos,
        rule_seconds=used.rule_seconds / evaluations / slos,
        seconds_by_rule={name: seconds / slos for name, seconds in spent.most_common()},
        recorded=recorded,
        evaluations=evaluations,
        idle_cores=idle,
    )


def _rules(server: Server) -> list[dict[str, Any]]:
    """What Prometheus says of its rules."""
    return [rule for group in ask(server.url, "rules")["groups"] for rule in group["rules"]]
