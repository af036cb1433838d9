"""What agents report: taken when it is on disk, and counted when slots close."""

import asyncio
import gzip
import json
import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager

from slo.app.arrivals import Clocks, Waiting, in_time, waiting_in
from slo.app.books import Books
from slo.app.counters import Counters
from slo.app.groups import WatchedGroups
from slo.app.inbox import Inbox
from slo.app.judgement import Judgements
from slo.app.reported_rounds import ReportedRounds
from slo.app.reporters import Reporters
from slo.config.secret import Secret
from slo.config.settings import CheckEntry, Settings
from slo.config.target_keys import MOST_TARGETS
from slo.core.batch import Gone, Observed
from slo.core.batch_document import Understood, document_of_batch
from slo.core.outcome import CheckKey, Outcome, Point
from slo.core.protocols import Clock
from slo.core.reporter import Reporter
from slo.exposition.catalogue import Telemetry
from slo.exposition.sparing import Sparing
from slo.net.breath import Breath
from slo.sources.checks import Fed, Watched
from slo.sources.reported import ReportedCheck, Reporting
from slo.sources.reported_state import labels_of, read, written
from slo.sources.scrape import MODULE as SCRAPE
from slo.store.ledger import Watermarks

SOURCE, LABELS = "agents", "agents.labels"
"""Under which it is kept what is known of the checks of agents, and the labels of their targets, by check."""

MOST_AT_ONCE = 50_000
"""After so many records that wait no more are read with one slot: what an outage left is counted piece by piece."""

MOST_UNFOLDED_BYTES = 32 * 1024 * 1024
"""The same of bytes, as the reports are meant."""

MOST_REMEMBERED = 5 * MOST_TARGETS
"""So many targets of a check are remembered, with those that left."""

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
        groups: WatchedGroups,
        judgements: Judgements,
        counters: Counters,
        *,
        forward: Callable[[Outcome], None],
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self.token: Secret | None = None
        self._inbox = inbox
        self._books = books
        self._groups = groups
        self._clock = clock
        self._telemetry = telemetry
        self._counters = counters
        self._reporters = Reporters(books, clock=clock, telemetry=telemetry)
        self._log = Sparing(logger, every_seconds=60.0)
        self._clocks = Clocks()
        self._checks: dict[str, ReportedCheck] = {}
        self._reporting: dict[str, Reporting] = {}
        self._waiting: list[Waiting] = []
        self._due: list[Waiting] = []
        self._scrapes: list[Waiting] = []
        self._begun_anew = books.begun_anew
        self.rounds = ReportedRounds(judgements, self._fed_by, forward)

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
        own = settings.run_by("agents")
        self.token = settings.agents_token
        self._reporting = {entry.name: _reporting(entry) for entry in own.checks}
        self.rounds.keep({each.key for each in self._watched if each.check in self._reporting})
        states, labels = self._books.watermarks(SOURCE), self._books.watermarks(LABELS)
        for name in {*self._checks, *states, *labels} - self._reporting.keys():
            self._checks.pop(name, None)
            self._books.mark({(SOURCE, name): None, (LABELS, name): None})
        for name, reporting in self._reporting.items():
            if name not in self._checks:
                self._checks[name] = self._check(reporting, states.get(name), labels.get(name, b"{}"))
        self._groups.targets["agents"] = self._watched

    def count_for(self, slis: Sequence[Fed], *, counted_elsewhere: Collection[str] = ()) -> None:
        """Count these SLIs from now on; see `ReportedCheck.replace`."""
        for name, check in self._checks.items():
            own = [fed for fed in slis if fed.check == name]
            check.replace(self._reporting[name], own, counted_elsewhere=counted_elsewhere)

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
                new |= self._meet(each)
            await breath.take()
        if new:
            self._retarget()

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
                    self._count(each)
                await breath.take()
        finally:
            self._due = due[::-1]
        for check in self._checks.values():
            check.close(end)
            await breath.take()
        if look:
            self._retarget()
        await self._reporters.keep()
        states = await asyncio.to_thread(self._states)  # nobody changes anything meanwhile
        self._scrapes = []
        self._mark(states)
        uncounted = [each.arrived for each in self._waiting]
        oldest = min([*uncounted, self._inbox.unread_since or end])
        self._telemetry.inbox_age.set(max(0.0, end - oldest))

    def mark(self) -> None:
        """Have the books write what is known now, and up to where the inbox is counted, with the counts."""
        self._reporters.mark()
        self._mark(self._states())

    def _states(self) -> dict[tuple[str, str], bytes]:
        """What is known of the checks that are other than they were written."""
        whole = self._books.begun_anew != self._begun_anew
        states = {(SOURCE, name): written(check) for name, check in self._checks.items() if check.changed or whole}
        labels = {(LABELS, name): labels_of(check) for name, check in self._checks.items() if check.relabelled or whole}
        return states | labels

    def _mark(self, states: Watermarks) -> None:
        self._books.mark(states)
        self._begun_anew = self._books.begun_anew
        for check in self._checks.values():
            check.changed = check.relabelled = False
        uncounted = min((each.number for each in (*self._waiting, *self._due, *self._scrapes)), default=None)
        self._inbox.count_through(self._inbox.read_through if uncounted is None else uncounted - 1)

    async def written(self) -> None:
        """The books have written what they could: drop what is not needed any more."""
        await self._inbox.drop_written()

    async def close(self) -> None:
        """Let go of the inbox."""
        await self._inbox.close()

    def _check(self, reporting: Reporting, state: bytes | None, labels: bytes) -> ReportedCheck:
        slot = self._books.slot_seconds
        if state is not None:
            try:
                return read(state, labels, reporting, self._books, slot_seconds=slot)
            except ValueError as error:
                logger.warning("what is known of a check is lost", extra={"check": reporting.check, "why": str(error)})
        closed = self._books.closed_until or int(self._clock.now().timestamp()) // slot * slot
        return ReportedCheck(self._books, reporting, slot_seconds=slot, closed=closed)

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

    def _meet(self, waiting: Waiting) -> bool:
        """Look at the target of a record. Whether there are others than before."""
        record = waiting.record
        if isinstance(record, Gone) or record.outcome.check not in self._checks:
            return False
        check = self._checks[record.outcome.check]
        interval = check.interval_of(record.outcome)
        if interval is None or _is_too_many(check, record.outcome.target):
            return False
        return check.meet(in_time(record.outcome, waiting.ahead, interval), interval)

    def _count(self, waiting: Waiting) -> None:
        match waiting.record:
            case Gone() as gone:
                if check := self._checks.get(gone.check):
                    check.leave(gone.target, waiting.at)
                else:
                    self._drop(waiting, "unknown_check")
            case Observed(outcome=outcome):
                self._observe(waiting, outcome)

    def _observe(self, waiting: Waiting, outcome: Outcome) -> None:
        check = self._checks.get(outcome.check)
        if check is None:
            self._drop(waiting, "unknown_check")
            return
        interval = check.interval_of(outcome)
        if interval is None:
            self._drop(waiting, "other_interval")
            return
        if outcome.target not in check.targets:
            self._drop(waiting, "too_many")
            return
        outcome = in_time(outcome, waiting.ahead, interval)
        has_left = check.has_left(outcome.target)
        if has_left and not check.fed_by(outcome.target):
            self._drop(waiting, "gone")
        if not outcome.extra:
            check.observe(outcome, arrived=waiting.arrived)
        if not has_left:
            self.rounds.notice(outcome, waiting.agent)

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

    @property
    def _watched(self) -> list[Watched]:
        return [each for check in self._checks.values() for each in check.watched]

    def _fed_by(self, key: CheckKey) -> Sequence[str]:
        name, target = key
        return self._checks[name].fed_by(target) if name in self._checks else ()

    def _retarget(self) -> None:
        """The targets are others now, or it is time to look for those that left."""
        watched = self._watched
        self._groups.retarget("agents", watched)
        self.rounds.keep({each.key for each in watched})


def _packed(report: Understood, body: bytes) -> bytes:
    """A report as it is kept: what cannot be read of it is of no use."""
    if report.refused:
        body = json.dumps(document_of_batch(report.batch), separators=(",", ":")).encode()
    return gzip.compress(body, 1)


def _is_too_many(check: ReportedCheck, target: str) -> bool:
    """Whether a target is one more than a check may have."""
    if target in check.targets:
        return False
    return check.number >= MOST_TARGETS or len(check.targets) >= MOST_REMEMBERED


def _named(waiting: Waiting) -> dict[str, object]:
    """A record as the log names it."""
    record = waiting.record
    check, target = (record.check, record.target) if isinstance(record, Gone) else record.outcome.key
    return {"check": check, "target": target, "agent": waiting.agent}


def _reporting(entry: CheckEntry) -> Reporting:
    intervals = dict.fromkeys(each.total_seconds() for each in (entry.interval, *(t.interval for t in entry.targets)))
    return Reporting(
        check=entry.name,
        intervals=tuple(intervals),
        vantage_points=entry.vantage_points or ("",),
        quorum=entry.quorum,
    )
