"""Nodes: how many of them take no work, since they are not ready or were cordoned.

Reference: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/node-v1/
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated

from pydantic import Field, TypeAdapter

from daemonset.documents import Bookmark, Changed, Document, Failed, Whole
from daemonset.parts.autoscalers import condition_samples
from daemonset.parts.followed import Followed, Following
from daemonset.parts.part import Problem, listed
from daemonset.permissions import Rule
from daemonset.reflector import Collection
from slo.config.section import Section
from slo.config.types import Ratio
from slo.core.outcome import Finding
from slo.core.sample import Sample


class NodeKeys(Section):
    """What is wrong with the nodes."""

    unavailable: Ratio = Fraction(1, 5)
    """The largest share of the nodes that may be not ready or cordoned, as 20%."""


class _Spec(Document):
    cordoned: bool = Field(default=False, alias="unschedulable")


class _Condition(Document):
    type: str
    status: str


class _Status(Document):
    conditions: tuple[_Condition, ...] | None = None


class NodeDocument(Whole):
    """A node."""

    spec: _Spec = _Spec()
    status: _Status = _Status()


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterNode:
    """What is kept of one. `ready` is the status of its condition Ready: True, False, or Unknown."""

    name: str
    ready: str
    cordoned: bool

    @property
    def available(self) -> bool:
        """Whether it takes work."""
        return self.ready == "True" and not self.cordoned

    @property
    def in_words(self) -> str:
        """What is wrong with it."""
        return f"{self.name} {'is cordoned' if self.ready == 'True' else 'is not ready'}"


@dataclass(frozen=True, kw_only=True, slots=True)
class NodesSeen:
    """Those of a round, and the largest share of them that may take no work."""

    nodes: tuple[ClusterNode, ...]
    unavailable: Fraction

    def problems(self) -> Iterator[Problem]:
        """That too many take no work, or that there are none."""
        away = [each.in_words for each in self.nodes if not each.available]
        if not self.nodes:
            yield "nodes_unavailable", "the cluster has no nodes"
        elif Fraction(len(away), len(self.nodes)) > self.unavailable:
            share = f"{len(away)} of {len(self.nodes)} nodes, more than {float(self.unavailable) * 100:g} %"
            yield "nodes_unavailable", f"{share}, take no work: {listed(away)}"

    def samples(self) -> Iterator[Sample]:
        """Under the names of kube-state-metrics."""
        for each in self.nodes:
            about = {"node": each.name}
            yield Sample("kube_node_spec_unschedulable", float(each.cordoned), about)
            yield from condition_samples("kube_node_status_condition", {**about, "condition": "Ready"}, each.ready)

    def findings(self) -> Iterable[Finding]:
        """How many there are, and how many of them take work."""
        available = sum(each.available for each in self.nodes)
        yield Finding(name="nodes", text=f"{available} of {len(self.nodes)} take work")


class Nodes(Followed[NodeDocument, ClusterNode]):
    """Follows them."""

    name = "nodes"

    def __init__(self, keys: NodeKeys, following: Following) -> None:
        collection = Collection(
            rule=Rule(resource="nodes", verbs=("list", "watch")),
            path="/api/v1/nodes",
            selector={},
            document=NODE,
            event=NODE_EVENT,
            keep=kept,
        )
        super().__init__(collection, following)
        self._unavailable = keys.unavailable

    def _see(self, items: Mapping[str, ClusterNode]) -> NodesSeen:
        return NodesSeen(nodes=tuple(items[key] for key in sorted(items)), unavailable=self._unavailable)


def kept(document: NodeDocument) -> ClusterNode:
    """What is kept of a document. A node that does not say whether it is ready is not known to be."""
    conditions = document.status.conditions or ()
    ready = next((each.status for each in conditions if each.type == "Ready"), "Unknown")
    return ClusterNode(name=document.metadata.name, ready=ready, cordoned=document.spec.cordoned)


NODE = TypeAdapter(NodeDocument)

NODE_EVENT: TypeAdapter[Changed[NodeDocument] | Bookmark | Failed] = TypeAdapter(
    Annotated[Changed[NodeDocument] | Bookmark | Failed, Field(discriminator="type")]
)
