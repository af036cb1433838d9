"""The agents that report: what is known of each of them, also after a restart."""

import asyncio
import json
import logging
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from slo.app.books import Books
from slo.core.batch import Batch, Gone, Record
from slo.core.batch_document import Understood
from slo.core.outcome import CheckKey
from slo.core.protocols import Clock
from slo.core.reporter import Reporter
from slo.exposition.catalogue import Telemetry
from slo.exposition.sparing import Sparing

SOURCE, ALL = "agents.reporters", "all"
"""Under which it is kept what is known of agents, of all in one."""

MOST_AGENTS = 5_000
"""So many agents are remembered; of more, those are forgotten that have said nothing for longest."""

FORGOTTEN_AFTER_SECONDS = 86_400.0
"""After so long without a report an agent is forgotten."""

LATELY_SECONDS = 600.0
"""How long a target that an agent reported is one that it looks at."""

MOST_TARGETS = 100_000
"""So many targets of all agents together are told apart."""

DROPPED = ("unreadable", "unknown_check", "other_interval", "too_many", "gone", "fault")
"""Why records are not counted. They begin at 0: that they rise is what an alert sees."""

TOLD_EVERY_SECONDS = 60.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """A report that was read from the inbox: the numbers of its records, and when it came (Unix seconds)."""

    agent: str
    boot: str
    first: int
    following: int
    arrived: float


@dataclass(kw_only=True, slots=True)
class _Known:
    """An agent: when it reported last, its life, the number of its next record, and when each target was reported
    (Unix seconds), the one of the oldest report first.

    `seen` is the life, and the number after those, of its last report. So many records are `refused` and never come to
    the inbox: they are missing there among its numbers, and not lost.
    """

    at: float
    clock_offset: float | None = None
    boot: str = ""
    following: int = 0
    records: int = 0
    lost: int = 0
    seen: tuple[str, int] = "", 0
    refused: int = 0
    targets: dict[CheckKey, float] = field(default_factory=dict)


_Row = tuple[str, float, float | None, str, int, int, int]
"""What is kept of an agent: its name, and what outlives a restart."""


class Reporters:
    """Notices who reports, and which records are missing.

    Have it `restore` before anything else. `notice` a report as soon as it is on disk, and `count` it when it is read
    from the inbox: its numbers are known up to where the inbox is counted, however a run ends, so that nothing is
    missing that lies in the inbox. What is known is written with the counts after `keep` and after `mark`.
    """

    def __init__(self, books: Books, *, clock: Clock, telemetry: Telemetry) -> None:
        self._books = books
        self._clock = clock
        self._telemetry = telemetry
        self._known: dict[str, _Known] = {}
        self._targets = 0
        self._marked = b""
        self._begun_anew = books.begun_anew
        self._log = Sparing(logger, every_seconds=TOLD_EVERY_SECONDS)
        for reason in DROPPED:
            telemetry.agent_records_dropped.labels(reason)

    def restore(self) -> None:
        """Know what was known at the last stop."""
        mark = self._books.watermarks(SOURCE).get(ALL, b"")
        try:
            rows = _read(mark) if mark else []
        except (ValueError, zlib.error) as error:
            logger.warning("what is known of agents is lost", extra={"why": str(error)[:500]})
            return
        for agent, at, clock_offset, boot, following, records, lost in sorted(rows, key=lambda row: row[1]):
            self._known[agent] = _Known(
                at=at, clock_offset=clock_offset, boot=boot, following=following, records=records, lost=lost
            )
            self._tell(agent)
        self._marked = mark
        self._forget()

    def notice(self, report: Understood, *, arrived: float) -> None:
        """A report is on disk, since a time (Unix seconds)."""
        batch = report.batch
        known = self._known.pop(batch.agent, None) or _Known(at=arrived)
        self._known[batch.agent] = known
        known.at = arrived
        if batch.records:
            known.clock_offset = round(max(map(_at, batch.records)) - arrived, 3)
        boot, following = known.seen
        if batch.boot != boot or batch.first >= following:  # else it came before
            known.refused += len(report.refused)
            known.seen = batch.boot, report.following
        self._look(known, batch)
        self._tell(batch.agent)
        if report.refused:
            index, why = next(iter(report.refused.items()))
            extra = {"agent": batch.agent, "records": len(report.refused), "record": index, "why": why[:500]}
            self._telemetry.agent_records_dropped.labels("unreadable").inc(len(report.refused))
            self._log.tell(logging.WARNING, "records of an agent cannot be read", extra=extra)
        self._forget()

    def count(self, reports: Iterable[Heard]) -> None:
        """Reports are read, in the order in which they came. What an agent dropped before it was sent is missing among
        its numbers.
        """
        strangers = False
        for each in reports:
            known = self._known.get(each.agent)
            if known is None:
                known = self._known[each.agent] = _Known(at=each.arrived)
                strangers = True
            known.at = max(known.at, each.arrived)
            following = known.following if known.boot == each.boot else each.first
            missing = max(0, each.first - following)
            lost = max(0, missing - known.refused)
            known.refused -= missing - lost
            taken = max(0, each.following - max(each.first, following))
            known.boot, known.following = each.boot, max(each.following, following)
            known.records += taken
            known.lost += lost
            self._tell(each.agent)
            self._telemetry.agent_records.labels(each.agent).inc(taken)
            self._telemetry.agent_records_lost.labels(each.agent).inc(lost)
            if lost:
                extra = {"agent": each.agent, "records": lost}
                self._log.tell(logging.WARNING, "an agent has lost what it saw before it could report it", extra=extra)
        if strangers:  # of before a restart, or of those that are too many
            self._known = dict(sorted(self._known.items(), key=lambda item: item[1].at))
            self._forget()

    def all(self) -> list[Reporter]:
        """Every agent that is known."""
        for known in self._known.values():
            self._look_away(known)
        return [
            Reporter(
                name=agent,
                reported_at=datetime.fromtimestamp(known.at, UTC),
                clock_offset_seconds=known.clock_offset,
                targets=len(known.targets),
                records=known.records,
                records_lost=known.lost,
            )
            for agent, known in self._known.items()
        ]

    async def keep(self) -> None:
        """Forget who is silent for too long, and have the books write what is known now, where that has changed."""
        self._forget()
        for known in self._known.values():
            self._look_away(known)
        self._mark(await asyncio.to_thread(_written, self._rows()))

    def mark(self) -> None:
        """Have the books write what is known now."""
        self._mark(_written(self._rows()))

    def _mark(self, mark: bytes) -> None:
        if mark != self._marked or self._begun_anew != self._books.begun_anew:
            self._marked, self._begun_anew = mark, self._books.begun_anew
            self._books.mark({(SOURCE, ALL): mark or None})

    def _rows(self) -> list[_Row]:
        return [
            (agent, known.at, known.clock_offset, known.boot, known.following, known.records, known.lost)
            for agent, known in self._known.items()
        ]

    def _look(self, known: _Known, batch: Batch) -> None:
        """An agent has looked at the targets of a batch now."""
        self._look_away(known)
        before = len(known.targets)
        room = before + MOST_TARGETS - self._targets
        for record in batch.records:
            if isinstance(record, Gone):
                known.targets.pop((record.check, record.target), None)
                continue
            key = record.outcome.key
            known.targets.pop(key, None)
            if len(known.targets) < room:
                known.targets[key] = known.at
        self._targets += len(known.targets) - before

    def _look_away(self, known: _Known) -> None:
        oldest = self._clock.now().timestamp() - LATELY_SECONDS
        while known.targets and next(iter(known.targets.values())) < oldest:
            del known.targets[next(iter(known.targets))]
            self._targets -= 1

    def _tell(self, agent: str) -> None:
        known = self._known[agent]
        self._telemetry.agent_reported_at.labels(agent).set(known.at)
        self._telemetry.agent_records.labels(agent)
        self._telemetry.agent_records_lost.labels(agent)  # that it rises from 0 is what an alert sees
        if known.clock_offset is not None:
            self._telemetry.agent_clock_offset.labels(agent).set(known.clock_offset)

    def _forget(self) -> None:
        oldest = self._clock.now().timestamp() - FORGOTTEN_AFTER_SECONDS
        while self._known:
            agent = next(iter(self._known))  # the one that has been silent for longest
            if len(self._known) <= MOST_AGENTS and self._known[agent].at > oldest:
                return
            self._targets -= len(self._known.pop(agent).targets)
            for metric in (
                self._telemetry.agent_reported_at,
                self._telemetry.agent_records,
                self._telemetry.agent_records_lost,
                self._telemetry.agent_clock_offset,
            ):
                metric.remove_by_labels({"agent": agent})


def _at(record: Record) -> float:
    return (record.at if isinstance(record, Gone) else record.outcome.at).timestamp()


def _written(rows: Sequence[_Row]) -> bytes:
    """What is known of agents, in as few bytes as it takes; none where none is known."""
    return zlib.compress(json.dumps(rows).encode(), 1) if rows else b""


def _read(mark: bytes) -> list[_Row]:
    """What was written. Raises ValueError, or zlib.error."""
    rows: list[_Row] = []
    document = json.loads(zlib.decompress(mark))
    if not isinstance(document, list):
        raise ValueError("it is no list")
    for row in document:
        match row:
            case [str(agent), float(at), float() | None as offset, str(boot), int(following), int(records), int(lost)]:
                rows.append((agent, at, offset, boot, following, records, lost))
            case _:
                raise ValueError(f"{str(row)[:100]} is no agent")
    return rows
