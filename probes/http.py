"""The kind `http`: one request over HTTP, redirects followed, and what the answer must be."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from slo.core.outcome import Finding, Judgement
from slo.core.sample import Sample
from slo.errors import Fault
from slo.net.attempt import Reached
from slo.net.context import Context
from slo.net.exchange_config import ExchangeConfig
from slo.net.findings import connection_findings, response_findings
from slo.net.http1 import Response
from slo.net.inquiry import Facts, Inquiry
from slo.net.samples import connection_samples, phase_samples

_BODILESS = frozenset({204, 304})


class Config(ExchangeConfig):
    """One request to one URL."""


class HTTPProbe:
    """Asks for a URL and holds the response against what is expected of it."""

    __slots__ = ("_inquiry", "target")

    def __init__(self, config: Config, context: Context) -> None:
        self.target = config.url
        self._inquiry = Inquiry(config, context)

    async def observe(self, deadline: float) -> Facts:
        """The response, or whatever came instead of it."""
        return await self._inquiry.look(await self._inquiry.ask(deadline))

    def judge(self, facts: Facts | Fault) -> Sequence[Judgement]:
        """One judgement: what went wrong on the way, else the first expectation that was not met."""
        if isinstance(facts, Fault):
            return [Reached(phases=facts.phases).judgement(facts.reason, facts.detail)]
        return [facts.fetched.reached.judgement(facts.reason, facts.detail)]

    def samples(self, facts: Facts | Fault) -> Iterable[Sample]:
        """The blackbox exporter's metrics of its prober `http`. Nothing is known where the round itself failed."""
        if isinstance(facts, Fault):
            return
        fetched, reached = facts.fetched, facts.fetched.reached
        yield from connection_samples(reached)
        yield from phase_samples("probe_http_duration_seconds", reached)
        yield Sample("probe_http_redirects", fetched.redirects)
        answered = fetched.response is not None
        yield Sample("probe_http_ssl", float(answered and fetched.url.secure))
        reason = facts.reason if answered else ""
        yield Sample("probe_failed_due_to_regex", float(reason in {"body", "header"}))
        yield Sample("probe_failed_due_to_cel", float(reason == "cel"))
        yield from _response_samples(fetched.response)

    def explain(self, facts: Facts | Fault, at: datetime) -> Iterable[Finding]:
        """Where the request ended, what TLS showed there, and the head of the response."""
        if isinstance(facts, Fault):
            return
        fetched = facts.fetched
        if fetched.redirects:
            times = "once" if fetched.redirects == 1 else f"{fetched.redirects} times"
            yield Finding(name="redirected", text=f"{times}, to {fetched.url.shown}")
        yield from connection_findings(fetched.reached, at)
        if fetched.response is not None:
            yield from response_findings(fetched.response)


def build(config: Config, context: Context) -> HTTPProbe:
    """The probe of a configuration."""
    return HTTPProbe(config, context)


def _response_samples(response: Response | None) -> Iterator[Sample]:
    """What the response was; zero in all of it where there was none, as dashboards and alerts know it."""
    length, status, version, decoded = 0, 0, 0.0, 0
    if response is not None:
        if response.status not in _BODILESS:
            length = -1 if response.content_length is None else response.content_length
        status, version, decoded = response.status, float(response.version), response.decoded_bytes
    yield Sample("probe_http_status_code", status)
    yield Sample("probe_http_version", version)
    yield Sample("probe_http_content_length", length)
    yield Sample("probe_http_uncompressed_body_length", decoded)
    if response is not None and (modified := response.header("last-modified")):
        try:
            moment = parsedate_to_datetime(modified)
            seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            return
        yield Sample("probe_http_last_modified_timestamp_seconds", seconds)
