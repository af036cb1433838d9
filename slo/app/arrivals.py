"""Records of agents on their way from the inbox to the slots that they happened in."""

import gzip
import json
import logging
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from slo.app.inbox import Arrived
from slo.app.reporters import Heard
from slo.core.batch import Batch, Gone, Record
from slo.core.batch_document import batch_of
from slo.core.outcome import Outcome

AHEAD_SECONDS = 60.0
"""How far an agent's clock may be ahead. What is further ahead happened when it came here."""

MOST_CLOCKS = 5_000
"""Of so many agents it is known how far their clocks are ahead."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """A record that is not counted yet, with when it happened and when it came (Unix seconds), and who reported it.

    `ahead` is by how many seconds its own time is later than `at`. `number` is that of its batch in the inbox.
    """

    record: Record
    at: float
    arrived: float
    ahead: float
    agent: str
    number: int


class Clocks:
    """How far the clocks of agents are ahead.

    What an agent reports is put right by the same seconds as long as its clock goes on like that, however long the
    reports take: else two rounds of a target would become one, or one two.
    """

    def __init__(self) -> None:
        self._ahead: dict[str, float] = {}

    def ahead(self, agent: str, seconds: float) -> float:
        """By how much the records of an agent are to be put right that says that it is so much later than here."""
        before = self._ahead.pop(agent, 0.0)
        if abs(seconds - before) > AHEAD_SECONDS:
            before = max(0.0, round(seconds / AHEAD_SECONDS) * AHEAD_SECONDS)
        if before:
            self._ahead[agent] = before
            if len(self._ahead) > MOST_CLOCKS:
                del self._ahead[next(iter(self._ahead))]
        return before


def waiting_in(arrived: Iterable[Arrived], clocks: Clocks) -> tuple[list[Waiting], list[Heard]]:
    """The records of batches that could be read when they came, and who reported them. What an older version cannot
    read is told.
    """
    waiting: list[Waiting] = []
    heard: list[Heard] = []
    for each in arrived:
        try:
            batch = batch_of(json.loads(gzip.decompress(each.body))).batch
        except (ValueError, OSError, EOFError, zlib.error) as error:
            logger.error(  # noqa: TRY400 - the error is in the text
                "a report cannot be read any more and is lost", extra={"number": each.number, "error": str(error)}
            )
            continue
        following = batch.first + len(batch.records)
        heard.append(Heard(agent=batch.agent, boot=batch.boot, first=batch.first, following=following, arrived=each.at))
        waiting += _waiting_in(batch, each, clocks)
    return waiting, heard


def _waiting_in(batch: Batch, arrived: Arrived, clocks: Clocks) -> Iterator[Waiting]:
    """The records of a batch. Those that are in the future all the same are put right together, so that their order
    and their distances stay.
    """
    clock = clocks.ahead(batch.agent, batch.sent.timestamp() - arrived.at) if batch.sent else 0.0
    times = [_at(record) - clock for record in batch.records]
    future = max(times, default=0.0) - arrived.at
    for record, at in zip(batch.records, times, strict=True):
        more = future if at > arrived.at + AHEAD_SECONDS else 0.0
        yield Waiting(
            record=record,
            at=at - more,
            arrived=arrived.at,
            ahead=clock + more,
            agent=batch.agent,
            number=arrived.number,
        )


def _at(record: Record) -> float:
    return (record.at if isinstance(record, Gone) else record.outcome.at).timestamp()


def in_time(outcome: Outcome, ahead: float, interval_seconds: float) -> Outcome:
    """A round whose time is so many seconds ahead, as it happened, with the number that it has then."""
    if not ahead:
        return outcome
    number = max(0, outcome.number - round(ahead / interval_seconds))
    return replace(outcome, at=outcome.at - timedelta(seconds=ahead), number=number)
