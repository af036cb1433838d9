"""The watch: what runs, what it knows, and what can be asked of it (it is the `Watch` that the web serves)."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

from slo.app.agents import Agents
from slo.app.books import Books
from slo.app.counters import Counters
from slo.app.desk import Desk, staff_of
from slo.app.exclusions import Exclusions
from slo.app.forwardings import Forwardings
from slo.app.found import Followers, What
from slo.app.groups import WatchedGroups
from slo.app.heartbeats import Heartbeats
from slo.app.inbox import Inbox
from slo.app.judged import Judged
from slo.app.judgement import Judgements
from slo.app.place import Place
from slo.app.probes import WatchedProbes
from slo.app.probing import Probing
from slo.app.reported_checks import ReportedChecks
from slo.app.scrapes import WatchedScrapes
from slo.app.servers import Servers
from slo.app.slots import Slots, Sources
from slo.app.spinnakers import Spinnakers
from slo.config.settings import Settings
from slo.core.exclusion import Exclusion
from slo.core.outcome import CheckKey, Outcome
from slo.core.sample import Sample
from slo.core.status import SLOStatus
from slo.exposition.catalogue import Telemetry
from slo.exposition.collected import Collected
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from slo.sources.checks import CheckSource
from slo.store.jobs import JobFiles
from slo.store.journal import Journal

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
        self._books = Books(
            place.folder.ledger,
            slot_seconds=int(settings.slot.total_seconds()),
            retention=settings.store.retention,
            max_bytes=settings.store.max_bytes,
            clock=clock,
            telemetry=telemetry,
        )
        self._journal = Journal(place.folder.journal, telemetry=telemetry)
        self._exclusions = Exclusions(self._journal, clock)
        self._groups = WatchedGroups(self._books, clock, telemetry)
        self.forwarders = Forwardings(
            place,
            self,
            self._books,
            self._journal,
            lambda: self.desk.all,
            clock=clock,
            context=context,
            telemetry=telemetry.forwarding,
        )
        forward = self.forwarders.observe
        self._counters = Counters(self._books, self._groups, telemetry, forward)
        self.heartbeats = Heartbeats(JobFiles(place.folder.jobs), context.calls, clock=clock, telemetry=telemetry)
        self.spinnakers = Spinnakers(self.forwarders.tell_foreign, clock=clock, telemetry=telemetry)
        self.prober = Probing(place.kinds, context)
        self.prober.configure(settings)
        self._configured, self._to_scrape = place.built(settings, context)
        staff = staff_of(settings, place, context)
        self.desk = Desk(self._journal, staff, exclusions=self._exclusions, clock=clock, telemetry=telemetry)
        self._judgements = Judgements(
            self._books,
            incidents=lambda: self.desk.all,
            failing=lambda sli: self._counters.failing(sli) or self._servers.failing(sli),
        )
        self.agents = Agents(
            Inbox(place.folder.agents, self._books, clock=clock, telemetry=telemetry),
            self._books,
            ReportedChecks(self._books, self._groups, self._judgements, forward=forward, clock=clock),
            self._counters,
            clock=clock,
            telemetry=telemetry,
        )
        self._source = CheckSource(
            self._books,
            slot_seconds=self._books.slot_seconds,
            slis=(),
            since=clock.now().timestamp(),
        )
        self._servers = Servers(self._books, self._groups, path=place.config, context=context, telemetry=telemetry)
        self.slots = Slots(
            self._books,
            self._groups,
            self._judgements,
            self.desk,
            sources=Sources(checks=self._source, counters=self._counters, agents=self.agents, servers=self._servers),
            forwardings=self.forwarders,
            clock=clock,
            telemetry=telemetry,
        )
        self._probes = WatchedProbes(
            place.kinds,
            context,
            followers=self._followers(place, "probe"),
            counting=Judged(
                self._source,
                groups=self._groups,
                judgements=self._judgements,
                regroup=self.slots.regroup,
                forward=forward,
            ),
            telemetry=telemetry,
            ours=ours,
        )
        self._scrapes = WatchedScrapes(
            context, followers=self._followers(place, "scrape"), counting=self._counters, telemetry=telemetry, ours=ours
        )
        telemetry.network_up.set_function(context.connectivity.up)
        telemetry.clock_offset.set_function(lambda: clock.offset_seconds)

    @property
    def telemetry(self) -> Telemetry:
        """The process's own metrics."""
        return self._telemetry

    async def open(self) -> None:
        """Read the ledger and the journal, and take over what fired before the last stop."""
        self._exclusions.configured = self.settings.exclusions
        await asyncio.to_thread(self._exclusions.load)
        await self.desk.load()
        self._books.exclusions = tuple(self._exclusions)
        await asyncio.to_thread(self._books.settle)
        await self.heartbeats.load(heard_until=await asyncio.to_thread(lambda: self._books.written_until))
        own = self.settings.run_by("watch")
        prepared = await self._probes.prepare(own, self._configured)
        scrapes = await self._scrapes.prepare_scrapes(own, self._to_scrape)
        self._groups.targets["watch"] = prepared.targets
        await self.agents.open()
        self.agents.configure(self.settings)
        self.spinnakers.configure(self.settings.spinnakers)
        self._counters.configure(self.settings, self._scrapes.watched(scrapes), restored=True)
        await asyncio.to_thread(self._books.open, self._groups.slos)
        self._counters.begin()
        self.slots.count_for(self.settings)
        self._probes.adopt(prepared)
        self._scrapes.adopt(scrapes)
        self._servers.replace(self.settings, self._servers.clients(self.settings))
        self._judgements.restore()
        await self.forwarders.adopt(await self.forwarders.prepare(self.settings), self.settings)
        self._loaded()

    async def run(self) -> None:
        """Probe, judge and deliver until cancelled. Returns only by cancellation or by a fault of our own."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._probes.run(), name="runner")
            tasks.create_task(self._scrapes.run(), name="scraper")
            tasks.create_task(self.desk.run(), name="desk")
            tasks.create_task(self._servers.run(), name="servers")
            tasks.create_task(self.heartbeats.run(), name="heartbeats")
            tasks.create_task(self.slots.run(), name="slots")
            tasks.create_task(self.forwarders.run(), name="forwardings")

    def now(self) -> datetime:
        """The time that the watch goes by."""
        return self.clock.now()

    async def share(self) -> None:
        """Look at what is ours now, where several processes share targets."""
        await self._probes.share()
        await self._scrapes.share()

    async def close(self, deadline_seconds: float) -> None:
        """Stop probing, send what can be sent before the deadline, and write everything down."""
        await asyncio.gather(self._probes.close(), self._scrapes.close())
        self._servers.close()
        self.slots.finish()
        await self.heartbeats.close()
        self.agents.mark()
        await self._books.finish()
        await self.agents.close()
        await asyncio.gather(self.desk.close(deadline_seconds), self.forwarders.close(deadline_seconds))
        await asyncio.to_thread(self._journal.close)

    def exclusions(self) -> Sequence[Exclusion]:
        """Every exclusion in force, those of the configuration first."""
        return list(self._exclusions)

    async def exclude(self, exclusion: Exclusion) -> Exclusion:
        """Make an exclusion, and change every figure accordingly."""
        async with self._reloading:
            made = await self._exclusions.add(exclusion, slos={slo.name for slo in self.settings.slos})
            await self._rebuild()
            return made

    async def withdraw_exclusion(self, name: str, *, by: str, why: str) -> Exclusion:
        """Take an exclusion back, and change every figure accordingly."""
        async with self._reloading:
            taken = await self._exclusions.withdraw(name, by=by, why=why)
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
        return self._judgements.statuses()

    def probe_samples(self) -> Iterable[tuple[Outcome, Iterable[Sample]]]:
        """The last outcomes of probes with the samples of their facts."""
        return self._probes.last_rounds.probe_samples()

    def collected(self) -> Iterable[Collected]:
        """The last outcomes of collectors with the samples of their facts."""
        return self._probes.last_rounds.collected()

    def scraped(self, collector: str, target: str) -> Collected | None:
        """The last outcome of one target of a collector. Raises UsageError where there is no such."""
        return self._probes.last_rounds.scraped(collector, target, self.clock.now())

    def probes(self) -> Sequence[str]:
        """The names of the probes and the collectors, in the order of the configuration."""
        return [check.name for check in self.settings.checks]

    def last_outcomes(self) -> Iterable[Outcome]:
        """The last outcome of every check that has had one."""
        return [*self._probes.last_outcomes(), *self.agents.rounds.last_outcomes()]

    def outcomes(self, probe: str) -> Sequence[Sequence[Outcome]]:
        """What is kept of each check of a probe that has had outcomes, newest first."""
        return [*self._probes.outcomes(probe), *self.agents.rounds.outcomes(probe)]

    def unready(self) -> Sequence[str]:
        """Why the watch is not ready, in sentences; empty when it is."""
        return self.slots.unready()

    async def _rebuild(self) -> None:
        """Make the figures anew, without what is excluded now."""
        async with self._books.lock:
            self._books.exclusions = tuple(self._exclusions)
            await self._books.rebuild(self._groups.slos)

    async def _reload(self) -> None:
        place = self._place
        settings = await asyncio.to_thread(place.settings, slot=self.settings.slot)
        checks, to_scrape = await asyncio.to_thread(place.built, settings, self._context)
        staff = await asyncio.to_thread(staff_of, settings, place, self._context)  # it may load a vendor's package
        clients = self._servers.clients(settings)
        forwarders = await self.forwarders.prepare(settings)
        own = settings.run_by("watch")
        async with self._probes.lock, self._scrapes.lock:
            prepared = await self._probes.prepare(own, checks)
            scrapes = await self._scrapes.prepare_scrapes(own, to_scrape)
            async with self._books.lock:
                self._exclusions.configured = settings.exclusions
                self._books.exclusions = tuple(self._exclusions)
                self._groups.targets["watch"] = prepared.targets
                await self._books.rebuild(self._counters.slos_of(settings))
                self._counters.configure(settings, self._scrapes.watched(scrapes))
                self._counters.begin()
                self.settings = settings
                self.prober.configure(settings)
                self.agents.configure(settings)
                self.spinnakers.configure(settings.spinnakers)
                self.slots.count_for(settings)
                self._probes.adopt(prepared)
                self._scrapes.adopt(scrapes)
                self._servers.replace(settings, clients)
        await self.desk.replace(staff)
        await self.forwarders.adopt(forwarders, settings)
        counts = {
            "probes": settings.probes,
            "collectors": settings.collectors,
            "scrapes": settings.scrapes,
            "slos": settings.slos,
        }
        logger.info("configuration reloaded", extra={name: len(each) for name, each in counts.items()})

    def _followers(self, place: Place, what: What) -> Followers:
        """Who follows the discoveries of probes, or of scrapes."""
        return Followers(
            self._books,
            place.kinds,
            self._context,
            path=place.config,
            clock=self.clock,
            telemetry=self._telemetry,
            what=what,
        )

    def _loaded(self) -> None:
        self._telemetry.reload_successful.set(1)
        self._telemetry.reload_at.set(self.clock.now().timestamp())
