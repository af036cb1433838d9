"""Good targets beside hostile ones, in one runner: how late the good ones are, and how late each hostile one is told.

`python -m benchmarks._beside PORTS GOOD STOPPED SECONDS` prints JSON: PORTS as `benchmarks._hostile` prints them, the
URL of the good targets, and that of a stopped server (SIGSTOP). Without PORTS (`{}`) there are good ones alone.
"""

import asyncio
import json
import sys
from collections import defaultdict
from dataclasses import replace

import uvloop

from probes import http
from slo.config.tls import TLSSettings
from slo.core.outcome import Outcome
from slo.exposition.catalogue import Telemetry
from slo.net.context import Context
from slo.net.resolve import Resolver
from slo.runner.clock import SteadyClock
from slo.runner.runner import Runner
from slo.runner.schedule import Scheduled

GOOD, EACH = 1000, 20
INTERVAL_SECONDS, TIMEOUT_SECONDS = 2.0, 1.0
WARM_SECONDS = 3.0


def scheduled(name: str, config: http.Config, context: Context) -> Scheduled:
    """A check of the runner."""
    check = http.build(config, context)
    return Scheduled(
        name=name,
        module="http",
        target=check.target,
        interval_seconds=INTERVAL_SECONDS,
        timeout_seconds=TIMEOUT_SECONDS,
        check=check,
    )


def hostile(ports: dict[str, int], stopped: str, context: Context) -> list[Scheduled]:
    """EACH targets of every kind. The name `stalled` is asked of a server that never answers."""
    urls = {kind: f"http://127.0.0.1:{port}/" for kind, port in ports.items() if kind != "dns"}
    urls |= {"stopped": stopped, "tls_stall": f"https://127.0.0.1:{ports['silent']}/"}
    asked = [
        scheduled(f"{kind}/{number}", http.Config.of(url), context)
        for kind, url in urls.items()
        for number in range(EACH)
    ]
    unnamed = replace(context, resolver=Resolver([f"127.0.0.1:{ports['dns']}"]))
    names = [f"http://stalled-{number}.example/" for number in range(EACH)]
    asked += [scheduled(f"dns_stall/{n}", http.Config.of(url), unnamed) for n, url in enumerate(names)]
    return asked


def contexts(context: Context) -> None:
    """Have settings of TLS made that were never seen: 40 ms of a core each."""
    for number in range(EACH):
        context.tls.get(TLSSettings(server_name=None), alpn=(f"x{number}",))


async def main(ports: dict[str, int], good: str, stopped: str, seconds: float) -> None:
    """Measure, and print."""
    clock = SteadyClock()
    context = Context.default(clock)
    late: list[float] = []
    over: dict[str, list[float]] = defaultdict(list)
    reasons: dict[str, set[str]] = defaultdict(set)

    def take(outcome: Outcome) -> None:
        kind, _, number = outcome.check.partition("/")
        if number:
            over[kind].append(outcome.duration_seconds - TIMEOUT_SECONDS)
            reasons[kind].add(outcome.reason)
        else:
            late.append(outcome.lateness_seconds)

    checks = [scheduled(f"good-{number}", http.Config.of(good), context) for number in range(GOOD)]
    checks += hostile(ports, stopped, context) if ports else []
    runner = Runner(clock=clock, sink=take, telemetry=Telemetry().probes, concurrency=2000)
    runner.replace(checks)
    running = asyncio.create_task(runner.run())
    await asyncio.sleep(WARM_SECONDS)
    late.clear()
    over.clear()
    making = asyncio.create_task(asyncio.to_thread(contexts, context)) if ports else None
    await asyncio.sleep(seconds)
    if making is not None:
        await making
    ordered = sorted(late)
    told = {kind: {"over": max(times), "reasons": sorted(reasons[kind])} for kind, times in over.items()}
    figures = {"rounds": len(ordered), "p50": ordered[len(ordered) // 2], "p99": ordered[int(len(ordered) * 0.99)]}
    print(json.dumps({**figures, "worst": ordered[-1], "told": told}), flush=True)
    await runner.close()
    await running
    await context.close()


if __name__ == "__main__":
    uvloop.run(main(json.loads(sys.argv[1]), sys.argv[2], sys.argv[3], float(sys.argv[4])))
