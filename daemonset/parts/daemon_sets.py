"""DaemonSets: whether each has a pod that is ready on every node that it should have one on.

Reference: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/daemon-set-v1/
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
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


class DaemonSetKeys(NamespacedKeys):
    """Which DaemonSets are looked at, and what is wrong with them."""

    unready_after: PositiveDuration = timedelta(minutes=5)
    """For how long nodes may lack a pod that is ready. While a rollout goes on, no more of them than it may take down
    at a time, that is counted from its last progress."""


class _Metadata(Metadata):
    namespace: str = Field(min_length=1)
    generation: Count = 0


class _RollingUpdate(Document):
    unavailable: Count | str | None = Field(default=None, alias="maxUnavailable")


class _Strategy(Document):
    type: str = "RollingUpdate"
    rolling: _RollingUpdate | None = Field(default=None, alias="rollingUpdate")


class _Spec(Document):
    strategy: _Strategy = Field(default=_Strategy(), alias="updateStrategy")


class _Status(Document):
    desired: Count = Field(default=0, alias="desiredNumberScheduled")
    current: Count = Field(default=0, alias="currentNumberScheduled")
    ready: Count = Field(default=0, alias="numberReady")
    available: Count = Field(default=0, alias="numberAvailable")
    unavailable: Count = Field(default=0, alias="numberUnavailable")
    misscheduled: Count = Field(default=0, alias="numberMisscheduled")
    updated: Count = Field(default=0, alias="updatedNumberScheduled")
    observed: Count = Field(default=0, alias="observedGeneration")


class DaemonSetDocument(Whole):
    """A DaemonSet."""

    metadata: _Metadata
    spec: _Spec = _Spec()
    status: _Status = _Status()


@dataclass(frozen=True, kw_only=True, slots=True)
class DaemonSet:
    """What is kept of one. `down_at_once` is how many nodes its rollout may take down at a time, None where it rolls
    nothing out by itself.
    """

    namespace: str
    name: str
    generation: int
    observed: int
    desired: int
    current: int
    ready: int
    available: int
    unavailable: int
    misscheduled: int
    updated: int
    down_at_once: int | None

    @property
    def unobserved(self) -> bool:
        """Whether its controller has not seen yet what it should be: the numbers are of what it was."""
        return self.observed < self.generation

    @property
    def unready(self) -> int:
        """How many nodes have no pod of it that is ready."""
        return max(0, self.desired - self.ready)

    @property
    def trouble(self) -> tuple[str, str, int] | None:
        """Who has which trouble, and how far its rollout has come: as long as that is the same, time is counted."""
        key = f"{self.namespace}/{self.name}"
        if self.unobserved:
            return key, "unobserved", self.generation
        if not self.unready:
            return None
        rolls = self.down_at_once is not None and self.updated < self.desired and self.unready <= self.down_at_once
        return (key, "rollout", self.updated) if rolls else (key, "unready", 0)

    def in_words(self, seconds: float) -> str:
        """What its trouble is, and for how long."""
        if self.unobserved:
            return f"{self.namespace}/{self.name}: its controller has not seen its last change for {lasted(seconds)}"
        rollout = f", of a rollout that stands at {self.updated}" if self.updated < self.desired else ""
        return f"{self.namespace}/{self.name}: {self.unready} of {self.desired} nodes for {lasted(seconds)}{rollout}"


@dataclass(frozen=True, kw_only=True, slots=True)
class DaemonSetsSeen:
    """Those of a round, with how long each has had its trouble."""

    sets: tuple[DaemonSet, ...]
    spells: Mapping[tuple[str, str, int], Spell]
    limit_seconds: float

    def problems(self) -> Iterator[Problem]:
        """Those that have had a trouble for too long, or may have had."""
        troubled = [(each, self.spells[trouble]) for each in self.sets if (trouble := each.trouble) is not None]
        late = [each.in_words(spell.seconds) for each, spell in troubled if spell.exceeds(self.limit_seconds)]
        if late:
            yield "pods_unready", f"DaemonSets without a pod that is ready: {listed(late)}"
        open_ = [each.in_words(spell.seconds) for each, spell in troubled if spell.may_exceed(self.limit_seconds)]
        if open_:
            yield UNTOLD, f"since when is not known of DaemonSets without a pod that is ready: {listed(open_)}"

    def samples(self) -> Iterator[Sample]:
        """Under the names of kube-state-metrics."""
        for each in self.sets:
            labels = {"namespace": each.namespace, "daemonset": each.name}
            for name, value in (
                ("kube_daemonset_metadata_generation", each.generation),
                ("kube_daemonset_status_observed_generation", each.observed),
                ("kube_daemonset_status_desired_number_scheduled", each.desired),
                ("kube_daemonset_status_current_number_scheduled", each.current),
                ("kube_daemonset_status_number_ready", each.ready),
                ("kube_daemonset_status_number_available", each.available),
                ("kube_daemonset_status_number_unavailable", each.unavailable),
                ("kube_daemonset_status_number_misscheduled", each.misscheduled),
                ("kube_daemonset_status_updated_number_scheduled", each.updated),
            ):
                yield Sample(name, float(value), labels)

    def findings(self) -> Iterable[Finding]:
        """How many there are, and how many of them are whole."""
        whole = sum(each.trouble is None for each in self.sets)
        yield Finding(name="DaemonSets", text=f"{whole} of {len(self.sets)} are ready on every node")


class DaemonSets(Followed[DaemonSetDocument, DaemonSet]):
    """Follows them."""

    name = "daemonsets"

    def __init__(self, keys: DaemonSetKeys, following: Following) -> None:
        collection = Collection(
            rule=Rule(resource="daemonsets", group="apps", verbs=("list", "watch")),
            path="/apis/apps/v1/daemonsets",
            selector={},
            document=DAEMON_SET,
            event=DAEMON_SET_EVENT,
            keep=lambda document: kept(document) if keys.has(document.metadata.namespace) else None,
        )
        super().__init__(collection, following)
        self._limit_seconds = keys.unready_after.total_seconds()
        self._lasting: Lasting[tuple[str, str, int]] = Lasting()

    def _see(self, items: Mapping[str, DaemonSet]) -> DaemonSetsSeen:
        sets = tuple(items[key] for key in sorted(items))
        troubles = [trouble for each in sets if (trouble := each.trouble) is not None]
        spells = self._lasting.look(troubles, self._clock.monotonic())
        return DaemonSetsSeen(sets=sets, spells=spells, limit_seconds=self._limit_seconds)


def kept(document: DaemonSetDocument) -> DaemonSet:
    """What is kept of a document."""
    about, status = document.metadata, document.status
    return DaemonSet(
        namespace=about.namespace,
        name=about.name,
        generation=about.generation,
        observed=status.observed,
        desired=status.desired,
        current=status.current,
        ready=status.ready,
        available=status.available,
        unavailable=status.unavailable,
        misscheduled=status.misscheduled,
        updated=status.updated,
        down_at_once=_down_at_once(document.spec.strategy, status.desired),
    )


def _down_at_once(strategy: _Strategy, desired: int) -> int | None:
    """How many nodes a rollout may take down at a time: a number, or a percentage of those desired, rounded up."""
    if strategy.type != "RollingUpdate":
        return None
    most = strategy.rolling.unavailable if strategy.rolling else None
    if isinstance(most, str):
        percent = most.removesuffix("%")
        return ceil(desired * int(percent) / 100) if percent.isascii() and percent.isdigit() else 1
    return 1 if most is None else most


DAEMON_SET = TypeAdapter(DaemonSetDocument)

DAEMON_SET_EVENT: TypeAdapter[Changed[DaemonSetDocument] | Bookmark | Failed] = TypeAdapter(
    Annotated[Changed[DaemonSetDocument] | Bookmark | Failed, Field(discriminator="type")]
)
