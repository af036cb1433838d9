"""The desk: where incidents are worked on. The router, what keeps it silent, and what comes in from elsewhere."""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from slo.app.inbound import InboundActs, keep_reconciling, receivers_of
from slo.app.place import Place
from slo.app.silences import Silences
from slo.app.wiring import destinations_of, paths_of
from slo.config.settings import Settings
from slo.core.acts import Act
from slo.core.alert import Alert
from slo.core.delivery import Delivery
from slo.core.events import Event
from slo.core.exclusion import Exclusion
from slo.core.foreign import ForeignAlert
from slo.core.inbound import Inbound, Received
from slo.core.incident import Incident
from slo.core.inhibition import Graph
from slo.core.protocols import Destination, Receiver
from slo.core.response import Response
from slo.core.slo import slo_key
from slo.exposition.catalogue import Telemetry
from slo.net.context import Context
from slo.router.foreign import Fate, ForeignAlerts, joined
from slo.router.incidents import Incidents
from slo.router.meaning import pages
from slo.router.muting import Muting
from slo.router.router import Router
from slo.router.terms import Terms
from slo.runner.clock import SteadyClock
from slo.store.journal import Journal

AT_ONCE = 20
"""So many incidents that page are opened between two slot ends: in a storm of pages the others wait for the next."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Staff:
    """Whom the desk of a configuration speaks with: destinations by name, those that page, and who receives."""

    settings: Settings
    destinations: Mapping[str, Destination]
    paging: frozenset[str]
    receivers: Mapping[str, Sequence[Receiver]]


def staff_of(settings: Settings, place: Place, context: Context) -> Staff:
    """The staff of a configuration. Raises ConfigError for what cannot be built."""
    destinations, paging = destinations_of(settings, place.kinds, context, place.config)
    receivers = receivers_of(settings, place.kinds, context, place.config)
    return Staff(settings=settings, destinations=destinations, paging=paging, receivers=receivers)


class Desk:
    """The incidents of one journal, and all that is done about them.

    `load` it, then `run` it until it is cancelled, then `close` it. `exclusions` are those in force whenever it is
    asked: some silence what they exclude.
    """

    def __init__(
        self,
        journal: Journal,
        staff: Staff,
        *,
        exclusions: Iterable[Exclusion],
        clock: SteadyClock,
        telemetry: Telemetry,
    ) -> None:
        self._journal = journal
        self._clock = clock
        self.silences = Silences(journal, clock, exclusions)
        self._router = Router(
            journal=journal,
            destinations=staff.destinations,
            terms=self._terms(staff),
            clock=clock,
            telemetry=telemetry,
        )
        self._foreign = ForeignAlerts(staff.settings.slos, slot_seconds=int(staff.settings.slot.total_seconds()))
        self._pressing: list[ForeignAlert] = []
        self._hurries = AT_ONCE
        self._hurrying: asyncio.Task[None] | None = None
        self._inbound = InboundActs(self._router.act, telemetry=telemetry)
        self._take(staff)
        telemetry.foreign_alerts.set_function(lambda: len(self._foreign))

    async def load(self) -> None:
        """Read the silences that people made."""
        await asyncio.to_thread(self.silences.load)

    async def run(self) -> None:
        """Deliver, and ask who has answered elsewhere, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._router.run(), name="router")
            tasks.create_task(keep_reconciling(self._reconcile), name="reconciling")

    async def replace(self, staff: Staff) -> None:
        """Go on with another configuration."""
        self._take(staff)
        await self._router.reconfigure(destinations=staff.destinations, terms=self._terms(staff))

    async def close(self, deadline_seconds: float) -> None:
        """Send what can be sent before the deadline."""
        if self._hurrying is not None:
            self._hurrying.cancel()
        await self._router.close(deadline_seconds)

    async def judge(self, alerts: Callable[[Collection[str]], Sequence[Alert]], slos: Collection[str]) -> None:
        """Decide on what the engine says, and others with it.

        `alerts` gives the engine's own; also those of the SLOs with the keys that it is given, as far as it watches
        them, because others speak of them. `slos` are the keys of all that it watches.
        """
        self._hurries = AT_ONCE
        reported = self._foreign.alerts(self._router.incidents, self._clock.now())
        theirs = {slo_key(alert.slo, alert.scope) for alert in reported}
        known = {*slos, *theirs}
        await asyncio.sleep(0)  # of thousands of alerts that took long enough for others to have their turn
        await self._router.judge(joined(alerts(theirs), reported), known_slos=known)

    @property
    def all(self) -> Incidents:
        """Every incident by id, oldest first."""
        return self._router.incidents

    def incidents(self) -> Sequence[Incident]:
        """Every incident, newest first."""
        return list(self._router.incidents.values())[::-1]

    def response(self, incident: Incident) -> Response:
        """The response clock of an incident, by its contract."""
        return self._router.response(incident)

    async def history(self, incident: str) -> Sequence[tuple[int, Event]]:
        """The events of one incident with their numbers in the journal."""
        return await asyncio.to_thread(self._journal.events, incident)

    async def deliveries(self, incident: str) -> Sequence[Delivery]:
        """What was sent, or waits to be, about one incident."""
        return await asyncio.to_thread(self._journal.deliveries, incident)

    async def refused(self, incidents: Collection[str]) -> Mapping[str, Sequence[Delivery]]:
        """By incident, what was refused for good of what was sent about these."""
        return await asyncio.to_thread(self._journal.refused, incidents)

    async def act(self, act: Act) -> Incident:
        """Do what a person wants; the incident afterwards."""
        return await self._router.act(act)

    async def receive(self, way: str, inbound: Inbound) -> Received | None:
        """Do what a request of a destination says."""
        return await self._inbound.receive(way, inbound)

    def take_alert(self, alert: ForeignAlert) -> Fate:
        """Take in what somebody else said last of an alert of theirs. What pages does not wait for the slot to end."""
        fate = self._foreign.take(alert, self._router.incidents)
        if fate is Fate.TAKEN and pages(alert):
            self._pressing.append(alert)
            if self._hurrying is None or self._hurrying.done():
                self._hurrying = asyncio.create_task(self._judge_pages(), name="pages")
        return fate

    async def _judge_pages(self) -> None:
        """Decide on the alerts that page. What goes wrong with them is decided again when the slot ends."""
        while self._pressing:
            taken, self._pressing = self._pressing, []
            try:
                urgent = self._foreign.urgent(taken, self._router.incidents.last_of, self._clock.now())[: self._hurries]
                self._hurries -= len(urgent)
                if urgent:
                    await self._router.judge_at_once(urgent)
            except Exception:
                logger.exception("alerts could not be judged at once")

    def _take(self, staff: Staff) -> None:
        self.silences.configured = staff.settings.silences
        self._foreign.configure(staff.settings.slos)
        self._inbound.receivers = staff.receivers

    def _terms(self, staff: Staff) -> Terms:
        settings = staff.settings
        return Terms(
            routes=settings.routes,
            paging=staff.paging,
            paths=paths_of(settings),
            contracts=settings.contracts,
            muting=Muting(self.silences.in_force, Graph.of(settings.slos), settings.inhibit),
            external_url=settings.external_url,
            grouped=frozenset((slo.name, slo.group_by) for slo in settings.slos if slo.group_by),
        )

    async def _reconcile(self) -> None:
        await self._inbound.reconcile(self._router.destinations, self._router.incidents)
