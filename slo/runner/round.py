"""One round of one check: from its due time to what it found.

Whatever the check does (hangs, raises, swallows its cancellation), there is something to judge.
"""

import asyncio
import logging
from datetime import datetime
from typing import Any

from slo.core.outcome import Judgement, Outcome
from slo.core.protocols import Clock
from slo.core.reason import REASONS, State, state_of
from slo.errors import Fault
from slo.net.time_limits import TimeLimits
from slo.runner.schedule import Scheduled

GRACE_SECONDS = 0.05
"""How long after its deadline a round is cancelled, and how long after that it is given up.

A check holds its deadline by itself and then knows what it waited for; this is for one that does not.
"""

_WORST_FIRST = (State.BAD, State.UNKNOWN, State.GOOD)

logger = logging.getLogger(__name__)

Facts = Any  # what a check found is known to the check alone


class Round:
    """A round that was due at `due`; begun at `started`, to be over at `deadline` (all monotonic seconds).

    At `cut_at` somebody looks whether it has heeded its deadline. `expired` says that it was cancelled then, `over`
    that nobody waits for it any more: its outcome is recorded, or there shall be none. An `extra` round is none of the
    rhythm, and has the number of the one before it.
    """

    __slots__ = (
        "begun",
        "cut_at",
        "deadline",
        "due",
        "expired",
        "extra",
        "fault",
        "number",
        "over",
        "scheduled",
        "started",
        "task",
    )

    def __init__(self, scheduled: Scheduled, due: float, *, number: int = 0, extra: bool = False) -> None:
        self.scheduled = scheduled
        self.due = due
        self.number = number
        self.extra = extra
        self.started = due
        self.deadline = due + scheduled.timeout_seconds
        self.cut_at = self.deadline + GRACE_SECONDS
        self.begun = False
        self.expired = False
        self.over = False
        self.fault: Exception | None = None
        self.task: asyncio.Task[Any] | None = None

    def begin(self, now: float) -> None:
        """The time that the target has counts from here."""
        self.begun = True
        self.started = now
        self.deadline = now + self.scheduled.timeout_seconds
        self.cut_at = self.deadline + GRACE_SECONDS

    def cancel(self) -> None:
        """Ask the check to stop."""
        if self.task is not None:
            self.task.cancel()

    async def observe(self) -> Facts | Fault:
        """What the check found. Raises only CancelledError, where somebody other than the deadline cancels it.

        What the check raises by mistake is kept in `fault`.
        """
        try:
            facts = await self.scheduled.check.observe(self.deadline)
        except Fault as fault:
            facts = fault
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self.expired and task is not None and task.cancelling():
                raise
            facts = Fault("cancelled")
        except Exception as error:  # noqa: BLE001 - a mistake of one kind is an outcome of its rounds, and no more
            self.fault = error
            return Fault("prober_fault", detail=type(error).__name__)
        return self.too_late(facts) if self.expired else facts

    def too_late(self, facts: Facts | Fault = None) -> Fault:
        """What a round has found that was cancelled at its deadline: a timeout, in its phase where that is known."""
        if not isinstance(facts, Fault):
            return Fault("timeout")
        if facts.reason.endswith("timeout"):
            return facts
        return Fault("timeout", phase=facts.phase, detail=facts.detail, phases=facts.phases)

    def judge(self, facts: Facts | Fault) -> Judgement:
        """What the facts mean: the worst of what the check says. Its mistakes are kept in `fault`."""
        try:
            worst, *others = self.scheduled.check.judge(facts)
            for other in others:
                worst = min(worst, other, key=lambda judgement: _WORST_FIRST.index(judgement.state))
            if REASONS[worst.reason].state is not worst.state:
                raise ValueError(f"{worst.reason} does not mean {worst.state}")
        except Exception as error:  # noqa: BLE001 - as in `observe`
            self.fault = error
            return Judgement(state=State.UNKNOWN, reason="prober_fault", detail=type(error).__name__)
        return worst

    def outcome(self, judgement: Judgement, *, at: datetime, ended: float) -> Outcome:
        """The judgement with the identity of the check and the times of the round: complete `at`, `ended` monotonic."""
        return Outcome(
            check=self.scheduled.name,
            target=self.scheduled.target,
            module=self.scheduled.module,
            at=at,
            state=judgement.state,
            reason=judgement.reason,
            phases=judgement.phases,
            detail=judgement.detail,
            duration_seconds=ended - self.started,
            lateness_seconds=self.started - self.due,
            labels=self.scheduled.labels,
            vantage_point=self.scheduled.vantage_point,
            number=self.number,
            extra=self.extra,
        )


def missed(scheduled: Scheduled, why: str, *, rounds: int, number: int, at: datetime) -> tuple[Outcome, Fault]:
    """What becomes of rounds that could not start, of which `number` was the last. However many they are, it is one
    outcome: one stretch of not knowing.
    """
    fault = Fault("missed", detail=why if rounds == 1 else f"{why}; {rounds} rounds")
    outcome = Outcome(
        check=scheduled.name,
        target=scheduled.target,
        module=scheduled.module,
        at=at,
        state=state_of(fault.reason),
        reason=fault.reason,
        detail=fault.detail,
        labels=scheduled.labels,
        vantage_point=scheduled.vantage_point,
        number=number,
    )
    return outcome, fault


async def run_once(scheduled: Scheduled, clock: Clock, limits: TimeLimits) -> tuple[Outcome, Facts | Fault]:
    """One round now, with the deadline and the handling of faults that it has in the schedule."""
    this = Round(scheduled, clock.monotonic())
    this.task = asyncio.create_task(this.observe())
    try:
        for seconds in (scheduled.timeout_seconds + GRACE_SECONDS, GRACE_SECONDS):
            if await _ends(this.task, limits, seconds):
                break
            this.expired = True
            this.cancel()
        facts = this.task.result() if this.task.done() else this.too_late()
    finally:
        this.task.cancel()
    ended = clock.monotonic()
    judgement = this.judge(facts)
    if this.fault is not None:
        logger.error("the check failed by itself", exc_info=this.fault, extra={"check": scheduled.name})
    return this.outcome(judgement, at=clock.now(), ended=ended), facts


async def _ends(task: asyncio.Task[Any], limits: TimeLimits, seconds: float) -> bool:
    """Whether a task ends within so many seconds; cheaper than `asyncio.wait`, which sets a timer for each."""
    ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def end(_: asyncio.Task[Any]) -> None:
        if not ended.done():
            ended.set_result(None)

    task.add_done_callback(end)
    try:
        with limits.within(seconds):
            await ended
    except TimeoutError:
        return False
    finally:
        task.remove_done_callback(end)
    return True
