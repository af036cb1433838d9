"""A receiver of OTLP over HTTP that takes only what the protocol allows, and answers as it is told to.

It reads with the official package, and refuses fields that the package does not know.
"""

import asyncio
import contextlib
import gzip
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from aiohttp import web
from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AGGREGATION_TEMPORALITY_CUMULATIVE,
    Metric,
    NumberDataPoint,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK as NO_VALUE,
)

PROTOBUF = "application/x-protobuf"

Answer: TypeAlias = Callable[[web.Request], web.StreamResponse]
"""What is answered instead of taking a request. Raises where there is no answer."""

Series: TypeAlias = tuple[str, frozenset[tuple[str, object]], frozenset[tuple[str, object]]]
"""A metric's name, the attributes of its resource, and its own."""


@dataclass
class Receiver:
    """What was taken, and what is answered to the next requests in its place."""

    metrics: list[ExportMetricsServiceRequest] = field(default_factory=list)
    logs: list[ExportLogsServiceRequest] = field(default_factory=list)
    faults: deque[Answer | None] = field(default_factory=deque)
    """One for each request that comes: None takes it as it should be."""
    taken_before_fault: bool = False
    """Whether what a fault answers was taken all the same."""
    headers: list[Mapping[str, str]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.headers.append(dict(request.headers))
        fault = self.faults.popleft() if self.faults else None
        if fault is not None and not self.taken_before_fault:
            return fault(request)
        assert request.method == "POST"
        assert request.headers["Content-Type"] == PROTOBUF
        if body[:2] == b"\x1f\x8b":
            body = gzip.decompress(body)  # what aiohttp has not done already
        self.take(request.path, body)
        return web.Response(content_type=PROTOBUF) if fault is None else fault(request)

    def take(self, path: str, body: bytes) -> None:
        """Take a request as it is without compression."""
        if path == "/v1/metrics":
            metrics = ExportMetricsServiceRequest()
            metrics.ParseFromString(body)
            checked(metrics)
            self.metrics.append(metrics)
        else:
            assert path == "/v1/logs"
            logs = ExportLogsServiceRequest()
            logs.ParseFromString(body)
            checked(logs)
            self.logs.append(logs)

    def last(self) -> dict[Series, tuple[int, float]]:
        """The newest point of each series: when, and its value."""
        newest: dict[Series, tuple[int, float]] = {}
        for series, _, point in points_of(self.metrics):
            if point.flags & NO_VALUE:
                continue
            value = float(value_of(point))
            newest[series] = max(newest.get(series, (0, 0.0)), (point.time_unix_nano, value))
        return newest


@contextlib.asynccontextmanager
async def receiving() -> AsyncIterator[tuple[Receiver, int]]:
    """A receiver and its port."""
    receiver = Receiver()
    application = web.Application(client_max_size=20 * 1024 * 1024)
    application.router.add_route("*", "/{anything:.*}", receiver.handle)
    runner = web.AppRunner(application, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield receiver, runner.addresses[0][1]
    finally:
        await runner.cleanup()


def status(code: int, **headers: str) -> Answer:
    """A refusal, as gRPC's Status says it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: web.Response(status=code, headers=named, content_type=PROTOBUF, body=b"\x12\x05no no")


def reset(request: web.Request) -> web.StreamResponse:
    """A connection that ends without an answer."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


def points_of(
    requests: Iterable[ExportMetricsServiceRequest],
) -> Iterator[tuple[Series, Metric, NumberDataPoint]]:
    """Every point with its series and its metric."""
    for request in requests:
        for of_resource in request.resource_metrics:
            resource = attributes(of_resource.resource.attributes)
            for of_scope in of_resource.scope_metrics:
                for metric in of_scope.metrics:
                    for point in (metric.sum if metric.HasField("sum") else metric.gauge).data_points:
                        yield (metric.name, resource, attributes(point.attributes)), metric, point


def logs_of(requests: Iterable[ExportLogsServiceRequest]) -> Iterator[LogRecord]:
    """Every record of a log."""
    for request in requests:
        for of_resource in request.resource_logs:
            for of_scope in of_resource.scope_logs:
                yield from of_scope.log_records


def value_of(point: NumberDataPoint) -> int | float:
    return point.as_int if point.HasField("as_int") else point.as_double


def attributes(pairs: Iterable[KeyValue]) -> frozenset[tuple[str, object]]:
    """Attributes; each comes once."""
    listed = [(pair.key, plain(pair.value)) for pair in pairs]
    assert len({key for key, _ in listed}) == len(listed)
    assert all(key for key, _ in listed)
    return frozenset(listed)


def plain(value: AnyValue) -> object:
    """A value as Python has it; lists and mappings as tuples."""
    match value.WhichOneof("value"):
        case "array_value":
            return tuple(plain(each) for each in value.array_value.values)
        case "kvlist_value":
            return tuple((pair.key, plain(pair.value)) for pair in value.kvlist_value.values)
        case None:
            return None
        case name:
            found: object = getattr(value, name)
            return found


def checked(message: Message) -> None:
    """Nothing is unknown to the official package, sums are cumulative and monotonic, and times are in their order."""
    assert not len(UnknownFieldSet(message)), "a field that OTLP does not have"
    for described, value in message.ListFields():
        if described.message_type is None:
            continue
        for each in value if described.is_repeated else [value]:
            checked(each)
    if isinstance(message, Metric):
        assert message.name
        if message.HasField("sum"):
            assert message.sum.aggregation_temporality == AGGREGATION_TEMPORALITY_CUMULATIVE
            assert message.sum.is_monotonic
    if isinstance(message, NumberDataPoint):
        assert message.time_unix_nano
        assert message.start_time_unix_nano < message.time_unix_nano
        assert bool(message.WhichOneof("value")) != bool(message.flags & NO_VALUE)


async def settled(condition: Callable[[], bool]) -> None:
    """Wait until it holds; the test's own limit ends it."""
    while not condition():  # what another process does is seen by looking
        await asyncio.sleep(0.02)
