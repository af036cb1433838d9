"""Help and type of every metric that the collector `redis` says."""

from exporters.health import login, replication, write
from exporters.redis.fields import CLUSTER_FIELDS, FIELDS
from slo.exposition.families import Family


def _table(kind: str, **helps: str) -> dict[str, Family]:
    return {f"redis_{name}": Family(name=f"redis_{name}", type=kind, help=text) for name, text in helps.items()}


_LABELLED = {
    **_table(
        "gauge",
        up="Whether the server answered.",
        instance_info="What the server is; always 1.",
        start_time_seconds="When the server started.",
        slave_info="Whom the replica follows; always 1.",
        slave_repl_offset="How far the replica has come in the stream of its primary, in bytes.",
        master_link_up="Whether the replica is connected to its primary.",
        master_last_io_seconds_ago="Seconds since the replica heard of its primary.",
        master_sync_in_progress="Whether the replica takes a full copy.",
        connected_slave_lag_seconds="Seconds since the primary heard of the replica.",
        connected_slave_offset_bytes="How far the replica said that it has come.",
        db_keys="Keys of the database.",
        db_keys_expiring="Keys of the database that will expire.",
        db_avg_ttl_seconds="How long these have left on average.",
        config_maxclients="The most connections, as configured.",
        config_maxmemory="The most memory for data, as configured.",
        config_io_threads="Threads for input and output, as configured.",
        config_client_output_buffer_limit_bytes="The most that may wait for a client of that class.",
        config_client_output_buffer_limit_overcome_seconds="How long a client may be above the soft limit.",
        latency_spike_last="When something took too long last.",
        latency_spike_duration_seconds="How long that took.",
        slowlog_length="Entries in the log of slow commands.",
        slowlog_last_id="Id of its last entry.",
        last_slow_execution_duration_seconds="How long the command of its last entry took.",
        exporter_last_scrape_error="Whether the last round failed, and by which reason.",
        exporter_last_scrape_duration_seconds="How long the last round took.",
        exporter_last_scrape_connect_time_seconds="How much of it was connecting; 0 where the connection was kept.",
        sentinel_masters="Primaries that the Sentinel watches.",
        sentinel_tilt="Whether the Sentinel does not trust its clock, and does nothing.",
        sentinel_running_scripts="Scripts that run.",
        sentinel_scripts_queue_length="Scripts that wait.",
        sentinel_simulate_failure_flags="Failures that the Sentinel plays.",
        sentinel_master_status="Whether the primary is well, as the Sentinel sees it.",
        sentinel_master_slaves="Replicas of the primary.",
        sentinel_master_sentinels="Sentinels that watch the primary.",
        sentinel_master_ok_slaves="Replicas of the primary that are not down.",
        sentinel_master_ok_sentinels="Sentinels that watch the primary and are not down.",
        sentinel_master_ckquorum_status="Whether enough Sentinels are there to replace the primary.",
        sentinel_master_setting_ckquorum="How many Sentinels must agree that the primary is down.",
        sentinel_master_setting_failover_timeout="Milliseconds that a failover may take.",
        sentinel_master_setting_parallel_syncs="Replicas that are told of a new primary at the same time.",
        sentinel_master_setting_down_after_milliseconds="After what silence the primary is taken for down.",
        sentinel_master_config_epoch="The epoch of what is known of the primary.",
        sentinel_master_last_ok_ping_reply_seconds="How long ago the primary last answered a ping.",
    ),
    **_table(
        "counter",
        commands_total="Calls of the command.",
        commands_duration_seconds_total="Time that these calls have taken.",
        commands_rejected_calls_total="Calls that were refused before they ran.",
        commands_failed_calls_total="Calls that failed while they ran.",
        errors_total="Answers that were errors, by their first word.",
    ),
    **_table(
        "untyped",
        latency_percentiles_usec="Percentiles of how long the command takes, in microseconds.",
        latency_percentiles_usec_sum="Time that all calls have taken, in microseconds.",
        latency_percentiles_usec_count="Calls of the command.",
        commands_latencies_usec_bucket="Calls of the command that took at most so many microseconds.",
        commands_latencies_usec_sum="Time that all calls have taken, in microseconds.",
        commands_latencies_usec_count="Calls of the command.",
    ),
    "watchkeep_redis_unread": Family(
        name="watchkeep_redis_unread",
        type="gauge",
        help="What the server did not tell, may not tell us, or told so that it could not be read.",
    ),
    "watchkeep_redis_slow_age_seconds": Family(
        name="watchkeep_redis_slow_age_seconds",
        type="gauge",
        help="How long ago the server was asked for its settings, its slow log and latencies.",
    ),
}

FAMILIES = {
    **_LABELLED,
    **{field.metric: field.family for field in (*FIELDS.values(), *CLUSTER_FIELDS.values())},
    **replication.FAMILIES,
    **login.FAMILIES,
    **write.FAMILIES,
}

_CLUSTER = "redis_cluster_"


def family(name: str) -> Family | None:
    """Help and type of a metric; None for one that is not of this collector."""
    known = FAMILIES.get(name)
    if known is None and name.startswith(_CLUSTER):
        return Family(name=name, type="gauge", help="As CLUSTER INFO says it.")
    return known
