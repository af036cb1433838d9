"""A cluster view over the stand-in of the API server, round by round."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from daemonset.cluster_view import Config, Facts, KubernetesCollector
from daemonset.parts.followed import Followed
from slo.core.outcome import Judgement
from slo.errors import Fault
from slo.net.context import Context
from tests.daemonset.api_server import TOKEN, APIServer
from tests.daemonset.cluster_objects import node

ROUND_SECONDS = 5.0
SOON_SECONDS = 30.0
HASTE = 20


class LeapingClock:
    """The time as it is, ahead by as much as a test says; who sleeps is woken in a twentieth of his time."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead.total_seconds()

    async def sleep_until(self, monotonic: float) -> None:
        await asyncio.sleep(max(0.0, monotonic - self.monotonic()) / HASTE)


@dataclass
class Viewed:
    """A cluster as the collector sees it."""

    server: APIServer
    collector: KubernetesCollector
    clock: LeapingClock
    token_file: Path

    async def look(self, seconds: float = ROUND_SECONDS) -> Facts:
        """One round, which may take so long."""
        return await self.collector.observe(self.clock.monotonic() + seconds)

    async def judged(self, seconds: float = ROUND_SECONDS) -> list[tuple[str, str]]:
        """State and reason of everything that a round says."""
        return judged(self.collector, await self.look(seconds))

    async def sees(self, *wanted: tuple[str, str]) -> list[Judgement]:
        """Look until it is judged so."""
        found: list[tuple[str, str]] = []
        try:
            async with asyncio.timeout(SOON_SECONDS):
                while True:
                    facts = await self.look()
                    found = judged(self.collector, facts)
                    if found == list(wanted):
                        return list(self.collector.judge(facts))
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(f"it is judged {found}, not {list(wanted)}") from None

    async def until(self, reached: Callable[[], object]) -> None:
        """Return when it is so."""
        async with asyncio.timeout(SOON_SECONDS):
            while not reached():
                await asyncio.sleep(0.005)

    async def watches(self) -> None:
        """Return when the WATCH of every part has been answered here too."""
        followed = [part._reflector for part in self.collector._parts if isinstance(part, Followed)]
        await self.until(lambda: all(0 < each._opened_at <= (each.told_at or 0) for each in followed))

    async def hears(self, name: str) -> None:
        """Return when everything is known that has happened to the objects of a part."""
        cluster = {
            "daemonsets": self.server.daemon_sets,
            "pods": self.server.cluster,
            "autoscalers": self.server.autoscalers,
            "nodes": self.server.nodes,
            "spinnaker": self.server.spinnakers,
        }[name]
        part = next(part for part in self.collector._parts if part.name == name)
        assert isinstance(part, Followed)
        course = part._reflector._course
        self.collector._follow()
        await self.until(lambda: int(course.version or 0) >= cluster.version)

    def samples(self, facts: Facts, name: str) -> list[tuple[dict[str, str], float]]:
        """The labels and values of one metric."""
        return [(dict(each.labels), each.value) for each in self.collector.samples(facts) if each.name == name]

    def leap(self, **ahead: float) -> None:
        """Let so much time pass at once."""
        self.clock.ahead += timedelta(**ahead)


def judged(collector: KubernetesCollector, facts: Facts | Fault) -> list[tuple[str, str]]:
    return [(each.state.value, each.reason) for each in collector.judge(facts)]


GOOD = ("good", "ok")


@asynccontextmanager
async def viewing(server: APIServer, folder: Path, **keys: Any) -> AsyncIterator[Viewed]:
    """A collector with these keys. The cluster has a node, or would be bad."""
    if not len(server.nodes):
        server.nodes.put(node())
    token_file = folder / "token"
    token_file.write_text(TOKEN + "\n")
    clock = LeapingClock()
    config = Config.model_validate({"api_server": server.url, "token_file": str(token_file), **keys})
    context = replace(Context.default(clock), clock=clock)
    collector = KubernetesCollector(config, context, config.account({}))
    try:
        yield Viewed(server, collector, clock, token_file)
    finally:
        await collector.aclose()
        await context.close()
