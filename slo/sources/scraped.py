"""Scrapes as they come: kept until their slots close, and then counted.

What is looked out for are definitions, as they are configured; what is counted are SLIs, which for a definition with
`group_by` are those of its groups. A restart goes on from the watermarks of the targets: what their counters grew by
meanwhile is counted at the next scrape. A target that is gone counts what it was scraped for, and leaves no watermark.
"""

import json
import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from slo.core.batch import Series
from slo.core.sli import CountersSLI
from slo.exposition.parse import ScrapedSample
from slo.sources.counters import LONGEST_LATE_MS, Counted, CounterSource
from slo.sources.endpoint import Endpoint
from slo.sources.increments import NEVER, Ints
from slo.sources.knowledge import horizon_ms
from slo.sources.live_target import LiveTarget
from slo.sources.selection import Labels, Wanted
from slo.sources.stay import FOREVER
from slo.sources.targets import Advance
from slo.sources.watermarks import Watermark, decode

NAMES, NUMBERS, ALL = "names:", "numbers:", "all"
"""How the parts of a target's watermark are called, and the mark of what is known of no single target."""

_NO_MARKS: Mapping[str, bytes] = MappingProxyType({})

logger = logging.getLogger(__name__)


class ScrapedCounters:
    """The counters of all targets. `configure` it and tell it what to `count` before anything else."""

    def __init__(self, *, slot_seconds: int) -> None:
        self._source = CounterSource({}, slot_seconds=slot_seconds)
        self._live: dict[str, LiveTarget] = {}
        self._endpoints: dict[str, Endpoint] = {}
        self._wanted = Wanted(())
        self._followed: Mapping[str, CountersSLI] = {}
        self._looked_for: frozenset[str] = frozenset()
        self._taken_ms = self._closed_ms = 0
        self._carried: Mapping[str, int] = {}
        self._changed: set[str] = set()
        self._leaving: set[str] = set()

    def configure(
        self, followed: Mapping[str, CountersSLI], targets: Mapping[str, Endpoint], marks: Mapping[str, bytes]
    ) -> None:
        """Look out for the series of these definitions, by key, on these targets, by name.

        What is known of targets that stay is kept; those that are not among them leave. New ones go on from their
        watermark, if `marks` has one. A target whose identity is another one than before begins anew.
        """
        self._followed = dict(followed)
        self._looked_for = frozenset(followed)
        if marks:
            try:
                self._closed_ms, self._carried = _of_all(marks[ALL])
            except (KeyError, TypeError, ValueError) as error:
                logger.warning("the watermarks are damaged, all targets begin anew", extra={"error": str(error)})
                marks = {}
        self._wanted = Wanted(followed.values())
        for live in self._live.values():
            live.keep(self._wanted)
        self.leave(self._endpoints.keys() - targets.keys())
        self.add(targets, marks)

    def add(self, targets: Mapping[str, Endpoint], marks: Mapping[str, bytes] = _NO_MARKS) -> bool:
        """Look out for series on these targets too; see `configure`. Whether one of them begins anew."""
        others = False
        for name, endpoint in targets.items():
            interval_ms = round(endpoint.interval_seconds * 1000)
            if name in self._live:
                live = self._live[name]
                others |= live.identity != endpoint.identity
                live.is_now(endpoint.identity, before=live.identity)
                live.target.interval_ms, live.target.stay.leaves_ms = interval_ms, FOREVER
            else:
                target = self._source.begin(name, interval_ms=interval_ms)
                live = self._live[name] = LiveTarget(target, endpoint.identity, _mark(name, marks))
                live.keep(self._wanted)
            self._endpoints[name] = endpoint
        self._leaving -= targets.keys()
        return others

    def leave(self, names: Iterable[str], *, since_ms: int = 0) -> None:
        """Nobody wants these targets scraped any more, since a time: they are gone once what they said is counted.

        Of one that comes back after that nothing is known.
        """
        for name in names:
            live = self._live[name]
            counted_ms = min(self._closed_ms, int(live.target.until_ms.max(initial=0)))
            live.target.stay.leaves_ms = max(since_ms, live.newest_ms, counted_ms)
            del self._endpoints[name]
            self._leaving.add(name)

    def count(self, slis: Mapping[str, CountersSLI]) -> None:
        """Count these SLIs, by key, from the next closing on. What is known of those that stay is kept."""
        self._source.replace(slis)
        for index, key in enumerate(slis):
            self._source.carried[index] += self._carried.get(key, 0)
        self._carried = {}
        for live in self._live.values():
            if live.mark:
                live.mark.restore_slis(live.target, self._source.names, self._closed_ms)
                live.mark = None

    @property
    def series(self) -> Iterator[Labels]:
        """The labels of every series that is followed, target by target."""
        return (labels for live in self._live.values() for labels in live.series)

    @property
    def targets(self) -> Sequence[str]:
        """The names of the targets, with those that leave."""
        return tuple(self._live)

    def __contains__(self, name: object) -> bool:
        """Whether a target is one that does not leave."""
        return name in self._endpoints

    def scraped_until(self, name: str) -> int:
        """The time of the newest scrape of a target (Unix milliseconds); NEVER without one."""
        return self._live[name].newest_ms if name in self._endpoints else NEVER

    def report(self, name: str, at_ms: int, series: Iterable[Series], looked_for: Collection[str]) -> None:
        """Take in one scrape that somebody else made, as `observe` does.

        `looked_for` are the definitions whose series it looked out for, as far as they are looked out for here.
        """
        if name in self._endpoints and at_ms > self._taken_ms - LONGEST_LATE_MS:
            samples = [
                (labels.get("__name__", ""), labels, value, None) for labels, value in series if self._wanted(labels)
            ]
            self._live[name].add(at_ms, samples, self._looked_for & {*looked_for})

    def observe(self, name: str, at_ms: int, samples: Sequence[ScrapedSample]) -> None:
        """Take in one scrape that was complete at a time (Unix milliseconds). Unknown targets are passed over.

        Where slots up to that time are being closed already, it comes late, which is a day at most. The scrapes of a
        target come in the order of their times: one that is not newer than the one before it is passed over.
        """
        if name in self._endpoints and at_ms > self._taken_ms - LONGEST_LATE_MS:
            self._live[name].add(at_ms, samples, self._looked_for)

    def take_in(self, name: str, until_ms: int) -> list[Labels]:
        """Have the scrapes of a target up to a time ready to be counted; the series that are new."""
        self._taken_ms = until_ms
        return self._live[name].take_in(until_ms, self._followed)

    def advance(self, name: str, ends: Ints) -> Advance:
        """Count what was taken in of one target for slots that end at `ends` (Unix seconds, in a row)."""
        times_ms, values = self._live[name].scrapes(int(ends[-1]) * 1000)
        if times_ms.size:
            self._changed.add(name)
        return self._source.advance(name, times_ms, values, ends)

    def close(self, ends: Ints, advances: Mapping[str, Advance]) -> Counted:
        """What the slots hold that end at `ends`, when every target has been advanced to them."""
        self._closed_ms = int(ends[-1]) * 1000
        return self._source.combine(ends, advances)

    def observations(self) -> Iterator[tuple[str, int, int]]:
        """Each SLI with when it was last observed on any target, and until when that is good (Unix milliseconds)."""
        last = np.zeros(len(self._source.names), np.int64)
        until = np.zeros_like(last)
        for target in self._source.targets.values():
            until = np.maximum(until, target.until_ms)
            last = np.maximum(last, target.until_ms - horizon_ms(target.interval_ms))
        return zip(self._source.names, last.tolist(), until.tolist(), strict=True)

    def feeding(self, sli: str) -> list[str]:
        """The targets that an SLI was ever observed on."""
        index = self._source.names.index(sli)
        return [name for name, target in self._source.targets.items() if target.stay.first_ms[index] < FOREVER]

    def possible(self, sli: CountersSLI) -> list[str]:
        """The targets that an SLI may be observed on: their labels are not such as its total does not take."""
        return [name for name, endpoint in self._endpoints.items() if sli.total.may_match(endpoint.labels)]

    def watermarks(self, *, whole: bool) -> Iterator[tuple[str, bytes | None]]:
        """The marks of what changed by the closings since they were asked for last; those before are still good.

        With `whole`, all marks. They are made one by one, and are to be kept together. Those of targets that are gone
        are None, which are forgotten.
        """
        gone = {name for name in self._leaving if self._live[name].target.stay.leaves_ms <= self._closed_ms}
        if gone:  # all of them at once: while the marks are asked for, one may come back
            self._live = {name: live for name, live in self._live.items() if name not in gone}
            self._leaving.difference_update(gone)
            self._source.end(gone, now_ms=self._closed_ms)
        for name in gone:
            yield from ((NAMES + name, None), (NUMBERS + name, None))
        carried = zip(self._source.names, self._source.carried.tolist(), strict=True)
        of_all = {"closed_ms": self._closed_ms, "carried": {key: events for key, events in carried if events}}
        yield ALL, json.dumps(of_all).encode()
        changed, self._changed = self._changed, set()
        for name in tuple(self._live) if whole else changed & self._live.keys():
            self._live[name].forget()
            names, numbers = self._live[name].watermark(self._source.names, whole=whole)
            yield NUMBERS + name, numbers
            if names is not None:
                yield NAMES + name, names


def obsolete(marks: Mapping[str, bytes], targets: Iterable[str]) -> set[str]:
    """The names of marks that are of no target any more."""
    return marks.keys() - {ALL, *(part + name for name in targets for part in (NAMES, NUMBERS))}


def _of_all(mark: bytes) -> tuple[int, Mapping[str, int]]:
    """Up to when slots were closed (Unix milliseconds), and the excesses that are carried, by SLI."""
    document = json.loads(mark)
    return int(document["closed_ms"]), dict(document["carried"])


def _mark(name: str, marks: Mapping[str, bytes]) -> Watermark | None:
    if NAMES + name not in marks and NUMBERS + name not in marks:
        return None
    try:
        return decode(marks[NAMES + name], marks[NUMBERS + name])
    except (KeyError, ValueError) as error:
        # Its counters begin anew with the next scrape, which is a baseline.
        logger.warning("the watermark of a target is damaged", extra={"scrape": name, "error": str(error)})
        return None
