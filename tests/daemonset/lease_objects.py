"""Leases as the API server takes, keeps and refuses them: what is written is validated as k8s.io/kubernetes does."""

import re
from datetime import UTC, datetime

from tests.daemonset import statuses
from tests.daemonset.cluster import Cluster
from tests.daemonset.selectors import Document

GROUP = "coordination.k8s.io"
NAMESPACE = "watchkeep"

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")
_MICRO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)")
_TYPES: dict[str, type] = {
    "holderIdentity": str,
    "leaseDurationSeconds": int,
    "acquireTime": str,
    "renewTime": str,
    "leaseTransitions": int,
}


class LeaseObjects:
    """The Leases of a cluster. Everything raises Refused."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def get(self, namespace: str, name: str) -> Document:
        if (namespace, name) not in self._cluster:
            raise statuses.not_found(GROUP, "leases", name)
        return self._cluster.document((namespace, name))

    def create(self, namespace: str, document: Document) -> Document:
        name = _validated(namespace, document)
        if document["metadata"].get("resourceVersion"):
            raise statuses.bad_request("resourceVersion should not be set on objects to be created")
        if (namespace, name) in self._cluster:
            raise statuses.already_exists(GROUP, "leases", name)
        return self._put(document)

    def update(self, namespace: str, name: str, document: Document) -> tuple[Document, bool]:
        """The object, and whether it was not there before: a PUT creates a Lease, as few other objects."""
        if _validated(namespace, document) != name:
            raise statuses.bad_request("the name of the object does not match the name on the URL")
        if (namespace, name) not in self._cluster:
            return self._put(document), True
        version = document["metadata"].get("resourceVersion", "")
        if not version:
            raise statuses.invalid_object(GROUP, "Lease", name, "metadata.resourceVersion", "must be specified")
        self._hold(namespace, name, version)
        return self._put(document), False

    def delete(self, namespace: str, name: str, options: Document) -> Document:
        before = self.get(namespace, name)
        if options and (options.get("kind"), options.get("apiVersion")) != ("DeleteOptions", "v1"):
            raise statuses.bad_request("the body is no DeleteOptions")
        if unknown := set(options) - {"kind", "apiVersion", "preconditions"}:
            raise statuses.bad_request(f"unknown fields {sorted(unknown)}")
        if version := options.get("preconditions", {}).get("resourceVersion"):
            self._hold(namespace, name, version)
        self._cluster.delete(namespace, name)
        return before

    def _hold(self, namespace: str, name: str, version: str) -> None:
        if self.get(namespace, name)["metadata"]["resourceVersion"] != version:
            raise statuses.conflict(GROUP, "leases", name)

    def _put(self, document: Document) -> Document:
        before = document["metadata"].get("creationTimestamp")
        created = before or datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return self._cluster.put(
            {**document, "metadata": {**document["metadata"], "creationTimestamp": created, "managedFields": []}}
        )


def _validated(namespace: str, document: Document) -> str:
    """The name of a Lease that may be written."""
    if (document.get("apiVersion"), document.get("kind")) != (f"{GROUP}/v1", "Lease"):
        raise statuses.bad_request(f"no kind {document.get('kind')!r} is registered for {document.get('apiVersion')!r}")
    if unknown := set(document) - {"apiVersion", "kind", "metadata", "spec"}:
        raise statuses.bad_request(f"unknown fields {sorted(unknown)}")
    about, spec = document.get("metadata", {}), document.get("spec", {})
    if about.get("namespace", namespace) != namespace:
        raise statuses.bad_request("the namespace of the provided object does not match the namespace on the request")
    about["namespace"] = namespace
    name = about.get("name", "")
    if not (isinstance(name, str) and len(name) <= 253 and _NAME.fullmatch(name)):
        raise statuses.invalid_object(GROUP, "Lease", name, "metadata.name", "must be a lowercase RFC 1123 subdomain")
    for label, value in about.get("labels", {}).items():
        if not (isinstance(value, str) and len(value) <= 63 and _LABEL.fullmatch(value)):
            raise statuses.invalid_object(GROUP, "Lease", name, "metadata.labels", f"{label}: a valid label must ...")
    _validate_spec(name, spec)
    return name


def _validate_spec(name: str, spec: Document) -> None:
    for field, value in spec.items():
        kind = _TYPES.get(field)
        if kind is None:
            raise statuses.bad_request(f'strict decoding error: unknown field "spec.{field}"')
        if not isinstance(value, kind) or isinstance(value, bool):
            raise statuses.bad_request(f"json: cannot unmarshal into Go struct field LeaseSpec.spec.{field}")
        if field.endswith("Time") and not _MICRO_TIME.fullmatch(str(value)):
            raise statuses.bad_request(f'parsing time "{value}" as "2006-01-02T15:04:05.000000Z07:00"')
    if spec.get("leaseDurationSeconds", 1) <= 0:
        raise statuses.invalid_object(GROUP, "Lease", name, "spec.leaseDurationSeconds", "must be greater than 0")
    if not -(2**31) <= spec.get("leaseDurationSeconds", 1) < 2**31:
        raise statuses.bad_request("json: cannot unmarshal number into Go value of type int32")
