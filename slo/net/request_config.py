"""What the configurations of HTTP requests have in common: where to, and with which credentials."""

from base64 import b64encode
from typing import ClassVar

from pydantic import Field, model_validator

from slo.config.types import HTTPURL, Secret, Section, Size, wrong
from slo.net.target import HeaderName, HeaderValue, TargetConfig
from slo.net.tls import TLSSettings


class BasicAuth(Section):
    """The credentials of HTTP basic authentication."""

    username: str
    """The user."""

    password: Secret
    """The user's password."""


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
    def _one_credential(self) -> "RequestConfig":
        named = [name for name in self.headers if name.lower() == "authorization"]
        if len(named) + (self.basic_auth is not None) + (self.bearer_token is not None) > 1:
            raise wrong("gives credentials twice", "keep one of basic_auth, bearer_token and the header Authorization")
        return self

    @property
    def request_headers(self) -> dict[str, str]:
        """The headers of the request, with the credentials."""
        headers = {name: value.reveal() for name, value in self.headers.items()}
        if self.basic_auth:
            user = f"{self.basic_auth.username}:{self.basic_auth.password.reveal()}"
            headers["Authorization"] = f"Basic {b64encode(user.encode()).decode()}"
        if self.bearer_token:
            headers["Authorization"] = f"Bearer {self.bearer_token.reveal()}"
        return headers
