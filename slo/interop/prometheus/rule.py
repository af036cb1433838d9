"""Rules of a Prometheus as records: what is recorded, what alerts, and the groups that they are evaluated in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeAlias

from slo.core.duration import duration_name

Document: TypeAlias = dict[str, object]
"""What becomes YAML: dicts, lists, text and numbers, in the order in which a person reads them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recording:
    """One recording rule: the result of `expression` becomes the metric `metric`, with `labels` in addition."""

    metric: str
    expression: str
    labels: Mapping[str, str]

    def document(self) -> Document:
        return {"record": self.metric, "expr": self.expression, "labels": dict(self.labels)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Alerting:
    """One alerting rule: whatever `expression` gives fires, once it was given for as long as `hold`."""

    name: str
    expression: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    hold: timedelta = timedelta(0)

    def document(self) -> Document:
        document: Document = {"alert": self.name, "expr": self.expression}
        if self.hold:
            document["for"] = duration_name(self.hold.total_seconds())
        return {**document, "labels": dict(self.labels), "annotations": dict(self.annotations)}


Rule: TypeAlias = Recording | Alerting


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Rules that are evaluated one after the other, every `interval`: each sees what those before it recorded."""

    name: str
    interval: timedelta
    rules: tuple[Rule, ...] = field(default=())

    def document(self) -> Document:
        return {
            "name": self.name,
            "interval": duration_name(self.interval.total_seconds()),
            "rules": [rule.document() for rule in self.rules],
        }
