"""Requests of forwarders over HTTP, and what their answers mean for the records in them."""

import json
from collections.abc import Mapping
from importlib.metadata import version
from math import inf
from types import MappingProxyType
from typing import TypeAlias
from urllib.parse import parse_qsl, quote, urlsplit

from slo.config.forwarding import PostingConfig
from slo.config.request import Authorization, request_headers
from slo.config.secret import Secret
from slo.core.delivery import Ambiguous, Refused, Retry
from slo.core.telemetry import TOO_LARGE
from slo.errors import Fault
from slo.net.context import Context
from slo.net.fetch import fetch
from slo.net.http1 import Response
from slo.net.request import Request
from slo.net.retry_after import retry_after_seconds
from slo.net.url import URL

DETAIL_LIMIT = 500
"""How much of what the other side said is kept, in characters."""

MALFORMED = "response_malformed"
"""The reason where what answers is not whom we send to, whatever its status says."""

MOST_ANSWERED = 20_000_000
"""How much of an answer is read, in bytes: one of a bulk says something of each record."""

_REASONS = {401: "auth_refused", 403: "auth_refused", 408: "request_timeout", 413: TOO_LARGE, 429: "rate_limited"}
_LATER = frozenset({401, 403, 404, 408, 425, 429})
"""What is wrong with us, the address or the moment, and not with the records."""

SHORTEST_SECRET = 6
"""A value of the query of an address is taken for a secret from so many characters on."""

NO_HEADERS: Mapping[str, str] = MappingProxyType({})

_WAITS = ("retry-after", "x-ratelimit-reset")
"""The headers that say when to come again; the second is Datadog's.
Source: https://docs.datadoghq.com/api/latest/rate-limits/
"""

_BEFORE_SENT = ("resolver_", "dns_", "connect_", "tls_", "network_", "no_", "not_permitted")
"""How the reasons begin of what ended before anything was sent."""


Failed: TypeAlias = Retry | Ambiguous | Refused
"""What becomes of a request that was not taken: for all that was sent."""


class Posting:
    """Posts to one server. What it is asked to hide never shows in what it says.

    `authorization` are credentials that the server has and others have not.
    """

    def __init__(self, config: PostingConfig, context: Context, *, authorization: Authorization | None = None) -> None:
        self.timeout_seconds = config.timeout.total_seconds()
        self._context = context
        self._config = config
        own = request_headers(config.headers, config.basic_auth, config.bearer_token)
        self._headers = {"User-Agent": f"Watchkeep/{version('watchkeep')}", **own}
        self._url = URL.parse(config.url)
        self._secrets = _secrets_of(config, authorization)
        if authorization is not None:
            self._headers["Authorization"] = authorization.header
        if self._url.secure:
            context.tls.get(config.tls, alpn=self.request("POST").alpn)  # now: its files are there, or not

    @property
    def shown(self) -> str:
        """Where to, for people."""
        return self._url.shown

    def request(
        self, method: str, path: str = "", *, headers: Mapping[str, str] = NO_HEADERS, body: bytes = b""
    ) -> Request:
        """A request for what is at `path` below the address."""
        url = URL.parse(self._config.url.rstrip("/") + path) if path else self._url
        return Request(
            url=url,
            method=method,
            headers={**self._headers, **headers},
            body=body,
            tls=self._config.tls,
            follow_redirects=False,
            max_body=MOST_ANSWERED,
            keep_body=True,
        )

    async def fetch(self, request: Request, deadline: float = inf) -> Response | Retry | Ambiguous:
        """The answer to a request, whatever it says, in the time that one may take, before `deadline`."""
        latest = self._context.clock.monotonic() + self.timeout_seconds
        fetched = await fetch(request, self._context, min(latest, deadline))
        fault, response = fetched.reached.fault, fetched.response
        if fault is None and response is not None:
            return response
        reason, detail = (fault.reason, fault.detail) if fault else ("response_closed", "")
        verdict = Retry if reason.startswith(_BEFORE_SENT) else Ambiguous
        return verdict(reason=reason, detail=self.hidden(detail))

    async def ask(self, request: Request) -> Response | Failed:
        """The answer to a request that is a success."""
        answer = await self.fetch(request)
        return (self.failed(answer) or answer) if isinstance(answer, Response) else answer

    async def read(self, request: Request, deadline: float) -> Response:
        """What is there at the other side, before `deadline`. Raises Fault where it does not say that."""
        return self.checked(await self.fetch(request, deadline))

    def checked(self, answer: Response | Retry | Ambiguous) -> Response:
        """The answer to a question about what is there. Raises Fault where it is none."""
        failed = self.failed(answer) if isinstance(answer, Response) else answer
        if failed is not None or not isinstance(answer, Response):
            raise Fault("canary_unread", detail=f"{failed.reason}: {failed.detail}" if failed else "no response")
        return answer

    def failed(self, response: Response) -> Failed | None:
        """What an answer means that is no success. None where it is one.

        What a server or a proxy says with 5xx may have been done all the same. A page is none of theirs to whom we
        send, whatever its status: a portal, or a proxy that wants a login, stands between us.
        """
        status = response.status
        if 200 <= status < 300:
            if response.body.lstrip()[:1] == b"<":
                return Retry(reason=MALFORMED, detail=f"HTTP {status} with a page: {self._said(response)}")
            return None
        reason = _reason(status)
        detail = f"HTTP {status}: {self._said(response)}"
        if status >= 500:
            return Ambiguous(reason=reason, after_seconds=self.after_seconds(response), detail=detail)
        if status in _LATER or status < 400:
            return Retry(reason=reason, after_seconds=self.after_seconds(response), detail=detail)
        return Refused(reason=reason, detail=detail)

    def _said(self, response: Response) -> str:
        return self.hidden(response.body.decode(errors="replace"))[:DETAIL_LIMIT]

    def hidden(self, text: str) -> str:
        """A text of the other side, which may say our own secrets back to us."""
        for secret in self._secrets:
            text = secret.hidden_in(text)
        return text

    def after_seconds(self, response: Response) -> float | None:
        """When to come again, where the other side says so."""
        after = next(filter(None, map(response.header, _WAITS)), None)
        return retry_after_seconds(after, self._context.clock.now())


def _reason(status: int) -> str:
    if status >= 500:
        return "server_error"
    return _REASONS.get(status, "rejected" if status >= 400 else "redirected")


def _secrets_of(config: PostingConfig, authorization: Authorization | None) -> list[Secret]:
    """What is secret in a request, as it is written there, and as it is quoted where it is said back."""
    secrets = list(config.headers.values())
    secrets += [Secret(value) for _, value in parse_qsl(urlsplit(config.url).query) if len(value) >= SHORTEST_SECRET]
    if config.bearer_token is not None:
        secrets.append(config.bearer_token)
    if config.basic_auth is not None:
        _, _, encoded = config.basic_auth.header.partition(" ")
        secrets += [config.basic_auth.password, Secret(encoded)]
    if authorization is not None:
        secrets.append(authorization.credentials)
    plain = [secret.reveal() for secret in secrets]
    forms = {form for text in plain for form in (text, json.dumps(text)[1:-1], repr(text)[1:-1], quote(text, safe=""))}
    return [Secret(form) for form in sorted(forms, key=len, reverse=True)]
