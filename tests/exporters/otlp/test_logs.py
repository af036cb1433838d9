"""Logs as OTLP has them, read back by the official package."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from exporters.otlp.logs import written
from slo.core.telemetry import Counted, Counts3, Json, Logged, Rank, Record, Telemetry
from slo.core.telemetry_document import written as document
from tests.exporters.otlp.receiver import attributes, checked, logs_of, plain

AT = datetime.fromtimestamp(1_700_000_000.5, UTC)
LOGGED = Logged(
    id="e1",
    at=AT,
    dataset="watchkeep.incident",
    action="acknowledged",
    message="gate is slow: acknowledged",
    outcome="success",
    level="warning",
    sequence=7,
    labels={"slo": "gate", "service": "gate", "empty": ""},
    fields={"priority": "P0", "burn": 14.4, "pages": 2, "by": None, "open": True},
)


def record(telemetry: Telemetry) -> Record:
    return Record(number=1, rank=Rank.EVENT, at=0, body=document(telemetry))


def parsed(raw: bytes) -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    request.ParseFromString(raw)
    checked(request)
    return request


def the_log(logged: Logged) -> LogRecord:
    (log,) = logs_of([parsed(written([record(logged)], {}))])
    return log


def test_what_happened_is_a_log_record_with_all_that_is_known_of_it() -> None:
    request = parsed(written([record(LOGGED)], {"k8s.cluster.name": "c1"}))
    (of_resource,) = request.resource_logs
    assert attributes(of_resource.resource.attributes) == {("service.name", "gate"), ("k8s.cluster.name", "c1")}
    (log,) = logs_of([request])
    assert (log.time_unix_nano, log.observed_time_unix_nano) == (1_700_000_000_500_000_000,) * 2
    assert (log.severity_number, log.severity_text) == (13, "warning")
    assert (plain(log.body), log.event_name) == ("gate is slow: acknowledged", "watchkeep.incident.acknowledged")
    assert dict(attributes(log.attributes)) == {
        "event.id": "e1",
        "event.dataset": "watchkeep.incident",
        "event.action": "acknowledged",
        "event.outcome": "success",
        "event.sequence": 7,
        "slo": "gate",
        "service": "gate",
        "watchkeep.incident.priority": "P0",
        "watchkeep.incident.burn": 14.4,
        "watchkeep.incident.pages": 2,
        "watchkeep.incident.open": True,
    }


@pytest.mark.parametrize(("level", "number"), [("info", 9), ("warning", 13), ("error", 17), ("odd", 9)])
def test_levels_are_severities(level: str, number: int) -> None:
    assert the_log(replace(LOGGED, level=level)).severity_number == number


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (-1, -1),
        (2**63 - 1, 2**63 - 1),
        (2**63, str(2**63)),
        ([1, "a", None], (1, "a", None)),
        ({"a": {"b": [True]}}, (("a", (("b", (True,)),)),)),
        ([[[[[[[[[1]]]]]]]]], (((((((("[1]",),),),),),),),)),
    ],
)
def test_facts_keep_what_they_are(value: Json, found: object) -> None:
    log = the_log(replace(LOGGED, fields={"fact": value}))
    values = {pair.key: plain(pair.value) for pair in log.attributes}
    assert repr(values["watchkeep.incident.fact"]) == repr(found)


def test_a_count_among_logs_is_refused() -> None:
    counts = Counted(id="a", end=10, seconds=10, labels={}, counts=Counts3(1, 0, 0), totals=Counts3(1, 0, 0))
    with pytest.raises(ValueError, match="among logs"):
        written([record(LOGGED), record(counts)], {})


_JSON: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(
    st.text(),
    st.dictionaries(st.from_regex("[a-z_]{1,8}", fullmatch=True), st.text(max_size=20), max_size=3),
    st.dictionaries(st.text(min_size=1, max_size=8), _JSON, max_size=3),
)
def test_every_log_is_read_back_by_the_official_package(
    message: str, labels: Mapping[str, str], facts: Mapping[str, Json]
) -> None:
    log = the_log(replace(LOGGED, message=message, labels=labels, fields=facts))
    assert plain(log.body) == message
    found = {pair.key: plain(pair.value) for pair in log.attributes}
    assert {name: found[name] for name, value in labels.items() if value} == {k: v for k, v in labels.items() if v}
    assert sum(name.startswith("watchkeep.incident.") for name in found) == sum(v is not None for v in facts.values())
