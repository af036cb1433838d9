"""Attributes of OTLP: of points, of log records, and of the resource that these are of.

    message KeyValue { string key = 1; AnyValue value = 2; }
    message AnyValue { oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3;
                       double double_value = 4; ArrayValue array_value = 5; KeyValueList kvlist_value = 6; } }
    message Resource { repeated KeyValue attributes = 1; }
    message InstrumentationScope { string name = 1; }

Field numbers: https://github.com/open-telemetry/opentelemetry-proto, common/v1/common.proto and resource/v1.
"""

import struct
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from exporters.protobuf import field, tag, text, varint
from slo.core.telemetry import Json

ATTRIBUTES_OF_LABELS: Mapping[str, str] = MappingProxyType(
    {
        "service": "service.name",
        "customer": "service.namespace",
        "environment": "deployment.environment.name",
        "instance": "service.instance.id",
    }
)
"""Which labels say what a resource is, and how the semantic conventions of OpenTelemetry call that."""

DEFAULT_RESOURCE: Mapping[str, str] = MappingProxyType({"service.name": "watchkeep"})
"""What the resource is where no label says it."""

MOST_DEPTH = 8
"""How deep values may lie in one another; what lies deeper becomes a text."""

_KEY, _VALUE, _ATTRIBUTE = tag(1), tag(2), tag(1)
_STRING, _ARRAY, _LIST, _ITEM = tag(1), tag(5), tag(6), tag(1)
_BOOLEAN, _INTEGER = tag(2, wire_type=0), tag(3, wire_type=0)
_OF_RESOURCE, _RESOURCE, _OF_SCOPE = tag(1), tag(1), tag(2)
_DOUBLE = struct.Struct("<Bd")
_DOUBLE_TAG = tag(4, wire_type=1)[0]
_INTEGERS = range(-(2**63), 2**63)
_SCOPE = field(tag(1), text(tag(1), "watchkeep"))


def resource(labels: Mapping[str, str], added: Mapping[str, str]) -> bytes:
    """The resource that the labels speak of; `added` is what else is said of it, where they do not say it."""
    said = {attribute: value for label, attribute in ATTRIBUTES_OF_LABELS.items() if (value := labels.get(label, ""))}
    return b"".join(attribute(_ATTRIBUTE, key, value) for key, value in {**DEFAULT_RESOURCE, **added, **said}.items())


def of_resource(described: bytes, content: bytes) -> bytes:
    """What is said of a resource, all by us, as the field of a request: metrics and logs have the same numbers."""
    return field(_OF_RESOURCE, field(_RESOURCE, described) + field(_OF_SCOPE, _SCOPE + content))


def attribute(tagged: bytes, key: str, value: Json) -> bytes:
    """One attribute, as the field that the tag says."""
    return field(tagged, text(_KEY, key) + field(_VALUE, any_value(value)))


def any_value(value: Json, depth: int = 0) -> bytes:
    """A value of JSON. Nothing is an AnyValue without one; an integer that is too large for them becomes a text."""
    match value:
        case None:
            return b""
        case bool():
            return _BOOLEAN + varint(value)
        case int() if value in _INTEGERS:
            return _INTEGER + varint(value & 0xFFFF_FFFF_FFFF_FFFF)
        case float():
            return _DOUBLE.pack(_DOUBLE_TAG, value)
        case str():
            return text(_STRING, value)
        case Mapping() if depth < MOST_DEPTH:
            pairs = (text(_KEY, str(key)) + field(_VALUE, any_value(each, depth + 1)) for key, each in value.items())
            return field(_LIST, b"".join(field(_ITEM, pair) for pair in pairs))
        case Sequence() if depth < MOST_DEPTH:
            return field(_ARRAY, b"".join(field(_ITEM, any_value(each, depth + 1)) for each in value))
    return text(_STRING, str(value))
