"""The write probe: a row of ours is written, committed and read back."""

from exporters.health.write import Write
from exporters.postgres.table import Table
from slo.config.types import Section
from slo.errors import Fault
from slo.net.postgres import PostgresSession

NAME = "watchkeep"
"""The key of our row."""


class WriteProbe(Section):
    """A table that a row is written to and read back from in every round, on a primary."""

    table: Table
    """The table, as watchkeep.canary; docs/collectors/postgres.md has how it is made."""


async def write_and_read(session: PostgresSession, table: Table, token: int, *, seconds: float) -> Write:
    """What came of it, the server having so many seconds for each of the two. Raises Fault where it was not answered.

    The table has the columns `name` (its key), `value` (bigint) and `at` (timestamptz).
    """
    put = f"INSERT INTO {table} (name, value, at) VALUES ('{NAME}', {token}, now()) "
    put += "ON CONFLICT (name) DO UPDATE SET value = excluded.value, at = excluded.at"
    await session.write(put, seconds=seconds)
    (found,) = await session.ask([f"SELECT value FROM {table} WHERE name = '{NAME}'"], seconds=seconds)
    if isinstance(found, Fault):
        raise found
    if found.first != str(token):
        return Write(reason="write", detail="another value was read back than was written")
    return Write(reason="ok")
