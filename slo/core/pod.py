"""Pods, as far as checks and scrapes need to know them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

ANNOTATION_PREFIXES = ("prometheus.io/", "ad.datadoghq.com/", "watchkeep/")
"""The annotations that are kept. What tools leave there for themselves may have a quarter of a megabyte."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Port:
    """A port that a container says it listens on. `name` may be empty; `protocol` is TCP, UDP or SCTP."""

    number: int
    name: str = ""
    protocol: str = "TCP"


@dataclass(frozen=True, kw_only=True, slots=True)
class Container:
    """A container that runs as long as its pod does."""

    name: str
    ports: tuple[Port, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Owner:
    """What made a pod and makes it anew: its kind (`ReplicaSet`, `DaemonSet`) and its name."""

    kind: str
    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Pod:
    """One pod of a node.

    `uid` tells it from one of the same name that was there before. `ip` and `ips` are empty until it has a network.
    `ready` is what its own readiness probes say. `leaving` is whether it was told to end. `annotations` are those under
    `ANNOTATION_PREFIXES` alone. `containers` are in the order of the pod, sidecars first. `owner` is None for a pod
    that somebody made by hand.
    """

    namespace: str
    name: str
    uid: str
    node: str
    ip: str
    ips: tuple[str, ...]
    phase: str
    ready: bool
    leaving: bool
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    containers: tuple[Container, ...]
    owner: Owner | None
    created: datetime
