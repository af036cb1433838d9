"""Slots as they end: what was counted in them, what that means, who is told of it, and all of it on disk."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter

import numpy.ma  # noqa: F401  np.unique imports it when it is called first: in a slot, where 30 ms hold up every round

from slo.app.agents import Agents
from slo.app.books import Books
from slo.app.closed import Closed
from slo.app.counters import Counters
from slo.app.desk import Desk
from slo.app.forwardings import Forwardings
from slo.app.groups import WatchedGroups
from slo.app.judgement import Judgements
from slo.app.servers import Servers
from slo.app.wiring import fed_of
from slo.config.settings import Settings
from slo.core.duration import duration_name
from slo.errors import StoreError
from slo.exposition.catalogue import Telemetry
from slo.runner.clock import SteadyClock
from slo.sources.checks import CheckSource

STALE_SLOTS = 3
"""After how many slots without an evaluation the watch calls itself unready."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sources:
    """Where counts come from: our own checks, scrapes, agents and servers."""

    checks: CheckSource
    counters: Counters
    agents: Agents
    servers: Servers


class Slots:
    """Closes one slot after the other. Have it `count_for` the settings in force before it runs, and for others."""

    def __init__(
        self,
        books: Books,
        groups: WatchedGroups,
        judgements: Judgements,
        desk: Desk,
        *,
        sources: Sources,
        forwardings: Forwardings,
        clock: SteadyClock,
        telemetry: Telemetry,
    ) -> None:
        self._books = books
        self._groups = groups
        self._judgements = judgements
        self._desk = desk
        self._sources = sources
        self._clock = clock
        self._telemetry = telemetry
        self._settings: Settings | None = None
        self._forwardings = forwardings
        self._forwarded = books.closed_until
        self._ungrouped = False

    async def run(self) -> None:
        """Close slots for good."""
        while True:
            following = self._books.ledger.now + self._books.slot_seconds
            await self._clock.sleep_until_time(datetime.fromtimestamp(following, UTC))
            await self.close()

    async def close(self) -> None:
        """Close every slot that is over, evaluate, decide, and then write the counts down."""
        async with self._books.lock:
            end = self.last_end()
            await self._sources.agents.take_in(end)
            await self._sources.counters.take_in(end)
            await self._judge_groups()
            closing = await self._sources.counters.count(end)
            await self._sources.agents.count(end)
            begun = perf_counter()
            self._sources.checks.close(end)
            self._sources.counters.book(closing)
            self._sources.servers.close_slot(end)
            self._books.close(end)
            self._books.engine.evaluate(at_fault=self._sources.counters.at_fault(datetime.fromtimestamp(end, UTC)))
            self._telemetry.evaluation.observe(perf_counter() - begun)
            self._telemetry.evaluated_at.set(end)
            await self._desk.judge(lambda also: self._judgements.alerts(also=also), self._books.engine.slos.keys())
            await self._books.write()
            await self._sources.agents.written()
            self._forward()

    def _forward(self) -> None:
        """Hand on what has closed, once it is on disk."""
        books, begun = self._books, self._forwarded
        if not books.is_written:
            return
        self._forwarded, blocks = books.closed_until, books.fresh()
        if self._forwardings.lines:  # else nobody wants what takes a while to sum up
            closed = Closed(
                begun=begun,
                end=self._forwarded,
                seconds=books.slot_seconds,
                slos=books.engine.slos,
                totals=books.engine.totals(),
                blocks=blocks,
            )
            self._forwardings.closed(closed)

    def finish(self) -> None:
        """Give out what is known of the slot that is not over: nothing will be counted any more."""
        self._sources.checks.close(self.last_end())
        self._sources.checks.finish()

    def last_end(self) -> int:
        """The end of the last slot that is over (Unix seconds)."""
        slot = self._books.slot_seconds
        return int(self._clock.now().timestamp()) // slot * slot

    def unready(self) -> list[str]:
        """Why nothing is judged, in sentences; empty where it is."""
        behind = self._clock.now().timestamp() - self._books.ledger.now
        if behind > STALE_SLOTS * self._books.slot_seconds:
            return [f"no slot was evaluated for {duration_name(int(behind))}"]
        return []

    def count_for(self, settings: Settings) -> None:
        """Count the SLIs of checks for the SLOs of these settings that are watched."""
        before, self._settings = self._settings, settings
        slos = self._groups.slos
        own = fed_of(settings.run_by("watch"), slos)
        elsewhere = {fed.sli for fed in fed_of(before.run_by("watch"), slos)} if before else ()
        self._sources.checks.replace(own)
        self._sources.agents.count_for(fed_of(settings.run_by("agents"), slos), counted_elsewhere=elsewhere)

    async def regroup(self) -> None:
        """Have the engine judge groups of targets before their first round."""
        if self._groups.has_new:
            async with self._books.lock:
                await self._judge_groups()

    async def _judge_groups(self) -> None:
        """Have the engine judge groups that it does not know yet. What fails is tried again at the next slot."""
        if not self._groups.take_new() and not self._ungrouped:
            return
        try:
            await self._books.rebuild(self._groups.slos)
        except StoreError as error:
            if not self._ungrouped:
                logger.warning("the history cannot be read, new groups have to wait", extra={"error": str(error)})
            self._ungrouped = True
        else:
            self._sources.counters.begin()
            if self._settings is not None:
                self.count_for(self._settings)
            self._sources.servers.follow()
            self._ungrouped = False
