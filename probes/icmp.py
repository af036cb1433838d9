"""The kind `icmp`: one echo request, and its reply."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from slo.config.hosts import Address, Host, IPAddress
from slo.core.outcome import Finding
from slo.core.sample import Sample
from slo.errors import Fault
from slo.net.attempt import Attempt, Reached
from slo.net.context import Context
from slo.net.echo_socket import Reply, Way
from slo.net.reaching import ReachingProbe
from slo.net.samples import connection_samples
from slo.net.target import TargetConfig

MOST_BYTES = 65_507
"""The largest payload: what an IPv4 packet can hold besides its headers."""


class Config(TargetConfig):
    """One echo request to one host."""

    target: Host
    """The host to ask, by name or address."""

    source_address: Address | None = None
    """The address of this machine to ask from."""

    payload_size: Annotated[int, Field(ge=0, le=MOST_BYTES)] = 28
    """How many bytes the request carries besides its headers. With less than 16 a reply can be forged by guessing."""

    dont_fragment: bool = False
    """Forbid routers to take the packet apart, over IPv4: is there a way for packets of that size?"""

    ttl: Annotated[int, Field(ge=1, le=255)] = 64
    """How many routers the request may pass: the TTL of IPv4, the hop limit of IPv6."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """How far the attempt got, and the hop limit (IPv6) or TTL (IPv4) that the reply came with, where it did."""

    reached: Reached
    hop_limit: int | None


class ICMPProbe(ReachingProbe[Facts]):
    """Sends one echo request, and waits for its reply."""

    def __init__(self, config: Config, context: Context) -> None:
        self.target = config.target
        self._context = context
        self._config = config
        self._endpoint = config.endpoint(config.target, 0, scheme="icmp", source=config.source_address)  # no ports

    async def observe(self, deadline: float) -> Facts:
        """The reply, or whatever came instead of it."""
        attempt = Attempt(self._context)
        replies: list[Reply] = []
        reached = await attempt.run(self._ask(attempt, replies), deadline)
        return Facts(reached=reached, hop_limit=replies[0].hop_limit if replies else None)

    async def _ask(self, attempt: Attempt, replies: list[Reply]) -> None:
        async def ask(address: IPAddress) -> Reply:
            attempt.enter("setup")
            way = self._way_to(address)
            self._context.echoes.open(way)
            attempt.enter("rtt")
            return await self._context.echoes.ask(way, address, self._config.payload_size)

        replies.append(await attempt.in_turn(await attempt.find(self._endpoint), ask))

    def _way_to(self, address: IPAddress) -> Way:
        config = self._config
        return Way(
            version=address.version,
            source=config.source_address,
            dont_fragment=config.dont_fragment and address.version == 4,
            ttl=config.ttl,
        )

    def findings(self, facts: Facts) -> Iterator[Finding]:
        """With how many routers left to pass the reply came."""
        if facts.hop_limit is not None and facts.reached.address is not None:
            name = "TTL of the reply" if facts.reached.address.version == 4 else "hop limit of the reply"
            yield Finding(name=name, text=str(facts.hop_limit))

    def samples(self, facts: Facts | Fault) -> Iterable[Sample]:
        """The blackbox exporter's metrics of its prober `icmp`."""
        if isinstance(facts, Fault):
            return
        yield from connection_samples(facts.reached)
        for phase, seconds in facts.reached.phases.items():
            yield Sample("probe_icmp_duration_seconds", seconds, {"phase": phase})
        if facts.hop_limit is not None:
            yield Sample("probe_icmp_reply_hop_limit", facts.hop_limit)


def build(config: Config, context: Context) -> ICMPProbe:
    """The probe of a configuration."""
    return ICMPProbe(config, context)
