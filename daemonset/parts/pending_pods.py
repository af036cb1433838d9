"""Pods that wait: for a node, an image, a volume. Only those are held, however many others there are.

Reference: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-phase
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import AwareDatetime, Field, TypeAdapter

from daemonset.documents import Bookmark, Changed, Document, Failed, Metadata, Whole
from daemonset.parts.followed import Followed, Following
from daemonset.parts.keys import NamespacedKeys
from daemonset.parts.part import Problem, lasted, listed
from daemonset.permissions import Rule
from daemonset.reflector import Collection
from slo.config.types import PositiveDuration
from slo.core.duration import duration_name
from slo.core.outcome import Finding
from slo.core.sample import Sample

PENDING = "Pending"
GATED = "SchedulingGated"
"""Why a pod waits that is not to be scheduled yet, since whoever made it wants that."""

USUAL_WAITS = frozenset({"", "ContainerCreating", "PodInitializing"})
"""What a container waits for that is said of every one."""

WHY_CHARACTERS = 120

MOST_TOLD = 500
"""So many pods are told one by one, those that have waited for longest; of all others the number."""


class PodKeys(NamespacedKeys):
    """Which pods are looked at, and for how long they may wait."""

    pending_after: PositiveDuration = timedelta(minutes=10)
    """For how long a pod may be pending."""


class _Metadata(Metadata):
    namespace: str = Field(min_length=1)
    created: AwareDatetime = Field(alias="creationTimestamp")


class _Condition(Document):
    type: str
    status: str
    reason: str = ""
    message: str = ""


class _Waiting(Document):
    reason: str = ""


class _State(Document):
    waiting: _Waiting | None = None


class _Container(Document):
    state: _State | None = None


class _Status(Document):
    phase: str = ""
    conditions: tuple[_Condition, ...] | None = None
    first: tuple[_Container, ...] | None = Field(default=None, alias="initContainerStatuses")
    containers: tuple[_Container, ...] | None = Field(default=None, alias="containerStatuses")


class PendingPodDocument(Whole):
    """A pod."""

    metadata: _Metadata
    status: _Status = _Status()


@dataclass(frozen=True, kw_only=True, slots=True)
class PendingPod:
    """What is kept of one. `why` is what it waits for, in the words of Kubernetes, empty where that is not told."""

    namespace: str
    name: str
    uid: str
    created: datetime
    unschedulable: bool
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PendingPodsSeen:
    """Those of a round with the seconds that each has waited, the longest first."""

    pods: tuple[tuple[PendingPod, float], ...]
    limit_seconds: float

    @property
    def late(self) -> tuple[tuple[PendingPod, float], ...]:
        """Those that have waited for too long."""
        return tuple((pod, seconds) for pod, seconds in self.pods if seconds > self.limit_seconds)

    def problems(self) -> Iterator[Problem]:
        """Those that have waited for too long."""
        late = self.late
        if late:
            words = [
                f"{pod.namespace}/{pod.name} for {lasted(seconds)}{': ' + pod.why if pod.why else ''}"
                for pod, seconds in late
            ]
            limit = duration_name(self.limit_seconds)
            yield "pods_pending", f"{len(late)} pods are pending for longer than {limit}: {listed(words)}"

    def samples(self) -> Iterator[Sample]:
        """The numbers of all, and those that have waited for longest under the names of kube-state-metrics."""
        yield Sample("watchkeep_kubernetes_pods_pending", float(len(self.pods)))
        yield Sample("watchkeep_kubernetes_pods_pending_too_long", float(len(self.late)))
        yield Sample("watchkeep_kubernetes_pods_pending_longest_seconds", self.pods[0][1] if self.pods else 0.0)
        for pod, _ in self.pods[:MOST_TOLD]:
            labels = {"namespace": pod.namespace, "pod": pod.name, "uid": pod.uid}
            yield Sample("kube_pod_status_phase", 1.0, {**labels, "phase": PENDING})
            if pod.unschedulable:
                yield Sample("kube_pod_status_unschedulable", 1.0, labels)

    def findings(self) -> Iterable[Finding]:
        """How many there are."""
        yield Finding(name="pending pods", text=str(len(self.pods)))


class PendingPods(Followed[PendingPodDocument, PendingPod]):
    """Follows them."""

    name = "pods"

    def __init__(self, keys: PodKeys, following: Following) -> None:
        collection = Collection(
            rule=Rule(resource="pods", verbs=("list", "watch")),
            path="/api/v1/pods",
            selector={"fieldSelector": f"status.phase={PENDING}"},
            document=PENDING_POD,
            event=PENDING_POD_EVENT,
            keep=lambda document: kept(document) if keys.has(document.metadata.namespace) else None,
        )
        super().__init__(collection, following)
        self._limit_seconds = keys.pending_after.total_seconds()
        self._since: dict[str, datetime] = {}
        self._looked_at: datetime | None = None

    def _see(self, items: Mapping[str, PendingPod]) -> PendingPodsSeen:
        """A pod that was not pending at the last look, and is older, has become so again: its node has rebooted."""
        now, before = self._clock.now(), self._looked_at
        self._since = {
            pod.uid: self._since.get(pod.uid) or (pod.created if before is None else max(pod.created, before))
            for pod in items.values()
        }
        self._looked_at = now
        waiting = [(pod, max(0.0, (now - self._since[pod.uid]).total_seconds())) for pod in items.values()]
        waiting.sort(key=lambda each: (-each[1], each[0].namespace, each[0].name))
        return PendingPodsSeen(pods=tuple(waiting), limit_seconds=self._limit_seconds)


def kept(document: PendingPodDocument) -> PendingPod | None:
    """What is kept of a document, None of one that does not wait, or is meant to."""
    about, status = document.metadata, document.status
    scheduled = next((each for each in status.conditions or () if each.type == "PodScheduled"), None)
    homeless = scheduled if scheduled is not None and scheduled.status == "False" else None
    if status.phase != PENDING or (homeless is not None and homeless.reason == GATED):
        return None
    waits = (
        each.state.waiting.reason
        for each in (*(status.first or ()), *(status.containers or ()))
        if each.state is not None and each.state.waiting is not None
    )
    why = (
        homeless.message or homeless.reason
        if homeless
        else next((wait for wait in waits if wait not in USUAL_WAITS), "")
    )
    return PendingPod(
        namespace=about.namespace,
        name=about.name,
        uid=about.uid,
        created=about.created,
        unschedulable=homeless is not None and homeless.reason == "Unschedulable",
        why=why[:WHY_CHARACTERS],
    )


PENDING_POD = TypeAdapter(PendingPodDocument)

PENDING_POD_EVENT: TypeAdapter[Changed[PendingPodDocument] | Bookmark | Failed] = TypeAdapter(
    Annotated[Changed[PendingPodDocument] | Bookmark | Failed, Field(discriminator="type")]
)
