"""Whatever an API server sends in place of an object, it is malformed or it is judged."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemonset.documents import read
from daemonset.parts import autoscalers, daemon_sets, nodes, pending_pods, spinnaker
from daemonset.parts.lasting import Spell
from daemonset.parts.part import Seen
from slo.core.reason import REASONS
from slo.errors import Fault
from tests.daemonset import cluster_objects
from tests.daemonset.selectors import Document

NOW = datetime(2026, 1, 2, tzinfo=UTC)
LONG = Spell(seconds=1e6, seen=True)

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["50%", "-5%", "2026-01-01T00:00:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "True"])
)
values = scalars | st.lists(scalars, max_size=2) | st.dictionaries(st.text(max_size=4), scalars, max_size=2)


def daemon_set_seen(document: Any) -> Seen:
    one = daemon_sets.kept(document)
    spells = {one.trouble: LONG} if one.trouble else {}
    return daemon_sets.DaemonSetsSeen(sets=(one,), spells=spells, limit_seconds=300)


def pod_seen(document: Any) -> Seen:
    pod = pending_pods.kept(document)
    waiting = ((pod, (NOW - pod.created).total_seconds()),) if pod else ()
    return pending_pods.PendingPodsSeen(pods=waiting, limit_seconds=600)


def autoscaler_seen(document: Any) -> Seen:
    one = autoscalers.kept(document)
    spells = {one.trouble: LONG} if one.trouble else {}
    return autoscalers.AutoscalersSeen(autoscalers=(one,), spells=spells, limit_seconds=900)


def node_seen(document: Any) -> Seen:
    return nodes.NodesSeen(nodes=(nodes.kept(document),), unavailable=Fraction(1, 5))


def spinnaker_seen(document: Any) -> Seen:
    one = spinnaker.kept(document)
    spells = {(one.key, each.name): LONG for each in one.services}
    return spinnaker.SpinnakersSeen(spinnakers=(one,), spells=spells, limit_seconds=300)


KINDS: dict[str, tuple[Any, Document, Callable[[Any], Seen]]] = {
    "daemonset": (daemon_sets.DAEMON_SET, cluster_objects.daemon_set(ready=9), daemon_set_seen),
    "pod": (pending_pods.PENDING_POD, cluster_objects.pending("web", why="ErrImagePull"), pod_seen),
    "autoscaler": (autoscalers.AUTOSCALER, cluster_objects.autoscaler(desired=10), autoscaler_seen),
    "node": (nodes.NODE, cluster_objects.node(), node_seen),
    "spinnaker": (spinnaker.SPINNAKER, cluster_objects.spinnaker(services={"gate": (2, 1)}), spinnaker_seen),
}


def places(value: Any, at: tuple[Any, ...] = ()) -> Sequence[tuple[Any, ...]]:
    """Where something stands in a document."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(place for key, each in inside for place in places(each, (*at, key)))]


def with_(value: Any, at: tuple[Any, ...], other: Any) -> Any:
    """A document with something else in one place."""
    if not at:
        return other
    first, *rest = at
    changed = dict(value) if isinstance(value, dict) else list(value)
    changed[first] = with_(value[first], tuple(rest), other)
    return changed


@pytest.mark.parametrize(("adapter", "document", "seen"), KINDS.values(), ids=KINDS.keys())
@given(data=st.data())
def test_an_object_that_is_none_is_malformed_or_judged(
    adapter: Any, document: Document, seen: Callable[[Any], Seen], data: st.DataObject
) -> None:
    whole = {**document, "metadata": {**document["metadata"], "uid": "u", "resourceVersion": "7"}}
    hostile = with_(whole, data.draw(st.sampled_from(places(whole))), data.draw(values))
    try:
        read_one = read(adapter, json.dumps(hostile), "an object")
    except Fault:
        return
    found = seen(read_one)
    assert all(reason in REASONS and detail for reason, detail in found.problems())
    assert all(each.value == each.value for each in found.samples())
    assert all(each.text for each in found.findings())
