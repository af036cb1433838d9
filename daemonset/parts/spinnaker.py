"""SpinnakerService, the object of Spinnaker's operator: whether every service of it has its replicas.

Its field `status.status` is not read: it is what the operator thought when it looked last, and it says OK of a service
that has no replica at all. What `services` says of replicas is that of the Deployments.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import AwareDatetime, Field, TypeAdapter

from daemonset.api_client import APIFault
from daemonset.documents import Bookmark, Changed, Count, Document, Failed, Metadata, Whole
from daemonset.parts.followed import Followed, Following
from daemonset.parts.keys import NamespacedKeys
from daemonset.parts.lasting import Lasting, Spell
from daemonset.parts.part import UNTOLD, Absent, Problem, Seen, Untold, lasted, listed
from daemonset.permissions import Rule
from daemonset.reflector import Collection
from slo.config.types import PositiveDuration
from slo.core.outcome import Finding
from slo.core.sample import Sample
from slo.net.conversation import said

NOT_FOUND = 404
"""The status with which the API server says that it has no such kind of objects."""


class SpinnakerKeys(NamespacedKeys):
    """Which SpinnakerServices are looked at, and what is wrong with them."""

    unready_after: PositiveDuration = timedelta(minutes=5)
    """For how long some replicas of a service may be missing; a service without any that is ready is bad at once."""

    required: bool = False
    """There must be one: without any, or without its kind in the cluster, the round is unknown."""


class _Metadata(Metadata):
    namespace: str = Field(min_length=1)


class _Service(Document):
    name: str = Field(min_length=1)
    image: str | None = None
    replicas: Count | None = None
    ready: Count | None = Field(default=None, alias="readyReplicas")


class _Deployed(Document):
    at: AwareDatetime | None = Field(default=None, alias="lastUpdatedAt")


class _Status(Document):
    version: str | None = None
    deployed: dict[str, _Deployed] | None = Field(default=None, alias="lastDeployed")
    services: tuple[_Service, ...] | None = None
    accounts: Count | None = Field(default=None, alias="accountCount")


class SpinnakerDocument(Whole):
    """A SpinnakerService."""

    metadata: _Metadata
    status: _Status | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Service:
    """One service of it, and how many replicas it has and how many of them are ready."""

    name: str
    image: str
    replicas: int
    ready: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Spinnaker:
    """What is kept of one. `deployed` is when each part of its configuration was last deployed."""

    namespace: str
    name: str
    version: str
    accounts: int
    services: tuple[Service, ...]
    deployed: Mapping[str, datetime]

    @property
    def key(self) -> str:
        """What it is called."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, kw_only=True, slots=True)
class SpinnakersSeen:
    """Those of a round, with how long each service has lacked replicas."""

    spinnakers: tuple[Spinnaker, ...]
    spells: Mapping[tuple[str, str], Spell]
    limit_seconds: float

    def problems(self) -> Iterator[Problem]:
        """Services without a replica that is ready, or without all of theirs for too long."""
        down, short, open_ = [], [], []
        for spinnaker in self.spinnakers:
            for each in spinnaker.services:
                text = f"{spinnaker.key}: {each.ready} of {each.replicas} replicas of {each.name} are ready"
                spell = self.spells.get((spinnaker.key, each.name))
                if not each.ready:
                    down.append(text)
                elif spell is not None and spell.exceeds(self.limit_seconds):
                    short.append(f"{text} for {lasted(spell.seconds)}")
                elif spell is not None and spell.may_exceed(self.limit_seconds):
                    open_.append(text)
        if down or short:
            yield "component_down", listed([*down, *short])
        if open_:
            yield UNTOLD, f"since when is not known: {listed(open_)}"
        for spinnaker in self.spinnakers:
            if not spinnaker.services:
                yield UNTOLD, f"{spinnaker.key} says nothing of its services: look whether its operator runs"

    def samples(self) -> Iterator[Sample]:
        """All that it says, in numbers."""
        for spinnaker in self.spinnakers:
            about = {"namespace": spinnaker.namespace, "spinnaker": spinnaker.name}
            if not spinnaker.services:
                continue
            yield Sample("watchkeep_kubernetes_spinnaker_info", 1.0, {**about, "version": spinnaker.version})
            yield Sample("watchkeep_kubernetes_spinnaker_accounts", float(spinnaker.accounts), about)
            for part, at in spinnaker.deployed.items():
                labels = {**about, "part": part}
                yield Sample("watchkeep_kubernetes_spinnaker_deployed_timestamp_seconds", at.timestamp(), labels)
            for each in spinnaker.services:
                labels = {**about, "service": each.name}
                yield Sample("watchkeep_kubernetes_spinnaker_service_replicas", float(each.replicas), labels)
                yield Sample("watchkeep_kubernetes_spinnaker_service_ready_replicas", float(each.ready), labels)
                yield Sample("watchkeep_kubernetes_spinnaker_service_info", 1.0, {**labels, "image": each.image})

    def findings(self) -> Iterable[Finding]:
        """Version and services of each."""
        for each in self.spinnakers:
            whole = sum(0 < service.replicas <= service.ready for service in each.services)
            text = f"version {each.version or 'not told'}, {whole} of {len(each.services)} services have their replicas"
            yield Finding(name=f"Spinnaker {said(each.key)}", text=said(text))


class Spinnakers(Followed[SpinnakerDocument, Spinnaker]):
    """Follows them."""

    name = "spinnaker"

    def __init__(self, keys: SpinnakerKeys, following: Following) -> None:
        collection = Collection(
            rule=Rule(resource="spinnakerservices", group="spinnaker.io", verbs=("list", "watch")),
            path="/apis/spinnaker.io/v1alpha2/spinnakerservices",
            selector={},
            document=SPINNAKER,
            event=SPINNAKER_EVENT,
            keep=lambda document: kept(document) if keys.has(document.metadata.namespace) else None,
        )
        super().__init__(collection, following)
        self._limit_seconds = keys.unready_after.total_seconds()
        self._required = keys.required
        self._lasting: Lasting[tuple[str, str]] = Lasting()

    def _see(self, items: Mapping[str, Spinnaker]) -> Seen:
        if not items and self._required:
            return Untold(problem=(UNTOLD, "spinnaker: there is no SpinnakerService"))
        spinnakers = tuple(items[key] for key in sorted(items))
        short = [
            (spinnaker.key, each.name)
            for spinnaker in spinnakers
            for each in spinnaker.services
            if each.ready < each.replicas
        ]
        spells = self._lasting.look(short, self._clock.monotonic())
        return SpinnakersSeen(spinnakers=spinnakers, spells=spells, limit_seconds=self._limit_seconds)

    def _unseen(self, problem: Problem, fault: APIFault | None) -> Seen:
        if fault is None or fault.status != NOT_FOUND:
            return Untold(problem=problem)
        if self._required:
            return Untold(
                problem=(UNTOLD, "spinnaker: the cluster has no kind SpinnakerService: its operator is missing")
            )
        return Absent()


def kept(document: SpinnakerDocument) -> Spinnaker:
    """What is kept of a document."""
    about, status = document.metadata, document.status or _Status()
    return Spinnaker(
        namespace=about.namespace,
        name=about.name,
        version=status.version or "",
        accounts=status.accounts or 0,
        services=tuple(
            Service(name=each.name, image=each.image or "", replicas=each.replicas or 0, ready=each.ready or 0)
            for each in sorted(status.services or (), key=lambda each: each.name)
        ),
        deployed={part: each.at for part, each in (status.deployed or {}).items() if each.at is not None},
    )


SPINNAKER = TypeAdapter(SpinnakerDocument)

SPINNAKER_EVENT: TypeAdapter[Changed[SpinnakerDocument] | Bookmark | Failed] = TypeAdapter(
    Annotated[Changed[SpinnakerDocument] | Bookmark | Failed, Field(discriminator="type")]
)
