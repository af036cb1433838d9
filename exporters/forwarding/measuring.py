"""Metrics at a moment as records: what `/metrics` says, as far as somebody is to get it."""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache

from exporters.forwarding.selection import Selection
from slo.core.selector import METRIC_NAME
from slo.core.telemetry import PARTS_OF_HISTOGRAMS, TOTALS, Measured, Point, Rank
from slo.core.telemetry_document import written
from slo.exposition.parse import Exposition, SeriesCache, parse
from slo.exposition.render import CONTENT_TYPE
from slo.store.spooled import New

POINTS_A_RECORD = 500

MOST_NAMES = 10_000
"""Of how many names of metrics it is kept whether a forwarder gets them."""


class Reading:
    """Reads expositions for those who get something of them, whose `selections` these are: each line once for all."""

    def __init__(self, selections: Iterable[Selection]) -> None:
        self._selections = tuple(selections)
        self._cache = SeriesCache(self._wants)

    def read(self, exposition: bytes) -> Exposition:
        """What somebody is to get of it, if not everybody. It takes long: call it in a thread."""
        return parse(exposition, CONTENT_TYPE, self._cache)

    def _wants(self, labels: Mapping[str, str]) -> bool:
        name = labels[METRIC_NAME]  # totals are told as each slot closes
        return name not in TOTALS and any(selection.takes_metric(name) for selection in self._selections)


class Measuring:
    """Chooses what one forwarder gets of each exposition that was read.

    With `tells_ends` it is told as well of series that were in the one before and are not in this one.
    """

    def __init__(self, selection: Selection, *, tells_ends: bool) -> None:
        self._selection = selection
        self._takes_metric = lru_cache(MOST_NAMES)(selection.takes_metric)
        self._tells_ends = tells_ends
        self._before: dict[tuple[str, ...], Point] = {}

    def records(self, read: Exposition, at: datetime) -> list[New]:
        """What is to be told of an exposition. It takes long: call it in a thread."""
        points = [
            Point(name, _type_of(name, read.types), self._labels(labels), value)
            for name, labels, value, _ in read.samples
            if self._takes_metric(name) and self._selection.takes_series(labels)
        ]
        return [*_records(at, points, ended=False), *_records(at, self._ended(points), ended=True)]

    def _ended(self, points: Sequence[Point]) -> list[Point]:
        if not self._tells_ends:
            return []
        now = {(point.name, *point.labels, *point.labels.values()): point for point in points}
        before, self._before = self._before, now
        return [point._replace(value=math.nan) for series, point in before.items() if series not in now]

    def _labels(self, labels: Mapping[str, str]) -> dict[str, str]:
        return self._selection.labelled({name: value for name, value in labels.items() if name != METRIC_NAME})


def _type_of(name: str, types: Mapping[str, str]) -> str:
    """The type of a series: that of its family, whose name it has but for the ends that histograms have."""
    known = types.get(name)
    if known is not None:
        return known
    for end in PARTS_OF_HISTOGRAMS:
        if name.endswith(end) and (family := types.get(name.removesuffix(end))):
            return family
    return "untyped"


def _records(at: datetime, points: Sequence[Point], *, ended: bool) -> list[New]:
    parts = [points[start : start + POINTS_A_RECORD] for start in range(0, len(points), POINTS_A_RECORD)]
    bodies = [written(Measured(at=at, points=part, ended=ended)) for part in parts]
    return [New(rank=Rank.METRIC, at=at.timestamp(), body=body) for body in bodies]
