"""The engine over recorded counters: what it would have said, and when."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from slo.core.alert import Cause, FiringPair
from slo.core.deltas import Block
from slo.core.duration import duration_name
from slo.core.exclusion import Exclusion
from slo.core.policy import Severity
from slo.core.slo import SLO
from slo.core.status import SLOStatus
from slo.engine.evaluate import Engine, ledger_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Transition:
    """A severity of an SLO that began to fire, or was resolved, at a step.

    `pair` is the one that fires, first in the order of the policy, or that cleared last.
    """

    at: datetime
    slo: SLO
    severity: Severity
    firing: bool
    pair: FiringPair
    burn_long: float | None
    burn_short: float | None


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Stretch:
    """What was counted in the slots up to `until` (Unix seconds, a step), and what came late.

    Each late block has the end of the slot in which it came.
    """

    until: int
    blocks: Sequence[Block]
    late: Sequence[tuple[int, Block]] = ()


class Replay:
    """An engine at the slot end `begin` (Unix seconds) with no history, evaluated every `step_seconds`.

    Steps are aligned to the epoch, and whole slots. `lost` is when which SLO lost the data of its SLI, which is no
    transition: whether a watch would page of that depends on why there was no data, and what is recorded does not say.
    """

    def __init__(
        self,
        slos: Sequence[SLO],
        *,
        slot_seconds: int,
        step_seconds: int,
        begin: int,
        exclusions: Sequence[Exclusion] = (),
    ) -> None:
        ledger = ledger_of(slos, slot_seconds=slot_seconds, now=begin, exclusions=exclusions)
        self.engine = Engine(slos, ledger, exclusions=exclusions)
        self._step_seconds = step_seconds
        self._firing: dict[str, frozenset[FiringPair]] = {}
        self.lost: list[tuple[datetime, SLO]] = []
        self._silent: set[str] = set()

    def run(self, stretches: Iterable[Stretch]) -> Iterator[Transition]:
        """Go through stretches that follow one another, and give every transition."""
        for stretch in stretches:
            yield from self.advance(stretch)

    def advance(self, stretch: Stretch) -> Iterator[Transition]:
        """Go through the next stretch, and give every transition."""
        for block in stretch.blocks:
            self.engine.ledger.add_block(block)
        late = sorted(stretch.late, key=lambda each: each[0])
        first = self.engine.ledger.now // self._step_seconds + 1
        for now in range(first * self._step_seconds, stretch.until + 1, self._step_seconds):
            self.engine.ledger.close(now)
            while late and late[0][0] <= now:
                self.engine.ledger.add_block(late.pop(0)[1])
            yield from self._transitions(self.engine.evaluate())

    def statuses(self) -> Iterator[SLOStatus]:
        """The figures of every SLO at the last step."""
        return (self.engine.status(key) for key in self.engine.slos)

    def _transitions(self, changed: Sequence[str]) -> Iterator[Transition]:
        if not changed:
            return
        firing = self.engine.firing()
        silent = {key for key, pairs in firing.items() if any(pair.cause is Cause.LOST_DATA for pair in pairs)}
        at = datetime.fromtimestamp(self.engine.ledger.now, UTC)
        self.lost += [(at, self.engine.slos[key]) for key in self.engine.slos if key in silent - self._silent]
        self._silent = silent
        for name in changed:
            burning = frozenset(pair for pair in firing.get(name, ()) if pair.cause is Cause.BURN)
            before, now = self._firing.get(name, frozenset()), burning
            self._firing[name] = now
            for severity in Severity:
                was, fires = ({pair for pair in pairs if pair.severity is severity} for pairs in (before, now))
                if bool(was) != bool(fires):
                    yield self._transition(name, severity, pairs=fires or was, firing=bool(fires))

    def _transition(self, name: str, severity: Severity, *, pairs: set[FiringPair], firing: bool) -> Transition:
        status = self.engine.status(name)
        burn = {figures.window: figures.burn_rate for figures in status.windows}
        order = {(_name(pair.long), _name(pair.short)): place for place, pair in enumerate(status.slo.pairs)}
        pair = min(pairs, key=lambda pair: order.get((pair.long, pair.short), len(order)))
        return Transition(
            at=status.at,
            slo=status.slo,
            severity=severity,
            firing=firing,
            pair=pair,
            burn_long=burn.get(pair.long),
            burn_short=burn.get(pair.short),
        )


def _name(window: timedelta) -> str:
    return duration_name(window.total_seconds())
