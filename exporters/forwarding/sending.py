"""Sending: what waits in a spool goes out, batch by batch, until the other side has it or never will.

A batch is kept as it is from before it is sent until it is known what became of it: one that may have arrived is sent
again as it was, so that the other side can tell.
"""

import asyncio
import logging
import math
import random
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeGuard

from exporters.forwarding.spool import COMPLAIN_EVERY_SECONDS, Spool
from slo.core.delivery import Ambiguous, Dropped, Refused, Retry, Sent, Verdict, backoff_seconds
from slo.core.protocols import Clock
from slo.core.telemetry import ALREADY_THERE, TOO_LARGE, TOO_OLD, Encoded, Forwarder, Rank, Record
from slo.errors import StoreError
from slo.exposition.forwarding import Forwarding
from slo.exposition.sparing import Sparing
from slo.store.spooled import Batch, DeadLetter

LONGEST_PAUSE_SECONDS = 64.0

IDLE_SECONDS = 5.0
EXPIRE_EVERY_SECONDS = 5.0
SHOWN_CHARACTERS = 500

REFUSED_IN_A_ROW = 20
"""Where so many records are refused and none is taken it is not they that are wrong: the rest goes out slowly. What
comes too late for the other side does not count, for that says something of the records.
"""

GROWS_BY = 8
"""Batches that were halved grow by an eighth each time that one is taken."""

UNWRITABLE = "unwritable"
"""The reason of a record that the forwarder cannot write in the other side's words."""

_OF_THE_RECORD = frozenset({UNWRITABLE, ALREADY_THERE})
"""The reasons of refusals that are about one record for certain, and say nothing of those behind it."""

logger = logging.getLogger(__name__)


class Sending:
    """Sends what is in `spool`. A batch that is refused as a whole is halved until what is bad is alone.

    What is about a time longer ago than `max_age` (None: any age will do), or than the other side takes, is given up
    and counted, and so is what it refuses as too old; events are not. After an outage of the other side it is noticed
    in `longest_pause_seconds` at most that it is over.
    """

    def __init__(
        self,
        spool: Spool,
        forwarder: Forwarder,
        *,
        max_age: timedelta | None,
        clock: Clock,
        telemetry: Forwarding,
        longest_pause_seconds: float = LONGEST_PAUSE_SECONDS,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.forwarder = forwarder
        self.max_age = max_age
        self.last_failure = ""
        self.last_success_at: datetime | None = None
        self._spool = spool
        self._clock = clock
        self._telemetry = telemetry
        self._longest_pause_seconds = longest_pause_seconds
        self._jitter = jitter
        self._most = forwarder.limits.records
        self._failed = self._refused = 0
        self._expired_at = float("-inf")
        self._log = Sparing(logger, every_seconds=COMPLAIN_EVERY_SECONDS)
        telemetry.dead.labels(spool.name).set(sum(spool.file.dead.count().values()))

    async def run(self) -> None:
        """Send for good."""
        while True:
            try:
                pause = await self.once()
            except StoreError as error:
                self._complain(logging.ERROR, "the spool cannot be used, nothing is sent meanwhile", str(error))
                pause = self._longest_pause_seconds
            if pause is None:
                await self._spool.wait(IDLE_SECONDS)
            elif pause:
                await self._clock.sleep_until(self._clock.monotonic() + pause)

    @property
    def fails(self) -> bool:
        """Whether the last batch was not taken."""
        return self._failed > 0

    def cleared(self) -> None:
        """There are no dead letters any more: they wait again, or are gone."""
        self._telemetry.dead.labels(self._spool.name).set(0)
        self._spool.wake()

    async def once(self) -> float | None:
        """Send one batch; how many seconds to wait before the next, None: until there is one. Raises StoreError."""
        await self._expire()
        limits, file = self.forwarder.limits, self._spool.file
        most_bytes = limits.batch_bytes or limits.raw_bytes
        batch = await asyncio.to_thread(file.head, most=self._most, most_bytes=most_bytes)
        if batch is None:
            return None
        encoded = await asyncio.to_thread(self._encoded, batch)
        if isinstance(encoded, Exception):
            return await self._apply(batch, [self._unwritable(batch, encoded)])
        batch = batch.beginning(encoded.records)
        if _surpasses(encoded, self.forwarder):
            return await self._apply(batch, [Refused(reason=TOO_LARGE, detail=f"{len(encoded.body)} bytes")])
        if not batch.again:
            await asyncio.to_thread(file.begin, batch)
        return await self._apply(batch, await self.forwarder.send(encoded))

    async def finish(self, deadline_seconds: float) -> None:
        """Write and send what can be sent before the deadline; the rest stays on disk."""
        await self._spool.flush()
        try:
            async with asyncio.timeout(deadline_seconds):
                while await self.once() == 0.0:
                    pass
        except (TimeoutError, StoreError):
            logger.warning(
                "not all could be sent, the rest goes out after the next start", extra={"forwarder": self._spool.name}
            )

    def _encoded(self, batch: Batch) -> Encoded | Exception:
        try:
            return self.forwarder.encode(batch.records)
        except Exception as error:  # noqa: BLE001 - it is told of where records are one by one
            return error

    def _unwritable(self, batch: Batch, error: Exception) -> Refused:
        if len(batch.records) == 1:
            message, key = "a record cannot be written", type(error).__name__
            self._log.tell(logging.ERROR, message, key=key, extra={"forwarder": self._spool.name}, error=error)
        return Refused(reason=UNWRITABLE, detail=f"it cannot be written: {error}"[:SHOWN_CHARACTERS])

    async def _apply(self, batch: Batch, verdicts: Sequence[Verdict]) -> float:
        """Do what the verdicts say; how many seconds to wait."""
        records = batch.records
        if len(verdicts) == 1 and len(records) > 1:
            verdict = verdicts[0]
            if _is_for_fewer(verdict, batch):
                self._count_failure(verdict)
                self._most = max(1, len(records) // 2)
                doubted = batch.again or _may_be_taken_in_part(verdict)
                await asyncio.to_thread(self._spool.file.settle, (), doubted=doubted)
                return 0.0
            verdicts = [verdict] * len(records)
        done: list[Record] = []
        dead: list[DeadLetter] = []
        late: dict[Rank, float] = {}
        waiting: list[Retry | Ambiguous] = []
        taken = 0
        now = self._clock.now().timestamp()
        for record, verdict in zip(records, verdicts, strict=True):
            match verdict:
                case Dropped():
                    done.append(record)
                case Sent():
                    done.append(record)
                    taken += 1
                case Refused() if _was_there(batch, verdict):
                    done.append(record)
                    taken += 1
                case Refused() if verdict.reason == TOO_OLD and record.rank is not Rank.EVENT:
                    late[record.rank] = max(record.at, late.get(record.rank, record.at))
                    self._count_failure(verdict)
                    self._complain(logging.WARNING, "records are given up as too late", f"{TOO_OLD}: {verdict.detail}")
                case Refused(reason=reason, detail=detail):
                    dead.append(DeadLetter(record=record, reason=reason, detail=detail, refused_at=now))
                case _:
                    waiting.append(verdict)
        doubted = batch.again or any(isinstance(verdict, Ambiguous) for verdict in waiting)
        await self._settle(done, dead, taken, doubted=doubted)
        await self._give_up({rank: math.nextafter(at, math.inf) for rank, at in late.items()})
        self._refused += sum(letter.reason not in _OF_THE_RECORD for letter in dead)
        if done or late:
            self._failed = self._refused = 0
        return self._pause(waiting)

    async def _settle(self, done: Sequence[Record], dead: Sequence[DeadLetter], taken: int, *, doubted: bool) -> None:
        spool, file = self._spool, self._spool.file
        if done or dead or not doubted:
            buried = await asyncio.to_thread(file.settle, done, dead, doubted=doubted, most_bytes=spool.most_bytes)
            spool.drop(buried, "buried")
        if taken:
            self._telemetry.sent.labels(spool.name).inc(taken)
            self.last_success_at = self._clock.now()
            self._telemetry.success_at.labels(spool.name).set(self.last_success_at.timestamp())
        if dead:
            self._count_failure(Refused(reason=dead[0].reason))
            self._telemetry.dead.labels(spool.name).set(sum(file.dead.count().values()))
            detail = f"{dead[0].reason}: {dead[0].detail}"
            self._complain(logging.ERROR, "records were refused and are kept: look at them, and retry them", detail)

    def _pause(self, waiting: Sequence[Retry | Ambiguous]) -> float:
        if not waiting and self._refused >= REFUSED_IN_A_ROW:
            return self._backoff(self._refused - REFUSED_IN_A_ROW + 1)
        if not waiting:
            self._most = min(self.forwarder.limits.records, self._most + max(1, self._most // GROWS_BY))
            return 0.0
        worst = waiting[0]
        self._count_failure(worst)
        self._complain(logging.WARNING, "a batch was not taken, it is sent again", f"{worst.reason}: {worst.detail}")
        self._failed += 1
        asked = [verdict.after_seconds for verdict in waiting if verdict.after_seconds]
        return self._backoff(self._failed, after_seconds=max(asked, default=None))

    def _backoff(self, attempt: int, *, after_seconds: float | None = None) -> float:
        return backoff_seconds(
            attempt, after_seconds=after_seconds, jitter=self._jitter(), cap_seconds=self._longest_pause_seconds
        )

    async def _expire(self) -> None:
        now = self._clock.monotonic()
        if now - self._expired_at < EXPIRE_EVERY_SECONDS:
            return
        self._expired_at = now
        wall = self._clock.now().timestamp()
        before: dict[Rank, float] = {}
        for rank in Rank:
            ages = [age for age in (self.max_age, self.forwarder.limits.ages.get(rank)) if age is not None]
            if ages and rank is not Rank.EVENT:
                before[rank] = wall - min(ages).total_seconds()
        await self._give_up(before)

    async def _give_up(self, before: Mapping[Rank, float]) -> None:
        """Give up what is about a time before that of its rank (Unix seconds)."""
        if before:
            self._spool.drop(await asyncio.to_thread(self._spool.file.expire, before), "expired")

    def _count_failure(self, verdict: Refused | Retry | Ambiguous) -> None:
        self._telemetry.failures.labels(self._spool.name, verdict.reason).inc()

    def _complain(self, level: int, message: str, detail: str) -> None:
        self.last_failure = detail[:SHOWN_CHARACTERS]
        self._log.tell(
            level,
            message,
            key=detail.partition(":")[0],
            extra={"forwarder": self._spool.name, "to": self.forwarder.shown, "detail": detail[:SHOWN_CHARACTERS]},
        )


def _surpasses(encoded: Encoded, forwarder: Forwarder) -> bool:
    limits = forwarder.limits
    return len(encoded.body) > limits.wire_bytes or encoded.raw_bytes > limits.raw_bytes


def _is_for_fewer(verdict: Verdict, batch: Batch) -> TypeGuard[Refused | Retry]:
    """Whether a batch is to be sent in halves: it is too large, or something in it is refused."""
    if isinstance(verdict, Refused):
        return not _was_there(batch, verdict)
    return isinstance(verdict, Retry) and verdict.reason == TOO_LARGE


def _may_be_taken_in_part(verdict: Refused | Retry) -> bool:
    """Whether others of a batch may be there of which this is said: some take what is right of what they refuse."""
    return isinstance(verdict, Refused) and verdict.reason not in {TOO_LARGE, ALREADY_THERE}


def _was_there(batch: Batch, verdict: Refused) -> bool:
    """Whether a refusal says of a batch that may have arrived that it did."""
    return batch.again and verdict.reason == ALREADY_THERE
