"""Rights, as rules of RBAC have them and one by one."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, product
from typing import Annotated, TypeAlias

from pydantic import Field

from daemonset.parts.keys import Namespace
from daemonset.permissions import Rule
from slo.config.section import Section

VERBS = ("get", "list", "create", "update", "patch", "watch", "delete", "deletecollection")
"""What whoever deploys does with the objects of a cluster."""

Word: TypeAlias = Annotated[str, Field(min_length=1, max_length=253)]


class Rights(Section):
    """Rights as a rule of RBAC has them: each of the verbs on each of the resources."""

    groups: Annotated[tuple[Annotated[str, Field(max_length=253)], ...], Field(min_length=1)] = ("",)
    """The API groups, `""` for the first one, `"*"` for all of them."""

    resources: Annotated[tuple[Word, ...], Field(min_length=1)]
    """The resources, as deployments or pods/log, `"*"` for all of them."""

    verbs: Annotated[tuple[Word, ...], Field(min_length=1)] = VERBS
    """The verbs, `"*"` for all of them. Default: all that deploying takes."""

    namespaces: Annotated[tuple[Namespace, ...], Field(min_length=1)] | None = None
    """The namespaces. Default: in all of them at once, as a ClusterRole permits it."""

    def asked(self) -> "Iterator[Right]":
        """Each right by itself."""
        for namespace, group, resource, verb in product(
            self.namespaces or ("",), self.groups, self.resources, self.verbs
        ):
            yield Right(namespace=namespace, group=group, resource=resource, verb=verb)


DEPLOYED = (
    Rights(resources=("pods", "services", "configmaps", "secrets")),
    Rights(groups=("apps",), resources=("deployments", "replicasets", "statefulsets", "daemonsets")),
    Rights(groups=("batch",), resources=("jobs",)),
    Rights(groups=("networking.k8s.io",), resources=("ingresses",)),
    Rights(groups=("autoscaling",), resources=("horizontalpodautoscalers",)),
)
"""What Spinnaker deploys most often."""

EVERYTHING = Rights(groups=("*",), resources=("*",), verbs=("*",))


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Right:
    """That everything of a resource may be dealt with so. `namespace` is where, empty for all of them."""

    namespace: str
    group: str
    resource: str
    verb: str

    @property
    def review(self) -> dict[str, object]:
        """The document that asks for it."""
        resource, _, part = self.resource.partition("/")
        about = {
            "namespace": self.namespace,
            "group": self.group,
            "resource": resource,
            "subresource": part,
            "verb": self.verb,
        }
        return {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {key: value for key, value in about.items() if value}},
        }


def each_of(rights: Iterable[Rights]) -> tuple[Right, ...]:
    """Every right of these, once."""
    return tuple(sorted({right for each in rights for right in each.asked()}))


def as_rules(rights: Sequence[Right]) -> Iterator[str]:
    """Rights as rules of RBAC, those of one resource together, with where each rule belongs."""
    for (namespace, group, resource), of_one in groupby(
        sorted(rights), key=lambda right: (right.namespace, right.group, right.resource)
    ):
        asked = {right.verb for right in of_one}
        verbs = (*(verb for verb in VERBS if verb in asked), *sorted(asked - {*VERBS}))
        where = f"in the namespace {namespace}" if namespace else "in a ClusterRole"
        yield f"{Rule(resource=resource, group=group, verbs=verbs)} {where}"
