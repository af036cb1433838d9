"""The stage: what the demo watches, by which policy and contract, who is told, and the history it begins with."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from slo.core.counts import Counts
from slo.core.deltas import COVERED_MS, GOOD, Block
from slo.core.sli import probe_sli
from slo.demo.vendors.pagerduty.incidents import user_id
from slo.exposition.catalogue import Telemetry
from slo.store.folder import DataFolder
from slo.store.ledger import LedgerStore

SERVICES = ("gate", "deck", "orca")
BROKEN = "gate"
CUSTOMER = "acme"
SLOT_SECONDS = 1
WINDOW_SECONDS = 3600
RESOLVE_AFTER_SECONDS = 5
RESPONSE = {"P0": "1h", "P1": "1 business day", "P2": "4 business days"}

ROUTING_KEY = "0123456789abcdef0123456789abcdef"
TEAM_CHANNEL, CUSTOMER_CHANNEL = "C0TEAM00001", "C0ACME00001"
WATCH_EMAIL, CUSTOMER_EMAIL = "watchkeep@provider.example", "service@acme.example"
PAGERDUTY_TOKEN, DESK_TOKEN = "demo-token-0000000-x", "demo-token"
PAGERDUTY_SECRET, DESK_SECRET = "what-pagerduty-signs-with", "what-jira-signs-with"

ON_CALL = {"id": "U0ONCALL", "name": "on-call engineer"}
SECOND_ENGINEER = {"accountId": "second-engineer", "displayName": "second engineer", "accountType": "atlassian"}

POLICY = (
    {"long": "30s", "short": "5s", "budget": "10%", "severity": "page", "min_bad_events": 3},
    {"long": "2m", "short": "15s", "budget": "80%", "severity": "ticket"},
)

CONTRACT = {
    "name": CUSTOMER,
    "title": "Acme Corporation",
    "response": RESPONSE,
    "hours": {"zone": "America/New_York", "week": {"mon-fri": "09:00-17:00"}, "holidays": {"country": "US"}},
    "tell": [
        {"destinations": ["acme-tickets", "acme-mail"]},
        {"destinations": ["acme-channel"], "priorities": ["P0"]},
    ],
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Vendors:
    """Where the stand-ins are, as each of them said."""

    pagerduty: Mapping[str, Any]
    slack: Mapping[str, Any]
    jira: Mapping[str, Any]
    smtp: Mapping[str, Any]


def configuration(*, ports: Mapping[str, int], vendors: Vendors, external_url: str) -> str:
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
    return json.dumps(
        {
            "external_url": external_url,
            "slot": f"{SLOT_SECONDS}s",
            "probes": probes,
            "slos": slos,
            "customers": [CONTRACT],
            "destinations": _destinations(vendors),
            "routes": {"destinations": ["oncall", "team"], "resolve_after": f"{RESOLVE_AFTER_SECONDS}s"},
        },
        indent=2,
    )


def _destinations(vendors: Vendors) -> list[dict[str, object]]:
    """The team's pager and channel; the customer's tickets, mailbox and channel."""
    slack = {key: vendors.slack[key] for key in ("api_url", "ca_file", "token")}
    return [
        {
            "name": "oncall",
            "type": "pagerduty",
            "routing_key": ROUTING_KEY,
            "events_url": vendors.pagerduty["events_url"],
            "api_url": vendors.pagerduty["url"],
            "api_token": PAGERDUTY_TOKEN,
            "from_email": WATCH_EMAIL,
            "service_user": user_id(WATCH_EMAIL),
            "priorities": {"P0": "P1", "P1": "P2", "P2": "P3"},
            "webhook_secret": PAGERDUTY_SECRET,
            "ca_file": vendors.pagerduty["ca_file"],
        },
        {
            "name": "team",
            "type": "slack",
            "channel": TEAM_CHANNEL,
            "signing_secret": vendors.slack["signing_secret"],
            **slack,
        },
        {
            "name": "acme-tickets",
            "type": "jira",
            "url": vendors.jira["url"],
            "ca_file": vendors.jira["ca_file"],
            "user": WATCH_EMAIL,
            "api_token": DESK_TOKEN,
            "project": "OPS",
            "priorities": {"P0": "Highest", "P1": "High", "P2": "Medium"},
            "acknowledge_transition": "Start work",
            "resolve_transition": "Resolve this issue",
            "webhook_secret": DESK_SECRET,
            "engineers": [SECOND_ENGINEER["accountId"]],
            "customer": CUSTOMER,
        },
        {
            "name": "acme-mail",
            "type": "email",
            "host": vendors.smtp["host"],
            "port": vendors.smtp["port"],
            "ca_file": vendors.smtp["ca_file"],
            "sender": f"Watchkeep <{WATCH_EMAIL}>",
            "to": [CUSTOMER_EMAIL],
        },
        {"name": "acme-channel", "type": "slack", "channel": CUSTOMER_CHANNEL, **slack},
    ]


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
