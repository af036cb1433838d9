"""The prober `websocket`, done by our kind `websocket`. Newer versions of the exporter have it, Debian's does not."""

from pydantic import Field

from slo.config.types import Pattern, Secret
from slo.interop.blackbox.http_client import AuthorizationOptions, BasicAuthOptions, HeaderSources
from slo.interop.blackbox.section import BlackboxSection, IPOptions, TLSOptions

KIND = "websocket"
PLACEHOLDER = "ws://localhost"

_SUBPROTOCOLS = "sec-websocket-protocol"


class ClientOptions(BlackboxSection):
    """`http_config`. Of redirects and HTTP/2 the exporter reads what it never uses: an upgrade has neither."""

    tls_config: TLSOptions = TLSOptions()
    basic_auth: BasicAuthOptions | None = None
    authorization: AuthorizationOptions | None = None
    bearer_token: Secret | None = None
    follow_redirects: bool = True
    enable_http2: bool = True

    @property
    def keys(self) -> dict[str, object]:
        """The same as keys of our kind, but for the header Authorization."""
        return {"tls": self.tls_config, **({"bearer_token": self.bearer_token} if self.bearer_token else {})}

    @property
    def headers(self) -> dict[str, Secret]:
        """The header Authorization, where it is not the one of a token."""
        given = self.basic_auth or self.authorization
        return {"Authorization": Secret(given.header)} if given is not None and given.header else {}


class StepOptions(BlackboxSection):
    """One step of `query_response`."""

    expect: Pattern | None = None
    send: Secret | None = None


class Options(IPOptions):
    """What stands under `websocket`."""

    http_config: ClientOptions = ClientOptions()
    headers: dict[str, HeaderSources] = Field(default={})
    query_response: tuple[StepOptions, ...] = ()

    @property
    def keys(self) -> dict[str, object]:
        """The same as keys of our kind, without the target. Several values of a header are one list of them."""
        sent = {name: ", ".join(value.reveal() for value in header.all) for name, header in self.headers.items()}
        offered = [value for name, value in sent.items() if name.lower() == _SUBPROTOCOLS]
        own = {name: Secret(value) for name, value in sent.items() if name.lower() != _SUBPROTOCOLS}
        return {
            **self.ip_keys,
            **self.http_config.keys,
            "headers": {**own, **self.http_config.headers},
            "subprotocols": tuple(name.strip() for value in offered for name in value.split(",")),
            "query_response": tuple(
                {key: getattr(step, key) for key in step.model_fields_set} for step in self.query_response
            ),
        }

    def named(self, _hostname: str) -> dict[str, object]:
        """Nothing is another: the exporter asks no WebSocket server under another name."""
        return {}


def target_of(target: str) -> str:
    """The URL as it is."""
    return target
