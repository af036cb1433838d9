"""The targets that cannot be scraped at the moment: why, since when, and whose fault it is that an SLI has no data."""

import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from slo.core.outcome import Outcome
from slo.core.reason import State

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Lost:
    """The data of an SLI that nothing came of since `since`; `at_fault` where a target itself is to blame for that."""

    since: datetime
    at_fault: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class _Failing:
    """A target that fails: its newest outcome, and since when all of them have been of the same state.

    `told` are the reasons that were told of, since it was well.
    """

    since: datetime
    outcome: Outcome
    told: frozenset[str]


class Failures:
    """The targets that fail, by name."""

    def __init__(self) -> None:
        self._failing: dict[str, _Failing] = {}

    def __len__(self) -> int:
        return len(self._failing)

    def notice(self, name: str, outcome: Outcome) -> None:
        """Take in what came of a scrape of a target; the log has each reason once until the target is well."""
        before = self._failing.pop(name, None)
        told = before.told if before else frozenset()
        about = {"scrape": outcome.check, "target": outcome.target}
        if outcome.state is State.GOOD:
            if before:
                logger.warning("a target is scraped again", extra=about)
            return
        if outcome.reason not in told:
            failed = {"reason": outcome.reason, "detail": outcome.detail}
            logger.warning("a target cannot be scraped, what it counts is not known", extra=about | failed)
        goes_on = before is not None and before.outcome.state is outcome.state
        self._failing[name] = _Failing(
            since=before.since if before and goes_on else outcome.at, outcome=outcome, told=told | {outcome.reason}
        )

    def forget(self, target: str) -> None:
        """It is not scraped any more."""
        self._failing.pop(target, None)

    def newest(self, targets: Iterable[str]) -> Outcome | None:
        """The newest failure of these targets; None where none of them fails."""
        failed = [self._failing[name].outcome for name in targets if name in self._failing]
        return max(failed, key=lambda outcome: outcome.at, default=None)

    def lost(self, feeding: Collection[str], *, possible: Collection[str], since: datetime) -> Lost:
        """Whose fault it is that an SLI has no data since then: `feeding` are the targets that it was ever observed on.

        `possible` are those that it may be observed on, by their labels. A target is at fault only since it has failed
        by itself without a break. Where an SLI was never observed, its series may belong to a target that is well and
        does not have them: only if all of these are at fault, one is.
        """
        targets = feeding or possible
        failing = [self._failing[name] for name in targets if name in self._failing]
        at_fault = [each.since for each in failing if each.outcome.state is State.BAD]
        if not at_fault or (not feeding and len(at_fault) < len(targets)):
            return Lost(since=since, at_fault=False)
        return Lost(since=max(since, min(at_fault)), at_fault=True)
