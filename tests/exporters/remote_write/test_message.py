"""What is written is what the protocol says, by the judgement of the official protobuf package."""

import itertools
import math
from datetime import UTC, datetime

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from hypothesis import given
from hypothesis import strategies as st

from exporters.remote_write.message import SeriesWriter
from slo.core.telemetry import TOTALS, Counted, Counts3, Logged, Measured, Point, Rank, Record, Telemetry
from slo.core.telemetry_document import written

Field = descriptor_pb2.FieldDescriptorProto


def _field(
    name: str,
    number: int,
    type_: "descriptor_pb2.FieldDescriptorProto.Type.ValueType",
    *,
    repeated: bool = False,
    of: str = "",
) -> descriptor_pb2.FieldDescriptorProto:
    label = Field.LABEL_REPEATED if repeated else Field.LABEL_OPTIONAL
    return Field(name=name, number=number, type=type_, label=label, type_name=of or None)


MESSAGES = {
    "Label": [_field("name", 1, Field.TYPE_STRING), _field("value", 2, Field.TYPE_STRING)],
    "Sample": [_field("value", 1, Field.TYPE_DOUBLE), _field("timestamp", 2, Field.TYPE_INT64)],
    "TimeSeries": [
        _field("labels", 1, Field.TYPE_MESSAGE, repeated=True, of=".prometheus.Label"),
        _field("samples", 2, Field.TYPE_MESSAGE, repeated=True, of=".prometheus.Sample"),
    ],
    "WriteRequest": [_field("timeseries", 1, Field.TYPE_MESSAGE, repeated=True, of=".prometheus.TimeSeries")],
}
POOL = descriptor_pool.DescriptorPool()
POOL.Add(
    descriptor_pb2.FileDescriptorProto(
        name="remote.proto",
        package="prometheus",
        syntax="proto3",
        message_type=[descriptor_pb2.DescriptorProto(name=name, field=fields) for name, fields in MESSAGES.items()],
    )
)
WriteRequest = message_factory.GetMessageClass(POOL.FindMessageTypeByName("prometheus.WriteRequest"))


def records(*telemetry: Telemetry) -> list[Record]:
    return [
        Record(number=number, rank=Rank.METRIC, at=0.0, body=written(each)) for number, each in enumerate(telemetry)
    ]


def understood(body: bytes) -> list[tuple[list[tuple[str, str]], list[tuple[float, int]]]]:
    request = WriteRequest()
    request.ParseFromString(body)
    return [
        (
            [(label.name, label.value) for label in series.labels],
            [(sample.value, sample.timestamp) for sample in series.samples],
        )
        for series in request.timeseries
    ]


def test_counts_are_totals_at_the_end_of_their_slot() -> None:
    counted = Counted(
        id="1",
        end=1_800_000_000,
        seconds=10,
        labels={"slo": "gate", "customer": "acme", "empty": ""},
        counts=Counts3(1, 0, 0),
        totals=Counts3(100, 2, 30_000_000_000),
    )
    assert understood(SeriesWriter().write(records(counted))) == [
        (
            [("__name__", name), ("customer", "acme"), ("slo", "gate")],
            [(float(total), 1_800_000_000_000)],
        )
        for name, total in zip(TOTALS, counted.totals, strict=True)
    ]


def test_a_series_that_has_ended_has_the_stale_marker_and_a_value_that_is_none_has_not() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    points = [Point("slo_burn_rate", "gauge", {"slo": "gate"}, math.nan)]
    writer = SeriesWriter()
    marker = (0x7FF0_0000_0000_0002).to_bytes(8, "little")
    assert marker not in writer.write(records(Measured(at=at, points=points)))
    raw = writer.write(records(Measured(at=at, points=points, ended=True)))
    assert b"\x12\x10\x09" + marker + b"\x10" in raw
    [(labels, [(value, milliseconds)])] = understood(raw)
    assert labels == [("__name__", "slo_burn_rate"), ("slo", "gate")]
    assert math.isnan(value)
    assert milliseconds == at.timestamp() * 1000


NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,12}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300)
POINTS = st.builds(
    Point, NAMES, st.just("gauge"), st.dictionaries(NAMES, TEXTS, max_size=4), st.floats(allow_nan=False)
)
MOMENTS = st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(moments=st.lists(st.tuples(MOMENTS, st.lists(POINTS, max_size=5)), max_size=3))
def test_whatever_is_measured_is_understood_as_it_was(moments: list[tuple[datetime, list[Point]]]) -> None:
    writer = SeriesWriter()
    told = records(*(Measured(at=at, points=points) for at, points in moments))
    expected = [
        (
            sorted([*point.labels.items(), ("__name__", point.name)]),
            [(point.value, round(at.timestamp() * 1000))],
        )
        for at, point in itertools.chain.from_iterable(((at, each) for each in points) for at, points in moments)
    ]
    for _ in range(2):  # the second time from what was kept of the first
        found = understood(writer.write(told))
        assert [samples for _, samples in found] == [samples for _, samples in expected]
        assert [labels for labels, _ in found] == [labels for labels, _ in expected]


def test_a_log_has_no_place_in_it() -> None:
    log = Logged(
        id="1", at=datetime(2026, 1, 1, tzinfo=UTC), dataset="a", action="b", message="c", labels={}, fields={}
    )
    with pytest.raises(ValueError, match="no place for logs"):
        SeriesWriter().write(records(log))
