"""The prober `tcp`, done by our kind `tcp`."""

from slo.config.types import Pattern, Secret
from slo.interop.blackbox.section import BlackboxSection, IPOptions, TLSOptions

KIND = "tcp"
PLACEHOLDER = "localhost:1"


class StepOptions(BlackboxSection):
    """One step of `query_response`."""

    expect: Pattern | None = None
    send: Secret | None = None
    starttls: bool = False


class Options(IPOptions):
    """What stands under `tcp`."""

    query_response: tuple[StepOptions, ...] = ()
    tls: bool = False
    tls_config: TLSOptions = TLSOptions()

    @property
    def keys(self) -> dict[str, object]:
        """The same as keys of our kind, without the target."""
        steps = tuple({key: getattr(step, key) for key in step.model_fields_set} for step in self.query_response)
        upgrades = any(step.starttls for step in self.query_response)
        return {
            **self.ip_keys,
            "query_response": steps,
            **({"tls": self.tls_config} if self.tls or upgrades else {}),
        }

    def named(self, hostname: str) -> dict[str, object]:
        """The keys that are others where the target is asked under that name."""
        if "tls" not in self.keys or self.tls_config.server_name:
            return {}
        return {"tls": self.tls_config.model_copy(update={"server_name": hostname})}


def target_of(target: str) -> str:
    """The target as it is: HOST:PORT."""
    return target
