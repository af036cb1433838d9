"""What the configurations of HTTP requests have in common: where to, and with which credentials."""

from typing import ClassVar

from pydantic import Field, model_validator

from slo.config.request import BasicAuth, HeaderName, HeaderValue, refuse_credentials, request_headers
from slo.config.tls import TLSSettings
from slo.config.types import HTTPURL, Secret, Size
from slo.net.target import TargetConfig


class RequestConfig(TargetConfig):
    """One request to one URL."""

    target_key: ClassVar[str] = "url"

    url: HTTPURL
    """What to ask for."""

    headers: dict[HeaderName, HeaderValue] = Field(default={})
    """Headers of the request. They are kept secret, and not sent to another host after a redirect."""

    basic_auth: BasicAuth | None = None
    """A user and password to send."""

    bearer_token: Secret | None = None
    """A token to send as `Authorization: Bearer`."""

    follow_redirects: bool = True
    """Follow up to ten redirects; else the first response is looked at."""

    max_body: Size = 1_000_000
    """The largest body that is good, decoded or not."""

    tls: TLSSettings = TLSSettings()
    """How a server over TLS is verified."""

    @model_validator(mode="after")
    def _usable_credentials(self) -> "RequestConfig":
        refuse_credentials(self.headers, self.basic_auth, self.bearer_token)
        return self

    @property
    def request_headers(self) -> dict[str, str]:
        """The headers of the request, with the credentials."""
        return request_headers(self.headers, self.basic_auth, self.bearer_token)
