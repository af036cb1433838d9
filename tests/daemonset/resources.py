"""What a request to the API server is about, as RBAC sees it: a verb, a resource, a namespace, a name."""

from collections.abc import Iterable
from dataclasses import dataclass

from aiohttp import web

from tests.daemonset.cluster import Cluster
from tests.daemonset.lease_objects import GROUP
from tests.daemonset.selectors import Document

EMPTY_POD: Document = {"kind": "Pod", "apiVersion": "v1", "spec": {"containers": None}, "status": {}}
EMPTY_LEASE: Document = {"kind": "Lease", "apiVersion": f"{GROUP}/v1", "spec": {}}
EMPTY_DAEMON_SET: Document = {"kind": "DaemonSet", "apiVersion": "apps/v1", "spec": {}, "status": {}}
EMPTY_AUTOSCALER: Document = {"kind": "HorizontalPodAutoscaler", "apiVersion": "autoscaling/v2", "spec": {}}
EMPTY_NODE: Document = {"kind": "Node", "apiVersion": "v1", "spec": {}, "status": {}}
EMPTY_SPINNAKER: Document = {"kind": "SpinnakerService", "apiVersion": "spinnaker.io/v1alpha2"}
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
    version: str = "v1"

    @property
    def root(self) -> list[str]:
        """How paths begin."""
        return ["apis", self.group, self.version] if self.group else ["api", "v1"]


READYZ = Resource(group="", name="readyz", empty={}, cluster=Cluster())
"""What is no resource, and permitted by its path."""


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
    if parts == ["readyz"]:
        return Request(resource=READYZ, verb="get", namespace="", name="")
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


def readyz(*, ready: bool) -> web.Response:
    """As the API server answers a GET of /readyz: in one word, or with a line for each of its checks."""
    if ready:
        return web.Response(text="ok")
    lines = ("[+]ping ok", "[+]log ok", "[-]etcd failed: reason withheld", "[+]informer-sync ok", "readyz check failed")
    return web.Response(status=500, text="\n".join(lines) + "\n")
