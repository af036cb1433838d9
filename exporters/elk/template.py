"""The index template: what each field of a document is, so that it can be searched for and added up.

What is not listed is kept and not indexed, except labels, metrics and what is ours; of these, objects within objects
are not. So no sender can make more fields than there are labels, metrics and facts, and `FIELDS_LIMIT` bounds those.
A value that its field does not take is left out of the index, and does not refuse its document.
Everything here is understood by Elasticsearch from 7.9 on and by OpenSearch.
"""

from collections.abc import Mapping
from typing import Final

from exporters.elk.naming import OWN, index_pattern, template_name
from slo.core.telemetry import Json

VERSION: Final = 1
"""Raised with every change: a template of ours that is older is replaced."""

OWNER: Final = "watchkeep"
"""What `_meta.managed_by` says of templates of ours."""

FIELDS_LIMIT = 2_000
IGNORE_ABOVE = 1_024
"""How long a keyword may be to be searched for, in characters: Lucene refuses those above 32,766 bytes."""

PRIORITY = 501
"""Above those for `logs-*-*` that come with Elasticsearch (100), those of Fleet, and the 500 that it proposes to users.
Source: https://www.elastic.co/docs/manage-data/data-store/templates
"""

STREAMS = (f"logs-{OWN}*-*", f"metrics-{OWN}*-*")

_KEYWORD: Json = {"type": "keyword", "ignore_above": IGNORE_ABOVE}
_LONG: Json = {"type": "long"}
_DATE: Json = {"type": "date"}
_DYNAMIC: Json = {"type": "object", "dynamic": True}


def _fields(properties: Mapping[str, Json]) -> Json:
    return {"properties": properties}


_COUNTS = _fields({"good": _LONG, "bad": _LONG, "unknown": _LONG})

_PROPERTIES: Mapping[str, Json] = {
    "@timestamp": _DATE,
    "message": {"type": "text"},
    "ecs": _fields({"version": _KEYWORD}),
    "data_stream": _fields({"type": _KEYWORD, "dataset": _KEYWORD, "namespace": _KEYWORD}),
    "event": _fields(
        {
            **dict.fromkeys(
                ("kind", "category", "type", "action", "outcome", "id", "module", "dataset"),
                _KEYWORD,
            ),
            "sequence": _LONG,
            "start": _DATE,
            "end": _DATE,
        }
    ),
    "log": _fields({"level": _KEYWORD}),
    "user": _fields({"name": _KEYWORD}),
    "service": _fields({"name": _KEYWORD, "environment": _KEYWORD}),
    "host": _fields({"name": _KEYWORD}),
    "orchestrator": _fields(
        {
            "type": _KEYWORD,
            "namespace": _KEYWORD,
            "cluster": _fields({"name": _KEYWORD}),
            "resource": _fields({"type": _KEYWORD, "name": _KEYWORD}),
        }
    ),
    "slo": _fields({"name": _KEYWORD, "counts": _COUNTS, "totals": _COUNTS, "correction": {"type": "boolean"}}),
    "labels": _DYNAMIC,
    "metrics": _DYNAMIC,
    "watchkeep": _DYNAMIC,
}

_DYNAMIC_TEMPLATES: Json = [
    {"labels": {"path_match": "labels.*", "mapping": _KEYWORD}},
    {"metrics": {"path_match": "metrics.*", "mapping": {"type": "double"}}},
    {
        "objects_in_facts": {
            "path_match": "watchkeep.*.*",
            "match_mapping_type": "object",
            "mapping": {"type": "object", "enabled": False},
        }
    },
    {"texts": {"path_match": "watchkeep.*", "match_mapping_type": "string", "mapping": _KEYWORD}},
    {"numbers": {"path_match": "watchkeep.*", "match_mapping_type": "double", "mapping": {"type": "double"}}},
]

_TEMPLATE: Json = {
    "settings": {"index.mapping.total_fields.limit": FIELDS_LIMIT, "index.mapping.ignore_malformed": True},
    "mappings": {
        "dynamic": False,
        "date_detection": False,
        "dynamic_templates": _DYNAMIC_TEMPLATES,
        "properties": _PROPERTIES,
    },
}


def template(index: str | None) -> tuple[str, Mapping[str, Json]]:
    """The name and the body of the template for our data streams, or for the indices of that name."""
    common: dict[str, Json] = {
        "priority": PRIORITY,
        "version": VERSION,
        "_meta": {"managed_by": OWNER, "description": "What Watchkeep forwards: docs/forwarders/elk.md"},
        "template": _TEMPLATE,
    }
    if index is None:
        return OWNER, {"index_patterns": STREAMS, "data_stream": {}, **common}
    return template_name(index), {"index_patterns": [index_pattern(index)], **common}
