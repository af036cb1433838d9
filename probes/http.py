"""The kind `http`: one request over HTTP, redirects followed, and what the answer must be."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from itertools import chain
from typing import Annotated

from pydantic import AfterValidator, model_validator

from slo.config.content import Content, ContentFile
from slo.config.request import is_token
from slo.config.types import wrong
from slo.core.outcome import Finding, Judgement
from slo.core.sample import Sample
from slo.errors import Fault
from slo.net.attempt import Reached
from slo.net.context import Context
from slo.net.expect import Expect, Expectation
from slo.net.fetch import Fetched, fetch
from slo.net.findings import connection_findings, response_findings
from slo.net.http1 import Response
from slo.net.request import HTTP_1, HTTP_2
from slo.net.request_config import RequestConfig
from slo.net.samples import connection_samples, phase_samples

AT_ONCE_BYTES = 65_536
"""Bodies that are larger are looked at in a thread, so that no other target is late."""

_BODILESS = frozenset({204, 304})
_FOLLOWED = frozenset({"301", "302", "303", "307", "308"})


def _method(value: str) -> str:
    if not is_token(value) or value == "CONNECT":
        raise wrong(f"{value!r} is no method of a request", "write it as GET or POST")
    return value


class Config(RequestConfig):
    """One request to one URL."""

    method: Annotated[str, AfterValidator(_method)] = "GET"
    """The method of the request."""

    body: Content | None = None
    """The body of the request. It is kept secret."""

    body_file: ContentFile | None = None
    """The path of a file that holds the body, byte by byte; it is read when the configuration is."""

    http2: bool = True
    """Offer HTTP/2 to a server over TLS, which may choose it."""

    expect: Expect = Expect()
    """What the response must be."""

    @model_validator(mode="after")
    def _agrees(self) -> "Config":
        if self.follow_redirects and _FOLLOWED.issuperset(self.expect.status):
            raise wrong("expects a redirect and follows it", "add follow_redirects: false")
        if self.body and self.body_file:
            raise wrong("has a body twice", "keep body or body_file")
        return self


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What came of the request, without the body, which may be large: it was looked at once.

    `mismatch` is the first expectation that the body does not meet: reason and detail.
    """

    fetched: Fetched
    mismatch: tuple[str, str] | None = None


class HTTPProbe:
    """Asks for a URL and holds the response against what is expected of it."""

    def __init__(self, config: Config, context: Context) -> None:
        self.target = config.url
        self._context = context
        self._expectation = Expectation(config.expect)
        self._tokens = config.tokens(context)
        content = config.body or config.body_file
        self._request = config.request(
            method=config.method,
            headers={},
            body=content.reveal() if content else b"",
            keep_body=self._expectation.reads_body,
            alpn=(HTTP_2, HTTP_1) if config.http2 else (HTTP_1,),
        )
        if self._request.url.secure:
            context.tls.get(config.tls, alpn=self._request.endpoint.alpn)  # now, not within the first round

    async def observe(self, deadline: float) -> Facts:
        """The response, or whatever came instead of it."""
        fetched = await fetch(self._request, self._context, deadline, tokens=self._tokens)
        response = fetched.response
        if response is None or fetched.reached.fault is not None or not self._request.keep_body:
            return Facts(fetched=fetched)
        look = partial(next, self._expectation.unmet_by_body(response.body), None)
        mismatch = look() if len(response.body) <= AT_ONCE_BYTES else await asyncio.to_thread(look)
        return Facts(fetched=replace(fetched, response=replace(response, body=b"")), mismatch=mismatch)

    def judge(self, facts: Facts | Fault) -> Sequence[Judgement]:
        """One judgement: what went wrong on the way, else the first expectation that was not met."""
        if isinstance(facts, Fault):
            return [Reached(phases=facts.phases).judgement(facts.reason, facts.detail)]
        return [facts.fetched.reached.judgement(*self._verdict(facts))]

    def samples(self, facts: Facts | Fault) -> Iterable[Sample]:
        """The blackbox exporter's metrics of its prober `http`. Nothing is known where the round itself failed."""
        if isinstance(facts, Fault):
            return
        fetched, reached = facts.fetched, facts.fetched.reached
        yield from connection_samples(reached)
        yield from phase_samples("probe_http_duration_seconds", reached)
        yield Sample(name="probe_http_redirects", value=fetched.redirects)
        answered = fetched.response is not None
        yield Sample(name="probe_http_ssl", value=float(answered and fetched.url.secure))
        reason = self._verdict(facts)[0] if answered else ""
        yield Sample(name="probe_failed_due_to_regex", value=float(reason in {"body", "header"}))
        yield Sample(name="probe_failed_due_to_cel", value=float(reason == "cel"))
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

    def _verdict(self, facts: Facts) -> tuple[str, str]:
        """Reason and detail."""
        fetched, response = facts.fetched, facts.fetched.response
        if fetched.reached.fault is not None:
            return fetched.reached.fault.reason, fetched.reached.fault.detail
        if response is None:
            raise ValueError("a round has neither a fault nor a response")
        head = self._expectation.unmet_by_head(response)
        way = self._expectation.unmet_by_way(response, secure=fetched.url.secure, seconds=fetched.reached.seconds)
        return next(filter(None, chain(head, [facts.mismatch], way)), ("ok", ""))


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
    yield Sample(name="probe_http_status_code", value=status)
    yield Sample(name="probe_http_version", value=version)
    yield Sample(name="probe_http_content_length", value=length)
    yield Sample(name="probe_http_uncompressed_body_length", value=decoded)
    if response is not None and (modified := response.header("last-modified")):
        try:
            moment = parsedate_to_datetime(modified)
            seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            return
        yield Sample(name="probe_http_last_modified_timestamp_seconds", value=seconds)
