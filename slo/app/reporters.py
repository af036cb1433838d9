"""The agents that report: what is known of each of them, for `/metrics`."""

import logging
from dataclasses import dataclass

from slo.core.batch import Gone, Record
from slo.core.batch_document import Understood
from slo.exposition.catalogue import Telemetry
from slo.exposition.sparing import Sparing

MOST_AGENTS = 5_000
"""So many agents are remembered; of more, those are forgotten that have said nothing for longest."""

FORGOTTEN_AFTER_SECONDS = 86_400.0
"""After so long without a report an agent is forgotten."""

TOLD_EVERY_SECONDS = 60.0

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Reporter:
    """An agent: its life, the number of its next record, and when it reported last (Unix seconds)."""

    boot: str
    following: int
    at: float


class Reporters:
    """Notices who reports, and which records are missing."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._known: dict[str, _Reporter] = {}
        self._log = Sparing(logger, every_seconds=TOLD_EVERY_SECONDS)

    def notice(self, report: Understood, *, arrived: float) -> None:
        """A report is on disk. What an agent dropped before it was sent is missing among its numbers."""
        batch = report.batch
        agent, known = batch.agent, self._known.pop(batch.agent, None)
        lost = batch.first - known.following if known and known.boot == batch.boot else 0
        following = max(report.following, known.following) if known and known.boot == batch.boot else report.following
        self._known[agent] = _Reporter(batch.boot, following, arrived)
        self._telemetry.agent_reported_at.labels(agent).set(arrived)
        self._telemetry.agent_records.labels(agent).inc(report.following - batch.first)
        self._telemetry.agent_records_lost.labels(agent).inc(max(0, lost))
        if batch.records:
            newest = max(map(_at, batch.records))
            self._telemetry.agent_clock_offset.labels(agent).set(round(newest - arrived, 3))
        if lost > 0:
            extra = {"agent": agent, "records": lost}
            self._log.tell(logging.WARNING, "an agent has lost what it saw before it could report it", extra=extra)
        if report.refused:
            index, why = next(iter(report.refused.items()))
            extra = {"agent": agent, "records": len(report.refused), "record": index, "why": why[:500]}
            self._telemetry.agent_records_dropped.labels("unreadable").inc(len(report.refused))
            self._log.tell(logging.WARNING, "records of an agent cannot be read", extra=extra)
        self._forget(arrived)

    def _forget(self, now: float) -> None:
        while self._known:
            agent = next(iter(self._known))  # the one that has been silent for longest
            if len(self._known) <= MOST_AGENTS and self._known[agent].at > now - FORGOTTEN_AFTER_SECONDS:
                return
            del self._known[agent]
            for metric in (
                self._telemetry.agent_reported_at,
                self._telemetry.agent_records,
                self._telemetry.agent_records_lost,
                self._telemetry.agent_clock_offset,
            ):
                metric.remove_by_labels({"agent": agent})


def _at(record: Record) -> float:
    return (record.at if isinstance(record, Gone) else record.outcome.at).timestamp()
