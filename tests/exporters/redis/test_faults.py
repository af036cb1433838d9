"""What the collector says of real servers that are stopped, killed, full, closed to us, or behind."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.databases import StartRedis, told
from tests.exporters.redis.conftest import StartSentinel
from tests.exporters.redis.watching import PASSWORD, WATCH, acl, watching
from tests.hostile import serving
from tests.services import Service, free_port

HUNG_SECONDS = 0.5


@contextlib.contextmanager
def frozen(service: Service) -> Iterator[None]:
    """While a server stands still (SIGSTOP)."""
    os.kill(service.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(service.pid, signal.SIGCONT)


async def test_a_frozen_server_is_down_at_the_deadline_and_no_other_is_late(start_redis: StartRedis) -> None:
    stopped, well = start_redis(), start_redis()
    async with watching(stopped.port, timeout_seconds=HUNG_SECONDS) as one, watching(well.port) as other:
        assert (await one.look()).reason == "ok"
        with frozen(stopped):
            # The kept connection hangs, then a new one does.
            for phases in (["query"], ["connect", "query"]):
                outcome, beside = await asyncio.gather(one.look(), other.look())
                assert (outcome.reason, list(outcome.phases)) == ("query_timeout", phases)
                assert one.value("redis_up") == 0.0
                assert one.value("redis_exporter_last_scrape_error", err="query_timeout") == 1.0
                assert beside.reason == "ok"
        assert (await one.look()).reason == "ok"
        assert one.value("redis_up") == 1.0
        first = [sample.name for sample in one.samples[:10]]  # what `max_samples` cuts off last
        assert {"redis_up", "watchkeep_replication_mode", "watchkeep_login_success"} <= {*first}


async def test_a_server_that_is_killed_and_comes_back(start_redis: StartRedis) -> None:
    service = start_redis()
    async with watching(service.port) as watched:
        assert list((await watched.look()).phases) == ["connect", "query"]
        assert list((await watched.look()).phases) == ["query"]
        service.kill()
        assert (await watched.look()).reason == "connect_refused"
        assert watched.value("redis_up") == 0.0
        service.start()
        assert (await watched.look()).reason == "ok"


async def test_a_restart_between_two_rounds_costs_neither_of_them(start_redis: StartRedis) -> None:
    service = start_redis()
    async with watching(service.port) as watched:
        await watched.look()
        service.kill()
        service.start()
        outcome = await watched.look()
        assert outcome.reason == "ok"
        assert "connect" in outcome.phases


async def test_wrong_passwords_and_users(start_redis: StartRedis) -> None:
    service = start_redis()
    told(service.port, acl(0), "ACL SETUSER default off")
    async with watching(service.port, **WATCH | {"password": "wrong"}) as watched:
        assert (await watched.look()).reason == "auth_refused"
        assert watched.value("redis_up") == 0.0
        outcome = await watched.look()
        assert outcome.reason == "auth_refused"
        assert "not tried again" in outcome.detail
    async with watching(service.port) as nobody:
        assert (await nobody.look()).reason == "auth_refused"
    async with watching(service.port, **WATCH) as watched:
        assert (await watched.look()).reason == "ok"


async def test_a_password_that_is_changed_is_seen_though_the_connection_is_kept(start_redis: StartRedis) -> None:
    service = start_redis()
    told(service.port, acl(0))
    async with watching(service.port, **WATCH, login_interval="1ms") as watched:
        assert (await watched.look()).reason == "ok"
        told(service.port, f"ACL SETUSER watchkeep <{PASSWORD} >another")
        outcome = await watched.until("auth_refused")
        assert outcome.detail.startswith("logging in anew: WRONGPASS")
        assert (watched.value("redis_up"), watched.value("watchkeep_login_success")) == (1.0, 0.0)
        told(service.port, f"ACL SETUSER watchkeep >{PASSWORD}")
        await watched.until("ok")
        told(service.port, "ACL DELUSER watchkeep")  # which cuts its connections
        assert (await watched.look()).reason == "auth_refused"
        assert watched.value("redis_up") == 0.0


async def test_a_right_that_is_revoked_takes_its_part_away_and_INFO_everything(  # noqa: N802  # the command's name
    start_redis: StartRedis,
) -> None:
    service = start_redis()
    told(service.port, acl(0))
    async with watching(service.port, **WATCH, slow_interval="1ms", write_probe={"key": "watchkeep:canary"}) as watched:
        outcome = await watched.look()
        assert (outcome.reason, outcome.state) == ("permission", "unknown")
        assert "watchkeep_write_success" not in {sample.name for sample in watched.samples}
        told(service.port, acl(1))
        assert (await watched.look()).reason == "ok"
        assert watched.value("watchkeep_write_success") == 1.0
        told(service.port, "ACL SETUSER watchkeep -config|get -slowlog|len -latency|latest")
        await watched.until_it(lambda: watched.value("watchkeep_redis_unread") == 10.0)
        assert watched.value("redis_up") == 1.0
        assert watched.value("redis_slowlog_length") is watched.value("redis_config_maxclients") is None
        told(service.port, "ACL SETUSER watchkeep -info")
        outcome = await watched.look()
        assert (outcome.reason, outcome.state) == ("permission", "unknown")
        assert watched.value("redis_up") == 0.0


async def test_no_connection_is_left_for_others_or_for_us(start_redis: StartRedis) -> None:
    service = start_redis("--maxclients", "2")
    async with watching(service.port, login_interval="0s") as inside:
        assert (await inside.look()).reason == "ok"
        with socket.create_connection(("127.0.0.1", service.port)):
            outcome = await inside.until("too_many_connections")
            assert outcome.detail == "2 connections are open, 2 are allowed"
            async with watching(service.port) as outside:
                assert (await outside.look()).reason == "too_many_connections"
                assert outside.value("redis_up") == 0.0
        await inside.until("ok")


async def test_why_a_primary_takes_no_writes_is_said_by_its_state_and_by_the_write(start_redis: StartRedis) -> None:
    service = start_redis()
    canary = {"key": "watchkeep:canary"}
    async with watching(service.port, write_probe=canary, slow_interval="1ms", login_interval="0s") as watched:
        assert (await watched.look()).reason == "ok"
        assert 0 < int(told(service.port, "TTL watchkeep:canary").splitlines()[0][1:]) <= 60
        shutil.rmtree(service.folder)  # where it would put its snapshot
        faults = {
            "CONFIG SET maxmemory 1": "bytes are in use, 1 are allowed",
            "CONFIG SET maxmemory 0": "",
            "CONFIG SET min-replicas-to-write 1": "0 replicas are well",
            "CONFIG SET min-replicas-to-write 0": "",
            "CONFIG SET save '3600 1'": "",
            "BGSAVE": "its last snapshot failed",
            "CONFIG SET stop-writes-on-bgsave-error no": "",
        }
        for command, why in faults.items():
            told(service.port, command)
            # A snapshot fails a moment after it was asked for: a round in between is told by the write alone.
            await watched.until("read_only" if why else "ok", why)
            assert watched.value("watchkeep_write_success") == (0.0 if why else 1.0), command
    service.kill()  # it would not end without a last snapshot


async def test_a_replica_is_not_written_to(start_redis: StartRedis) -> None:
    primary = start_redis()
    replica = start_redis("--replicaof", f"127.0.0.1 {primary.port}")
    async with watching(
        replica.port, expect={"role": "replica", "read_only": True}, write_probe={"key": "canary"}
    ) as watched:
        await watched.until("ok")
        assert watched.value("watchkeep_write_success") is None
        told(replica.port, "CONFIG SET replica-read-only no")
        assert (await watched.look()).reason == "writable"


# Replication


@pytest.fixture(scope="session")
def followed(start_redis: StartRedis) -> tuple[Service, Service]:
    """A primary that says something every second, and its replica."""
    primary = start_redis("--repl-ping-replica-period", "1")
    return primary, start_redis("--replicaof", f"127.0.0.1 {primary.port}")


async def test_a_frozen_primary_leaves_its_replica_behind_though_nothing_is_left_to_apply(
    followed: tuple[Service, Service],
) -> None:
    primary, replica = followed
    expect = {"role": "replica", "lag": "2s"}
    async with watching(replica.port, expect=expect) as watched:
        await watched.until("ok")
        with frozen(primary):
            outcome = await watched.until("replication_lag")
            assert "3.0 s behind" in outcome.detail
            assert watched.value("redis_master_link_up") == 1.0
            assert watched.value("watchkeep_replication_lag_bytes") == 0.0
            assert watched.value("watchkeep_replication_lag_seconds") == 3.0
        await watched.until("ok")


async def test_a_frozen_replica_is_behind_for_its_primary(followed: tuple[Service, Service]) -> None:
    primary, replica = followed
    async with watching(primary.port, expect={"role": "primary", "replicas": 1, "lag": "2s"}) as watched:
        await watched.until("ok")
        with frozen(replica):
            told(primary.port, "SET a 1")
            await watched.until("replication_lag")
            assert (watched.value("watchkeep_replication_lag_seconds") or 0) > 2
            assert (watched.value("watchkeep_replication_lag_bytes") or 0) > 0
        await watched.until("ok")


async def test_a_primary_that_is_gone_and_one_that_never_was(start_redis: StartRedis) -> None:
    primary = start_redis()
    replica = start_redis("--replicaof", f"127.0.0.1 {primary.port}")
    async with watching(replica.port) as watched, watching(primary.port, expect={"replicas": 1}) as source:
        await watched.until("ok")
        replica.stop()
        await source.until("replicas_missing")
        replica.start()
        await watched.until("ok")
        primary.kill()
        outcome = await watched.until("replication_broken")
        assert outcome.detail.startswith(f"its link to 127.0.0.1:{primary.port} has been down")
        assert watched.value("watchkeep_replication_running") == 0.0
        assert watched.value("redis_master_link_up") == 0.0
        told(replica.port, "REPLICAOF NO ONE")
        assert (await watched.look()).reason == "ok"
        assert watched.value("watchkeep_replication_role", role="primary") == 1.0


@contextlib.asynccontextmanager
async def slow_way_to(port: int, slowed: asyncio.Event) -> AsyncIterator[int]:
    """The port of a way to a server over which, once it is slowed, only a little comes back at a time."""

    async def there(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()

    async def back(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000 if slowed.is_set() else 65_536):
            writer.write(data)
            await writer.drain()
            if slowed.is_set():
                await asyncio.sleep(0.05)

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_reader, to_writer = await asyncio.open_connection("127.0.0.1", port, limit=2000)
        try:
            await asyncio.gather(there(reader, to_writer), back(to_reader, writer))
        finally:
            to_writer.close()

    async with serving(relay) as way:
        yield way


async def test_a_replica_that_a_slow_network_keeps_behind_does_not_know_it_and_its_primary_does(
    start_redis: StartRedis,
) -> None:
    primary, slowed = start_redis(), asyncio.Event()
    async with slow_way_to(primary.port, slowed) as way:
        replica = await asyncio.to_thread(start_redis, "--replicaof", f"127.0.0.1 {way}")
        async with (
            watching(primary.port, expect={"replicas": 1, "lag": "1500ms"}) as source,
            watching(replica.port) as watched,
            watching(replica.port, primary=f"127.0.0.1:{primary.port}", expect={"lag": "1500ms"}) as of_both,
        ):
            await watched.until("ok")
            await source.until("ok")
            await of_both.until("ok")
            slowed.set()
            told(primary.port, *[f"APPEND a {'x' * 60_000}"] * 5)
            outcome = await source.until("replication_lag")
            assert (source.value("watchkeep_replication_lag_bytes") or 0) > 100_000
            assert (source.value("redis_connected_slave_lag_seconds") or 0) <= 1.0, outcome.detail
            assert (await watched.look()).reason == "ok"
            await of_both.until("replication_lag")
            assert (of_both.value("watchkeep_replication_lag_bytes") or 0) > 100_000


async def test_a_primary_that_is_asked_beside_its_replica_delays_nothing_and_must_be_the_right_one(
    followed: tuple[Service, Service], start_redis: StartRedis
) -> None:
    primary, replica = followed
    beside: dict[str, Any] = {"expect": {"lag": "30s"}, "timeout_seconds": 1.0}
    async with watching(replica.port, primary=f"127.0.0.1:{primary.port}", **beside) as watched:
        await watched.until("ok")
        with frozen(primary):
            assert (await watched.look()).reason == "ok"  # what it said last still holds
        await watched.until("ok")
    async with watching(replica.port, primary=f"127.0.0.1:{start_redis().port}", **beside) as watched:
        assert (await watched.look()).reason == "replication_unknown"
        assert watched.value("watchkeep_replication_lag_seconds") is None


# Sentinel and cluster


async def test_a_failover_by_a_sentinel(start_redis: StartRedis, start_sentinel: StartSentinel) -> None:
    primary = start_redis()
    replica = start_redis("--replicaof", f"127.0.0.1 {primary.port}")
    async with watching(replica.port, expect={"role": "replica"}) as watched:
        await watched.until("ok")
        sentinel = start_sentinel(primary.port)
        async with watching(sentinel.port, expect={"role": "sentinel", "replicas": 1}) as guard:
            await guard.until("ok")
            primary.kill()
            outcome = await guard.until("replication_broken")
            assert outcome.detail.startswith(f"main at 127.0.0.1:{primary.port} is ")
            assert guard.value("redis_sentinel_master_status") == 0.0
            assert (await watched.until("role")).detail == "it is a primary, not a replica"
            address = f"127.0.0.1:{replica.port}"
            await guard.until_it(
                lambda: guard.value("redis_sentinel_master_status", master_address=address, master_status="ok") == 1.0
            )
            await guard.until("replicas_missing")  # the old primary is the new replica, and is not there
            assert guard.value("redis_sentinel_master_ok_slaves") == 0.0
            primary.start()
            await guard.until("ok")


async def test_a_sentinel_that_could_not_replace_anybody(
    start_redis: StartRedis, start_sentinel: StartSentinel
) -> None:
    alone = start_sentinel(start_redis().port, quorum=2)
    async with watching(alone.port, expect={"cluster_size": 2}) as watched:
        outcome = await watched.until("no_quorum")
        assert outcome.state == "bad"
        assert watched.value("redis_sentinel_master_ckquorum_status") == 0.0
        assert watched.value("redis_sentinel_master_ok_sentinels") == 1.0


async def test_a_cluster_that_lacks_a_slot_takes_no_questions(start_redis: StartRedis) -> None:
    node = start_redis("--cluster-enabled", "yes", "--cluster-port", str(free_port()))
    async with watching(node.port, expect={"cluster_size": 1}) as watched:
        assert (await watched.look()).reason == "no_quorum"
        assert watched.value("redis_cluster_state") == 0.0
        told(node.port, "CLUSTER ADDSLOTSRANGE 0 16383")
        await watched.until("ok")
        assert watched.value("redis_cluster_state") == 1.0
        told(node.port, "CLUSTER DELSLOTSRANGE 7 7")
        await watched.until("no_quorum")
