"""Heartbeats: messages that say that the watch is alive, to a dead man's switch that cries when they stay away.

A beat takes the way of a page: it is decided at a slot end, after the alerts, written to the journal's outbox, and
delivered by the delivery loop. So it stays away when no slot ends, when the journal does not take what was decided, and
when nothing is delivered. It is never late: what was not delivered before the next one is due is given up.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from slo.core.alert import Evidence
from slo.core.delivery import Action, Message
from slo.core.policy import Severity
from slo.core.priority import Priority
from slo.errors import StoreError
from slo.router.outbox import Outbox

BEAT = "heartbeat"


def beat_of(destination: str, number: int, at: datetime, external_url: str) -> Message:
    """Beat number `number`. It has a lane of its own, since it waits for no other, and is as urgent as a P0."""
    key = f"{BEAT}/{number}"
    return Message(
        id=f"{BEAT}/{destination}/{number}",
        destination=destination,
        action=Action.HEARTBEAT,
        key=key,
        incident="",
        slo=BEAT,
        severity=Severity.PAGE,
        priority=Priority.P0,
        summary="the watch is alive",
        at=at,
        opened_at=at,
        labels={},
        firing=frozenset(),
        evidence=Evidence(),
        external_url=external_url,
    )


def number_at(at: datetime, every: timedelta) -> int:
    """The number of the beat that is due from `at` on: of intervals since 1970."""
    return int(at.timestamp() // every.total_seconds())


class Heartbeat:
    """Writes the beats of each destination in `intervals` that are due. `written` is called when some were."""

    def __init__(self, outbox: Outbox, *, written: Callable[[], None]) -> None:
        self.intervals: Mapping[str, timedelta] = {}
        self._outbox = outbox
        self._written = written
        self._last: dict[str, int] = {}
        self._writing: asyncio.Task[None] | None = None

    async def beat(self, at: datetime, *, external_url: str, patience_seconds: float) -> None:
        """Write what is due at `at`; wait for the journal no longer than that. While it hangs, nothing beats."""
        if self._writing is not None and not self._writing.done():
            return
        due = {name: number_at(at, every) for name, every in self.intervals.items()}
        new = {name: number for name, number in due.items() if number != self._last.get(name)}
        if new:
            beats = [beat_of(name, number, at, external_url) for name, number in new.items()]
            self._writing = asyncio.create_task(self._write(beats, new, at))
            await asyncio.wait({self._writing}, timeout=patience_seconds)

    async def close(self) -> None:
        """Wait for nothing that is being written."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)

    async def _write(self, beats: list[Message], numbers: Mapping[str, int], at: datetime) -> None:
        try:
            await self._outbox.write(self._outbox.journal.beat, beats, at=at)
        except StoreError:
            return  # the outbox has said so; a beat that was not written is not made up for
        self._last |= numbers
        self._written()
