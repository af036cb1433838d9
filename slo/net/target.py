"""What the configurations of probes have in common: one target, and how to reach it."""

from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, WithJsonSchema

from slo.config.types import KindConfig, Secret, wrong
from slo.net.resolve import IPProtocol


class TargetConfig(KindConfig):
    """The configuration of a probe. The key named by `target_key` holds the target."""

    target_key: ClassVar[str] = "target"

    ip_protocol: IPProtocol = "ip6"
    """The protocol to prefer where a name has addresses of both: ip4 or ip6."""

    ip_protocol_fallback: bool = True
    """Use the other protocol where the name has no address of the preferred one, or that one cannot be connected to."""

    @classmethod
    def of(cls, target: str) -> Self:
        """The usual probe of a target. Raises pydantic's ValidationError."""
        return cls.model_validate({cls.target_key: target})

    def aimed_at(self, target: str) -> Self:
        """The same probe of another target. Raises pydantic's ValidationError."""
        return self.model_copy(update={self.target_key: getattr(self.of(target), self.target_key)})


def _header_value(value: Secret) -> Secret:
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in value.reveal() if character != "\t"):
        raise wrong("holds a line end or a control character", "write the value of one header on one line")
    return value


HeaderValue = Annotated[
    Secret, AfterValidator(_header_value), WithJsonSchema({"type": ["string", "integer"], "writeOnly": True})
]
"""The value of a request header, kept as a secret: it may be a credential."""

_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


def _header_name(value: str) -> str:
    if not value or not _TOKEN.issuperset(value):
        raise wrong("is no name of a header", "write it as X-Request-ID")
    if value.lower() in {"content-length", "transfer-encoding", "connection"}:
        raise wrong(f"{value} is set by the probe itself", "leave it out")
    return value


HeaderName = Annotated[str, AfterValidator(_header_name)]
"""The name of a request header that may be set."""
