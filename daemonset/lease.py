"""Leases as the Kubernetes API writes them, and what is kept of them: an agent, and that it was there.

Reference: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/lease-v1/
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field, TypeAdapter

from daemonset.documents import Bookmark, Changed, Document, Failed, Whole
from daemonset.permissions import Rule

LONGEST_NAME = 253
"""How long a DNS subdomain may be, which is what names of nodes and Leases are."""

NAME_LABEL = "app.kubernetes.io/name"
RELEASE_LABEL = "app.kubernetes.io/instance"


@dataclass(frozen=True, kw_only=True, slots=True)
class Lease:
    """That an agent was there: each renewal has another `renewed`, which is compared and never read as a time.

    It is good for `seconds` after a renewal. `version` is that of the document.
    """

    agent: str
    renewed: str
    seconds: float
    version: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Leases:
    """Those of one installation, `release`, in one namespace."""

    namespace: str
    release: str

    @property
    def path(self) -> str:
        return f"/apis/coordination.k8s.io/v1/namespaces/{self.namespace}/leases"

    @property
    def labels(self) -> Mapping[str, str]:
        """What all of them have, and no others."""
        return {NAME_LABEL: "watchkeep-agent", RELEASE_LABEL: self.release}

    @property
    def rule(self) -> Rule:
        """What an agent has to be permitted."""
        verbs = ("get", "list", "watch", "create", "update", "delete")
        return Rule(resource="leases", group="coordination.k8s.io", verbs=verbs, namespace=self.namespace)

    def name_of(self, agent: str) -> str:
        """What the Lease of an agent is called. A name that is too long is cut, and told from others by a digest."""
        name = f"{self.release}-{agent}"
        if len(name) <= LONGEST_NAME:
            return name
        digest = hashlib.blake2b(name.encode(), digest_size=8).hexdigest()
        return f"{name[: LONGEST_NAME - len(digest) - 1].rstrip('-.')}-{digest}"

    def path_of(self, agent: str) -> str:
        return f"{self.path}/{self.name_of(agent)}"

    def kept(self, document: "LeaseDocument") -> Lease | None:
        """What is kept of a document; None of one whose name is not that of its holder.

        So nobody is there twice, and nobody speaks for another.
        """
        spec = document.spec
        if not spec.holder or not spec.seconds or document.metadata.name != self.name_of(spec.holder):
            return None
        version = document.metadata.resource_version
        return Lease(agent=spec.holder, renewed=spec.renewed or "", seconds=float(spec.seconds), version=version)

    def written(
        self, agent: str, *, acquired: datetime, renewed: datetime, seconds: int, version: str
    ) -> Mapping[str, object]:
        """The document of an agent. `version` is that of the one whose place it takes, empty for a new one."""
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {
                "namespace": self.namespace,
                "name": self.name_of(agent),
                "labels": dict(self.labels),
                **({"resourceVersion": version} if version else {}),
            },
            "spec": {
                "holderIdentity": agent,
                "leaseDurationSeconds": seconds,
                "acquireTime": micro_time(acquired),
                "renewTime": micro_time(renewed),
            },
        }


def micro_time(at: datetime) -> str:
    """A MicroTime: the API server takes six digits after the point, and neither more nor fewer. `at` is in UTC."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class _Spec(Document):
    holder: str | None = Field(default=None, alias="holderIdentity")
    seconds: int | None = Field(default=None, alias="leaseDurationSeconds")
    acquired: str | None = Field(default=None, alias="acquireTime")
    renewed: str | None = Field(default=None, alias="renewTime")


class LeaseDocument(Whole):
    """A Lease; a holder who gave it up leaves nothing in it."""

    spec: _Spec = _Spec()


LEASE = TypeAdapter(LeaseDocument)
"""One of a LIST of Leases."""

LEASE_EVENT: TypeAdapter[Changed[LeaseDocument] | Bookmark | Failed] = TypeAdapter(
    Annotated[Changed[LeaseDocument] | Bookmark | Failed, Field(discriminator="type")]
)
"""A line of a WATCH of Leases."""
