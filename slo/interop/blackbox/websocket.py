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
        """The same as keys of our kind, without the target."""
        client = self.http_config
        sent = {name: header.all for name, header in self.headers.items() if name.lower() != _SUBPROTOCOLS}
        if client.basic_auth:
            sent["Authorization"] = (Secret(client.basic_auth.header),)
        return {
            **self.ip_keys,
            "headers": sent,
            "subprotocols": self._subprotocols,
            "authorization": client.authorization.keys if client.authorization else None,
            "bearer_token": client.bearer_token,
            "tls": client.tls_config,
            "query_response": tuple(
                {key: getattr(step, key) for key in step.model_fields_set} for step in self.query_response
            ),
        }

    @property
    def _subprotocols(self) -> tuple[str, ...]:
        """What is offered by a header."""
        lists = [header.all for name, header in self.headers.items() if name.lower() == _SUBPROTOCOLS]
        return tuple(name.strip() for values in lists for value in values for name in value.reveal().split(","))


def target_of(target: str) -> str:
    """The URL as it is."""
    return target
