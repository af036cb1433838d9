"""The forwarder `logstash`: the same documents as those of `elk`, to the http input of Logstash.

A request is an array, of which the codec `json` makes one event for each element. Logstash says of a request that it
has it, and not what became of it: a request without an answer is made again, and `event.id` tells what came twice.
Source: https://www.elastic.co/docs/reference/logstash/plugins/plugins-inputs-http
"""

import gzip
from collections.abc import Sequence
from types import MappingProxyType

from exporters.elk.document import GZIP_LEVEL, documents
from exporters.elk.naming import Namespace
from exporters.posting import Posting
from slo.config.forwarding import LogsConfig, PostingConfig
from slo.core.delivery import Dropped, Sent, Verdict
from slo.core.telemetry import Encoded, Limits, Rank, Record
from slo.core.telemetry_document import read
from slo.net.context import Context
from slo.net.http1 import Response

MOST_RECORDS = 500
MOST_BYTES = 4_000_000

_HEADERS = MappingProxyType({"Content-Type": "application/json", "Content-Encoding": "gzip"})


class Config(PostingConfig, LogsConfig):
    """Logstash, by its input `http`."""

    namespace: Namespace = "default"
    """What documents have as `data_stream.namespace`, by which the output `elasticsearch` finds the data stream."""


class Logstash:
    """Sends to one input."""

    cumulative = False
    ranks = frozenset(Rank)
    limits = Limits(records=MOST_RECORDS, raw_bytes=MOST_BYTES, wire_bytes=MOST_BYTES)

    def __init__(self, config: Config, context: Context) -> None:
        self._posting = Posting(config, context)
        self.shown = self._posting.shown
        self._namespace = config.namespace

    def encode(self, records: Sequence[Record]) -> Encoded:
        """Records as one array of documents, without a body where there is none.

        Raises ValueError for one that cannot be read or written.
        """
        each = [document for record in records for document in documents(read(record.body), self._namespace)]
        raw = b"[%s]" % b",\n".join(document.written() for document in each)
        body = gzip.compress(raw, GZIP_LEVEL, mtime=0) if each else b""
        return Encoded(body=body, raw_bytes=len(raw), records=len(records))

    async def send(self, encoded: Encoded) -> Sequence[Verdict]:
        """Send it once. Logstash takes all of it, or says that it takes nothing now."""
        if not encoded.body:
            return [Dropped()]
        request = self._posting.request("POST", headers=_HEADERS, body=encoded.body)
        answer = await self._posting.ask(request)
        return [Sent() if isinstance(answer, Response) else answer]

    async def aclose(self) -> None:
        """Nothing is held."""


def build(config: Config, context: Context) -> Logstash:
    """The forwarder to one input."""
    return Logstash(config, context)
