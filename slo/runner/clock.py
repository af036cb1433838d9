"""The time of the watch: the system's time, made steady.

Slots, incidents and clocks rely on a time that never goes back, and the system's own does when somebody sets it. The
watch takes the wall clock, anchored on the monotonic one: it follows the wall where it leaps forward (the time that
was skipped was never watched), and goes on by itself where it falls back, a little slower, until they meet.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime

STEP_SECONDS = 0.5
"""How far the wall must be ahead to be followed at once; what is less is slewed."""

SLEW = 20
"""Slewing gains or loses one second in this many: the watch runs at 95 % or 105 % of its speed."""

FAR_BEHIND_SECONDS = 86_400.0
"""A wall that is further behind is taken for wrong, and an error is logged. It is slewed towards all the same."""

NAP_SECONDS = 1.0
"""The longest sleep towards a time of the watch, so that a step of the wall is met soon."""

LOG_EVERY_SECONDS = 60.0
"""A wall that leaps again and again is spoken of no more often than this."""

_NS = 1_000_000_000
_STEP_NS = int(STEP_SECONDS * _NS)

logger = logging.getLogger(__name__)


class SteadyClock:
    """A `slo.core.protocols.Clock` over two sources in integer nanoseconds: the wall's Unix time, and monotonic time.

    It belongs to the thread of the event loop.
    """

    def __init__(
        self,
        *,
        wall_ns: Callable[[], int] = time.time_ns,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._wall_ns = wall_ns
        self._monotonic_ns = monotonic_ns
        self._ns = wall_ns()
        self._read_at = monotonic_ns()
        self._behind = False
        self._far_behind = False
        self._may_log_at = self._read_at

    def now(self) -> datetime:
        """The time of the watch, UTC. It never goes back."""
        # The wall is read first: being put to sleep between the two readings then looks like a wall that is behind,
        # which costs a little slewing; the other way round it would look like one that leapt.
        wall = self._wall_ns()
        monotonic = self._monotonic_ns()
        passed = monotonic - self._read_at
        self._read_at = monotonic
        ahead = wall - self._ns - passed
        if -passed <= ahead * SLEW <= passed:
            self._ns = wall
        elif ahead > _STEP_NS:
            self._leap(wall, ahead)
        elif ahead > 0:
            self._ns += passed + passed // SLEW
        else:
            self._ns += passed - passed // SLEW
        if self._behind or ahead < -_STEP_NS:
            self._watch_wall(-ahead)
        return datetime.fromtimestamp(self._ns / _NS, UTC)

    def monotonic(self) -> float:
        """Seconds that only grow, for measuring and for deadlines."""
        return self._monotonic_ns() / _NS

    @property
    def offset_seconds(self) -> float:
        """How far the watch is ahead of the system's clock; negative while it catches up."""
        self.now()
        return (self._ns - self._wall_ns()) / _NS

    def start_at_least(self, moment: datetime) -> None:
        """Begin no earlier than `moment`: what was written before a restart is not to be lived through again."""
        self.now()
        self._ns = max(self._ns, round(moment.timestamp() * _NS))

    async def sleep_until(self, monotonic: float) -> None:
        """Return when `monotonic()` has reached that value."""
        while (left := monotonic - self.monotonic()) > 0:  # noqa: ASYNC110 - what it waits for is time
            await asyncio.sleep(left)

    async def sleep_until_time(self, moment: datetime) -> None:
        """Return when `now()` has reached `moment`, also where the wall steps meanwhile."""
        while (left := (moment - self.now()).total_seconds()) > 0:  # noqa: ASYNC110 - as above
            await asyncio.sleep(min(left, NAP_SECONDS))

    def _leap(self, wall: int, ahead: int) -> None:
        self._ns = wall
        if self._read_at >= self._may_log_at:
            self._may_log_at = self._read_at + int(LOG_EVERY_SECONDS * _NS)
            logger.warning(
                "the system clock leapt forward; nothing is known of the time between",
                extra={"seconds": round(ahead / _NS, 3)},
            )

    def _watch_wall(self, behind: int) -> None:
        """Say once that the wall fell back, once that it is far behind, and once that they have met."""
        seconds = round(behind / _NS, 3)
        if not self._behind:
            self._behind = True
            logger.warning(
                "the system clock is behind the watch, which goes on more slowly until they meet",
                extra={"seconds": seconds},
            )
        if seconds > FAR_BEHIND_SECONDS and not self._far_behind:
            self._far_behind = True
            logger.error(
                "the system clock is more than a day behind the watch; if it is right, the times of the watch are"
                " wrong for weeks: stop the watch, and move the data folder's ledger away to begin anew",
                extra={"seconds": seconds},
            )
        if behind <= 0:
            self._behind = self._far_behind = False
            logger.info("the system clock and the watch agree again")
