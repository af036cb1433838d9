"""The targets of scrapes that agents make: which there are, and what was heard of each last."""

import json
import logging
from collections import Counter as Tally
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from slo.config.settings import ScrapeEntry
from slo.config.target_keys import MOST_TARGETS
from slo.core.outcome import CheckKey, Outcome
from slo.exposition.sparing import Sparing
from slo.sources.checks import Watched
from slo.sources.counters import LONGEST_LATE_MS
from slo.sources.scraped import NAMES

COMPLAIN_EVERY_SECONDS = 3600.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """A target, and when the newest scrape that was reported was complete (Unix milliseconds), with its number."""

    watched: Watched
    at_ms: int
    number: int = -1


class ReportedTargets:
    """What was heard of the targets of `entries`, those of the scrapes that agents make, by name."""

    def __init__(self) -> None:
        self.entries: Mapping[str, ScrapeEntry] = {}
        self._heard: dict[CheckKey, Heard] = {}
        self._log = Sparing(logger, every_seconds=COMPLAIN_EVERY_SECONDS)

    @property
    def watched(self) -> list[Watched]:
        """The targets that were heard of."""
        return [heard.watched for heard in self._heard.values()]

    @property
    def number(self) -> Mapping[str, int]:
        """How many targets there are of each scrape."""
        return Tally(check for check, _ in self._heard)

    def configure(self, entries: Mapping[str, ScrapeEntry]) -> None:
        """Hear of these scrapes from now on. What was heard of those that stay is kept."""
        self.entries = entries
        self._heard = {key: heard for key, heard in self._heard.items() if self._is_ours(*key)}

    def restore(self, watched: Watched, at_ms: int) -> None:
        """A target was heard of before a restart, up to a time."""
        self._heard[watched.key] = Heard(watched=watched, at_ms=at_ms)

    def hear(self, outcome: Outcome, at_ms: int) -> Watched | None:
        """A scrape was reported that was complete at a time: its target; None where it is to be passed over.

        It is where it is not newer than the one before, where it is the same round from another agent, and where the
        target is of no scrape, or of one with as many as it may have.
        """
        before = self._heard.get(outcome.key)
        if before is not None and (at_ms <= before.at_ms or outcome.number == before.number):
            return None
        if before is None and (not self._is_ours(*outcome.key) or self._is_full(outcome.check)):
            return None
        interval_seconds = self._interval_seconds(*outcome.key)
        watched = Watched(
            check=outcome.check, target=outcome.target, interval_seconds=interval_seconds, labels=dict(outcome.labels)
        )
        if before is not None and before.watched == watched:
            watched = before.watched
        self._heard[outcome.key] = Heard(watched=watched, at_ms=at_ms, number=outcome.number)
        return watched

    def is_over(self, key: CheckKey, at_ms: int) -> bool:
        """Whether a target is gone of which somebody says so, since a time: not if it was heard of after that."""
        heard = self._heard.get(key)
        return heard is not None and heard.at_ms <= at_ms

    def silent(self, now_ms: int) -> list[CheckKey]:
        """The targets that nobody has reported for as long as a report may be late."""
        return [key for key, heard in self._heard.items() if heard.at_ms <= now_ms - LONGEST_LATE_MS]

    def forget(self, key: CheckKey) -> None:
        """A target is gone."""
        del self._heard[key]

    def marked(self, marks: Mapping[str, bytes]) -> Iterator[Watched]:
        """The targets of these scrapes that watermarks are of."""
        for name, mark in marks.items():
            check, _, target = name.removeprefix(NAMES).partition(" ")
            if not name.startswith(NAMES) or check not in self.entries:
                continue
            try:
                url, labels, _ = json.loads(json.loads(mark)["identity"])
                watched = Watched(
                    check=check,
                    target=str(url),
                    interval_seconds=self._interval_seconds(check, url),
                    labels={str(label): str(value) for label, value in labels},
                )
            except (KeyError, TypeError, ValueError):
                continue  # it begins anew when it is heard of
            if self._is_ours(check, watched.target) and target in ("", watched.target):
                yield watched

    def _is_ours(self, check: str, target: str) -> bool:
        """Whether a scrape may have that target: any where others are found, else those that are written."""
        entry = self.entries.get(check)
        return entry is not None and (bool(entry.discoveries) or target in _written(entry))

    def _is_full(self, check: str) -> bool:
        if self.number[check] < MOST_TARGETS:
            return False
        message = "agents report more targets of a scrape than are counted: write several"
        self._log.tell(logging.ERROR, message, key=check, extra={"scrape": check, "counted": MOST_TARGETS})
        return True

    def _interval_seconds(self, check: str, target: str) -> float:
        entry = self.entries[check]
        return _written(entry).get(target, entry.interval.total_seconds())


def _written(entry: ScrapeEntry) -> Mapping[str, float]:
    """The targets of a scrape that are written, with their intervals (seconds)."""
    return {getattr(target.config, "url", ""): target.interval.total_seconds() for target in entry.targets}
