"""A table that somebody writes the time into on the primary, as pt-heartbeat does: its age is a replica's true lag."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator

from exporters.mysql.values import amount, by_column, labels
from slo.config.types import Section, wrong
from slo.core.sample import Sample
from slo.net.sql import Result

MOST_ROWS = 100


def _table(name: str) -> str:
    database, dot, table = name.partition(".")
    if not (dot and database and table) or "`" in name or not name.isprintable():
        raise wrong("is no table", "write database.table")
    return name


Table = Annotated[str, AfterValidator(_table)]
"""A table by its database and its name, as `ops.heartbeat`."""


def quoted(table: Table) -> str:
    """The table as it stands in a statement."""
    return ".".join(f"`{part}`" for part in table.split(".", 1))


class HeartbeatConfig(Section):
    """Where the heartbeats are."""

    table: Table
    """The table, with the columns `ts` and `server_id`, as heartbeat.heartbeat."""

    utc: bool = False
    """Whether the times in it are in UTC (`pt-heartbeat --utc`), rather than in the time zone of the server."""

    @property
    def statement(self) -> str:
        """What asks for the times."""
        now = "UTC_TIMESTAMP(6)" if self.utc else "NOW(6)"
        return (
            f"SELECT UNIX_TIMESTAMP(ts) AS stored, UNIX_TIMESTAMP({now}) AS now, server_id"  # noqa: S608 - quoted
            f" FROM {quoted(self.table)} ORDER BY ts DESC LIMIT {MOST_ROWS}"
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Beat:
    """When a server wrote its heartbeat, and what time it was when that was read (Unix seconds)."""

    server: str
    stored: float
    now: float

    @property
    def age_seconds(self) -> float:
        """How old it is; clocks that differ do not make it younger than 0."""
        return max(self.now - self.stored, 0.0)


def read_beats(result: Result) -> tuple[Beat, ...]:
    """The heartbeats of all servers that write any; of each the youngest."""
    beats: dict[str, Beat] = {}
    for row in by_column(result):
        server, stored, now = row.get("server_id"), amount(row.get("stored")), amount(row.get("now"))
        if server and stored is not None and now is not None:
            beat = Beat(server=server, stored=stored, now=now)
            if server not in beats or beats[server].stored < stored:
                beats[server] = beat
    return tuple(beats.values())


def age_seconds(beats: Iterable[Beat], sources: Iterable[str], own: str) -> float | None:
    """The age of the oldest heartbeat of the servers that are followed.

    Where none of these writes any, as in a chain, that of the youngest of any other server; None without one.
    """
    ages = {beat.server: beat.age_seconds for beat in beats if beat.server != own}
    followed = [ages[source] for source in sources if source in ages]
    return max(followed) if followed else min(ages.values(), default=None)


def samples(beats: Iterable[Beat]) -> Iterator[Sample]:
    """The heartbeats as metrics."""
    for beat in beats:
        of = labels(server_id=beat.server)
        yield Sample("mysql_heartbeat_now_timestamp_seconds", beat.now, of)
        yield Sample("mysql_heartbeat_stored_timestamp_seconds", beat.stored, of)
