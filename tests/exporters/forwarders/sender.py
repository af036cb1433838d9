"""Sends what is in a spool until nothing is left; as a process to be killed, `python -m ... SPOOL CONFIG-AS-JSON`."""

import asyncio
import json
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from prometheus_client import CollectorRegistry

from exporters.forwarders.elk import Config, Elk, build
from exporters.forwarders.remote_write import RemoteWrite
from exporters.forwarding.sending import Sending
from exporters.forwarding.spool import Spool
from slo.exposition.forwarding import Forwarding
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from slo.store.spool import SpoolFile

MOST_RECORDS = 17
ROUNDS = 2_000


async def send_all(file: SpoolFile, forwarder: Elk | RemoteWrite, *, most: int) -> None:
    """Send at most `most` records at a time, without a pause between attempts."""
    clock, said = SteadyClock(), Forwarding(CollectorRegistry())
    forwarder.limits = replace(forwarder.limits, records=most)
    spool = Spool(file, "far", most_bytes=10**9, clock=clock, telemetry=said)
    sending = Sending(spool, forwarder, max_age=timedelta(days=36500), clock=clock, telemetry=said)
    for _ in range(ROUNDS):
        if await sending.once() is None:
            return
    raise AssertionError("there is no end to it")


if __name__ == "__main__":
    config = Config.model_validate(json.loads(sys.argv[2]))
    asyncio.run(
        send_all(SpoolFile(Path(sys.argv[1])), build(config, Context.default(SteadyClock())), most=MOST_RECORDS)
    )
