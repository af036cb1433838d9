"""Recorded counters as what is counted in slots: targets, scrapes, groups, in stretches of bounded size."""

import sys
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from slo.core.sli import CountersSLI
from slo.core.slo import SLO
from slo.replay.recording import Recording, TargetName
from slo.replay.replay import Stretch
from slo.sources.counters import CounterSource, Excess
from slo.sources.grouping import Groups
from slo.sources.knowledge import horizon_ms

MOST_VALUES = 1 << 20
"""How many values of scrapes are looked at together."""

LONGEST_STRETCH_SECONDS = 6 * 3600


def counted_by(slos: Iterable[SLO]) -> dict[str, CountersSLI]:
    """The SLIs of these SLOs that are counted from counters, by key."""
    return {slo.sli: slo.definition for slo in slos if isinstance(slo.definition, CountersSLI)}


def instances(slos: Iterable[SLO], recording: Recording) -> list[SLO]:
    """The SLOs, with those that stand for groups replaced by one for each group in the recording."""
    groups = Groups(slos, most=sys.maxsize)
    groups.find(series.labels for target in recording.targets.values() for series in target.series)
    return groups.slos


class Samples:
    """The stretches of a recording that is finished, for SLIs by key.

    `begin` is the slot end (Unix seconds) before the first scrape. Faults of the counters go into `excesses`.
    """

    def __init__(
        self, recording: Recording, slis: Mapping[str, CountersSLI], *, slot_seconds: int, step_seconds: int
    ) -> None:
        self.excesses: list[Excess] = []
        self._recording = recording
        self._slot_seconds = slot_seconds
        self._step_seconds = step_seconds
        first_ms, last_ms = recording.bounds_ms or (0, 0)
        self.begin = (-(-first_ms // (slot_seconds * 1000)) - 1) * slot_seconds
        self.end = -(-last_ms // (step_seconds * 1000)) * step_seconds
        self._source = CounterSource(slis, slot_seconds=slot_seconds)
        for name, target in recording.targets.items():
            if not len(target.scraped.times_ms):
                continue
            interval_ms = target.scraped.interval_ms
            leaves_ms = int(target.scraped.times_ms[-1]) + horizon_ms(interval_ms)
            begun = self._source.begin(_text(name), interval_ms=interval_ms, leaves_ms=leaves_ms)
            begun.follow(series.labels for series in target.series)

    def stretches(self) -> Iterator[Stretch]:
        """What was counted, stretch after stretch, each up to a step."""
        begin = self.begin
        length = self._length()
        while begin < self.end:
            end = min((begin // self._step_seconds + length) * self._step_seconds, self.end)
            ends = np.arange(begin + self._slot_seconds, end + 1, self._slot_seconds, dtype=np.int64)
            scrapes = {
                _text(name): self._recording.scrapes(target, begin * 1000, end * 1000)
                for name, target in self._recording.targets.items()
                if _text(name) in self._source.targets
            }
            counted = self._source.close(ends, scrapes)
            self.excesses.extend(counted.excesses)
            yield Stretch(until=end, blocks=(counted.block,), late=tuple(counted.late))
            begin = end

    def _length(self) -> int:
        """Of a stretch, in steps."""
        values_a_second = sum(
            len(target.series) * 1000 / target.scraped.interval_ms for target in self._recording.targets.values()
        )
        seconds = min(LONGEST_STRETCH_SECONDS, MOST_VALUES / max(values_a_second, 1))
        return max(1, int(seconds // self._step_seconds))


def _text(name: TargetName) -> str:
    return "/".join(name)
