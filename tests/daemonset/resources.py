"""What a request to the API server is about, as RBAC sees it: a verb, a resource, a namespace, a name."""

from collections.abc import Iterable
from dataclasses import dataclass

from aiohttp import web

from tests.daemonset.cluster import Cluster
from tests.daemonset.lease_objects import GROUP
from tests.daemonset.selectors import Document

EMPTY_POD: Document = {"kind": "Pod", "apiVersion": "v1", "spec": {"containers": None}, "status": {}}
EMPTY_LEASE: Document = {"kind": "Lease", "apiVersion": f"{GROUP}/v1", "spec": {}}
"""What a bookmark has besides its version."""

READING = frozenset({"list", "watch"})
READING_AND_WRITING = READING | {"get", "create", "update", "delete"}

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Resource:
    """A kind of objects: as paths and RBAC name it, an object of it that is empty, and those that there are.

    Objects are permitted to us in one `namespace`, where that is not empty.
    """

    group: str
    name: str
    empty: Document
    cluster: Cluster
    namespace: str = ""

    @property
    def root(self) -> list[str]:
        """How paths begin."""
        return ["apis", self.group, "v1"] if self.group else ["api", "v1"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What a request is about, as RBAC sees it."""

    resource: Resource
    verb: str
    namespace: str
    name: str


def request_of(request: web.Request, resources: Iterable[Resource]) -> Request | None:
    """What a request is about, None where it is about nothing that is here."""
    parts = request.path.split("/")[1:]
    for resource in resources:
        root, name = resource.root, resource.name
        if parts[: len(root)] != root:
            continue
        match parts[len(root) :]:
            case [last] if last == name:
                return _request(request, resource, "", "")
            case ["namespaces", namespace, last] if last == name:
                return _request(request, resource, namespace, "")
            case ["namespaces", namespace, last, one] if last == name and one:
                return _request(request, resource, namespace, one)
    return None


def _request(request: web.Request, resource: Resource, namespace: str, name: str) -> Request:
    verb = _VERBS.get(request.method, request.method.lower())
    if request.method == "GET":
        verb = "get" if name else "watch" if request.query.get("watch") in ("true", "1") else "list"
    elif verb == "delete" and not name:
        verb = "deletecollection"
    return Request(resource=resource, verb=verb, namespace=namespace, name=name)
