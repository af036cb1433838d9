"""The collector beside Debian's redis_exporter, at the same servers: what that says is said, with the same labels, and
what is at rest has the same value.
"""

import re
import time
import urllib.request
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.databases import StartRedis, told
from tests.exporters.redis.conftest import StartExporter, StartSentinel
from tests.exporters.redis.watching import PASSWORD, Watched, acl, watching
from tests.exporters.test_endpoints import judged
from tests.services import Service, free_port

SERVERS = ("primary", "replica", "sentinel", "node")

ITS_OWN = re.compile(
    r"redis_(exporter_(build_info|scrapes_total|scrape_duration_seconds.*)"
    r"|target_scrape_request_errors_total|last_key_groups_scrape_duration_milliseconds)"
)
"""What that exporter says of itself."""

OF_WHO_ASKS = re.compile(
    r"redis_(exporter_last_scrape_.*|connected_clients|client_recent_max_.*|mem(ory)?_.*|allocator_.*|start_time_seconds"
    r"|.*connections_received_total|net_.*|cpu_.*|commands_(processed_)?total|commands_duration_seconds_total"
    r"|total_(reads|writes)_processed|latency_percentiles_usec.*|sentinel_master_last_ok_ping_reply_seconds)"
)
"""What asking changes, or what is of the one who asks. A start goes by our clock there, and by the server's here."""

NOT_OF_SENTINELS = re.compile(r"redis_db_keys.*")
"""A Sentinel has no databases, of which that exporter says that they are empty."""

REFUSED_NAMES = frozenset(
    {
        "redis_aof_current_rewrite_duration_sec",
        "redis_aof_last_rewrite_duration_sec",
        "redis_cluster_messages_received_total",
        "redis_cluster_messages_sent_total",
        "redis_current_eviction_exceeded_time_ms",
        "redis_dump_payload_sanitizations",
        "redis_eviction_exceeded_time_ms_total",
        "redis_expire_cycle_cpu_time_ms_total",
        "redis_expired_time_cap_reached_total",
        "redis_io_threaded_reads_processed",
        "redis_io_threaded_writes_processed",
        "redis_memory_used_vm_total",
        "redis_migrate_cached_sockets_total",
        "redis_rdb_current_bgsave_duration_sec",
        "redis_rdb_last_bgsave_duration_sec",
        "redis_rdb_saves_total",
        "redis_sentinel_master_setting_down_after_milliseconds",
        "redis_total_error_replies",
        "redis_total_reads_processed",
        "redis_total_writes_processed",
        "redis_unexpected_error_replies",
    }
)
"""Names of redis_exporter that promtool would have otherwise."""

RELIED_ON = frozenset(
    {
        "redis_blocked_clients",
        "redis_cluster_slots_fail",
        "redis_cluster_slots_pfail",
        "redis_cluster_state",
        "redis_commands_duration_seconds_total",
        "redis_commands_total",
        "redis_connected_clients",
        "redis_connected_slave_lag_seconds",
        "redis_connected_slave_offset_bytes",
        "redis_connected_slaves",
        "redis_db_keys",
        "redis_db_keys_expiring",
        "redis_evicted_keys_total",
        "redis_expired_keys_total",
        "redis_exporter_last_scrape_error",
        "redis_instance_info",
        "redis_keyspace_hits_total",
        "redis_keyspace_misses_total",
        "redis_latency_spike_duration_seconds",
        "redis_latency_spike_last",
        "redis_loading_dump_file",
        "redis_master_last_io_seconds_ago",
        "redis_master_link_up",
        "redis_master_sync_in_progress",
        "redis_memory_max_bytes",
        "redis_memory_used_bytes",
        "redis_memory_used_rss_bytes",
        "redis_net_input_bytes_total",
        "redis_net_output_bytes_total",
        "redis_rdb_last_bgsave_status",
        "redis_rejected_connections_total",
        "redis_sentinel_master_ckquorum_status",
        "redis_sentinel_master_ok_sentinels",
        "redis_sentinel_master_ok_slaves",
        "redis_sentinel_master_status",
        "redis_slave_repl_offset",
        "redis_slowlog_last_id",
        "redis_slowlog_length",
        "redis_total_system_memory_bytes",
        "redis_up",
        "redis_uptime_in_seconds",
    }
)
"""What dashboards and alerts ask for."""

Series = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A server, and the exporter beside it."""

    server: Service
    exporter: Service

    def theirs(self) -> Series:
        """What the exporter says now."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.exporter.port}/metrics", timeout=10) as answer:
            return read(answer.read().decode())


def read(text: str) -> Series:
    """The series of a text that are of Redis."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("redis_")
    }


@pytest.fixture(scope="session")
def pairs(start_redis: StartRedis, start_sentinel: StartSentinel, start_exporter: StartExporter) -> dict[str, Pair]:
    """A primary with a replica and a Sentinel, and a cluster of one, in use, with the users of the manual."""
    primary = start_redis("--latency-monitor-threshold", "1", "--slowlog-log-slower-than", "1000", "--maxclients", "99")
    replica = start_redis("--replicaof", f"127.0.0.1 {primary.port}")
    sentinel = start_sentinel(primary.port)
    node = start_redis("--cluster-enabled", "yes", "--cluster-port", str(free_port()))
    told(node.port, "CLUSTER ADDSLOTSRANGE 0 16383")
    told(primary.port, "SET a 1", "SET b 2 EX 1000", "GET a", "GET none", "NONSENSE", "LPUSH a 1")
    told(primary.port, "SELECT 5", "SET c 3")
    told(primary.port, "EVAL 'for i=1,1000000 do local x=i end return 1' 0")
    for server in (primary, replica, node):
        told(server.port, acl(0))
    told(sentinel.port, acl(2))
    servers = dict(zip(SERVERS, (primary, replica, sentinel, node), strict=True))
    until = time.monotonic() + 20
    while "master_link_status:up" not in told(replica.port, "INFO replication") or (
        "slaves=1" not in told(sentinel.port, "INFO sentinel")
    ):
        assert time.monotonic() < until
        time.sleep(0.05)
    while "cluster_state:ok" not in told(node.port, "CLUSTER INFO"):
        assert time.monotonic() < until
        time.sleep(0.05)
    return {name: Pair(server=server, exporter=start_exporter(server.port)) for name, server in servers.items()}


def as_the_manual_says(pair: Pair) -> AbstractAsyncContextManager[Watched]:
    """A collector of the server, as the user of the manual."""
    return watching(pair.server.port, username="watchkeep", password=PASSWORD)


@pytest.mark.parametrize("name", SERVERS)
async def test_what_the_exporter_says_is_said_with_the_same_labels_and_at_rest_with_the_same_value(
    pairs: dict[str, Pair], name: str
) -> None:
    pair = pairs[name]
    async with as_the_manual_says(pair) as watched:
        await watched.look()
    pair.theirs()  # from here on the server knows the commands of both
    async with as_the_manual_says(pair) as watched:
        await watched.look()
        before, ours, after = pair.theirs(), read(await watched.text()), pair.theirs()
    skipped = [ITS_OWN, *([NOT_OF_SENTINELS] if name == "sentinel" else [])]
    expected = {key: value for key, value in before.items() if not any(each.fullmatch(key[0]) for each in skipped)}
    assert sorted(expected.keys() - ours.keys()) == []
    at_rest = {
        key: value for key, value in expected.items() if value == after.get(key) and not OF_WHO_ASKS.fullmatch(key[0])
    }
    assert {key: ours[key] for key in at_rest} == at_rest
    assert len(at_rest) > (20 if name == "sentinel" else 70)
    assert len(ours) >= len(expected)


async def test_what_dashboards_and_alerts_rely_on_is_said_by_one_server_or_the_other(pairs: dict[str, Pair]) -> None:
    said = set()
    for pair in pairs.values():
        async with as_the_manual_says(pair) as watched:
            said |= {name for name, _ in read(await watched.text())}
    assert said >= RELIED_ON


async def test_promtool_refuses_no_name_but_those_of_the_exporter(pairs: dict[str, Pair]) -> None:
    for pair in pairs.values():
        async with as_the_manual_says(pair) as watched:
            remarks = judged(await watched.text()).splitlines()
        assert {remark.split()[0] for remark in remarks if remark.startswith("redis_")} <= REFUSED_NAMES
        assert not [remark for remark in remarks if not remark.startswith(("redis_", "exit 3"))]


@pytest.mark.parametrize("name", SERVERS)
async def test_the_user_of_the_manual_may_ask_all_that_is_asked(pairs: dict[str, Pair], name: str) -> None:
    async with as_the_manual_says(pairs[name]) as watched:
        outcome = await watched.look()
        assert (outcome.reason, outcome.detail) == ("ok", "")
        assert watched.value("watchkeep_redis_unread") == 0.0
        assert watched.value("watchkeep_login_success") == 1.0
