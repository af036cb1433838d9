"""A request over HTTP: what is asked for, of whom, and how much of the answer is taken."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from slo.config.tls import TLSSettings
from slo.errors import Fault
from slo.net.attempt import Endpoint
from slo.net.decoding import Compression
from slo.net.proxy import HeaderLines, Proxies, Proxy
from slo.net.resolve import IPProtocol
from slo.net.url import URL

HTTP_1 = "http/1.1"
HTTP_2 = "h2"
"""The versions of HTTP, as TLS calls them."""

_SAME_METHOD = frozenset({307, 308})
_FOR_ANYONE = frozenset({"accept", "accept-encoding", "accept-language", "content-type", "user-agent"})
"""The headers that go along to another origin: the others may be credentials."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What to ask for, and how much of the answer to take.

    At most `max_body` bytes of a body are read (more is a fault), decoded as `compression` says, and kept only with
    `keep_body`. A header with several values is sent on several lines; `cookies` are added to those in the headers.
    Headers, cookies and body may hold secrets and are not shown. `alpn` are the versions of HTTP to offer over TLS.
    With `confines_body` no redirect takes the body to another origin.
    """

    url: URL
    method: str = "GET"
    headers: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict, repr=False)
    cookies: str = field(default="", repr=False)
    body: bytes = field(default=b"", repr=False)
    confines_body: bool = False
    tls: TLSSettings = field(default_factory=TLSSettings)
    alpn: tuple[str, ...] = (HTTP_1,)
    proxies: Proxies | None = field(default=None, repr=False)
    prefer: IPProtocol = "ip6"
    fallback: bool = True
    follow_redirects: bool = True
    max_body: int = 1_000_000
    keep_body: bool = False
    compression: Compression = "auto"
    # Made once, and in slots: `cached_property` gives each of thousands of requests a dictionary of 0.8 KB.
    _endpoint: Endpoint | None = field(default=None, init=False, repr=False, compare=False)
    _encoded: bytes = field(default=b"", init=False, repr=False, compare=False)

    @property
    def endpoint(self) -> Endpoint:
        """Where to connect to. A host that is named in the headers is the one that the certificate must be for."""
        endpoint = self._endpoint
        if endpoint is None:
            endpoint = self._made_endpoint()
            object.__setattr__(self, "_endpoint", endpoint)
        return endpoint

    def _made_endpoint(self) -> Endpoint:
        tls = self.tls if self.url.secure else None
        if tls is not None and tls.server_name is None and (named := self._header("host")):
            tls = tls.model_copy(update={"server_name": _without_port(named)})
        return Endpoint(
            host=self.url.host,
            port=self.url.port,
            prefer=self.prefer,
            fallback=self.fallback,
            tls=tls,
            alpn=self.alpn,
            scheme=self.url.scheme,
        )

    @property
    def proxy(self) -> Proxy | None:
        """The proxy that it goes through, if any."""
        return self.proxies.of_url(self.url) if self.proxies is not None else None

    @property
    def encoded(self) -> bytes:
        """The request over HTTP/1.1 as it is sent to the server itself."""
        if not self._encoded:
            object.__setattr__(self, "_encoded", self.encode(self.url.resource))
        return self._encoded

    def encode(self, resource: str, more: HeaderLines = ()) -> bytes:
        """The request over HTTP/1.1. Ours come first; a header of the same name replaces them; `more` come last."""
        lines = [f"{self.method} {resource} HTTP/1.1", *(f"{name}: {value}" for name, value in (*self.lines, *more))]
        return "\r\n".join([*lines, "", ""]).encode() + self.body

    @property
    def lines(self) -> HeaderLines:
        """The headers, line by line."""
        headers: dict[str, tuple[str, str | tuple[str, ...]]] = {
            "host": ("Host", self.url.authority),
            "user-agent": ("User-Agent", "Watchkeep"),
            "accept": ("Accept", "*/*"),
            "connection": ("Connection", "close"),
        }
        if self.body or self.method in {"POST", "PUT", "PATCH"}:
            headers["content-length"] = ("Content-Length", str(len(self.body)))
        headers |= {name.lower(): (name, value) for name, value in self.headers.items()}
        if self.cookies:
            headers["cookie"] = ("Cookie", "; ".join(filter(None, (self._header("cookie"), self.cookies))))
        return tuple(
            (name, value)
            for name, values in headers.values()
            for value in (values if isinstance(values, tuple) else (values,))
        )

    def with_header(self, name: str, value: str) -> "Request":
        """The request with one more header, or another value of it."""
        kept = {each: values for each, values in self.headers.items() if each.lower() != name.lower()}
        return replace(self, headers={**kept, name: value})

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
            if body and self.confines_body:
                raise Fault("redirect_invalid", detail="another origin is to get the body")
            headers = {name: value for name, value in headers.items() if name.lower() in _FOR_ANYONE}
            tls = tls if url.host == self.url.host else tls.elsewhere()
        return replace(self, url=url, method=method, headers=headers, body=body, tls=tls)

    def _header(self, name: str) -> str:
        """The value of a header of ours, empty without it."""
        value = next((value for each, value in self.headers.items() if each.lower() == name), "")
        return value if isinstance(value, str) else value[0]


def _without_port(authority: str) -> str:
    """The host of HOST or HOST:PORT; an address of IPv6 stands in brackets."""
    if authority.startswith("["):
        return authority[1:].partition("]")[0]
    return authority.partition(":")[0]
