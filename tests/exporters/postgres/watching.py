"""Rounds of the collector, and a primary with its standby to look at, for tests."""

import contextlib
import math
import os
import signal
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from exporters.collectors import postgres
from slo.core.outcome import Judgement
from slo.core.sample import Sample
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from tests.databases import Postgres, StartPostgres, documented

PASSWORD = "s3cret"
MONITOR, CANARY = (
    block.replace("'PASSWORD'", f"'{PASSWORD}'") for block in documented("collectors/postgres.md", "postgres")
)
"""The statements of the manual: the user and what it needs, and the table that it may write to."""

CANARY_TABLE = "watchkeep.canary"


@dataclass(frozen=True, kw_only=True)
class Round:
    """What one round found and what was made of it."""

    facts: postgres.Facts
    judgements: Sequence[Judgement]
    samples: Sequence[Sample]

    @property
    def reasons(self) -> list[str]:
        return [judgement.reason for judgement in self.judgements]

    @property
    def details(self) -> str:
        return "; ".join(judgement.detail for judgement in self.judgements)

    def value(self, name: str, **labels: str) -> float:
        """The value of the first sample of that name with these labels; NaN where there is none."""
        found = (each.value for each in self.samples if each.name == name and labels.items() <= each.labels.items())
        return next(found, math.nan)

    def has(self, name: str) -> bool:
        return any(sample.name == name for sample in self.samples)


class Watch:
    """One collector that is kept."""

    def __init__(self, port: int, **keys: object) -> None:
        self.context = Context.default(SteadyClock())
        login = {"target": f"127.0.0.1:{port}", "username": "watchkeep", "password": PASSWORD}
        config = postgres.Config.model_validate({**login, "login_interval": 0, **keys})
        self.collector = postgres.build(config, self.context)

    async def look(self, timeout_seconds: float = 10.0) -> Round:
        facts = await self.collector.observe(self.context.clock.monotonic() + timeout_seconds)
        return Round(facts=facts, judgements=self.collector.judge(facts), samples=[*self.collector.samples(facts)])


@contextlib.asynccontextmanager
async def watching(server: Postgres, **keys: object) -> AsyncIterator[Watch]:
    watch = Watch(server.port, **keys)
    try:
        yield watch
    finally:
        await watch.collector.aclose()
        await watch.context.close()


def start_pair(start_postgres: StartPostgres, *settings: str, standby: Sequence[str] = ()) -> tuple[Postgres, Postgres]:
    """A primary that the manual's user may look at, and a standby that follows it by the slot `rep1`."""
    primary = start_postgres(*settings)
    primary.run(MONITOR, CANARY, "SELECT pg_create_physical_replication_slot('rep1', true)")
    follower = start_postgres("primary_slot_name=rep1", *standby, standby_of=primary)
    caught_up(primary, follower)
    return primary, follower


def caught_up(primary: Postgres, standby: Postgres) -> None:
    """Wait until the standby has replayed all that the primary has written by now."""
    end = primary.run("SELECT pg_current_wal_lsn()").strip()
    while standby.run(f"SELECT coalesce(pg_last_wal_replay_lsn() >= '{end}', false)").strip() != "t":
        pass


def processes(server: Postgres) -> list[int]:
    """The server's processes, the one that lets others in first."""
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text(encoding="ascii")
    return [server.pid, *map(int, children.split())]


@contextlib.contextmanager
def frozen(pids: Sequence[int]) -> Iterator[None]:
    """Processes that stand still."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in reversed(pids):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
