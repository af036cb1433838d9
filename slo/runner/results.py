"""Results: what becomes of rounds, told to whoever counts them, and kept by who looked."""

import logging
from collections.abc import Callable

from slo.core.outcome import Outcome, Point
from slo.core.protocols import Clock
from slo.core.reason import State
from slo.errors import Fault
from slo.exposition.process_catalogue import Rounds
from slo.exposition.sparing import Sparing
from slo.runner.excuses import Excuses
from slo.runner.round import Facts, Round, missed
from slo.runner.schedule import Scheduled

COMPLAIN_EVERY_SECONDS = 3600.0
"""How often the log is told that one check is at fault itself."""

logger = logging.getLogger(__name__)


class Results:
    """Hands each outcome to `sink`. `last` and `last_facts` hold the newest of each check, and what it was made of."""

    def __init__(self, clock: Clock, sink: Callable[[Outcome], None], telemetry: Rounds, excuses: Excuses) -> None:
        self.last: dict[Point, Outcome] = {}
        self.last_facts: dict[Point, Facts | Fault] = {}
        self._clock = clock
        self._sink = sink
        self._excuses = excuses
        self._missed = telemetry.missed
        self._ended = {state: telemetry.ended.labels(state) for state in State}
        self._log = Sparing(logger, every_seconds=COMPLAIN_EVERY_SECONDS)

    def record(self, this: Round, facts: Facts | Fault, ended: float, *, stood_still_seconds: float) -> State:
        """Judge a round that ended (monotonic seconds), during which this process stood still for so long."""
        judgement = self._excuses.excuse(
            this.judge(facts), target=this.scheduled.target, stood_still_seconds=stood_still_seconds
        )
        if this.fault is not None:
            self.complain(this.scheduled, "the check failed by itself", this.fault)
        self._ended[judgement.state].inc()
        self._publish(this.scheduled, this.outcome(judgement, at=self._clock.now(), ended=ended), facts)
        return judgement.state

    def miss(self, scheduled: Scheduled, why: str, *, rounds: int, number: int) -> None:
        """Say that rounds could not start, of which `number` was the last."""
        self._missed.inc(rounds)
        outcome, fault = missed(scheduled, why, rounds=rounds, number=number, at=self._clock.now())
        self._publish(scheduled, outcome, fault)

    def forget(self, point: Point) -> None:
        """Nobody looks there any more."""
        self.last.pop(point, None)
        self.last_facts.pop(point, None)

    def complain(self, scheduled: Scheduled, message: str, error: Exception | None = None) -> None:
        """Log that a check is at fault itself, now and then."""
        name, at = scheduled.key
        self._log.tell(logging.ERROR, message, key=name, extra={"check": name, "target": at}, error=error)

    def _publish(self, scheduled: Scheduled, outcome: Outcome, facts: Facts | Fault) -> None:
        point = outcome.point
        self.last[point] = outcome
        self.last_facts[point] = facts
        try:
            self._sink(outcome)
        except Exception as error:  # noqa: BLE001 - one outcome that cannot be counted stops no other
            self.complain(scheduled, "the outcome could not be counted", error)
