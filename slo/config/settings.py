"""The loaded configuration: what the rest of the watch reads, with nothing left to check."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import ClassVar, Literal, TypeAlias

from pydantic import BaseModel

from slo.config.request import BasicAuth
from slo.config.schema import GuardKeys
from slo.config.secret import Secret
from slo.config.target_keys import PLACE
from slo.config.tls import TLSSettings
from slo.core.contract import Contract
from slo.core.exclusion import Exclusion
from slo.core.inhibition import Rule
from slo.core.routing import Route
from slo.core.silence import Silence
from slo.core.slo import SLO
from slo.errors import ConfigFault

CheckFamily: TypeAlias = Literal["probes", "collectors"]
"""What a check is: a probe or a collector."""

RunBy: TypeAlias = Literal["watch", "agents"]
"""Who runs a check or a scrape."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AfterFailureSettings:
    """Extra rounds while a target is bad: every `interval`, `rounds` of them in a row at most."""

    interval: timedelta
    rounds: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class TargetEntry:
    """One target of a check: the kind `type` with its own `config`, every `interval`, given up after `timeout`.

    The kind is one of `family`.

    `vantage_points` are other configurations by the names of who looks so; then `config` itself is not looked with.
    Of its samples at most `max_samples` are served, where there is such a limit.
    """

    type: str
    interval: timedelta
    timeout: timedelta
    config: BaseModel
    family: CheckFamily = "probes"
    labels: Mapping[str, str] = field(default_factory=dict)
    after_failure: AfterFailureSettings | None = None
    vantage_points: Mapping[str, BaseModel] = field(default_factory=dict)
    max_samples: int | None = None

    @property
    def looks(self) -> Mapping[str, BaseModel]:
        """Every vantage point with its configuration; one without a name where there are none."""
        return self.vantage_points or {"": self.config}


@dataclass(frozen=True, kw_only=True, slots=True)
class DiscoveryEntry:
    """Where targets of a check or a scrape are found: the kind `type` with its own `config`.

    `format` is what becomes of each.
    """

    type: str
    config: BaseModel
    format: str

    def written(self, address: str) -> str:
        """The target that an address becomes."""
        return self.format.replace(PLACE, address) if self.format else address


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckEntry:
    """One probe or collector with its targets, those that are written in the configuration, and where others are found.

    `several` says that it may have more than one. `aimed(target, labels)` is the entry of one that is found, or that
    somebody else names; it raises ValueError for a target that it cannot have, and is None where the kind has none.
    With `vantage_points`, the names of those who look, a round is good if at least `quorum` of them see good.
    """

    name: str
    type: str
    interval: timedelta
    timeout: timedelta
    targets: tuple[TargetEntry, ...]
    family: CheckFamily = "probes"
    run_by: RunBy = "watch"
    several: bool = False
    discoveries: tuple[DiscoveryEntry, ...] = ()
    vantage_points: tuple[str, ...] = ()
    quorum: int = 1
    aimed: "Callable[[str, Mapping[str, str]], TargetEntry] | None" = field(default=None, compare=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class ModuleEntry:
    """A module of the blackbox exporter, done by the kind `type`, given up after `timeout` where that is not zero.

    `aimed(target)` is the config of that kind for a target as it is written for the exporter; `aimed(target, hostname)`
    asks it under that name. Raises ValueError for a target that it cannot have. `secret` is whether it holds anything
    that is kept secret.
    """

    name: str
    type: str
    timeout: timedelta
    secret: bool = False
    aimed: Callable[..., BaseModel] = field(compare=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class ScrapeTarget:
    """A target whose counters are scraped every `interval`, given up after `timeout`; `config` says from where.

    `labels` are its own, besides those of the scrape.
    """

    interval: timedelta
    timeout: timedelta
    config: BaseModel
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class ScrapeEntry:
    """One scrape with its targets, those that are written in the configuration, and where others are found.

    Series get `labels`, besides `job` and `instance`; with `honor_labels`, those that have none of that name.
    `several`, `discoveries` and `aimed` are as those of a check.
    """

    family: ClassVar[str] = "scrapes"

    name: str
    interval: timedelta
    timeout: timedelta
    targets: tuple[ScrapeTarget, ...]
    labels: Mapping[str, str]
    honor_labels: bool
    run_by: RunBy = "watch"
    several: bool = False
    discoveries: tuple[DiscoveryEntry, ...] = ()
    aimed: "Callable[[str, Mapping[str, str]], ScrapeTarget] | None" = field(default=None, compare=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerEntry:
    """A Prometheus-compatible server at `url`, asked every `interval` for what is older than `offset`.

    A query is given up after `timeout`.
    """

    name: str
    url: str
    interval: timedelta
    timeout: timedelta
    offset: timedelta
    headers: Mapping[str, Secret] = field(default_factory=dict)
    basic_auth: BasicAuth | None = None
    bearer_token: Secret | None = None
    tls: TLSSettings = field(default_factory=TLSSettings)


@dataclass(frozen=True, kw_only=True, slots=True)
class DestinationEntry:
    """One destination: the kind `type` with its own `config`.

    Where it does not take a message within `deadline`, `fallback` is told instead; empty where nobody is.
    """

    name: str
    type: str
    config: BaseModel
    fallback: str = ""
    deadline: timedelta | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ForwarderEntry:
    """Where telemetry is sent: the kind `type` with its own `config`. Of what waits it keeps `spool_bytes` at most."""

    name: str
    type: str
    config: BaseModel
    spool_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SpinnakerEntry:
    """A Spinnaker that tells what happens in it: what it shows to prove that, and which events are taken."""

    name: str
    token: Secret
    events: tuple[str, ...]
    labels: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class StoreSettings:
    """How long the ledger keeps its counts, and how many bytes it may have on disk."""

    retention: timedelta
    max_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Everything that was configured. `contracts` are those of the customers, by their names.

    `agents_token` is what agents show that report here, None where none may. `files` are those that secrets and
    contents were read from.
    `warnings` are what `check` says about it without refusing it.
    """

    slot: timedelta
    probes: tuple[CheckEntry, ...]
    collectors: tuple[CheckEntry, ...]
    modules: Mapping[str, ModuleEntry]
    guard: GuardKeys
    scrapes: tuple[ScrapeEntry, ...]
    servers: tuple[ServerEntry, ...]
    slos: tuple[SLO, ...]
    exclusions: tuple[Exclusion, ...]
    contracts: Mapping[str, Contract]
    destinations: tuple[DestinationEntry, ...]
    forwarders: tuple[ForwarderEntry, ...]
    agents_token: Secret | None
    spinnakers: tuple[SpinnakerEntry, ...]
    routes: Route
    silences: tuple[Silence, ...]
    inhibit: tuple[Rule, ...]
    store: StoreSettings
    external_url: str
    files: frozenset[Path]
    warnings: tuple[ConfigFault, ...]

    @property
    def checks(self) -> tuple[CheckEntry, ...]:
        """Probes and collectors; no two have the same name."""
        return (*self.probes, *self.collectors)

    def run_by(self, who: RunBy) -> "Settings":
        """The same with the checks and scrapes alone that somebody runs."""
        return replace(
            self,
            probes=tuple(probe for probe in self.probes if probe.run_by == who),
            collectors=tuple(collector for collector in self.collectors if collector.run_by == who),
            scrapes=tuple(scrape for scrape in self.scrapes if scrape.run_by == who),
        )
