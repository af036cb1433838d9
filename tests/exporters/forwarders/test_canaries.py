"""Canaries that were sent are found at real servers, those that were not are not, and liars are not believed."""

import itertools
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest

from exporters.forwarders import datadog, elk, logstash, otlp, remote_write
from slo.core.canary import Canary, ReadBack
from slo.core.delivery import Sent
from slo.core.telemetry import Forwarder, Rank, Record, id_of
from slo.core.telemetry_document import written
from slo.demo.vendors.datadog.standin import DatadogStandIn
from slo.demo.vendors.injection import Injection
from slo.errors import Fault
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from tests.elastic import Searchable
from tests.hostile import Behaviour, answering, serving
from tests.remote_write_receivers import Prometheus, VictoriaMetrics

API_KEY, APPLICATION_KEY = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba98765432"

_numbers = itertools.count()


class Both(Forwarder, ReadBack, Protocol):
    """A forwarder that reads back."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """A far side by its forwarder, and what it takes canaries as."""

    forwarder: Both
    as_points: bool = False

    async def sends(self, *canaries: Canary) -> None:
        records = [
            Record(number=number, rank=Rank.METRIC if self.as_points else Rank.LOG, at=0.0, body=written(telemetry))
            for number, each in enumerate(canaries)
            for telemetry in [each.measured(each.labels) if self.as_points else each.logged(each.labels)]
        ]
        assert set(await self.forwarder.send(self.forwarder.encode(records))) == {Sent()}


def context() -> Context:
    return Context.default(SteadyClock())


def canaries(count: int, *, seconds_apart: float = 7.0) -> list[Canary]:
    """Canaries of a forwarder that no other test has, the last of which was put now."""
    name, now = f"acme-{next(_numbers)}", SteadyClock().now()
    return [
        Canary(
            id=id_of(name, number, now.timestamp()),
            forwarder=name,
            at=now - timedelta(seconds=seconds_apart * (count - number - 1)),
        )
        for number in range(count)
    ]


def elk_at(port: int, **keys: Any) -> Both:
    config = elk.Config.model_validate({"url": f"http://127.0.0.1:{port}", "timeout": "10s", **keys})
    return elk.build(config, context())


def remote_write_at(port: int, **keys: Any) -> Both:
    url = f"http://127.0.0.1:{port}"
    return remote_write.build(
        remote_write.Config.model_validate({"url": f"{url}/api/v1/write", "read_url": url, **keys}), context()
    )


def datadog_at(url: str, **keys: Any) -> datadog.Datadog:
    config = {"url": url, "api_key": API_KEY, "application_key": APPLICATION_KEY, **keys}
    return datadog.build(datadog.Config.model_validate(config), context())


@pytest.fixture
async def standin(tmp_path: Path) -> AsyncIterator[DatadogStandIn]:
    async with DatadogStandIn(tmp_path, api_key=API_KEY, application_key=APPLICATION_KEY) as server:
        yield server


@pytest.fixture
async def account(standin: DatadogStandIn) -> AsyncIterator[datadog.Datadog]:
    forwarder = datadog_at(standin.url, tls={"ca_file": str(standin.ca_file)})
    yield forwarder
    await forwarder.aclose()


@pytest.fixture(params=["data streams", "indices", "OpenSearch", "Prometheus", "VictoriaMetrics", "Datadog"])
def place(
    request: pytest.FixtureRequest,
    elasticsearch_like: Searchable,
    opensearch_like: Searchable,
    prometheus_receiver: Prometheus,
    victoria_metrics: VictoriaMetrics,
    account: datadog.Datadog,
) -> Place:
    name = f"canaries{next(_numbers)}"
    made: dict[str, Callable[[], Place]] = {
        "data streams": lambda: Place(forwarder=elk_at(elasticsearch_like.port, namespace=name)),
        "indices": lambda: Place(forwarder=elk_at(elasticsearch_like.port, index=f"{name}-%Y.%m.%d")),
        "OpenSearch": lambda: Place(forwarder=elk_at(opensearch_like.port, index=f"{name}-%Y.%m.%d")),
        "Prometheus": lambda: Place(forwarder=remote_write_at(prometheus_receiver.port), as_points=True),
        "VictoriaMetrics": lambda: Place(forwarder=remote_write_at(victoria_metrics.port), as_points=True),
        "Datadog": lambda: Place(forwarder=account),
    }
    return made[request.param]()


async def until_found(forwarder: Both, wanted: Sequence[Canary], looked_for: Sequence[Canary]) -> None:
    """Look again and again: a search shows what was written a moment later."""
    clock = SteadyClock()
    end = clock.monotonic() + 30
    while (found := await forwarder.find(looked_for, clock.monotonic() + 10)) != frozenset(wanted):
        assert found < frozenset(wanted), "what was not sent is not there"
        assert clock.monotonic() < end
        await clock.sleep_until(clock.monotonic() + 0.1)


async def test_what_was_sent_is_found_and_nothing_else(place: Place) -> None:
    first, lost, last, never = canaries(4)
    assert await place.forwarder.find([first, lost], SteadyClock().monotonic() + 10) == frozenset()
    await place.sends(first, last)
    await until_found(place.forwarder, [first, last], [first, lost, last, never])
    await until_found(place.forwarder, [last], [last])


async def test_those_of_several_days_are_found_each_in_its_index(elasticsearch_like: Searchable) -> None:
    place = Place(forwarder=elk_at(elasticsearch_like.port, index=f"days{next(_numbers)}-%Y.%m.%d"))
    several = canaries(3, seconds_apart=86_400.0)
    await place.sends(several[0], several[2])
    await until_found(place.forwarder, [several[0], several[2]], several)


def answer(document: object, status: str = "200 OK") -> Behaviour:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return answering(head.encode() + body)


def searched(**other: object) -> dict[str, object]:
    return {"timed_out": False, "_shards": {"failed": 0}, "hits": {"hits": []}, **other}


def matrix(*values: object) -> dict[str, object]:
    return {"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {}, "values": values}]}}


GARBAGE: Sequence[tuple[object, str]] = [
    (b"", "200 OK"),
    (b"<html>please log in</html>", "200 OK"),
    (b"[" * 100_000, "200 OK"),
    (b"\xff\xfe", "200 OK"),
    ([], "200 OK"),
    ("text", "200 OK"),
    (None, "200 OK"),
    ({}, "200 OK"),
    ({"error": "unauthorized"}, "403 Forbidden"),
    ({"error": {"type": "security_exception"}}, "404 Not Found"),
    ({"error": "index_not_found_exception"}, "404 Not Found"),
    (b"no such page: index_not_found_exception", "404 Not Found"),
    ({}, "302 Found"),
    ({}, "429 Too Many Requests"),
    ({}, "503 Service Unavailable"),
]
OF_ELK = [
    searched(timed_out=True),
    searched(_shards={"failed": 1}),
    searched(hits={"hits": [{}]}),
    searched(hits={"hits": None}),
    searched(hits=7),
]
OF_QUERIES = [
    {"status": "error", "error": "too much"},
    {"status": "success", "data": {"resultType": "vector", "result": []}},
    matrix([1]),
    matrix(["x", "y"]),
    matrix([1e400, "1"]),
    matrix(7),
]
OF_DATADOG = [
    {"data": [], "meta": {"status": "timeout"}},
    {"data": [{}]},
    {"data": None},
    {"data": [{"attributes": {"attributes": {"event": 7}}}]},
    {"data": [{"attributes": 7}], "meta": 7},
]
MADE: dict[str, Callable[[int], Both]] = {
    "elk": elk_at,
    "remote_write": remote_write_at,
    "datadog": lambda port: datadog_at(f"http://127.0.0.1:{port}"),
}
OWN: dict[str, Sequence[object]] = {"elk": OF_ELK, "remote_write": OF_QUERIES, "datadog": OF_DATADOG}
LIES = [
    (kind, document, status)
    for kind, own in OWN.items()
    for document, status in [*GARBAGE, *((each, "200 OK") for each in own)]
]


@pytest.mark.parametrize(("kind", "document", "status"), LIES)
async def test_an_answer_that_is_none_leaves_unknown_what_is_there(kind: str, document: object, status: str) -> None:
    async with serving(answer(document, status)) as port:
        forwarder = MADE[kind](port)
        with pytest.raises(Fault) as refused:
            await forwarder.find(canaries(2), SteadyClock().monotonic() + 10)
        assert refused.value.reason == "canary_unread"
        assert refused.value.detail
        await forwarder.aclose()


@pytest.mark.parametrize("kind", MADE)
async def test_who_says_the_ids_of_others_or_other_values_is_not_believed(kind: str) -> None:
    [one] = canaries(1)
    seconds = round(one.at.timestamp(), 3)
    others: dict[str, object] = {
        "elk": searched(hits={"hits": [{"_id": id_of("other")}]}),
        "remote_write": matrix([seconds, str(one.number + 1)], [seconds + 0.001, str(one.number)], [seconds, "NaN"]),
        "datadog": {"data": [{"attributes": {"message": one.id, "attributes": {"event": {"id": id_of("other")}}}}]},
    }
    async with serving(answer(others[kind])) as port:
        forwarder = MADE[kind](port)
        assert await forwarder.find([one], SteadyClock().monotonic() + 10) == frozenset()
        await forwarder.aclose()


@pytest.mark.parametrize("kind", MADE)
async def test_who_hangs_is_given_up_at_the_deadline_of_the_round(kind: str) -> None:
    async with serving(answering()) as port:
        forwarder, clock = MADE[kind](port), SteadyClock()
        with pytest.raises(Fault, match="canary_unread"):
            await forwarder.find(canaries(1), clock.monotonic() + 0.2)
        await forwarder.aclose()


async def test_a_search_at_datadog_that_is_limited_or_refused_says_so_and_hides_the_keys(
    standin: DatadogStandIn, account: datadog.Datadog
) -> None:
    standin.inject(Injection(status=429, ratelimit_reset="3", body=f"{API_KEY} {APPLICATION_KEY}"))
    with pytest.raises(Fault, match="rate_limited") as limited:
        await account.find(canaries(1), SteadyClock().monotonic() + 10)
    assert API_KEY not in str(limited.value)
    assert APPLICATION_KEY not in str(limited.value)
    stranger = datadog_at(standin.url, application_key="0" * 30, tls={"ca_file": str(standin.ca_file)})
    with pytest.raises(Fault, match="auth_refused"):
        await stranger.find(canaries(1), SteadyClock().monotonic() + 10)
    await stranger.aclose()


async def test_where_nobody_may_ask_that_is_said() -> None:
    url = "http://127.0.0.1:1"
    write_only = remote_write.build(remote_write.Config.model_validate({"url": url}), context())
    send_only = datadog.build(datadog.Config.model_validate({"url": url, "api_key": API_KEY}), context())
    for forwarder, missing in ((write_only, "read_url"), (send_only, "application_key")):
        with pytest.raises(Fault, match=missing):
            await forwarder.find(canaries(1), 0.0)
        await forwarder.aclose()


def test_those_without_an_api_to_read_do_not_pretend_to_have_one() -> None:
    assert not issubclass(logstash.Logstash, ReadBack)
    assert not issubclass(otlp.OTLP, ReadBack)
