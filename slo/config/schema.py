"""The keys of the configuration, section by section, with what each may hold and what it means.

Entries that have a `type` hold the keys of that kind besides the common ones here. Values marked as not validated are
sections of their own, which are read one by one so that a fault in one hides none in another.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, SkipValidation, WithJsonSchema, model_validator

from slo.config.customer_keys import CustomerKeys
from slo.config.exclusion_keys import ExclusionKeys
from slo.config.hosts import HostPattern, Network
from slo.config.identity import LabelName, Name, NamedKeys
from slo.config.request import BasicAuth, HeaderName, HeaderValue, refuse_credentials
from slo.config.route_keys import InhibitKeys, RoutesKeys
from slo.config.section import Section
from slo.config.silence_keys import SilenceKeys
from slo.config.slo_keys import SLOKeys
from slo.config.spinnaker_keys import SpinnakerKeys
from slo.config.target_keys import DiscoveryKeys, Interval, TargetKeys
from slo.config.tls import TLSSettings
from slo.config.types import Duration, PositiveDuration, Secret, Size
from slo.config.urls import HTTPURL
from slo.config.wrong import wrong
from slo.core.duration import duration_name

MOST_SAMPLES = 100_000

SLOT_SECONDS = (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60)


def _slot(value: timedelta) -> timedelta:
    if value not in [timedelta(seconds=seconds) for seconds in SLOT_SECONDS]:
        known = ", ".join(f"{seconds}s" for seconds in SLOT_SECONDS)
        raise wrong(
            f"{duration_name(value.total_seconds())} does not divide a minute into whole seconds",
            f"write one of {known}",
        )
    return value


_SLOTS = WithJsonSchema({"enum": [*(f"{seconds}s" for seconds in SLOT_SECONDS), "1m"]})


def _whole_seconds(value: timedelta) -> timedelta:
    if value % timedelta(seconds=1):
        raise wrong(f"{duration_name(value.total_seconds())} is not whole seconds", "write 1s or more, as 15s")
    return value


WholeSeconds = Annotated[PositiveDuration, AfterValidator(_whole_seconds)]
"""How often something is asked that counts by the second."""


class EntryKeys(NamedKeys):
    """What every entry with a `type` has; the rest of its keys are those of the type."""

    type: str
    """The kind that it is."""


class AfterFailureKeys(Section):
    """Extra rounds while a target is bad. They are shown, and count for no SLI."""

    interval: Interval
    """How often it asks then, less than the `interval` of the probe."""
    rounds: Annotated[int, Field(ge=1)] | None = None
    """How many extra rounds there are in a row at most. Default: as many as it takes until one is good."""


class VantagePointKeys(NamedKeys):
    """One way to look at the target. Any key of the type may stand here, in the place of that of the probe."""

    model_config = ConfigDict(json_schema_extra={"additionalProperties": True})


RunBy = Literal["watch", "agents"]
"""Who does something: the watch itself, or the agents on the nodes of a cluster."""


class CheckKeys(EntryKeys):
    """What every probe and every collector has, whatever its type."""

    run_by: RunBy = "watch"
    """Who asks: the watch, or the agents, each of which asks the pods of its node and a share of all other targets."""
    interval: Interval = timedelta(seconds=10)
    """How often it asks, at most ten times a second."""
    timeout: PositiveDuration | None = None
    """When it gives up, at most `interval`. Default: 5s, or `interval` where that is shorter."""
    targets: tuple[SkipValidation[str | TargetKeys], ...] = ()
    """Many targets instead of one: each as it is, or a mapping with it, its `labels`, and any keys of the entry that
    are others for it."""
    targets_from: tuple[SkipValidation[DiscoveryKeys], ...] = ()
    """Where more targets are found while the watch runs."""
    after_failure: AfterFailureKeys | None = None
    """How it asks while the target is bad."""


class ProbeKeys(CheckKeys):
    """What every probe has, whatever its type."""

    vantage_points: tuple[SkipValidation[VantagePointKeys], ...] = ()
    """Several ways to look at the target, all in one rhythm. What they see of it together is one round."""
    quorum: Annotated[int, Field(ge=1)] | None = None
    """How many vantage points have to see good for a round to be good. Default: more than half of them."""


class CollectorKeys(CheckKeys):
    """What every collector has, whatever its type."""

    interval: Interval = timedelta(seconds=15)
    """How often it looks, at most ten times a second."""
    max_samples: Annotated[int, Field(ge=1, le=MOST_SAMPLES)] = 10_000
    """How many samples of one target are served at most; those that are more are dropped and counted."""


class ScrapeKeys(NamedKeys):
    """What every scrape has: one target whose counters are scraped, or many."""

    run_by: RunBy = "watch"
    """Who scrapes: the watch, or the agents, which send what is counted to it."""
    interval: Interval = timedelta(seconds=15)
    """How often it is scraped."""
    timeout: PositiveDuration | None = None
    """When a scrape gives up, at most `interval`. Default: 5s, or `interval` where that is shorter."""
    targets: tuple[SkipValidation[str | TargetKeys], ...] = ()
    """Many targets instead of one: each as it is, or a mapping with its `url`, its `labels`, and any keys of the entry
    that are others for it."""
    targets_from: tuple[SkipValidation[DiscoveryKeys], ...] = ()
    """Where more targets are found while the watch runs."""
    labels: Mapping[LabelName, str] = Field(default={})
    """Labels that all its series get, besides those of their target. Without others, `job` is the name of the scrape,
    and `instance` the host and port of the URL, as in Prometheus."""
    honor_labels: bool = False
    """Where a series has one of these labels itself, its own stands, as for a federation or a push gateway. Otherwise
    its own is called `exported_job`, or `exported_` and whatever its name is."""


class ServerKeys(NamedKeys):
    """A Prometheus-compatible server: Prometheus, Thanos, Mimir, VictoriaMetrics."""

    url: HTTPURL
    """Its address, without `/api/v1`."""
    interval: WholeSeconds = timedelta(seconds=30)
    """How often it is asked, in whole seconds: as often as it scrapes what is counted, or less."""
    timeout: PositiveDuration | None = None
    """When a query gives up, at most `interval`. Default: 5s, or `interval` where that is shorter."""
    offset: Duration | None = None
    """How old samples are before they are asked for, so that all are there. Default: 30s, or a longer `interval`."""
    headers: Mapping[HeaderName, HeaderValue] = Field(default={})
    """Headers of every query, as `X-Scope-OrgID` for a tenant of Mimir or Thanos. They are kept secret."""
    basic_auth: BasicAuth | None = None
    """A user and password to send."""
    bearer_token: Secret | None = None
    """A token to send as `Authorization: Bearer`."""
    tls: TLSSettings = TLSSettings()
    """How the server is verified over TLS."""

    @model_validator(mode="after")
    def _agrees(self) -> "ServerKeys":
        refuse_credentials(self.headers, self.basic_auth, self.bearer_token)
        return self


class DestinationKeys(EntryKeys):
    """What every destination has, whatever its type."""

    fallback: Name | None = None
    """The destination that is told instead of what this one refuses, or has not taken by its deadline."""
    deadline: PositiveDuration | None = None
    """How long a message to it may take. Default: 2m for a P0, 15m for everything else."""


class SpoolKeys(Section):
    """A spool: it outlives outages and restarts."""

    max_size: Size = 256_000_000
    """How large it may become; the oldest goes first."""


class ForwarderKeys(EntryKeys):
    """What everything has that telemetry is sent to, whatever its type."""

    spool: SpoolKeys = SpoolKeys()
    """What waits on disk to be sent."""


class AgentsKeys(Section):
    """What a watch knows of the agents that report to it."""

    token: Secret | None = None
    """What agents show to prove that they are some: 16 characters or more. Default: no agent may report."""


class StoreKeys(Section):
    """What is kept on disk."""

    retention: PositiveDuration = timedelta(days=90)
    """How long counts are kept; at least the longest window of an SLO."""
    max_size: Size = 2_000_000_000
    """How large the ledger may become; the oldest hours go first."""


class ReachKeys(Section):
    """What may be asked where somebody else chooses the target. An empty list leaves everything open."""

    hosts: tuple[HostPattern, ...] = ()
    """Names of hosts, and `*.example.org` for all names below one."""
    networks: tuple[Network, ...] = ()
    """Networks that the address has to be in, as 10.0.0.0/8."""
    schemes: tuple[Literal["http", "https", "tcp", "tls", "dns", "icmp", "grpc", "ws", "wss", "smtp", "unix"], ...] = ()
    """What may be spoken."""


class GuardKeys(Section):
    """Where targets may lie that others choose: whoever asks `/probe`, a list that is found, a redirect of these."""

    allow: ReachKeys = ReachKeys()
    """The only targets that may be asked."""
    deny: tuple[Network, ...] | None = None
    """Networks that are never asked, nor an address of IPv6 that holds one of theirs. Default: link-local networks, the
    metadata services of clouds, multicast."""


class Root(Section):
    """A whole configuration: one file, or a folder of files whose lists follow one another."""

    probes: tuple[SkipValidation[ProbeKeys], ...] = ()
    """The targets, and how each is asked."""
    collectors: tuple[SkipValidation[CollectorKeys], ...] = ()
    """The servers that are logged in to and looked into. No probe has the name of one."""
    modules: SkipValidation[Mapping[str, object]] = Field(default={})
    """Modules of the blackbox exporter, as its blackbox.yml has them: for `/probe`, and for `module` of a probe."""
    guard: GuardKeys = GuardKeys()
    """Where targets may lie that others choose: those of `/probe`, and those that are found."""
    scrapes: tuple[SkipValidation[ScrapeKeys], ...] = ()
    """Targets whose counters are scraped."""
    servers: tuple[SkipValidation[ServerKeys], ...] = ()
    """Prometheus-compatible servers that SLIs are asked of."""
    slos: tuple[SkipValidation[SLOKeys], ...] = ()
    """The objectives."""
    exclusions: tuple[SkipValidation[ExclusionKeys], ...] = ()
    """Time that counts for nothing, such as maintenance."""
    customers: tuple[SkipValidation[CustomerKeys], ...] = ()
    """Those whom something was promised, and what. Once there are any, every SLO has the label `customer` of one."""
    silences: tuple[SkipValidation[SilenceKeys], ...] = ()
    """Alerts that nobody is told of for a time."""
    inhibit: tuple[SkipValidation[InhibitKeys], ...] = ()
    """Alerts that nobody is told of while another one is open that explains them."""
    destinations: tuple[SkipValidation[DestinationKeys], ...] = ()
    """Where notifications go."""
    forwarders: tuple[SkipValidation[ForwarderKeys], ...] = ()
    """Where telemetry is sent."""
    agents: SkipValidation[AgentsKeys] = AgentsKeys()
    """The agents that report to this watch."""
    spinnakers: tuple[SkipValidation[SpinnakerKeys], ...] = ()
    """Installations of Spinnaker that tell what happens in them."""
    routes: SkipValidation[RoutesKeys] = RoutesKeys()
    """Who is told, and on which terms. A route inherits what it does not say from the one above it."""
    slot: Annotated[PositiveDuration, AfterValidator(_slot), _SLOTS] = timedelta(seconds=10)
    """The span in which events are counted; it divides a minute into whole seconds."""
    store: SkipValidation[StoreKeys] = StoreKeys()
    """What is kept on disk."""
    external_url: HTTPURL | None = None
    """The address of the watch's own page, for links in notifications. Default: no links."""
