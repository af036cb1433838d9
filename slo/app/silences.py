"""The silences of a watch: of its configuration, of its exclusions, and those that people made while it ran."""

import asyncio
import logging
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from slo.core.events import Event
from slo.core.exclusion import Exclusion
from slo.core.exclusion_events import NO_INCIDENT
from slo.core.protocols import Clock
from slo.core.silence import Silence, silence_of
from slo.core.silence_events import SilenceExpired, silence_added, silences_after
from slo.errors import UsageError
from slo.router.summary import one_line
from slo.router.words import told
from slo.store.journal import Journal

logger = logging.getLogger(__name__)


class Silences:
    """What nobody is told of. `load` it before anything else; `configured` are those of the configuration in force.

    `exclusions` are those in force whenever it is asked: some silence what they exclude.
    """

    def __init__(self, journal: Journal, clock: Clock, exclusions: Iterable[Exclusion]) -> None:
        self.configured: Sequence[Silence] = ()
        self._journal = journal
        self._clock = clock
        self._exclusions = exclusions
        self._made: dict[str, Silence] = {}
        self._writing = asyncio.Lock()

    def load(self) -> None:
        """Read those that people made from the journal."""
        self._made = silences_after(event for _, event in self._journal.events(NO_INCIDENT))

    def __iter__(self) -> Iterator[Silence]:
        """All that nobody has ended, those of the configuration first. One that people made has its name for itself."""
        made = self._made.values()
        yield from (silence for silence in self.configured if silence.name not in self._made)
        yield from (silence_of(exclusion) for exclusion in self._exclusions if exclusion.silence)
        yield from made

    def in_force(self, now: datetime) -> tuple[Silence, ...]:
        """Those that hide something now."""
        return tuple(silence for silence in self if silence.in_force(now))

    async def add(self, silence: Silence) -> Silence:
        """Write one to the journal. Raises UsageError where `silence_added` does, StoreError where it failed."""
        async with self._writing:
            event = silence_added(silence, self, at=self._clock.now())
            await self._write(event)
            self._made[silence.name] = event.silence
            return event.silence

    async def expire(self, name: str, *, by: str, why: str) -> Silence:
        """End one early. Raises UsageError for one that nobody made, StoreError where it failed."""
        async with self._writing:
            if name not in self._made:
                raise UsageError(self._not_made(name))
            await self._write(SilenceExpired(incident=NO_INCIDENT, at=self._clock.now(), name=name, by=by, why=why))
            return self._made.pop(name)

    def _not_made(self, name: str) -> str:
        """Why a silence cannot be ended, and what can be done."""
        if any(other.name == name for other in self.configured):
            return f"{name} stands in the configuration: take it out there, and reload"
        if any(other.exclusion == name for other in self):
            return f"{name} comes with the exclusion of that name: take that back"
        return f"there is no silence {name}"

    async def _write(self, event: Event) -> None:
        await asyncio.to_thread(self._journal.commit, [event], [], at=event.at)
        logger.info(one_line(told(event)), extra={"event": type(event).__name__})
