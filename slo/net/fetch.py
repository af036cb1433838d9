"""A request and what it led to: each hop on a fresh connection, redirects followed, one deadline for all of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from slo.config.tls import TLSSettings
from slo.errors import Fault
from slo.net.attempt import Attempt, Endpoint, Reached
from slo.net.context import Context
from slo.net.http1 import Exchange, Response
from slo.net.resolve import IPProtocol
from slo.net.url import URL

MAX_REDIRECTS = 10

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SAME_METHOD = frozenset({307, 308})
_FOR_ANYONE = frozenset({"accept", "accept-encoding", "accept-language", "content-type", "user-agent"})
"""The headers that go along to another origin: the others may be credentials."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What to ask for, and how much of the answer to take.

    At most `max_body` bytes of a body are read (more is a fault), and kept only with `keep_body`. `headers` and
    `body` may hold secrets and are not shown.
    """

    url: URL
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    tls: TLSSettings = field(default_factory=TLSSettings)
    prefer: IPProtocol = "ip6"
    fallback: bool = True
    follow_redirects: bool = True
    max_body: int = 1_000_000
    keep_body: bool = False

    @cached_property
    def endpoint(self) -> Endpoint:
        """Where to connect to."""
        return Endpoint(
            host=self.url.host,
            port=self.url.port,
            prefer=self.prefer,
            fallback=self.fallback,
            tls=self.tls if self.url.secure else None,
            alpn=("http/1.1",),
            scheme=self.url.scheme,
        )

    @cached_property
    def encoded(self) -> bytes:
        """The request as it is sent. Ours come first; a header of the same name replaces them."""
        headers = {"host": ("Host", self.url.authority), "user-agent": ("User-Agent", "Watchkeep")}
        headers |= {"accept": ("Accept", "*/*"), "connection": ("Connection", "close")}
        if self.body or self.method in {"POST", "PUT", "PATCH"}:
            headers["content-length"] = ("Content-Length", str(len(self.body)))
        headers |= {name.lower(): (name, value) for name, value in self.headers.items()}
        lines = [
            f"{self.method} {self.url.resource} HTTP/1.1",
            *(f"{name}: {value}" for name, value in headers.values()),
        ]
        return "\r\n".join([*lines, "", ""]).encode() + self.body

    def redirected(self, status: int, location: str) -> "Request":
        """The request that a redirect asks for. Raises Fault where it leads nowhere."""
        try:
            url = self.url.redirected(location)
        except ValueError as error:
            raise Fault("redirect_invalid", detail=str(error)) from None
        headers, tls, method, body = self.headers, self.tls, self.method, self.body
        if status not in _SAME_METHOD and method not in {"GET", "HEAD"}:
            method, body = "GET", b""
            headers = {name: value for name, value in headers.items() if name.lower() != "content-type"}
        if url.origin != self.url.origin:
            headers = {name: value for name, value in headers.items() if name.lower() in _FOR_ANYONE}
            tls = tls if url.host == self.url.host else tls.elsewhere()
        return replace(self, url=url, method=method, headers=headers, body=body, tls=tls)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fetched:
    """What a request led to: how far it got with its last hop, and the response, as much as there was of it.

    The phases are summed over all hops. `url` is where it ended.
    """

    reached: Reached
    url: URL
    redirects: int = 0
    response: Response | None = None


async def fetch(request: Request, context: Context, deadline: float) -> Fetched:
    """Ask, before `deadline` (monotonic seconds). What the other side does wrong is in the result, never raised."""
    attempt = Attempt(context)
    hops = _Hops(request, attempt)
    reached = await attempt.run(hops.go(), deadline)
    return Fetched(reached=reached, url=hops.request.url, redirects=hops.count, response=hops.response)


class _Hops:
    """From one response to the next, until one is no redirect."""

    __slots__ = ("_attempt", "count", "request", "response")

    def __init__(self, request: Request, attempt: Attempt) -> None:
        self._attempt = attempt
        self.request = request
        self.response: Response | None = None
        self.count = 0

    async def go(self) -> None:
        """Every hop. Raises Fault."""
        while (redirect := await self._hop()) is not None:
            if self.count == MAX_REDIRECTS:
                raise Fault(
                    "redirect_loop", detail=f"{MAX_REDIRECTS} redirects, the last from {self.request.url.shown}"
                )
            self.request = self.request.redirected(*redirect)
            self.count += 1

    async def _hop(self) -> tuple[int, str] | None:
        """One request and its response; returns status and Location of a redirect that is to be followed."""
        self.response = None
        request = self.request
        exchange = Exchange(
            head=request.method == "HEAD",
            max_body=request.max_body,
            keep_body=request.keep_body,
            on_head=self._wants_body,
        )
        connection = await self._attempt.connect(exchange, request.endpoint)
        try:
            self._attempt.enter("processing")
            connection.write(request.encoded)
            await exchange.wait()
        except BaseException:
            connection.abort()
            raise
        finally:
            self.response = exchange.response
        connection.close()
        return self._redirect_of(self.response) if self.response else None

    def _wants_body(self, response: Response) -> bool:
        """Called when the head of a response is there: the body of a redirect is nothing to wait for."""
        self._attempt.enter("transfer")
        return self._redirect_of(response) is None

    def _redirect_of(self, response: Response) -> tuple[int, str] | None:
        if response.status not in _REDIRECTS or not self.request.follow_redirects:
            return None
        location = response.header("location")
        return None if location is None else (response.status, location)
