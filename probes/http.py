"""The kind `http`: one request over HTTP/1.1, redirects followed, and what the answer must be."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import partial
from itertools import chain
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, JsonValue, WithJsonSchema, field_validator, model_validator

from slo.config.types import Pattern, PositiveDuration, Secret, Section, wrong
from slo.core.outcome import Finding, Judgement
from slo.core.sample import Sample
from slo.errors import Fault
from slo.net.attempt import Reached
from slo.net.context import Context
from slo.net.fetch import Fetched, Request, fetch
from slo.net.findings import connection_findings, response_findings
from slo.net.http1 import Response
from slo.net.json_body import JSONExpectation
from slo.net.request_config import RequestConfig
from slo.net.samples import connection_samples
from slo.net.url import URL

AT_ONCE_BYTES = 65_536
"""Bodies that are larger are looked at in a thread, so that no other target is late."""

_FOLLOWED = frozenset({"301", "302", "303", "307", "308"})


def _status(value: object) -> object:
    """A status code or a class of them, as text."""
    text = str(value) if type(value) in {int, str} else ""
    if len(text) == 3 and text.isascii() and text[0] in "12345" and (text[1:] == "xx" or text[1:].isdecimal()):
        return text
    raise wrong(f"{value!r} is no status code", "write codes as 200, and classes as 2xx")


StatusCodes = Annotated[
    str,
    BeforeValidator(_status),
    WithJsonSchema(
        {"anyOf": [{"type": "integer", "minimum": 100, "maximum": 599}, {"type": "string", "pattern": "^[1-5]xx$"}]}
    ),
]
"""A status code, `200`, or all codes of a class, `2xx`."""


def _version(value: object) -> object:
    return str(value) if isinstance(value, float) else value  # YAML reads 1.1 as a number


HTTPVersion = Annotated[
    Literal["1.0", "1.1"], BeforeValidator(_version), WithJsonSchema({"enum": ["1.0", "1.1", 1.0, 1.1]})
]


class Expect(Section):
    """What a response must be to be good."""

    status: tuple[StatusCodes, ...] = Field(default=("2xx",), min_length=1)
    """The status codes that are good, and classes of them as 2xx."""

    http_version: tuple[HTTPVersion, ...] = ()
    """The versions of HTTP that are good; any where none is named."""

    headers: dict[str, Pattern] = Field(default={})
    """For each of these headers an expression that its value must match somewhere."""

    body: Pattern | None = None
    """An expression that the body must match somewhere."""

    body_not: Pattern | None = None
    """An expression that the body must not match anywhere."""

    json_: dict[str, JsonValue] = Field(default={}, alias="json")
    """For each of these JSONPaths the value that it must lead to."""

    latency: PositiveDuration | None = None
    """An answer that takes longer, all phases together, is bad however right it is."""

    @field_validator("json_")
    @classmethod
    def _paths(cls, value: dict[str, JsonValue]) -> dict[str, JsonValue]:
        for path in value:
            try:
                JSONExpectation({path: None})
            except ValueError as error:
                raise wrong(f"{path!r} is no JSONPath: {error}", "write it as $.status, see RFC 9535") from None
        return value

    @property
    def reads_body(self) -> bool:
        """Whether the body has to be kept to be looked at."""
        return bool(self.body or self.body_not or self.json_)


class Config(RequestConfig):
    """One request to one URL."""

    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] = "GET"
    """The method of the request."""

    body: Secret | None = None
    """The body of the request. It is kept secret."""

    expect: Expect = Expect()
    """What the response must be."""

    @model_validator(mode="after")
    def _agrees(self) -> "Config":
        if self.follow_redirects and _FOLLOWED.issuperset(self.expect.status):
            raise wrong("expects a redirect and follows it", "add follow_redirects: false")
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
        self._expect = config.expect
        self._json = JSONExpectation(config.expect.json_) if config.expect.json_ else None
        self._request = Request(
            url=URL.parse(config.url),
            method=config.method,
            headers=config.request_headers,
            body=config.body.reveal().encode() if config.body else b"",
            tls=config.tls,
            prefer=config.ip_protocol,
            fallback=config.ip_protocol_fallback,
            follow_redirects=config.follow_redirects,
            max_body=config.max_body,
            keep_body=config.expect.reads_body,
        )
        if self._request.url.secure:
            context.tls.get(config.tls, alpn=self._request.endpoint.alpn)  # now, not within the first round

    async def observe(self, deadline: float) -> Facts:
        """The response, or whatever came instead of it."""
        fetched = await fetch(self._request, self._context, deadline)
        response = fetched.response
        if response is None or fetched.reached.fault is not None or not self._request.keep_body:
            return Facts(fetched=fetched)
        look = partial(next, self._unmet_by_body(response.body), None)
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
        for phase, seconds in reached.phases.items():
            yield Sample(name="probe_http_duration_seconds", value=seconds, labels={"phase": phase})
        yield Sample(name="probe_http_redirects", value=fetched.redirects)
        yield Sample(name="probe_http_ssl", value=float(reached.handshake is not None))
        if fetched.response is not None:
            yield from _response_samples(fetched.response)
            by_expression = self._verdict(facts)[0] in {"body", "header"}
            yield Sample(name="probe_failed_due_to_regex", value=float(by_expression))

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
        fault, response = facts.fetched.reached.fault, facts.fetched.response
        if fault is not None:
            return fault.reason, fault.detail
        if response is None:
            raise ValueError("a round has neither a fault nor a response")
        slow = self._unmet_by_time(facts.fetched.reached.seconds)
        return next(filter(None, chain(self._unmet_by_head(response), [facts.mismatch], slow)), ("ok", ""))

    def _unmet_by_head(self, response: Response) -> Iterator[tuple[str, str]]:
        """What the head of the response is not as expected in: reason and detail, the most telling first."""
        expect = self._expect
        code = str(response.status)
        if code not in expect.status and f"{code[0]}xx" not in expect.status:
            yield "status", f"{code}, not {' or '.join(expect.status)}"
        if expect.http_version and response.version not in expect.http_version:
            yield "http_version", f"{response.version}, not {' or '.join(expect.http_version)}"
        for name, pattern in expect.headers.items():
            value = response.header(name)
            if value is None:
                yield "header", f"there is no {name}"
            elif not pattern.search(value.encode()):
                yield "header", f"{name} does not match {pattern.text!r}"

    def _unmet_by_body(self, body: bytes) -> Iterator[tuple[str, str]]:
        expect = self._expect
        if expect.body and not expect.body.search(body):
            yield "body", f"it does not match {expect.body.text!r}"
        if expect.body_not and expect.body_not.search(body):
            yield "body", f"it matches {expect.body_not.text!r}"
        if self._json and (mismatch := self._json.mismatch(body)):
            yield "json", mismatch

    def _unmet_by_time(self, seconds: float) -> Iterator[tuple[str, str]]:
        expect = self._expect
        if expect.latency and seconds > expect.latency.total_seconds():
            yield "latency", f"{seconds:.3f} s, more than {expect.latency.total_seconds():g} s"


def build(config: Config, context: Context) -> HTTPProbe:
    """The probe of a configuration."""
    return HTTPProbe(config, context)


def _response_samples(response: Response) -> Iterator[Sample]:
    length = -1 if response.content_length is None else response.content_length
    yield Sample(name="probe_http_status_code", value=response.status)
    yield Sample(name="probe_http_version", value=float(response.version))
    yield Sample(name="probe_http_content_length", value=length)
    yield Sample(name="probe_http_uncompressed_body_length", value=response.decoded_bytes)
    if modified := response.header("last-modified"):
        try:
            seconds = parsedate_to_datetime(modified).timestamp()
        except (ValueError, OverflowError):
            return
        yield Sample(name="probe_http_last_modified_timestamp_seconds", value=seconds)
