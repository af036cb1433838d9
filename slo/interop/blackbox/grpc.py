"""The prober `grpc`, done by our kind `grpc`."""

from slo.interop.blackbox.section import IPOptions, TLSOptions

KIND = "grpc"
PLACEHOLDER = "localhost"


class Options(IPOptions):
    """What stands under `grpc`."""

    service: str = ""
    tls: bool = False
    tls_config: TLSOptions = TLSOptions()

    @property
    def keys(self) -> dict[str, object]:
        """The same as keys of our kind, without the target."""
        return {**self.ip_keys, "service": self.service, **({"tls": self.tls_config} if self.tls else {})}


def target_of(target: str) -> str:
    """The host, with its port where it has one; the exporter takes a URL too, of which it uses only these."""
    return target.removeprefix("http://").removeprefix("https://").partition("/")[0]
