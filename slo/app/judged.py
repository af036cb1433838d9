"""What a watch makes of the rounds of its checks: counts of SLIs, groups of SLOs, and what alerts say of them."""

from collections.abc import Awaitable, Callable, Collection, Iterable

from slo.app.groups import WatchedGroups
from slo.app.judgement import Judgements
from slo.core.outcome import CheckKey, Outcome
from slo.runner.schedule import Scheduled
from slo.sources.checks import CheckSource, Watched


class Judged:
    """Counts rounds in `source`. `regroup` makes the SLOs of groups that were not there before.

    Each round is given to `forward` as well.
    """

    def __init__(
        self,
        source: CheckSource,
        *,
        groups: WatchedGroups,
        judgements: Judgements,
        regroup: Callable[[], Awaitable[None]],
        forward: Callable[[Outcome], None],
    ) -> None:
        self._source = source
        self._groups = groups
        self._judgements = judgements
        self._regroup = regroup
        self._forward = forward

    async def expect(self, targets: Collection[Scheduled]) -> None:
        """Have the groups of these targets judged."""
        self._groups.retarget("watch", targets)
        await self._regroup()

    def change(self, *, gone: Collection[CheckKey], watched: Iterable[Watched]) -> None:
        """Count these targets too, and no more those that are `gone`."""
        for key in gone:
            for sli in self._source.fed_by(key):
                self._judgements.forget(sli, key)
        self._source.change(gone=gone, watched=watched)

    def observe(self, outcome: Outcome) -> None:
        """Count one round."""
        for sli in self._source.fed_by(outcome.key):
            self._judgements.notice(sli, outcome)
        self._source.observe(outcome)
        self._forward(outcome)
