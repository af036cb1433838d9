"""What the HTTP clients of all Prometheus tools have in common: credentials, tokens and proxies.

Format: `HTTPClientConfig`, https://github.com/prometheus/common/blob/main/config/http_config.go.
"""

from urllib.parse import unquote, urlsplit, urlunsplit

from pydantic import Field, model_validator

from slo.config.request import HeaderValue, HeaderValues, basic
from slo.config.types import HTTPURL, Secret, wrong
from slo.interop.blackbox.section import BlackboxSection, TLSOptions


class BasicAuthOptions(BlackboxSection):
    """`basic_auth`."""

    username: Secret | None = None
    password: Secret | None = None

    @property
    def header(self) -> str:
        """The header Authorization."""
        user, password = (part.reveal() if part else "" for part in (self.username, self.password))
        return basic(user, password)


class AuthorizationOptions(BlackboxSection):
    """`authorization`."""

    type: str = "Bearer"
    credentials: HeaderValue | None = None

    @property
    def keys(self) -> dict[str, object] | None:
        """The same as keys of ours; None where there are no credentials to send."""
        return {"type": self.type.strip(), "credentials": self.credentials} if self.credentials else None

    @property
    def header(self) -> str:
        """The header Authorization, empty where there are no credentials to send."""
        return f"{self.type.strip()} {self.credentials.reveal()}" if self.credentials else ""


class HeaderSources(BlackboxSection):
    """One of `http_headers`: its values, from wherever they come."""

    values: tuple[HeaderValue, ...] = ()
    secrets: tuple[HeaderValue, ...] = ()

    @property
    def all(self) -> tuple[Secret, ...]:
        """Every value."""
        return (*self.values, *self.secrets)


class ProxyOptions(BlackboxSection):
    """How to go through a proxy; these keys stand among others."""

    proxy_url: str = ""
    no_proxy: str = ""
    proxy_from_environment: bool = False
    proxy_connect_header: dict[str, HeaderValues] = Field(default={})

    @model_validator(mode="after")
    def _one_proxy(self) -> "ProxyOptions":
        if self.proxy_from_environment and (self.proxy_url or self.no_proxy):
            raise wrong("names a proxy beside proxy_from_environment", "keep one of them")
        if not self.proxy_url and not self.proxy_from_environment and (self.no_proxy or self.proxy_connect_header):
            raise wrong("says how to use a proxy and names none", "add proxy_url, or proxy_from_environment")
        if self.proxy_url and urlsplit(self.proxy_url).scheme != "http":
            raise wrong("has a proxy_url that is not http, and no other proxies are spoken", "write http://HOST:PORT")
        return self

    def proxy_keys(self, *, resolves: bool) -> dict[str, object] | None:
        """The same as keys of ours, None without a proxy. `resolves` leaves the target's name to the proxy."""
        headers = {"connect_headers": self.proxy_connect_header, "resolves": resolves}
        if self.proxy_from_environment:
            return {"from_environment": True, **headers}
        if not self.proxy_url:
            return None
        parts = urlsplit(self.proxy_url)
        url = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
        keys: dict[str, object] = {"url": url, **headers}
        if self.no_proxy:
            keys["except"] = tuple(self.no_proxy.split(","))
        if parts.username is not None:
            user, password = unquote(parts.username), unquote(parts.password or "")
            keys["basic_auth"] = {"username": Secret(user), "password": Secret(password)}
        return keys


class OAuth2Options(ProxyOptions):
    """`oauth2`."""

    client_id: str = Field(min_length=1)
    client_secret: Secret | None = None
    scopes: tuple[str, ...] = ()
    token_url: HTTPURL
    endpoint_params: dict[str, HeaderValue] = Field(default={})
    tls_config: TLSOptions = TLSOptions()

    @property
    def keys(self) -> dict[str, object]:
        """The same as keys of ours."""
        same = ("client_id", "client_secret", "scopes", "token_url", "endpoint_params")
        own = {"tls": self.tls_config, "proxy": self.proxy_keys(resolves=True)}
        return {**{key: getattr(self, key) for key in same}, **own}
