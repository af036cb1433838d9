"""The parts of a watch, each made with those that it needs; nothing is begun here."""

from collections.abc import Callable

from slo.app.agents import Agents
from slo.app.books import Books
from slo.app.counters import Counters
from slo.app.desk import Desk, staff_of
from slo.app.exclusions import Exclusions
from slo.app.forwardings import Forwardings, Watched
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
from slo.core.outcome import CheckKey
from slo.exposition.catalogue import Telemetry
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from slo.sources.checks import CheckSource
from slo.store.jobs import JobFiles
from slo.store.journal import Journal


class Parts:
    """What a watch is made of that begins with these settings. Raises ConfigError for what cannot be.

    `watched` is what the watch knows, for those who get its metrics; `ours` says which targets are looked at here,
    where several processes share them.
    """

    def __init__(
        self,
        place: Place,
        settings: Settings,
        watched: Watched,
        *,
        clock: SteadyClock,
        telemetry: Telemetry,
        context: Context,
        ours: Callable[[CheckKey], bool] | None = None,
    ) -> None:
        self.books = Books(
            place.folder.ledger,
            slot_seconds=int(settings.slot.total_seconds()),
            retention=settings.store.retention,
            max_bytes=settings.store.max_bytes,
            clock=clock,
            telemetry=telemetry,
        )
        self.journal = Journal(place.folder.journal, telemetry=telemetry)
        self.exclusions = Exclusions(self.journal, clock)
        self.groups = WatchedGroups(self.books, clock, telemetry)
        self.forwarders = Forwardings(
            place,
            watched,
            self.books,
            self.journal,
            lambda: self.desk.all,
            clock=clock,
            context=context,
            telemetry=telemetry.forwarding,
        )
        forward = self.forwarders.observe
        self.counters = Counters(self.books, self.groups, telemetry, forward)
        self.heartbeats = Heartbeats(JobFiles(place.folder.jobs), context.calls, clock=clock, telemetry=telemetry)
        self.spinnakers = Spinnakers(self.forwarders.tell_foreign, clock=clock, telemetry=telemetry)
        self.prober = Probing(place.kinds, context)
        staff = staff_of(settings, place, context)
        self.desk = Desk(self.journal, staff, exclusions=self.exclusions, clock=clock, telemetry=telemetry)
        self.judgements = Judgements(
            self.books,
            incidents=lambda: self.desk.all,
            failing=lambda sli: self.counters.failing(sli) or self.servers.failing(sli),
        )
        self.agents = Agents(
            Inbox(place.folder.agents, self.books, clock=clock, telemetry=telemetry),
            self.books,
            ReportedChecks(self.books, self.groups, self.judgements, forward=forward, clock=clock),
            self.counters,
            clock=clock,
            telemetry=telemetry,
        )
        checks = CheckSource(self.books, slot_seconds=self.books.slot_seconds, slis=(), since=clock.now().timestamp())
        self.servers = Servers(self.books, self.groups, path=place.config, context=context, telemetry=telemetry)
        self.slots = Slots(
            self.books,
            self.groups,
            self.judgements,
            self.desk,
            sources=Sources(checks=checks, counters=self.counters, agents=self.agents, servers=self.servers),
            forwardings=self.forwarders,
            clock=clock,
            telemetry=telemetry,
        )

        def followers(what: What) -> Followers:
            return Followers(
                self.books,
                place.kinds,
                context,
                path=place.config,
                clock=clock,
                telemetry=telemetry,
                what=what,
            )

        judged = Judged(
            checks,
            groups=self.groups,
            judgements=self.judgements,
            regroup=self.slots.regroup,
            forward=forward,
        )
        self.probes = WatchedProbes(
            place.kinds, context, followers=followers("probe"), counting=judged, telemetry=telemetry, ours=ours
        )
        self.scrapes = WatchedScrapes(
            context, followers=followers("scrape"), counting=self.counters, telemetry=telemetry, ours=ours
        )
        telemetry.network_up.set_function(context.connectivity.up)
        telemetry.clock_offset.set_function(lambda: clock.offset_seconds)
