"""The prober `unix` of newer versions of the exporter, done by our kind `unix`."""

from slo.interop.blackbox.tcp import DialogueOptions

KIND = "unix"
PLACEHOLDER = "/socket"


class Options(DialogueOptions):
    """What stands under `unix`."""

    @property
    def keys(self) -> dict[str, object]:
        """The same as keys of our kind, without the target."""
        return self.dialogue_keys


def target_of(target: str) -> str:
    """The target as it is: a path."""
    return target
