"""The forwarder `otlp`: metrics, counts and logs to whatever takes OTLP over HTTP, as Protocol Buffers.

Counts go as the totals `slo_sli_good_total`, `slo_sli_bad_total` and `slo_sli_unknown_total` at the end of each slot.
What was taken is not known where a connection ends early, and is then sent again: a point of a series at a time that
comes twice says the same, and a log says by `event.id` which one it is.

Source of the protocol: https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Annotated

from pydantic import Field, StringConstraints, field_validator

from exporters.lateness import seen_as_late
from exporters.otlp.answer import PROTOBUF, partial_success, status_message
from exporters.otlp.logs import written
from exporters.otlp.metrics import MetricsWriter
from exporters.posting import DETAIL_LIMIT, Failed, Posting
from slo.config.forwarding import LogsConfig, LogSort, PostingConfig
from slo.config.wrong import wrong
from slo.core.delivery import Refused, Retry, Sent, Verdict
from slo.core.telemetry import Encoded, Limits, Rank, Record
from slo.net.context import Context
from slo.net.http1 import Response

METRICS_PATH, LOGS_PATH = "/v1/metrics", "/v1/logs"

MOST_RECORDS = 2_000
MOST_RAW_BYTES = 4_000_000
"""Well below the 20 MiB that receivers should take, and about what those take that were told nothing else."""

PARTLY_REJECTED = "partly_rejected"
"""The reason where the rest of a request was taken."""

_COUNTS_AND_METRICS = frozenset({Rank.COUNT, Rank.METRIC})

_COMPRESSION_LEVEL = 1
"""Labels say the same again and again: higher levels take three times as long for a tenth less."""

_HEADERS = MappingProxyType({"Content-Encoding": "gzip", "Content-Type": PROTOBUF})

AttributeName = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Config(PostingConfig, LogsConfig):
    """Whatever takes OTLP over HTTP: an OpenTelemetry Collector, or a vendor that has an address for it. `url` is the
    address that `/v1/metrics` and `/v1/logs` are below.
    """

    logs: tuple[LogSort, ...] = ()
    """What it gets as logs: `events` of incidents, exclusions and silences, `outcomes` that were not good, and what the
    installations under `spinnakers` say (`spinnaker`). Nothing where it says nothing: many receivers take only
    metrics."""
    resource: Mapping[AttributeName, str] = Field(default={})
    """Attributes of the resource that everything is said of, as `service.name`. What the labels `service`, `customer`,
    `environment` and `instance` say of it stays as it is."""

    @field_validator("url")
    @classmethod
    def _is_base(cls, url: str) -> str:
        if url.rstrip("/").endswith((METRICS_PATH, LOGS_PATH)):
            raise wrong("names the address of one signal", "leave out /v1/metrics and /v1/logs: they are added")
        return url


class OTLP:
    """Sends to one receiver."""

    cumulative = True
    ranks = frozenset(Rank)
    limits = Limits(records=MOST_RECORDS, raw_bytes=MOST_RAW_BYTES, wire_bytes=MOST_RAW_BYTES)

    def __init__(self, config: Config, context: Context) -> None:
        self._posting = Posting(config, context)
        self.shown = self._posting.shown
        self._resource = config.resource
        self._metrics = MetricsWriter(config.resource)

    def encode(self, records: Sequence[Record]) -> Encoded:
        """Records of one rank as one request for metrics or for logs."""
        import cramjam  # here: a watch without such a forwarder needs it not

        metrics = records[0].rank in _COUNTS_AND_METRICS
        raw = self._metrics.write(records) if metrics else written(records, self._resource)
        return Encoded(
            body=bytes(cramjam.gzip.compress(raw, level=_COMPRESSION_LEVEL)),
            raw_bytes=len(raw),
            records=len(records),
            path=METRICS_PATH if metrics else LOGS_PATH,
        )

    async def send(self, encoded: Encoded) -> Sequence[Verdict]:
        """Send it once."""
        request = self._posting.request("POST", encoded.path, headers=_HEADERS, body=encoded.body)
        response = await self._posting.fetch(request)
        if not isinstance(response, Response):
            return [response]
        failed = self._posting.failed(response)
        return self._taken(response, encoded.records) if failed is None else [self._failed(failed, response)]

    async def aclose(self) -> None:
        """Nothing is held."""

    def _failed(self, failed: Failed, response: Response) -> Verdict:
        """What an answer means that is no success.

        The protocol would have 500 given up at once. It is waited out here as the other 5xx are: no receiver that is
        in trouble tells one batch that it can never take from all of them, and what was given up would be lost.
        """
        detail = self._detail(f"HTTP {response.status}: {status_message(response)}")
        return seen_as_late(replace(failed, detail=detail))

    def _taken(self, response: Response, records: int) -> Sequence[Verdict]:
        """What of a request was taken. What was rejected is lost, and not to be sent again, says the protocol.

        Nobody says which those were: as many of the records stand for them, all where there are fewer.
        """
        try:
            partial = partial_success(response)
        except ValueError as error:
            return [Retry(reason="response_malformed", detail=f"no receiver of OTLP answers so: {error}")]
        rejected = min(partial.rejected, records)
        detail = self._detail(f"{partial.rejected} rejected: {partial.message}")
        return [*[Sent()] * (records - rejected), *[Refused(reason=PARTLY_REJECTED, detail=detail)] * rejected]

    def _detail(self, text: str) -> str:
        return self._posting.hidden(text)[:DETAIL_LIMIT]


def build(config: Config, context: Context) -> OTLP:
    """The forwarder to one receiver."""
    return OTLP(config, context)
