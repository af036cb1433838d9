"""What the last round of every check found, for those who read it as metrics."""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from typing import TypeAlias

from slo.config.names import Names
from slo.core.outcome import Outcome, Point
from slo.core.protocols import Check, F
from slo.core.sample import Sample
from slo.errors import Fault, UsageError
from slo.exposition.buffer import Serving
from slo.exposition.collected import Collected
from slo.runner.runner import Runner

STALE_ROUNDS = 3
"""After how many intervals a round is no news any more."""

SHOWN = 100
MOST_NAMED = 20

_Found: TypeAlias = tuple[Outcome, Iterable[Sample], Serving | None]
"""An outcome, the samples of its facts, and how they are served: None for those of a probe."""


class LastRounds:
    """Reads a runner's last outcomes. Samples are made as they are read: many never are."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def probe_samples(self) -> Iterator[tuple[Outcome, Iterable[Sample]]]:
        """The last outcomes of probes with the samples of their facts."""
        return ((outcome, samples) for outcome, samples, serving in self._all() if serving is None)

    def collected(self) -> Iterator[Collected]:
        """The last outcomes of collectors with the samples of their facts."""
        return (
            Collected(outcome=outcome, samples=samples, serving=serving)
            for outcome, samples, serving in self._all()
            if serving is not None
        )

    def scraped(self, collector: str, target: str, now: datetime) -> Collected | None:
        """The same of one target of a collector; None where there was no round yet, or none for `STALE_ROUNDS`.

        Raises UsageError where the collector has no such target: nobody is asked because somebody else says so.
        """
        point = collector, target, ""
        scheduled = self._runner.check(point)
        if scheduled is None or scheduled.serving is None:
            raise UsageError(self._no_target(collector, target))
        oldest = now - timedelta(seconds=STALE_ROUNDS * scheduled.interval_seconds)
        found = self._found(point)
        if found is None or found[0].at < oldest:
            return None
        outcome, samples, _ = found
        return Collected(outcome=outcome, samples=samples, serving=scheduled.serving)

    def _all(self) -> Iterator[_Found]:
        for point in list(self._runner.last):
            if (found := self._found(point)) is not None:
                yield found

    def _found(self, point: Point) -> "_Found | None":
        """The last round of a check, as it stands now; None where it is gone, or had none."""
        outcome, scheduled = self._runner.last.get(point), self._runner.check(point)
        if outcome is None or scheduled is None:
            return None
        facts = self._runner.last_facts.get(point)
        return outcome, () if facts is None else _made_when_read(scheduled.check, facts), scheduled.serving

    def _no_target(self, collector: str, target: str) -> str:
        points = [point for point in self._runner.last if (check := self._runner.check(point)) and check.serving]
        names = {name for name, _, _ in points}
        if collector in names:
            known, wrong = {at for name, at, _ in points if name == collector}, target
            return f"{collector} has no target {target[:SHOWN]!r}: {_mend(known, wrong)}"
        return f"there is no collector {collector[:SHOWN]!r}: {_mend(names, collector)}"


def _mend(known: Collection[str], wrong: str) -> str:
    if nearest := Names(known).nearest(wrong[:SHOWN]):
        return f"did you mean {nearest}?"
    some = sorted(known)[:MOST_NAMED]
    return f"there are {', '.join(some)}{' and others' if len(known) > len(some) else ''}" if some else "there is none"


def _made_when_read(check: Check[F], facts: F | Fault) -> Iterator[Sample]:
    yield from check.samples(facts)
