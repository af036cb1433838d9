"""Pods, as far as those need to know them who look at what runs there."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

ANNOTATION_PREFIXES = ("prometheus.io/", "ad.datadoghq.com/", "watchkeep/")
"""The annotations that are kept. What tools leave there for themselves may have a quarter of a megabyte."""

TEMPLATE_HASH = "pod-template-hash"
"""The label with what a Deployment adds to the name of its ReplicaSet."""

OWN_LABELS = frozenset({"namespace", "pod", "node", "container", "workload"})
"""The labels of everything that is of a container in a pod, where there is something to say."""


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


def workload_of(pod: Pod) -> str:
    """The name of what made the pod, the Deployment behind a ReplicaSet among them; empty where nothing did."""
    match pod.owner:
        case Owner(kind="ReplicaSet", name=name) if suffix := pod.labels.get(TEMPLATE_HASH):
            return name.removesuffix(f"-{suffix}") or name
        case Owner(name=name):
            return name
    return ""


def label_name_of(label: str) -> str:
    """What a label of pods is called on a target: `app.kubernetes.io/name` is `app_kubernetes_io_name`."""
    name = re.sub(r"[^A-Za-z0-9_]", "_", label)
    return f"_{name}" if name[:1].isdigit() else name
