"""What the configurations of probes have in common: one target, and how to reach it."""

from typing import ClassVar, Self

from slo.config.types import KindConfig
from slo.net.resolve import IPProtocol


class OneTarget(KindConfig):
    """The configuration of a probe. The key named by `target_key` holds the target."""

    target_key: ClassVar[str] = "target"

    @classmethod
    def of(cls, target: str) -> Self:
        """The usual probe of a target. Raises pydantic's ValidationError."""
        return cls.model_validate({cls.target_key: target})

    def aimed_at(self, target: str) -> Self:
        """The same probe of another target. Raises pydantic's ValidationError."""
        given = {type(self).model_fields[key].alias or key: getattr(self, key) for key in self.model_fields_set}
        return self.model_validate({**given, self.target_key: target})


class TargetConfig(OneTarget):
    """The configuration of a probe of a host."""

    ip_protocol: IPProtocol = "ip6"
    """The protocol to prefer where a name has addresses of both: ip4 or ip6."""

    ip_protocol_fallback: bool = True
    """Use the other protocol where the name has no address of the preferred one, or that one cannot be connected to."""
