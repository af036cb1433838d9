"""What a server said, in the metrics of redis_exporter."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

from exporters.health.periodic import Aged
from exporters.redis.commands import Commands
from exporters.redis.fields import CLUSTER_FIELDS, FIELDS
from exporters.redis.info import Database, Info
from exporters.redis.labels import labelled, of_command, of_database
from exporters.redis.seldom import Seldom
from exporters.redis.sentinel import SETTINGS, Guarded
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
    labels = list(map(of_command, commands.names))
    seconds = [microseconds / 1e6 for microseconds in commands.microseconds]
    return chain(
        column("redis_commands_total", commands.calls, labels),
        column("redis_commands_duration_seconds_total", seconds, labels),
        column("redis_commands_rejected_calls_total", commands.rejected, labels),
        column("redis_commands_failed_calls_total", commands.failed, labels),
    )


def _database_samples(databases: Sequence[Database], count: int) -> Iterator[Sample]:
    empty = {f"db{number}": (0.0, 0.0) for number in range(min(count, MOST_EMPTY_DATABASES))}
    keys = empty | {database.name: (database.keys, database.expiring) for database in databases}
    labels = list(map(of_database, keys))
    yield from column("redis_db_keys", (count for count, _ in keys.values()), labels)
    yield from column("redis_db_keys_expiring", (count for _, count in keys.values()), labels)
    for database in databases:
        if database.average_ttl is not None:
            yield Sample("redis_db_avg_ttl_seconds", database.average_ttl / 1e3, of_database(database.name))


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
            message = labelled(name, ("message", each.message))
            yield Sample("redis_sentinel_master_ckquorum_status", 1.0 if each.quorum else 0.0, message)
        if each.well_replicas is not None:
            yield Sample("redis_sentinel_master_ok_slaves", float(each.well_replicas), labels)
        if each.well_sentinels is not None:
            yield Sample("redis_sentinel_master_ok_sentinels", float(each.well_sentinels), labels)
        for key, value in each.settings:
            yield Sample(f"redis_sentinel_master_{SETTINGS[key][0]}", value, labels)


def seldom_samples(aged: Aged[Seldom] | None, info: Info) -> Iterable[Sample]:
    """What was asked for last, however long ago, and how much was not told."""
    unread = info.unread + (aged.value.slow.untold if aged else 0)
    told = [Sample("watchkeep_redis_unread", float(unread))]
    if aged is not None:
        told.append(Sample("watchkeep_redis_slow_age_seconds", aged.age_seconds))
    return chain(told, aged.value.samples if aged else ())
