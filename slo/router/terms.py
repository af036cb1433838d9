"""Terms: what the router goes by. They change when the configuration does."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from slo.core.contract import Contract
from slo.core.paths import DeliveryPath
from slo.core.routing import Route
from slo.core.slo import Grouped
from slo.router.muting import Muting


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """Who is told, over which paths, by which contracts, and what nobody is told of.

    `paging` names the destinations that are told of pages only; `paths` has every destination. `external_url` is where
    people reach the watch. `grouped` are the SLOs that stand for one of each group.
    """

    routes: Route
    paging: Collection[str]
    paths: Mapping[str, DeliveryPath] = field(default_factory=dict)
    contracts: Mapping[str, Contract] = field(default_factory=dict)
    muting: Muting = field(default_factory=Muting)
    external_url: str = ""
    grouped: frozenset[Grouped] = frozenset()
