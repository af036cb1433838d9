"""The kind `postgres`: what a PostgreSQL says of itself, and how it stands to its primary or its standbys."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, ClassVar

from pydantic import Field

from exporters.health import login, replication, write
from exporters.health.config import ServerConfig
from exporters.health.kept import Kept
from exporters.health.login import FreshLogin, Login
from exporters.health.periodic import Aged, Periodic
from exporters.health.write import Write
from exporters.postgres.activity import ACTIVITY
from exporters.postgres.heartbeat import Heartbeat
from exporters.postgres.own import family
from exporters.postgres.settings import SETTINGS
from exporters.postgres.sizes import DATABASE_SIZES, statements, tables
from exporters.postgres.standing import STANDING
from exporters.postgres.statement import ROWS, Question, Reader, major, questions
from exporters.postgres.told import Answers, Slow, Told, slow, told
from exporters.postgres.writing import WriteProbe, write_and_read
from slo.core.outcome import Finding, Judgement
from slo.core.sample import Sample
from slo.errors import Fault
from slo.net.attempt import Attempt, Reached
from slo.net.context import Context
from slo.net.postgres import PostgresSession
from slo.net.reaching import ReachingProbe
from slo.net.sql_config import SQLConfig, Text

__all__ = ["Config", "build", "family"]

ANSWER_BYTES = 8 * 1024 * 1024
"""The most that all answers of a round may be: ten times what a server with a hundred databases says."""

SHARE_OF_ONE = 0.4
"""How much of the time that is left the server has for one statement: one that waits for a lock costs itself alone."""

SHARE_OF_SLOW = 0.5
"""How much of it all that is asked seldom has together: what is late there does not make the server dead."""

SHARE_OF_WRITING = 0.6
"""How much of it the write probe has."""


class Config(SQLConfig, ServerConfig):
    """One PostgreSQL, primary or standby."""

    modes: ClassVar[tuple[str, ...]] = ("none", "async", "sync")
    tells_cluster_size: ClassVar[bool] = False

    database: Text = "postgres"
    """The database to connect to, whose tables are told of."""

    heartbeat: Heartbeat | None = None
    """Where a standby reads how old the newest write of its primary is. Default: it is not known by that."""

    write_probe: WriteProbe | None = None
    """Write a row of ours and read it back, as {table: watchkeep.canary}. Default: write nothing."""

    tables: Annotated[int, Field(ge=0, le=ROWS)] = 100
    """How many tables of the database are told of, those with the most rows; 0 is none."""

    statements: Annotated[int, Field(ge=0, le=ROWS)] = 0
    """How many statements of pg_stat_statements are told of, by their number, those that took the most time."""

    spare_slots: tuple[Text, ...] = ()
    """Replication slots that nobody need use."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What a round found: `told` is None where it did not come to its end.

    `slow` is what is asked more seldom, `login` how the last login beside the kept connection went, `write` what came
    of writing; None where there was none. `number` counts the rounds.
    """

    reached: Reached
    number: int
    told: Told | None = None
    slow: Aged[Slow] | None = None
    login: Login | None = None
    write: Write | None = None


class PostgresCollector(ReachingProbe[Facts]):
    """Keeps a connection to ask on in every round and one to write on, and logs in anew beside them now and then."""

    def __init__(self, config: Config, context: Context) -> None:
        self.target = str(config.target)
        self._config = config
        self._context = context
        self._endpoint = config.reached_at("postgres")
        self._who = config.login(config.database)
        beats = (config.heartbeat.statement(),) if config.heartbeat else ()
        self._fast = (*STANDING, *beats, *ACTIVITY)
        self._seldom = (
            SETTINGS,
            DATABASE_SIZES,
            *((tables(config.tables),) if config.tables else ()),
            *((statements(config.statements),) if config.statements else ()),
        )
        self._asked: dict[int, tuple[Sequence[Question], Sequence[Question]]] = {}
        self._spare_slots = frozenset(config.spare_slots)
        self._reader = Reader(self.target)
        self._kept, self._writer = Kept(self._log_in, context.clock), Kept(self._log_in_to_write, context.clock)
        self._slow: Periodic[Slow] = Periodic(config.slow_interval.total_seconds(), context.clock)
        self._fresh_login = FreshLogin(self._visit, config.login_interval, context)
        self._rounds = 0
        if config.tls:
            context.tls.get(config.tls)  # now, not within the first round

    async def observe(self, deadline: float) -> Facts:
        """What the server says, and whether somebody could log in now."""
        self._rounds += 1
        attempt = Attempt(self._context)
        found: list[Told] = []

        async def steps() -> None:
            found.append(await self._kept.ask(attempt, lambda session: self._ask(attempt, session, deadline)))

        reached = await attempt.run(steps(), deadline)
        if reached.fault is not None:
            return Facts(reached=reached, number=self._rounds)
        (said,) = found
        written = await self._written(said, deadline)
        fresh = await self._fresh_login.ask(deadline)
        return Facts(reached=reached, number=self._rounds, told=said, slow=self._slow.last, login=fresh, write=written)

    def judge(self, facts: Facts | Fault) -> Sequence[Judgement]:
        """What went wrong on the way, else everything that is not as it should be."""
        if isinstance(facts, Fault) or facts.told is None:
            return super().judge(facts)
        wrongs = replication.gravest_first(self._wrong(facts, facts.told))
        return [facts.reached.judgement(*each) for each in wrongs] or super().judge(facts)

    def _wrong(self, facts: Facts, said: Told) -> Iterator[tuple[str, str]]:
        """Reason and detail of each thing; why something is not known before that it is not."""
        if said.permitted is False:
            yield "permission", "the user is not in pg_monitor, and sees nothing but its own connection"
        yield from replication.faults(said.replication, self._config.expect)
        if said.connections is not None and said.connections[0] >= said.connections[1]:
            used, room = said.connections
            yield "too_many_connections", f"{used} connections are open, {room} are there for who is no superuser"
        if facts.login is not None and facts.login.fault is not None:
            yield facts.login.fault.reason, f"logging in anew: {facts.login.fault.detail}"
        if facts.write is not None and facts.write.reason != "ok":
            yield facts.write.reason, f"writing: {facts.write.detail}"

    def findings(self, facts: Facts) -> Iterator[Finding]:
        """Who the server is and how it stands to the others."""
        if (said := facts.told) is None:
            return
        state = said.replication
        yield Finding(name="version", text=said.version.partition(" (")[0] or "not told")
        yield Finding(name="role", text=state.role)
        yield Finding(name="replication", text=state.mode)
        if state.lag_seconds is not None:
            yield Finding(name="lag", text=f"{state.lag_seconds:.1f} s")
        for refusal in said.refusals:
            yield Finding(name=refusal.statement, text=f"{refusal.reason}: {refusal.detail}")

    def samples(self, facts: Facts | Fault) -> Iterable[Sample]:
        """The metrics of postgres_exporter, and those of the state."""
        if isinstance(facts, Fault) or facts.told is None:
            yield Sample("pg_up", 0.0)
            yield Sample("pg_exporter_last_scrape_error", 1.0)
            return
        said, seldom = facts.told, facts.slow
        parts: list[Told | Slow] = [said, *([seldom.value] if seldom else [])]
        refused = {refusal.statement for part in parts for refusal in part.refusals}
        yield Sample("pg_up", 1.0)
        yield from replication.samples(said.replication)
        yield from login.samples(facts.login)
        yield from write.samples(facts.write)
        yield Sample("pg_exporter_last_scrape_error", float(bool(refused)))
        yield Sample("pg_exporter_last_scrape_duration_seconds", facts.reached.seconds)
        yield Sample("pg_exporter_scrapes_total", float(facts.number))
        for name in (name for part in parts for name in part.asked):
            yield Sample("pg_scrape_collector_success", float(name not in refused), _labels(name))
        yield from said.samples
        if seldom is not None:
            yield from seldom.value.samples
            yield Sample("watchkeep_postgres_slow_age_seconds", seldom.age_seconds)

    async def aclose(self) -> None:
        """Log out, without waiting for the other side."""
        self._kept.close()
        self._writer.close()

    async def _ask(self, attempt: Attempt, session: PostgresSession, deadline: float) -> Told:
        """What is asked each round, and what is asked seldom where that is due."""
        attempt.enter("query")
        fast, seldom = self._questions(major(session.version))
        answers = await self._answers(session, fast, self._left(deadline) * SHARE_OF_ONE)
        beats = self._config.heartbeat is not None
        said = told(answers, self._reader, beats=beats, spare_slots=self._spare_slots)
        await self._slow.ask(lambda: self._ask_slowly(session, seldom, deadline))
        return said

    async def _written(self, said: Told, deadline: float) -> Write | None:
        """What came of writing, on a connection of its own: a commit that waits for a standby keeps nothing else."""
        probe, clock = self._config.write_probe, self._context.clock
        if probe is None or said.replication.role is not replication.Role.PRIMARY:
            return None
        attempt = Attempt(self._context)
        seconds = self._left(deadline) * SHARE_OF_WRITING
        token = int(clock.now().timestamp() * 1_000_000)
        found: list[Write] = []

        async def write_to(session: PostgresSession) -> Write:
            attempt.enter("query")
            return await write_and_read(session, probe.table, token, seconds=seconds / 2)

        async def steps() -> None:
            found.append(await self._writer.ask(attempt, write_to))

        fault = (await attempt.run(steps(), clock.monotonic() + seconds)).fault
        return Write(reason=fault.reason, detail=fault.detail) if fault else found[0]

    async def _ask_slowly(self, session: PostgresSession, asked: Sequence[Question], deadline: float) -> Slow:
        seconds = self._left(deadline) * SHARE_OF_SLOW / len(asked)
        answers = await self._answers(session, asked, seconds)
        return slow(answers, self._reader)

    async def _answers(self, session: PostgresSession, asked: Sequence[Question], seconds: float) -> Answers:
        answers = await session.ask([question.sql for question in asked], seconds=seconds)
        return list(zip(asked, answers, strict=True))

    def _questions(self, version: int) -> tuple[Sequence[Question], Sequence[Question]]:
        """What this version of the server is asked in each round, and seldom."""
        known = self._asked.get(version)
        if known is None:
            self._asked.clear()  # this is another server, or the same one anew
            known = self._asked[version] = questions(self._fast, version), questions(self._seldom, version)
        return known

    def _left(self, deadline: float) -> float:
        return deadline - self._context.clock.monotonic()

    async def _log_in(self, attempt: Attempt) -> PostgresSession:
        """A session that is kept. It may be with another server than the last one was."""
        session = await PostgresSession.open(
            attempt, self._endpoint, self._who, limit_bytes=ANSWER_BYTES, limit_rows=ROWS
        )
        self._slow.forget()
        return session

    async def _log_in_to_write(self, attempt: Attempt) -> PostgresSession:
        return await PostgresSession.open(attempt, self._endpoint, self._who)

    async def _visit(self, attempt: Attempt) -> None:
        """Log in, be answered, and hang up."""
        session = await PostgresSession.open(attempt, self._endpoint, self._who)
        try:
            attempt.enter("query")
            await session.query("SELECT 1", seconds=1.0)
        finally:
            session.close()


@lru_cache(maxsize=64)
def _labels(statement: str) -> Mapping[str, str]:
    return {"collector": statement}


def build(config: Config, context: Context) -> PostgresCollector:
    """The collector of a configuration."""
    return PostgresCollector(config, context)
