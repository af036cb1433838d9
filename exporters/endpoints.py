"""The endpoints that hand our numbers out."""

import asyncio
import gzip
import logging
import zlib
from collections.abc import AsyncIterator, Iterable, Iterator
from itertools import chain
from typing import Protocol, TypeVar

from aiohttp import hdrs, web
from prometheus_client import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from slo.core.outcome import Outcome
from slo.core.sample import Sample
from slo.core.status import SLOStatus
from slo.exposition.collected import Collected, CollectedRenderer
from slo.exposition.families import FAMILIES
from slo.exposition.process_catalogue import ProcessTelemetry
from slo.exposition.render import CONTENT_TYPE, ProbeRenderer, SLORenderer

logger = logging.getLogger(__name__)

GZIP_LEVEL = 1
"""A body of 4 MB costs 10 ms at this level and 300 ms at the highest one, which saves little more."""

GZIP_FROM_BYTES = 1024

GZIP_WINDOW = 16 + zlib.MAX_WBITS
"""Has zlib write the header of gzip."""

READ_AT_ONCE = 20
"""The figures of that many SLOs are made in about a millisecond."""

T = TypeVar("T")


class Figures(Protocol):
    """What the endpoint reads, over several turns of the event loop."""

    @property
    def telemetry(self) -> ProcessTelemetry: ...
    def statuses(self) -> Iterable[SLOStatus]: ...
    def probe_samples(self) -> Iterable[tuple[Outcome, Iterable[Sample]]]: ...
    def collected(self) -> Iterable[Collected]: ...


class Exposition:
    """The figures of every SLO, what every probe and collector found, and the process's own metrics.

    Made in small pieces between which everything else runs: a scrape of a large watch delays no probe.
    """

    def __init__(self, figures: Figures) -> None:
        self._figures = figures
        self._slos = SLORenderer()
        self._probes = ProbeRenderer()
        self._collectors = CollectedRenderer(identified=True, reserved=_said_elsewhere(figures.telemetry))
        self._faults = SampleFaults()

    async def parts(self) -> AsyncIterator[bytes]:
        """The text, piece by piece. One at a time."""
        for part in chain(
            self._slos.render(await read(self._figures.statuses())),
            self._probes.render(self._figures.probe_samples(), on_fault=self._faults.tell),
            self._collectors.render(self._figures.collected(), on_fault=self._faults.tell),
        ):
            yield part.encode(errors="replace")
            await asyncio.sleep(0)
        yield generate_latest(_Exposed(self._figures.telemetry.registry))


class MetricsEndpoint:
    """`GET /metrics`."""

    def __init__(self, figures: Figures) -> None:
        self._exposition = Exposition(figures)

    async def handle(self, request: web.Request) -> web.Response:
        """Answer a scrape, compressed where the scraper takes that."""
        body = _Body(compressed=takes_gzip(request.headers.getall(hdrs.ACCEPT_ENCODING, ())))
        async for part in self._exposition.parts():
            body.add(part)
        return body.response(CONTENT_TYPE)


def _said_elsewhere(telemetry: ProcessTelemetry) -> set[str]:
    """The metrics that others say on the same page: a service that collectors look into may have some of that name."""
    own = {sample.name for metric in telemetry.registry.collect() for sample in metric.samples}
    return own | {metric.name for metric in telemetry.registry.collect()} | set(FAMILIES)


class SampleFaults:
    """Kinds whose samples cannot be made: each is logged once, since a scrape comes every few seconds."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def tell(self, outcome: Outcome, error: Exception) -> None:
        """Say that the samples of a round could not be made."""
        if outcome.module not in self._told:
            self._told.add(outcome.module)
            logger.error(
                "samples of a check could not be made: its metrics are missing",
                extra={"check": outcome.check, "kind": outcome.module},
                exc_info=error,
            )


class _Body:
    """A body that grows piece by piece, and is compressed as it does: a large watch has megabytes of text."""

    def __init__(self, *, compressed: bool) -> None:
        self._bytes = bytearray()
        self._gzip = zlib.compressobj(GZIP_LEVEL, wbits=GZIP_WINDOW) if compressed else None

    def add(self, part: bytes) -> None:
        self._bytes += self._gzip.compress(part) if self._gzip else part

    def response(self, content_type: str) -> web.Response:
        headers = {hdrs.CONTENT_TYPE: content_type, hdrs.VARY: hdrs.ACCEPT_ENCODING}
        if self._gzip:
            self._bytes += self._gzip.flush()
            headers[hdrs.CONTENT_ENCODING] = "gzip"
        return web.Response(body=self._bytes, headers=headers)


async def read(items: Iterable[T]) -> list[T]:
    """The items, some at a time, with everything else running in between: making one may take a while."""
    made = []
    for number, item in enumerate(items, 1):
        made.append(item)
        if number % READ_AT_ONCE == 0:
            await asyncio.sleep(0)
    return made


async def respond(request: web.Request, body: bytes, content_type: str) -> web.Response:
    """A response with this body, compressed where it is worth it and the other side takes it."""
    headers = {hdrs.CONTENT_TYPE: content_type, hdrs.VARY: hdrs.ACCEPT_ENCODING}
    if len(body) >= GZIP_FROM_BYTES and takes_gzip(request.headers.getall(hdrs.ACCEPT_ENCODING, ())):
        headers[hdrs.CONTENT_ENCODING] = "gzip"
        body = await asyncio.to_thread(gzip.compress, body, GZIP_LEVEL, mtime=0)
    return web.Response(body=body, headers=headers)


def takes_gzip(accept_encoding: Iterable[str]) -> bool:
    """Whether Accept-Encoding names gzip, or anything, without a weight of zero."""
    for value in ",".join(accept_encoding).split(","):
        coding, _, parameters = value.partition(";")
        name, _, weight = parameters.partition("=")
        refused = name.strip().lower() == "q" and not weight.strip().strip("0.")
        if coding.strip().lower() in {"gzip", "*"} and not refused:
            return True
    return False


class _Exposed(Collector):
    """A registry as it is exposed, without its `_created` series: OpenMetrics wants them, the text format makes noise.

    A label without a value is none.
    """

    def __init__(self, registry: Collector) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        """The families of the registry."""
        for metric in self._registry.collect():
            metric.samples = [
                sample._replace(labels={name: value for name, value in sample.labels.items() if value})
                for sample in metric.samples
                if not sample.name.endswith("_created")
            ]
            yield metric
