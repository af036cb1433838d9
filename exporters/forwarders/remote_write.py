"""The forwarder `remote_write`: metrics and counts to whatever takes Prometheus remote write 1.0.

Counts go as the totals `slo_sli_good_total`, `slo_sli_bad_total` and `slo_sli_unknown_total` at the end of each slot.
The other side knows a sample by its series and its time: one that comes again is no second one. A Prometheus refuses
one that is older than the last of its series; where a batch may have arrived before, that says that it did. It refuses
as well what is older than all that it still writes to, which it will never take.

Source of the protocol: https://prometheus.io/docs/specs/prw/remote_write_spec/. It wants nobody to go by what a refusal
says; docs/forwarders/remote_write.md says where that is done all the same, and why.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from pydantic import field_validator

from exporters.lateness import seen_as_late
from exporters.posting import Posting
from exporters.remote_write.message import SeriesWriter
from exporters.remote_write.query import found_of
from slo.config.forwarding import PostingConfig, TelemetryConfig
from slo.config.secret import Secret
from slo.config.urls import HTTPURL
from slo.config.wrong import wrong
from slo.core.canary import Canary
from slo.core.delivery import Sent, Verdict
from slo.core.telemetry import Encoded, Limits, Rank, Record
from slo.errors import Fault
from slo.net.context import Context
from slo.net.http1 import Response

MOST_RECORDS = 2_000
MOST_RAW_BYTES = 4_000_000

_HEADERS = MappingProxyType(
    {
        "Content-Encoding": "snappy",
        "Content-Type": "application/x-protobuf",
        "X-Prometheus-Remote-Write-Version": "0.1.0",
    }
)


_RESERVED = frozenset({*map(str.lower, _HEADERS), "user-agent"})
"""What the protocol wants nobody to set but the sender."""


class Config(PostingConfig, TelemetryConfig):
    """A Prometheus-compatible server that takes remote write: Prometheus, Mimir, Thanos, VictoriaMetrics."""

    read_url: HTTPURL | None = None
    """The address, without `/api/v1`, at which what was written can be queried, with the same headers and credentials.
    Default: nowhere, and no canary."""

    @field_validator("headers")
    @classmethod
    def _sets_none_of_ours(cls, headers: Mapping[str, Secret]) -> Mapping[str, Secret]:
        if reserved := next((name for name in headers if name.lower() in _RESERVED), None):
            raise wrong(f"sets {reserved}, which remote write sets itself", "leave it out")
        return headers

    @property
    def to_read_back(self) -> str:
        """The address of the queries, where there is none."""
        return "" if self.read_url else "give it a `read_url`, at which what was written can be queried"


class RemoteWrite:
    """Sends to one server."""

    cumulative = True
    ranks = frozenset({Rank.COUNT, Rank.METRIC})  # there is no place for logs
    limits = Limits(records=MOST_RECORDS, raw_bytes=MOST_RAW_BYTES, wire_bytes=MOST_RAW_BYTES)

    def __init__(self, config: Config, context: Context) -> None:
        self._posting = Posting(config, context)
        self.shown = self._posting.shown
        self._writer = SeriesWriter()
        read = config.model_copy(update={"url": config.read_url}) if config.read_url else None
        self._reading = Posting(read, context) if read else None

    def encode(self, records: Sequence[Record]) -> Encoded:
        """Records as one WriteRequest."""
        import cramjam  # here: a watch without such a forwarder needs it not

        raw = self._writer.write(records)
        return Encoded(body=bytes(cramjam.snappy.compress_raw(raw)), raw_bytes=len(raw), records=len(records))

    async def send(self, encoded: Encoded) -> Sequence[Verdict]:
        """Send it once. The other side takes all, or says nothing of what it took."""
        answer = await self._posting.ask(self._posting.request("POST", headers=_HEADERS, body=encoded.body))
        return [Sent() if isinstance(answer, Response) else seen_as_late(answer)]

    async def find(self, canaries: Sequence[Canary], deadline: float) -> frozenset[Canary]:
        """Those of some canaries that a query finds. Raises Fault."""
        if self._reading is None:
            raise Fault("canary_unread", detail="there is no `read_url` to ask at")
        return await found_of(self._reading, canaries, deadline)

    async def aclose(self) -> None:
        """Nothing is held."""


def build(config: Config, context: Context) -> RemoteWrite:
    """The forwarder to one server."""
    return RemoteWrite(config, context)
