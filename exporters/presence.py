"""Staying heard: an agent that has nothing to report says so, since who is silent for a minute is taken for lost."""

import logging
from collections.abc import Callable

from exporters.forwarders.central import Central
from exporters.forwarding.sending import SHOWN_CHARACTERS
from exporters.forwarding.spool import COMPLAIN_EVERY_SECONDS, Spool
from slo.core.delivery import Sent
from slo.core.protocols import Clock
from slo.core.telemetry import Rank
from slo.exposition.forwarding import Forwarding
from slo.exposition.sparing import Sparing

QUIET_SECONDS = 20.0
"""After so long without anything to report that is reported."""

LOOK_SECONDS = 5.0

logger = logging.getLogger(__name__)


class Presence:
    """Reports nothing to the watch of `central`, where nothing waits in `spool` and the watch took nothing for long."""

    def __init__(self, spool: Spool, central: Callable[[], Central], *, clock: Clock, telemetry: Forwarding) -> None:
        self._spool = spool
        self._central = central
        self._clock = clock
        self._telemetry = telemetry
        self._tried_at = clock.monotonic()
        self._log = Sparing(logger, every_seconds=COMPLAIN_EVERY_SECONDS)

    async def run(self) -> None:
        """Stay heard, until cancelled."""
        while True:
            await self._clock.sleep_until(self._clock.monotonic() + LOOK_SECONDS)
            await self.once()

    async def once(self) -> None:
        """Report nothing, if it is time. If that fails, it is tried again as long after."""
        now, central, name = self._clock.monotonic(), self._central(), self._spool.name
        if now - max(central.heard_at, self._tried_at) < QUIET_SECONDS or self._spool.file.bytes_of(Rank.OUTCOME):
            return
        self._tried_at = now
        verdict = await central.greet()
        if isinstance(verdict, Sent):
            self._telemetry.success_at.labels(name).set(self._clock.now().timestamp())
            return
        self._telemetry.failures.labels(name, verdict.reason).inc()
        self._log.tell(
            logging.WARNING,
            "the watch did not take a report of nothing",
            key=verdict.reason,
            extra={
                "forwarder": name,
                "to": central.shown,
                "detail": f"{verdict.reason}: {verdict.detail}"[:SHOWN_CHARACTERS],
            },
        )
