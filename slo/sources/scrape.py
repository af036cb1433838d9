"""One scrape of a target: its metrics, as far as anybody wants them.

It is a check like every other: the runner schedules it, holds its deadline, and says whose fault it is when it fails.
"""

import asyncio
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from slo.config.types import Size
from slo.core.outcome import Judgement
from slo.core.sample import Sample
from slo.errors import Fault, ParseError
from slo.exposition.parse import ScrapedSample, SeriesCache, parse
from slo.net.attempt import Reached
from slo.net.context import Context
from slo.net.fetch import Fetched, Request, fetch
from slo.net.request_config import RequestConfig
from slo.net.url import URL

MODULE = "scrape"
OK = 200

ACCEPT = "application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
"""What formats we read, as Prometheus asks for them."""

AT_ONCE_BYTES = 65_536
"""Bodies that are larger are parsed in a thread, so that no other target is late."""


class Config(RequestConfig):
    """A target that serves its metrics over HTTP."""

    max_body: Size = 50_000_000
    """The largest body that is read, decoded."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scraped:
    """What came of one scrape, without its body; `unreadable` says why its metrics are not to be used."""

    fetched: Fetched
    samples: Sequence[ScrapedSample] = ()
    unreadable: str = ""

    @property
    def readable(self) -> bool:
        """Whether the samples are what the target says now."""
        response = self.fetched.response
        answered = self.fetched.reached.fault is None and response is not None and response.status == OK
        return answered and not self.unreadable


class Scrape:
    """Asks a target for its metrics; `wanted` says which of its series are kept."""

    def __init__(self, config: Config, context: Context, wanted: Callable[[Mapping[str, str]], bool]) -> None:
        self.target = config.url
        self._context = context
        self._cache = SeriesCache(wanted)
        self._parsing = threading.Lock()
        self._request = Request(
            url=URL.parse(config.url),
            headers={"Accept": ACCEPT, "Accept-Encoding": "gzip", **config.request_headers},
            tls=config.tls,
            prefer=config.ip_protocol,
            fallback=config.ip_protocol_fallback,
            follow_redirects=config.follow_redirects,
            max_body=config.max_body,
            keep_body=True,
        )
        if self._request.url.secure:
            context.tls.get(config.tls, alpn=self._request.endpoint.alpn)  # now, not within the first round

    async def observe(self, deadline: float) -> Scraped:
        """The samples, or what came instead of them."""
        fetched = await fetch(self._request, self._context, deadline)
        response = fetched.response
        if response is None or fetched.reached.fault is not None or response.status != OK:
            return Scraped(fetched=fetched)
        body, content_type = response.body, response.header("content-type") or ""
        fetched = replace(fetched, response=replace(response, body=b""))
        try:
            if len(body) <= AT_ONCE_BYTES:
                samples = self._samples(body, content_type)
            else:
                samples = await asyncio.to_thread(self._samples, body, content_type)
        except ParseError as error:
            return Scraped(fetched=fetched, unreadable=str(error))
        return Scraped(fetched=fetched, samples=samples)

    def _samples(self, body: bytes, content_type: str) -> Sequence[ScrapedSample]:
        with self._parsing:  # a thread whose round was cancelled may not have ended yet
            return parse(body, content_type, self._cache).samples

    def judge(self, facts: Scraped | Fault) -> Sequence[Judgement]:
        """One judgement: what went wrong on the way, a status that is not 200, or metrics that cannot be read."""
        if isinstance(facts, Fault):
            return [Reached(phases=facts.phases).judgement(facts.reason, facts.detail)]
        reached, response = facts.fetched.reached, facts.fetched.response
        if reached.fault is not None:
            return [reached.judgement(reached.fault.reason, reached.fault.detail)]
        if response is not None and response.status != OK:
            return [reached.judgement("status", f"{response.status}, not {OK}")]
        return [reached.judgement("metrics", facts.unreadable) if facts.unreadable else reached.judgement("ok")]

    def samples(self, _facts: Scraped | Fault) -> Iterable[Sample]:
        """None: what a target serves is counted, and not served again."""
        return ()
