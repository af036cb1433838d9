"""Pods as an API server has them."""

from typing import Any

from tests.daemonset.selectors import Document

CREATED = "2026-01-01T00:00:00Z"


def pod(name: str, node: str = "n1", *, namespace: str = "shop", ip: str = "10.0.0.7", ready: bool = True) -> Document:
    """A pod that runs; one without a node waits for the scheduler."""
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "creationTimestamp": CREATED,
            "labels": {"app": name.partition("-")[0]},
            "annotations": {"prometheus.io/port": "8080", "example.org/note": "of no concern to anybody"},
            "ownerReferences": [
                {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-7d", "uid": "1", "controller": True}
            ],
        },
        "spec": {
            **({"nodeName": node} if node else {}),
            "containers": [
                {"name": "web", "image": "web:1", "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}]}
            ],
        },
        "status": {
            "phase": "Running" if node else "Pending",
            "conditions": [{"type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": CREATED}],
            **({"podIP": ip, "podIPs": [{"ip": ip}]} if node else {}),
        },
    }


def large_pod(name: str, node: str, **other: Any) -> Document:
    """The same with what tools leave behind in real clusters: about 10 KB."""
    document = pod(name, node, **other)
    document["metadata"]["managedFields"] = [
        {
            "manager": manager,
            "operation": "Update",
            "apiVersion": "v1",
            "time": CREATED,
            "fieldsType": "FieldsV1",
            "fieldsV1": {"f:spec": {f'k:{{"name":"{field:03}"}}': {".": {}, "f:value": {}} for field in range(40)}},
        }
        for manager in ("kube-controller-manager", "kubelet")
    ]
    environment = [{"name": f"SETTING_{number:02}", "value": "x" * 40} for number in range(40)]
    mounts = [{"name": f"volume-{number}", "mountPath": f"/var/lib/{number}", "readOnly": True} for number in range(10)]
    document["spec"]["containers"][0] |= {"env": environment, "volumeMounts": mounts}
    document["spec"]["volumes"] = [{"name": mount["name"], "emptyDir": {}} for mount in mounts]
    return document
