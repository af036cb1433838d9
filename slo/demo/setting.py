"""The stage: what the demo watches, by which policy, and the history it begins with."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from slo.core.counts import Counts
from slo.core.deltas import COVERED_MS, GOOD, Block
from slo.core.sli import probe_sli
from slo.exposition.catalogue import Telemetry
from slo.store.folder import DataFolder
from slo.store.ledger import LedgerStore

SERVICES = ("gate", "deck", "orca")
BROKEN = "gate"
CUSTOMER = "acme"
ROUTING_KEY = "0123456789abcdef0123456789abcdef"
SLOT_SECONDS = 1
WINDOW_SECONDS = 1800
RESOLVE_AFTER_SECONDS = 5

POLICY = (
    {"long": "30s", "short": "5s", "budget": "20%", "severity": "page", "min_bad_events": 3},
    {"long": "2m", "short": "15s", "budget": "40%", "severity": "ticket"},
)


def configuration(*, ports: Mapping[str, int], events_url: str, authority: Path) -> str:
    """The configuration of the watch. YAML takes JSON as it is."""
    probes = [
        {
            "name": name,
            "type": "http",
            "url": f"http://127.0.0.1:{ports[name]}/health",
            "interval": "1s",
            "timeout": "900ms",
            "expect": {"status": [200], "body": '"status"\\s*:\\s*"UP"'},
        }
        for name in SERVICES
    ]
    slos = [
        {
            "name": f"{name}-availability",
            "objective": "99%",
            "window": f"{WINDOW_SECONDS // 60}m",
            "sli": {"probe": name},
            "burn_policy": POLICY,
            "labels": {"service": name, "customer": CUSTOMER, "environment": "production"},
        }
        for name in SERVICES
    ]
    oncall = {
        "name": "oncall",
        "type": "pagerduty",
        "routing_key": ROUTING_KEY,
        "events_url": events_url,
        "ca_file": str(authority),
    }
    return json.dumps(
        {
            "slot": f"{SLOT_SECONDS}s",
            "probes": probes,
            "slos": slos,
            "destinations": [oncall],
            "routes": {"destinations": ["oncall"], "resolve_after": f"{RESOLVE_AFTER_SECONDS}s"},
        },
        indent=2,
    )


def write_history(data: Path, *, now: int) -> None:
    """Fill the ledger up to `now` (Unix seconds) as if all had been watched and healthy."""
    names = tuple(probe_sli(name) for name in SERVICES)
    ends = np.arange(now - WINDOW_SECONDS + SLOT_SECONDS, now + 1, SLOT_SECONDS, dtype=np.int64)
    counts = np.zeros((4, len(ends), len(names)), np.int64)
    counts[GOOD] = 1
    counts[COVERED_MS] = SLOT_SECONDS * 1000
    whole = Counts(good=len(ends), covered_ms=len(ends) * SLOT_SECONDS * 1000)
    with DataFolder(data) as folder:
        store = LedgerStore(folder.ledger, slot_seconds=SLOT_SECONDS, telemetry=Telemetry())
        block = Block(ends=ends, seconds=SLOT_SECONDS, names=names, counts=counts)
        store.append([block], dict.fromkeys(names, whole), {"now": str(now)})
        store.close()
