"""The kind `sql`: a login to MySQL, MariaDB or PostgreSQL, and a query with an expected result."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field

from slo.core.outcome import Finding
from slo.core.sample import Sample
from slo.errors import Fault
from slo.net.attempt import Attempt, Reached
from slo.net.context import Context
from slo.net.mysql import MySQLSession
from slo.net.postgres import PostgresSession
from slo.net.reaching import ReachingProbe
from slo.net.samples import connection_samples, phase_samples
from slo.net.single_value import ExpectedValue
from slo.net.sql import Result, SQLSession
from slo.net.sql_config import SQLConfig, Text

SESSIONS: Mapping[str, type[SQLSession]] = MappingProxyType({"mysql": MySQLSession, "postgres": PostgresSession})
"""What speaks each dialect."""


class Expected(ExpectedValue):
    """What is expected of the server, and of the first value of the query's first row."""

    role: Literal["primary", "replica"] | None = None
    """What the server must be: primary where it takes writes, replica where it follows another one."""

    rows: Annotated[int, Field(ge=0)] | None = None
    """How many rows the query must have."""


class Config(SQLConfig):
    """One login and one query."""

    dialect: Literal["mysql", "postgres"]
    """What is spoken there: mysql, which is MariaDB's as well, or postgres."""

    database: Text | None = None
    """The database to use. Default: none in MySQL, the one with the user's name in PostgreSQL."""

    query: Text = "SELECT 1"
    """One statement. It is asked in a transaction that can write nothing, and given up by the server at the timeout."""

    expect: Expected = Expected()
    """What is expected beside an answer to the query."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """How far the attempt got, and what was found: None where it was not asked, or not answered any more."""

    reached: Reached
    result: Result | None = None
    is_primary: bool | None = None


class SQLProbe(ReachingProbe[Facts]):
    """Logs in, asks, and hangs up."""

    def __init__(self, config: Config, context: Context) -> None:
        self.target = str(config.target)
        self._context = context
        self._sessions = SESSIONS[config.dialect]
        self._login = config.login(config.database)
        self._query = config.query
        self._expect = config.expect
        self._endpoint = config.reached_at(config.dialect)
        if config.tls:
            context.tls.get(config.tls)

    async def observe(self, deadline: float) -> Facts:
        """What the database answers."""
        attempt = Attempt(self._context)
        found = _Found()
        reached = await attempt.run(self._ask(attempt, deadline, found), deadline)
        return Facts(reached=reached, result=found.result, is_primary=found.is_primary)

    async def _ask(self, attempt: Attempt, deadline: float, found: "_Found") -> None:
        """Log in and ask. Raises Fault."""
        session = await self._sessions.open(attempt, self._endpoint, self._login)
        try:
            attempt.enter("query")
            if self._expect.role is not None:
                found.is_primary = await session.is_primary(seconds=self._until(deadline))
            found.result = await session.query(self._query, seconds=self._until(deadline))
        finally:
            session.close()

    def _until(self, deadline: float) -> float:
        return deadline - self._context.clock.monotonic()

    def verdict(self, facts: Facts) -> tuple[str, str]:
        """Whether the role and the result are as expected."""
        expect, result = self._expect, facts.result or Result()
        if expect.role is not None and facts.is_primary != (expect.role == "primary"):
            return "role", f"it is no {expect.role}"
        if expect.rows is not None and len(result.rows) != expect.rows:
            return "result", f"{len(result.rows)} rows, not {expect.rows}"
        mismatch = expect.mismatch(result.first)
        return ("result", mismatch) if mismatch else ("ok", "")

    def findings(self, facts: Facts) -> Iterator[Finding]:
        """The role, and the size of the result; its values are never shown."""
        if facts.is_primary is not None:
            yield Finding(name="role", text="primary" if facts.is_primary else "replica")
        if (result := facts.result) is not None:
            expected = f", {self._expect.rows} expected" if self._expect.rows is not None else ""
            yield Finding(name="rows", text=f"{len(result.rows)}{expected}")
            if result.rows:
                yield Finding(name="first value", text=self._expect.held_against(result.first))

    def samples(self, facts: Facts | Fault) -> Iterable[Sample]:
        """The connection in the blackbox exporter's metrics, and the phases; that exporter has no such prober."""
        if not isinstance(facts, Fault):
            yield from connection_samples(facts.reached)
            yield from phase_samples("probe_sql_duration_seconds", facts.reached)


class _Found:
    """What was found so far, should the round end early."""

    def __init__(self) -> None:
        self.result: Result | None = None
        self.is_primary: bool | None = None


def build(config: Config, context: Context) -> SQLProbe:
    """The probe of a configuration."""
    return SQLProbe(config, context)
