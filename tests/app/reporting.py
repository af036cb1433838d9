"""A watch that agents report to: what they send, and what is asked of it then."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from slo.core.batch import Batch, Gone, Observed, Record
from slo.core.batch_document import batch_of, document_of_batch
from slo.core.outcome import Outcome
from slo.core.reason import state_of
from slo.core.status import SLOStatus
from tests.app.played import PAIR, PlayedWatch

INTERVAL = 10
TOKEN = "t" * 20


def configuration(*slos: dict[str, Any], run_by: str = "agents", **more: Any) -> dict[str, Any]:
    """A probe of two targets that agents look at, and SLOs of it."""
    probe = {
        "name": "gate",
        "type": "tcp",
        "targets": ["127.0.0.1:1", "127.0.0.1:2"],
        "interval": f"{INTERVAL}s",
        "run_by": run_by,
    }
    slo = {"name": "gate-availability", "objective": "99%", "window": "1h", "sli": {"probe": "gate"}}
    common = {"burn_policy": [PAIR], "labels": {"customer": "acme", "environment": "production"}}
    return {
        "slot": "10s",
        "agents": {"token": TOKEN},
        "probes": [probe],
        "slos": [{**slo, **common, **each} for each in slos or ({},)],
        "destinations": [{"name": "oncall", "type": "pagerduty", "routing_key": "0" * 32}],
        "routes": {"destinations": ["oncall"], "resolve_after": "30s"},
        **more,
    }


def outcome(at: float, reason: str = "ok", target: str = "127.0.0.1:1", **more: Any) -> Outcome:
    """A round of an agent that is complete at a time (Unix seconds)."""
    return Outcome(
        **{
            "check": "gate",
            "target": target,
            "module": "tcp",
            "at": datetime.fromtimestamp(at, UTC),
            "state": state_of(reason),
            "reason": reason,
            "number": int(at // INTERVAL),
            **more,
        }
    )


async def report(
    played: PlayedWatch, *records: Outcome | Record, agent: str = "node-1", boot: str = "b", first: int = 0
) -> None:
    """Have an agent report these."""
    wrapped = tuple(Observed(outcome=each) if isinstance(each, Outcome) else each for each in records)
    batch = Batch(agent=agent, boot=boot, first=first, records=wrapped)
    await played.watch.agents.take(*understood(batch))


def understood(batch: Batch) -> tuple[Any, bytes]:
    """A batch as the watch gets it."""
    body = json.dumps(document_of_batch(batch))
    return batch_of(json.loads(body)), body.encode()


def gone(target: str, at: float, *, check: str = "gate") -> Gone:
    """Nobody wants that target watched any more."""
    return Gone(check=check, target=target, at=datetime.fromtimestamp(at, UTC))


def status_of(played: PlayedWatch, scope: str = "") -> SLOStatus:
    """The figures of the SLO, or of one of its groups."""
    (found,) = [each for each in played.statuses if each.slo.scope == scope]
    return found


def totals(statuses: Sequence[SLOStatus]) -> list[tuple[int, int, int]]:
    """Good, bad and unknown events of each."""
    return [(each.totals["good"], each.totals["bad"], each.totals["unknown"]) for each in statuses]
