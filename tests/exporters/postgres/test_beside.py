"""The collector beside prometheus-postgres-exporter on the same servers: names, labels, types, and values at rest."""

import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.databases import Postgres
from tests.exporters.postgres.saying import exposition
from tests.exporters.postgres.watching import PASSWORD, caught_up, watching
from tests.services import Service, free_port, program

ABSENT = {"pg_scrape_collector_duration_seconds"}
"""What the peer says, and we do not: statements are answered in one round trip, so none has a time of its own."""

PROCESS_AS_SLOT = "pg_stat_replication_"
"""Where the peer has the number of a process as `slot_name`, by mistake, and we have the slot."""

MOVING = (
    "pg_settings_extra_float_digits",  # the peer sets it for its own connection
    "pg_exporter_",
    "pg_stat_database_",
    "pg_stat_activity_",  # each is a connection that the other one sees
    "pg_stat_bgwriter_",
    "pg_locks_count",
    "pg_stat_replication_",
)
"""What is another value a moment later."""

AT_REST = {"pg_stat_database_stats_reset", "pg_stat_database_deadlocks", "pg_stat_bgwriter_stats_reset_total"}

Series = dict[tuple[str, frozenset[tuple[str, str]]], tuple[float, str]]


def series(text: str) -> Series:
    """Values and types by name and labels, of what is PostgreSQL's."""
    return {
        (sample.name, frozenset(sample.labels.items())): (float(sample.value), family.type)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("pg_")
    }


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Postgres], Series]:
    """What the exporter of Debian says of a server."""
    executable = program("prometheus-postgres-exporter", package="prometheus-postgres-exporter")

    def ask(server: Postgres) -> Series:
        folder, port = Path(tmp_path_factory.mktemp("exporter")), free_port()
        source = f"postgresql://watchkeep:{PASSWORD}@127.0.0.1:{server.port}/postgres?sslmode=disable"
        command = [executable, f"--web.listen-address=127.0.0.1:{port}"]
        with (
            Service(command, port=port, folder=folder, environment={"DATA_SOURCE_NAME": source}),
            urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as response,
        ):
            return series(response.read().decode())

    return ask


@pytest.mark.parametrize("of", ["primary", "standby"])
async def test_all_that_the_peer_says(
    pair: tuple[Postgres, Postgres], peer: Callable[[Postgres], Series], of: str
) -> None:
    server = pair[("primary", "standby").index(of)]
    caught_up(*pair)
    theirs = peer(server)
    async with watching(server) as watch:
        seen = await watch.look()
    ours = series(exposition(seen.samples))
    assert len(theirs) > 400
    differing = []
    for (name, labels), said in theirs.items():
        if name in ABSENT:
            continue
        slotted = name.startswith(PROCESS_AS_SLOT)
        key = name, frozenset((key, "rep1" if slotted and key == "slot_name" else text) for key, text in labels)
        found = ours.get(key)
        resting = not name.startswith(MOVING) or name in AT_REST
        if found is None or found[1] != said[1] or (resting and repr(found[0]) != repr(said[0])):
            differing.append((name, dict(labels), said, found))
    assert differing == []
    assert len(ours) > len(theirs)


async def test_names_that_newer_versions_of_the_peer_have(pair: tuple[Postgres, Postgres]) -> None:
    pair[0].run("CREATE TABLE IF NOT EXISTS orders AS SELECT 1 AS number", "ANALYZE orders")
    async with watching(pair[0]) as watch:
        seen = await watch.look()
    for name in (
        "pg_replication_lag_seconds",
        "pg_replication_is_replica",
        "pg_postmaster_start_time_seconds",
        "pg_stat_database_active_time_seconds_total",
        "pg_stat_bgwriter_checkpoints_timed_total",
        "pg_replication_slots_xmin_age",
        "pg_replication_slot_slot_is_active",
        "pg_replication_slot_wal_status",
        "pg_xlog_position_bytes",
        "pg_stat_replication_pg_xlog_location_diff",
    ):
        assert seen.has(name), name
    table = {"datname": "postgres", "schemaname": "public", "relname": "orders"}
    assert seen.value("pg_stat_user_tables_n_live_tup", **table) >= 1
    assert seen.value("pg_stat_user_tables_n_dead_tup", **table) == 0


async def test_statements_are_told_by_number_and_tables_up_to_a_bound(pair: tuple[Postgres, Postgres]) -> None:
    primary = pair[0]
    primary.run("CREATE EXTENSION IF NOT EXISTS pg_stat_statements", "CREATE TABLE IF NOT EXISTS words (secret text)")
    primary.run("INSERT INTO words SELECT 'hush' FROM generate_series(1, 50)", "ANALYZE words")
    async with watching(primary, statements=5, tables=1) as watch:
        seen = await watch.look()
    assert seen.reasons == ["ok"], seen.details
    statements = [sample for sample in seen.samples if sample.name == "pg_stat_statements_calls_total"]
    assert len(statements) == 5
    assert all(set(sample.labels) == {"user", "datname", "queryid", "server"} for sample in statements)
    assert all(sample.labels["queryid"].lstrip("-").isdecimal() for sample in statements)
    assert "hush" not in exposition(seen.samples)
    tables = [sample for sample in seen.samples if sample.name == "pg_stat_user_tables_n_live_tup"]
    assert [sample.labels["relname"] for sample in tables] == ["words"]
