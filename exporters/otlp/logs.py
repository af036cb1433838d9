"""ExportLogsServiceRequest of OTLP, as protobuf writes it.

    message ExportLogsServiceRequest { repeated ResourceLogs resource_logs = 1; }
    message ResourceLogs { Resource resource = 1; repeated ScopeLogs scope_logs = 2; }
    message ScopeLogs    { InstrumentationScope scope = 1; repeated LogRecord log_records = 2; }
    message LogRecord    { fixed64 time_unix_nano = 1; SeverityNumber severity_number = 2; string severity_text = 3;
                           AnyValue body = 5; repeated KeyValue attributes = 6; fixed64 observed_time_unix_nano = 11;
                           string event_name = 12; }

Field numbers: https://github.com/open-telemetry/opentelemetry-proto, logs/v1/logs.proto.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from exporters.otlp.attributes import any_value, attribute, of_resource, resource
from exporters.protobuf import field, tag, text, varint
from slo.core.telemetry import Json, Logged, Record
from slo.core.telemetry_document import read

SEVERITIES: Mapping[str, int] = MappingProxyType({"info": 9, "warning": 13, "error": 17})
"""The numbers of INFO, WARN and ERROR."""

_TIMES = struct.Struct("<BQ")
_TIME_TAG, _OBSERVED_TAG = tag(1, wire_type=1)[0], tag(11, wire_type=1)[0]
_SEVERITY, _SEVERITY_TEXT, _BODY, _ATTRIBUTE, _EVENT_NAME = tag(2, wire_type=0), tag(3), tag(5), tag(6), tag(12)
_LOG_RECORD = tag(2)


def written(records: Sequence[Record], resource_attributes: Mapping[str, str]) -> bytes:
    """The request of these records, uncompressed. Raises ValueError for one that is no log."""
    logs: dict[bytes, list[bytes]] = {}
    for record in records:
        logged = read(record.body)
        if not isinstance(logged, Logged):
            raise ValueError("it is no log, among logs")
        described = resource(logged.labels, resource_attributes)
        logs.setdefault(described, []).append(field(_LOG_RECORD, _log_record(logged)))
    return b"".join(of_resource(described, b"".join(each)) for described, each in logs.items())


def _log_record(logged: Logged) -> bytes:
    """The watch observes what it tells of as it happens, so that both times are the same."""
    nanoseconds = round(logged.at.timestamp() * 1_000_000) * 1_000
    parts = [
        _TIMES.pack(_TIME_TAG, nanoseconds),
        _TIMES.pack(_OBSERVED_TAG, nanoseconds),
        _SEVERITY + varint(SEVERITIES.get(logged.level, SEVERITIES["info"])),
        text(_SEVERITY_TEXT, logged.level),
        field(_BODY, any_value(logged.message)),
        text(_EVENT_NAME, f"{logged.dataset}.{logged.action}"),
    ]
    parts += (attribute(_ATTRIBUTE, name, value) for name, value in _attributes(logged))
    return b"".join(parts)


def _attributes(logged: Logged) -> Iterator[tuple[str, Json]]:
    """Each name once: labels have no dot in theirs, and facts have their dataset before them."""
    yield "event.id", logged.id
    yield "event.dataset", logged.dataset
    yield "event.action", logged.action
    if logged.outcome:
        yield "event.outcome", logged.outcome
    if logged.sequence:
        yield "event.sequence", logged.sequence
    yield from ((name, value) for name, value in logged.labels.items() if value)
    yield from ((f"{logged.dataset}.{name}", value) for name, value in logged.fields.items() if value is not None)
