"""Rules as documents that a Prometheus loads, or its operator in Kubernetes, and as YAML for people."""

import re
from collections.abc import Iterator

import yaml

from slo.interop.layout import ENDLESS, Dumper
from slo.interop.prometheus.rule import Document
from slo.interop.prometheus.rules import Rules

HEAD = (
    "Rules for Prometheus, written by `watchkeep rules`: change the configuration, not this file.",
    "What they record, and how that differs from what Sloth records, is in docs/rules.md.",
)


def rule_file(rules: Rules) -> Document:
    """What Prometheus, Mimir, the ruler of Thanos and vmalert load."""
    return {"groups": [group.document() for group in rules.groups]}


def resource(rules: Rules, name: str) -> Document:
    """A PrometheusRule for the Prometheus operator, named after `name`."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": resource_name(name), "labels": {"app.kubernetes.io/managed-by": "watchkeep"}},
        "spec": rule_file(rules),
    }


def resource_name(name: str) -> str:
    """What Kubernetes takes for a name: `watchkeep-`, and of `name` small letters and digits, with hyphens between."""
    plain = re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")
    return f"watchkeep-{plain or 'rules'}"[:253].rstrip("-")


def as_yaml(document: Document, rules: Rules) -> str:
    """The document, under a comment that says what it is and what is not in it."""
    head = "".join(f"# {' '.join(line.split())}\n" for line in _head(rules))
    return head + yaml.dump(document, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=ENDLESS)


def _head(rules: Rules) -> Iterator[str]:
    yield from HEAD
    for omission in rules.omissions:
        yield f"Not in here: {omission}"
