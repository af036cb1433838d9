"""From an outage to its page, in real time: the whole `watchkeep run` process, google-30d, slots and rounds of 10 s.

One target with thirty days of good history is killed. It is probed by several probes, each with an SLO of its own,
whose rounds are spread over the interval: so one outage is measured at as many places of it. The clock runs from the
kill until PagerDuty's stand-in has accepted the trigger.
"""

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks._output import Figure, report
from benchmarks._paging import DELIVERY_SECONDS, PagerDuty, bound_seconds, needed_seconds, pagerduty, write_ledger
from benchmarks._process import scrape, started, watching
from slo.core.counts import Counts
from slo.core.deltas import COVERED_MS, GOOD, Block

PROBES = 20
INTERVAL_SECONDS = 10
SLOT_SECONDS = 10
ROUTING_KEY = "0123456789abcdef0123456789abcdef"
PATIENCE_SECONDS = 120
NAMES = tuple(f"target-{index}" for index in range(PROBES))


def config(port: int, vendor: PagerDuty) -> str:
    """The configuration of the watch. YAML is a superset of JSON."""
    return json.dumps(
        {
            "slot": f"{SLOT_SECONDS}s",
            "probes": [
                {
                    "name": name,
                    "type": "http",
                    "url": f"http://127.0.0.1:{port}/health",
                    "interval": f"{INTERVAL_SECONDS}s",
                    "timeout": "5s",
                }
                for name in NAMES
            ],
            "slos": [
                {
                    "name": name,
                    "objective": "99.9%",
                    "window": "30d",
                    "sli": {"probe": name},
                    "burn_policy": "google-30d",
                    "labels": {"customer": "acme", "environment": "production"},
                }
                for name in NAMES
            ],
            "destinations": [vendor.destination(ROUTING_KEY)],
            "routes": {"destinations": ["oncall"]},
        }
    )


def write_history(data: Path, now: int) -> None:
    """Fill the ledger up to `now` (Unix seconds, a whole minute): every round of thirty days was good."""
    slis = tuple(f"probe:{name}" for name in NAMES)
    days = 30
    rounds = 60 // INTERVAL_SECONDS
    whole = Counts(good=days * 1440 * rounds, covered_ms=days * 86_400_000)
    blocks = []
    for day in range(days, 0, -1):
        ends = now - (day - 1) * 86_400 - np.arange(1439, -1, -1, dtype=np.int64) * 60
        counts = np.zeros((4, len(ends), len(slis)), np.int64)
        counts[GOOD], counts[COVERED_MS] = rounds, 60_000
        blocks.append(Block(ends=ends, seconds=60, names=slis, counts=counts))
    write_ledger(data, blocks, dict.fromkeys(slis, whole), slot=SLOT_SECONDS, now=now)


def accepted_at(vendor: PagerDuty) -> dict[str, float]:
    """When the stand-in accepted the first trigger of each SLO (Unix seconds)."""
    found: dict[str, float] = {}
    for at, event in vendor.triggers():
        found.setdefault(event["payload"]["custom_details"]["slo"], at)
    return found


def measure(folder: Path) -> list[Figure]:
    """Play the outage once."""
    with started(sys.executable, "-m", "benchmarks._target") as target, pagerduty(folder / "pagerduty") as vendor:
        assert target.stdout
        write_history(folder / "data", int(time.time()) // 60 * 60)
        with watching(folder, config(int(target.stdout.readline()), vendor)) as watch:
            until_good(watch.url)
            target.kill()
            broke = time.time()
            deadline = time.monotonic() + PATIENCE_SECONDS
            while len(pages := accepted_at(vendor)) < PROBES:
                if time.monotonic() > deadline:
                    missing = f"{PROBES - len(pages)} pages did not come within {PATIENCE_SECONDS} s"
                    raise SystemExit(f"{missing}\n{watch.last_words()}")
                time.sleep(0.5)
    waits = sorted(at - broke for at in pages.values())
    return [
        Figure(name="the policy needs an outage of", value=needed_seconds(), unit="s"),
        Figure(name="outage to accepted page, fastest", value=waits[0], unit="s"),
        Figure(name="outage to accepted page, median", value=statistics.median(waits), unit="s"),
        Figure(
            name="outage to accepted page, slowest",
            value=waits[-1],
            unit="s",
            under=bound_seconds(slot=SLOT_SECONDS, interval=INTERVAL_SECONDS),
        ),
        Figure(
            name="end of the slot to accepted page, slowest",
            value=max(at % SLOT_SECONDS for at in pages.values()),
            unit="s",
            under=DELIVERY_SECONDS,
        ),
    ]


def until_good(url: str) -> None:
    """Return when every probe has had a good round."""
    while scrape(url).get('watchkeep_probe_rounds_total{state="good"}', 0.0) < PROBES:
        time.sleep(0.2)


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder))
    report(
        "page",
        figures,
        {"policy": "google-30d", "slot": f"{SLOT_SECONDS} s", "interval": f"{INTERVAL_SECONDS} s", "probes": PROBES},
    )


if __name__ == "__main__":
    main()
