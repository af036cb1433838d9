"""The router: alerts in, incidents kept, messages out.

Each slot end it decides what the alerts mean for the incidents, and writes events and messages into the journal in one
transaction; the delivery loop takes it from there. While the journal cannot be written the watch goes on: decisions are
held in memory and tried again, and P0 pages go out directly.
"""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence

from slo.core.acts import Act
from slo.core.alert import Alert
from slo.core.contract import Contract
from slo.core.contract_events import ContractsOnRecord
from slo.core.delivery import Message
from slo.core.events import SentDirectly
from slo.core.incident import Incident
from slo.core.priority import Priority
from slo.core.protocols import Clock, Destination
from slo.core.response import Response
from slo.errors import StoreError
from slo.exposition.catalogue import Telemetry
from slo.router.audience import Audience
from slo.router.clocks import decide_clocks
from slo.router.decide import causes_first, decide, decide_at_once
from slo.router.deliver import DeliveryLoop
from slo.router.direct import DirectPages
from slo.router.draft import Draft
from slo.router.heartbeat import Heartbeat
from slo.router.incidents import Incidents
from slo.router.messages import Decision, Teller
from slo.router.outbox import Journal, Outbox
from slo.router.paths import Paths, with_own
from slo.router.peoples_acts import PeoplesActs
from slo.router.retirement import Retirement, let_go
from slo.router.terms import Terms
from slo.router.unwritten import Unwritten
from slo.router.urgent import urgent_first
from slo.router.words import told

WRITE_WAIT_SECONDS = 3.0
"""How long a slot end, or a person, waits for the journal."""

AT_A_TIME = 100
"""So many alerts are decided on before others have their turn: in a storm a slot end has five times as many."""

RETRY_SECONDS = 1.0
"""How often what could not be written is tried again."""

logger = logging.getLogger(__name__)


class Router:
    """Keeps the incidents of one watch. Made of a journal, which is read at once.

    `jitter` gives random numbers in [0, 1).
    """

    def __init__(
        self,
        *,
        journal: Journal,
        destinations: Mapping[str, Destination],
        terms: Terms,
        clock: Clock,
        telemetry: Telemetry,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        events = [event for _, event in journal.events()]
        self._unwritten = Unwritten(events)
        self._contracts = ContractsOnRecord(events)
        self._clock = clock
        self._telemetry = telemetry
        self._outbox = Outbox(journal, clock=clock)
        self._direct = DirectPages(
            in_trouble=self._in_trouble, sent=self._sent_directly, telemetry=telemetry, jitter=jitter
        )
        self._loop = DeliveryLoop(
            outbox=self._outbox,
            direct=self._direct,
            clock=clock,
            telemetry=telemetry,
            jitter=jitter,
            sent_already={(event.destination, event.key) for event in events if isinstance(event, SentDirectly)},
        )
        self._people = PeoplesActs(self._unwritten, self._outbox, draft=self._draft, take=self._take)
        self._paths = Paths(self._outbox, clock=clock, telemetry=telemetry, diverted=self._loop.wake)
        self._heartbeat = Heartbeat(self._outbox, written=self._loop.wake)
        self._writer: asyncio.Task[None] | None = None
        self._retirement = Retirement()
        self._configure(destinations, terms, via="start")
        self._show()

    @property
    def incidents(self) -> Incidents:
        """Every incident by id, oldest first; with what the journal does not have yet."""
        return self._unwritten.incidents

    @property
    def destinations(self) -> Mapping[str, Destination]:
        """The destinations in force, by name."""
        return self._destinations

    def response(self, incident: Incident) -> Response:
        """The response clock of an incident, by its contract."""
        return self._audience.response(incident)

    async def judge(self, alerts: Sequence[Alert], known_slos: Collection[str]) -> None:
        """Bring the incidents in line with the alerts of one slot end.

        An open incident without an alert here stays as it is, unless its SLO is not among `known_slos`. Waits for the
        journal, not for long, and never raises for it. The watch is alive where the journal has it all.
        """
        draft = self._draft(self.incidents)
        said = causes_first(with_own(alerts, self._paths, draft), draft)
        while len(said) > AT_A_TIME:
            decide_at_once(said[:AT_A_TIME], draft)
            said = said[AT_A_TIME:]
            self._add(draft.decision)
            if self._unwritten:
                self._write_soon()
            await asyncio.sleep(0)
            draft = self._draft(self.incidents)
        decide(said, draft, known_slos={*known_slos, *self._paths.subjects}, grouped=self._grouped)
        decide_clocks(draft)
        await self._take(draft.decision)
        if not self._unwritten:
            await self._heartbeat.beat(draft.now, external_url=self._external_url, patience_seconds=WRITE_WAIT_SECONDS)

    async def judge_at_once(self, alerts: Sequence[Alert]) -> None:
        """Bring the incidents of these alerts in line before the slot ends. Never raises for the journal."""
        draft = self._draft(self.incidents)
        decide_at_once(alerts, draft)
        await self._take(draft.decision)

    async def act(self, act: Act) -> Incident:
        """Do what a person wants; the incident afterwards.

        Raises UsageError for what cannot be, and StoreBusy where it is only held in memory so far.
        """
        return await self._people.do(act)

    async def run(self) -> None:
        """Deliver, watch the paths, and try again to write what could not be written, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._loop.run())
            tasks.create_task(self._keep_writing())
            tasks.create_task(self._paths.run())

    async def reconfigure(
        self,
        *,
        destinations: Mapping[str, Destination],
        terms: Terms,
    ) -> None:
        """Go on with other destinations, routes and contracts. What is gone is closed when nothing can use it.

        Incidents keep the contracts that they were opened under; that others are in force is put on record.
        """
        kept = {id(destination) for destination in destinations.values()}
        gone = [destination for destination in self._destinations.values() if id(destination) not in kept]
        self._configure(destinations, terms, via="reload")
        self._retirement.begin(gone)
        self._loop.wake()
        if self._unwritten:
            self._write_soon()

    async def close(self, deadline_seconds: float) -> None:
        """Write and deliver what can be within that time, then let go of everything. `run` has been cancelled."""
        ends = self._clock.monotonic() + deadline_seconds
        await asyncio.wait({self._write_soon()}, timeout=deadline_seconds)
        await self._loop.close(max(0.0, ends - self._clock.monotonic()))
        await self._direct.close()
        await self._heartbeat.close()
        await self._retirement.close()
        await let_go(self._destinations.values())

    def _configure(self, destinations: Mapping[str, Destination], terms: Terms, *, via: str) -> None:
        self._destinations = self._loop.destinations = self._direct.destinations = destinations
        self._paging = self._loop.paging = frozenset(terms.paging)
        self._put_on_record(terms.contracts, via)
        self._audience = Audience(terms.routes, terms.paging, terms.contracts, terms.paths, self._contracts)
        self._paths.paths = terms.paths
        self._heartbeat.intervals = {
            name: path.beats_every for name, path in terms.paths.items() if path.beats_every is not None
        }
        self._muting = terms.muting
        self._external_url = terms.external_url
        self._grouped = terms.grouped

    def _put_on_record(self, contracts: Mapping[str, Contract], via: str) -> None:
        """Say what has changed of the contracts in force. It is written before anything that is opened under them."""
        news = self._contracts.news(contracts, at=self._clock.now(), via=via)
        for event in news:
            self._contracts.take(event)
        self._unwritten.add(Decision(events=tuple(news)))

    @property
    def _teller(self) -> Teller:
        return Teller(at=self._clock.now(), external_url=self._external_url, due=lambda one: self.response(one).due)

    def _draft(self, incidents: Mapping[str, Incident]) -> Draft:
        return Draft(incidents, audience=self._audience, muting=self._muting, teller=self._teller)

    async def _take(self, *decisions: Decision) -> None:
        """Make decisions part of the state, and wait a little for the journal to have them, the most urgent first."""
        self._add(*decisions)
        if self._unwritten:
            await asyncio.wait({self._write_soon()}, timeout=WRITE_WAIT_SECONDS)

    def _add(self, *decisions: Decision) -> None:
        """Make decisions part of the state."""
        for decision in decisions:
            urgent, rest = urgent_first(decision, self._paging)
            self._unwritten.add(urgent)
            if urgent:
                self._unwritten.part()
            self._unwritten.add(rest)
            self._direct.watch(decision.messages, self._paging)
        if any(decisions):
            self._show()

    def _write_soon(self) -> asyncio.Task[None]:
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        return self._writer

    async def _write(self) -> None:
        """Write until nothing is left, or the journal cannot be written."""
        while self._unwritten:
            events, messages = self._unwritten.take()
            try:
                await self._outbox.write(self._outbox.journal.commit, events, messages, at=self._clock.now())
            except StoreError:
                self._unwritten.restore()
                return
            except Exception:
                logger.exception("the journal has a fault")
                self._unwritten.restore()
                return
            self._unwritten.drop()
            self._loop.wake()
            for event in events:
                logger.info(told(event), extra={"incident": event.incident, "event": type(event).__name__})

    async def _keep_writing(self) -> None:
        while True:
            await asyncio.sleep(RETRY_SECONDS)
            if self._unwritten:
                await asyncio.wait({self._write_soon()})

    def _in_trouble(self, message: Message) -> bool:
        return self._unwritten.holds_message(message) or self._outbox.in_trouble

    def _sent_directly(self, message: Message) -> None:
        event = SentDirectly(
            incident=message.incident, at=self._clock.now(), destination=message.destination, key=message.key
        )
        self._unwritten.add(Decision(events=(event,)))
        self._write_soon()

    def _show(self) -> None:
        counts = Counter(each.priority for each in self._unwritten.incidents.unsettled() if each.open)
        for priority in Priority:
            self._telemetry.incidents_open.labels(priority).set(counts[priority])
