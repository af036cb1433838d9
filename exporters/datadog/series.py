"""Counts and metrics as series of Datadog's metrics API v2.

Of the points of a series with the same time Datadog keeps the last. So one that is sent again is no second one, and two
that both count must not share series and time. A slot has one point, at its beginning, as Datadog's own agent has it.
What is counted of a slot later on goes beside it, to a series with the tag `correction`, at a time within the slot at
whose closing it was told: no two corrections share both, whatever is sent again and in whichever batch.

Sources: https://docs.datadoghq.com/api/latest/metrics/submit-metrics/ and
https://docs.datadoghq.com/metrics/introduction/
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from typing import NamedTuple

from exporters.datadog.tags import host_of, metric_name, tags_of
from slo.core.telemetry import Counted, Counts3, Measured, Record
from slo.core.telemetry_document import read

COUNTS = tuple(f"slo_sli_{state}" for state in Counts3._fields)
"""What the counts of an SLI are called, in their order: not `_total`, since each point says what is new."""

CORRECTION = "correction"

COUNT, GAUGE = 1, 3
"""Types of metrics, by Datadog's numbers."""

MOST_KEPT = 200_000
"""Of how many series the bytes are kept; where there are more, it begins anew."""


class _Head(NamedTuple):
    """A series but for its points, as JSON."""

    before: bytes
    after: bytes


class SeriesWriter:
    """Writes records as one request. Keeps what it has written of each series."""

    def __init__(self) -> None:
        self._heads: dict[tuple[object, ...], _Head] = {}

    def write(self, records: Sequence[Record]) -> bytes:
        """The body for these records; empty where they have no point. Raises ValueError for one that is no metric."""
        points: dict[_Head, list[bytes]] = {}
        for record in records:
            telemetry = read(record.body)
            match telemetry:
                case Counted():
                    found = self._counted(telemetry, int(record.at))
                case Measured():
                    found = self._measured(telemetry)
                case _:
                    raise ValueError("a log is no metric")
            for head, seconds, value in found:
                points.setdefault(head, []).append(b'{"timestamp":%d,"value":%s}' % (seconds, _number(value)))
        if not points:
            return b""
        return b'{"series":[%s]}' % b",".join(
            head.before + b",".join(written) + head.after for head, written in points.items()
        )

    def _counted(self, counted: Counted, told_at: int) -> Iterator[tuple[_Head, int, float]]:
        labels, seconds = counted.labels, counted.end - counted.seconds
        if counted.correction:
            late = max(0, told_at - counted.end) // counted.seconds
            batch, within = divmod(late, counted.seconds)
            labels, seconds = {**labels, CORRECTION: str(batch)}, told_at - counted.seconds - within
        for name, count in zip(COUNTS, counted.counts, strict=True):
            if count or not counted.correction:
                yield self._head(name, COUNT, labels, counted.seconds), seconds, count

    def _measured(self, measured: Measured) -> Iterator[tuple[_Head, int, float]]:
        """What is no number is left out: JSON has no word for it, and Datadog draws a gap."""
        seconds = int(measured.at.timestamp())
        for name, _, labels, value in measured.points:
            if isfinite(value):
                yield self._head(name, GAUGE, labels, 0), seconds, value

    def _head(self, name: str, kind: int, labels: Mapping[str, str], interval: int) -> _Head:
        key = (name, interval, *labels, *labels.values())
        head = self._heads.get(key)
        if head is None:
            if len(self._heads) >= MOST_KEPT:
                self._heads.clear()
            head = self._heads[key] = _head(name, kind, labels, interval)
        return head


def _head(name: str, kind: int, labels: Mapping[str, str], interval: int) -> _Head:
    series: dict[str, object] = {"metric": metric_name(name), "type": kind}
    if interval:
        series["interval"] = interval
    series["tags"] = tags_of(labels)
    if host := host_of(labels):
        series["resources"] = [{"name": host, "type": "host"}]
    return _Head(json.dumps(series, separators=(",", ":")).encode()[:-1] + b',"points":[', b"]}")


def _number(value: float) -> bytes:
    return repr(value).encode()
