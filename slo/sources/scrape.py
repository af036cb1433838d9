"""One scrape of a target: its metrics, as far as anybody wants them.

It is a check like every other: the runner schedules it, holds its deadline, and says whose fault it is when it fails.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace

from slo.config.types import Size
from slo.core.batch import Series
from slo.core.outcome import Judgement
from slo.core.sample import Sample
from slo.errors import Fault, ParseError
from slo.exposition.parse import ScrapedSample, SeriesCache, parse
from slo.net.attempt import Reached
from slo.net.context import Context
from slo.net.fetch import Fetched, fetch
from slo.net.request_config import RequestConfig

MODULE = "scrape"
OK = 200

ACCEPT = "application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
"""What formats we read, as Prometheus asks for them."""

AT_ONCE_BYTES = 65_536
"""Bodies that are larger are parsed in a thread, so that no other target is late."""

PARSING_THREADS = 2
"""How many bodies are parsed at a time, for all targets: they wait for one another, and for nobody else."""

MOST_SERIES = 50_000
"""How many series of one answer may be wanted."""


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
    def series(self) -> list[Series]:
        """The samples as a record has them."""
        return [(labels, value) for _, labels, value, _ in self.samples]

    @property
    def readable(self) -> bool:
        """Whether the samples are what the target says now."""
        response = self.fetched.response
        answered = self.fetched.reached.fault is None and response is not None and response.status == OK
        return answered and not self.unreadable


class Scrape:
    """Asks a target for its metrics.

    `labelled` gives a series the labels of its target, and `wanted` says whether it is kept then. Large answers are
    parsed in `threads`.
    """

    def __init__(
        self,
        config: Config,
        context: Context,
        *,
        labelled: Callable[[Mapping[str, str]], dict[str, str]],
        wanted: Callable[[Mapping[str, str]], bool],
        threads: Executor,
    ) -> None:
        self.target = config.url
        self._context = context
        self._cache = SeriesCache(wanted, labelled=labelled)
        self._threads = threads
        self._parsing: Future[Sequence[ScrapedSample]] | None = None
        self._tokens = config.tokens(context)
        self._request = config.request(headers={"Accept": ACCEPT, "Accept-Encoding": "gzip"}, keep_body=True)
        if self._request.url.secure:
            context.tls.get(config.tls, alpn=self._request.endpoint.alpn)  # now, not within the first round

    async def observe(self, deadline: float) -> Scraped:
        """The samples, or what came instead of them."""
        fetched = await fetch(self._request, self._context, deadline, tokens=self._tokens)
        response = fetched.response
        if response is None:
            return Scraped(fetched=fetched)
        # The facts of a round are kept until the next one; the bodies of a hundred targets are not to be.
        fetched = replace(fetched, response=replace(response, body=b""))
        if fetched.reached.fault is not None or response.status != OK:
            return Scraped(fetched=fetched)
        try:
            samples = await self._samples(response.body, response.header("content-type") or "")
        except ParseError as error:
            return Scraped(fetched=fetched, unreadable=str(error))
        if len(samples) > MOST_SERIES:
            problem = f"{len(samples)} series that SLIs look out for, and no more than {MOST_SERIES} are taken"
            return Scraped(fetched=fetched, unreadable=problem)
        return Scraped(fetched=fetched, samples=samples)

    async def _samples(self, body: bytes, content_type: str) -> Sequence[ScrapedSample]:
        if self._parsing and not self._parsing.done():
            # The round before was cancelled; its thread goes on, and must not be joined by one more each time.
            raise Fault("timeout", phase="parse", detail="the answer before is still being parsed")
        if len(body) <= AT_ONCE_BYTES:
            return parse(body, content_type, self._cache).samples
        self._parsing = self._threads.submit(lambda: parse(body, content_type, self._cache).samples)
        return await asyncio.wrap_future(self._parsing)

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
