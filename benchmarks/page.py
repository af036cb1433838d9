"""From an outage to its page, in real time: the whole `watchkeep run` process, google-30d, slots and rounds of 10 s.

One target with thirty days of good history is killed. It is probed by several probes, each with an SLO of its own,
whose rounds are spread over the interval: so one outage is measured at as many places of it. The clock runs from the
kill until PagerDuty's stand-in has accepted the trigger.
"""

import json
import math
import ssl
import statistics
import sys
import tempfile
import time
import urllib.request
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._output import Figure, report
from benchmarks._process import free_port, scrape, started, wait_ready
from slo.core.counts import Counts
from slo.core.deltas import COVERED_MS, GOOD, Block
from slo.core.policy import POLICIES
from slo.exposition.catalogue import Telemetry
from slo.store.folder import DataFolder
from slo.store.ledger import LedgerStore

PROBES = 20
INTERVAL_SECONDS = 10
SLOT_SECONDS = 10
OBJECTIVE = Fraction(999, 1000)
WINDOW = timedelta(days=30)
DELIVERY_SECONDS = 1.0
PATIENCE_SECONDS = 120
NAMES = tuple(f"target-{index}" for index in range(PROBES))


def needed_seconds() -> float:
    """The time of a full outage that the fastest page of the policy asks for."""
    return min(
        float(pair.factor(WINDOW) * (1 - OBJECTIVE) * Fraction(pair.long // timedelta(seconds=1)))
        for pair in POLICIES["google-30d"]
    )


def bound_seconds() -> float:
    """The time that the policy needs, rounded up to a slot, one probe interval, and a second to be delivered."""
    slots = math.ceil(needed_seconds() / SLOT_SECONDS)
    return slots * SLOT_SECONDS + INTERVAL_SECONDS + DELIVERY_SECONDS


def config(port: int, vendor: dict[str, str]) -> str:
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
            "destinations": [
                {
                    "name": "oncall",
                    "type": "pagerduty",
                    "routing_key": "0123456789abcdef0123456789abcdef",
                    "events_url": vendor["events_url"],
                    "ca_file": vendor["ca_file"],
                }
            ],
            "routes": {"destinations": ["oncall"]},
        }
    )


def write_history(data: Path, now: int) -> None:
    """Fill the ledger up to `now` (Unix seconds, a whole minute): every round of thirty days was good."""
    slis = tuple(f"probe:{name}" for name in NAMES)
    days = 30
    rounds = 60 // INTERVAL_SECONDS
    with DataFolder(data) as folder:
        store = LedgerStore(folder.ledger, slot_seconds=SLOT_SECONDS, telemetry=Telemetry())
        whole = Counts(good=days * 1440 * rounds, covered_ms=days * 86_400_000)
        for day in range(days, 0, -1):
            ends = now - (day - 1) * 86_400 - np.arange(1439, -1, -1, dtype=np.int64) * 60
            counts = np.zeros((4, len(ends), len(slis)), np.int64)
            counts[GOOD], counts[COVERED_MS] = rounds, 60_000
            block = Block(ends=ends, seconds=60, names=slis, counts=counts)
            store.append([block], dict.fromkeys(slis, whole), {"now": str(now)})
        store.close()


def accepted_at(vendor: dict[str, str]) -> dict[str, float]:
    """When the stand-in accepted the trigger of each SLO (Unix seconds)."""
    trust = ssl.create_default_context(cafile=vendor["ca_file"])
    with urllib.request.urlopen(f"{vendor['url']}/_standin/requests", context=trust, timeout=10) as answer:
        requests: list[dict[str, Any]] = json.load(answer)["requests"]
    found: dict[str, float] = {}
    for request in requests:
        event = request["event"]
        if event and event["event_action"] == "trigger":
            slo = event["payload"]["custom_details"]["slo"]
            found.setdefault(slo, datetime.fromisoformat(request["at"]).timestamp())
    return found


def measure(folder: Path) -> list[Figure]:
    """Play the outage once."""
    with (
        started(sys.executable, "-m", "benchmarks._target") as target,
        started(sys.executable, "-m", "slo.demo.vendors.pagerduty", "--folder", f"{folder}/pagerduty") as standin,
    ):
        assert target.stdout
        assert standin.stdout
        vendor = json.loads(standin.stdout.readline())
        path = folder / "config.yaml"
        path.write_text(config(int(target.stdout.readline()), vendor))
        write_history(folder / "data", int(time.time()) // 60 * 60)
        listen = f"127.0.0.1:{free_port()}"
        command = ["run", "-c", str(path), "--data", f"{folder}/data", "--listen", listen]
        with started(sys.executable, "-m", "slo.cli.main", *command) as watch:
            wait_ready(f"http://{listen}", watch)
            until_good(f"http://{listen}")
            target.kill()
            broke = time.time()
            deadline = time.monotonic() + PATIENCE_SECONDS
            while len(pages := accepted_at(vendor)) < PROBES:
                if time.monotonic() > deadline:
                    raise SystemExit(f"{PROBES - len(pages)} pages did not come within {PATIENCE_SECONDS} s")
                time.sleep(0.5)
    waits = sorted(at - broke for at in pages.values())
    return [
        Figure(name="the policy needs an outage of", value=needed_seconds(), unit="s"),
        Figure(name="outage to accepted page, fastest", value=waits[0], unit="s"),
        Figure(name="outage to accepted page, median", value=statistics.median(waits), unit="s"),
        Figure(name="outage to accepted page, slowest", value=waits[-1], unit="s", under=bound_seconds()),
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
