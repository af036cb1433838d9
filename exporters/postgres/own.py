"""Metrics that are made of the state and of the server's own row, and what is said of every metric."""

from collections.abc import Iterator

from exporters.health import login, replication, write
from exporters.health.replication import Replication, Role
from exporters.postgres import settings
from exporters.postgres.activity import ACTIVITY
from exporters.postgres.replication import known
from exporters.postgres.sizes import DATABASE_SIZES, statements, tables
from exporters.postgres.standing import STANDING
from exporters.postgres.statement import Reader, Row
from slo.core.sample import Sample
from slo.exposition.families import Family


def _gauge(name: str, text: str) -> Family:
    return Family(name=name, type="gauge", help=text)


FAMILIES = {
    family.name: family
    for family in (
        _gauge("pg_up", "Whether the last round got its answers."),
        _gauge("pg_exporter_last_scrape_error", "Whether something was not answered in the last round."),
        _gauge("pg_exporter_last_scrape_duration_seconds", "How long the last round took."),
        Family(name="pg_exporter_scrapes_total", type="counter", help="Rounds so far."),
        _gauge("pg_scrape_collector_success", "Whether a statement was answered in the last round."),
        Family(name="pg_static", type="untyped", help="The version of the server; always 1."),
        _gauge("pg_postmaster_start_time_seconds", "When the server was started."),
        _gauge("pg_replication_is_replica", "Whether the server is a standby."),
        _gauge("pg_replication_lag", "Seconds that a standby is behind, by all that is known; absent while unknown."),
        _gauge("pg_replication_lag_seconds", "Seconds that a standby is behind, by all that is known."),
        _gauge("pg_xlog_position_bytes", "Where the WAL ends, or on a standby what is replayed of it, in bytes."),
        _gauge("watchkeep_postgres_slow_age_seconds", "How old what is asked seldom is."),
        *(
            family
            for statement in (*STANDING, *ACTIVITY, DATABASE_SIZES, tables(1), statements(1))
            for family in statement.families()
        ),
        *replication.FAMILIES.values(),
        *login.FAMILIES.values(),
        *write.FAMILIES.values(),
    )
}


def family(name: str) -> Family | None:
    """What is said of a metric before its values; None where it is none of these."""
    return FAMILIES.get(name) or settings.family(name)


def own_samples(server: Row | None, state: Replication, reader: Reader) -> Iterator[Sample]:
    """The metrics of the server itself, as far as they are known."""
    if server is None or state.role is Role.UNKNOWN:
        return
    version, number = server.get("version"), server.get("version_number") or ""
    if version and number.isdecimal():
        short = f"{int(number) // 10_000}.{int(number) % 10_000}.0"
        yield Sample("pg_static", 1.0, reader.of_version(short, version))
    follows = state.role is Role.REPLICA
    yield Sample("pg_replication_is_replica", float(follows), reader.server)
    lag = state.lag_seconds if follows else 0.0
    if lag is not None:
        yield Sample("pg_replication_lag", lag, reader.server)
        yield Sample("pg_replication_lag_seconds", lag, reader.server)
    for name, column in (("pg_xlog_position_bytes", "written"), ("pg_postmaster_start_time_seconds", "started")):
        value = known(server.get(column))
        if value is not None:
            yield Sample(name, value, reader.server)
