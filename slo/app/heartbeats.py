"""Calls of jobs: who may call as which job, how often, and when a call is on disk."""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from slo.core.job import Call, Deafness, Signal
from slo.core.protocols import Clock
from slo.errors import Forged, StoreError, TooOften
from slo.exposition.catalogue import Telemetry
from slo.exposition.sparing import Sparing
from slo.net.calls import Calls
from slo.store.jobs import JobFiles

BURST = 10
"""So many calls a job may make at once, and one more each second: a start and an end come together at times."""

FORGED_BURST = 20
"""So many calls of nobody are answered by themselves at once, and one more each second."""

LOOK_SECONDS = 10.0
"""How often it is noticed that this process listens, and tried again to write what could not be written."""

TOLD_EVERY_SECONDS = 60.0

logger = logging.getLogger(__name__)


class Heartbeats:
    """Takes calls for the checks that expect them. A call is taken when it is on disk.

    `load` it before any check is expected, and `run` it until it is cancelled; `close` it at the end.
    """

    def __init__(self, files: JobFiles, calls: Calls, *, clock: Clock, telemetry: Telemetry) -> None:
        self._files = files
        self._calls = calls
        self._clock = clock
        self._telemetry = telemetry
        self._rates: dict[str, _Rate] = {}
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="jobs")  # one: the last call is written last
        self._forged = _Rate(FORGED_BURST)
        self._log = Sparing(logger, every_seconds=TOLD_EVERY_SECONDS)

    async def load(self, *, heard_until: int) -> None:
        """Read what jobs said before the last stop. Since `heard_until` (Unix seconds, 0: ever) nobody has listened.

        Raises StoreError.
        """
        now = self._clock.now()
        jobs = await asyncio.to_thread(self._files.read)
        self._calls.jobs = {name: job.no_later_than(now) for name, job in jobs.items()}
        if heard_until:
            self._calls.deaf = Deafness(begins=datetime.fromtimestamp(heard_until, UTC), ends=now)

    async def take(self, name: str, token: bytes, signal: Signal, *, exit_status: int | None, note: str) -> None:
        """Take a call; it is on disk afterwards.

        Raises Forged where it proves nothing, TooOften where calls come too fast, and StoreError where it is not on
        disk: then it is known while the watch runs, and better made again.
        """
        result = "fault"
        try:
            await self._take(name, token, signal, exit_status=exit_status, note=note)
            result = "taken"
        except (Forged, TooOften) as error:
            result = "forged" if isinstance(error, Forged) else "too_often"
            self._log.tell(logging.WARNING, "a call of a job is refused", key=result, extra={"why": str(error)})
            raise
        except StoreError as error:
            result = "unwritten"
            self._log.tell(logging.ERROR, "a call of a job is not on disk", extra={"error": str(error)})
            raise
        finally:
            self._telemetry.heartbeat_calls.labels(result).inc()

    async def run(self) -> None:
        """Keep listening, and write what is not written yet, again and again, until cancelled."""
        while True:
            self._calls.hear(self._clock.now(), self._clock.monotonic())
            await self._write_all()
            await asyncio.sleep(LOOK_SECONDS)

    async def close(self) -> None:
        """Write what is left, and let go of the thread."""
        await self._write_all()
        await asyncio.to_thread(self._writer.shutdown)

    async def _write_all(self) -> None:
        """Write what is not written yet, as far as that can be."""
        for name in list(self._calls.unwritten):
            try:
                await self._write(name)
            except StoreError as error:
                self._log.tell(logging.ERROR, "what is known of a job is not on disk", extra={"error": str(error)})
                return

    async def _take(self, name: str, token: bytes, signal: Signal, *, exit_status: int | None, note: str) -> None:
        now = self._clock.monotonic()
        if not self._calls.admits(name, token):
            if not self._forged.allows(now):
                raise TooOften("too many calls that prove nothing")
            raise Forged("there is no such job, or the token is not its own")
        if not self._rates.setdefault(name, _Rate(BURST)).allows(now):
            raise TooOften(f"{name} calls too often: {BURST} times at once may be, and once a second after that")
        self._calls.take(name, Call(signal=signal, at=self._clock.now(), exit_status=exit_status, note=note))
        await self._write(name)

    async def _write(self, name: str) -> None:
        """Write what is known of a job, after everything that was known before. Raises StoreError."""
        unwritten = self._calls.unwritten
        unwritten.discard(name)
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._writer, self._files.write, name, self._calls.jobs[name])
        except BaseException:
            unwritten.add(name)
            raise


class _Rate:
    """`burst` at once, and one more each second."""

    def __init__(self, burst: int) -> None:
        self._burst = burst
        self._left = float(burst)
        self._at = 0.0

    def allows(self, monotonic: float) -> bool:
        """Whether one more may come, at `monotonic` seconds."""
        self._left = min(self._burst, self._left + monotonic - self._at)
        self._at = monotonic
        if self._left < 1:
            return False
        self._left -= 1
        return True
