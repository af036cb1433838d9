"""The text exposition of what collectors found: what a kind says of its facts, and what became of the rounds."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from slo.core.outcome import Outcome, Point
from slo.core.reason import LEFT_UNSAID, State
from slo.core.sample import Sample
from slo.exposition.buffer import Buffer, Serving, exposed
from slo.exposition.families import FAMILIES
from slo.exposition.layout import Layouts

TARGETS_A_BLOCK = 5
"""How many targets are rendered before others may run: with 3,000 new samples each, some milliseconds."""

_ROUND = Serving(family_of=FAMILIES.get, most=10)
"""How the values of a round itself are served; it has fewer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Collected:
    """One target of a collector: its last outcome, and the samples of its facts, made when they are read."""

    outcome: Outcome
    samples: Iterable[Sample]
    serving: Serving


OF_ROUNDS = frozenset(
    {name for name in FAMILIES if name.startswith("watchkeep_collector_")} | {"watchkeep_dropped_samples_total"}
)
"""What is said of every round: a kind cannot say it too."""

OnFault = Callable[[Outcome, Exception], None]
"""Is told of a target whose samples cannot be made."""


class CollectedRenderer:
    """Renders what was collected. A target's text is made once for each round, and kept as long as it is rendered.

    With `identified` every line has the labels `collector` and `target`, and those of the target. Metrics whose names
    are `reserved` are left out, and counted.
    """

    def __init__(self, *, identified: bool, reserved: Collection[str] = ()) -> None:
        self._identified = identified
        self._layouts = Layouts(OF_ROUNDS.union(reserved))
        self._of_rounds = Layouts()
        self._kept: dict[Point, _Target] = {}

    def render(self, collected: Iterable[Collected], *, on_fault: OnFault) -> Iterator[str]:
        """The families of all that was collected, in blocks of whole lines, some of which are empty.

        While nothing is known of a target there are no samples of its kind, but for those of one that does not say
        what it should: neither its health nor its failure may be read from them.
        """
        before, kept = self._kept, {}
        for index, each in enumerate(collected):
            target = before.get(each.outcome.point)
            if target is None or not target.is_of(each):
                identity = self._labels_of(each.outcome) if self._identified else {}
                target = _Target(each, self._layouts, self._of_rounds, identity)
            target.fill(each, on_fault)
            kept[each.outcome.point] = target
            if index % TARGETS_A_BLOCK == 0:
                yield ""
        self._kept = kept
        yield from exposed(buffer for target in kept.values() for buffer in (target.round, target.inside))

    def _labels_of(self, outcome: Outcome) -> Mapping[str, str]:
        return {"collector": outcome.check, "target": outcome.target}


class _Target:
    """The text of one target."""

    def __init__(self, collected: Collected, layouts: Layouts, of_rounds: Layouts, identity: Mapping[str, str]) -> None:
        below = collected.outcome.labels if identity else {}
        self.round = Buffer(_ROUND, of_rounds, below=below, above=identity)
        self.inside = Buffer(collected.serving, layouts, below=below, above=identity)
        self._outcome: Outcome | None = None
        self._made_for = collected.serving, collected.outcome.labels

    def is_of(self, collected: Collected) -> bool:
        """Whether the text of these samples looks the same but for its values."""
        return self._made_for == (collected.serving, collected.outcome.labels)

    def fill(self, collected: Collected, on_fault: OnFault) -> None:
        """Take the last round, if it was not taken yet."""
        outcome = collected.outcome
        if outcome is self._outcome:
            return
        said = outcome.state is not State.UNKNOWN or outcome.reason in LEFT_UNSAID
        try:
            self.inside.fill(collected.samples if said else ())
        except Exception as error:  # noqa: BLE001  # one kind's bug must not take the others' metrics away
            on_fault(outcome, error)
            self.inside.fill(())
        self.round.fill(_round(outcome, self.inside.dropped))
        self._outcome = outcome


def _round(outcome: Outcome, dropped: int) -> Iterator[Sample]:
    if outcome.state is not State.UNKNOWN:
        yield Sample("watchkeep_collector_success", 1.0 if outcome.state is State.GOOD else 0.0)
        yield Sample("watchkeep_collector_duration_seconds", outcome.duration_seconds)
    if outcome.state is not State.GOOD:
        yield Sample("watchkeep_collector_reason", 1.0, {"state": outcome.state.value, "reason": outcome.reason})
    yield Sample("watchkeep_collector_last_round_timestamp_seconds", outcome.at.timestamp())
    yield Sample("watchkeep_dropped_samples_total", float(dropped))
