"""Samples: single values for `/metrics` and `/probe`, named and typed by `slo.exposition.catalogue`."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One value of one metric. `name` is the full name in the exposition."""

    name: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)
