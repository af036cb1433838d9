"""The forwarder `elk`: everything, as documents, to Elasticsearch or OpenSearch by its bulk API.

They go into data streams, or into plain indices with the key `index`. A document has the same `_id` however often it
is sent, so that within one index it is there once; see docs/forwarders/elk.md.
"""

import gzip
from collections.abc import Sequence
from datetime import timedelta
from types import MappingProxyType

from pydantic import field_validator, model_validator

from exporters.elk.bulk import PATH, action, verdicts
from exporters.elk.document import GZIP_LEVEL, Document, documents
from exporters.elk.naming import IndexName, Namespace, index_at
from exporters.elk.search import found_in
from exporters.elk.setup import Setup
from exporters.posting import Posting
from slo.config.forwarding import LogsConfig, PostingConfig
from slo.config.request import Authorization, header_value
from slo.config.types import PositiveDuration, Secret, wrong
from slo.core.canary import Canary
from slo.core.delivery import Dropped, Verdict
from slo.core.telemetry import Encoded, Limits, Rank, Record
from slo.core.telemetry_document import read
from slo.net.context import Context
from slo.net.http1 import Response

MOST_RECORDS = 2_000
MOST_BYTES = 9_000_000
"""The smallest that is known to be set as the largest request somewhere is 10 MiB; Elasticsearch takes 100 MB."""

_HEADERS = MappingProxyType({"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"})


class Config(PostingConfig, LogsConfig):
    """Elasticsearch or OpenSearch, by their bulk API."""

    timeout: PositiveDuration = timedelta(seconds=30)
    """When a request is given up, and made again. A cluster that is busy takes its time with large ones."""
    api_key: Secret | None = None
    """A key to send as `Authorization: ApiKey`: what Elasticsearch calls `encoded`."""
    namespace: Namespace = "default"
    """The last part of the names of the data streams, as in `logs-watchkeep.incident-default`."""
    index: IndexName | None = None
    """An index for everything, in place of data streams. `%Y`, `%m` and `%d` become the time of a document."""
    setup: bool = True
    """Whether the index template is put, where there is none or an older one of ours."""

    @field_validator("api_key")
    @classmethod
    def _one_line(cls, value: Secret | None) -> Secret | None:
        return value and header_value(value)

    @property
    def to_read_back(self) -> str:
        """Nothing: whatever was sent can be searched for."""
        return ""

    @model_validator(mode="after")
    def _one_place(self) -> "Config":
        if self.index is not None and "namespace" in self.model_fields_set:
            raise wrong("has a namespace, which an index has not", "leave namespace or index out")
        return self

    @model_validator(mode="after")
    def _one_key(self) -> "Config":
        others = self.basic_auth or self.bearer_token or any(name.lower() == "authorization" for name in self.headers)
        if self.api_key and others:
            raise wrong(
                "gives credentials twice", "keep one of api_key, basic_auth, bearer_token and the header Authorization"
            )
        if self.api_key and ":" in self.api_key.reveal():
            raise wrong("has an api_key that holds a colon", "give what is called encoded, which is one word of base64")
        return self


class Elk:
    """Sends to one cluster."""

    cumulative = False
    ranks = frozenset(Rank)
    limits = Limits(records=MOST_RECORDS, raw_bytes=MOST_BYTES, wire_bytes=MOST_BYTES)

    def __init__(self, config: Config, context: Context) -> None:
        key = config.api_key
        authorization = Authorization(type="ApiKey", credentials=key) if key else None
        self._posting = Posting(config, context, authorization=authorization)
        self.shown = self._posting.shown
        self._index = config.index
        self._namespace = config.namespace if config.index is None else None
        self._setup = Setup(self._posting, config.index) if config.setup else None

    def encode(self, records: Sequence[Record]) -> Encoded:
        """Records as one bulk request. Raises ValueError for one that cannot be read or written."""
        lines, items = list[bytes](), list[int]()
        for record in records:
            of_record = list(documents(read(record.body), self._namespace))
            lines += [action(document, self._index_of(document)) for document in of_record]
            items.append(len(of_record))
        raw = b"".join(lines)
        return Encoded(
            body=gzip.compress(raw, GZIP_LEVEL, mtime=0), raw_bytes=len(raw), records=len(records), items=tuple(items)
        )

    def _index_of(self, document: Document) -> str:
        if self._index is None:
            return f"{document.type}-{document.dataset}-{self._namespace}"
        return index_at(self._index, document.at)

    async def send(self, encoded: Encoded) -> Sequence[Verdict]:
        """Send it once, after the template."""
        if not any(encoded.items):
            return [Dropped()]
        if self._setup is not None and (in_the_way := await self._setup.run()) is not None:
            return [in_the_way]
        request = self._posting.request("POST", PATH, headers=_HEADERS, body=encoded.body)
        answer = await self._posting.ask(request)
        if not isinstance(answer, Response):
            return [answer]
        return verdicts(answer.body, encoded.items, self._posting.hidden)

    async def find(self, canaries: Sequence[Canary], deadline: float) -> frozenset[Canary]:
        """Those of some canaries that a search finds. Raises Fault."""
        by_index: dict[str, list[Canary]] = {}
        for canary in canaries:
            [document] = documents(canary.logged(canary.labels), self._namespace)
            by_index.setdefault(self._index_of(document), []).append(canary)
        found = frozenset[str]()
        for index, of_index in by_index.items():
            found |= await found_in(self._posting, index, [canary.id for canary in of_index], deadline)
        return frozenset(canary for canary in canaries if canary.id in found)

    async def aclose(self) -> None:
        """Nothing is held."""


def build(config: Config, context: Context) -> Elk:
    """The forwarder to one cluster."""
    return Elk(config, context)
