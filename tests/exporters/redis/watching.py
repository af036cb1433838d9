"""A collector of a real server that is asked round by round, as the runner would."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from exporters.collectors import redis
from exporters.collectors.redis import Facts
from slo.core.outcome import Outcome
from slo.core.sample import Sample
from slo.errors import Fault
from slo.exposition.buffer import Serving
from slo.exposition.collected import Collected, CollectedRenderer
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from slo.runner.round import run_once
from slo.runner.schedule import Scheduled
from tests.databases import documented

ACLS = documented("collectors/redis.md", "redis")
"""The users of the manual: of a server, its permission to write, and of a Sentinel."""

PASSWORD = "s3cret"
WATCH: dict[str, Any] = {"username": "watchkeep", "password": PASSWORD}
UNTIL_SECONDS = 30.0


def acl(index: int) -> str:
    """One of the manual's commands, with a password."""
    return ACLS[index].strip().replace("PASSWORD", PASSWORD)


class Watched:
    """One target, with what came of its last round."""

    def __init__(self, config: Mapping[str, object], context: Context, *, timeout_seconds: float) -> None:
        self.collector = redis.build(redis.Config.model_validate(config), context)
        self.facts: Facts | Fault = Fault("missed")
        self._context = context
        self._timeout_seconds = timeout_seconds

    async def look(self) -> Outcome:
        """The next round."""
        scheduled = Scheduled(
            name="cache",
            module="redis",
            target=self.collector.target,
            check=self.collector,
            interval_seconds=1.0,
            timeout_seconds=self._timeout_seconds,
        )
        outcome, self.facts = await run_once(scheduled, self._context.clock, self._context.limits)
        return outcome

    async def until(self, reason: str, why: str = "") -> Outcome:
        """Round after round until one is of this reason, with this in its detail; fails where none is for long."""
        seen = []
        async with asyncio.timeout(UNTIL_SECONDS):
            while True:
                outcome = await self.look()
                if outcome.reason == reason and why in outcome.detail:
                    return outcome
                seen.append((outcome.reason, outcome.detail))
                assert len(seen) < 1000, seen[-5:]
                await asyncio.sleep(0.05)

    async def until_it(self, holds: Callable[[], bool]) -> None:
        """Round after round until something holds of the last one."""
        async with asyncio.timeout(UNTIL_SECONDS):
            while True:
                await self.look()
                if holds():
                    return
                await asyncio.sleep(0.05)

    @property
    def samples(self) -> list[Sample]:
        """What is said of the last round."""
        return list(self.collector.samples(self.facts))

    def value(self, name: str, **labels: str) -> float | None:
        """The value of a sample; None where there is none."""
        found = [each for each in self.samples if each.name == name and labels.items() <= each.labels.items()]
        return found[0].value if found else None

    async def text(self) -> str:
        """What is served of a round that is made now."""
        outcome = await self.look()
        collected = Collected(
            outcome=outcome, samples=self.samples, serving=Serving(family_of=redis.family, most=10_000)
        )
        faults: list[Exception] = []
        text = "".join(
            CollectedRenderer(identified=False).render([collected], on_fault=lambda _, error: faults.append(error))
        )
        assert faults == []
        return text


@asynccontextmanager
async def watching(port: int, *, timeout_seconds: float = 5.0, **config: object) -> AsyncIterator[Watched]:
    """A collector of the server at this port."""
    context = Context.default(SteadyClock())
    watched = Watched({"target": f"127.0.0.1:{port}", **config}, context, timeout_seconds=timeout_seconds)
    try:
        yield watched
    finally:
        await watched.collector.aclose()
        await context.close()
