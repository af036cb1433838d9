"""Proxies: which URL goes through which one, and the tunnels that they make for https.

Tunnels: https://www.rfc-editor.org/rfc/rfc9110#section-9.3.6. What goes around a proxy is written as in the NO_PROXY of
Go's net/http, which the tools of Prometheus follow.
"""

import contextlib
import ipaddress
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import unquote, urlsplit

from slo.config.proxy import ProxySettings
from slo.config.request import basic
from slo.errors import Fault
from slo.net.attempt import Endpoint
from slo.net.connection import Connection
from slo.net.http1 import Exchange
from slo.net.relay import Relay
from slo.net.resolve import IPProtocol
from slo.net.url import URL

HeaderLines: TypeAlias = tuple[tuple[str, str], ...]

_SUCCEEDED = range(200, 300)


@dataclass(frozen=True, kw_only=True, slots=True)
class Proxy:
    """One proxy. `authorization` is who we are to it, `connect_headers` are for its tunnels; both may be secret."""

    host: str
    port: int
    authorization: str = field(default="", repr=False)
    connect_headers: HeaderLines = field(default=(), repr=False)
    resolves: bool = True

    def endpoint(self, prefer: IPProtocol, *, fallback: bool) -> Endpoint:
        """Where the proxy is connected to."""
        return Endpoint(host=self.host, port=self.port, prefer=prefer, fallback=fallback, scheme="http")

    @property
    def headers(self) -> HeaderLines:
        """What every request to the proxy has in it."""
        return (("Proxy-Authorization", self.authorization),) if self.authorization else ()


@dataclass(frozen=True, kw_only=True)
class Proxies:
    """The proxies of http and https, by scheme, and what is asked without them."""

    by_scheme: Mapping[str, Proxy]
    around: "Around | None" = None

    @classmethod
    def of(cls, settings: ProxySettings, environment: Mapping[str, str] | None = None) -> "Proxies":
        """The proxies that are configured; `environment` stands for that of the process.

        Raises ValueError where it is taken and names a proxy that cannot be used.
        """
        lines = tuple((name, value.reveal()) for name, values in settings.connect_headers.items() for value in values)
        if settings.url is not None:
            parts = urlsplit(settings.url)
            authorization = settings.basic_auth.header if settings.basic_auth else ""
            proxy = Proxy(
                host=parts.hostname or "",
                port=parts.port or 80,
                authorization=authorization,
                connect_headers=lines,
                resolves=settings.resolves,
            )
            around = Around(settings.except_) if settings.except_ else None
            return cls(by_scheme={"http": proxy, "https": proxy}, around=around)
        given = os.environ if environment is None else environment
        found = {
            scheme: _from_environment(name, value, lines, resolves=settings.resolves)
            for scheme in ("http", "https")
            for name in (f"{scheme}_proxy".upper(), f"{scheme}_proxy")
            if (value := given.get(name))
        }
        exceptions = given.get("NO_PROXY") or given.get("no_proxy") or ""
        return cls(by_scheme=found, around=Around(exceptions.split(",")))

    def of_url(self, url: URL) -> Proxy | None:
        """The proxy that a URL is asked through, if any."""
        if self.around is not None and self.around.takes(url.host, url.port):
            return None
        return self.by_scheme.get(url.scheme)


def _from_environment(name: str, value: str, lines: HeaderLines, *, resolves: bool) -> Proxy:
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        host, port = parts.hostname, parts.port or 80
    except ValueError:
        raise ValueError(f"{name} in the environment is no URL") from None
    if not host or parts.scheme != "http":
        raise ValueError(f"{name} in the environment is no proxy as http://proxy.example:3128")
    named = parts.username is not None
    authorization = basic(unquote(parts.username or ""), unquote(parts.password or "")) if named else ""
    return Proxy(host=host, port=port, authorization=authorization, connect_headers=lines, resolves=resolves)


class Around:
    """What is asked without a proxy, beside the machine itself."""

    def __init__(self, exceptions: Iterable[str]) -> None:
        self._exceptions = [text for each in exceptions if (text := each.strip().lower())]

    def takes(self, host: str, port: int) -> bool:
        """Whether a host is asked without the proxy."""
        host = host.lower().rstrip(".")
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            address = None
        if host == "localhost" or (address is not None and address.is_loopback):
            return True
        return any(_matches(text, host, port, address) for text in self._exceptions)


def _matches(text: str, host: str, port: int, address: ipaddress.IPv4Address | ipaddress.IPv6Address | None) -> bool:
    if text == "*":
        return True
    with contextlib.suppress(ValueError):  # a name, or something with a port
        network = ipaddress.ip_network(text, strict=False)
        return address is not None and address in network
    name, colon, digits = text.rpartition(":")
    if colon and digits.isdecimal():
        if int(digits) != port:
            return False
        text = name.removeprefix("[").removesuffix("]")
    if address is not None:
        return text == host
    text = text.removeprefix("*")
    return host.endswith(text) if text.startswith(".") else host == text or host.endswith("." + text)


async def open_tunnel(connection: Connection, relay: Relay, proxy: Proxy, authority: str) -> None:
    """Have a proxy connect us to HOST:PORT; `relay` is told what arrives on the connection. Raises Fault."""
    lines: Sequence[str] = [
        f"CONNECT {authority} HTTP/1.1",
        f"Host: {authority}",
        *(f"{name}: {value}" for name, value in (*proxy.headers, *proxy.connect_headers)),
    ]
    exchange = Exchange(head=True, max_body=0, keep_body=False, on_head=lambda *_: False)
    relay.lead(exchange)
    connection.write("\r\n".join([*lines, "", ""]).encode())
    where = f"the proxy {proxy.host} port {proxy.port}"
    try:
        await exchange.wait()
    except Fault as fault:
        raise Fault("proxy", detail=f"{where} gave no answer: {fault.reason}") from None
    answer = exchange.response
    if answer is None or answer.status not in _SUCCEEDED:
        raise Fault("proxy", detail=f"{where} answered {answer.status if answer else 'nothing'}")
