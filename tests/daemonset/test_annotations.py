"""A pod says by its annotations where in it to look, and never anything more than that."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as some

from daemonset.annotations import Asked, asked_of_prometheus, asked_of_watchkeep, resource
from slo.errors import Fault
from slo.net.url import URL
from tests.daemonset.running import running

METRICS = Asked(scheme="http", resource="/metrics")


@pytest.mark.parametrize(
    ("annotations", "asked"),
    [
        ({"scrape": "true"}, METRICS),
        ({"scrape": "true", "port": "9102"}, Asked(port=9102, scheme="http", resource="/metrics")),
        (
            {"scrape": "true", "port": "8080", "path": "/actuator/prometheus"},
            Asked(port=8080, scheme="http", resource="/actuator/prometheus"),
        ),
        ({"scrape": "true", "scheme": "https"}, Asked(scheme="https", resource="/metrics")),
        ({"scrape": "true", "scheme": "gopher"}, METRICS),
        ({"scrape": "true", "path": "stats"}, Asked(scheme="http", resource="/stats")),
        ({"scrape": "true", "path": "/a?b=c#d"}, Asked(scheme="http", resource="/a%3Fb=c%23d")),
        ({"scrape": "true", "path": "/a b"}, Asked(scheme="http", resource="/a%20b")),
        ({"scrape": "true", "path": ""}, METRICS),
        ({"scrape": "true", "port": "metrics"}, Asked(port="metrics", scheme="http", resource="/metrics")),
        ({"scrape": "false", "port": "9102"}, None),
        ({"scrape": "True"}, None),
        ({"scrape": "1"}, None),
        ({"port": "9102"}, None),
        ({}, None),
    ],
)
def test_what_a_pod_asks_for_as_prometheus_is_usually_configured(
    annotations: Mapping[str, str], asked: Asked | None
) -> None:
    pod = running(annotations={f"prometheus.io/{key}": value for key, value in annotations.items()})
    assert list(asked_of_prometheus(pod)) == ([] if asked is None else [asked])


@pytest.mark.parametrize(
    ("annotations", "asked"),
    [
        ({"checks": "redis-cache"}, Asked()),
        ({"checks": "web, redis-cache ,other"}, Asked()),
        ({"checks": "redis-cache", "port": "6380"}, Asked(port=6380)),
        ({"checks": "redis-cache", "port": "redis"}, Asked(port="redis")),
        ({"checks": "redis-cache", "port": "80", "redis-cache.port": "6380", "web.port": "81"}, Asked(port=6380)),
        ({"checks": "redis-cache", "path": "/health"}, Asked(resource="/health")),
        ({"checks": "redis-cache", "redis-cache.scheme": "https"}, Asked(scheme="https")),
        ({"checks": "redis"}, None),
        ({"checks": "redis-cache-2"}, None),
        ({"checks": ""}, None),
        ({"port": "6380"}, None),
    ],
)
def test_what_a_pod_asks_for_by_the_name_of_a_check(annotations: Mapping[str, str], asked: Asked | None) -> None:
    pod = running(annotations={f"watchkeep/{key}": value for key, value in annotations.items()})
    assert list(asked_of_watchkeep(pod, "redis-cache")) == ([] if asked is None else [asked])


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("port", "0", "its annotation for the port says '0', which is none"),
        ("port", "65536", "its annotation for the port says '65536', which is none"),
        ("port", "80 ", ""),  # a name that no container has
        ("port", "\n", "its annotation for the port says '\\n', which is none"),
        ("port", "\u0663", "its annotation for the port says '\u0663', which is none"),
        ("port", "9" * 5000, f"its annotation for the port says '{'9' * 40}', which is none"),
        ("path", "/" + "x" * 1024, "its annotation for the path is longer than 1024 characters"),
    ],
)
def test_what_cannot_be_understood_is_a_fault_of_the_pod(key: str, value: str, says: str) -> None:
    (found,) = asked_of_prometheus(running(annotations={"prometheus.io/scrape": "true", f"prometheus.io/{key}": value}))
    if says:
        assert isinstance(found, Fault)
        assert (found.reason, found.detail) == ("annotation", says)
    else:
        assert isinstance(found, Asked)


@given(some.text(max_size=80), some.text(max_size=40))
def test_no_path_leads_to_another_host(path: str, query: str) -> None:
    url = URL.parse(f"http://10.0.0.7:8080{resource(path, query)}")
    assert (url.scheme, url.host, url.port) == ("http", "10.0.0.7", 8080)


TEXTS = some.text(max_size=60) | some.sampled_from(["true", "http", "https", "80", "/metrics", "//evil.example/", "@x"])


@given(some.dictionaries(some.sampled_from(["scrape", "port", "path", "scheme", "checks", "web.port"]), TEXTS))
def test_whatever_annotations_say_is_asked_for_or_a_fault(said: dict[str, str]) -> None:
    pod = running(annotations={prefix + key: text for key, text in said.items() for prefix in PREFIXES})
    for found in (*asked_of_prometheus(pod), *asked_of_watchkeep(pod, "web")):
        assert isinstance(found, Fault) or found.scheme in {"", "http", "https"}
        assert isinstance(found, Fault) or not isinstance(found.port, int) or 0 < found.port < 65536


PREFIXES = ("prometheus.io/", "watchkeep/")
