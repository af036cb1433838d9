"""A process that sends what is in a spool until nothing is left: `python -m ... SPOOL CONFIG-AS-JSON`. To be killed."""

import asyncio
import json
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from prometheus_client import CollectorRegistry

from exporters.forwarders.elk import Config, build
from exporters.forwarding.sending import Sending
from exporters.forwarding.spool import Spool
from slo.exposition.forwarding import Forwarding
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from slo.store.spool import SpoolFile

MOST_RECORDS = 17
ROUNDS = 2_000


async def send(spool: Path, config: Config) -> None:
    """Send until nothing is left, without a pause between attempts."""
    file, clock, said = SpoolFile(spool), SteadyClock(), Forwarding(CollectorRegistry())
    forwarder = build(config, Context.default(clock))
    forwarder.limits = replace(forwarder.limits, records=MOST_RECORDS)
    kept = Spool(file, "elk", most_bytes=10**9, clock=clock, telemetry=said)
    sending = Sending(kept, forwarder, max_age=timedelta(days=36500), clock=clock, telemetry=said)
    for _ in range(ROUNDS):
        if await sending.once() is None:
            return
    raise SystemExit("there is no end to it")


if __name__ == "__main__":
    asyncio.run(send(Path(sys.argv[1]), Config.model_validate(json.loads(sys.argv[2]))))
