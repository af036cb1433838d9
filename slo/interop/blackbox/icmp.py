"""The prober `icmp`, done by our kind `icmp`."""

from typing import Annotated

from pydantic import Field

from slo.interop.blackbox.section import SourceOptions

KIND = "icmp"
PLACEHOLDER = "localhost"

USUAL_BYTES = 28
USUAL_TTL = 64


class Options(SourceOptions):
    """What stands under `icmp`. A size or a TTL of 0 is the usual one."""

    payload_size: Annotated[int, Field(ge=0)] = 0
    dont_fragment: bool = False
    ttl: Annotated[int, Field(ge=0, le=255)] = USUAL_TTL

    @property
    def keys(self) -> dict[str, object]:
        """The same as keys of our kind, without the target."""
        return {
            **self.way_keys,
            "payload_size": self.payload_size or USUAL_BYTES,
            "dont_fragment": self.dont_fragment,
            "ttl": self.ttl or USUAL_TTL,
        }


def target_of(target: str) -> str:
    """The host as it is."""
    return target
