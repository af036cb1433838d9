"""All dashboards that there are."""

from collections.abc import Mapping
from types import MappingProxyType

from slo.interop.dashboards.checks import CHECKS
from slo.interop.dashboards.panels import Dashboard
from slo.interop.dashboards.slos import SLOS
from slo.interop.dashboards.watch import WATCH

DASHBOARDS: Mapping[str, Dashboard] = MappingProxyType({each.name: each for each in (SLOS, CHECKS, WATCH)})
"""By the names that the command has for them."""
