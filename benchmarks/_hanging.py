"""A watch whose slots of a second close while destinations hang: how late, beside one that forwards nothing."""

import asyncio
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

from slo.app.place import Place
from slo.app.settling import settle
from slo.app.watch import RunningWatch
from slo.config.load import load
from slo.exposition.catalogue import Telemetry
from slo.kinds import Kinds
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from slo.store.folder import DataFolder

PROBES, SLOS = 100, 500
WARM_SECONDS, SECONDS = 5.0, 40.0
TICK_SECONDS = 0.001


def hanging(url: str) -> list[dict[str, Any]]:
    """Four forwarders to a destination that never answers, of every kind, with all that there is."""
    common = {"metrics": ["*"], "interval": "2s", "timeout": "5s"}
    logs = {"logs": ["events", "outcomes"]}
    return [
        {"name": "written", "type": "remote_write", "url": f"{url}/hang", **common},
        {"name": "searched", "type": "elk", "url": f"{url}/hang", **common, **logs},
        {"name": "collected", "type": "otlp", "url": f"{url}/hang", **common, **logs},
        {"name": "datadog", "type": "datadog", "url": f"{url}/hang", "api_key": "0" * 32, **common, **logs},
    ]


async def lateness(forwarders: list[dict[str, Any]]) -> list[float]:
    """How long after its end each slot was evaluated, in seconds."""
    config = {
        "slot": "1s",
        "probes": [
            {
                "name": f"p{number}",
                "type": "tcp",
                "target": f"127.0.0.1:{number + 1}",
                "interval": "1s",
                "timeout": "1s",
            }
            for number in range(PROBES)
        ],
        "slos": [
            {"name": f"s{number}", "objective": "99.9%", "window": "30d", "sli": {"probe": f"p{number % PROBES}"}}
            for number in range(SLOS)
        ],
        "forwarders": forwarders,
    }
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "watchkeep.yaml"
        path.write_text(json.dumps(config), encoding="utf-8")
        clock, kinds = SteadyClock(), Kinds.installed()
        context = Context.default(clock)
        place = Place(config=path, environ={}, kinds=kinds, folder=DataFolder(Path(temporary) / "data"))
        watch = RunningWatch(place, load(path, kinds, {}), clock=clock, telemetry=Telemetry(), context=context)
        await watch.open()
        settle()
        working = asyncio.create_task(watch.run())
        await asyncio.sleep(WARM_SECONDS)
        late: list[float] = []
        evaluated = watch.telemetry.evaluated_at
        last, ends = _value(evaluated), asyncio.get_running_loop().time() + SECONDS
        while asyncio.get_running_loop().time() < ends:
            await asyncio.sleep(TICK_SECONDS)
            now = _value(evaluated)
            if now != last:
                late.append(clock.now().timestamp() - now)
                last = now
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        await watch.close(0.1)
        await context.close()
    return late


def _value(gauge: Any) -> float:
    (metric,) = gauge.collect()
    return float(metric.samples[0].value)


def typical_and_worst(late: list[float]) -> tuple[float, float]:
    """The median and the largest, in milliseconds."""
    return statistics.median(late) * 1000, max(late) * 1000
