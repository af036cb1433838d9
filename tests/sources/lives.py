"""Counters that are scraped, closed and killed as a watch does it: what tests of the live side are made of."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping

import numpy as np

from slo.core.deltas import Block
from slo.core.selector import parse_selector
from slo.core.sli import CountersSLI
from slo.exposition.parse import ScrapedSample
from slo.sources.counters import Excess
from slo.sources.endpoint import Endpoint
from slo.sources.scraped import ScrapedCounters
from slo.sources.selection import Wanted

SLOT = 10
INTERVAL = 15.0

Values = Mapping[str, float]
"""What series say, by how they are written: `requests_total{cluster="eu"}`; NaN for one that is missing."""


def an_sli(total: str = "requests_total", bad: str = "errors_total") -> CountersSLI:
    return CountersSLI(total=parse_selector(total), part=parse_selector(bad), part_is="bad")


def samples(values: Values) -> list[ScrapedSample]:
    """What the parser makes of them; the labels of each are an object of their own."""
    found: list[ScrapedSample] = []
    for written, value in values.items():
        if not math.isnan(value):
            selector = parse_selector(written)
            labels = {"__name__": selector.metric, **{m.label: m.value for m in selector.matchers}}
            found.append((selector.metric, labels, value, None))
    return found


class Life:
    """Counters that can be killed: what reached the disk is counted, and where the targets stood then.

    `identity` is that of every target; `counts` are good, bad, unknown and covered milliseconds by slot end and SLI.
    """

    def __init__(
        self,
        followed: Mapping[str, CountersSLI] | None = None,
        *,
        targets: Mapping[str, float] | None = None,
        now: int = 0,
    ) -> None:
        self.followed = followed or {"a": an_sli()}
        self.targets = targets or {"t": INTERVAL}
        self.marks: dict[str, bytes] = {}
        self.counts: defaultdict[tuple[int, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
        self.excesses: list[Excess] = []
        self.identity = ""
        self.start(now)

    def start(self, now: int) -> None:
        """Begin at a time (seconds) with what is on the disk; the life before is over."""
        self.now = now // SLOT * SLOT
        self.counters = ScrapedCounters(slot_seconds=SLOT)
        self.counters.configure(self.followed, self._endpoints, self.marks)
        self.counters.count(self.followed)

    def reload(self, followed: Mapping[str, CountersSLI], targets: Mapping[str, float] | None = None) -> None:
        """Go on with another configuration."""
        self.followed, self.targets = followed, targets or self.targets
        self.counters.configure(self.followed, self._endpoints, {})
        self.counters.count(self.followed)

    @property
    def _endpoints(self) -> dict[str, Endpoint]:
        return {
            name: Endpoint(interval_seconds=seconds, identity=self.identity) for name, seconds in self.targets.items()
        }

    def scrape(self, at_ms: int, values: Values, *, target: str = "t") -> None:
        wanted = Wanted(self.followed.values())
        self.counters.observe(target, at_ms, [sample for sample in samples(values) if wanted(sample[1])])

    def close(self, end: int) -> None:
        """Close every slot up to `end`, and write everything down."""
        ends = np.arange(self.now + SLOT, end + 1, SLOT, dtype=np.int64)
        for name in self.counters.targets:
            self.counters.take_in(name, end * 1000)
        advances = {name: self.counters.advance(name, ends) for name in self.counters.targets}
        counted = self.counters.close(ends, advances)
        for block in (counted.block, *(block for _, block in counted.late)):
            self._add(block)
        self.excesses += counted.excesses
        marks: dict[str, bytes | None] = {**self.marks, **dict(self.counters.watermarks(whole=False))}
        self.marks = {name: mark for name, mark in marks.items() if mark is not None}
        self.now = end

    def events(self, sli: str = "a") -> dict[int, tuple[int, int]]:
        """Good and bad events by slot end, where there are any."""
        return {
            end: (good, bad) for (end, key), (good, bad, *_) in sorted(self.counts.items()) if key == sli and good + bad
        }

    def covered(self, sli: str = "a") -> dict[int, int]:
        """Covered milliseconds by slot end."""
        return {end: row[3] for (end, key), row in sorted(self.counts.items()) if key == sli and row[3]}

    def everything(self) -> dict[tuple[int, str], list[int]]:
        """Whatever was counted, where it is not nothing."""
        return {place: row for place, row in sorted(self.counts.items()) if any(row)}

    def _add(self, block: Block) -> None:
        for span, end in enumerate(block.ends.tolist()):
            for column, key in enumerate(block.names):
                row = self.counts[end, key]
                for place, amount in enumerate(block.counts[:, span, column].tolist()):
                    row[place] += amount


def total(rows: Iterable[tuple[int, int]]) -> tuple[int, int]:
    """The sum of good and bad events."""
    found = list(rows)
    return sum(good for good, _ in found), sum(bad for _, bad in found)
