"""A table that somebody writes the time into on the primary, as pt-heartbeat does: its age is a replica's true lag."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator

from exporters.mysql.values import amount, by_column, labels
from slo.config.types import Section, wrong
from slo.core.sample import Sample
from slo.net.conversation import said
from slo.net.sql import Result

MOST_ROWS = 100

MOST_AHEAD_SECONDS = 5.0
"""How far a heartbeat may be ahead of the clock of the server that it is read on: clocks differ by a little."""


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
    def ahead_seconds(self) -> float:
        """How far it lies in the future; negative for one of the past."""
        return self.stored - self.now


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


def followed(beats: Iterable[Beat], sources: Iterable[str], own: str) -> tuple[Beat, ...]:
    """The heartbeats of the servers that are followed.

    Where none of these writes any, as in a chain, the youngest of any other server; none without one.
    """
    others = {beat.server: beat for beat in beats if beat.server != own}
    found = tuple(others[source] for source in sources if source in others)
    return found or tuple(sorted(others.values(), key=lambda beat: beat.ahead_seconds)[-1:])


def age_seconds(beats: Collection[Beat]) -> float | None:
    """The age of the oldest, at least 0; None without any, and where one of them cannot be believed."""
    if doubt(beats):
        return None
    return max((max(-beat.ahead_seconds, 0.0) for beat in beats), default=None)


def doubt(beats: Iterable[Beat]) -> str:
    """Why the times cannot be believed, in words; empty where they can."""
    for beat in beats:
        if beat.ahead_seconds > MOST_AHEAD_SECONDS:
            ahead = f"the heartbeat of server {said(beat.server)} lies {beat.ahead_seconds:.0f} s in the future"
            return f"{ahead}: `utc:` is not as the times are written, or a time zone or a clock is wrong"
    return ""


def samples(beats: Iterable[Beat]) -> Iterator[Sample]:
    """The heartbeats as metrics."""
    for beat in beats:
        of = labels(server_id=beat.server)
        yield Sample("mysql_heartbeat_now_timestamp_seconds", beat.now, of)
        yield Sample("mysql_heartbeat_stored_timestamp_seconds", beat.stored, of)
