"""What the configurations of HTTP requests have in common: where to, by which way, and with which credentials."""

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field, model_validator

from slo.config.oauth2 import OAuth2Settings
from slo.config.proxy import ProxySettings
from slo.config.request import Authorization, BasicAuth, HeaderName, HeaderValues, refuse_credentials
from slo.config.tls import TLSSettings
from slo.config.types import HTTPURL, Secret, Size, wrong
from slo.net.context import Context
from slo.net.decoding import Compression
from slo.net.fetch import Tokens
from slo.net.oauth2 import TokenSource
from slo.net.proxy import Proxies
from slo.net.request import HTTP_1, Request
from slo.net.target import TargetConfig
from slo.net.url import URL


class RequestConfig(TargetConfig):
    """One request to one URL."""

    target_key: ClassVar[str] = "url"

    url: HTTPURL
    """What to ask for."""

    headers: dict[HeaderName, HeaderValues] = Field(default={})
    """Headers of the request, each with a value or a list of them. They are kept secret, and not sent to another host
    after a redirect. `Host` is also the name that a certificate must be for."""

    basic_auth: BasicAuth | None = None
    """A user and password to send."""

    authorization: Authorization | None = None
    """Credentials of another type to send."""

    bearer_token: Secret | None = None
    """A token to send as `Authorization: Bearer`."""

    oauth2: OAuth2Settings | None = None
    """Where to fetch an access token, which is sent as `Authorization: Bearer`."""

    follow_redirects: bool = True
    """Follow up to ten redirects; else the first response is looked at."""

    max_body: Size = 1_000_000
    """The largest body that is good, decoded or not."""

    compression: Compression = "auto"
    """How the body is decoded: as its header Content-Encoding says, or as gzip, deflate, br or identity whatever that
    says. What the server may choose from is said by a header Accept-Encoding."""

    tls: TLSSettings = TLSSettings()
    """How a server over TLS is verified."""

    proxy: ProxySettings | None = None
    """The proxy to go through."""

    @model_validator(mode="after")
    def _usable(self) -> "RequestConfig":
        refuse_credentials(self.headers, self.basic_auth, self.bearer_token, self.authorization, self.oauth2)
        for way in (self.proxy, self.oauth2.proxy if self.oauth2 else None):
            try:
                if way is not None:
                    Proxies.of(way)
            except ValueError as error:
                raise wrong(str(error), "mend it there, or write url under proxy") from None
        return self

    def request(
        self,
        *,
        method: str = "GET",
        headers: Mapping[str, str],
        body: bytes = b"",
        keep_body: bool,
        alpn: tuple[str, ...] = (HTTP_1,),
    ) -> Request:
        """The request as it is configured. Its own headers replace `headers`; `alpn` is offered over TLS."""
        sent: dict[str, str | tuple[str, ...]] = dict(headers)
        sent |= {name: tuple(value.reveal() for value in values) for name, values in self.headers.items()}
        if self.basic_auth:
            sent["Authorization"] = self.basic_auth.header
        if self.authorization:
            sent["Authorization"] = self.authorization.header
        if self.bearer_token:
            sent["Authorization"] = f"Bearer {self.bearer_token.reveal()}"
        return Request(
            url=URL.parse(self.url),
            method=method,
            headers=sent,
            body=body,
            tls=self.tls,
            proxies=Proxies.of(self.proxy) if self.proxy else None,
            prefer=self.ip_protocol,
            fallback=self.ip_protocol_fallback,
            follow_redirects=self.follow_redirects,
            max_body=self.max_body,
            keep_body=keep_body,
            compression=self.compression,
            alpn=alpn,
        )

    def tokens(self, context: Context) -> Tokens | None:
        """Where access tokens come from, if any are to be sent."""
        return TokenSource(self.oauth2, context) if self.oauth2 else None
