"""Pods as the Kubernetes API writes them, and what is kept of them.

Reference: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/
"""

from datetime import datetime
from typing import Annotated

from pydantic import Field, TypeAdapter

from daemonset.documents import Bookmark, Changed, Document, Failed, Metadata, Whole
from slo.core.pod import ANNOTATION_PREFIXES, Container, Owner, Pod, Port


class _OwnerReference(Document):
    kind: str
    name: str
    controller: bool = False


class _Metadata(Metadata):
    namespace: str = Field(min_length=1)
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    owners: tuple[_OwnerReference, ...] | None = Field(default=None, alias="ownerReferences")
    created: datetime = Field(alias="creationTimestamp")
    deleted: str = Field(default="", alias="deletionTimestamp")


class _Port(Document):
    number: int = Field(alias="containerPort")
    name: str = ""
    protocol: str = "TCP"


class _Container(Document):
    name: str
    ports: tuple[_Port, ...] | None = None
    restart: str = Field(default="", alias="restartPolicy")


class _Spec(Document):
    node: str = Field(default="", alias="nodeName")
    containers: tuple[_Container, ...] | None = None
    first: tuple[_Container, ...] | None = Field(default=None, alias="initContainers")


class _Address(Document):
    ip: str


class _Condition(Document):
    type: str
    status: str


class _Status(Document):
    phase: str = ""
    ip: str = Field(default="", alias="podIP")
    ips: tuple[_Address, ...] | None = Field(default=None, alias="podIPs")
    conditions: tuple[_Condition, ...] | None = None


class PodDocument(Whole):
    """A pod."""

    metadata: _Metadata
    spec: _Spec
    status: _Status = _Status()

    def pod(self) -> Pod:
        """What is kept of it."""
        about, spec, status = self.metadata, self.spec, self.status
        owner = next((owner for owner in about.owners or () if owner.controller), None)
        sidecars = (each for each in spec.first or () if each.restart == "Always")  # others have ended when it is there
        return Pod(
            namespace=about.namespace,
            name=about.name,
            uid=about.uid,
            node=spec.node,
            ip=status.ip,
            ips=tuple(address.ip for address in status.ips or ()),
            phase=status.phase,
            ready=any(
                condition.type == "Ready" and condition.status == "True" for condition in status.conditions or ()
            ),
            leaving=bool(about.deleted),
            labels=about.labels or {},
            annotations={
                name: value for name, value in (about.annotations or {}).items() if name.startswith(ANNOTATION_PREFIXES)
            },
            containers=tuple(_container(each) for each in (*sidecars, *(spec.containers or ()))),
            owner=Owner(kind=owner.kind, name=owner.name) if owner else None,
            created=about.created,
        )


def _container(container: _Container) -> Container:
    ports = (Port(number=port.number, name=port.name, protocol=port.protocol) for port in container.ports or ())
    return Container(name=container.name, ports=tuple(ports))


POD = TypeAdapter(PodDocument)
"""One of a LIST of pods."""

POD_EVENT: TypeAdapter[Changed[PodDocument] | Bookmark | Failed] = TypeAdapter(
    Annotated[Changed[PodDocument] | Bookmark | Failed, Field(discriminator="type")]
)
"""A line of a WATCH of pods."""
