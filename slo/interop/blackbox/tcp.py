"""The prober `tcp`, done by our kind `tcp`."""

from pydantic import model_validator

from slo.config.types import Pattern, Secret, wrong
from slo.interop.blackbox.section import BlackboxSection, ProberOptions, SourceOptions, TLSOptions

KIND = "tcp"
PLACEHOLDER = "localhost:1"


class LabelOptions(BlackboxSection):
    """One of the `labels` of a step."""

    name: str
    value: str = ""


class StepOptions(BlackboxSection):
    """One step of `query_response`."""

    expect: Pattern | None = None
    expect_bytes: str = ""
    labels: tuple[LabelOptions, ...] = ()
    send: Secret | None = None
    starttls: bool = False

    @property
    def keys(self) -> dict[str, object]:
        """The same as a step of ours; empty for one that does nothing. Labels need what they are made of."""
        keys = {
            "expect": self.expect,
            "expect_bytes": self.expect_bytes,
            "labels": {label.name: label.value for label in self.labels} if self.expect else {},
            "send": self.send,
            "starttls": self.starttls,
        }
        return {key: value for key, value in keys.items() if value}


class DialogueOptions(ProberOptions):
    """What is said over a connection, and its TLS."""

    query_response: tuple[StepOptions, ...] = ()
    tls: bool = False
    tls_config: TLSOptions = TLSOptions()

    @model_validator(mode="after")
    def _one_tls(self) -> "DialogueOptions":
        if self.tls and self._upgrades:
            raise wrong("speaks TLS from the start and starts it once more", "leave out tls, or starttls")
        return self

    @property
    def _upgrades(self) -> bool:
        return any(step.starttls for step in self.query_response)

    @property
    def dialogue_keys(self) -> dict[str, object]:
        """The same as keys of our kinds."""
        return {
            "query_response": tuple(step.keys for step in self.query_response if step.keys),
            "tls": self.tls_config if self.tls or self._upgrades else None,
        }


class Options(SourceOptions, DialogueOptions):
    """What stands under `tcp`."""

    @property
    def keys(self) -> dict[str, object]:
        """The same as keys of our kind, without the target."""
        return {**self.way_keys, **self.dialogue_keys}

    def other_keys(self, _target: str, hostname: str) -> dict[str, object]:
        """The name in the certificate."""
        if not hostname or self.dialogue_keys["tls"] is None or self.tls_config.server_name:
            return {}
        return {"tls": self.tls_config.model_copy(update={"server_name": hostname})}


def target_of(target: str) -> str:
    """The target as it is: HOST:PORT."""
    return target
