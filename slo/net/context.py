"""What every kind gets when it is built: the watch's own time, and its ways into the network."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from slo.core.canary import Carrier
from slo.core.pod import Pod
from slo.core.protocols import Changing, Clock
from slo.net.calls import Calls
from slo.net.connectivity import Connectivity
from slo.net.echoes import Echoes
from slo.net.guard import Guard
from slo.net.resolve import Resolver
from slo.net.time_limits import TimeLimits
from slo.net.tls import TLSContexts


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """Shared by all checks and destinations of one process."""

    clock: Clock
    resolver: Resolver
    guard: Guard
    tls: TLSContexts
    connectivity: Connectivity
    echoes: Echoes = field(default_factory=Echoes)
    calls: Calls = field(default_factory=Calls)
    carriers: dict[str, Carrier] = field(default_factory=dict)
    """The forwarders that are at work here, by their names. Who runs them keeps this."""
    limits: TimeLimits = field(default_factory=TimeLimits)
    pods: Changing[Mapping[str, Pod]] | None = None
    """Those of the node that this process runs on, by `NAMESPACE/NAME`; None where it is no agent."""

    @classmethod
    def default(cls, clock: Clock) -> "Context":
        """The usual one: the machine's resolver, its trusted certificates, its network."""
        return cls(clock=clock, resolver=Resolver(), guard=Guard(), tls=TLSContexts(), connectivity=Connectivity())

    async def close(self) -> None:
        """Give back what is held open between rounds."""
        self.echoes.close()
        await self.resolver.close()
