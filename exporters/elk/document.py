"""Telemetry as documents in the Elastic Common Schema.

What is ours alone is below `slo`, `metrics` and `watchkeep`. The field list for people is in docs/forwarders/elk.md.
Source of the fields: https://www.elastic.co/docs/reference/ecs/ecs-field-reference
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import NamedTuple, TypeAlias

from pydantic_core import to_json

from exporters.elk.categories import categories_of
from exporters.elk.naming import OWN, own_dataset
from slo.core.telemetry import Counted, Json, Logged, Measured, Telemetry, id_of

ECS_VERSION = "8.11.0"
"""The version whose fields these are; all of them are in every later one too."""

GZIP_LEVEL = 1
"""Documents say the same words again and again: higher levels cost several times as much, and save a few percent."""

COUNTS, METRICS = f"{OWN}counts", f"{OWN}metrics"

Fields: TypeAlias = dict[str, Json]

_ECS: Fields = {"version": ECS_VERSION}


class Document(NamedTuple):
    """A document. `id` is the same however often the same is written; `type` is `logs` or `metrics`."""

    id: str
    type: str
    dataset: str
    at: datetime
    fields: Fields

    def written(self) -> bytes:
        """As JSON, on one line. Raises ValueError for what JSON cannot say."""
        return to_json(self.fields, inf_nan_mode="null")


def documents(telemetry: Telemetry, namespace: str | None) -> Iterator[Document]:
    """The documents of a piece of telemetry: of metrics one for each set of labels, else a single one.

    Without a `namespace` they belong to no data stream.
    """
    match telemetry:
        case Counted():
            yield _counted(telemetry, namespace)
        case Measured():
            yield from _measured(telemetry, namespace)
        case Logged():
            yield _logged(telemetry, namespace)


def _counted(counted: Counted, namespace: str | None) -> Document:
    end = datetime.fromtimestamp(counted.end, UTC)
    event: Fields = {
        "kind": "metric",
        "start": _iso(end - timedelta(seconds=counted.seconds)),
        "end": _iso(end),
    }
    slo: Fields = {
        "name": counted.labels.get("slo", ""),
        "counts": counted.counts._asdict(),
        "totals": counted.totals._asdict(),
        "correction": counted.correction,
    }
    document = Document(counted.id, "metrics", COUNTS, end, {"slo": slo})
    return _whole(document, namespace, event, counted.labels)


def _measured(measured: Measured, namespace: str | None) -> Iterator[Document]:
    """One document for each set of labels, with all its metrics; without what is no number, for which JSON has no word.

    The names of the metrics are in the id, since others of the same labels and time may be in another record.
    """
    by_labels: dict[tuple[tuple[str, str], ...], dict[str, float]] = {}
    for name, _, labels, value in measured.points:
        if isfinite(value):
            by_labels.setdefault(tuple(sorted(labels.items())), {})[name] = value
    moment = measured.moment
    for pairs, values in by_labels.items():
        id_ = id_of(moment, *(part for pair in pairs for part in pair), "", *sorted(values))
        document = Document(id_, "metrics", METRICS, measured.at, {"metrics": values})
        yield _whole(document, namespace, {"kind": "metric"}, dict(pairs))


def _logged(logged: Logged, namespace: str | None) -> Document:
    dataset = own_dataset(logged.dataset)
    event = categories_of(dataset, logged.action)
    event["action"] = logged.action
    if logged.outcome:
        event["outcome"] = logged.outcome
    if logged.sequence:
        event["sequence"] = logged.sequence
    own: Fields = {"message": logged.message, "log": {"level": logged.level}}
    if by := logged.fields.get("by"):
        own["user"] = {"name": by}
    if logged.fields:
        own["watchkeep"] = {dataset.removeprefix(OWN).replace(".", "_"): _undotted(logged.fields)}
    return _whole(Document(logged.id, "logs", dataset, logged.at, own), namespace, event, logged.labels)


def _whole(document: Document, namespace: str | None, event: Fields, labels: Mapping[str, str]) -> Document:
    """A document of its own fields, with those that all have."""
    event["id"], event["module"], event["dataset"] = document.id, "watchkeep", document.dataset
    fields: Fields = {"@timestamp": _iso(document.at), "ecs": _ECS, "event": event}
    if namespace is not None:
        fields["data_stream"] = {"type": document.type, "dataset": document.dataset, "namespace": namespace}
    return document._replace(fields={**fields, **_places(labels), "labels": _undotted(labels), **document.fields})


def _places(labels: Mapping[str, str]) -> Fields:
    """What the labels say of where it is, in the fields that others have for it."""
    fields: Fields = {}
    service = _named(labels, ("name", "service"), ("environment", "environment"))
    if service:
        fields["service"] = service
    host = labels.get("host") or labels.get("node")
    if host:
        fields["host"] = {"name": host}
    cluster, pod = labels.get("cluster"), labels.get("pod")
    orchestrator = _named(labels, ("namespace", "namespace"))
    if cluster:
        orchestrator["cluster"] = {"name": cluster}
    if pod:
        orchestrator["type"] = "kubernetes"
        orchestrator["resource"] = {"type": "pod", "name": pod}
    if orchestrator:
        fields["orchestrator"] = orchestrator
    return fields


def _named(labels: Mapping[str, str], *names: Sequence[str]) -> Fields:
    return {field: value for field, label in names if (value := labels.get(label))}


def _undotted(fields: Mapping[str, Json]) -> dict[str, Json]:
    """Fields by names without dots, which would be read as fields of fields."""
    return {name.replace(".", "_"): value for name, value in fields.items()}


def _iso(at: datetime) -> str:
    return at.isoformat().removesuffix("+00:00") + "Z"
