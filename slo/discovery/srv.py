"""The discovery `srv`: the hosts and ports that SRV records lead to, as RFC 2782 has them."""

import asyncio
from collections.abc import AsyncIterator, Callable

from pydantic import Field

from slo.config.types import KindConfig, PositiveDuration
from slo.core.target import Target
from slo.errors import Fault
from slo.net.context import Context
from slo.net.repeated import repeatedly
from slo.net.resolve import Services

SHORTEST_SECONDS = 5.0
LONGEST_SECONDS = 300.0
"""Between these a name is asked for again when its TTL has passed, and in between where it has no records."""

USUAL_SECONDS = 30.0
TIMEOUT_SECONDS = 10.0


class Config(KindConfig):
    """Names with SRV records, each of which is a target `host:port`."""

    names: tuple[str, ...] = Field(min_length=1)
    """The names, as `_https._tcp.shop.example`."""

    refresh_interval: PositiveDuration | None = None
    """How often they are asked for. Default: when the shortest TTL of the answers has passed, from 5s to 5m."""


class SRVDiscovery:
    """Asks for every name. Where one has no answer, what it led to stands; a name without records leads nowhere."""

    def __init__(self, config: Config, context: Context) -> None:
        self._names = config.names
        self._every = config.refresh_interval
        self._context = context
        self._known: dict[str, frozenset[Target]] = {}
        self._pause = USUAL_SECONDS

    async def targets(self, failed: Callable[[Fault], None]) -> AsyncIterator[frozenset[Target]]:
        """The targets of all names, each time that every one of them has an answer, or that others are there."""
        last: frozenset[Target] | None = None
        looks = repeatedly(
            self._ask,
            clock=self._context.clock,
            pause=lambda: self._every.total_seconds() if self._every else self._pause,
            failed=failed,
            timeout_seconds=TIMEOUT_SECONDS,
        )
        async for faults in looks:
            for fault in faults:
                failed(fault)
            found = frozenset[Target]().union(*self._known.values())
            if self._known and (found != last or not faults):
                last = found
                yield found

    async def _ask(self) -> list[Fault]:
        """Ask for every name; what went wrong."""
        answers = await asyncio.gather(
            *(self._context.resolver.services(name) for name in self._names), return_exceptions=True
        )
        times, faults = [], []
        for name, answer in zip(self._names, answers, strict=True):
            if isinstance(answer, Services):
                self._known[name] = frozenset(Target(str(service)) for service in answer.found)
                times += [] if answer.ttl_seconds is None else [answer.ttl_seconds]
            elif isinstance(answer, Fault):
                faults.append(answer)
            else:
                raise answer
        self._pause = min(max(min(times), SHORTEST_SECONDS), LONGEST_SECONDS) if times else USUAL_SECONDS
        return faults


def build(config: Config, context: Context) -> SRVDiscovery:
    """The discovery of these names."""
    return SRVDiscovery(config, context)
