"""The registry of kinds: which there are, and which module each one is.

The name of a file in `probes/`, `exporters/collectors/`, `exporters/forwarders/`, `slo/router/destinations/` or
`slo/discovery/` names a kind: `type: http` is `probes.http`. The discovery `pods` and the collector `kubernetes` lie
with the agent, whose client they use. Other packages add kinds with entry points in the groups `watchkeep.probes`,
`watchkeep.collectors`, `watchkeep.forwarders`, `watchkeep.destinations` and `watchkeep.discoveries`, whose value is a
module. Names are listed without importing anything; a module is imported when its kind is used.
"""

import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.metadata import EntryPoints, entry_points
from typing import Any, Protocol, cast

from slo.config.reading import Reader
from slo.config.report import Location, Report
from slo.config.section import KindConfig
from slo.config.settings import CheckFamily, ModuleEntry
from slo.errors import WatchkeepError


class Kind(Protocol):
    """What the module of a kind exports."""

    Config: type[KindConfig]
    build: Callable[[Any, Any], Any]
    """`build(config, context)` makes the check or the destination; the context is a `slo.net.context.Context`."""


class CollectorKind(Kind, Protocol):
    """What the module of a kind of collector exports."""

    family: Callable[[str], Any]
    """What is said of a metric before its values, a `slo.exposition.families.Family`; None where it has none such."""


@cache
def installed_points() -> EntryPoints:
    """The entry points of this environment. They are read once in a process, from a file of each package in it."""
    return cast("EntryPoints", entry_points())  # before Python 3.12 it calls them otherwise


@dataclass(frozen=True)
class Family:
    """The kinds of one sort: the modules of `package`, and the entry points of `group`. Ours win over foreign ones.

    `elsewhere` are those of ours that lie in another package, with their modules.
    """

    package: str
    group: str
    exports: tuple[str, ...] = ("Config", "build")
    elsewhere: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def own(self) -> frozenset[str]:
        """The kinds in `package`, which come with Watchkeep."""
        spec = importlib.util.find_spec(self.package)
        folders = spec.submodule_search_locations if spec else None
        return frozenset(name for _, name, _ in pkgutil.iter_modules(folders or []) if not name.startswith("_"))

    @cached_property
    def foreign(self) -> dict[str, str]:
        """The kinds of other packages: name to module."""
        return {point.name: point.value for point in installed_points().select(group=self.group)}

    @property
    def names(self) -> tuple[str, ...]:
        """Every kind, in order of name."""
        return tuple(sorted(self.own | self.elsewhere.keys() | self.foreign.keys()))

    def __contains__(self, name: object) -> bool:
        return name in self.own or name in self.elsewhere or name in self.foreign

    def module(self, name: str) -> Kind:
        """The module of a kind, imported now. Raises WatchkeepError where it cannot be used, KeyError for no kind."""
        path = f"{self.package}.{name}" if name in self.own else {**self.foreign, **self.elsewhere}[name]
        try:
            module = importlib.import_module(path)
        except Exception as error:
            raise WatchkeepError(f"{path} cannot be imported: {type(error).__name__}: {error}") from error
        missing = [export for export in self.exports if not hasattr(module, export)]
        if missing:
            raise WatchkeepError(f"{path} is no kind: it has no {' and no '.join(missing)}")
        return cast("Kind", module)

    def config(self, name: str) -> type[KindConfig]:
        """The `Config` of a kind. Raises as `module` does."""
        return self.module(name).Config


@dataclass(frozen=True)
class Kinds:
    """All families. One object per process, made at its start and handed on."""

    probes: Family
    collectors: Family
    destinations: Family
    discoveries: Family
    forwarders: Family
    scrape: str = "slo.sources.scrape"
    """The module of what stands under `scrapes`: there is one kind of it."""

    modules: str = "slo.interop.blackbox"
    """The module that reads what stands under `modules`."""

    @classmethod
    def installed(cls) -> "Kinds":
        """The kinds of this installation."""
        return cls(
            probes=Family("probes", "watchkeep.probes"),
            collectors=Family(
                "exporters.collectors",
                "watchkeep.collectors",
                exports=("Config", "build", "family"),
                elsewhere={"kubernetes": "daemonset.cluster_view"},
            ),
            destinations=Family("slo.router.destinations", "watchkeep.destinations"),
            discoveries=Family("slo.discovery", "watchkeep.discoveries", elsewhere={"pods": "daemonset.pod_discovery"}),
            forwarders=Family("exporters.forwarders", "watchkeep.forwarders"),
        )

    def check(self, family: CheckFamily, name: str) -> Kind:
        """The module of a kind of check. Raises as `Family.module` does."""
        return (self.probes if family == "probes" else self.collectors).module(name)

    def scrape_config(self) -> type[KindConfig]:
        """The `Config` of a scrape."""
        config: type[KindConfig] = importlib.import_module(self.scrape).Config
        return config

    def read_modules(
        self, data: Mapping[str, object], at: Location, *, reader: Reader, report: Report
    ) -> dict[str, ModuleEntry]:
        """The modules of the blackbox exporter at a location, by name; what is wrong with them is told."""
        read = importlib.import_module(self.modules).read_modules
        found: dict[str, ModuleEntry] = read(data, at, config_of=self.probes.config, reader=reader, report=report)
        return found
