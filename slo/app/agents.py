"""What agents report: taken when it is on disk, and counted when slots close."""

import asyncio
import gzip
import logging
from collections.abc import Callable, Collection, Iterable, Sequence

from slo.app.arrivals import Waiting, in_time, waiting_in
from slo.app.books import Books
from slo.app.counters import Counters
from slo.app.groups import WatchedGroups
from slo.app.inbox import Inbox
from slo.app.judgement import Judgements
from slo.app.reporters import Reporters
from slo.config.secret import Secret
from slo.config.settings import CheckEntry, Settings
from slo.core.batch import Gone, Observed
from slo.core.batch_document import Understood
from slo.core.outcome import Outcome, Point
from slo.core.protocols import Clock
from slo.exposition.catalogue import Telemetry
from slo.exposition.sparing import Sparing
from slo.net.breath import Breath
from slo.runner.recent import Recent
from slo.sources.checks import Fed
from slo.sources.reported import ReportedCheck, Reporting
from slo.sources.reported_state import labels_of, read, written
from slo.sources.scrape import MODULE as SCRAPE
from slo.store.ledger import Watermarks

SOURCE, LABELS = "agents", "agents.labels"
"""Under which it is kept what is known of the checks of agents, and the labels of their targets, by check."""

MOST_AT_ONCE = 50_000
"""After so many records that wait no more are read with one slot: what an outage left is counted piece by piece."""

LOOK_SECONDS = 60
"""How often it is looked for targets that left, besides when somebody says so."""

logger = logging.getLogger(__name__)


class Agents:
    """Takes what agents report, and counts it.

    `configure` it before the SLOs are known, and have it `count_for` them. At each slot end it is to `take_in` what is
    on disk and to `count` it, under the lock of the books; what it counts and up to where is written in one. The
    scrapes among it are for `counters`, which is to take in the same slots after it.
    """

    def __init__(
        self,
        inbox: Inbox,
        books: Books,
        groups: WatchedGroups,
        judgements: Judgements,
        counters: Counters,
        *,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self.token: Secret | None = None
        self._inbox = inbox
        self._books = books
        self._groups = groups
        self._judgements = judgements
        self._clock = clock
        self._telemetry = telemetry
        self._counters = counters
        self._reporters = Reporters(telemetry)
        self._log = Sparing(logger, every_seconds=60.0)
        self._checks: dict[str, ReportedCheck] = {}
        self._reporting: dict[str, Reporting] = {}
        self._waiting: list[Waiting] = []
        self._due: list[Waiting] = []
        self._begun_anew = books.begun_anew
        self._last: dict[Point, Outcome] = {}
        self._recent = Recent()

    async def take(self, report: Understood, body: bytes) -> None:
        """Take a report with the JSON that it was read from, which is on disk afterwards. Raises StoreError."""
        await self._inbox.put(await asyncio.to_thread(gzip.compress, body, 1))
        self._reporters.notice(report, arrived=self._clock.now().timestamp())

    async def open(self) -> None:
        """Have what was not counted before the last stop counted."""
        await self._inbox.open()

    def configure(self, settings: Settings) -> None:
        """Count the checks of these settings. What is known of those that stay is kept, also from before a restart."""
        own = settings.run_by("agents")
        self.token = settings.agents_token
        self._reporting = {entry.name: _reporting(entry) for entry in own.checks}
        states, labels = self._books.watermarks(SOURCE), self._books.watermarks(LABELS)
        for name in {*self._checks, *states, *labels} - self._reporting.keys():
            self._checks.pop(name, None)
            self._books.mark({(SOURCE, name): None, (LABELS, name): None})
            self._forget([point for point in self._last if point[0] == name])
        for name, reporting in self._reporting.items():
            if name not in self._checks:
                self._checks[name] = self._check(reporting, states.get(name), labels.get(name, b"{}"))
        self._groups.targets["agents"] = [each for check in self._checks.values() for each in check.watched]

    def count_for(self, slis: Sequence[Fed], *, counted_elsewhere: Collection[str] = ()) -> None:
        """Count these SLIs from now on; see `ReportedCheck.replace`."""
        for name, check in self._checks.items():
            own = [fed for fed in slis if fed.check == name]
            check.replace(self._reporting[name], own, counted_elsewhere=counted_elsewhere)

    async def take_in(self, end: int) -> None:
        """Have what happened up to `end` (Unix seconds) ready to be counted, and its targets known."""
        breath = Breath()
        while len(self._waiting) < MOST_AT_ONCE and (arrived := await self._inbox.read()):
            self._waiting += await asyncio.to_thread(waiting_in, arrived)
        self._due += [each for each in self._waiting if each.at <= end]
        self._due.sort(key=lambda each: isinstance(each.record, Gone))  # who is gone was heard before
        self._waiting = [each for each in self._waiting if each.at > end]
        new = False
        for each in self._due:
            new |= self._meet(each)
            self._attempt(self._scraped, each)
            await breath.take()
        if new:
            self._retarget()

    async def count(self, end: int) -> None:
        """Count it, before the books close the slots up to `end`."""
        breath = Breath()
        look = end % LOOK_SECONDS == 0 or bool(self._due and isinstance(self._due[-1].record, Gone))
        due, self._due = self._due[::-1], []
        try:
            while due:
                self._attempt(self._count, due.pop())
                await breath.take()
        finally:
            self._due = due[::-1]
        for check in self._checks.values():
            check.close(end)
            await breath.take()
        if look:
            self._retarget()
        self._mark(await asyncio.to_thread(self._states))  # nobody changes anything meanwhile
        oldest = min((each.arrived for each in self._waiting), default=None)
        self._telemetry.inbox_age.set(0.0 if oldest is None else max(0.0, end - oldest))

    def mark(self) -> None:
        """Have the books write what is known now, and up to where the inbox is counted, with the counts."""
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
        uncounted = min((each.number for each in (*self._waiting, *self._due)), default=None)
        self._inbox.count_through(self._inbox.read_through if uncounted is None else uncounted - 1)

    async def written(self) -> None:
        """The books have written what they could: drop what is not needed any more."""
        await self._inbox.drop_written()

    async def close(self) -> None:
        """Let go of the inbox."""
        await self._inbox.close()

    def last_outcomes(self) -> Iterable[Outcome]:
        """The last outcome of every target that is watched, from each vantage point."""
        return list(self._last.values())

    def outcomes(self, check: str) -> Sequence[Sequence[Outcome]]:
        """What is kept of each target of a check, newest first."""
        return [kept for point in self._last if point[0] == check and (kept := self._recent.of(point))]

    def _check(self, reporting: Reporting, state: bytes | None, labels: bytes) -> ReportedCheck:
        slot = self._books.slot_seconds
        if state is not None:
            try:
                return read(state, labels, reporting, self._books, slot_seconds=slot)
            except ValueError as error:
                logger.warning("what is known of a check is lost", extra={"check": reporting.check, "why": str(error)})
        closed = self._books.closed_until or int(self._clock.now().timestamp()) // slot * slot
        return ReportedCheck(self._books, reporting, slot_seconds=slot, closed=closed)

    def _meet(self, waiting: Waiting) -> bool:
        """Look at the target of a record. Whether there are others than before."""
        record = waiting.record
        if isinstance(record, Gone) or record.outcome.check not in self._checks:
            return False
        check = self._checks[record.outcome.check]
        interval = check.interval_of(record.outcome)
        return interval is not None and check.meet(in_time(record.outcome, waiting.arrived, interval), interval)

    def _scraped(self, waiting: Waiting) -> None:
        """Hand over what is a scrape, or a target of one that is gone."""
        match waiting.record:
            case Gone() as gone:
                self._counters.gone(gone.check, gone.target, waiting.at)
            case Observed() as observed if observed.outcome.module == SCRAPE:
                self._counters.report(observed, waiting.at)

    def _count(self, waiting: Waiting) -> None:
        match waiting.record:
            case Gone() as gone:
                if check := self._checks.get(gone.check):
                    check.leave(gone.target, waiting.at)
                elif not self._counters.reports(gone.check):
                    self._drop("unknown_check")
            case Observed(outcome=outcome) if outcome.module == SCRAPE:
                if not self._counters.reports(outcome.check):
                    self._drop("unknown_check")
            case Observed(outcome=outcome):
                self._observe(outcome, waiting.arrived)

    def _observe(self, outcome: Outcome, arrived: float) -> None:
        check = self._checks.get(outcome.check)
        if check is None:
            self._drop("unknown_check")
            return
        interval = check.interval_of(outcome)
        if interval is None:
            self._drop("other_interval")
            return
        outcome = in_time(outcome, arrived, interval)
        last = self._last.get(outcome.point)
        if last is None or last.at < outcome.at:
            for sli in check.fed_by(outcome.target):
                self._judgements.notice(sli, outcome)
            self._last[outcome.point] = outcome
            self._recent.notice(outcome)
        if not outcome.extra:
            check.observe(outcome, arrived=arrived)

    def _attempt(self, act: Callable[[Waiting], None], waiting: Waiting) -> None:
        """Do something with a record, which must not end the watch, now and after each start."""
        try:
            act(waiting)
        except Exception as error:  # noqa: BLE001
            self._drop("fault")
            extra = {"number": waiting.number}
            self._log.tell(logging.ERROR, "a record cannot be counted", extra=extra, error=error)

    def _drop(self, reason: str) -> None:
        self._telemetry.agent_records_dropped.labels(reason).inc()

    def _retarget(self) -> None:
        """The targets are others now, or it is time to look for those that left."""
        watched = [each for check in self._checks.values() for each in check.watched]
        self._groups.retarget("agents", watched)
        keys = {each.key for each in watched}
        self._forget([point for point in self._last if point[:2] not in keys])

    def _forget(self, points: Sequence[Point]) -> None:
        for point in points:
            name, target, _ = point
            if check := self._checks.get(name):
                for sli in check.fed_by(target):
                    self._judgements.forget(sli, (name, target))
            del self._last[point]
        self._recent.forget(points)


def _reporting(entry: CheckEntry) -> Reporting:
    intervals = dict.fromkeys(each.total_seconds() for each in (entry.interval, *(t.interval for t in entry.targets)))
    return Reporting(
        check=entry.name,
        intervals=tuple(intervals),
        vantage_points=entry.vantage_points or ("",),
        quorum=entry.quorum,
    )
