"""Pods that come, go and change all the time on many nodes, and what is on each of them."""

import itertools
from collections.abc import Mapping, Sequence
from random import Random
from typing import Protocol

from slo.core.pod import Pod
from tests.daemonset.cluster import Cluster, Key, key_of
from tests.daemonset.selectors import Document

State = dict[str, tuple[str, bool]]
"""Uid and readiness by `NAMESPACE/NAME`."""


class Make(Protocol):
    """What makes a pod."""

    def __call__(self, name: str, node: str, *, ready: bool) -> Document: ...


class Churn:
    """As many pods come as go; as many again change."""

    def __init__(self, nodes: Sequence[str], *, make: Make, random: Random) -> None:
        self._nodes = nodes
        self._make = make
        self._random = random
        self._numbers = itertools.count()
        self._keys: list[Key] = []

    def create(self, cluster: Cluster) -> None:
        """One pod comes."""
        name = f"web-{next(self._numbers)}"
        document = self._make(name, self._random.choice(self._nodes), ready=False)
        self._keys.append(key_of(cluster.put(document)))

    def happen(self, cluster: Cluster) -> None:
        """One thing happens to one pod."""
        match self._random.randrange(4):
            case 0:
                self.create(cluster)
            case 1:
                cluster.delete(*self._keys.pop(self._random.randrange(len(self._keys))))
            case _:
                before = cluster.document(self._random.choice(self._keys))
                ready = not is_ready(before)
                cluster.put(self._make(before["metadata"]["name"], before["spec"]["nodeName"], ready=ready))


def is_ready(document: Document) -> bool:
    """What a pod says of itself."""
    return bool(document["status"]["conditions"][0]["status"] == "True")


def on_node(cluster: Cluster, node: str) -> State:
    """What is on a node now."""
    return {
        "/".join(key_of(each)): (each["metadata"]["uid"], is_ready(each))
        for each in cluster.snapshot().objects
        if each["spec"].get("nodeName") == node
    }


def seen_on(view: Mapping[str, Pod]) -> State:
    """What an agent sees."""
    return {key: (pod.uid, pod.ready) for key, pod in view.items()}
