"""All forwarders of a watch: what each is told, and when. None of them keeps the watch, or another one, waiting."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from exporters.endpoints import Exposition, Figures
from slo.app.books import Books
from slo.app.checks import unusable
from slo.app.closed import Closed, closing_of
from slo.app.forwarding_line import Line, Promised, Told, kept_up
from slo.app.place import Place
from slo.config.forwarding import TelemetryConfig
from slo.config.settings import ForwarderEntry, Settings
from slo.core.exclusion import Exclusion
from slo.core.outcome import Outcome
from slo.core.reason import State
from slo.core.sli import CheckSLI
from slo.core.telemetry import Forwarder, Logged, Rank
from slo.errors import ConfigError, StoreError, WatchkeepError
from slo.exposition.forwarding import Forwarding
from slo.net.context import Context
from slo.router.incidents import Incidents
from slo.runner.clock import SteadyClock
from slo.store.journal import Journal
from slo.store.spool import SpoolFile
from slo.web.forwarders import ForwarderState

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


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """The forwarders of a configuration, and those that are new or changed, built."""

    entries: Mapping[str, ForwarderEntry]
    forwarders: Mapping[str, Forwarder]


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
        self.lines: dict[str, Line] = {}
        self._place = place
        self._watched = watched
        self._books = books
        self._journal = journal
        self._incidents = incidents
        self._clock = clock
        self._context = context
        self._telemetry = telemetry
        self._exposition: Exposition | None = None
        self._outcomes: deque[Outcome] = deque()
        self._closings: deque[Closed] = deque(maxlen=MOST_CLOSINGS)
        self._measured_at: dict[str, float] = {}
        self._running: asyncio.TaskGroup | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def prepare(self, settings: Settings) -> Prepared:
        """Build what is new or changed in these settings. Raises ConfigError for what cannot be built."""
        entries = {each.name: each for each in settings.forwarders if isinstance(each.config, TelemetryConfig)}
        fresh = [
            each for each in entries.values() if each.name not in self.lines or self.lines[each.name].entry != each
        ]
        forwarders, faults = {}, []
        for entry in fresh:
            try:
                forwarders[entry.name] = await asyncio.to_thread(self._built, entry)
            except (OSError, ValueError, WatchkeepError) as error:
                faults.append(unusable(self._place.config, f"forwarders[{entry.name}]", error))
        if faults:
            raise ConfigError(faults)
        return Prepared(entries=entries, forwarders=forwarders)

    async def adopt(self, prepared: Prepared, settings: Settings) -> None:
        """Go on with what was prepared. A spool of which nothing is configured any more stays where it is.

        Where one cannot be opened, nothing is forwarded from it: that is said, and the others go on.
        """
        for name in [name for name in self.lines if name not in prepared.entries]:
            line = await self._stopped(name)
            await line.close()
            self._telemetry.forget(name)
            logger.warning(
                "a forwarder is not configured any more, its spool is kept", extra={"spool": str(line.spool.file.path)}
            )
        for name, forwarder in prepared.forwarders.items():
            try:
                file = await self._file(name)
            except StoreError as error:
                self._telemetry.failures.labels(name, "spool").inc()
                logger.error(  # noqa: TRY400 - the error is in the text
                    "a spool cannot be opened, nothing is forwarded from it",
                    extra={"forwarder": name, "error": str(error)},
                )
                continue
            self.lines[name] = self._context.carriers[name] = Line(
                prepared.entries[name],
                forwarder,
                file,
                head=self._journal.head,
                promised=self._promised,
                clock=self._clock,
                telemetry=self._telemetry,
            )
            self._start(name)
        self.lines = {name: self.lines[name] for name in prepared.entries if name in self.lines}
        of_checks = _labels_of_checks(settings)
        for line in self.lines.values():
            line.follow(of_checks)
        if self.lines:
            self._books.follow()

    def closed(self, closed: Closed) -> None:
        """A slot has closed, and is on disk."""
        if self.lines:
            self._closings.append(closed)

    def observe(self, outcome: Outcome) -> None:
        """A round has ended."""
        if outcome.state is State.GOOD or not self.lines:
            return
        if len(self._outcomes) >= MOST_OUTCOMES:
            self._outcomes.popleft()
            for line in self.lines.values():
                line.spool.drop({Rank.OUTCOME: 1}, "flood")
        self._outcomes.append(outcome)

    def tell_foreign(self, log: Logged) -> None:
        """Something has happened in a service that is watched, and says so itself."""
        for line in self.lines.values():
            line.tell_foreign(log)

    async def states(self) -> list[ForwarderState]:
        """How each of them stands. Raises StoreError."""
        return [await line.state() for line in self.lines.values()]

    async def retry(self, name: str) -> int | None:
        """Send everything again that one refused; how much. None where there is no such. Raises StoreError."""
        line = self.lines.get(name)
        return None if line is None else await line.retry()

    async def run(self) -> None:
        """Tell and send until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            self._running = tasks
            for name in self.lines:
                self._start(name)
            tasks.create_task(kept_up(self._tell, "all"))
            tasks.create_task(kept_up(self._measure, "all"))

    async def close(self, deadline_seconds: float) -> None:
        """Tell what has happened, send what can be sent before the deadline, and keep the rest on disk."""
        self._running = None
        try:
            await self._tell_once()
        except Exception:
            logger.exception("not all could be told to the forwarders")
        await asyncio.gather(*(line.finish(deadline_seconds) for line in self.lines.values()))

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
        for line in list(self.lines.values()):
            for start in range(0, len(outcomes), AT_ONCE):
                line.tell_outcomes(outcomes[start : start + AT_ONCE])
                await asyncio.sleep(0)
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
            if self._exposition is None:
                self._exposition = Exposition(self._watched)
            at = self._clock.now()
            body = b"".join([part async for part in self._exposition.parts()])
            for line in due:
                self._measured_at[line.entry.name] = now + line.interval.total_seconds()
                await line.tell_metrics(body, at)

    def _promised(self) -> Promised:
        return Promised(slos=list(self._books.engine.slos.values()), exclusions=self._watched.exclusions())

    def _start(self, name: str) -> None:
        if self._running is not None:
            self._tasks[name] = self._running.create_task(self.lines[name].run(), name=f"forwarder {name}")

    async def _stopped(self, name: str) -> Line:
        self._context.carriers.pop(name, None)
        task = self._tasks.pop(name, None)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        return self.lines.pop(name)

    def _built(self, entry: ForwarderEntry) -> Forwarder:
        forwarder: Forwarder = self._place.kinds.forwarders.module(entry.type).build(entry.config, self._context)
        return forwarder

    async def _file(self, name: str) -> SpoolFile:
        """The spool of a forwarder, which another one of its name may have had until now."""
        if name not in self.lines:
            return await asyncio.to_thread(lambda: SpoolFile(self._place.folder.spool(name)))
        before = await self._stopped(name)
        await before.leave()
        return before.spool.file


def _labels_of_checks(settings: Settings) -> dict[str, Mapping[str, str]]:
    """By check, the labels that all SLOs have alike which it feeds; none where an SLO is about some of its targets."""
    found: dict[str, dict[str, str]] = {}
    for slo in settings.slos:
        if isinstance(slo.definition, CheckSLI):
            own = {} if slo.definition.labels else slo.labels
            known = found.get(slo.definition.check, own)
            found[slo.definition.check] = {name: value for name, value in known.items() if own.get(name) == value}
    return {check: labels for check, labels in found.items() if labels}
