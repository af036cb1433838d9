"""A row of our own that is written and read back: the only thing that tells that a primary takes writes."""

from exporters.health.write import Write
from exporters.mysql.answers import NOT_ALLOWED
from exporters.mysql.heartbeat import Table, quoted
from slo.config.types import Section
from slo.net.mysql import MySQLSession
from slo.net.mysql_answer import Refusal

_REFUSES_WRITES = frozenset({1290, 1836})
"""The errors of a server that is read-only."""

_AS_THEY_ARE = frozenset({"not_ready", "query_timeout", "too_many_connections"})


class WriteProbe(Section):
    """A table with a row of ours."""

    table: Table
    """The table, with the columns `server_id` (its primary key, an integer) and `token` (varchar(64)), as
    ops.watchkeep."""


async def write(session: MySQLSession, table: Table, token: str) -> Write:
    """Write the token into our row of this server, in a transaction that reads it back and is committed."""
    name = quoted(table)
    found: str | None = None
    for statement in (
        "START TRANSACTION READ WRITE",
        f"REPLACE INTO {name} (server_id, token) VALUES (@@global.server_id, '{token}')",  # noqa: S608 - quoted
        f"SELECT token FROM {name} WHERE server_id = @@global.server_id",  # noqa: S608 - quoted
        "COMMIT",
    ):
        answer = await session.answer(statement)
        if isinstance(answer, Refusal):
            await session.answer("ROLLBACK")
            return _refused(answer)
        found = answer.first or found
    return Write(reason="ok") if found == token else Write(reason="write", detail=f"{table}: another value was read")


def _refused(refusal: Refusal) -> Write:
    reason, detail = refusal.fault.reason, refusal.fault.detail
    if refusal.number in _REFUSES_WRITES:
        return Write(reason="read_only", detail=detail)
    if refusal.number in NOT_ALLOWED:
        return Write(reason="permission", detail=detail)
    return Write(reason=reason if reason in _AS_THEY_ARE else "write", detail=detail)
