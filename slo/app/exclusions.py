"""The exclusions of a watch: those of its configuration, and those that people made while it ran."""

import asyncio
import logging
from collections.abc import Collection, Iterator, Sequence

from slo.config.names import Names
from slo.core.events import Event
from slo.core.exclusion import Exclusion
from slo.core.exclusion_events import NO_INCIDENT, ExclusionAdded, ExclusionWithdrawn, exclusions_after
from slo.core.protocols import Clock
from slo.errors import UsageError
from slo.router.summary import one_line
from slo.router.words import told
from slo.store.journal import Journal

logger = logging.getLogger(__name__)


class Exclusions:
    """What is excluded. `load` it before anything else; `configured` are those of the configuration in force."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self.configured: Sequence[Exclusion] = ()
        self._journal = journal
        self._clock = clock
        self._made: dict[str, Exclusion] = {}

    def load(self) -> None:
        """Read those that people made from the journal."""
        self._made = exclusions_after(event for _, event in self._journal.events(NO_INCIDENT))

    def __iter__(self) -> Iterator[Exclusion]:
        """All of them, those of the configuration first. One that people made before has the name for itself."""
        made = self._made.values()
        yield from (exclusion for exclusion in self.configured if exclusion.name not in self._made)
        yield from made

    async def add(self, exclusion: Exclusion, *, slos: Collection[str]) -> Exclusion:
        """Write one to the journal; `slos` are the names of those that are there.

        Raises UsageError for a name that is taken and for an SLO that is not there, StoreError where it failed.
        """
        if any(other.name == exclusion.name for other in self):
            raise UsageError(f"there is an exclusion {exclusion.name} already: give it another name")
        for slo in exclusion.slos:
            if slo not in slos:
                nearest = Names(slos).nearest(slo)
                mend = f"did you mean {nearest}?" if nearest else "name SLOs that are there, or none for all of them"
                raise UsageError(f"there is no SLO {slo}: {mend}")
        event = ExclusionAdded.of(exclusion, at=self._clock.now())
        await self._write(event)
        self._made[exclusion.name] = event.exclusion
        return event.exclusion

    async def withdraw(self, name: str, *, by: str, why: str) -> Exclusion:
        """Take one back. Raises UsageError for one that nobody made, StoreError where it failed."""
        if name not in self._made:
            if any(other.name == name for other in self.configured):
                raise UsageError(f"{name} stands in the configuration: take it out there, and reload")
            raise UsageError(f"there is no exclusion {name}")
        await self._write(ExclusionWithdrawn(incident=NO_INCIDENT, at=self._clock.now(), name=name, by=by, why=why))
        return self._made.pop(name)

    async def _write(self, event: Event) -> None:
        await asyncio.to_thread(self._journal.commit, [event], [], at=event.at)
        logger.info(one_line(told(event)), extra={"event": type(event).__name__})
