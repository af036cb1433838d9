"""All forwarders of a watch: what each is told, and when. None of them keeps the watch, or another one, waiting."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from exporters.endpoints import Exposition, Figures
from exporters.forwarding.measuring import Reading
from slo.app.books import Books
from slo.app.closed import Closed, closing_of
from slo.app.forwarding_line import Line, Promised, Told
from slo.app.logged import logged_outcome
from slo.app.outlet import kept_up
from slo.app.outlets import Outlets, Prepared
from slo.app.place import Place
from slo.config.forwarding import TelemetryConfig
from slo.config.settings import ForwarderEntry, Settings
from slo.core.exclusion import Exclusion
from slo.core.outcome import Outcome
from slo.core.reason import State
from slo.core.sli import CheckSLI
from slo.core.telemetry import Forwarder, Logged
from slo.errors import StoreError
from slo.exposition.forwarding import Forwarding
from slo.net.context import Context
from slo.router.incidents import Incidents
from slo.runner.clock import SteadyClock
from slo.store.journal import Journal
from slo.store.spool import SpoolFile
from slo.web.forwarders import ForwarderState, unreadable

MOST_OUTCOMES = 50_000
"""How many rounds may wait to be told: as many as thousands of targets have while a thread is busy."""

TELL_SECONDS = 0.5
"""How often what happened is told."""

MOST_EVENTS = 500
"""How many events are told together."""

MOST_CLOSINGS = 360
"""How many closed slots may wait to be told; what an older one held is told with the next."""

AT_ONCE = 100
"""How many rounds are told before others have a turn: about two milliseconds."""

logger = logging.getLogger(__name__)


class Watched(Figures, Protocol):
    """What is known of all that is watched."""

    def exclusions(self) -> Sequence[Exclusion]:
        """Every exclusion in force."""


class Forwardings:
    """Tells every forwarder what it is to get. `prepare` and `adopt` a configuration, then `run`, then `close`.

    What it is told by `closed` and `observe` it takes at once, and works on later.
    """

    def __init__(
        self,
        place: Place,
        watched: Watched,
        books: Books,
        journal: Journal,
        incidents: Callable[[], Incidents],
        *,
        clock: SteadyClock,
        context: Context,
        telemetry: Forwarding,
    ) -> None:
        self._outlets = Outlets(place, self._line, context=context, telemetry=telemetry, changed=self._have_changed)
        self._watched = watched
        self._books = books
        self._journal = journal
        self._incidents = incidents
        self._clock = clock
        self._context = context
        self._telemetry = telemetry
        self._exposition = Exposition(watched)
        self._reading = Reading(())
        self._of_checks: Mapping[str, Mapping[str, str]] = {}
        self._outcomes: deque[Outcome] = deque()
        self._closings: deque[Closed] = deque(maxlen=MOST_CLOSINGS)
        self._measured_at: dict[str, float] = {}

    @property
    def lines(self) -> Mapping[str, Line]:
        """Those that are at work, by name, in the order of the configuration."""
        return self._outlets.all

    async def prepare(self, settings: Settings) -> Prepared:
        """Build what is new or changed in these settings. Raises ConfigError for what cannot be built."""
        entries = [each for each in settings.forwarders if isinstance(each.config, TelemetryConfig)]
        return await self._outlets.prepare(entries)

    async def adopt(self, prepared: Prepared, settings: Settings) -> None:
        """Go on with what was prepared."""
        carriers = self._context.carriers
        for name in [name for name in carriers if name not in prepared.entries or name in prepared.forwarders]:
            del carriers[name]
        self._of_checks = _labels_of_checks(settings)
        await self._outlets.adopt(prepared)

    def closed(self, closed: Closed) -> None:
        """A slot has closed, and is on disk."""
        self._closings.append(closed)

    def observe(self, outcome: Outcome) -> None:
        """A round has ended."""
        if outcome.state is State.GOOD or not self.lines:
            return
        if len(self._outcomes) >= MOST_OUTCOMES:
            self._outcomes.popleft()
            for line in self.lines.values():
                line.miss_outcome()
        self._outcomes.append(outcome)

    def tell_foreign(self, log: Logged) -> None:
        """Something has happened in a service that is watched, and says so itself."""
        for line in self.lines.values():
            line.tell_foreign(log)

    async def states(self) -> list[ForwarderState]:
        """How each of them stands, in the order of the configuration."""
        return [await self._state(name) for name in self._outlets.names]

    async def retry(self, name: str) -> int | None:
        """Send everything again that one refused; how much. None where there is no such. Raises StoreError."""
        line = self._opened(name)
        return None if line is None else await line.retry()

    async def discard(self, name: str) -> int | None:
        """Forget everything that one refused; how much. None where there is no such. Raises StoreError."""
        line = self._opened(name)
        return None if line is None else await line.discard()

    async def run(self) -> None:
        """Tell and send until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._outlets.run(), name="outlets")
            tasks.create_task(kept_up(self._tell, "all"))
            tasks.create_task(kept_up(self._measure, "all"))

    async def close(self, deadline_seconds: float) -> None:
        """Tell what has happened, send what can be sent before the deadline, and keep the rest on disk."""
        try:
            await self._tell_once()
        except Exception:
            logger.exception("not all could be told to the forwarders")
        await self._outlets.close(deadline_seconds)

    async def _tell(self) -> None:
        while True:
            await self._clock.sleep_until(self._clock.monotonic() + TELL_SECONDS)
            await self._tell_once()

    async def _tell_once(self) -> None:
        while self._closings:
            closing = await asyncio.to_thread(closing_of, self._closings.popleft())
            for line in list(self.lines.values()):
                await line.tell_closing(closing)
        outcomes, self._outcomes = list(self._outcomes), deque()
        for start in range(0, len(outcomes), AT_ONCE):
            logs = [logged_outcome(outcome) for outcome in outcomes[start : start + AT_ONCE]]
            for line in list(self.lines.values()):
                line.tell_outcomes(logs)
                await asyncio.sleep(0)
        for line in list(self.lines.values()):
            await self._tell_events(line)

    async def _tell_events(self, line: Line) -> None:
        if line.cursor > self._journal.head:  # an older journal was put back
            line.move_to(self._journal.head)
        while line.wants_events and line.cursor < self._journal.head:
            try:
                events = await asyncio.to_thread(self._journal.following, line.cursor, most=MOST_EVENTS)
            except StoreError as error:
                logger.warning("the journal cannot be read to be forwarded", extra={"error": str(error)})
                return
            incidents = self._incidents()
            line.tell_events(
                [Told(number=number, event=event, incident=incidents.get(event.incident)) for number, event in events]
            )
            await line.spool.flush()

    async def _measure(self) -> None:
        while True:
            await self._clock.sleep_until(self._clock.monotonic() + 1.0)
            now = self._clock.monotonic()
            due = [line for name, line in self.lines.items() if self._measured_at.get(name, 0.0) <= now]
            if not due:
                continue
            at = self._clock.now()
            body = b"".join([part async for part in self._exposition.parts()])
            read = await asyncio.to_thread(self._reading.read, body)
            for line in due:
                self._measured_at[line.entry.name] = now + line.config.interval.total_seconds()
                await line.tell_metrics(read, at)

    def _have_changed(self) -> None:
        """Others are at work than before."""
        self._context.carriers.update(self.lines)
        for line in self.lines.values():
            line.selection.follow(self._of_checks)
        self._reading = Reading(line.selection for line in self.lines.values())
        if self.lines:
            self._books.follow()

    def _opened(self, name: str) -> Line | None:
        if (shut := self._outlets.shut.get(name)) is not None:
            raise StoreError(shut.why)
        return self.lines.get(name)

    async def _state(self, name: str) -> ForwarderState:
        shut = self._outlets.shut.get(name)
        if shut is not None:
            return unreadable(name, shut.why, type_=shut.entry.type, to=shut.forwarder.shown)
        line = self.lines[name]
        try:
            return await line.state()
        except StoreError as error:
            return unreadable(name, error, type_=line.entry.type, to=line.forwarder.shown)

    def _promised(self) -> Promised:
        return Promised(slos=list(self._books.engine.slos.values()), exclusions=self._watched.exclusions())

    def _line(self, entry: ForwarderEntry, forwarder: Forwarder, file: SpoolFile) -> Line:
        return Line(
            entry,
            forwarder,
            file,
            head=self._journal.head,
            promised=self._promised,
            pods=self._context.pods,
            clock=self._clock,
            telemetry=self._telemetry,
        )


def _labels_of_checks(settings: Settings) -> dict[str, Mapping[str, str]]:
    """By check, the labels that all SLOs have alike which it feeds; none where an SLO is about some of its targets."""
    found: dict[str, dict[str, str]] = {}
    for slo in settings.slos:
        if isinstance(slo.definition, CheckSLI):
            own = {} if slo.definition.labels else slo.labels
            known = found.get(slo.definition.check, own)
            found[slo.definition.check] = {name: value for name, value in known.items() if own.get(name) == value}
    return {check: labels for check, labels in found.items() if labels}
