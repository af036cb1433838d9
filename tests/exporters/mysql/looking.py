"""Rounds of the collector, as the runner drives them, for tests."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

from exporters.collectors import mysql
from exporters.collectors.mysql import Facts, MySQLCollector
from exporters.health.replication import Replication
from slo.core.outcome import Judgement, Outcome
from slo.core.reason import REASONS
from slo.core.sample import Sample
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from slo.runner.round import run_once
from slo.runner.schedule import Scheduled
from tests.exporters.mysql.servers import PASSWORD

TIMEOUT_SECONDS = 5.0
FROZEN_SECONDS = 0.5


class Watched:
    """A collector of one server, and the rounds that it makes."""

    def __init__(self, collector: MySQLCollector, context: Context) -> None:
        self.collector = collector
        self._context = context
        self.outcome: Outcome | None = None
        self.facts: Any = None

    async def round(self, seconds: float = TIMEOUT_SECONDS) -> str:
        """One round; its reason."""
        scheduled = Scheduled(
            name="db",
            module="mysql",
            target=self.collector.target,
            interval_seconds=60,
            timeout_seconds=seconds,
            check=self.collector,
        )
        self.outcome, self.facts = await run_once(scheduled, self._context.clock, self._context.limits)
        return self.outcome.reason

    @property
    def detail(self) -> str:
        """What the last round says in words."""
        assert self.outcome is not None
        return self.outcome.detail

    @property
    def judgements(self) -> Mapping[str, Judgement]:
        """All that the last round found wrong, by reason."""
        found = {judgement.reason: judgement for judgement in self.collector.judge(self.facts)}
        assert all(judgement.state is REASONS[reason].state for reason, judgement in found.items())
        return found

    @property
    def state(self) -> Replication:
        """How the server stands to the others."""
        assert isinstance(self.facts, Facts)
        assert self.facts.replication is not None, self.facts.reached.fault
        return self.facts.replication

    @property
    def samples(self) -> list[Sample]:
        """The metrics of the last round."""
        return list(self.collector.samples(self.facts))

    def value(self, name: str, **labels: str) -> float | None:
        """The value of a sample; None where there is none."""
        found = [sample for sample in self.samples if sample.name == name and labels.items() <= sample.labels.items()]
        return found[0].value if found else None


@contextlib.asynccontextmanager
async def watched(port: int, **keys: object) -> AsyncIterator[Watched]:
    """The collector of a server, logged in as the manual's user. No login beside it, unless one is asked for."""
    context = Context.default(SteadyClock())
    config = {"target": f"127.0.0.1:{port}", "username": "watchkeep", "password": PASSWORD, "login_interval": "0s"}
    collector = mysql.build(mysql.Config.model_validate({**config, **keys}), context)
    try:
        yield Watched(collector, context)
    finally:
        await collector.aclose()
        await context.close()
