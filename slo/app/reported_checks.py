"""The checks that agents run: their targets, their rounds, and what is kept of them on disk with the counts."""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from slo.app.arrivals import Waiting, in_time
from slo.app.books import Books
from slo.app.groups import WatchedGroups
from slo.app.judgement import Judgements
from slo.app.reported_rounds import ReportedRounds
from slo.config.settings import CheckEntry
from slo.config.target_keys import MOST_TARGETS
from slo.core.batch import Gone
from slo.core.outcome import CheckKey, Outcome
from slo.core.protocols import Clock
from slo.net.breath import Breath
from slo.sources.checks import Fed, Watched
from slo.sources.reported import ReportedCheck
from slo.sources.reported_state import labels_of, read, written
from slo.sources.reporting import Reporting

SOURCE, LABELS = "agents", "agents.labels"
"""Under which it is kept what is known of the checks of agents, and the labels of their targets, by check."""

MOST_REMEMBERED = 5 * MOST_TARGETS
"""So many targets of a check are remembered, with those that left."""

logger = logging.getLogger(__name__)


class ReportedChecks:
    """Counts into `books` what agents say of their checks. `rounds` are those that came last.

    `meet` what is said before it is counted, and `retarget` where that is news. What is to be written with the counts
    are the `states`; say so when it is `marked`.
    """

    def __init__(
        self,
        books: Books,
        groups: WatchedGroups,
        judgements: Judgements,
        *,
        forward: Callable[[Outcome], None],
        clock: Clock,
    ) -> None:
        self._books = books
        self._groups = groups
        self._clock = clock
        self._checks: dict[str, ReportedCheck] = {}
        self._reporting: dict[str, Reporting] = {}
        self._begun_anew = books.begun_anew
        self.rounds = ReportedRounds(judgements, self._fed_by, forward)

    def __contains__(self, name: str) -> bool:
        return name in self._checks

    def configure(self, entries: Iterable[CheckEntry]) -> None:
        """Count these checks. What is known of those that stay is kept, also from before a restart."""
        self._reporting = {entry.name: _reporting(entry) for entry in entries}
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

    def meet(self, waiting: Waiting) -> bool:
        """Look at the target of a record. Whether there are others than before."""
        record = waiting.record
        if isinstance(record, Gone) or record.outcome.check not in self._checks:
            return False
        check = self._checks[record.outcome.check]
        interval = check.reporting.interval_of(record.outcome)
        if interval is None or _is_too_many(check, record.outcome.target):
            return False
        return check.meet(in_time(record.outcome, waiting.ahead, interval), interval)

    def count(self, waiting: Waiting) -> str:
        """Count a record that was met. The reason why it does not count, empty where it does."""
        record = waiting.record
        check = self._checks.get(record.check if isinstance(record, Gone) else record.outcome.check)
        if check is None:
            return "unknown_check"
        if isinstance(record, Gone):
            check.leave(record.target, waiting.at)
            return ""
        interval = check.reporting.interval_of(record.outcome)
        if interval is None:
            return "other_interval"
        if record.outcome.target not in check.targets:
            return "too_many"
        outcome = in_time(record.outcome, waiting.ahead, interval)
        has_left = check.has_left(outcome.target)
        is_late = has_left and not check.fed_by(outcome.target)
        if not outcome.extra:
            check.observe(outcome, arrived=waiting.arrived)
        if not has_left:
            self.rounds.notice(outcome, waiting.agent)
        return "gone" if is_late else ""

    async def close(self, end: int) -> None:
        """Give out what is known, before the books close the slots up to `end`."""
        breath = Breath()
        for check in self._checks.values():
            check.close(end)
            await breath.take()

    def retarget(self) -> None:
        """The targets are others now, or it is time to look for those that left."""
        watched = self._watched
        self._groups.retarget("agents", watched)
        self.rounds.keep({each.key for each in watched})

    def states(self) -> Mapping[tuple[str, str], bytes]:
        """What is known of the checks that are other than they were written."""
        whole = self._books.begun_anew != self._begun_anew
        states = {(SOURCE, name): written(check) for name, check in self._checks.items() if check.changed or whole}
        labels = {(LABELS, name): labels_of(check) for name, check in self._checks.items() if check.relabelled or whole}
        return states | labels

    def marked(self) -> None:
        """The books write these states with what is counted now."""
        self._begun_anew = self._books.begun_anew
        for check in self._checks.values():
            check.changed = check.relabelled = False

    @property
    def _watched(self) -> list[Watched]:
        return [each for check in self._checks.values() for each in check.watched]

    def _fed_by(self, key: CheckKey) -> Sequence[str]:
        name, target = key
        return self._checks[name].fed_by(target) if name in self._checks else ()

    def _check(self, reporting: Reporting, state: bytes | None, labels: bytes) -> ReportedCheck:
        slot = self._books.slot_seconds
        if state is not None:
            try:
                return read(state, labels, reporting, self._books, slot_seconds=slot)
            except ValueError as error:
                logger.warning("what is known of a check is lost", extra={"check": reporting.check, "why": str(error)})
        closed = self._books.closed_until or int(self._clock.now().timestamp()) // slot * slot
        return ReportedCheck(self._books, reporting, slot_seconds=slot, closed=closed)


def _is_too_many(check: ReportedCheck, target: str) -> bool:
    """Whether a target is one more than a check may have."""
    if target in check.targets:
        return False
    return check.number >= MOST_TARGETS or len(check.targets) >= MOST_REMEMBERED


def _reporting(entry: CheckEntry) -> Reporting:
    intervals = dict.fromkeys(each.total_seconds() for each in (entry.interval, *(t.interval for t in entry.targets)))
    return Reporting(
        check=entry.name,
        intervals=tuple(intervals),
        vantage_points=entry.vantage_points or ("",),
        quorum=entry.quorum,
    )
