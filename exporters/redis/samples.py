"""What a server said, in the metrics of redis_exporter.

The labels of a series are the same object each time, so that whoever renders them need not look at them again.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain, compress, repeat

from exporters.health.periodic import Aged
from exporters.redis.commands import Commands, Latencies
from exporters.redis.fields import CLUSTER_FIELDS, FIELDS
from exporters.redis.info import Database, Info
from exporters.redis.sentinel import SETTINGS, Guarded
from exporters.redis.slow import Slow
from slo.core.sample import Sample, column
from slo.net.attempt import Reached

DATABASES = 16
"""How many a server has, where it does not tell."""

MOST_EMPTY_DATABASES = 64
"""Databases without a key are said to have none, as dashboards know it; up to so many."""

_FIELDS = tuple((name, field.metric, field.divisor) for name, field in FIELDS.items())
_SENTINEL = (
    "sentinel_masters",
    "sentinel_tilt",
    "sentinel_running_scripts",
    "sentinel_scripts_queue_length",
    "sentinel_simulate_failure_flags",
)
_INSTANCE = (
    *("role", "redis_version", "redis_build_id", "redis_mode", "os", "maxmemory_policy", "tcp_port", "run_id"),
    "process_id",
)
_CONFIGURED = {
    "maxclients": "redis_config_maxclients",
    "maxmemory": "redis_config_maxmemory",
    "io-threads": "redis_config_io_threads",
}


@lru_cache(maxsize=16_384)
def labelled(*pairs: tuple[str, str]) -> Mapping[str, str]:
    """These labels, the same object each time."""
    return dict(pairs)


@lru_cache(maxsize=16_384)
def _of_command(name: str) -> Mapping[str, str]:
    return {"cmd": name}


@lru_cache(maxsize=16_384)
def _at_quantile(command: str, percentile: str) -> Mapping[str, str]:
    return {"cmd": command, "quantile": percentile}


@lru_cache(maxsize=1024)
def _of_database(name: str) -> Mapping[str, str]:
    return {"db": name}


def down_samples(reason: str) -> Iterator[Sample]:
    """What is said of a round that did not come to its end."""
    yield Sample("redis_up", 0.0)
    yield Sample("redis_exporter_last_scrape_error", 1.0, labelled(("err", reason)))


def up_samples(reached: Reached) -> Iterator[Sample]:
    """What is said of a round itself that did."""
    yield Sample("redis_up", 1.0)
    yield Sample("redis_exporter_last_scrape_error", 0.0, labelled(("err", "")))
    yield Sample("redis_exporter_last_scrape_duration_seconds", reached.seconds)
    connecting = sum(reached.phases.get(phase, 0.0) for phase in ("resolve", "connect", "tls", "auth"))
    yield Sample("redis_exporter_last_scrape_connect_time_seconds", connecting)


def info_samples(info: Info, *, databases: int) -> Iterator[Sample]:
    """What INFO said. Of so many `databases` the empty ones are said too."""
    said = ((metric, info.number(name), divisor) for name, metric, divisor in _FIELDS)
    return chain(
        [Sample(metric, value / divisor) for metric, value, divisor in said if value is not None],
        _identity_samples(info),
        _link_samples(info),
        _follower_samples(info),
        _command_samples(info.commands),
        [Sample("redis_errors_total", count, labelled(("err", error))) for error, count in info.errors],
        _database_samples(info.databases, databases),
        _said_by_sentinel(info) if info.is_sentinel else (),
    )


def _identity_samples(info: Info) -> Iterator[Sample]:
    """What the server is, and since when."""
    yield Sample("redis_instance_info", 1.0, labelled(*((name, _instance_word(info, name)) for name in _INSTANCE)))
    now, uptime = info.number("server_time_usec"), info.number("uptime_in_seconds")
    if now is not None and uptime is not None:
        yield Sample("redis_start_time_seconds", now // 1e6 - uptime)


def _instance_word(info: Info, name: str) -> str:
    return info.word(name) or (info.word("server_mode") if name == "redis_mode" else "")


def _link_samples(info: Info) -> Iterator[Sample]:
    """How a replica stands to its primary."""
    if info.word("role") != "slave":
        return
    host, port = info.word("master_host"), info.word("master_port")
    primary = labelled(("master_host", host), ("master_port", port))
    if status := info.word("master_link_status"):
        yield Sample("redis_master_link_up", 1.0 if status == "up" else 0.0, primary)
    for name in ("master_last_io_seconds_ago", "master_sync_in_progress", "slave_repl_offset"):
        value = info.number(name)
        if value is not None:
            yield Sample(f"redis_{name}", value, primary)
    read_only = ("read_only", info.word("slave_read_only"))
    yield Sample("redis_slave_info", 1.0, labelled(("master_host", host), ("master_port", port), read_only))


def _follower_samples(info: Info) -> Iterator[Sample]:
    for follower in info.followers:
        labels = labelled(
            ("slave_ip", follower.address), ("slave_port", follower.port), ("slave_state", follower.state)
        )
        yield Sample("redis_connected_slave_offset_bytes", follower.offset, labels)
        if follower.lag is not None:
            yield Sample("redis_connected_slave_lag_seconds", follower.lag, labels)


def _command_samples(commands: Commands) -> Iterator[Sample]:
    """One metric after another, since those who render them keep lines of one name together."""
    labels = list(map(_of_command, commands.names))
    seconds = [microseconds / 1e6 for microseconds in commands.microseconds]
    return chain(
        column("redis_commands_total", commands.calls, labels),
        column("redis_commands_duration_seconds_total", seconds, labels),
        column("redis_commands_rejected_calls_total", commands.rejected, labels),
        column("redis_commands_failed_calls_total", commands.failed, labels),
    )


def _latency_samples(latencies: Latencies, commands: Commands) -> Iterator[Sample]:
    """Percentiles, and of the commands that have some what all calls took, as a summary has it."""
    for percentile, values in latencies.percentiles.items():
        quantiles = map(_at_quantile, latencies.names, repeat(percentile))
        yield from column("redis_latency_percentiles_usec", values, quantiles)
    timed = frozenset(latencies.names)
    known = [name in timed for name in commands.names]
    labels = list(map(_of_command, compress(commands.names, known)))
    sums, counts = compress(commands.microseconds, known), compress(commands.calls, known)
    yield from column("redis_latency_percentiles_usec_sum", sums, labels)
    yield from column("redis_latency_percentiles_usec_count", counts, labels)


def _database_samples(databases: Sequence[Database], count: int) -> Iterator[Sample]:
    empty = {f"db{number}": (0.0, 0.0) for number in range(min(count, MOST_EMPTY_DATABASES))}
    keys = empty | {database.name: (database.keys, database.expiring) for database in databases}
    labels = list(map(_of_database, keys))
    yield from column("redis_db_keys", (count for count, _ in keys.values()), labels)
    yield from column("redis_db_keys_expiring", (count for _, count in keys.values()), labels)
    for database in databases:
        if database.average_ttl is not None:
            yield Sample("redis_db_avg_ttl_seconds", database.average_ttl / 1e3, _of_database(database.name))


def _said_by_sentinel(info: Info) -> Iterator[Sample]:
    for name in _SENTINEL:
        value = info.number(name)
        if value is not None:
            yield Sample(f"redis_{name}", value)


def cluster_samples(cluster: Mapping[str, float]) -> Iterator[Sample]:
    """What CLUSTER INFO said; also what is not listed, as messages by their sort."""
    for name, value in cluster.items():
        field = CLUSTER_FIELDS.get(name)
        yield Sample(field.metric if field else f"redis_{name}", value)


def sentinel_samples(sentinel: Sequence[Guarded]) -> Iterator[Sample]:
    """What a Sentinel said of the primaries that it watches."""
    for each in sentinel:
        watched = each.watched
        name, address = ("master_name", watched.name), ("master_address", watched.address)
        labels = labelled(name, address)
        status = labelled(name, address, ("master_status", watched.status))
        yield Sample("redis_sentinel_master_status", 1.0 if watched.status == "ok" else 0.0, status)
        yield Sample("redis_sentinel_master_slaves", watched.replicas, labels)
        yield Sample("redis_sentinel_master_sentinels", watched.sentinels, labels)
        if each.quorum is not None:
            message = labelled(name, ("message", each.said))
            yield Sample("redis_sentinel_master_ckquorum_status", 1.0 if each.quorum else 0.0, message)
        if each.well_replicas is not None:
            yield Sample("redis_sentinel_master_ok_slaves", float(each.well_replicas), labels)
        if each.well_sentinels is not None:
            yield Sample("redis_sentinel_master_ok_sentinels", float(each.well_sentinels), labels)
        for key, value in each.settings:
            yield Sample(f"redis_sentinel_master_{SETTINGS[key][0]}", value, labels)


def slow_samples(aged: Aged[Slow] | None, info: Info) -> Iterator[Sample]:
    """What was asked for last, however long ago, and how much was not told."""
    yield Sample("watchkeep_redis_unread", float(info.unread + (aged.value.untold if aged else 0)))
    if aged is None:
        return
    slow, commands = aged.value, info.commands
    yield Sample("watchkeep_redis_slow_age_seconds", aged.age_seconds)
    yield from _latency_samples(slow.latencies, commands)
    for name, metric in _CONFIGURED.items():
        value = slow.setting(name)
        if value is not None:
            yield Sample(metric, value)
    yield from _buffer_samples(slow.settings.get("client-output-buffer-limit", ""))
    for event, at, seconds in slow.spikes:
        labels = labelled(("event_name", event))
        yield Sample("redis_latency_spike_last", at, labels)
        yield Sample("redis_latency_spike_duration_seconds", seconds, labels)
    if slow.slow_log is not None:
        yield Sample("redis_slowlog_length", slow.slow_log.length)
        yield Sample("redis_slowlog_last_id", slow.slow_log.last_id)
        yield Sample("redis_last_slow_execution_duration_seconds", slow.slow_log.last_seconds)
    totals = dict(zip(commands.names, commands.microseconds, strict=True))
    for command, calls, buckets in slow.histograms:
        for microseconds, count in buckets:
            bucket = labelled(("cmd", command), ("le", microseconds))
            yield Sample("redis_commands_latencies_usec_bucket", count, bucket)
        yield Sample("redis_commands_latencies_usec_bucket", calls, labelled(("cmd", command), ("le", "+Inf")))
        yield Sample("redis_commands_latencies_usec_sum", totals.get(command, 0.0), _of_command(command))
        yield Sample("redis_commands_latencies_usec_count", calls, _of_command(command))


def _buffer_samples(setting: str) -> Iterator[Sample]:
    """`normal 0 0 0 slave 268435456 67108864 60`: a hard and a soft limit of each class, and how long for the soft."""
    words = setting.split()
    for place in range(0, len(words) - 3, 4):
        name, *limits = words[place : place + 4]
        if all(limit.isascii() and limit.isdigit() and len(limit) < 20 for limit in limits):
            hard, soft, seconds = map(float, limits)
            classed = ("class", name)
            metric = "redis_config_client_output_buffer_limit"
            yield Sample(f"{metric}_bytes", hard, labelled(classed, ("limit", "hard")))
            yield Sample(f"{metric}_bytes", soft, labelled(classed, ("limit", "soft")))
            yield Sample(f"{metric}_overcome_seconds", seconds, labelled(classed, ("limit", "soft")))
