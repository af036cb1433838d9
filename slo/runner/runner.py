"""The runner: starts every check when it is due, holds its deadline, and stamps what becomes of it.

One heap of due times and one timer drive all checks. Each due time is either run or missed, never both and never
early: a round waits where the one before it has not ended, or where as many are under way as may be, and it is missed
when the next one is due. A missed round is our own fault, so its outcome is unknown. Extra rounds after a failure take
nobody's place: they begin where there is room, and are given up where it is needed.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from slo.core.outcome import Outcome, Point
from slo.core.protocols import Clock
from slo.core.wheel import Wheel
from slo.errors import Fault
from slo.exposition.process_catalogue import Rounds
from slo.runner.excuses import Connectivity, Excuses
from slo.runner.extra import Extras
from slo.runner.leaving import Leaving
from slo.runner.pulse import HEARTBEAT_SECONDS, Pulse
from slo.runner.results import Results
from slo.runner.round import GRACE_SECONDS, Facts, Round
from slo.runner.schedule import Schedule, Scheduled, first_due, round_number
from slo.runner.target import Target

"""How long cancelled rounds may take to end when the runner closes."""

logger = logging.getLogger(__name__)


class Runner:
    """Runs checks and hands each outcome to `sink`, all on the thread of the event loop.

    `concurrency` is how many rounds may be under way. `last` and `last_facts` hold the newest outcome of each check
    and what it was made of, by who looked.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        sink: Callable[[Outcome], None],
        telemetry: Rounds,
        concurrency: int = 1000,
        connectivity: Connectivity | None = None,
    ) -> None:
        self._results = Results(clock, sink, telemetry, Excuses(connectivity, clock.monotonic))
        self.last = self._results.last
        self.last_facts = self._results.last_facts
        self._clock = clock
        self._concurrency = concurrency
        self._pulse = Pulse(clock.monotonic)
        self._schedule: Schedule[Target] = Schedule()
        self._targets: dict[Point, Target] = {}
        self._line: deque[Target] = deque()
        self._extras: Extras[Target] = Extras()
        self._extra: dict[Round, None] = {}
        self._deadlines: Wheel[Target] = Wheel()
        self._under_way = 0
        self._leaving = Leaving()
        self._closing = False
        self._lateness = telemetry.lateness
        telemetry.in_flight.set_function(lambda: self._under_way)

    def replace(self, checks: Sequence[Scheduled]) -> None:
        """Run these checks from now on, and no others. See `change`; raises ValueError for one that comes twice."""
        wanted = {check.point: check for check in checks}
        if len(wanted) < len(checks):
            raise ValueError("two checks have the same name, target and vantage point")
        self.change(gone=[key for key in self._targets if key not in wanted], checks=checks)

    def change(self, *, gone: Iterable[Point], checks: Iterable[Scheduled]) -> None:
        """Run these checks too, and no more those that are `gone`; it costs nothing for all the others.

        A check that is there and did not change keeps its rhythm and its last outcome. What is gone, or looked at in
        another way, is stopped without an outcome.
        """
        wall, now = self._clock.now().timestamp(), self._clock.monotonic()
        leaving = [self._targets.pop(key) for key in gone if key in self._targets]
        coming = []
        for check in checks:
            target = self._targets.get(check.point)
            if target is not None and target.scheduled == check:
                if target.scheduled.labels != check.labels:
                    target.scheduled = replace(target.scheduled, labels=check.labels)
                continue
            if target is not None:
                leaving.append(target)
            self._targets[check.point] = target = Target(check)
            coming.append(target)
        self._schedule.discard(leaving)
        for target in leaving:
            self._stop(target)
            self._results.forget(target.scheduled.point)
        for target in coming:
            check = target.scheduled
            rhythm, interval = " ".join(check.key), check.interval_seconds
            first = first_due(rhythm, interval, wall_seconds=wall, monotonic=now)
            number = round_number(rhythm, interval, wall_seconds=wall + first - now)
            self._schedule.add(target, first=first, interval=interval, number=number)
        self._pulse.wake()

    def check(self, point: Point) -> Scheduled | None:
        """The check of that point, None where it is not run any more."""
        target = self._targets.get(point)
        return target.scheduled if target else None

    async def run(self) -> None:
        """Run the checks until the runner is closed, or this is cancelled. Nothing starts afterwards."""
        try:
            while not self._closing:
                now = await self._pulse.sleep_until(self._next())
                if not self._closing:
                    self._expire(now)
                    self._take(now)
                    self._admit(now)
                    self._take_extra(now)
        finally:
            self._closing = True

    async def close(self) -> None:
        """Stop everything, in a bounded time. Rounds under way leave no outcome."""
        self._closing = True
        self._pulse.wake()
        for target in self._targets.values():
            self._stop(target)
        await self._leaving.close()

    def _next(self) -> float | None:
        """When there is something to do."""
        dues = (self._deadlines.next_due(), self._schedule.next_due(), self._extras.next_due())
        moments = [due for due in dues if due is not None]
        if self._under_way:
            moments.append(self._clock.monotonic() + HEARTBEAT_SECONDS)
        return min(moments, default=None)

    def _take(self, now: float) -> None:
        """Put every target that is due in line. What still waits from an earlier due time is missed."""
        for due in self._schedule.take(now):
            target = due.target
            lost = due.passed_over + (target.pending is not None)
            if lost:
                self._miss(target, lost, due.number - 1)
            target.pending = due
            if target.running is None:
                self._queue(target)
            elif target.running.extra:
                self._give_up(target.running)
            elif target.running.over:
                target.running.cancel()

    def _take_extra(self, now: float) -> None:
        """Start the extra rounds that are due, where there is room that nobody waits for; else they come later."""
        for target in self._extras.take(now):
            if target.running is not None or target.pending is not None:
                continue  # a round of the rhythm comes first, and says whether there shall be more
            if self._line or self._under_way >= self._concurrency:
                self._extras.put_off(target, now)
            else:
                self._start(target, Round(target.scheduled, now, number=target.number, extra=True))

    def _queue(self, target: Target) -> None:
        if not target.in_line:
            target.in_line = True
            self._line.append(target)

    def _admit(self, now: float) -> None:
        """Start who is first in line while there is room. Who has waited for a whole interval is left to `_take`."""
        while self._line and (self._under_way < self._concurrency or self._have_room()):
            target = self._line[0]
            due = target.pending
            if due is not None and now - due.due >= target.scheduled.interval_seconds:
                break
            self._line.popleft()
            target.in_line = False
            if due is not None:
                target.pending = None
                target.number = due.number
                self._start(target, Round(target.scheduled, due.due, number=due.number))

    def _have_room(self) -> bool:
        """Give up the extra round that is under way longest, if there is one: they take nobody's turn."""
        oldest = next(iter(self._extra), None)
        if oldest is not None:
            self._give_up(oldest)
        return oldest is not None

    def _start(self, target: Target, this: Round) -> None:
        target.running = this
        self._under_way += 1
        if self._under_way == 1:
            self._pulse.wake()  # it beats only while rounds are under way
        if this.extra:
            self._extra[this] = None
        this.task = asyncio.create_task(self._drive(target, this), name=target.scheduled.name)

    def _give_up(self, this: Round) -> None:
        """End a round without an outcome."""
        self._release(this)
        if this.begun:  # a task that is cancelled before it begins would not say that it ended
            this.cancel()

    async def _drive(self, target: Target, this: Round) -> None:
        try:
            if not this.over:  # it was given up before it could begin
                await self._look(target, this)
        finally:
            self._release(this)
            self._deadlines.drop(this.cut_at, target)
            this.task = None
            target.running = None
            if target.pending is not None:
                self._queue(target)
            if self._line and not self._closing:
                self._admit(self._clock.monotonic())

    async def _look(self, target: Target, this: Round) -> None:
        started = self._clock.monotonic()
        this.begin(started)
        stood_still = self._pulse.stood_still_seconds(started)
        self._deadlines.put(this.cut_at, target)
        if not this.extra:
            self._lateness.observe(started - this.due)
        facts = await this.observe()
        if not this.over:
            ended = self._clock.monotonic()
            self._record(target, this, facts, ended, self._pulse.stood_still_seconds(ended) - stood_still)

    def _release(self, this: Round) -> None:
        """Make room for another round."""
        if not this.over:
            this.over = True
            self._under_way -= 1
            self._extra.pop(this, None)

    def _expire(self, now: float) -> None:
        """Cancel the rounds whose deadline has passed; give up those that do not even heed that."""
        for target in self._deadlines.take(now):
            this = target.running
            if this is None or this.over:
                continue
            if not this.expired:
                this.expired = True
                this.cancel()
                this.cut_at = now + GRACE_SECONDS
                self._deadlines.put(this.cut_at, target)
                continue
            self._record(target, this, this.too_late(), now, 0.0)
            self._release(this)
            self._results.complain(
                target.scheduled, "the check does not end at its deadline and does not let itself be cancelled"
            )

    def _record(self, target: Target, this: Round, facts: Facts | Fault, ended: float, stood_still: float) -> None:
        state = self._results.record(this, facts, ended, stood_still_seconds=stood_still)
        self._extras.follow(target, this, state)

    def _miss(self, target: Target, rounds: int, number: int) -> None:
        """Say that rounds could not start, of which `number` was the last."""
        if target.running is not None:
            why = "the earlier round had not ended"
        elif target.in_line:
            why = f"{self._concurrency} rounds of other checks were under way"
        else:
            why = "this process stood still"
        self._results.miss(target.scheduled, why, rounds=rounds, number=number)

    def _stop(self, target: Target) -> None:
        target.pending = None
        self._extras.forget(target)
        this = target.running
        self._leaving.leave(target.scheduled.check, target.scheduled.name, this.task if this else None)
        if this is not None and this.task is not None:
            self._give_up(this)
