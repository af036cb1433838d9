"""Records of agents on their way from the inbox to the slots that they happened in."""

import gzip
import json
import logging
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta

from slo.app.inbox import Arrived
from slo.app.reporters import Heard
from slo.core.batch import Gone, Record
from slo.core.batch_document import batch_of
from slo.core.outcome import Outcome

AHEAD_SECONDS = 60.0
"""How far an agent's clock may be ahead. What is further ahead happened when it came here."""


logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """A record that is not counted yet, with when it happened and when it came (Unix seconds).

    `number` is that of its batch in the inbox, `agent` who reported it.
    """

    agent: str
    record: Record
    at: float
    arrived: float
    number: int


def waiting_in(arrived: Iterable[Arrived]) -> tuple[list[Waiting], list[Heard]]:
    """The records of batches that could be read when they came, and who reported them. What an older version cannot
    read is told.
    """
    waiting: list[Waiting] = []
    heard: list[Heard] = []
    for each in arrived:
        try:
            report = batch_of(json.loads(gzip.decompress(each.body)))
        except (ValueError, OSError, EOFError, zlib.error) as error:
            logger.error(  # noqa: TRY400 - the error is in the text
                "a report cannot be read any more and is lost", extra={"number": each.number, "error": str(error)}
            )
            continue
        batch = report.batch
        heard.append(
            Heard(
                agent=batch.agent,
                boot=batch.boot,
                first=batch.first,
                following=report.following,
                arrived=each.at,
            )
        )
        waiting += [
            Waiting(
                agent=batch.agent,
                record=record,
                at=_no_later(record, each.at),
                arrived=each.at,
                number=each.number,
            )
            for record in batch.records
        ]
    return waiting, heard


def _no_later(record: Record, arrived: float) -> float:
    """When a record happened: where that is in the future, it is when it came."""
    at = (record.at if isinstance(record, Gone) else record.outcome.at).timestamp()
    return arrived if at > arrived + AHEAD_SECONDS else at


def in_time(outcome: Outcome, arrived: float, interval_seconds: float) -> Outcome:
    """A round that happened in the future happened when it came, with the number that it has then."""
    ahead = outcome.at.timestamp() - arrived
    if ahead <= AHEAD_SECONDS:
        return outcome
    at = outcome.at - timedelta(seconds=ahead)
    return replace(outcome, at=at, number=outcome.number - round(ahead / interval_seconds))
