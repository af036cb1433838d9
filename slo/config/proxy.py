"""The keys of a proxy: where it is, what goes around it, and what it is told."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from slo.config.request import BasicAuth, HeaderName, HeaderValues
from slo.config.types import HTTPURL, Section, wrong


def _proxy_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme != "http":
        raise wrong("is a proxy over TLS, which is not spoken", "write a proxy as http://proxy.example:3128")
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise wrong("has more than a host and a port", "write a proxy as http://proxy.example:3128")
    return value


ProxyURL = Annotated[HTTPURL, AfterValidator(_proxy_url)]
"""The address of a proxy that is asked over HTTP/1.1."""


class ProxySettings(Section):
    """How requests go through an HTTP proxy: http in absolute form, https through CONNECT."""

    url: ProxyURL | None = None
    """The proxy, without credentials."""

    from_environment: bool = False
    """Take the proxy from HTTP_PROXY and HTTPS_PROXY, and what goes around it from NO_PROXY, in either case."""

    except_: tuple[str, ...] = Field(default=(), alias="except")
    """What is asked without the proxy: names with all below them, `.example.org` for those below alone, addresses,
    networks, each with a port or without, and `*` for everything. The machine itself is then asked without it, too."""

    basic_auth: BasicAuth | None = None
    """Who we are to the proxy."""

    connect_headers: dict[HeaderName, HeaderValues] = Field(default={})
    """Headers of CONNECT. They are kept secret."""

    resolves: bool = True
    """Leave the target's name to the proxy. Otherwise it is resolved here first, and tunnels lead to the address."""

    @model_validator(mode="after")
    def _agrees(self) -> "ProxySettings":
        if (self.url is None) is not self.from_environment:
            raise wrong("names no proxy, or two", "give url, or from_environment: true")
        if self.from_environment and self.except_:
            raise wrong("has exceptions beside those of the environment", "set NO_PROXY, or write url")
        return self
