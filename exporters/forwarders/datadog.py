"""The forwarder `datadog`: counts and metrics to Datadog's metrics API v2, and what happened to its logs API v2.

Points are known by their series and time: one that comes again is no second one. Logs come at least once, each with its
`event.id`. See docs/forwarders/datadog.md for what is sent.
"""

import gzip
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Literal

from pydantic import field_validator, model_validator

from exporters.datadog.calls import API_KEY, APPLICATION_KEY, Calls, Unanswered
from exporters.datadog.entries import OLDEST, entries
from exporters.datadog.keeping import Keeping
from exporters.datadog.search import found_of
from exporters.datadog.series import SeriesWriter
from exporters.forwarding.selection import Selection
from exporters.posting import Posting
from slo.config.forwarding import LogsConfig, PostingConfig
from slo.config.identity import Name
from slo.config.request import header_value
from slo.config.tls import TLSSettings
from slo.config.types import PositiveDuration, Secret
from slo.config.urls import HTTPURL
from slo.config.wrong import wrong
from slo.core.canary import Canary
from slo.core.delivery import Dropped, Sent, Verdict
from slo.core.exclusion import Exclusion
from slo.core.slo import SLO
from slo.core.telemetry import Encoded, Limits, Rank, Record
from slo.errors import Fault
from slo.net.context import Context
from slo.net.url import URL

METRICS, LOGS, SLOS = "/api/v2/series", "/api/v2/logs", "/api/v1/slo"

MOST_RECORDS = 1_000
"""As many logs as one request may have."""

MOST_RAW_BYTES = 5_000_000
MOST_WIRE_BYTES = 512_000
"""The bounds for metrics, 5,242,880 and 512,000 bytes, hold logs within theirs as well, which is 5 MB before
compression.
"""

OLDEST_POINT = timedelta(minutes=55)
"""How old a point may be: five minutes less than the hour that Datadog takes, for what is on its way."""

AGES: Mapping[Rank, timedelta] = MappingProxyType(
    {
        Rank.COUNT: OLDEST_POINT,
        Rank.METRIC: OLDEST_POINT,
        Rank.FOREIGN_EVENT: OLDEST,
        Rank.OUTCOME: OLDEST,
        Rank.LOG: OLDEST,
    }
)

GZIP_LEVEL = 6

_OF_METRICS = frozenset({Rank.COUNT, Rank.METRIC})

Site = Literal[
    "datadoghq.com",
    "us3.datadoghq.com",
    "us5.datadoghq.com",
    "ap1.datadoghq.com",
    "ap2.datadoghq.com",
    "uk1.datadoghq.com",
    "datadoghq.eu",
    "ddog-gov.com",
    "us2.ddog-gov.com",
]


class Config(LogsConfig):
    """Metrics and logs to an account at Datadog."""

    site: Site = "datadoghq.com"
    """The site of the account, as the address of its pages says it."""
    url: HTTPURL | None = None
    """Where everything goes instead of the addresses of the site, `https://api.SITE` and
    `https://http-intake.logs.SITE`."""
    api_key: Secret
    """A key of the account for sending."""
    slos: bool = False
    """Whether the SLOs that it gets are created there, with the exclusions as their corrections, and kept in step."""
    application_key: Secret | None = None
    """A key of the account for keeping SLOs, with the rights `slos_read`, `slos_write` and `slos_corrections`, and for
    reading canaries back, with `logs_read_data` and `logs_read_index_data`."""
    owner: Name | None = None
    """Whose these SLOs are: what no other forwarder into that account is called. Those of the owner that are not wanted
    are deleted."""
    timeout: PositiveDuration = timedelta(seconds=10)
    """When a request is given up, and made again."""
    tls: TLSSettings = TLSSettings()
    """How Datadog is verified over TLS."""

    @field_validator("api_key", "application_key")
    @classmethod
    def _one_line(cls, value: Secret | None) -> Secret | None:
        return value and header_value(value)

    @property
    def to_read_back(self) -> str:
        """The key to search with, where there is none."""
        return "" if self.application_key else "give it an `application_key`, which may search the logs"

    @property
    def sole(self) -> tuple[object, ...]:
        """The owner of SLOs in an account: two of that name would delete each other's."""
        return (self.owner, self.url or self.site, self.api_key) if self.slos else ()

    @model_validator(mode="after")
    def _agrees(self) -> "Config":
        missing = [name for name in ("application_key", "owner") if getattr(self, name) is None]
        if self.slos and missing:
            raise wrong(f"keeps SLOs without {missing[0]}", "give both `application_key` and `owner`")
        return self


class Datadog:
    """Sends to one account."""

    cumulative = False
    ranks = frozenset(Rank)
    limits = Limits(records=MOST_RECORDS, raw_bytes=MOST_RAW_BYTES, wire_bytes=MOST_WIRE_BYTES, ages=AGES)

    def __init__(self, config: Config, context: Context) -> None:
        self._context = context
        self._series = SeriesWriter()
        # One thread of its own: a Datadog that hangs must not take those that others wait for.
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="datadog")
        api = config.url or f"https://api.{config.site}"
        logs = config.url or f"https://http-intake.logs.{config.site}"
        keys = {API_KEY: config.api_key}
        self._calls = {
            path: Calls(_posting(config, url, keys, context), keys, url=url, threads=self._threads)
            for path, url in ((METRICS, api), (LOGS, logs))
        }
        self.shown = URL.parse(api).shown
        self._reading: Posting | None = None
        self._keeping: Keeping | None = None
        if config.application_key is None:
            return
        keys = keys | {APPLICATION_KEY: config.application_key}
        self._reading = _posting(config, api, keys, context)
        if config.slos and config.owner is not None:
            self._calls[SLOS] = Calls(self._reading, keys, url=api, threads=self._threads)
            selection = Selection(config.match, config.metrics, config.labels)
            self._keeping = Keeping(self._calls[SLOS], owner=config.owner, selection=selection, shown=self.shown)

    def encode(self, records: Sequence[Record]) -> Encoded:
        """Records as one request, of metrics or of logs. It has no body where they hold nothing that Datadog takes."""
        if records[0].rank in _OF_METRICS:
            path, raw = METRICS, self._series.write(records)
        else:
            path, raw = LOGS, entries(records, self._context.clock.now())
        body = gzip.compress(raw, GZIP_LEVEL, mtime=0) if raw else b""
        return Encoded(body=body, raw_bytes=len(raw), records=len(records), path=path)

    async def send(self, encoded: Encoded) -> Sequence[Verdict]:
        """Send it once. Datadog takes all of a request, or nothing."""
        if not encoded.body:
            return [Dropped()]
        try:
            await self._calls[encoded.path].submit(encoded.path, encoded.body)
        except Unanswered as error:
            return [error.verdict]
        return [Sent()]

    async def find(self, canaries: Sequence[Canary], deadline: float) -> frozenset[Canary]:
        """Those of some canaries that a search finds. Raises Fault.

        It is made without the package, whose one thread waits for what is sent.
        """
        if self._reading is None:
            raise Fault("canary_unread", detail="there is no `application_key` to search with")
        return await found_of(self._reading, canaries, deadline)

    async def keep_in_step(self, slos: Sequence[SLO], exclusions: Sequence[Exclusion], now: datetime) -> None:
        """Have Datadog's SLOs and corrections be as these are, as far as they match; nothing where that is not wanted.

        To be called again and again: it asks little while nothing changes. What goes wrong is logged.
        """
        if self._keeping is not None:
            await self._keeping.keep(slos, exclusions, now)

    async def aclose(self) -> None:
        """Give up what is under way, and let the thread end."""
        for calls in self._calls.values():
            calls.close()
        self._threads.shutdown(wait=False)


def _posting(config: Config, url: str, keys: Mapping[str, Secret], context: Context) -> Posting:
    return Posting(PostingConfig(url=url, headers=keys, timeout=config.timeout, tls=config.tls), context)


def build(config: Config, context: Context) -> Datadog:
    """The forwarder to one account."""
    return Datadog(config, context)
