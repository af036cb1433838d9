"""What agents report: taken when it is on disk, and counted when slots close."""

import asyncio
import gzip
import json
import logging
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

from slo.app.arrivals import Clocks, Waiting, waiting_in
from slo.app.books import Books
from slo.app.counters import Counters
from slo.app.inbox import Inbox
from slo.app.reported_checks import ReportedChecks
from slo.app.reporters import Reporters
from slo.config.secret import Secret
from slo.config.settings import Settings
from slo.core.batch import Gone
from slo.core.batch_document import Understood, document_of_batch
from slo.core.outcome import Point
from slo.core.protocols import Clock
from slo.core.reporter import Reporter
from slo.exposition.catalogue import Telemetry
from slo.exposition.sparing import Sparing
from slo.net.breath import Breath
from slo.sources.checks import Fed
from slo.sources.scrape import MODULE as SCRAPE
from slo.store.ledger import Watermarks

MOST_AT_ONCE = 50_000
"""After so many records that wait no more are read with one slot: what an outage left is counted piece by piece."""

MOST_UNFOLDED_BYTES = 32 * 1024 * 1024
"""The same of bytes, as the reports are meant."""

DROPPED = {
    "unknown_check": "agents report a check that is not here, or that they are not to run: they have another "
    "configuration, load the same one here and there",
    "other_interval": "agents report rounds of another interval than the check has here: they have another "
    "configuration, load the same one here and there",
    "too_many": "agents report more targets of a check than are counted: write several checks",
    "gone": "agents report rounds from before a target left, too late for its SLO",
}
"""What the log hears of records that are not counted, by the reason."""

LOOK_SECONDS = 60
"""How often it is looked for targets that left, besides when somebody says so."""

logger = logging.getLogger(__name__)


class Agents:
    """Takes what agents report, and counts it.

    `configure` it before the SLOs are known, and have it `count_for` them. At each slot end it is to `take_in` what is
    on disk and to `count` it, under the lock of the books; what it counts and up to where is written in one. `rounds`
    are those that came last.

    `counters` get the scrapes among it while it is taken in, in the order in which they came, and are to take in the
    same slots after it. What they make of them is to be given to the books before anybody else has a turn after
    `count`. Some may come again after a restart.
    """

    def __init__(
        self,
        inbox: Inbox,
        books: Books,
        checks: ReportedChecks,
        counters: Counters,
        *,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self.token: Secret | None = None
        self._inbox = inbox
        self._books = books
        self._clock = clock
        self._telemetry = telemetry
        self._counters = counters
        self._reporters = Reporters(books, clock=clock, telemetry=telemetry)
        self._log = Sparing(logger, every_seconds=60.0)
        self._clocks = Clocks()
        self._checks = checks
        self._waiting: list[Waiting] = []
        self._due: list[Waiting] = []
        self._scrapes: list[Waiting] = []
        self.rounds = checks.rounds

    async def take(self, report: Understood, body: bytes) -> None:
        """Take a report with the JSON that it was read from, which is on disk afterwards. Raises StoreError."""
        if report.batch.records:
            await self._inbox.put(await asyncio.to_thread(_packed, report, body))
        self._reporters.notice(report, arrived=self._clock.now().timestamp())

    def reporters(self) -> Sequence[Reporter]:
        """The agents that have reported."""
        return self._reporters.all()

    def agent_of(self, point: Point) -> str:
        """Who reported the newest round of a check; empty where no agent did."""
        return self.rounds.agent_of(point)

    async def open(self) -> None:
        """Have what was not counted before the last stop counted."""
        self._reporters.restore()
        await self._inbox.open()

    def configure(self, settings: Settings) -> None:
        """Count the checks of these settings. What is known of those that stay is kept, also from before a restart."""
        self.token = settings.agents_token
        self._checks.configure(settings.run_by("agents").checks)

    def count_for(self, slis: Sequence[Fed], *, counted_elsewhere: Collection[str] = ()) -> None:
        """Count these SLIs from now on; see `ReportedCheck.replace`."""
        self._checks.count_for(slis, counted_elsewhere=counted_elsewhere)

    async def take_in(self, end: int) -> None:
        """Have what happened up to `end` (Unix seconds) ready to be counted, and its targets known."""
        breath = Breath()
        left = MOST_UNFOLDED_BYTES
        while left > 0 and len(self._waiting) < MOST_AT_ONCE and (arrived := await self._inbox.read()):
            left -= sum(each.unfolded_bytes for each in arrived)
            waiting, heard = await asyncio.to_thread(waiting_in, arrived, self._clocks)
            self._waiting += waiting
            self._reporters.count(heard)
        due = [each for each in self._waiting if each.at <= end]
        due.sort(key=lambda each: isinstance(each.record, Gone))  # who is gone was heard before
        self._waiting = [each for each in self._waiting if each.at > end]
        for each in due:
            if self._hand_over(each):
                self._scrapes.append(each)
            else:
                self._due.append(each)
            await breath.take()
        new = False
        for each in self._due:
            with self._by_itself(each):
                new |= self._checks.meet(each)
            await breath.take()
        if new:
            self._checks.retarget()

    async def count(self, end: int) -> None:
        """Count it, before the books close the slots up to `end`."""
        breath = Breath()
        self._due.sort(key=lambda each: isinstance(each.record, Gone))  # who is gone was heard before
        look = end % LOOK_SECONDS == 0 or bool(self._due and isinstance(self._due[-1].record, Gone))
        due, self._due = self._due[::-1], []
        try:
            while due:
                each = due.pop()
                with self._by_itself(each):
                    if reason := self._checks.count(each):
                        self._drop(each, reason)
                await breath.take()
        finally:
            self._due = due[::-1]
        await self._checks.close(end)
        if look:
            self._checks.retarget()
        await self._reporters.keep()
        states = await asyncio.to_thread(self._checks.states)  # nobody changes anything meanwhile
        self._scrapes = []
        self._mark(states)
        uncounted = [each.arrived for each in self._waiting]
        oldest = min([*uncounted, self._inbox.unread_since or end])
        self._telemetry.inbox_age.set(max(0.0, end - oldest))

    def mark(self) -> None:
        """Have the books write what is known now, and up to where the inbox is counted, with the counts."""
        self._reporters.mark()
        self._mark(self._checks.states())

    def _mark(self, states: Watermarks) -> None:
        self._books.mark(states)
        self._checks.marked()
        uncounted = min((each.number for each in (*self._waiting, *self._due, *self._scrapes)), default=None)
        self._inbox.count_through(self._inbox.read_through if uncounted is None else uncounted - 1)

    async def written(self) -> None:
        """The books have written what they could: drop what is not needed any more."""
        await self._inbox.drop_written()

    async def close(self) -> None:
        """Let go of the inbox."""
        await self._inbox.close()

    def _hand_over(self, waiting: Waiting) -> bool:
        """Hand over what is a scrape, or a target of one that is gone; whether it is nothing else."""
        record = waiting.record
        if isinstance(record, Gone):
            with self._by_itself(waiting):
                self._counters.gone(record.check, record.target, waiting.at)
            return record.check not in self._checks and self._counters.reports(record.check)
        if record.outcome.module != SCRAPE:
            return False
        with self._by_itself(waiting):
            if self._counters.reports(record.outcome.check):
                self._counters.report(record, waiting.at)
            else:
                self._drop(waiting, "unknown_check")
        return True

    @contextmanager
    def _by_itself(self, waiting: Waiting) -> Iterator[None]:
        """What is wrong with a record must not end the watch, now and after each start."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever it is
            self._telemetry.agent_records_dropped.labels("fault").inc()
            extra = {**_named(waiting), "number": waiting.number}
            self._log.tell(logging.ERROR, "a record cannot be counted", extra=extra, error=error)

    def _drop(self, waiting: Waiting, reason: str) -> None:
        self._telemetry.agent_records_dropped.labels(reason).inc()
        self._log.tell(logging.WARNING, DROPPED[reason], extra=_named(waiting))


def _packed(report: Understood, body: bytes) -> bytes:
    """A report as it is kept: what cannot be read of it is of no use."""
    if report.refused:
        body = json.dumps(document_of_batch(report.batch), separators=(",", ":")).encode()
    return gzip.compress(body, 1)


def _named(waiting: Waiting) -> dict[str, object]:
    """A record as the log names it."""
    record = waiting.record
    check, target = (record.check, record.target) if isinstance(record, Gone) else record.outcome.key
    return {"check": check, "target": target, "agent": waiting.agent}
