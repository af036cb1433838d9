"""Labels as Datadog's tags, and names of metrics as it takes them.

A tag is written here as Datadog would write it anyway, so that queries for it find it. Sources:
https://docs.datadoghq.com/getting_started/tagging/#define-tags and
https://docs.datadoghq.com/metrics/custom_metrics/#naming-custom-metrics
"""

import re
from collections.abc import Mapping
from functools import lru_cache

TAG_LIMIT = 200
NAME_LIMIT = 200
"""The longest tag, and the longest name of a metric, in characters."""

MOST_KEPT = 10_000
"""How many tags are kept as they are written: every log has those of its labels."""

ENVIRONMENT, ENV = "environment", "env"
"""What we call the environment, and what Datadog ties metrics and logs together by."""

HOST_LABELS = ("host", "node")
"""The labels that say which host a series or an event is of, the first that is there."""

_NOT_IN_TAGS = re.compile(r"(?:[^\w\-:./]|_)+")
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_.]")


@lru_cache(MOST_KEPT)
def tag(name: str, value: str) -> str:
    """A label as a tag; empty where its value is, since Datadog takes no tag that ends in a colon."""
    written = _NOT_IN_TAGS.sub("_", f"{name}:{value}".lower()).lstrip("_0123456789-:./")
    written = written[:TAG_LIMIT].rstrip("_:")
    return written if ":" in written else ""


def tags_of(labels: Mapping[str, str]) -> tuple[str, ...]:
    """The tags of a series with these labels, in order. Its host is none of them: that is a resource."""
    host = host_label(labels)
    named = {name: value for name, value in labels.items() if name != host}
    if ENVIRONMENT in named:
        named.setdefault(ENV, named[ENVIRONMENT])
    return tuple(sorted({each for name, value in named.items() if (each := tag(name, value))}))


def host_of(labels: Mapping[str, str]) -> str:
    """The host that the labels name; empty where they name none."""
    name = host_label(labels)
    return labels[name] if name else ""


def host_label(labels: Mapping[str, str]) -> str:
    """Which label names the host; empty where none does."""
    return next((name for name in HOST_LABELS if labels.get(name)), "")


def metric_name(name: str) -> str:
    """The name of a metric as Datadog takes it: as it is, but for a colon, which becomes an underscore."""
    return _NOT_IN_NAMES.sub("_", name).lstrip("_.0123456789")[:NAME_LIMIT] or "metric"
