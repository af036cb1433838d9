"""The last rounds that agents reported, for people and for what alerts say."""

from collections.abc import Callable, Collection, Sequence

from slo.app.judgement import Judgements
from slo.core.outcome import CheckKey, Outcome, Point
from slo.runner.recent import Recent


class ReportedRounds:
    """What agents saw last. `fed_by` are the SLIs that the rounds of a target count for.

    Each round is given to `forward` as well.
    """

    def __init__(
        self,
        judgements: Judgements,
        fed_by: Callable[[CheckKey], Sequence[str]],
        forward: Callable[[Outcome], None],
    ) -> None:
        self._judgements = judgements
        self._fed_by = fed_by
        self._forward = forward
        self._last: dict[Point, Outcome] = {}
        self._agents: dict[Point, str] = {}
        self._recent = Recent()

    def notice(self, outcome: Outcome, agent: str) -> None:
        """Keep a round that an agent reported, if none that is newer was reported."""
        self._forward(outcome)
        last = self._last.get(outcome.point)
        if last is not None and last.at >= outcome.at:
            return
        self._recent.notice(outcome)
        for sli in self._fed_by(outcome.key):
            self._judgements.notice(sli, outcome)
        self._last[outcome.point] = outcome
        self._agents[outcome.point] = agent

    def keep(self, targets: Collection[CheckKey]) -> None:
        """Keep nothing of any other target any more."""
        for point in [point for point in self._last if point[:2] not in targets]:
            for sli in self._fed_by(point[:2]):
                self._judgements.forget(sli, point[:2])
            del self._last[point], self._agents[point]
            self._recent.forget([point])

    def agent_of(self, point: Point) -> str:
        """Who reported the last round; empty where no agent did."""
        return self._agents.get(point, "")

    def last_outcomes(self) -> Sequence[Outcome]:
        """The last outcome of every target that is watched, from each vantage point."""
        return list(self._last.values())

    def outcomes(self, check: str) -> Sequence[Sequence[Outcome]]:
        """What is kept of each target of a check, newest first."""
        return [kept for point in self._last if point[0] == check and (kept := self._recent.of(point))]
