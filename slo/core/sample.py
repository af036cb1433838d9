"""Samples: single values for `/metrics` and `/probe`, named and typed by `slo.exposition.catalogue`."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

NO_LABELS: Mapping[str, str] = MappingProxyType({})


class Sample(NamedTuple):
    """One value of one metric. `name` is the full name in the exposition.

    A tuple, since a scrape makes a dozen of them for each of thousands of targets.
    """

    name: str
    value: float
    labels: Mapping[str, str] = NO_LABELS
