"""One forwarder of a watch at work: what it is told."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from exporters.forwarding.counting import Closing, Counting
from exporters.forwarding.measuring import Measuring
from slo.app.logged import logged_event
from slo.app.outlet import Outlet, kept_up
from slo.config.forwarding import LogsConfig
from slo.config.settings import ForwarderEntry
from slo.core.canary import Canary, ReadBack
from slo.core.events import Event
from slo.core.exclusion import Exclusion
from slo.core.incident import Incident
from slo.core.pod import Pod
from slo.core.protocols import Changing, Clock
from slo.core.slo import SLO
from slo.core.telemetry import Forwarder, InStep, Logged, Rank
from slo.core.telemetry_document import written
from slo.errors import Fault
from slo.exposition.forwarding import Forwarding
from slo.exposition.parse import Exposition
from slo.store.spool import SpoolFile
from slo.store.spooled import New
from slo.web.forwarders import ForwarderState, spool_state

JOURNAL = "journal"
"""The mark of how far the journal was told: the number of its last event."""

TOLD_AGAIN = 1_000
"""How many events are told again after a spool was damaged: whoever has them knows them by their id."""

IN_STEP_SECONDS = 60.0
"""How often the other side is told of SLOs and exclusions, where it keeps any."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Promised:
    """The SLOs that are watched, and what is excluded from them."""

    slos: Sequence[SLO]
    exclusions: Sequence[Exclusion]


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """An event of the journal with its number, and the incident that it is about as it is now."""

    number: int
    event: Event
    incident: Incident | None


class Line(Outlet):
    """The forwarder of one entry, that is told what a watch knows.

    One that is new is told of what comes after the event of the number `head`; where its spool was damaged, of some
    that came before as well, since nobody knows how far it was told. `promised` is what is promised now, for those who
    keep SLOs of their own.
    """

    def __init__(
        self,
        entry: ForwarderEntry,
        forwarder: Forwarder,
        file: SpoolFile,
        *,
        head: int,
        promised: Callable[[], Promised],
        pods: Changing[Mapping[str, Pod]] | None,
        clock: Clock,
        telemetry: Forwarding,
    ) -> None:
        super().__init__(entry, forwarder, file, pods=pods, clock=clock, telemetry=telemetry)
        self._clock = clock
        self._promised = promised
        marks = file.marks()
        begins = max(0, head - TOLD_AGAIN) if file.replaces_damaged else head
        self.move_to(int(marks.get(JOURNAL, begins)))
        self._logs = self.config.logs if isinstance(self.config, LogsConfig) else ()
        self._counting = Counting(self.selection, cumulative=forwarder.cumulative, marks=marks)
        self._measuring = Measuring(self.selection, tells_ends=forwarder.cumulative)

    @property
    def wants_events(self) -> bool:
        """Whether it is to be told of events, and may be now."""
        return "events" in self._logs and self.spool.takes_events

    async def tell_closing(self, closing: Closing) -> None:
        """Tell of a slot that has closed."""
        if Rank.COUNT in self.forwarder.ranks:
            records, marks = await asyncio.to_thread(self._counting.records, closing)
            self.spool.add(records, marks)

    async def tell_metrics(self, exposition: Exposition, at: datetime) -> None:
        """Tell what the metrics are at a time."""
        if Rank.METRIC in self.forwarder.ranks:
            self.spool.add(await asyncio.to_thread(self._measuring.records, exposition, at))

    def tell_outcomes(self, outcomes: Sequence[Logged]) -> None:
        """Tell of rounds that were not good."""
        if "outcomes" in self._logs:
            logs = [self._with_labels_of_slos(outcome) for outcome in outcomes]
            self.spool.add([self._new(Rank.OUTCOME, log) for log in logs if self.selection.takes(log.labels)])

    def miss_outcome(self) -> None:
        """There were more rounds that were not good than can be told of: count one."""
        if "outcomes" in self._logs:
            self.spool.drop({Rank.OUTCOME: 1}, "flood")

    def tell_foreign(self, log: Logged) -> None:
        """Tell what a service that is watched says of itself."""
        if "spinnaker" in self._logs and self.selection.takes(log.labels):
            self.spool.add([self._new(Rank.FOREIGN_EVENT, log)])

    def tell_events(self, events: Sequence[Told]) -> None:
        """Tell of the next events of the journal."""
        logs = [logged_event(each.number, each.event, each.incident) for each in events]
        records = [self._new(Rank.EVENT, log) for log in logs if self.selection.takes(log.labels)]
        self.move_to(events[-1].number, records)

    def move_to(self, number: int, records: Sequence[New] = ()) -> None:
        """Go on in the journal after the event of this number."""
        self.cursor = number
        self.spool.add(records, {JOURNAL: str(number)})

    @property
    def taken_at(self) -> datetime | None:
        """When the other side last took something; None where it has not since this process began."""
        return self.sending.last_success_at

    def put(self, canary: Canary) -> None:
        """Put a canary behind all that waits, and where all else goes first."""
        labels = self.selection.labelled(canary.labels)
        if Rank.LOG in self.forwarder.ranks:
            rank, body = Rank.LOG, written(canary.logged(labels))
        else:
            rank, body = Rank.METRIC, written(canary.measured(labels))
        self.spool.add([New(rank=rank, at=canary.at.timestamp(), body=body)])

    async def find(self, canaries: Sequence[Canary], deadline: float) -> frozenset[Canary]:
        """Those of some canaries that are there. Raises Fault where that cannot be known."""
        if not isinstance(self.forwarder, ReadBack):
            raise Fault("canary_unread", detail=f"nobody can ask {self.forwarder.shown} what it has")
        return await self.forwarder.find(canaries, deadline)

    async def state(self) -> ForwarderState:
        """How it stands. Raises StoreError."""
        known = await asyncio.to_thread(spool_state, self.entry.name, self.spool.file)
        held, on_disk = self.spool.held, known.waiting
        both = {rank: on_disk[rank] + held[rank] for rank in held if rank in on_disk}
        return replace(
            known,
            size_bytes=known.size_bytes + sum(depth.size_bytes for depth in held.values()),
            waiting=dict(sorted({**on_disk, **held, **both}.items())),
            type=self.entry.type,
            to=self.forwarder.shown,
            most_bytes=self.spool.most_bytes,
            last_success_at=self.sending.last_success_at,
            last_failure=self.spool.fault or self.sending.last_failure or None,
            fails=bool(self.spool.fault) or self.sending.fails,
        )

    async def retry(self) -> int:
        """Send everything again that was refused; how much that is. Raises StoreError."""
        retried = await asyncio.to_thread(self.spool.file.retry)
        self.sending.cleared()
        return retried

    async def discard(self) -> int:
        """Forget everything that was refused, at somebody's wish; how much that is. Raises StoreError."""
        discarded = await asyncio.to_thread(self.spool.file.dead.discard)
        self.spool.drop(discarded, "discarded")
        self.sending.cleared()
        count = sum(discarded.values())
        logger.warning("what was refused is discarded", extra={"forwarder": self.entry.name, "records": count})
        return count

    async def run(self) -> None:
        """Follow, write and send until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(super().run())
            tasks.create_task(kept_up(self._keep_in_step, self.entry.name))

    async def _keep_in_step(self) -> None:
        while isinstance(self.forwarder, InStep):
            promised = self._promised()
            await self.forwarder.keep_in_step(promised.slos, promised.exclusions, self._clock.now())
            await self._clock.sleep_until(self._clock.monotonic() + IN_STEP_SECONDS)
        await asyncio.Event().wait()

    def _with_labels_of_slos(self, outcome: Logged) -> Logged:
        return replace(outcome, labels=self.selection.labels_of_check(str(outcome.fields["check"]), outcome.labels))

    def _new(self, rank: Rank, log: Logged) -> New:
        labelled = replace(log, labels=self.selection.labelled(log.labels))
        return New(rank=rank, at=log.at.timestamp(), body=written(labelled))
