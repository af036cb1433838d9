"""Annotations for Datadog's agent ask for checks of ours: with a port, a scheme and a path, and with nothing else."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from daemonset.annotations import Asked
from daemonset.datadog_annotations import LONGEST, MOST_INSTANCES, asked_of_datadog
from slo.core.pod import Pod
from slo.errors import Fault
from tests.daemonset.running import IP, container, running


def annotated(container: str = "redis", **said: object) -> Pod:
    """A pod whose container says this; what is no text becomes JSON."""
    texts = {key: said[key] if isinstance(said[key], str) else json.dumps(said[key]) for key in said}
    return running(annotations={f"ad.datadoghq.com/{container}.{key}": text for key, text in texts.items()})


def asked(pod: Pod, check: str = "redisdb") -> list[Asked | str]:
    """What it asks for; of faults the reasons."""
    return [found.reason if isinstance(found, Fault) else found for found in asked_of_datadog(pod, check)]


def of(**instance: object) -> Pod:
    return annotated(checks={"redisdb": {"init_config": {}, "instances": [instance]}})


REDIS = Asked(port=6379, container="redis")


@pytest.mark.parametrize(
    "pod",
    [
        # As the manual of Datadog shows them, in their newer and their older form.
        annotated(
            checks={
                "redisdb": {
                    "init_config": {},
                    "instances": [{"host": "%%host%%", "port": "6379", "password": "%%env_REDIS_PASSWORD%%"}],
                }
            }
        ),
        annotated(
            check_names=["redisdb"],
            init_configs=[{}],
            instances=[{"host": "%%host%%", "port": "6379", "password": "%%env_REDIS_PASSWORD%%"}],
        ),
        annotated(check_names=["redisdb"], instances=[[{"host": "%%host%%", "port": 6379}]]),
        annotated(checks={"cache": {"name": "redisdb", "instances": [{"host": "%%host%%", "port": "%%port%%"}]}}),
        annotated(
            checks={"redisdb": {"instances": [{"host": "%%host%%", "port": "6379"}]}},
            check_names=["redisdb"],
            instances=[{"host": "%%host%%", "port": "1"}],
        ),
    ],
)
def test_a_check_is_asked_for_in_the_forms_that_datadog_reads(pod: Pod) -> None:
    assert asked(pod) == [REDIS]
    assert asked(pod, "mysql") == []
    assert asked(pod, "cache") == []


@pytest.mark.parametrize(
    ("instance", "expected"),
    [
        ({}, Asked(container="redis")),
        ({"host": IP, "port": "6379"}, REDIS),
        ({"host": "fd00::7", "port": "6379"}, REDIS),
        ({"host": "[fd00::7]", "port": "6379"}, REDIS),
        ({"host": "%%host_bridge%%", "port": "6379"}, REDIS),
        ({"host": "%%host%%", "port": "%%port_0%%"}, REDIS),
        ({"host": "%%host%%", "port": "%%port_redis%%"}, REDIS),
        ({"host": "%%host%%", "port": "%%port_gone%%"}, Asked(port="gone", container="redis")),
        ({"server": "%%host%%", "user": "datadog", "pass": "hush", "port": 3306}, Asked(port=3306, container="redis")),
        ({"url": "%%host%%", "port": "11211"}, Asked(port=11211, container="redis")),
        ({"url": "%%host%%:11211"}, Asked(port=11211, container="redis")),
        (
            {"openmetrics_endpoint": "http://%%host%%:8080/metrics", "namespace": "shop", "metrics": [".*"]},
            Asked(port=8080, container="redis", scheme="http", resource="/metrics"),
        ),
        (
            {"prometheus_url": "http://%%host%%:%%port%%/metrics?format=prometheus", "tags": ["pod:%%host%%"]},
            Asked(port=6379, container="redis", scheme="http", resource="/metrics?format=prometheus"),
        ),
        (
            {"nginx_status_url": "http://%%host%%/nginx_status"},
            Asked(port=80, container="redis", scheme="http", resource="/nginx_status"),
        ),
        (
            {"name": "shop", "url": "https://%%host%%", "timeout": 1},
            Asked(port=443, container="redis", scheme="https", resource="/"),
        ),
        (
            {"server": "http://%%host%%:5984"},
            Asked(port=5984, container="redis", scheme="http", resource="/"),
        ),
        ({"host": "%%host%%", "port": "6379", "proxy_url": "http://evil.example/"}, REDIS),
        ({"host": "169.254.169.254", "port": "80"}, "other_host"),
        ({"host": "localhost", "port": "6379"}, "other_host"),
        ({"host": "10.0.0.8", "port": "6379"}, "other_host"),
        ({"host": "%%host%%.evil.example", "port": "6379"}, "other_host"),
        ({"host": "%%env_EVIL%%", "port": "6379"}, "other_host"),
        ({"host": "", "port": "6379"}, "other_host"),
        ({"url": "http://evil.example/%%host%%"}, "other_host"),
        ({"url": "http://%%host%%@evil.example/"}, "annotation"),
        ({"url": "http://user:password@%%host%%/"}, "annotation"),
        ({"url": "http://%%host%%.evil.example/"}, "other_host"),
        ({"url": "http://%%host%%:80\\@evil.example/"}, "annotation"),
        ({"url": "file:///etc/passwd"}, "other_host"),
        ({"url": "gopher://%%host%%:6379/x"}, "annotation"),
        ({"url": "http://%%host%%:99999/"}, "annotation"),
        ({"url": "http://%%host%%/" + "x" * 1025}, "annotation"),
        ({"host": "%%host%%", "server": "evil.example", "port": "6379"}, "other_host"),
        ({"host": ["%%host%%"], "port": "6379"}, "annotation"),
        ({"host": "%%host%%", "port": "0"}, "annotation"),
        ({"host": "%%host%%", "port": "redis"}, "annotation"),
        ({"host": "%%host%%", "port": True}, "annotation"),
        ({"host": "%%host%%", "port": None}, "annotation"),
        ({"host": "%%host%%", "port": "%%port_7%%"}, "annotation"),
        ({"host": "%%host%%", "port": "%%port_\u0660%%"}, REDIS),
        ({"host": "%%host%%", "port": "%%port_\u00b2%%"}, "annotation"),
    ],
)
def test_what_an_instance_asks_for(instance: Mapping[str, object], expected: Asked | str) -> None:
    assert asked(of(**instance)) == [expected]


def test_the_ports_that_variables_mean_are_those_of_the_container() -> None:
    web = container("web", ports={"http": 80, "tls": 443, "admin": 8443})
    texts = ["%%port%%", "%%port_0%%", "%%port_1%%", "%%port_http%%"]
    checks = {"http_check": {"instances": [{"host": "%%host%%", "port": text} for text in texts]}}
    annotations = {"ad.datadoghq.com/web.checks": json.dumps(checks)}
    pod = running(annotations=annotations, containers=(*running().containers, web))
    assert [found.port for found in asked_of_datadog(pod, "http_check") if isinstance(found, Asked)] == [
        8443,
        80,
        443,
        80,
    ]
    bare = running(annotations=annotations, containers=(container("web", ports={}),))
    assert asked(bare, "http_check")[0] == "no_port"


def test_each_container_and_each_instance_asks_for_itself() -> None:
    redis = annotated(checks={"redisdb": {"instances": [{"port": 6379}, {"port": 6380}, {"host": "x", "port": 1}]}})
    exporter = annotated("exporter", checks="no JSON")
    stranger = annotated("gone", checks={"redisdb": {"instances": [{"port": 1}]}})
    pod = running(annotations={**redis.annotations, **exporter.annotations, **stranger.annotations})
    assert asked(pod) == [REDIS, Asked(port=6380, container="redis"), "other_host", "annotation"]


@pytest.mark.parametrize(
    "said",
    [
        {"checks": ""},
        {"checks": "{"},
        {"checks": "[" * LONGEST},
        {"checks": '{"redisdb": {"instances": [' + "[" * 20_000},
        {"checks": '{"redisdb": {"instances": [{}]}}' + " " * LONGEST},
        {"checks": "9" * 5000},
        {"checks": []},
        {"checks": {"redisdb": []}},
        {"checks": {"redisdb": {"instances": {}}}},
        {"checks": {"redisdb": {"instances": ["x"]}}},
        {"check_names": ["redisdb"]},
        {"check_names": ["redisdb"], "instances": []},
        {"check_names": "redisdb", "instances": "[{}]"},
    ],
)
def test_what_is_not_as_datadogs_is_a_fault_of_the_container(said: Mapping[str, Any]) -> None:
    (fault,) = asked_of_datadog(annotated(**said), "redisdb")
    assert isinstance(fault, Fault)
    assert (fault.reason, fault.detail) == (
        "annotation",
        "its annotations for the container redis are not as Datadog's",
    )


def test_what_asks_for_too_much_gets_some_of_it() -> None:
    found = asked(annotated(checks={"redisdb": {"instances": [{"port": 6379}] * (MOST_INSTANCES + 5)}}))
    assert found == ["annotation", *[REDIS] * MOST_INSTANCES]


JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=20),
    lambda inner: (
        some.lists(inner, max_size=4)
        | some.dictionaries(
            some.sampled_from(["redisdb", "instances", "host", "server", "port", "url", "x_url", "name"]), inner
        )
    ),
    max_leaves=20,
)
WRITTEN = some.sampled_from(
    ["%%host%%", "%%port%%", "http://%%host%%:%%port%%/", "http://[", "//", "evil.example:80", "\0"]
)
INSTANCES = some.lists(
    some.dictionaries(some.sampled_from(["host", "server", "port", "url", "prometheus_url", "x_url"]), WRITTEN | JSON),
    max_size=4,
)


@given(
    some.fixed_dictionaries(
        {},
        optional={
            "checks": some.text(max_size=40) | JSON.map(json.dumps),
            "check_names": some.text(max_size=20) | some.just('["redisdb"]'),
            "instances": JSON.map(json.dumps) | INSTANCES.map(json.dumps),
        },
    )
)
def test_garbage_is_a_fault_and_never_raises(said: dict[str, str]) -> None:
    for found in asked(annotated(**said)):
        assert isinstance(found, Asked) or found in {"annotation", "other_host", "no_port"}


@given(INSTANCES)
def test_instances_of_any_kind_ask_for_a_port_and_a_path_or_nothing(instances: list[dict[str, Any]]) -> None:
    for found in asked(annotated(checks={"redisdb": {"instances": instances}})):
        if isinstance(found, Asked):
            assert found.scheme in {"", "http", "https"}
            assert found.resource == "" or found.resource.startswith("/")
            assert not isinstance(found.port, int) or 0 < found.port < 65536
