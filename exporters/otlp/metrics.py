"""ExportMetricsServiceRequest of OTLP, as protobuf writes it.

    message ExportMetricsServiceRequest { repeated ResourceMetrics resource_metrics = 1; }
    message ResourceMetrics { Resource resource = 1; repeated ScopeMetrics scope_metrics = 2; }
    message ScopeMetrics    { InstrumentationScope scope = 1; repeated Metric metrics = 2; }
    message Metric          { string name = 1; oneof data { Gauge gauge = 5; Sum sum = 7; } }
    message Gauge           { repeated NumberDataPoint data_points = 1; }
    message Sum             { repeated NumberDataPoint data_points = 1;
                              AggregationTemporality aggregation_temporality = 2; bool is_monotonic = 3; }
    message NumberDataPoint { repeated KeyValue attributes = 7; fixed64 start_time_unix_nano = 2;
                              fixed64 time_unix_nano = 3; double as_double = 4; sfixed64 as_int = 6;
                              uint32 flags = 8; }

Series say the same attributes each time, so that their bytes are kept; what remains for each point is its value and its
times. Field numbers: https://github.com/open-telemetry/opentelemetry-proto, metrics/v1/metrics.proto.
"""

import struct
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from exporters.otlp.attributes import attribute, of_resource, resource
from exporters.protobuf import field, tag, text, varint
from slo.core.telemetry import PARTS_OF_HISTOGRAMS, Counted, Logged, Measured, Record, Telemetry
from slo.core.telemetry_document import read

MOST_KEPT = 200_000
"""How many series are remembered; where there are more, it begins anew."""

_Written: TypeAlias = dict[bytes, dict[tuple[str, bool], list[bytes]]]
"""Points as bytes, by what they are of: a resource, and in it a metric."""

_NAME, _GAUGE, _SUM, _POINT, _POINT_ATTRIBUTE = tag(1), tag(5), tag(7), tag(1), tag(7)
_METRIC = tag(2)
_START_TAG, _TIME_TAG = tag(2, wire_type=1)[0], tag(3, wire_type=1)[0]
_DOUBLE_TAG, _INTEGER_TAG = tag(4, wire_type=1)[0], tag(6, wire_type=1)[0]
_TIME = struct.Struct("<BQ")
_DOUBLE, _INTEGER = struct.Struct("<Bd"), struct.Struct("<Bq")
_CUMULATIVE_AND_MONOTONIC = b"\x10\x02\x18\x01"
_NO_RECORDED_VALUE = tag(8, wire_type=0) + b"\x01"
"""The flag of a point that says that there are no more."""
_VALUE_AND_TIME_BYTES = _TIME.size + _DOUBLE.size


class _Series:
    """What is remembered of a series: its bytes, and of one that only grows how far it had come."""

    __slots__ = ("attributes", "head", "resource", "start", "time", "value")

    def __init__(self, attributes: bytes, described: bytes) -> None:
        self.attributes = attributes
        self.head = _POINT + varint(len(attributes) + _VALUE_AND_TIME_BYTES) + attributes
        self.resource = described
        self.start = 0
        self.time = 0
        self.value = 0.0

    def started(self, time: int, value: float) -> int:
        """When what is counted at that time began, as far as that is known: 0 where it is not."""
        if time > self.time:
            if value < self.value:
                self.start = self.time
            self.time, self.value = time, value
        return self.start if self.start < time else 0


class MetricsWriter:
    """Writes records as one request. Remembers the series that it has written.

    When a total began is not known: it outlives the watch, and counters of others were there before. So no start is
    given, which OTLP allows, and receivers go by the differences. Were it the start of the watch, a receiver that adds
    up differences would lose or double what lies between the last point before a restart and the first one after it.
    Where a total went back, it began anew after the last point: that start is known, and given.
    """

    def __init__(self, resource_attributes: Mapping[str, str]) -> None:
        self._added = dict(resource_attributes)
        self._series: dict[tuple[str, ...], _Series] = {}

    def write(self, records: Sequence[Record]) -> bytes:
        """The request of these records, uncompressed. Raises ValueError for one that cannot be read."""
        written: _Written = {}
        for record in records:
            try:
                self._add(written, read(record.body))
            except struct.error as error:
                raise ValueError(f"a value or a time is out of range: {error}") from error
        return b"".join(
            of_resource(
                described, b"".join(_metric(name, points, grows=grows) for (name, grows), points in metrics.items())
            )
            for described, metrics in written.items()
        )

    def _add(self, written: _Written, telemetry: Telemetry) -> None:
        if isinstance(telemetry, Logged):
            raise ValueError("it is a log among metrics")
        time = round(telemetry.moment * 1_000_000) * 1_000
        time_bytes = _TIME.pack(_TIME_TAG, time)
        kind, kind_tag = (_INTEGER, _INTEGER_TAG) if isinstance(telemetry, Counted) else (_DOUBLE, _DOUBLE_TAG)
        ended = isinstance(telemetry, Measured) and telemetry.ended
        for name, type_, labels, value in telemetry.points:
            series, grows = self._known(name, labels), _grows(name, type_)
            points = written.setdefault(series.resource, {}).setdefault((name, grows), [])
            if ended:
                points.append(field(_POINT, series.attributes + time_bytes + _NO_RECORDED_VALUE))
                continue
            start = series.started(time, value) if grows else 0
            ends = time_bytes + kind.pack(kind_tag, value)
            if start:
                points.append(field(_POINT, series.attributes + _TIME.pack(_START_TAG, start) + ends))
            else:
                points.append(series.head + ends)

    def _known(self, name: str, labels: Mapping[str, str]) -> _Series:
        key = (name, *labels, *labels.values())
        series = self._series.get(key)
        if series is None:
            if len(self._series) >= MOST_KEPT:
                self._series.clear()
            series = _Series(_attributes(labels), resource(labels, self._added))
            self._series[key] = series
        return series


def _metric(name: str, points: Sequence[bytes], *, grows: bool) -> bytes:
    joined = b"".join(points)
    data = field(_SUM, joined + _CUMULATIVE_AND_MONOTONIC) if grows else field(_GAUGE, joined)
    return field(_METRIC, text(_NAME, name) + data)


def _grows(name: str, kind: str) -> bool:
    """Whether a value only grows. Histograms and summaries come as what they are made of, each a series of its own."""
    if kind in {"histogram", "summary"}:
        return name.endswith(PARTS_OF_HISTOGRAMS)
    return kind == "counter"


def _attributes(labels: Mapping[str, str]) -> bytes:
    """The labels; one without a value is none, as for Prometheus."""
    return b"".join(attribute(_POINT_ATTRIBUTE, name, value) for name, value in labels.items() if value)
