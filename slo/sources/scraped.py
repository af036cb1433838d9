"""Scrapes as they come: kept until their slots close, and then counted.

A restart goes on from the watermarks of the targets: what their counters grew by meanwhile is counted at the next
scrape.
"""

import json
import logging
import math
from collections.abc import Iterable, Mapping

import numpy as np

from slo.core.sli import CountersSLI
from slo.exposition.parse import ScrapedSample
from slo.sources.counters import Counted, CounterSource
from slo.sources.increments import Floats, Ints
from slo.sources.series import Labels, Wanted
from slo.sources.targets import Target
from slo.sources.watermarks import restore, watermark

CARRIED = ":carried"
"""The name of the mark that holds the excesses that are carried; no target has it."""

logger = logging.getLogger(__name__)


class _Live:
    """One target between two closings: its columns, and the rows that wait."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.series: list[Labels] = []
        self.column: dict[frozenset[tuple[str, str]], int] = {}
        self.unknown_slis: set[int] = set()
        self.rows: list[tuple[int, dict[int, float]]] = []

    def take(self, series: Iterable[Labels]) -> None:
        for labels in series:
            self.column[frozenset(labels.items())] = len(self.series)
            self.series.append(labels)

    def scrapes(self) -> tuple[Ints, Floats]:
        """The rows that wait, as arrays; they wait no longer."""
        values = np.full((len(self.rows), len(self.series)), math.nan)
        for row, (_, found) in enumerate(self.rows):
            values[row, list(found)] = list(found.values())
        times_ms = np.array([at_ms for at_ms, _ in self.rows], np.int64)
        self.rows = []
        return times_ms, values


class ScrapedCounters:
    """The SLIs of `slis` (by key) over targets: name -> interval in seconds.

    `marks` are the watermarks that an earlier run left. An SLI that a target knows from them goes on; for another one
    the first scrape is the baseline, unless its key is in `followed`: its series were looked out for all the time.
    """

    def __init__(
        self,
        slis: Mapping[str, CountersSLI],
        *,
        slot_seconds: int,
        targets: Mapping[str, float],
        marks: Mapping[str, bytes],
        followed: Iterable[str] = (),
    ) -> None:
        self._source = CounterSource(slis, slot_seconds=slot_seconds)
        self._wanted = Wanted(slis.values())
        self._live: dict[str, _Live] = {}
        self._changed: set[str] = set()
        carried = json.loads(marks.get(CARRIED, b"{}"))
        self._source.carried[:] = [carried.get(key, 0) for key in slis]
        for name, interval_seconds in targets.items():
            target = self._source.begin(name, interval_ms=round(interval_seconds * 1000))
            live = self._live[name] = _Live(target)
            if name in marks:
                self._restore(name, live, marks[name], set(followed))

    @property
    def series(self) -> Iterable[Labels]:
        """The labels of every series that is followed."""
        return (labels for live in self._live.values() for labels in live.series)

    def observe(self, name: str, at_ms: int, samples: Iterable[ScrapedSample]) -> None:
        """Take in one scrape that was complete at a time (Unix milliseconds). Unknown targets are passed over."""
        live = self._live.get(name)
        if live is None:
            return
        if live.rows and at_ms <= live.rows[-1][0]:
            return  # the clock stood still: the next scrape has it all
        new: dict[bool, list[Labels]] = {False: [], True: []}
        found: list[tuple[frozenset[tuple[str, str]], float]] = []
        for _, labels, value, _ in samples:
            key = frozenset(labels.items())
            found.append((key, value))
            if key not in live.column:
                new[self._only_now(live, labels)].append(labels)
        for since_now, series in new.items():
            if series:
                live.take(series)
                live.target.follow(series, followed_since_now=since_now)
        live.unknown_slis.clear()
        live.rows.append((at_ms, {live.column[key]: value for key, value in found}))

    def close(self, ends: Ints) -> Counted:
        """Count the slots that end at `ends` (Unix seconds, in a row), with every scrape so far."""
        self._changed |= {name for name, live in self._live.items() if live.rows}
        return self._source.close(ends, {name: live.scrapes() for name, live in self._live.items()})

    def watermarks(self) -> dict[str, bytes]:
        """The state after the last closing, of the targets that were scraped since it was asked for last."""
        changed, self._changed = self._changed, set()
        if not changed:
            return {}
        marks = {
            name: watermark(live.target, live.series, self._source.names)
            for name, live in self._live.items()
            if name in changed
        }
        carried = dict(zip(self._source.names, self._source.carried.tolist(), strict=True))
        return {CARRIED: json.dumps({key: events for key, events in carried.items() if events}).encode(), **marks}

    def _restore(self, name: str, live: _Live, mark: bytes, followed: set[str]) -> None:
        try:
            series, known = restore(live.target, mark, self._source.names, self._wanted)
        except ValueError as error:
            # Its counters begin anew with the next scrape, which is a baseline.
            logger.warning("the watermark of a target is damaged", extra={"scrape": name, "error": str(error)})
            live.target = self._source.begin(name, interval_ms=live.target.interval_ms)
            return
        live.take(series)
        going_on = followed.union(known)
        live.unknown_slis = {index for index, key in enumerate(self._source.names) if key not in going_on}

    def _only_now(self, live: _Live, labels: Labels) -> bool:
        """Whether a series that a target shows for the first time is looked out for only since now."""
        if not live.unknown_slis:
            return False
        slis = self._source.slis
        return not any(
            slis[index].total.matches(labels) or slis[index].part.matches(labels)
            for index in range(len(slis))
            if index not in live.unknown_slis
        )
