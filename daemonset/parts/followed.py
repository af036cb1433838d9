"""A part that follows a collection of the API server, and sees what is in it, as long as that can be believed."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from daemonset.api_client import APIClient, APIFault
from daemonset.documents import D
from daemonset.parts.part import UNTOLD, Problem, Seen, Untold, lasted
from daemonset.reflector import Collection, Patience, Reflector
from slo.core.protocols import Clock
from slo.errors import Fault

T = TypeVar("T")

IDLE_SHARE = 0.8
"""After which share of the time for which a view is believed a WATCH that says nothing is begun anew."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Following:
    """How parts follow: whom they ask, and for how long they believe what they know when nothing is heard."""

    client: APIClient
    clock: Clock
    silent_seconds: float
    patience: Patience

    @classmethod
    def usual(cls, client: APIClient, clock: Clock, silent_seconds: float) -> "Following":
        """Patience that a view can outlast."""
        patience = Patience(idle_seconds=silent_seconds * IDLE_SHARE)
        return cls(client=client, clock=clock, silent_seconds=silent_seconds, patience=patience)


class Followed(ABC, Generic[D, T]):
    """One collection. A kind says what it makes of what is in it."""

    name: str

    def __init__(self, collection: Collection[D, T], following: Following) -> None:
        self._reflector = Reflector(collection, following.client, clock=following.clock, patience=following.patience)
        self._clock = following.clock
        self._silent_seconds = following.silent_seconds
        self._fault: APIFault | None = None
        self._failed_at = 0.0
        self.settled = asyncio.Event()

    async def run(self) -> None:
        """Follow it for good."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self._reflector.run(self._failed))
            both.create_task(self._settle())

    def look(self) -> Seen:
        """What is in it, or why that is not known."""
        fault = self._last_fault()
        problem = self._untold(fault)
        return self._see(self._reflector.view.now) if problem is None else self._unseen(problem, fault)

    @property
    def age_seconds(self) -> float | None:
        """How long ago the API server last said what is in it; None before it ever did. Bytes alone tell nothing."""
        told_at = self._reflector.told_at
        return None if told_at is None else self._clock.monotonic() - told_at

    @abstractmethod
    def _see(self, items: Mapping[str, T]) -> Seen:
        """What to make of what is in it, which is `NAMESPACE/NAME` each."""

    def _unseen(self, problem: Problem, _fault: APIFault | None) -> Seen:
        """What to make of it where that is not known, for this reason."""
        return Untold(problem=problem)

    def _failed(self, fault: Fault) -> None:
        # A new one: the raised one holds everything that was under way.
        status = getattr(fault, "status", 0)
        self._fault = APIFault(fault.reason, detail=fault.detail, status=status)
        self._failed_at = self._clock.monotonic()
        self.settled.set()

    async def _settle(self) -> None:
        async for _ in self._reflector.view.changes():
            self.settled.set()
            return

    def _last_fault(self) -> APIFault | None:
        """Why nothing is told, None where something has been told since."""
        silent = self.age_seconds
        return self._fault if silent is None or self._clock.monotonic() - self._failed_at <= silent else None

    def _untold(self, fault: APIFault | None) -> Problem | None:
        silent = self.age_seconds
        if silent is not None and silent <= self._silent_seconds:
            return None
        if fault is not None and fault.reason == "permission":
            return "permission", f"{self.name}: {fault.detail}"
        why = f": {fault.reason}: {fault.detail}" if fault else ""
        if silent is None:
            return UNTOLD, f"{self.name}: the API server has told nothing of them yet{why}"
        return UNTOLD, f"{self.name}: the API server has told nothing of them for {lasted(silent)}{why}"
