"""1,000 HTTP targets through the whole `watchkeep run` process, a minute at 10 s and a minute at 1 s intervals.

Ledger, engine, store and web are on; each probe has an SLO of its own. The targets are one process on loopback.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

from benchmarks._histogram import grown, quantile
from benchmarks._output import Figure, report
from benchmarks._process import cpu_seconds, peak_resident_bytes, scrape, started, watching

TARGETS = 1000
MEASURED_SECONDS = 60
WARM_SECONDS = 15


def config(port: int, interval: str, timeout: str) -> str:
    """A configuration of TARGETS probes, each with an SLO. YAML is a superset of JSON."""
    probes = [
        {
            "name": f"target-{index}",
            "type": "http",
            "url": f"http://127.0.0.1:{port}/health?target={index}",
            "interval": interval,
            "timeout": timeout,
            "expect": {"status": [200], "body": '"status"\\s*:\\s*"UP"'},
        }
        for index in range(TARGETS)
    ]
    slos = [
        {
            "name": f"slo-{index}",
            "objective": "99.9%",
            "window": "30d",
            "sli": {"probe": f"target-{index}"},
            "labels": {"customer": "acme", "environment": "production"},
        }
        for index in range(TARGETS)
    ]
    return json.dumps({"probes": probes, "slos": slos})


def measure(port: int, interval: str, timeout: str, rounds_expected: float) -> list[Figure]:
    """The figures of one run."""
    with tempfile.TemporaryDirectory() as folder, watching(Path(folder), config(port, interval, timeout)) as watch:
        time.sleep(WARM_SECONDS)
        before, cpu = scrape(watch.url), cpu_seconds(watch.pid)
        time.sleep(MEASURED_SECONDS)
        used, after, memory = cpu_seconds(watch.pid) - cpu, scrape(watch.url), peak_resident_bytes(watch.pid) / 1e6

    def more(sample: str) -> float:
        return after[sample] - before.get(sample, 0.0)

    buckets = grown(before, after, "watchkeep_probe_lateness_seconds")
    rounds = sum(more(key) for key in after if key.startswith("watchkeep_probe_rounds_total"))
    good = more('watchkeep_probe_rounds_total{state="good"}')
    prefix = f"at {interval}: "
    return [
        Figure(name=prefix + "rounds", value=rounds, unit=f"of about {rounds_expected:,.0f} due"),
        Figure(name=prefix + "rounds that were not good", value=rounds - good, unit="rounds", under=0),
        Figure(name=prefix + "start lateness p50", value=quantile(buckets, 0.5) * 1000, unit="ms"),
        Figure(name=prefix + "start lateness p99", value=quantile(buckets, 0.99) * 1000, unit="ms", under=15),
        Figure(name=prefix + "runs missed", value=more("watchkeep_probe_missed_total"), unit="rounds", under=0),
        Figure(name=prefix + "peak RSS", value=memory, unit="MB", under=120),
        Figure(name=prefix + "CPU per 1,000 probes", value=used / rounds * 1000, unit="s"),
        Figure(name=prefix + "CPU", value=used / MEASURED_SECONDS * 100, unit="% of a core"),
    ]


def main() -> None:
    """Run both and print the figures."""
    with started(sys.executable, "-m", "benchmarks._target") as target:
        assert target.stdout
        port = int(target.stdout.readline())
        figures = [
            *measure(port, "10s", "5s", TARGETS * MEASURED_SECONDS / 10),
            *measure(port, "1s", "1s", TARGETS * MEASURED_SECONDS),
        ]
    report("watch", figures, {"targets": TARGETS, "seconds": MEASURED_SECONDS, "cores": os.cpu_count()})


if __name__ == "__main__":
    main()
