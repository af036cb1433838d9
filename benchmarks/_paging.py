"""What the benchmarks of paging share: how long the policy lets an outage last, history, PagerDuty's stand-in."""

import json
import math
import ssl
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

from benchmarks._process import started
from slo.core.counts import Counts
from slo.core.deltas import Block
from slo.core.policy import POLICIES
from slo.exposition.catalogue import Telemetry
from slo.store.folder import DataFolder
from slo.store.ledger import LedgerStore

OBJECTIVE = Fraction(999, 1000)
WINDOW = timedelta(days=30)
PAIRS = POLICIES["google-30d"]
DELIVERY_SECONDS = 1.0


def needed_seconds() -> float:
    """The time of a full outage that the fastest page of the policy asks for."""
    return min(
        float(pair.factor(WINDOW) * (1 - OBJECTIVE) * Fraction(pair.long // timedelta(seconds=1))) for pair in PAIRS
    )


def bound_seconds(*, slot: int, interval: int) -> float:
    """The time that the policy needs, rounded up to a slot, one probe interval, and a second to be delivered."""
    return math.ceil(needed_seconds() / slot) * slot + interval + DELIVERY_SECONDS


def write_ledger(data: Path, blocks: Sequence[Block], totals: Mapping[str, Counts], *, slot: int, now: int) -> None:
    """Make the data folder of a watch that was stopped at `now` (Unix seconds): its counts, and their sums."""
    with DataFolder(data) as folder:
        store = LedgerStore(folder.ledger, slot_seconds=slot, telemetry=Telemetry())
        for block in blocks:
            store.append([block], totals, {"now": str(now)})
        store.close()


@dataclass(frozen=True, kw_only=True, slots=True)
class PagerDuty:
    """The running stand-in."""

    url: str
    events_url: str
    ca_file: str

    def destination(self, routing_key: str) -> dict[str, str]:
        """What the configuration of a watch says of it."""
        return {
            "name": "oncall",
            "type": "pagerduty",
            "routing_key": routing_key,
            "events_url": self.events_url,
            "ca_file": self.ca_file,
        }

    def triggers(self) -> list[tuple[float, dict[str, Any]]]:
        """The triggers that it accepted, with their times (Unix seconds), in order."""
        trust = ssl.create_default_context(cafile=self.ca_file)
        with urllib.request.urlopen(f"{self.url}/_standin/requests", context=trust, timeout=10) as answer:
            requests: list[dict[str, Any]] = json.load(answer)["requests"]
        return [
            (datetime.fromisoformat(request["at"]).timestamp(), request["event"])
            for request in requests
            if request["status"] == 202 and request["event"]["event_action"] == "trigger"
        ]


@contextmanager
def pagerduty(folder: Path) -> Iterator[PagerDuty]:
    """The stand-in, with its record in `folder`."""
    with started(sys.executable, "-m", "slo.demo.vendors.pagerduty", "--folder", str(folder)) as process:
        assert process.stdout
        line = process.stdout.readline()
        if not line:
            raise SystemExit(f"PagerDuty's stand-in ended: {process.communicate()[1]}")
        yield PagerDuty(**json.loads(line))
