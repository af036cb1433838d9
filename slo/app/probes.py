"""The probes and collectors of a watch, or of an agent."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from typing import Protocol, cast

from slo.app.checks import check_of, watched_of
from slo.app.found import Followers, Labels
from slo.app.found_targets import Entry, Looks
from slo.app.last_rounds import LastRounds
from slo.app.watched_targets import Counting, Prepared, WatchedTargets
from slo.config.settings import CheckEntry, Settings
from slo.core.outcome import CheckKey, Outcome, Point
from slo.core.protocols import Called
from slo.exposition.process_catalogue import ProcessTelemetry
from slo.kinds import Kinds
from slo.net.context import Context
from slo.net.guard import Reach
from slo.runner.recent import Recent
from slo.sources.checks import Watched


class CountingRounds(Counting, Protocol):
    """Who makes something of the rounds of checks."""

    def observe(self, outcome: Outcome) -> None:
        """Count one round."""


class WatchedProbes(WatchedTargets):
    """Runs the checks of all probes and collectors, and has `counting` count their outcomes."""

    what = "probe"

    def __init__(
        self,
        kinds: Kinds,
        context: Context,
        *,
        followers: Followers,
        counting: CountingRounds,
        telemetry: ProcessTelemetry,
        ours: Callable[[CheckKey], bool] | None = None,
    ) -> None:
        super().__init__(
            context,
            followers=followers,
            counting=counting,
            rounds=telemetry.probes,
            targets=telemetry.probe_targets,
            refused=telemetry.targets_refused,
            ours=ours,
        )
        self.last_rounds = LastRounds(self._runner)
        self._kinds = kinds
        self._rounds = counting
        self._recent = Recent()

    def adopt(self, prepared: Prepared) -> None:
        """Watch what was prepared from now on, and nothing else. What did not change goes on as it was."""
        super().adopt(prepared)
        self._recent.keep({check.point for looks in self._looks.values() for check in looks})

    def observe(self, outcome: Outcome) -> None:
        """Count one round."""
        self._rounds.observe(outcome)
        self._recent.notice(outcome)

    def last_outcomes(self) -> Iterable[Outcome]:
        """The last outcome of every check that has had one."""
        return list(self._runner.last.values())

    def outcomes(self, probe: str) -> Sequence[Sequence[Outcome]]:
        """What is kept of each check of a probe that has had outcomes, newest first."""
        points = [point for point in self._runner.last if point[0] == probe]
        return [kept for point in points if (kept := self._recent.of(point))]

    def _entries(self, settings: Settings) -> Sequence[Entry]:
        return settings.checks

    def _made(self, entry: Entry, address: str, labels: Labels, context: Context, reach: Reach) -> Looks:
        assert isinstance(entry, CheckEntry) and entry.aimed  # noqa: S101, PT018  `targets_from` is refused for others
        target = entry.aimed(address, labels)
        return tuple(check_of(entry.name, target, point, self._kinds, context, reach=reach) for point in target.looks)

    def _relabelled(self, looks: Looks, labels: Labels) -> Looks:
        return tuple(replace(check, labels=labels) for check in looks)

    def _watched(self, looks: Looks) -> Watched:
        return watched_of(looks, cast("CheckEntry", self._now.found[looks[0].name].entry).quorum)

    def _changed(self) -> None:
        checks = [check.check for looks in self._looks.values() for check in looks]
        one_of_each = {type(check): check for check in checks}  # to ask all of 10,000 takes 0.1s
        called = tuple(type(check) for check in one_of_each.values() if isinstance(check, Called))
        self._context.calls.expect((check for check in checks if isinstance(check, called)), self._context.clock.now())

    def _left(self, points: Collection[Point]) -> None:
        self._recent.forget(points)
