"""What the configurations of probes have in common: one target, and how to reach it."""

from slo.config.aimed import OneTarget
from slo.config.hosts import IPAddress
from slo.config.tls import TLSSettings
from slo.net.attempt import Endpoint
from slo.net.resolve import IPProtocol


class TargetConfig(OneTarget):
    """The configuration of a probe of a host."""

    ip_protocol: IPProtocol = "ip6"
    """The protocol to prefer where a name has addresses of both: ip4 or ip6."""

    ip_protocol_fallback: bool = True
    """Use the other protocol where the name has no address of the preferred one, or that one cannot be connected to."""

    def endpoint(
        self,
        host: str,
        port: int,
        *,
        scheme: str,
        tls: TLSSettings | None = None,
        alpn: tuple[str, ...] = (),
        source: IPAddress | None = None,
    ) -> Endpoint:
        """Where to connect to, over the protocol that is preferred."""
        return Endpoint(
            host=host,
            port=port,
            prefer=self.ip_protocol,
            fallback=self.ip_protocol_fallback,
            tls=tls,
            alpn=alpn,
            scheme=scheme,
            source=source,
        )
