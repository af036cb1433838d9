"""Metrics at a moment as records: what `/metrics` says, as far as somebody is to get it."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from exporters.forwarding.selection import Selection
from slo.core.selector import METRIC_NAME
from slo.core.telemetry import Measured, Point, Rank
from slo.core.telemetry_document import written
from slo.exposition.parse import SeriesCache, parse
from slo.exposition.render import CONTENT_TYPE
from slo.store.spooled import New

POINTS_A_RECORD = 500

TOLD_BY_SLOT = frozenset({"slo_sli_good_total", "slo_sli_bad_total", "slo_sli_unknown_total"})
"""What `exporters.forwarding.counting` tells."""

_OF_HISTOGRAMS = ("_bucket", "_sum", "_count")


class Measuring:
    """Chooses what one forwarder gets of each exposition. A series is looked at once, and then known."""

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self._cache = SeriesCache(self._wants)

    def records(self, exposition: bytes, at: datetime) -> list[New]:
        """What is to be told of an exposition. It takes long: call it in a thread."""
        read = parse(exposition, CONTENT_TYPE, self._cache)
        points = [
            Point(name, _type_of(name, read.types), self._labels(labels), value)
            for name, labels, value, _ in read.samples
        ]
        starts = range(0, len(points), POINTS_A_RECORD)
        return [_record(at, points[start : start + POINTS_A_RECORD]) for start in starts]

    def _wants(self, labels: Mapping[str, str]) -> bool:
        name = labels[METRIC_NAME]
        return self._selection.takes_metric(name) and name not in TOLD_BY_SLOT and self._selection.takes_series(labels)

    def _labels(self, labels: Mapping[str, str]) -> dict[str, str]:
        return self._selection.labelled({name: value for name, value in labels.items() if name != METRIC_NAME})


def _type_of(name: str, types: Mapping[str, str]) -> str:
    """The type of a series: that of its family, whose name it has but for the ends that histograms have."""
    known = types.get(name)
    if known is not None:
        return known
    for end in _OF_HISTOGRAMS:
        if name.endswith(end) and (family := types.get(name.removesuffix(end))):
            return family
    return "untyped"


def _record(at: datetime, points: Sequence[Point]) -> New:
    return New(rank=Rank.METRIC, at=at.timestamp(), body=written(Measured(at=at, points=points)))
