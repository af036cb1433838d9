"""What a server said, in the metrics of redis_exporter.

The labels of a series are the same object each time, so that whoever renders them need not look at them again.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from exporters.redis.fields import CLUSTER_FIELDS, FIELDS
from exporters.redis.info import Database, Info
from exporters.redis.sentinel import SETTINGS, Guarded
from exporters.redis.slow import Slow
from slo.core.sample import Sample

DATABASES = 16
"""How many a server has, where it does not tell."""

MOST_EMPTY_DATABASES = 64
"""Databases without a key are said to have none, as dashboards know it; up to so many."""

_FIELDS = tuple((name, field.metric, field.factor) for name, field in FIELDS.items())
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


def info_samples(info: Info, *, databases: int) -> Iterator[Sample]:
    """What INFO said. Of so many `databases` the empty ones are said too."""
    number = info.number
    for name, metric, factor in _FIELDS:
        value = number(name)
        if value is not None:
            yield Sample(metric, value * factor)
    yield Sample("redis_instance_info", 1.0, labelled(*((name, _instance_word(info, name)) for name in _INSTANCE)))
    now, uptime = number("server_time_usec"), number("uptime_in_seconds")
    if now is not None and uptime is not None:
        yield Sample("redis_start_time_seconds", now // 1e6 - uptime)
    yield from _link_samples(info)
    yield from _follower_samples(info)
    yield from _command_samples(info)
    for error, count in info.errors:
        yield Sample("redis_errors_total", count, labelled(("err", error)))
    yield from _database_samples(info.databases, databases)
    if info.is_sentinel:
        yield from _said_by_sentinel(info)


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


def _command_samples(info: Info) -> Iterator[Sample]:
    totals = {}
    for name, calls, microseconds, rejected, failed in info.commands:
        labels = _of_command(name)
        totals[name] = calls, microseconds
        yield Sample("redis_commands_total", calls, labels)
        yield Sample("redis_commands_duration_seconds_total", microseconds / 1e6, labels)
        if rejected is not None and failed is not None:
            yield Sample("redis_commands_rejected_calls_total", rejected, labels)
            yield Sample("redis_commands_failed_calls_total", failed, labels)
    for command, values in info.percentiles:
        if command not in totals:
            continue
        for percentile, value in values:
            yield Sample("redis_latency_percentiles_usec", value, _at_quantile(command, percentile))
        calls, microseconds = totals[command]
        labels = _of_command(command)
        yield Sample("redis_latency_percentiles_usec_sum", microseconds, labels)
        yield Sample("redis_latency_percentiles_usec_count", calls, labels)


def _database_samples(databases: Sequence[Database], count: int) -> Iterator[Sample]:
    known = {database.name: database for database in databases}
    empty = (f"db{number}" for number in range(min(count, MOST_EMPTY_DATABASES)))
    for name in dict.fromkeys((*known, *empty)):
        database, labels = known.get(name), _of_database(name)
        yield Sample("redis_db_keys", database.keys if database else 0.0, labels)
        yield Sample("redis_db_keys_expiring", database.expiring if database else 0.0, labels)
        if database and database.average_ttl is not None:
            yield Sample("redis_db_avg_ttl_seconds", database.average_ttl / 1e3, labels)


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


def slow_samples(slow: Slow, info: Info) -> Iterator[Sample]:
    """What was asked for last, however long ago."""
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
    totals = {command.name: command.microseconds for command in info.commands}
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
