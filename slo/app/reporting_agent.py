"""An agent that reports to a watch: what runs, and what can be asked of it."""

import asyncio
import logging
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from daemonset.node import Node
from exporters.forwarders.central import Central
from exporters.forwarding.sending import Sending
from exporters.forwarding.spool import Spool
from exporters.presence import Presence
from slo.app.checks import checks_of
from slo.app.found import Followers, What
from slo.app.outlet import Outlet, containers_of
from slo.app.outlets import Outlets
from slo.app.probes import WatchedProbes
from slo.app.probing import Probing
from slo.app.reporting import Reporting, ReportingScrapes
from slo.app.scrapes import Scrapes, WatchedScrapes
from slo.config.load import load
from slo.config.settings import ForwarderEntry, Settings
from slo.core.outcome import CheckKey, Outcome
from slo.core.sample import Sample
from slo.core.status import SLOStatus
from slo.core.telemetry import Forwarder
from slo.errors import UsageError
from slo.exposition.agent_catalogue import AgentTelemetry
from slo.exposition.collected import Collected
from slo.kinds import Kinds
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from slo.store.folder import DataFolder
from slo.store.spool import SpoolFile

FORWARDER = "central"
"""The type of forwarder that an agent reports through."""

BOOT = "boot"
"""The mark of what the spool is called, so that its numbers are told from those of another one."""

LONGEST_PAUSE_SECONDS = 15.0
"""How long after an outage of the watch it takes at most to be noticed that it is over."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class AgentPlace:
    """The place of one agent: its name, its configuration, what may be put into it, and its data folder."""

    name: str
    config: Path
    environ: Mapping[str, str]
    kinds: Kinds
    folder: DataFolder

    def settings(self) -> Settings:
        """The configuration as it is now. Raises ConfigError where it is bad."""
        return load(self.config, self.kinds, self.environ)


class ReportingAgent:
    """Runs the checks of `settings` that agents run, and reports every round through their forwarder `central`.

    The logs of containers it forwards itself; everything else the watch does.

    `open` it, then `run` it until it is cancelled, then `close` it. Without a `node` it is in no cluster.
    """

    def __init__(
        self,
        place: AgentPlace,
        settings: Settings,
        *,
        node: Node | None,
        clock: SteadyClock,
        context: Context,
        telemetry: AgentTelemetry,
    ) -> None:
        self.settings = settings.run_by("agents")
        self.telemetry = telemetry
        self.clock = clock
        self.name = place.name
        self.prober = Probing(place.kinds, context)
        self._place = place
        self._node = node
        self._context = context
        self._stopping = False
        self._reloading = asyncio.Lock()
        entry = forwarder_of(settings)
        file, forwarding = SpoolFile(place.folder.spool(entry.name)), telemetry.forwarding
        self._boot = file.marks().get(BOOT) or secrets.token_hex(8)
        file.append((), {BOOT: self._boot})
        self._central = self._built(entry)
        self._spool = Spool(file, entry.name, most_bytes=entry.spool_bytes, clock=clock, telemetry=forwarding)
        self._sending = Sending(
            self._spool,
            self._central,
            max_age=None,
            clock=clock,
            telemetry=forwarding,
            longest_pause_seconds=LONGEST_PAUSE_SECONDS,
        )
        self._presence = Presence(self._spool, lambda: self._central, clock=clock, telemetry=forwarding)
        self._checks = WatchedProbes(
            place.kinds,
            context,
            followers=self._followers("probe"),
            counting=Reporting(self._spool, clock=clock, wanted=self._wants),
            telemetry=telemetry,
            ours=node.mine if node else None,
        )
        self._reporting_scrapes = ReportingScrapes(self._spool, clock=clock, wanted=self._wants_scraped)
        self._scrapes = WatchedScrapes(
            context,
            followers=self._followers("scrape"),
            counting=self._reporting_scrapes,
            telemetry=telemetry,
            ours=node.mine if node else None,
        )
        self._outlets = Outlets(place, self._outlet, context=context, telemetry=forwarding)
        self._to_forward = entries_of(settings)
        telemetry.network_up.set_function(context.connectivity.up)
        telemetry.clock_offset.set_function(lambda: clock.offset_seconds)

    @property
    def reports_to(self) -> str:
        """Where it reports to, for people."""
        return self._central.shown

    async def open(self) -> None:
        """Build what is to be run. Raises ConfigError for what cannot be."""
        await self._adopt(self.settings)
        await self._outlets.adopt(await self._outlets.prepare(self._to_forward))

    async def run(self) -> None:
        """Check and report until cancelled. Returns only by cancellation or by a fault of our own."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._checks.run(), name="checks")
            tasks.create_task(self._scrapes.run(), name="scrapes")
            tasks.create_task(self._spool.run(), name="spool")
            tasks.create_task(self._sending.run(), name="sending")
            tasks.create_task(self._presence.run(), name="presence")
            tasks.create_task(self._outlets.run(), name="outlets")
            if self._node is not None:
                tasks.create_task(self._node.run(self._share), name="node")

    async def leave(self) -> None:
        """Be unready, and have others take over what is ours, which is checked until they do."""
        self._stopping = True
        if self._node is not None:
            await self._node.withdraw()

    async def close(self, deadline_seconds: float) -> None:
        """Check nothing more, and send what can be sent before the deadline; the rest stays on disk."""
        await asyncio.gather(self._checks.close(), self._scrapes.close())
        await asyncio.gather(self._sending.finish(deadline_seconds), self._outlets.close(deadline_seconds))
        await self._spool.close()
        if self._node is not None:
            await self._node.aclose()

    async def reload(self) -> None:
        """Read the configuration anew and go on with it. Raises WatchkeepError; the one in force stays then."""
        async with self._reloading:
            try:
                settings = await asyncio.to_thread(self._place.settings)
                entry = forwarder_of(settings)
                central = self._built(entry)
                prepared = await self._outlets.prepare(entries_of(settings))
                await self._adopt(settings.run_by("agents"))
            except Exception:
                self.telemetry.reload_successful.set(0)
                raise
            self._central = self._sending.forwarder = central
            self._spool.most_bytes = entry.spool_bytes
            await self._outlets.adopt(prepared)
            logger.info(
                "configuration reloaded",
                extra={"checks": len(self.settings.checks), "scrapes": len(self.settings.scrapes)},
            )

    def unready(self) -> Sequence[str]:
        """Why the agent is not ready, in sentences; the health of targets is no reason."""
        if self._stopping:
            return ["the agent is stopping"]
        return self._node.unready() if self._node else []

    def now(self) -> datetime:
        """The time that the agent goes by."""
        return self.clock.now()

    def statuses(self) -> Iterable[SLOStatus]:
        """None: SLOs are judged where agents report to."""
        return ()

    def probe_samples(self) -> Iterable[tuple[Outcome, Iterable[Sample]]]:
        """The last outcomes of probes with the samples of their facts."""
        return self._checks.last_rounds.probe_samples()

    def collected(self) -> Iterable[Collected]:
        """The last outcomes of collectors with the samples of their facts."""
        return self._checks.last_rounds.collected()

    def scraped(self, collector: str, target: str) -> Collected | None:
        """The last outcome of one target of a collector. Raises UsageError where there is no such."""
        return self._checks.last_rounds.scraped(collector, target, self.clock.now())

    async def _adopt(self, settings: Settings) -> None:
        place = self._place
        built = await asyncio.to_thread(checks_of, settings, place.kinds, self._context, place.config)
        scrapes = await asyncio.to_thread(Scrapes, settings, self._context, place.config)
        async with self._checks.lock, self._scrapes.lock:
            prepared = await self._checks.prepare(settings, built)
            prepared_scrapes = await self._scrapes.prepare_scrapes(settings, scrapes)
            self.settings = settings
            self.prober.configure(settings)
            self._reporting_scrapes.look_for(scrapes.looked_for)
            self._checks.adopt(prepared)
            self._scrapes.adopt(prepared_scrapes)
        self.telemetry.reload_successful.set(1)
        self.telemetry.reload_at.set(self.clock.now().timestamp())

    def _built(self, entry: ForwarderEntry) -> Central:
        central: Central = self._place.kinds.forwarders.module(FORWARDER).build(entry.config, self._context)
        central.report_as(self.name, self._boot)
        return central

    def _outlet(self, entry: ForwarderEntry, forwarder: Forwarder, file: SpoolFile) -> Outlet:
        telemetry = self.telemetry.forwarding
        return Outlet(entry, forwarder, file, pods=self._context.pods, clock=self.clock, telemetry=telemetry)

    async def _share(self) -> None:
        """Check what is ours now, and no more what is not."""
        await self._checks.share()
        await self._scrapes.share()

    def _followers(self, what: What) -> Followers:
        return Followers(
            NoMarks(),
            self._place.kinds,
            self._context,
            path=self._place.config,
            clock=self.clock,
            telemetry=self.telemetry,
            what=what,
        )

    def _wants(self, key: CheckKey) -> bool:
        return self._checks.wants(key)

    def _wants_scraped(self, key: CheckKey) -> bool:
        return self._scrapes.wants(key)


def entries_of(settings: Settings) -> Sequence[ForwarderEntry]:
    """The forwarders that agents work for: those that get the logs of containers."""
    return [entry for entry in settings.forwarders if containers_of(entry) is not None]


class NoMarks:
    """Nothing is kept: what is found is found again."""

    def mark(self, watermarks: Mapping[tuple[str, str], bytes | None]) -> None:
        """Forget them."""

    def watermarks(self, source: str) -> Mapping[str, bytes]:
        """None."""
        del source
        return {}


def forwarder_of(settings: Settings) -> ForwarderEntry:
    """The forwarder that an agent reports through. Raises UsageError where there is none, or more than one."""
    found = [entry for entry in settings.forwarders if entry.type == FORWARDER]
    if not found:
        raise UsageError("there is no forwarder of type central any more: restart the agent to have it judge alone")
    if len(found) > 1:
        names = ", ".join(entry.name for entry in found)
        raise UsageError(f"agents report to one watch: leave one of the forwarders {names} out")
    return found[0]
