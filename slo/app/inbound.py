"""What comes in from destinations: what they send, and what they say when they are asked."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from slo.app.checks import unusable
from slo.config.settings import Settings
from slo.core.acts import Act
from slo.core.inbound import Inbound, Received
from slo.core.incident import Incident
from slo.core.priority import Priority
from slo.core.protocols import Destination, Receiver, Reconciling
from slo.errors import ConfigError, Forged, UsageError, WatchkeepError
from slo.exposition.catalogue import Telemetry
from slo.exposition.sparing import Sparing
from slo.kinds import Kinds
from slo.net.context import Context

RECONCILE_SECONDS = 60.0
"""How often destinations are asked whether somebody has answered a P0 there."""

TOLD_EVERY_SECONDS = 60.0
"""How often the log hears of requests that are refused, by where they came and why: anybody can send them."""

OWN_PATHS = ("pagerduty", "slack")
"""The kinds that have an address of their own under `/webhooks/`; all others are ticket systems, and share `ticket`."""

logger = logging.getLogger(__name__)

Acting = Callable[[Act], Awaitable[Incident]]


def receivers_of(settings: Settings, kinds: Kinds, context: Context, path: Path) -> dict[str, list[Receiver]]:
    """Who receives under which name after `/webhooks/`. Raises ConfigError for what cannot be."""
    receivers: dict[str, list[Receiver]] = {}
    faults = []
    for entry in settings.destinations:
        make = getattr(kinds.destinations.module(entry.type), "receiver", None)
        try:
            receiver = make(entry.name, entry.config, context) if make else None
        except (OSError, ValueError, WatchkeepError) as error:
            faults.append(unusable(path, f"destinations[{entry.name}]", error))
            continue
        if receiver is not None:
            receivers.setdefault(entry.type if entry.type in OWN_PATHS else "ticket", []).append(receiver)
    if faults:
        raise ConfigError(faults)
    return receivers


class InboundActs:
    """Has done, by `act`, what people do elsewhere. What cannot be done is logged: the other side cannot help it."""

    def __init__(self, act: Acting, *, telemetry: Telemetry) -> None:
        self.receivers: Mapping[str, Sequence[Receiver]] = {}
        self._act = act
        self._telemetry = telemetry
        self._log = Sparing(logger, every_seconds=TOLD_EVERY_SECONDS)

    async def receive(self, way: str, inbound: Inbound) -> Received | None:
        """Do what a request to `/webhooks/WAY` says; how to answer it, or None where nobody receives there.

        Raises Forged where none of those who receive there knows who sent it, Malformed where what it says cannot be
        understood, and StoreError where it could not be put on record: then it has to be sent again.
        """
        receivers = self.receivers.get(way)
        if not receivers:
            return None
        received = await self._understood(way, receivers, inbound)
        problems = [await self._do(act, way) for act in received.acts]
        if received.then is None:
            return received
        return await received.then(next(filter(None, problems), ""))

    async def reconcile(self, destinations: Mapping[str, Destination], incidents: Mapping[str, Incident]) -> None:
        """Ask the destinations that have a page of an unanswered P0 whether somebody has answered it there."""
        for name, keys in _unanswered(incidents).items():
            destination = destinations.get(name)
            if not isinstance(destination, Reconciling):
                continue
            try:
                acts = await destination.acts_on(keys)
            except WatchkeepError as error:
                logger.warning(
                    "a destination does not say who has answered", extra={"destination": name, "error": str(error)}
                )
                continue
            for act in acts:
                await self._do(replace(act, target=replace(act.target, destination=name)), f"{name} (asked)")

    async def _understood(self, way: str, receivers: Sequence[Receiver], inbound: Inbound) -> Received:
        """What it says to the first who knows the sender and whom it concerns."""
        received: Received | None = None
        with self._counted(way):
            for receiver in receivers[:-1]:
                with contextlib.suppress(Forged):
                    received = await receiver.receive(inbound)
                    if not received.elsewhere:
                        return received
            try:
                return await receivers[-1].receive(inbound)
            except Forged:
                if received is None:
                    raise
                return received

    async def _do(self, act: Act, way: str) -> str:
        """Do it; why it cannot be done, empty where it was."""
        try:
            await self._act(act)
        except UsageError as error:
            logger.warning(
                "what somebody did elsewhere changes nothing here",
                extra={"way": way, "act": type(act).__name__, "by": act.by, "why": str(error)},
            )
            return str(error)
        return ""

    @contextlib.contextmanager
    def _counted(self, way: str) -> Iterator[None]:
        try:
            yield
        except WatchkeepError as error:
            result = type(error).__name__.lower()
            self._telemetry.inbound.labels(way, result).inc()
            self._log.tell(
                logging.WARNING,
                "a request from outside is refused",
                key=f"{way} {result}",
                extra={"way": way, "result": result, "why": str(error)},
            )
            raise
        self._telemetry.inbound.labels(way, "received").inc()


def _unanswered(incidents: Mapping[str, Incident]) -> dict[str, list[str]]:
    """By paging destination, the keys of the pages of P0s that nobody has answered, each once."""
    keys: dict[str, dict[str, None]] = {}
    for incident in incidents.values():
        if incident.page_open and not incident.page_answered and incident.priority is Priority.P0:
            for name in incident.paged_to:
                keys.setdefault(name, {})[incident.page_key] = None
    return {name: list(of) for name, of in keys.items()}


async def keep_reconciling(reconcile: Callable[[], Awaitable[None]]) -> None:
    """Ask again and again, until cancelled."""
    while True:
        await asyncio.sleep(RECONCILE_SECONDS)
        try:
            await reconcile()
        except WatchkeepError as error:
            logger.warning("what was done elsewhere is not on record yet", extra={"error": str(error)})
        except Exception:
            logger.exception("a destination that was asked has a fault")
