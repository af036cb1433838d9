"""What the collector says of real servers, as they should be and as they should not: the truth each time."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import trustme

from exporters.health.replication import Mode, Role
from slo.config.secret import Secret
from slo.net.attempt import Attempt, Endpoint
from slo.net.context import Context
from slo.net.mysql import MySQLSession
from slo.net.sql import SQLLogin
from slo.runner.clock import SteadyClock
from tests.certificates import written
from tests.databases import MariaDB, StartMariaDB
from tests.exporters.mysql.looking import FROZEN_SECONDS, Watched, watched
from tests.exporters.mysql.servers import FOLLOWER, PASSWORD, Node, changed, follow, granted
from tests.services import Service

HEARTBEAT = {"table": "heartbeat.heartbeat"}
CANARY = {"table": "ops.watchkeep"}


@contextlib.contextmanager
def frozen(*services: Service) -> Iterator[None]:
    """Servers that stand still."""
    for service in services:
        os.kill(service.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for service in services:
            os.kill(service.pid, signal.SIGCONT)


@contextlib.asynccontextmanager
async def connections(port: int, count: int, username: str) -> AsyncIterator[None]:
    """So many connections of a user that are kept."""
    context = Context.default(SteadyClock())
    login = SQLLogin(username=username, password=Secret(PASSWORD))
    where = Endpoint(host="127.0.0.1", port=port)
    sessions = [await MySQLSession.open(Attempt(context), where, login) for _ in range(count)]
    try:
        yield
    finally:
        for session in sessions:
            session.close()
        await context.close()


async def until(server: Watched, reason: str) -> None:
    """Rounds until one has this reason."""
    while await server.round() != reason:
        await asyncio.sleep(0.05)


async def test_a_primary_and_its_replica_in_step(primary: MariaDB, replica: MariaDB) -> None:
    async with watched(primary.port, expect={"role": "primary", "replicas": 1}) as server:
        assert await server.round() == "ok", server.detail
        assert (server.state.role, server.state.mode, server.state.replicas) == (Role.PRIMARY, Mode.ASYNC, 1)
        assert server.value("mysql_up") == 1
        assert server.value("mysql_exporter_last_scrape_error") == 0
        assert server.value("watchkeep_replication_role", role="primary") == 1
    async with watched(replica.port, expect={"role": "replica", "lag": "10s", "lag_bytes": "1MiB"}) as server:
        assert await server.round() == "ok", server.detail
        assert (server.state.role, server.state.mode, server.state.lag_seconds) == (Role.REPLICA, Mode.ASYNC, 0)
        assert server.state.read_only
        assert server.value("mysql_slave_status_slave_io_running") == 1
        assert server.value("mysql_slave_status_replica_io_running") == 1
        assert server.value("watchkeep_replication_lag_seconds") == 0
        first = [sample.name for sample in server.samples[:10]]  # what `max_samples` cuts off last
        assert {"mysql_up", "watchkeep_replication_mode", "watchkeep_replication_lag_seconds"} <= {*first}


async def test_what_is_expected_is_held_against_it(primary: MariaDB, replica: MariaDB) -> None:
    synchronous = ["sync", "semi-sync", "cluster"]
    async with watched(primary.port, expect={"role": "replica", "replication": synchronous, "replicas": 2}) as server:
        assert await server.round() == "role"
        assert server.judgements.keys() == {"role", "replication_mode", "replicas_missing"}
        assert server.judgements["replication_mode"].detail == "replication is async, not sync or semi-sync or cluster"


async def test_a_server_that_stands_still_is_down_by_the_deadline_and_comes_back(replica: MariaDB) -> None:
    async with watched(replica.port) as server:
        assert await server.round() == "ok", server.detail
        with frozen(replica):
            assert await server.round(FROZEN_SECONDS) == "query_timeout"
            assert server.value("mysql_up") == 0
            assert server.value("mysql_exporter_last_scrape_error") == 1
            assert await server.round(FROZEN_SECONDS) == "auth_timeout", "the old connection was kept"
            assert server.value("mysql_up") == 0
        assert await server.round() == "ok", server.detail
        assert server.value("mysql_up") == 1


async def test_tls_is_verified_and_kept_between_rounds(
    primary: MariaDB, database_authority: trustme.CA, tmp_path: Path
) -> None:
    at = {"target": f"localhost:{primary.port}", "ip_protocol": "ip4"}
    async with watched(primary.port, **at, tls={"ca_file": written(database_authority, tmp_path)}) as server:
        for phases in (["resolve", "connect", "tls", "auth", "query"], ["query"]):
            assert await server.round() == "ok", server.detail
            assert sorted(server.facts.reached.phases) == sorted(phases)
    async with watched(primary.port, **at, tls={}) as server:
        assert await server.round() == "tls_verify"
        assert server.value("mysql_up") == 0


async def test_a_server_that_dies_and_starts_again(start_mariadb: StartMariaDB) -> None:
    lone = start_mariadb("--server-id=7")
    lone.run(*granted("mariadb"))
    async with watched(lone.port) as server:
        assert await server.round() == "ok", server.detail
        assert (server.state.role, server.state.mode) == (Role.PRIMARY, Mode.NONE)
        lone.kill()
        assert await server.round() == "connect_refused"
        assert server.value("mysql_up") == 0
        lone.start()
        assert await server.round() == "ok", server.detail
        lone.stop()
        lone.start()
        assert await server.round() == "ok", "a connection that broke between two rounds is made anew in the same one"
        lone.run("KILL USER watchkeep")
        assert await server.round() == "ok", server.detail
        lone.run("SET GLOBAL read_only = ON")
        assert await server.round() == "read_only"


async def test_threads_that_do_not_run_are_told_with_their_error(primary: MariaDB, replica: MariaDB) -> None:
    async with watched(replica.port) as server:
        replica.run("STOP SLAVE IO_THREAD")
        assert await server.round() == "replication_broken"
        assert server.detail == "its I/O thread runs: No"
        assert server.state.lag_seconds is None, "NULL is not 0"
        assert server.value("mysql_slave_status_slave_io_running") == 0
        assert server.value("mysql_slave_status_seconds_behind_master") is None
        assert server.value("watchkeep_replication_running") == 0
        changed(replica, "MASTER_PASSWORD='wrong'")
        try:
            while "Access denied" not in server.detail:
                assert await server.round() == "replication_broken"
        finally:
            changed(replica, f"MASTER_PASSWORD='{PASSWORD}'")
        await until(server, "ok")
        replica.run("STOP SLAVE SQL_THREAD")
        assert await server.round() == "replication_broken"
        assert server.detail == "its SQL thread runs: No"
        replica.run("START SLAVE SQL_THREAD")
        await until(server, "ok")


async def test_a_primary_that_stands_still_is_silent(primary: MariaDB, replica: MariaDB) -> None:
    async with watched(replica.port, expect={"lag": "1s"}) as server:
        await until(server, "ok")
        with frozen(primary):
            await until(server, "replication_lag")
            told = server.facts.answers.channels[0].columns
            assert (told["slave_io_running"], told["slave_sql_running"]) == ("Yes", "Yes")
            assert told["seconds_behind_master"] == "0"
            assert (server.state.lag_seconds or 0) > 2
        await until(server, "ok")


async def test_a_replica_that_is_behind(primary: MariaDB, replica: MariaDB) -> None:
    async with watched(replica.port, expect={"lag": "20s"}, heartbeat=HEARTBEAT) as server:
        primary.run("DELETE FROM heartbeat.heartbeat")
        await until(server, "replication_unknown")
        assert server.detail == "no heartbeat can be read: the table is empty, or has no times"
        assert server.value("watchkeep_replication_lag_seconds") is None
        primary.run("REPLACE INTO heartbeat.heartbeat VALUES (NOW(6) - INTERVAL 45 SECOND, 1)")
        await until(server, "replication_lag")
        assert 45 <= (server.state.lag_seconds or 0) < 60
        assert server.value("mysql_slave_status_seconds_behind_master") == 0
        stored = server.value("mysql_heartbeat_stored_timestamp_seconds", server_id="1")
        now = server.value("mysql_heartbeat_now_timestamp_seconds", server_id="1")
        assert stored is not None
        assert now is not None
        assert 45 <= now - stored < 60
        primary.run("REPLACE INTO heartbeat.heartbeat VALUES (NOW(6) + INTERVAL 1 HOUR, 1)")
        await until(server, "replication_unknown")
        assert "in the future" in server.detail
        assert server.value("watchkeep_replication_lag_seconds") is None
        primary.run("REPLACE INTO heartbeat.heartbeat VALUES (NOW(6) - INTERVAL 45 SECOND, 1)")
        await until(server, "replication_lag")
        changed(replica, "MASTER_DELAY=3600")
        primary.run("REPLACE INTO heartbeat.heartbeat VALUES (NOW(6), 1)")
        await server.round()
        assert (server.state.lag_seconds or 0) >= 45, "what is delayed on purpose is late as well"
        changed(replica, "MASTER_DELAY=0")
        await until(server, "ok")


async def test_the_worst_of_several_channels_counts(
    primary: MariaDB, replica: MariaDB, start_mariadb: StartMariaDB
) -> None:
    other = start_mariadb("--server-id=9", "--log-bin=bin", "--gtid-domain-id=9")
    other.run("SET sql_log_bin = 0", FOLLOWER)
    follow(replica, other, channel="second")
    try:
        async with watched(replica.port) as server:
            await until(server, "ok")
            assert server.value("mysql_slave_status_slave_io_running", connection_name="second") == 1
            replica.run("STOP SLAVE 'second'")
            assert await server.round() == "replication_broken"
            assert server.detail == "channel second: its I/O thread runs: No, its SQL thread runs: No"
    finally:
        replica.run("STOP SLAVE 'second'", "RESET SLAVE 'second' ALL")


async def test_semi_synchronous_and_what_only_calls_itself_so(primary: MariaDB, replica: MariaDB) -> None:
    primary.run("SET GLOBAL rpl_semi_sync_master_enabled = ON, GLOBAL rpl_semi_sync_master_timeout = 100")
    replica.run("SET GLOBAL rpl_semi_sync_slave_enabled = ON", "STOP SLAVE IO_THREAD", "START SLAVE IO_THREAD")
    expect = {"replication": ["semi-sync"]}
    try:
        async with watched(primary.port, expect=expect) as server, watched(replica.port, expect=expect) as follower:
            await until(server, "ok")
            await until(follower, "ok")
            assert (server.state.mode, follower.state.mode) == (Mode.SEMI_SYNC, Mode.SEMI_SYNC)
            with frozen(replica):
                primary.run("REPLACE INTO heartbeat.heartbeat VALUES (NOW(6), 1)")
                assert await server.round() == "replication_mode"
                assert server.state.mode is Mode.ASYNC
            await until(server, "ok")
        primary.run("SET GLOBAL rpl_semi_sync_master_timeout = 60000")
        async with watched(primary.port, write_probe=CANARY) as server:
            assert await server.round() == "ok", server.detail
            with frozen(replica):
                assert await server.round(FROZEN_SECONDS) == "query_timeout"
                assert server.detail == "ops.watchkeep: what was written was not committed in time"
                assert (server.value("mysql_up"), server.value("watchkeep_write_success")) == (1, 0)
            await until(server, "ok")
    finally:
        primary.run("SET GLOBAL rpl_semi_sync_master_enabled = OFF")
        replica.run("SET GLOBAL rpl_semi_sync_slave_enabled = OFF", "STOP SLAVE IO_THREAD", "START SLAVE IO_THREAD")


async def test_a_node_without_quorum_that_still_answers(nodes: list[Node]) -> None:
    async with watched(nodes[2].port, expect={"replication": ["cluster"], "cluster_size": 3}) as server:
        await until(server, "ok")
        assert (server.state.mode, server.state.quorum, server.state.cluster_size) == (Mode.CLUSTER, True, 3)
        with frozen(*nodes[:2]):
            await until(server, "no_quorum")
            assert "1" in nodes[2].run("SELECT 1")
            assert server.state.quorum is False
            assert server.value("mysql_up") == 1
            assert server.value("mysql_global_status_wsrep_ready") == 0
            assert server.value("mysql_global_status_wsrep_cluster_status") == 0
            async with watched(nodes[2].port) as newcomer:
                assert await newcomer.round() == "no_quorum", newcomer.detail
        await until(server, "ok")


async def test_a_node_that_is_gone_leaves_a_smaller_cluster(nodes: list[Node]) -> None:
    async with watched(nodes[0].port, expect={"cluster_size": 3}) as server:
        with frozen(nodes[1]):
            await until(server, "cluster_size")
            assert (server.state.quorum, server.state.cluster_size) == (True, 2)


async def test_no_connection_is_left_while_ours_works(start_mariadb: StartMariaDB) -> None:
    small = start_mariadb("--max-connections=10", "--server-id=8")
    small.run(f"CREATE USER many IDENTIFIED BY '{PASSWORD}'", *granted("mariadb"))
    async with watched(small.port, login_interval="1ms") as server:
        assert await server.round() == "ok", server.detail
        async with connections(small.port, 9, "many"):
            assert await server.round() == "too_many_connections"
            assert server.value("mysql_up") == 1
            assert server.value("watchkeep_login_success") == 0
            async with watched(small.port) as another:
                assert await another.round() == "too_many_connections"
                assert another.value("mysql_up") == 0
        await until(server, "ok")
        assert server.value("watchkeep_login_success") == 1


async def test_a_wrong_password_and_one_that_was_changed(primary: MariaDB) -> None:
    async with watched(primary.port, password="wrong") as server:
        assert await server.round() == "auth_refused"
        assert server.value("mysql_up") == 0
        assert await server.round() == "auth_refused"
        assert "not tried again" in server.detail
    async with watched(primary.port, login_interval="1ms") as server:
        assert await server.round() == "ok", server.detail
        primary.run("SET PASSWORD FOR watchkeep = PASSWORD('changed')")
        try:
            assert await server.round() == "auth_refused"
            assert server.value("mysql_up") == 1, "the old connection still works"
            assert server.value("watchkeep_login_success") == 0
        finally:
            primary.run(f"SET PASSWORD FOR watchkeep = PASSWORD('{PASSWORD}')")


async def test_a_password_that_expires_and_is_mended(primary: MariaDB) -> None:
    async with watched(primary.port, login_interval="1ms") as server:
        assert await server.round() == "ok", server.detail
        primary.run("ALTER USER watchkeep PASSWORD EXPIRE")
        try:
            for _ in range(2):
                assert await server.round() == "auth_refused"
                assert "1820" in server.detail
                assert (server.value("mysql_up"), server.value("watchkeep_login_success")) == (1, 0)
            async with watched(primary.port) as newcomer:
                assert await newcomer.round() == "auth_refused"
        finally:
            primary.run(f"ALTER USER watchkeep IDENTIFIED BY '{PASSWORD}'")
        assert await server.round() == "ok", server.detail
        assert server.value("watchkeep_login_success") == 1


async def test_a_right_that_was_revoked_makes_it_unknown(primary: MariaDB) -> None:
    async with watched(primary.port, login_interval="1ms") as server:
        assert await server.round() == "ok", server.detail
        primary.run("REVOKE SLAVE MONITOR ON *.* FROM watchkeep")
        try:
            await until(server, "permission")
            assert "SLAVE MONITOR" in server.detail
            assert (server.state.role, server.state.mode) == (Role.UNKNOWN, Mode.UNKNOWN)
            assert server.value("mysql_up") == 1
            assert server.value("mysql_exporter_last_scrape_error") == 1
        finally:
            primary.run("GRANT SLAVE MONITOR ON *.* TO watchkeep")
        await until(server, "ok")


async def test_a_write_that_hangs_on_a_lock_is_no_server_that_is_down(primary: MariaDB) -> None:
    context = Context.default(SteadyClock())
    login = SQLLogin(username="watchkeep", password=Secret(PASSWORD))
    holder = await MySQLSession.open(Attempt(context), Endpoint(host="127.0.0.1", port=primary.port), login)
    try:
        async with watched(primary.port, write_probe=CANARY) as server:
            assert await server.round() == "ok", server.detail
            await holder.answer("START TRANSACTION READ WRITE")
            await holder.answer("SELECT * FROM ops.watchkeep FOR UPDATE")
            assert await server.round(FROZEN_SECONDS) == "query_timeout"
            assert (server.value("mysql_up"), server.value("watchkeep_write_success")) == (1, 0)
            await holder.answer("ROLLBACK")
            assert await server.round() == "ok", server.detail
    finally:
        holder.close()
        await context.close()


async def test_what_is_written_is_read_back(primary: MariaDB, replica: MariaDB) -> None:
    async with watched(primary.port, write_probe=CANARY) as server:
        assert await server.round() == "ok", server.detail
        assert server.value("watchkeep_write_success") == 1
        assert primary.run("SELECT server_id FROM ops.watchkeep").strip() == "1"
        primary.run("REVOKE INSERT ON ops.watchkeep FROM watchkeep")
        try:
            assert await server.round() == "permission"
            assert server.value("watchkeep_write_success") is None
        finally:
            primary.run("GRANT INSERT ON ops.watchkeep TO watchkeep")
        primary.run("DELETE FROM ops.watchkeep", "ALTER TABLE ops.watchkeep ADD CONSTRAINT n CHECK (server_id = 0)")
        try:
            assert await server.round() == "write"
            assert server.value("watchkeep_write_success") == 0
        finally:
            primary.run("ALTER TABLE ops.watchkeep DROP CONSTRAINT n")
        assert await server.round() == "ok", server.detail
    async with watched(replica.port, write_probe=CANARY) as server:
        await until(server, "ok")
        assert server.value("watchkeep_write_success") is None, "a replica is not written to"
