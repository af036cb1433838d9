"""A request and what it led to: each hop on a fresh connection, redirects followed, one deadline for all of it."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from slo.errors import Fault
from slo.net.attempt import Attempt, Reached
from slo.net.connection import Connection
from slo.net.context import Context
from slo.net.http1 import Exchange, Headers, Response, lines_of
from slo.net.proxy import Proxy, open_tunnel
from slo.net.relay import Relay
from slo.net.request import HTTP_2, Request
from slo.net.url import URL

if TYPE_CHECKING:
    from slo.net import http2
    from slo.net.cookies import Cookies

MAX_REDIRECTS = 10

UNAUTHORIZED = 401

_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Tokens(Protocol):
    """Where the header Authorization of a request comes from, when it has to be asked for."""

    async def authorization(self, deadline: float) -> str:
        """The header's value, before `deadline` (monotonic seconds). Raises Fault."""

    def refused(self) -> None:
        """The server did not take what it was given."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fetched:
    """What a request led to: how far it got with its last hop, and the response, as much as there was of it.

    The phases are summed over all hops. `url` is where it ended, and `redirects` are those that were answered, a last
    one that was not followed included.
    """

    reached: Reached
    url: URL
    redirects: int = 0
    response: Response | None = None


async def fetch(
    request: Request,
    context: Context,
    deadline: float,
    *,
    tokens: Tokens | None = None,
    cookies: "Cookies | None" = None,
) -> Fetched:
    """Ask, before `deadline` (monotonic seconds). What the other side does wrong is in the result, never raised.

    `cookies` are sent where they may go, and get those that responses set.
    """
    attempt = Attempt(context)
    if cookies is not None:
        request = replace(request, cookies=cookies.header(request.url))
    hops = _Hops(request, attempt, cookies)
    reached = await attempt.run(hops.go() if tokens is None else hops.go_with(tokens, deadline), deadline)
    if cookies is not None and hops.response is not None:
        cookies.take(hops.request.url, hops.response)
    return Fetched(reached=reached, url=hops.request.url, redirects=hops.count, response=hops.response)


class _Hops:
    """From one response to the next, until one is no redirect."""

    __slots__ = ("_attempt", "_cookies", "count", "request", "response")

    def __init__(self, request: Request, attempt: Attempt, cookies: "Cookies | None") -> None:
        self._attempt = attempt
        self._cookies = cookies
        self.request = request
        self.response: Response | None = None
        self.count = 0

    async def go_with(self, tokens: Tokens, deadline: float) -> None:
        """Every hop, with a token that is fetched where none is at hand. Raises Fault."""
        self._attempt.enter("token")
        self.request = self.request.with_header("Authorization", await tokens.authorization(deadline))
        await self.go()
        if self.response is not None and self.response.status == UNAUTHORIZED:
            tokens.refused()

    async def go(self) -> None:
        """Every hop. Raises Fault."""
        while location := await self._hop():
            self.count += 1
            if not self.request.follow_redirects:
                return
            if self.count > MAX_REDIRECTS:
                raise Fault(
                    "redirect_loop", detail=f"{MAX_REDIRECTS} redirects, the last from {self.request.url.shown}"
                )
            self._follow(location)

    async def _hop(self) -> str:
        """One request and its response; returns where a redirect leads, empty for all other responses."""
        self.response = None
        request = self.request
        if request.proxy is None and (not request.url.secure or HTTP_2 not in request.alpn):
            exchange = self._exchange("")
            connection = await self._attempt.connect(exchange, request.endpoint)
            sent = request.encoded
        else:
            relay = Relay()
            if request.proxy is None:
                connection, sent = await self._attempt.connect(relay, request.endpoint), request.encoded
            else:
                connection, sent = await self._through(request.proxy, relay)
            exchange = self._exchange(connection.protocol)
            relay.lead(exchange)
        try:
            self._attempt.enter("processing")
            if isinstance(exchange, Exchange):
                connection.write(sent)
            else:
                exchange.ask(
                    connection.write,
                    method=request.method,
                    scheme=request.url.scheme,
                    authority=request.url.authority,
                    resource=request.url.resource,
                    headers=request.lines,
                    body=request.body,
                )
            await exchange.wait()
        except BaseException:
            connection.abort()
            raise
        finally:
            self.response = exchange.response
        connection.close()
        return _location(self.response.status, self.response.headers) if self.response else ""

    def _exchange(self, protocol: str) -> "Exchange | http2.Exchange":
        """What receives the response over the protocol that was agreed on; without one it is HTTP/1.1."""
        request, version = self.request, _version(protocol)
        return version(
            head=request.method == "HEAD",
            max_body=request.max_body,
            keep_body=request.keep_body,
            on_head=self._wants_body,
            compression=request.compression,
        )

    async def _through(self, proxy: Proxy, relay: Relay) -> tuple[Connection, bytes]:
        """A connection by way of a proxy, and what is to be sent on it over HTTP/1.1. Raises Fault."""
        request, attempt = self.request, self._attempt
        url = tunnelled = request.url
        if proxy.resolves:
            attempt.permit(request.endpoint)
        else:
            address = (await attempt.find(request.endpoint))[0]
            tunnelled = replace(url, host=str(address))
        attempt.address = None  # the proxy is ours, whoever sent us to its target
        connection = await attempt.connect(relay, proxy.endpoint(request.prefer, fallback=request.fallback))
        if not url.secure:
            return connection, request.encode(f"{url.origin}{url.resource}", proxy.headers)
        try:
            await open_tunnel(connection, relay, proxy, tunnelled.with_port)
            relay.lead(None)  # what the target says is for whoever speaks its protocol
            await attempt.start_tls(connection, request.endpoint)
        except BaseException:
            connection.abort()
            raise
        return connection, request.encoded

    def _follow(self, location: str) -> None:
        """Make the request the one that a redirect asks for, with the cookies that came with it."""
        response, before = self.response, self.request
        if response is None:
            raise ValueError("a redirect is a response")
        self.response = None  # where this leads nowhere, there is no last response
        self.request = before.redirected(response.status, location)
        if self._cookies is None and response.header("set-cookie") is not None:
            from slo.net.cookies import Cookies

            self._cookies = Cookies()
        if self._cookies is not None:
            self._cookies.take(before.url, response)
            self.request = replace(self.request, cookies=self._cookies.header(self.request.url))

    def _wants_body(self, status: int, headers: Headers) -> bool:
        """Called when the head of a response is there: the body of a redirect is nothing to wait for."""
        self._attempt.enter("transfer")
        return not self.request.follow_redirects or not _location(status, headers)


def _location(status: int, headers: Headers) -> str:
    """Where a response that is a redirect leads, by the first such header; empty for all others."""
    if status not in _REDIRECTS:
        return ""
    return next(iter(lines_of(headers, "location")), b"").decode("latin-1")


def _version(protocol: str) -> "type[Exchange | http2.Exchange]":
    if protocol != HTTP_2:
        return Exchange
    from slo.net import http2  # here: most servers that are probed are asked over HTTP/1.1 alone

    return http2.Exchange
