"""Scrapes as they come: kept until their slots close, and then counted.

What is looked out for are definitions, as they are configured; what is counted are SLIs, which for a definition with
`group_by` are those of its groups. A restart goes on from the watermarks of the targets: what their counters grew by
meanwhile is counted at the next scrape.
"""

import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from slo.core.sli import CountersSLI
from slo.exposition.parse import ScrapedSample
from slo.sources.counters import Counted, CounterSource
from slo.sources.increments import Ints
from slo.sources.knowledge import horizon_ms
from slo.sources.live_target import Endpoint, LiveTarget
from slo.sources.series import Labels, Wanted
from slo.sources.targets import FOREVER, Advance
from slo.sources.watermarks import Watermark, decode

NAMES, NUMBERS, ALL = "names:", "numbers:", "all"
"""How the parts of a target's watermark are called, and the mark of what is known of no single target."""

logger = logging.getLogger(__name__)


class ScrapedCounters:
    """The counters of all targets. `configure` it and tell it what to `count` before anything else."""

    def __init__(self, *, slot_seconds: int) -> None:
        self._source = CounterSource({}, slot_seconds=slot_seconds)
        self._live: dict[str, LiveTarget] = {}
        self._endpoints: Mapping[str, Endpoint] = {}
        self._followed: Mapping[str, CountersSLI] = {}
        self._looked_for: frozenset[str] = frozenset()
        self._taken_ms = self._closed_ms = 0
        self._carried: Mapping[str, int] = {}
        self._changed: set[str] = set()

    def configure(
        self, followed: Mapping[str, CountersSLI], targets: Mapping[str, Endpoint], marks: Mapping[str, bytes]
    ) -> None:
        """Look out for the series of these definitions, by key, on these targets, by name.

        What is known of targets that stay is kept. Others go on from their watermark, if `marks` has one. A target
        whose identity is another one than before begins anew.
        """
        self._followed = dict(followed)
        self._looked_for = frozenset(followed)
        if marks:
            try:
                self._closed_ms, self._carried = _of_all(marks[ALL])
            except (KeyError, TypeError, ValueError) as error:
                logger.warning("the watermarks are damaged, all targets begin anew", extra={"error": str(error)})
                marks = {}
        wanted = Wanted(followed.values())
        live: dict[str, LiveTarget] = {}
        begun, self._source.targets = self._source.targets, {}
        for name, endpoint in targets.items():
            interval_ms = round(endpoint.interval_seconds * 1000)
            if name in self._live:
                live[name] = self._live[name]
                live[name].is_now(endpoint.identity, before=live[name].identity)
                self._source.targets[name] = begun[name]
                begun[name].interval_ms = interval_ms
            else:
                target = self._source.begin(name, interval_ms=interval_ms)
                live[name] = LiveTarget(target, endpoint.identity, _mark(name, marks))
            live[name].keep(wanted)
        self._live, self._endpoints = live, dict(targets)

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
        """The names of the targets."""
        return tuple(self._live)

    def observe(self, name: str, at_ms: int, samples: Sequence[ScrapedSample]) -> None:
        """Take in one scrape that was complete at a time (Unix milliseconds). Unknown targets are passed over.

        Where slots up to that time are being closed already, it belongs to the next one.
        """
        if name in self._live:
            self._live[name].add(max(at_ms, self._taken_ms + 1), samples, self._looked_for)

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
        return [name for name, target in self._source.targets.items() if target.first_ms[index] < FOREVER]

    def possible(self, sli: CountersSLI) -> list[str]:
        """The targets that an SLI may be observed on: their labels are not such as its total does not take."""
        return [name for name, endpoint in self._endpoints.items() if sli.total.may_match(endpoint.labels)]

    def watermarks(self, *, whole: bool) -> Iterator[tuple[str, bytes]]:
        """The marks of what changed by the closings since they were asked for last; those before are still good.

        With `whole`, all marks. They are made one by one, and are to be kept together.
        """
        carried = zip(self._source.names, self._source.carried.tolist(), strict=True)
        of_all = {"closed_ms": self._closed_ms, "carried": {key: events for key, events in carried if events}}
        yield ALL, json.dumps(of_all).encode()
        changed, self._changed = self._changed, set()
        for name in self._live if whole else changed & self._live.keys():
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
