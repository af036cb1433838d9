"""HorizontalPodAutoscalers: whether each could still add pods.

Reference: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/horizontal-pod-autoscaler-v2/
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from pydantic import Field, TypeAdapter

from daemonset.documents import Bookmark, Changed, Count, Document, Failed, Metadata, Whole
from daemonset.parts.followed import Followed, Following
from daemonset.parts.keys import NamespacedKeys
from daemonset.parts.lasting import Lasting, Spell
from daemonset.parts.part import UNTOLD, Problem, lasted, listed
from daemonset.permissions import Rule
from daemonset.reflector import Collection
from slo.config.types import PositiveDuration
from slo.core.outcome import Finding
from slo.core.sample import Sample


class AutoscalerKeys(NamespacedKeys):
    """Which autoscalers are looked at, and what is wrong with them."""

    at_limit_after: PositiveDuration = timedelta(minutes=15)
    """For how long one may want as many replicas as it may have. One that may not have more than its least has no
    headroom by design, and is passed over."""


class _Metadata(Metadata):
    namespace: str = Field(min_length=1)


class _Spec(Document):
    most: Count = Field(alias="maxReplicas")
    least: Count = Field(default=1, alias="minReplicas")


class _Condition(Document):
    type: str
    status: str


class _Status(Document):
    current: Count = Field(default=0, alias="currentReplicas")
    desired: Count | None = Field(default=None, alias="desiredReplicas")
    conditions: tuple[_Condition, ...] | None = None


class AutoscalerDocument(Whole):
    """A HorizontalPodAutoscaler."""

    metadata: _Metadata
    spec: _Spec
    status: _Status = _Status()


@dataclass(frozen=True, kw_only=True, slots=True)
class Autoscaler:
    """What is kept of one: replicas, and the status of each of its conditions. `desired` is None where its controller
    has not looked at it.
    """

    namespace: str
    name: str
    least: int
    most: int
    current: int
    desired: int | None
    conditions: Mapping[str, str]

    @property
    def trouble(self) -> tuple[str, str] | None:
        """Who has which trouble."""
        key = f"{self.namespace}/{self.name}"
        if self.desired is None:
            return key, "untold"
        return (key, "limit") if self.desired >= self.most > self.least else None


@dataclass(frozen=True, kw_only=True, slots=True)
class AutoscalersSeen:
    """Those of a round, with how long each has had its trouble."""

    autoscalers: tuple[Autoscaler, ...]
    spells: Mapping[tuple[str, str], Spell]
    limit_seconds: float

    def problems(self) -> Iterator[Problem]:
        """Those that have been at their limit for too long, or may have been, or say nothing."""
        late, open_, silent = [], [], []
        for each in self.autoscalers:
            if (trouble := each.trouble) is None:
                continue
            spell = self.spells[trouble]
            text = f"{each.namespace}/{each.name} at {each.most} for {lasted(spell.seconds)}"
            if each.desired is None:
                silent += [f"{each.namespace}/{each.name}"] if spell.exceeds(self.limit_seconds) else []
            elif spell.exceeds(self.limit_seconds):
                late.append(text)
            elif spell.may_exceed(self.limit_seconds):
                open_.append(text)
        if late:
            yield "autoscaler_at_limit", f"autoscalers that may add no more pods: {listed(late)}"
        if open_:
            yield UNTOLD, f"since when is not known of autoscalers that may add no more pods: {listed(open_)}"
        if silent:
            yield UNTOLD, f"autoscalers that nothing looks after: {listed(silent)}"

    def samples(self) -> Iterator[Sample]:
        """Under the names of kube-state-metrics."""
        for each in self.autoscalers:
            labels = {"namespace": each.namespace, "horizontalpodautoscaler": each.name}
            yield Sample("kube_horizontalpodautoscaler_spec_max_replicas", float(each.most), labels)
            yield Sample("kube_horizontalpodautoscaler_spec_min_replicas", float(each.least), labels)
            if each.desired is not None:
                yield Sample("kube_horizontalpodautoscaler_status_current_replicas", float(each.current), labels)
                yield Sample("kube_horizontalpodautoscaler_status_desired_replicas", float(each.desired), labels)
            for condition, status in each.conditions.items():
                about = {**labels, "condition": condition}
                yield from condition_samples("kube_horizontalpodautoscaler_status_condition", about, status)

    def findings(self) -> Iterable[Finding]:
        """How many there are, and how many of them have headroom."""
        free = sum(each.trouble is None for each in self.autoscalers)
        yield Finding(name="autoscalers", text=f"{free} of {len(self.autoscalers)} are below their limit")


def condition_samples(name: str, labels: Mapping[str, str], status: str) -> Iterator[Sample]:
    """A condition as kube-state-metrics has it: one series for each status that it may have."""
    for each in ("true", "false", "unknown"):
        yield Sample(name, float(status.lower() == each), {**labels, "status": each})


class Autoscalers(Followed[AutoscalerDocument, Autoscaler]):
    """Follows them."""

    name = "autoscalers"

    def __init__(self, keys: AutoscalerKeys, following: Following) -> None:
        collection = Collection(
            rule=Rule(resource="horizontalpodautoscalers", group="autoscaling", verbs=("list", "watch")),
            path="/apis/autoscaling/v2/horizontalpodautoscalers",
            selector={},
            document=AUTOSCALER,
            event=AUTOSCALER_EVENT,
            keep=lambda document: kept(document) if keys.has(document.metadata.namespace) else None,
        )
        super().__init__(collection, following)
        self._limit_seconds = keys.at_limit_after.total_seconds()
        self._lasting: Lasting[tuple[str, str]] = Lasting()

    def _see(self, items: Mapping[str, Autoscaler]) -> AutoscalersSeen:
        autoscalers = tuple(items[key] for key in sorted(items))
        troubles = [trouble for each in autoscalers if (trouble := each.trouble) is not None]
        spells = self._lasting.look(troubles, self._clock.monotonic())
        return AutoscalersSeen(autoscalers=autoscalers, spells=spells, limit_seconds=self._limit_seconds)


def kept(document: AutoscalerDocument) -> Autoscaler:
    """What is kept of a document."""
    about, spec, status = document.metadata, document.spec, document.status
    return Autoscaler(
        namespace=about.namespace,
        name=about.name,
        least=spec.least,
        most=spec.most,
        current=status.current,
        desired=status.desired,
        conditions={each.type: each.status for each in status.conditions or ()},
    )


AUTOSCALER = TypeAdapter(AutoscalerDocument)

AUTOSCALER_EVENT: TypeAdapter[Changed[AutoscalerDocument] | Bookmark | Failed] = TypeAdapter(
    Annotated[Changed[AutoscalerDocument] | Bookmark | Failed, Field(discriminator="type")]
)
