"""The journal as the router sees it: called in threads, and its faults said once each time they begin."""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import ParamSpec, Protocol, TypeVar

from slo.core.delivery import Delivery, Lane, Message, Verdict
from slo.core.events import Event
from slo.core.paths import DeliveryPath, Look
from slo.core.protocols import Clock
from slo.errors import StoreError
from slo.store.faults import reason_of

P = ParamSpec("P")
R = TypeVar("R")

HANGING_SECONDS = 5.0
"""A call of the journal that takes longer than this is trouble, as a failed one is."""

logger = logging.getLogger(__name__)


class Journal(Protocol):
    """What the router needs of the journal. Every call blocks, and raises StoreError."""

    def events(self) -> list[tuple[int, Event]]:
        """Everything that happened, in order, numbered."""

    def commit(self, events: Sequence[Event], messages: Sequence[Message], *, at: datetime) -> None:
        """Write events and messages in one transaction."""

    def due(self, now: datetime, *, limit: int = 100, among: Collection[str] = ()) -> list[Delivery]:
        """The first message of each lane, where it may be sent now: P0 first, then the oldest.

        Those that are under way are among them. `limit` is for each destination. Where `among` names
        destinations, only what is for these.
        """

    def begin(self, sequence: int, *, credential: str, now: datetime) -> Lane:
        """Write that a delivery is attempted; its lane: with the credential given, unless it has one."""

    def finish(self, sequence: int, verdict: Verdict, *, now: datetime, not_before: datetime | None) -> None:
        """Write what became of the attempt, and when the next one may be made."""

    def incident_of(self, destination: str, *, key: str = "", reference: str = "") -> str | None:
        """The incident that a destination knows by a key, or by a reference that it gave; None where none is."""

    def next_due(self, now: datetime) -> datetime | None:
        """When the next message may be sent that may not be sent now."""

    def look(self, since: int, paths: Mapping[str, DeliveryPath], now: datetime) -> Look:
        """How the messages from number `since` on stand by destination, and which of `paths` have to go elsewhere."""

    def why(self, destination: str) -> tuple[str, str]:
        """The reason and the detail of the newest message to a destination that failed; empty where none has."""

    def beat(self, beats: Sequence[Message], *, at: datetime) -> None:
        """Write heartbeats, and let go of older ones that have ended."""

    def depth(self, now: datetime) -> dict[str, tuple[int, float]]:
        """By destination: how many messages wait, and the age of the oldest in seconds."""


class Outbox:
    """Calls the journal, and knows whether it is in trouble."""

    def __init__(self, journal: Journal, *, clock: Clock) -> None:
        self.journal = journal
        self._clock = clock
        self._failing: dict[str, str] = {}
        self._under_way: dict[object, float] = {}

    @property
    def in_trouble(self) -> bool:
        """Whether the last reading or writing failed, or one hangs."""
        now = self._clock.monotonic()
        return bool(self._failing) or any(now - began > HANGING_SECONDS for began in self._under_way.values())

    async def read(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call a function of the journal that reads. Raises StoreError."""
        return await self._call("read", function, *args, **kwargs)

    async def write(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call a function of the journal that writes. Raises StoreError."""
        return await self._call("written", function, *args, **kwargs)

    async def _call(self, deed: str, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        call = object()
        self._under_way[call] = self._clock.monotonic()
        try:
            result = await asyncio.to_thread(function, *args, **kwargs)
        except StoreError as error:
            self._failed(deed, error)
            raise
        finally:
            del self._under_way[call]
        if self._failing.pop(deed, ""):
            logger.warning("the journal can be %s again", deed)
        return result

    def _failed(self, deed: str, error: StoreError) -> None:
        reason = reason_of(error)
        if self._failing.get(deed) != reason:
            logger.error(
                "the journal cannot be %s, and is tried again", deed, extra={"reason": reason, "error": str(error)}
            )
        self._failing[deed] = reason
