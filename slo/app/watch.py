"""The watch: what runs, what it knows, and what can be asked of it (it is the `Watch` that the web serves)."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

from slo.app.desk import staff_of
from slo.app.parts import Parts
from slo.app.place import Place
from slo.config.settings import Settings
from slo.core.exclusion import Exclusion
from slo.core.outcome import CheckKey, Outcome
from slo.core.sample import Sample
from slo.core.status import SLOStatus
from slo.exposition.catalogue import Telemetry
from slo.exposition.collected import Collected
from slo.net.context import Context
from slo.runner.clock import SteadyClock

logger = logging.getLogger(__name__)


class RunningWatch:
    """A watch over one configuration: probes, engine, router, in one process.

    `open` it, then `run` it until it is cancelled, then `close` it. `ours` says which targets are looked at here, where
    several processes share them.
    """

    def __init__(
        self,
        place: Place,
        settings: Settings,
        *,
        clock: SteadyClock,
        telemetry: Telemetry,
        context: Context,
        ours: Callable[[CheckKey], bool] | None = None,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self._place = place
        self._telemetry = telemetry
        self._context = context
        self._reloading = asyncio.Lock()
        parts = self.parts = Parts(place, settings, self, clock=clock, telemetry=telemetry, context=context, ours=ours)
        self.agents = parts.agents
        self.desk = parts.desk
        self.forwarders = parts.forwarders
        self.heartbeats = parts.heartbeats
        self.prober = parts.prober
        self.prober.configure(settings)
        self.spinnakers = parts.spinnakers
        self._configured, self._to_scrape = place.built(settings, context)

    @property
    def telemetry(self) -> Telemetry:
        """The process's own metrics."""
        return self._telemetry

    async def open(self) -> None:
        """Read the ledger and the journal, and take over what fired before the last stop."""
        parts = self.parts
        parts.exclusions.configured = self.settings.exclusions
        await asyncio.to_thread(parts.exclusions.load)
        await self.desk.load()
        parts.books.exclusions = tuple(parts.exclusions)
        await asyncio.to_thread(parts.books.settle)
        await self.heartbeats.load(heard_until=await asyncio.to_thread(lambda: parts.books.written_until))
        own = self.settings.run_by("watch")
        prepared = await parts.probes.prepare(own, self._configured)
        scrapes = await parts.scrapes.prepare_scrapes(own, self._to_scrape)
        parts.groups.targets["watch"] = prepared.targets
        await self.agents.open()
        self.agents.configure(self.settings)
        self.spinnakers.configure(self.settings.spinnakers)
        parts.counters.configure(self.settings, parts.scrapes.watched(scrapes), restored=True)
        await asyncio.to_thread(parts.books.open, parts.groups.slos)
        parts.counters.begin()
        parts.slots.count_for(self.settings)
        parts.probes.adopt(prepared)
        parts.scrapes.adopt(scrapes)
        parts.servers.replace(self.settings, parts.servers.clients(self.settings))
        parts.judgements.restore()
        await self.forwarders.adopt(await self.forwarders.prepare(self.settings), self.settings)
        self._loaded()

    async def run(self) -> None:
        """Probe, judge and deliver until cancelled. Returns only by cancellation or by a fault of our own."""
        parts = self.parts
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(parts.probes.run(), name="runner")
            tasks.create_task(parts.scrapes.run(), name="scraper")
            tasks.create_task(self.desk.run(), name="desk")
            tasks.create_task(parts.servers.run(), name="servers")
            tasks.create_task(self.heartbeats.run(), name="heartbeats")
            tasks.create_task(parts.slots.run(), name="slots")
            tasks.create_task(self.forwarders.run(), name="forwardings")

    def now(self) -> datetime:
        """The time that the watch goes by."""
        return self.clock.now()

    async def share(self) -> None:
        """Look at what is ours now, where several processes share targets."""
        await self.parts.probes.share()
        await self.parts.scrapes.share()

    async def close(self, deadline_seconds: float) -> None:
        """Stop probing, send what can be sent before the deadline, and write everything down."""
        parts = self.parts
        await asyncio.gather(parts.probes.close(), parts.scrapes.close())
        parts.servers.close()
        parts.slots.finish()
        await self.heartbeats.close()
        self.agents.mark()
        await parts.books.finish()
        await self.agents.close()
        await asyncio.gather(self.desk.close(deadline_seconds), self.forwarders.close(deadline_seconds))
        await asyncio.to_thread(parts.journal.close)

    def exclusions(self) -> Sequence[Exclusion]:
        """Every exclusion in force, those of the configuration first."""
        return list(self.parts.exclusions)

    async def exclude(self, exclusion: Exclusion) -> Exclusion:
        """Make an exclusion, and change every figure accordingly."""
        async with self._reloading:
            made = await self.parts.exclusions.add(exclusion, slos={slo.name for slo in self.settings.slos})
            await self._rebuild()
            return made

    async def withdraw_exclusion(self, name: str, *, by: str, why: str) -> Exclusion:
        """Take an exclusion back, and change every figure accordingly."""
        async with self._reloading:
            taken = await self.parts.exclusions.withdraw(name, by=by, why=why)
            await self._rebuild()
            return taken

    async def reload(self) -> None:
        """Read the configuration anew and go on with it.

        Raises ConfigError, or StoreError where the history cannot be read; the one in force stays then.
        """
        async with self._reloading:
            try:
                await self._reload()
            except Exception:
                self._telemetry.reload_successful.set(0)
                raise
            self._loaded()

    def statuses(self) -> Iterator[SLOStatus]:
        """The figures of every SLO, in the order of the configuration, made as they are read."""
        return self.parts.judgements.statuses()

    def probe_samples(self) -> Iterable[tuple[Outcome, Iterable[Sample]]]:
        """The last outcomes of probes with the samples of their facts."""
        return self.parts.probes.last_rounds.probe_samples()

    def collected(self) -> Iterable[Collected]:
        """The last outcomes of collectors with the samples of their facts."""
        return self.parts.probes.last_rounds.collected()

    def scraped(self, collector: str, target: str) -> Collected | None:
        """The last outcome of one target of a collector. Raises UsageError where there is no such."""
        return self.parts.probes.last_rounds.scraped(collector, target, self.clock.now())

    def probes(self) -> Sequence[str]:
        """The names of the probes and the collectors, in the order of the configuration."""
        return [check.name for check in self.settings.checks]

    def last_outcomes(self) -> Iterable[Outcome]:
        """The last outcome of every check that has had one."""
        return [*self.parts.probes.last_outcomes(), *self.agents.rounds.last_outcomes()]

    def outcomes(self, probe: str) -> Sequence[Sequence[Outcome]]:
        """What is kept of each check of a probe that has had outcomes, newest first."""
        return [*self.parts.probes.outcomes(probe), *self.agents.rounds.outcomes(probe)]

    def unready(self) -> Sequence[str]:
        """Why the watch is not ready, in sentences; empty when it is."""
        return self.parts.slots.unready()

    async def _rebuild(self) -> None:
        """Make the figures anew, without what is excluded now."""
        parts = self.parts
        async with parts.books.lock:
            parts.books.exclusions = tuple(parts.exclusions)
            await parts.books.rebuild(parts.groups.slos)

    async def _reload(self) -> None:
        place, parts = self._place, self.parts
        settings = await asyncio.to_thread(place.settings, slot=self.settings.slot)
        checks, to_scrape = await asyncio.to_thread(place.built, settings, self._context)
        staff = await asyncio.to_thread(staff_of, settings, place, self._context)  # it may load a vendor's package
        clients = parts.servers.clients(settings)
        forwarders = await self.forwarders.prepare(settings)
        own = settings.run_by("watch")
        async with parts.probes.lock, parts.scrapes.lock:
            prepared = await parts.probes.prepare(own, checks)
            scrapes = await parts.scrapes.prepare_scrapes(own, to_scrape)
            async with parts.books.lock:
                parts.exclusions.configured = settings.exclusions
                parts.books.exclusions = tuple(parts.exclusions)
                parts.groups.targets["watch"] = prepared.targets
                await parts.books.rebuild(parts.counters.slos_of(settings))
                parts.counters.configure(settings, parts.scrapes.watched(scrapes))
                parts.counters.begin()
                self.settings = settings
                self.prober.configure(settings)
                self.agents.configure(settings)
                self.spinnakers.configure(settings.spinnakers)
                parts.slots.count_for(settings)
                parts.probes.adopt(prepared)
                parts.scrapes.adopt(scrapes)
                parts.servers.replace(settings, clients)
        await self.desk.replace(staff)
        await self.forwarders.adopt(forwarders, settings)
        counts = {
            "probes": settings.probes,
            "collectors": settings.collectors,
            "scrapes": settings.scrapes,
            "slos": settings.slos,
        }
        logger.info("configuration reloaded", extra={name: len(each) for name, each in counts.items()})

    def _loaded(self) -> None:
        self._telemetry.reload_successful.set(1)
        self._telemetry.reload_at.set(self.clock.now().timestamp())
