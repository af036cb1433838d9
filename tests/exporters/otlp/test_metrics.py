"""Metrics as OTLP has them, read back by the official package."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK

from exporters.otlp.metrics import MetricsWriter
from slo.core.telemetry import Counted, Counts3, Logged, Measured, Point, Rank, Record, Telemetry
from slo.core.telemetry_document import written
from tests.exporters.otlp.receiver import attributes, checked, points_of, value_of

END = 1_700_000_000
LABELS = {"slo": "gate", "service": "gate", "customer": "acme", "environment": "production"}
RESOURCE = {
    "service.name": "gate",
    "service.namespace": "acme",
    "deployment.environment.name": "production",
}


def record(telemetry: Telemetry) -> Record:
    return Record(number=1, rank=Rank.METRIC, at=0, body=written(telemetry))


def counted(*, end: int = END, totals: tuple[int, int, int] = (5, 2, 1), labels: dict[str, str] = LABELS) -> Record:
    return record(Counted(id="a", end=end, seconds=10, labels=labels, counts=Counts3(1, 0, 0), totals=Counts3(*totals)))


def measured(*points: Point) -> Record:
    return record(Measured(at=datetime.fromtimestamp(END + 0.25, UTC), points=points))


def parsed(raw: bytes) -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    request.ParseFromString(raw)
    checked(request)
    return request


def starts(writer: MetricsWriter, *records: Record) -> list[int]:
    """When the good events of each record began to be counted, in seconds."""
    return [
        point.start_time_unix_nano // 10**9
        for (name, _, _), _, point in points_of([parsed(writer.write(records))])
        if name == "slo_sli_good_total"
    ]


def test_counts_are_totals_of_each_state_as_integers_at_the_end_of_their_slot() -> None:
    request = parsed(MetricsWriter({}).write([counted(), counted(end=END + 10, totals=(9, 2, 1))]))
    found = [
        (series[0], point.time_unix_nano, point.HasField("as_int"), point.as_int, point.start_time_unix_nano)
        for series, _, point in points_of([request])
    ]
    first, second = END * 10**9, (END + 10) * 10**9
    assert found == [
        ("slo_sli_good_total", first, True, 5, 0),
        ("slo_sli_good_total", second, True, 9, 0),
        ("slo_sli_bad_total", first, True, 2, 0),
        ("slo_sli_bad_total", second, True, 2, 0),
        ("slo_sli_unknown_total", first, True, 1, 0),
        ("slo_sli_unknown_total", second, True, 1, 0),
    ]
    ((name, resource, labels), *_) = (series for series, _, _ in points_of([request]))
    assert (name, dict(resource), dict(labels)) == ("slo_sli_good_total", RESOURCE, LABELS)
    (of_resource,) = request.resource_metrics
    assert [of_scope.scope.name for of_scope in of_resource.scope_metrics] == ["watchkeep"]
    assert len(of_resource.scope_metrics[0].metrics) == 3, "a metric comes once, with all of its points"


@pytest.mark.parametrize(("kind", "grows"), [("counter", True), ("gauge", False)])
def test_a_series_that_has_ended_has_a_point_without_a_value_that_says_so(kind: str, grows: bool) -> None:  # noqa: FBT001
    ended = Measured(at=datetime.fromtimestamp(END, UTC), points=[Point("m", kind, LABELS, math.nan)], ended=True)
    writer = MetricsWriter({})
    [(before, _, one)] = points_of([parsed(writer.write([measured(Point("m", kind, LABELS, 1.0))]))])
    [(series, metric, point)] = points_of([parsed(writer.write([record(ended)]))])
    assert series == before
    assert metric.HasField("sum") == grows
    assert (one.flags, one.HasField("as_double")) == (0, True)
    assert (point.flags, point.WhichOneof("value")) == (DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK, None)
    assert point.time_unix_nano == END * 10**9


@pytest.mark.parametrize(
    ("labels", "added", "resource"),
    [
        ({}, {}, {("service.name", "watchkeep")}),
        ({"service": ""}, {}, {("service.name", "watchkeep")}),
        ({}, {"service.name": "acme-slo", "k8s.cluster.name": "c1"}, None),
        ({"service": "gate"}, {"service.name": "acme-slo"}, {("service.name", "gate")}),
        ({"instance": "a:80"}, {}, {("service.name", "watchkeep"), ("service.instance.id", "a:80")}),
    ],
)
def test_labels_say_what_the_resource_is_and_the_configuration_where_they_do_not(
    labels: dict[str, str], added: dict[str, str], resource: set[tuple[str, str]] | None
) -> None:
    (of_resource,) = parsed(MetricsWriter(added).write([counted(labels=labels)])).resource_metrics
    assert attributes(of_resource.resource.attributes) == (set(added.items()) if resource is None else resource)


@pytest.mark.parametrize(
    ("name", "kind", "grows"),
    [
        ("x_total", "counter", True),
        ("x", "gauge", False),
        ("x_total", "untyped", False),
        ("x_bucket", "histogram", True),
        ("x_sum", "histogram", True),
        ("x_count", "histogram", True),
        ("x_sum", "summary", True),
        ("x_count", "summary", True),
        ("x", "summary", False),
    ],
)
def test_what_only_grows_is_a_monotonic_sum_and_all_else_a_gauge(*, name: str, kind: str, grows: bool) -> None:
    request = parsed(MetricsWriter({}).write([measured(Point(name, kind, {"le": "0.5"}, 3.0))]))
    (((found, _, labels), metric, point),) = points_of([request])
    assert (found, dict(labels), value_of(point)) == (name, {"le": "0.5"}, 3.0)
    assert (metric.HasField("sum"), metric.HasField("gauge")) == (grows, not grows)
    assert point.time_unix_nano == END * 10**9 + 250_000_000


def test_the_same_name_as_two_types_is_two_metrics() -> None:
    points = [Point("x", "gauge", {}, 1.0), Point("x", "counter", {"a": "b"}, 2.0)]
    (of_resource,) = parsed(MetricsWriter({}).write([measured(*points)])).resource_metrics
    assert [metric.WhichOneof("data") for metric in of_resource.scope_metrics[0].metrics] == ["gauge", "sum"]


def test_a_total_that_went_back_began_anew_after_the_point_before() -> None:
    writer = MetricsWriter({})
    totals = [(END, 5), (END + 10, 9), (END + 20, 1), (END + 30, 1), (END + 40, 4)]
    records = [counted(end=end, totals=(good, 0, 0)) for end, good in totals]
    assert starts(writer, *records) == [0, 0, END + 10, END + 10, END + 10]


def test_what_is_sent_again_is_written_as_it_was() -> None:
    writer = MetricsWriter({})
    totals = [(END, 5), (END + 10, 9), (END + 20, 1), (END + 30, 3)]
    records = [counted(end=end, totals=(good, 0, 0)) for end, good in totals]
    whole = starts(writer, *records)
    assert starts(writer, *records) == whole
    assert [starts(writer, each) for each in records] == [[start] for start in whole]


def test_a_writer_that_forgets_writes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporters.otlp.metrics.MOST_KEPT", 2)
    records = [counted(labels={"slo": f"s{number}"}) for number in range(5)]
    request = parsed(MetricsWriter({}).write(records))
    assert len({labels for (_, _, labels), _, _ in points_of([request])}) == 5


@pytest.mark.parametrize(
    "telemetry",
    [
        Logged(id="a", at=datetime.fromtimestamp(END, UTC), dataset="d", action="a", message="m", labels={}, fields={}),
        Counted(id="a", end=-10, seconds=10, labels={}, counts=Counts3(1, 0, 0), totals=Counts3(1, 0, 0)),
        Counted(id="a", end=END, seconds=10, labels={}, counts=Counts3(1, 0, 0), totals=Counts3(2**63, 0, 0)),
    ],
)
def test_what_is_no_metric_is_refused(telemetry: Telemetry) -> None:
    with pytest.raises(ValueError, match=r"among metrics|out of range"):
        MetricsWriter({}).write([record(telemetry)])


_TEXTS = st.text(max_size=40)
_POINTS = st.lists(
    st.builds(
        Point,
        st.text(min_size=1, max_size=20),
        st.sampled_from(["counter", "gauge", "histogram", "summary", "untyped"]),
        st.dictionaries(st.text(min_size=1, max_size=20), _TEXTS, max_size=4),
        st.floats(),
    ),
    max_size=20,
)


@given(st.lists(_POINTS, max_size=4))
def test_every_point_is_read_back_by_the_official_package_as_it_was(moments: Sequence[Sequence[Point]]) -> None:
    writer = MetricsWriter({})
    raw = writer.write([measured(*points) for points in moments])
    found = [(series[0], series[2], _comparable(value_of(point))) for series, _, point in points_of([parsed(raw)])]
    wanted = [
        (
            point.name,
            frozenset((name, value) for name, value in point.labels.items() if value),
            _comparable(point.value),
        )
        for points in moments
        for point in points
    ]
    assert sorted(found, key=repr) == sorted(wanted, key=repr)


def _comparable(value: float) -> float | str:
    return "NaN" if math.isnan(value) else float(value)
