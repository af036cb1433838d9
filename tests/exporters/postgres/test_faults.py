"""Real servers that are broken in every way: the state says the truth each time, within the deadline."""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator

from slo.config.secret import Secret
from slo.core.reason import REASONS, State
from slo.net.attempt import Attempt, Endpoint
from slo.net.postgres import PostgresSession
from slo.net.sql import SQLLogin
from tests.databases import Postgres, StartPostgres
from tests.exporters.postgres.watching import (
    CANARY_TABLE,
    MONITOR,
    PASSWORD,
    Round,
    Watch,
    caught_up,
    frozen,
    processes,
    start_pair,
    watching,
)

HUNG_SECONDS = 0.7
WRITE_PROBE = {"table": CANARY_TABLE}


@contextlib.contextmanager
def locked(server: Postgres, table: str) -> Iterator[None]:
    """A table that nobody may read."""
    where = ("-h", str(server.folder), "-p", str(server.port), "-U", "postgres")
    command = ["psql", "-X", "-q", *where, "-c", f"BEGIN; LOCK TABLE {table}; SELECT pg_sleep(60)"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as holder:
        while server.run(f"SELECT count(*) FROM pg_locks WHERE relation = '{table}'::regclass").strip() == "0":
            pass
        try:
            yield
        finally:
            server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'BEGIN; LOCK%'")
            holder.wait()


async def until(watch: Watch, reason: str) -> Round:
    """Rounds until one of them gives a reason."""
    while reason not in (seen := await watch.look(1.0)).reasons:
        await asyncio.sleep(0.05)
    return seen


async def test_a_primary_and_its_standby_as_they_should_be(primary: Postgres, standby: Postgres) -> None:
    caught_up(primary, standby)
    expect = {"role": "primary", "replication": ["async"], "replicas": 1, "lag": "10s", "lag_bytes": "16MiB"}
    async with watching(primary, expect=expect, write_probe=WRITE_PROBE, login_interval="60s") as watch:
        seen = await watch.look()
        assert seen.reasons == ["ok"], seen.details
        assert (seen.value("pg_up"), seen.value("watchkeep_login_success"), seen.value("watchkeep_write_success")) == (
            1,
            1,
            1,
        )
        assert seen.value("pg_exporter_last_scrape_error") == 0
        assert seen.value("watchkeep_replication_role", role="primary") == 1
        assert seen.value("watchkeep_replication_mode", mode="async") == 1
        first = [sample.name for sample in seen.samples[:10]]  # what `max_samples` cuts off last
        assert {"pg_up", "watchkeep_replication_lag_seconds", "watchkeep_login_success"} <= {*first}
        again = await watch.look()
        pairs = list(zip(seen.samples, again.samples, strict=True))
        assert [one for one, two in pairs if one.labels is not two.labels] == []
        assert [one.name for one in seen.samples] == [two.name for two in again.samples]
    heartbeat = {"table": CANARY_TABLE}
    caught_up(primary, standby)
    async with watching(
        standby, expect={"role": "replica", "lag": "1h"}, heartbeat=heartbeat, write_probe=WRITE_PROBE
    ) as watch:
        seen = await watch.look()
        assert seen.reasons == ["ok"], seen.details
        assert seen.value("pg_replication_is_replica") == 1
        assert seen.value("pg_replication_lag") == seen.value("pg_replication_lag_seconds") > 0
        assert seen.value("watchkeep_replication_lag_seconds") == seen.value("pg_replication_lag")
        assert not seen.has("watchkeep_write_success"), "a standby is written to"


async def test_a_server_that_stands_still_and_goes_on(primary: Postgres) -> None:
    async with watching(primary) as watch:
        assert (await watch.look()).reasons == ["ok"]
        with frozen(processes(primary)):
            for reason in ("query_timeout", "auth_timeout"):  # on the connection that is kept, and on a new one
                seen = await watch.look(HUNG_SECONDS)
                assert (seen.reasons, seen.value("pg_up")) == ([reason], 0)
                assert seen.value("pg_exporter_last_scrape_error") == 1
        assert (await watch.look()).reasons == ["ok"]


async def test_nobody_can_log_in_anew(primary: Postgres) -> None:
    async with watching(primary, login_interval="1ms") as watch:
        assert (await watch.look()).reasons == ["ok"]
        with frozen([primary.pid]):
            seen = await watch.look(HUNG_SECONDS)
        assert (seen.reasons, seen.value("pg_up"), seen.value("watchkeep_login_success")) == (["auth_timeout"], 1, 0)


async def test_a_server_that_is_killed_and_started_again(start_postgres: StartPostgres) -> None:
    server = start_postgres()
    server.run(MONITOR)
    async with watching(server) as watch:
        first = await watch.look()
        assert first.reasons == ["ok"]
        for pid in reversed(processes(server)[1:]):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        server.kill()
        seen = await watch.look()
        assert (seen.reasons, seen.value("pg_up")) == (["connect_refused"], 0)
        server.start()
        assert (await watch.look()).reasons == ["ok"]
        os.kill(server.pid, signal.SIGINT)  # without waiting for us to leave
        server.stop()
        server.start()
        seen = await watch.look()
        assert seen.reasons == ["ok"], "it was restarted between two rounds"
        assert first.facts.slow
        assert seen.facts.slow
        assert seen.facts.slow.value is not first.facts.slow.value, "its settings may be others now"
        server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'watchkeep'")
        assert (await watch.look()).reasons == ["ok"], "our connection was ended between two rounds"


async def test_a_standby_that_does_not_replay(primary: Postgres, standby: Postgres) -> None:
    caught_up(primary, standby)
    async with (
        watching(standby, expect={"lag": "500ms"}) as watch,
        watching(primary, expect={"lag_bytes": "1MB"}) as other,
    ):
        standby.run("SELECT pg_wal_replay_pause()")
        try:
            primary.run("SELECT pg_logical_emit_message(true, 'watchkeep', repeat('x', 3000000))")
            seen = await until(watch, "replication_lag")
            assert seen.value("watchkeep_replication_lag_bytes") > 2_900_000
            assert seen.value("pg_replication_lag") > 0.5
            assert (await until(other, "replication_lag")).value("pg_stat_replication_pg_wal_lsn_diff") > 2_900_000
        finally:
            standby.run("SELECT pg_wal_replay_resume()")
        caught_up(primary, standby)
        assert (await watch.look()).reasons == ["ok"]


async def test_a_wal_sender_that_stands_still_streams_without_lag_by_its_own_word(
    primary: Postgres, standby: Postgres
) -> None:
    caught_up(primary, standby)
    sender = int(primary.run("SELECT pid FROM pg_stat_replication"))
    async with watching(primary, expect={"lag_bytes": "1MB"}) as watch:
        with frozen([sender]):
            primary.run("SELECT pg_logical_emit_message(true, 'watchkeep', repeat('x', 3300000))")
            seen = await watch.look()
            assert seen.reasons == ["replication_lag"]
            assert seen.value("pg_stat_replication_pg_wal_lsn_diff", state="streaming", slot_name="rep1") > 3_300_000
            assert seen.value("watchkeep_replication_lag_bytes") > 3_300_000
    caught_up(primary, standby)


async def test_a_primary_that_stands_still_is_seen_by_its_standby(primary: Postgres, standby: Postgres) -> None:
    async with watching(primary, write_probe=WRITE_PROBE) as watch:
        assert (await watch.look()).value("watchkeep_write_success") == 1
    caught_up(primary, standby)
    beats = {"table": CANARY_TABLE}
    async with (
        watching(standby, expect={"lag": "1s"}) as watch,
        watching(standby, expect={"lag": "1s"}, heartbeat=beats) as told,
    ):
        with frozen(processes(primary)):
            assert "replication_lag" in (await until(told, "replication_lag")).reasons
            seen = await until(watch, "replication_broken")
            assert (seen.value("watchkeep_replication_running"), seen.value("pg_up")) == (0, 1)
            assert seen.value("watchkeep_replication_lag_seconds") > 1
        while (seen := await watch.look()).reasons != ["ok"]:
            await asyncio.sleep(0.05)
    caught_up(primary, standby)


async def test_a_password_that_is_wrong_is_not_tried_again_at_once(primary: Postgres) -> None:
    async with watching(primary, password="wrong") as watch:
        seen = await watch.look()
        assert (seen.reasons, seen.value("pg_up")) == (["auth_refused"], 0)
        assert "lest the account is locked" in (await watch.look()).details


async def test_a_grant_that_was_revoked(primary: Postgres) -> None:
    async with watching(primary, expect={"replication": ["async"]}) as watch:
        assert (await watch.look()).reasons == ["ok"]
        primary.run("REVOKE pg_monitor FROM watchkeep")
        try:
            seen = await watch.look()
            assert seen.reasons == ["permission", "replication_unknown"]
            assert all(REASONS[reason].state is State.UNKNOWN for reason in seen.reasons)
            assert seen.value("watchkeep_replication_mode", mode="unknown") == 1
            assert not seen.has("watchkeep_replication_lag_seconds")
            assert seen.value("pg_up") == 1
        finally:
            primary.run("GRANT pg_monitor TO watchkeep")
        assert (await watch.look()).reasons == ["ok"]


async def test_a_table_that_may_not_be_written_to_any_more(primary: Postgres) -> None:
    async with watching(primary, write_probe=WRITE_PROBE) as watch:
        for broken, mended, reason in (
            (
                "REVOKE INSERT ON watchkeep.canary FROM watchkeep",
                "GRANT INSERT ON watchkeep.canary TO watchkeep",
                "permission",
            ),
            (
                "ALTER TABLE watchkeep.canary RENAME TO other",
                "ALTER TABLE watchkeep.other RENAME TO canary",
                "query_refused",
            ),
        ):
            primary.run(broken)
            try:
                seen = await watch.look()
                assert (seen.reasons, seen.value("pg_up")) == ([reason], 1), seen.details
            finally:
                primary.run(mended)
            assert (await watch.look()).reasons == ["ok"]


async def test_another_value_is_read_back_than_was_written(primary: Postgres) -> None:
    primary.run(
        "CREATE FUNCTION watchkeep.forget() RETURNS trigger LANGUAGE plpgsql "
        "AS 'BEGIN new.value := 0; RETURN new; END'",
        "CREATE TRIGGER forget BEFORE INSERT OR UPDATE ON watchkeep.canary FOR ROW EXECUTE FUNCTION watchkeep.forget()",
    )
    try:
        async with watching(primary, write_probe=WRITE_PROBE) as watch:
            seen = await watch.look()
            assert (seen.reasons, seen.value("watchkeep_write_success")) == (["write"], 0)
    finally:
        primary.run("DROP FUNCTION watchkeep.forget() CASCADE")


async def test_a_table_of_ours_that_somebody_has_locked_costs_only_itself(primary: Postgres) -> None:
    beats = {"table": CANARY_TABLE}
    async with watching(primary, write_probe=WRITE_PROBE, heartbeat=beats) as watch:
        with locked(primary, CANARY_TABLE):
            seen = await watch.look(2.0)
        assert (seen.reasons, seen.value("pg_up"), seen.value("watchkeep_write_success")) == (["query_timeout"], 1, 0)
        assert seen.value("pg_scrape_collector_success", collector="heartbeat") == 0
        assert seen.value("pg_scrape_collector_success", collector="stat_database") == 1
        assert (await watch.look()).reasons == ["ok"]


async def test_a_primary_that_takes_no_writes(primary: Postgres) -> None:
    async with watching(primary, write_probe=WRITE_PROBE) as watch:
        primary.run("ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
        try:
            seen = await until(watch, "read_only")
            assert seen.reasons == ["read_only", "read_only"]
            assert seen.value("watchkeep_write_success") == 0
        finally:
            primary.run("ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()")
        while (await watch.look()).reasons != ["ok"]:
            pass


async def test_no_connection_is_left(start_postgres: StartPostgres) -> None:
    server = start_postgres("max_connections=6", "superuser_reserved_connections=2", "max_wal_senders=0")
    server.run(MONITOR, "CREATE ROLE others LOGIN PASSWORD 's3cret'")
    async with watching(server, login_interval="1ms") as watch:
        assert (await watch.look()).reasons == ["ok"]
        others = []
        for _ in range(3):
            login = SQLLogin(username="others", password=Secret(PASSWORD), database="postgres")
            others.append(
                await PostgresSession.open(Attempt(watch.context), Endpoint(host="127.0.0.1", port=server.port), login)
            )
        seen = await watch.look()
        assert (seen.reasons, seen.value("pg_up")) == (["too_many_connections", "too_many_connections"], 1)
        for session in others:
            session.close()
        while (await watch.look()).reasons != ["ok"]:
            pass


async def test_a_standby_that_is_waited_for_and_one_that_is_promoted(start_postgres: StartPostgres) -> None:
    primary, standby = start_pair(start_postgres)
    primary.run("ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
    expect = {"replication": ["sync"]}
    async with (
        watching(primary, expect=expect, write_probe=WRITE_PROBE) as watch,
        watching(standby, expect={"role": "replica"}) as other,
    ):
        while (await watch.look()).reasons != ["ok"]:
            await asyncio.sleep(0.05)
        assert (await watch.look()).value("watchkeep_replication_mode", mode="sync") == 1
        assert (await other.look()).reasons == ["ok"]
        with frozen(processes(standby)):
            seen = await watch.look(1.0)
            assert (seen.reasons, seen.value("pg_up")) == (["query_timeout"], 1), "the commit waits for what is frozen"
        while (await watch.look()).reasons != ["ok"]:
            await asyncio.sleep(0.05)
        standby.run("SELECT pg_promote()")
        seen = await until(other, "role")
        assert seen.value("pg_replication_is_replica") == 0
        seen = await until(watch, "replication_broken")
        assert "commits wait for 1 of the standbys *, and 0 are connected" in seen.details
        seen = await watch.look(1.0)
        assert "query_timeout" in seen.reasons, "the commit waits for a standby"
        assert (seen.value("pg_up"), seen.value("watchkeep_write_success")) == (1, 0)
        ours = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'watchkeep'"
        assert int(primary.run(ours)) <= 3, "commits that wait pile up"
        primary.run("ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()")
        while "commits wait" in (seen := await watch.look(1.0)).details:
            await asyncio.sleep(0.05)
        assert seen.reasons == ["replication_broken", "replication_mode"]
        assert "nobody uses the slot rep1" in seen.details
        assert seen.value("watchkeep_replication_mode", mode="none") == 1
