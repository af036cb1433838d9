"""What stands in a cluster beside its pods, as an API server has it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.daemonset.making import CREATED, pod
from tests.daemonset.selectors import Document


def written(at: datetime) -> str:
    """A time as Kubernetes writes it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def daemon_set(
    name: str = "logs",
    *,
    namespace: str = "kube-system",
    desired: int = 10,
    ready: int = 10,
    updated: int | None = None,
    generation: int = 3,
    observed: int | None = None,
    strategy: Document | None = None,
) -> Document:
    """One that has pods on ten nodes, all as they should be; whatever else is given is otherwise."""
    return {
        "kind": "DaemonSet",
        "apiVersion": "apps/v1",
        "metadata": {"name": name, "namespace": namespace, "creationTimestamp": CREATED, "generation": generation},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "updateStrategy": strategy
            or {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}},
        },
        "status": {
            "currentNumberScheduled": desired,
            "numberMisscheduled": 0,
            "desiredNumberScheduled": desired,
            "numberReady": ready,
            **({"numberAvailable": ready} if ready else {}),
            **({"numberUnavailable": desired - ready} if ready < desired else {}),
            "updatedNumberScheduled": desired if updated is None else updated,
            "observedGeneration": generation if observed is None else observed,
        },
    }


def pending(name: str, *, minutes: float = 0.0, why: str = "", **other: Any) -> Document:
    """A pod that has waited for so long, for room on a node unless something else is said."""
    document = pod(name, "", **other)
    document["metadata"]["creationTimestamp"] = written(datetime.now(UTC) - timedelta(minutes=minutes))
    if why:
        document["status"]["containerStatuses"] = [{"name": "web", "state": {"waiting": {"reason": why}}}]
    else:
        message = "0/10 nodes are available: 10 Insufficient cpu."
        document["status"]["conditions"] = [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
        ]
    return document


def autoscaler(
    name: str = "web", *, namespace: str = "shop", least: int = 2, most: int = 10, desired: int | None = 5
) -> Document:
    """One that wants five of ten replicas; without a `desired` its controller has not looked at it."""
    status: Document = {"currentMetrics": None, "desiredReplicas": desired, "currentReplicas": desired}
    limited = "True" if desired == most else "False"
    return {
        "kind": "HorizontalPodAutoscaler",
        "apiVersion": "autoscaling/v2",
        "metadata": {"name": name, "namespace": namespace, "creationTimestamp": CREATED},
        "spec": {
            "scaleTargetRef": {"kind": "Deployment", "name": name, "apiVersion": "apps/v1"},
            "minReplicas": least,
            "maxReplicas": most,
        },
        "status": {**status, "conditions": [{"type": "ScalingLimited", "status": limited}]}
        if desired is not None
        else {},
    }


def node(name: str = "n1", *, ready: str = "True", cordoned: bool = False) -> Document:
    """One that takes work."""
    return {
        "kind": "Node",
        "apiVersion": "v1",
        "metadata": {"name": name, "creationTimestamp": CREATED},
        "spec": {"podCIDR": "10.1.0.0/24", **({"unschedulable": True} if cordoned else {})},
        "status": {"conditions": [{"type": "MemoryPressure", "status": "False"}, {"type": "Ready", "status": ready}]},
    }


WHOLE: Mapping[str, tuple[int, int]] = {"clouddriver": (3, 3), "gate": (2, 2), "orca": (2, 2)}


def spinnaker(
    name: str = "spinnaker",
    *,
    namespace: str = "spinnaker",
    services: Mapping[str, tuple[int, int]] = WHOLE,
    status: str = "OK",
) -> Document:
    """A SpinnakerService as its operator keeps it; services are replicas and ready ones. Go leaves zeros out."""
    told = [
        {
            "name": f"spin-{each}",
            "image": f"registry.example/{each}:1.30.1",
            **({"replicas": replicas} if replicas else {}),
            **({"readyReplicas": ready} if ready else {}),
        }
        for each, (replicas, ready) in services.items()
    ]
    return {
        "kind": "SpinnakerService",
        "apiVersion": "spinnaker.io/v1alpha2",
        "metadata": {"name": name, "namespace": namespace, "creationTimestamp": CREATED},
        "spec": {"spinnakerConfig": {"config": {"version": "1.30.1"}}},
        "status": {
            "version": "1.30.1",
            "status": status,
            "lastDeployed": {"config": {"hash": "5d41402a", "lastUpdatedAt": CREATED}},
            "services": told,
            "serviceCount": len(told),
            "uiUrl": "",
            "apiUrl": "",
            "accountCount": 7,
        },
    }
