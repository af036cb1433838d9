"""The pods of a node become targets as labels and annotations say, at their own addresses, while they are there."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from daemonset.pod_discovery import Config, build
from daemonset.view import View
from slo.config.agent_discovery import host_of
from slo.core.pod import Owner, Pod
from slo.core.target import Target
from slo.errors import Fault, PassedOver, UsageError
from slo.kinds import Kinds
from slo.net.context import Context
from slo.net.url import URL
from slo.runner.clock import SteadyClock
from tests.daemonset.running import container, running
from tests.discovery.following import Followed, following

LABELS = (
    ("container", "redis"),
    ("namespace", "shop"),
    ("node", "n1"),
    ("pod", "cache-7d9f-x2"),
    ("workload", "cache"),
)


def found(pod: Pod, *, formatted: bool = False, **keys: Any) -> list[Target | Fault]:
    """What there is in one pod for a discovery with these keys."""
    config = Config.model_validate({"namespaces": ["shop"], "port": 6379} | keys)
    return list(config.of_check("caches", formatted=formatted).targets().within(pod))


def addresses(pod: Pod, *, formatted: bool = False, **keys: Any) -> list[str]:
    """The same, as addresses; of faults the reasons."""
    return [
        each.reason if isinstance(each, Fault) else each.address for each in found(pod, formatted=formatted, **keys)
    ]


def test_a_pod_is_a_target_with_the_labels_that_say_which_it_is() -> None:
    assert found(running()) == [Target("10.0.0.7:6379", LABELS)]


@pytest.mark.parametrize(
    ("other", "keys", "is_one"),
    [
        ({}, {}, True),
        ({}, {"namespaces": ["pay", "shop"]}, True),
        ({}, {"namespaces": ["*"]}, True),
        ({}, {"namespaces": ["pay"]}, False),
        ({"namespace": "shop-2"}, {}, False),
        ({}, {"selector": "app=cache"}, True),
        ({}, {"selector": "app=cache,!pod-template-hash"}, False),
        ({"phase": "Pending"}, {}, False),
        ({"phase": "Succeeded"}, {}, False),
        ({"phase": "Failed"}, {}, False),
        ({"leaving": True}, {}, False),
        ({"ip": ""}, {}, False),
        ({"ready": False}, {}, True),
        ({"ready": False}, {"only_ready": True}, False),
        ({"ready": True}, {"only_ready": True}, True),
    ],
)
def test_which_pods_are_targets(other: Mapping[str, Any], keys: Mapping[str, Any], is_one: bool) -> None:  # noqa: FBT001 - a column of the table
    assert len(found(running(**other), **keys)) == is_one


DNS = container("dns", ports={"dns": 53}, protocols=("UDP", "TCP"))
TWO = {"one": 80, "other": 81}


@pytest.mark.parametrize(
    ("port", "containers", "expected", "whose"),
    [
        (6379, None, "10.0.0.7:6379", "redis"),
        (7000, None, "10.0.0.7:7000", ""),
        ("metrics", None, "10.0.0.7:9121", "exporter"),
        ("gone", None, "no_port", ""),
        (None, None, "several_ports", ""),
        (None, [], "no_port", ""),
        (None, [container("web", ports={})], "no_port", ""),
        (None, [container("web", ports={"": 80}), container("log", ports={})], "10.0.0.7:80", "web"),
        (None, [container("web", ports={"": 80}, protocols=("UDP",))], "no_port", ""),
        (None, [container("web", ports=TWO)], "several_ports", ""),
        (None, [DNS], "10.0.0.7:53", "dns"),
        (None, [container("a", ports={"": 80}), container("b", ports={"": 80})], "10.0.0.7:80", "a"),
        (None, [container("web", ports={"": 99999})], "no_port", ""),
    ],
)
def test_which_port_is_meant(port: object, containers: list[Any] | None, expected: str, whose: str) -> None:
    pod = running() if containers is None else running(containers=tuple(containers))
    (target,) = found(pod, port=port) if port else found(pod, port=None)
    if isinstance(target, Fault):
        assert target.reason == expected
    else:
        assert target.address == expected
        assert dict(target.labels).get("container", "") == whose


def test_an_address_of_ipv6_stands_in_brackets_and_what_is_none_is_no_target() -> None:
    assert addresses(running(ip="fd00::7")) == ["[fd00::7]:6379"]
    assert addresses(running(ip="evil.example")) == ["no_address"]
    assert addresses(running(ip="10.0.0.7/../")) == ["no_address"]
    scraped = running(ip="fd00::7", annotations={"prometheus.io/scrape": "true"})
    assert addresses(scraped, annotations="prometheus.io") == ["http://[fd00::7]:6379/metrics"]


@pytest.mark.parametrize(
    ("owner", "labels", "workload"),
    [
        (Owner(kind="ReplicaSet", name="cache-7d9f"), {"pod-template-hash": "7d9f"}, "cache"),
        (Owner(kind="ReplicaSet", name="a-b-7d9f"), {"pod-template-hash": "7d9f"}, "a-b"),
        (Owner(kind="ReplicaSet", name="by-hand"), {}, "by-hand"),
        (Owner(kind="ReplicaSet", name="by-hand"), {"pod-template-hash": "7d9f"}, "by-hand"),
        (Owner(kind="StatefulSet", name="cache-7d9f"), {"pod-template-hash": "7d9f"}, "cache-7d9f"),
        (Owner(kind="DaemonSet", name="logs"), {}, "logs"),
        (None, {}, None),
    ],
)
def test_the_workload_is_what_people_deployed(
    owner: Owner | None, labels: dict[str, str], workload: str | None
) -> None:
    (target,) = found(running(owner=owner, labels=labels))
    assert isinstance(target, Target)
    assert dict(target.labels).get("workload") == workload


def test_labels_of_a_pod_become_those_of_its_target_by_names_that_labels_can_have() -> None:
    labels = {"app.kubernetes.io/name": "shop", "app": "cache", "1st": "x", "tier": "a", "pod-template-hash": "7d9f"}
    (target,) = found(running(labels=labels), labels=["app.kubernetes.io/name", "1st", "absent"])
    assert isinstance(target, Target)
    assert target.labels == tuple(sorted([("app_kubernetes_io_name", "shop"), ("_1st", "x"), *LABELS]))


DATADOG = {"redisdb": {"instances": [{"host": "%%host%%", "port": "6380"}, {"url": "http://%%host%%:81/x"}]}}
PODS = {
    "bare": running("bare"),
    "scraped": running(annotations={"prometheus.io/scrape": "true", "prometheus.io/port": "9121"}),
    "named": running(annotations={"watchkeep/checks": "caches", "watchkeep/port": "redis"}),
    "path": running(annotations={"watchkeep/checks": "caches", "watchkeep/path": "/live"}),
    "datadog": running(annotations={"ad.datadoghq.com/redis.checks": json.dumps(DATADOG)}),
}


@pytest.mark.parametrize(
    ("keys", "formatted", "expected"),
    [
        ({}, False, {name: ["10.0.0.7:6379"] for name in PODS}),
        ({"annotations": "prometheus.io"}, False, {"scraped": ["http://10.0.0.7:9121/metrics"]}),
        ({"annotations": "prometheus.io"}, True, {"scraped": ["10.0.0.7:9121"]}),
        (
            {"annotations": "watchkeep"},
            False,
            {"named": ["10.0.0.7:6379"], "path": ["http://10.0.0.7:6379/live"]},
        ),
        ({"annotations": "watchkeep"}, True, {"named": ["10.0.0.7:6379"], "path": ["10.0.0.7:6379"]}),
        ({"annotations": "watchkeep", "check_name": "other"}, False, {}),
        (
            {"annotations": "ad.datadoghq.com", "check_name": "redisdb"},
            False,
            {"datadog": ["10.0.0.7:6380", "http://10.0.0.7:81/x"]},
        ),
        (
            {"annotations": "ad.datadoghq.com", "check_name": "redisdb"},
            True,
            {"datadog": ["10.0.0.7:6380", "10.0.0.7:81"]},
        ),
        ({"annotations": "prometheus.io", "namespaces": ["pay"]}, False, {}),
        ({"annotations": "prometheus.io", "selector": "app=web"}, False, {}),
    ],
)
def test_annotations_say_which_pods_and_where_in_them(
    keys: dict[str, Any],
    formatted: bool,  # noqa: FBT001 - a column of the table
    expected: dict[str, list[str]],
) -> None:
    there = {name: addresses(pod, formatted=formatted, **keys) for name, pod in PODS.items()}
    assert {name: targets for name, targets in there.items() if targets} == expected


SAID = some.text(max_size=30) | some.sampled_from(
    [
        "true",
        "caches",
        "80",
        "http",
        "https",
        "//evil.example/",
        "@evil.example",
        '{"redisdb": {"instances": [{"url": "http://%%host%%:80@evil.example/"}, {"host": "evil.example"}]}}',
        '{"redisdb": {"instances": [{"url": "https://%%host%%/x"}, {"port": "%%port_http%%"}, {"port": 7}]}}',
    ]
)
KEYS = some.sampled_from(
    [
        *(f"prometheus.io/{key}" for key in ("scrape", "port", "path", "scheme")),
        *(f"watchkeep/{key}" for key in ("checks", "port", "path", "scheme", "caches.port", "caches.path")),
        "ad.datadoghq.com/redis.checks",
    ]
)
ASKING: list[dict[str, Any]] = [
    {"annotations": "prometheus.io"},
    {"annotations": "watchkeep"},
    {"annotations": "ad.datadoghq.com", "check_name": "redisdb"},
]


@pytest.mark.parametrize("keys", ASKING, ids=lambda keys: keys["annotations"])
@pytest.mark.parametrize("ip", ["10.0.0.7", "fd00::7"])
@given(annotations=some.dictionaries(KEYS, SAID), formatted=some.booleans())
def test_whatever_annotations_say_the_target_is_the_pod(
    keys: dict[str, Any],
    ip: str,
    annotations: dict[str, str],
    formatted: bool,  # noqa: FBT001 - hypothesis gives it by name
) -> None:
    for target in found(running(ip=ip, ips=(ip,), annotations=annotations), formatted=formatted, **keys):
        if isinstance(target, Target):
            url = URL.parse(target.address if "://" in target.address else f"http://{target.address}/")
            assert url.host == ip == host_of(target.address)
            assert not (formatted and "://" in target.address)


class Node:
    """What an agent knows of its node, and a discovery that follows it."""

    def __init__(self, **keys: Any) -> None:
        self.view: View[Pod] = View()
        config = Config.model_validate({"namespaces": ["shop"]} | keys)
        self.discovery = build(config, replace(Context.default(SteadyClock()), pods=self.view))

    def has(self, *pods: Pod) -> None:
        self.view.become({f"{pod.namespace}/{pod.name}": pod for pod in pods})


def finds(*wanted: str) -> Callable[[Followed], bool]:
    return lambda followed: followed.found is not None and followed.addresses == list(wanted)


async def test_targets_come_change_and_go_with_their_pods() -> None:
    node = Node(port="redis")
    async with following(node.discovery) as followed:
        node.has()
        await followed.until(finds())
        node.has(running("a"), running("b", ip="10.0.0.8"))
        await followed.until(finds("10.0.0.7:6379", "10.0.0.8:6379"))
        node.has(running("a", ready=False), running("b", ip="10.0.0.9"))
        await followed.until(finds("10.0.0.7:6379", "10.0.0.9:6379"))
        node.has(running("a"), running("b", ip="10.0.0.9", leaving=True))
        await followed.until(finds("10.0.0.7:6379"))
        assert followed.faults == []


async def test_nothing_is_said_before_the_pods_are_known() -> None:
    node = Node()
    async with following(node.discovery) as followed:
        await asyncio.sleep(0.05)
        assert followed.found is None
        node.has()
        await followed.until(finds())


async def test_a_pod_that_cannot_be_one_is_told_once_and_takes_no_other_away() -> None:
    node = Node()
    bare = running("bare", ip="10.0.0.8", containers=(container("web", ports={"": 80}),))
    async with following(node.discovery) as followed:
        node.has(running(), bare)
        await followed.until(finds("10.0.0.8:80"))
        assert [(type(fault), fault.reason) for fault in followed.faults] == [(PassedOver, "several_ports")]
        assert followed.faults[0].detail == (
            "the pod shop/cache-7d9f-x2: it has the ports 6379, 8080, 9121: say which with `port`"
        )
        node.has(running(ready=False), bare)
        node.has(running(), bare, running("c", ip="10.0.0.9", containers=bare.containers))
        await followed.until(finds("10.0.0.8:80", "10.0.0.9:80"))
        assert len(followed.faults) == 1
        node.has(bare)
        await followed.until(finds("10.0.0.8:80"))
        node.has(running(), bare)
        await followed.until(lambda followed: len(followed.faults) == 2)


async def test_only_what_changed_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    node, pods = Node(port=6379), [running(str(number), ip=f"10.0.0.{number}") for number in range(1, 9)]
    read: list[str] = []
    within = node.discovery._targets.within

    class Reading:
        def within(self, pod: Pod) -> Any:
            read.append(pod.name)
            return within(pod)

    monkeypatch.setattr(node.discovery, "_targets", Reading())
    async with following(node.discovery) as followed:
        node.has(*pods)
        await followed.until(lambda followed: len(followed.found or ()) == 8)
        node.has(*pods[:-1], running("8", ip="10.0.0.8", ready=False))
        await followed.again()
        assert read == ["1", "2", "3", "4", "5", "6", "7", "8", "8"]


def test_who_is_no_agent_finds_no_pods() -> None:
    with pytest.raises(UsageError, match=r"the agent of their node alone: run this check with `watchkeep agent`"):
        build(Config(namespaces=("shop",)), Context.default(SteadyClock()))


def test_the_kind_is_one_of_ours_that_lies_elsewhere() -> None:
    kinds = Kinds.installed().discoveries
    assert kinds.elsewhere == {"pods": "daemonset.pod_discovery"}
    assert kinds.config("pods") is Config
    assert {"pods"} < {*kinds.names}
