"""The keys of OAuth 2.0: whom to ask for an access token, with the client credentials grant of RFC 6749, 4.4."""

from pydantic import Field

from slo.config.proxy import ProxySettings
from slo.config.request import HeaderValue
from slo.config.tls import TLSSettings
from slo.config.types import HTTPURL, Secret, Section


class OAuth2Settings(Section):
    """An access token is fetched with the credentials of a client, and kept until shortly before it expires."""

    client_id: str = Field(min_length=1)
    """Who asks for the token."""

    client_secret: Secret | None = None
    """The secret of the client."""

    token_url: HTTPURL
    """Where the token is asked for."""

    scopes: tuple[str, ...] = ()
    """What the token is to be good for."""

    endpoint_params: dict[str, HeaderValue] = Field(default={})
    """More parameters of the request for the token. They are kept secret."""

    tls: TLSSettings = TLSSettings()
    """How the server of the token is verified."""

    proxy: ProxySettings | None = None
    """The proxy through which the token is asked for."""
