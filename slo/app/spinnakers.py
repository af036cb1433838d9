"""Events of Spinnaker: who may tell them, which are wanted, and which are known already."""

import asyncio
import hmac
import logging
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable

from slo.config.settings import SpinnakerEntry
from slo.core.protocols import Clock
from slo.core.telemetry import Logged
from slo.core.wildcard import wildcard
from slo.errors import Forged, InboundError, Malformed
from slo.exposition.catalogue import Telemetry
from slo.exposition.sparing import Sparing
from slo.interop.spinnaker import event_in, logged, type_of

MOST_KNOWN = 10_000
"""How many events are remembered: echo sends one again within seconds."""

WAY = "spinnaker"
"""How `watchkeep_webhooks_total` calls it."""

TOLD_EVERY_SECONDS = 60.0

_NOBODYS = b"-" * 16
"""What a token is compared with where there is no such Spinnaker: that takes as long as a wrong one."""


logger = logging.getLogger(__name__)


class Spinnakers:
    """Hands events to `forward`, each once as far as it is remembered."""

    def __init__(self, forward: Callable[[Logged], None], *, clock: Clock, telemetry: Telemetry) -> None:
        self._forward = forward
        self._clock = clock
        self._telemetry = telemetry
        self._entries: dict[str, tuple[SpinnakerEntry, re.Pattern[str]]] = {}
        self._known: OrderedDict[str, None] = OrderedDict()
        self._log = Sparing(logger, every_seconds=TOLD_EVERY_SECONDS)

    def configure(self, entries: Iterable[SpinnakerEntry]) -> None:
        """Take events of these from now on, and of no others."""
        self._entries = {entry.name: (entry, wildcard(entry.events)) for entry in entries}

    def admit(self, name: str, token: bytes) -> None:
        """Raise Forged where no Spinnaker of that name shows that token: it takes as long as for the right one."""
        known = self._entries.get(name)
        right = hmac.compare_digest(token, known[0].token.reveal().encode() if known else _NOBODYS)
        if known is None or not right:
            error = Forged("no Spinnaker is called so here, or that is not its token: see docs/forwarders/spinnaker.md")
            self._refused(error)
            raise error

    async def take(self, name: str, body: bytes) -> bool:
        """Take what the echo of one posted. Returns whether it goes on: it may be of another sort, or known.

        Raises Malformed where it is no event.
        """
        try:
            log = await asyncio.to_thread(self._understood, name, body)
        except Malformed as error:
            self._refused(error)
            raise
        goes_on = log is not None and log.id not in self._known
        self._telemetry.inbound.labels(WAY, "received" if goes_on else "passed_over").inc()
        if log is not None and goes_on:
            self._known[log.id] = None
            if len(self._known) > MOST_KNOWN:
                self._known.popitem(last=False)
            self._forward(log)
        return goes_on

    def _understood(self, name: str, body: bytes) -> Logged | None:
        """What echo posted, None where it is of a sort that is not wanted. It may take long."""
        event, known = event_in(body), self._entries.get(name)
        if known is None or not known[1].fullmatch(type_of(event)):
            return None
        return logged(event, installation=name, labels=known[0].labels, now=self._clock.now())

    def _refused(self, error: InboundError) -> None:
        result = type(error).__name__.lower()
        self._telemetry.inbound.labels(WAY, result).inc()
        self._log.tell(
            logging.WARNING,
            "an event of a Spinnaker is refused",
            key=result,
            extra={"way": WAY, "result": result, "why": str(error)},
        )
