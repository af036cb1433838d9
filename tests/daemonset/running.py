"""Pods as an agent keeps them, for what makes targets of them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from slo.core.pod import Container, Owner, Pod, Port

IP = "10.0.0.7"


def running(name: str = "cache-7d9f-x2", **other: Any) -> Pod:
    """A pod that runs and is ready; whatever else is given is otherwise. It has a Redis and an exporter beside it."""
    usual: dict[str, Any] = {
        "namespace": "shop",
        "name": name,
        "uid": name,
        "node": "n1",
        "ip": IP,
        "ips": (IP, "fd00::7"),
        "phase": "Running",
        "ready": True,
        "leaving": False,
        "labels": {"app": "cache", "pod-template-hash": "7d9f"},
        "annotations": {},
        "containers": (
            container("redis", ports={"redis": 6379}),
            container("exporter", ports={"http": 8080, "metrics": 9121}),
        ),
        "owner": Owner(kind="ReplicaSet", name="cache-7d9f"),
        "created": datetime(2026, 1, 1, tzinfo=UTC),
    }
    return Pod(**(usual | other))


def container(name: str, *, ports: Mapping[str, int], protocols: Sequence[str] = ("TCP",)) -> Container:
    """A container with named ports, each over every one of these protocols."""
    return Container(
        name=name,
        ports=tuple(
            Port(number=number, name=called, protocol=protocol)
            for called, number in ports.items()
            for protocol in protocols
        ),
    )
