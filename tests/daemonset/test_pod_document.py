"""What is kept of a pod, and what is not."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from daemonset.documents import read
from daemonset.pod_document import POD, POD_EVENT
from slo.core.pod import Container, Owner, Pod, Port
from slo.errors import Fault
from tests.daemonset.making import large_pod, pod
from tests.daemonset.selectors import Document


def kept(document: Document) -> Pod:
    """What is kept of a pod, as a LIST has it."""
    about = {"uid": "u1", "resourceVersion": "5", **document["metadata"]}
    return read(POD, json.dumps({**document, "metadata": about}), "a pod").pod()


def with_(part: str, **keys: Any) -> Document:
    document = pod("web-1")
    return {**document, part: {**document[part], **keys}}


def test_what_checks_need_is_kept() -> None:
    assert kept(pod("web-1")) == Pod(
        namespace="shop",
        name="web-1",
        uid="u1",
        node="n1",
        ip="10.0.0.7",
        ips=("10.0.0.7",),
        phase="Running",
        ready=True,
        leaving=False,
        labels={"app": "web"},
        annotations={"prometheus.io/port": "8080"},
        containers=(Container(name="web", ports=(Port(number=8080, name="http"),)),),
        owner=Owner(kind="ReplicaSet", name="web-7d"),
        created=datetime(2026, 1, 1, tzinfo=UTC),
    )


def test_what_tools_leave_in_a_pod_makes_no_difference() -> None:
    assert kept(large_pod("web-1", "n1")) == kept(pod("web-1", "n1"))


EMPTY: dict[str, object] = {"labels": {}, "annotations": {}, "containers": (), "ips": (), "owner": None}


@pytest.mark.parametrize("written", ["left out", "null"])
def test_what_is_empty_in_go_is_empty(written: str) -> None:
    document = pod("web-1")
    for part, keys in (
        ("metadata", ("labels", "annotations", "ownerReferences")),
        ("spec", ("containers",)),
        ("status", ("podIPs", "conditions")),
    ):
        for key in keys:
            if written == "null":
                document[part][key] = None
            else:
                del document[part][key]
    found = kept(document)
    assert {name: getattr(found, name) for name in EMPTY} == EMPTY
    assert not found.ready


def test_a_pod_that_waits_for_its_node_has_no_address() -> None:
    found = kept(pod("web-1", ""))
    assert (found.node, found.ip, found.phase) == ("", "", "Pending")


def test_a_pod_that_was_told_to_end_is_leaving() -> None:
    assert kept(with_("metadata", deletionTimestamp="2026-01-02T00:00:00Z")).leaving


def test_sidecars_are_containers_and_what_ran_before_is_none() -> None:
    first = [{"name": "migrate"}, {"name": "proxy", "restartPolicy": "Always", "ports": [{"containerPort": 9090}]}]
    found = kept(with_("spec", initContainers=first))
    assert [container.name for container in found.containers] == ["proxy", "web"]
    assert found.containers[0].ports == (Port(number=9090),)


def test_the_owner_is_who_makes_it_anew() -> None:
    owners = [{"kind": "Node", "name": "n1"}, {"kind": "DaemonSet", "name": "agent", "controller": True}]
    assert kept(with_("metadata", ownerReferences=owners)).owner == Owner(kind="DaemonSet", name="agent")


def test_a_fault_names_the_place_and_shows_no_value() -> None:
    with pytest.raises(Fault) as raised:
        kept(with_("metadata", labels={"password": ["hunter2"]}))
    assert raised.value.reason == "malformed"
    assert raised.value.detail.startswith("a pod: metadata.labels.password: ")
    assert "hunter2" not in raised.value.detail


def test_a_bookmark_has_a_version_and_nothing_else() -> None:
    content = (
        '{"type":"BOOKMARK","object":{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"12",'
        '"creationTimestamp":null},"spec":{"containers":null},"status":{}}}'
    )
    event = read(POD_EVENT, content, "an event")
    assert event.type == "BOOKMARK"
    assert event.object.metadata.resource_version == "12"
