"""The numbers of INFO and CLUSTER INFO, and the metrics that redis_exporter made known for them.

The names and types are those of redis_exporter 1.45, and of later ones for what 1.45 does not know. A number that is
not listed here is not read.
"""

from dataclasses import dataclass
from types import MappingProxyType

from slo.exposition.families import Family


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """A number that the server says, and its metric. It is divided by `divisor`, which makes seconds of it."""

    metric: str
    family: Family
    divisor: float = 1.0


def _gauge(name: str, text: str, divisor: float = 1.0) -> Field:
    metric = f"redis_{name}"
    return Field(metric=metric, family=Family(name=metric, type="gauge", help=text), divisor=divisor)


def _counter(name: str, text: str) -> Field:
    metric = f"redis_{name}"
    return Field(metric=metric, family=Family(name=metric, type="counter", help=text))


_SERVER = {
    "uptime_in_seconds": _gauge("uptime_in_seconds", "Seconds since the server started."),
    "process_id": _gauge("process_id", "Process id of the server."),
    "io_threads_active": _gauge("io_threads_active", "Whether the threads for input and output are at work."),
    "server_threads": _gauge("server_threads_total", "Threads of the server (KeyDB)."),
    "long_lock_waits": _gauge("long_lock_waits_total", "Long waits for the global lock (KeyDB)."),
    "current_client_thread": _gauge("current_client_thread", "The thread that serves us (KeyDB)."),
}

_CLIENTS = {
    "connected_clients": _gauge("connected_clients", "Connections of clients, without those of replicas."),
    "blocked_clients": _gauge("blocked_clients", "Clients that wait in a blocking command."),
    "maxclients": _gauge("max_clients", "The most connections that the server takes."),
    "cluster_connections": _gauge("cluster_connections", "Connections that the bus of the cluster uses."),
    "tracking_clients": _gauge("tracking_clients", "Clients that are told of keys that change."),
    "clients_in_timeout_table": _gauge("clients_in_timeout_table", "Clients that wait with a time limit."),
    "pubsub_clients": _gauge("pubsub_clients", "Clients that are subscribed to something."),
    "watching_clients": _gauge("watching_clients", "Clients that watch keys for a transaction."),
    "total_watched_keys": _gauge("total_watched_keys", "Keys that are watched for a transaction."),
    "total_blocking_keys": _gauge("total_blocking_keys", "Keys that clients wait for."),
    "total_blocking_keys_on_nokey": _gauge("total_blocking_keys_on_nokey", "Keys whose deletion clients wait for."),
    "client_longest_output_list": _gauge("client_longest_output_list", "The longest output list of a client."),
    "client_biggest_input_buf": _gauge("client_biggest_input_buf", "The largest input buffer of a client."),
    "client_recent_max_output_buffer": _gauge(
        "client_recent_max_output_buffer_bytes", "The largest output buffer of a client lately."
    ),
    "client_recent_max_input_buffer": _gauge(
        "client_recent_max_input_buffer_bytes", "The largest input buffer of a client lately."
    ),
}

_MEMORY = {
    "allocator_active": _gauge("allocator_active_bytes", "What the allocator has in active pages."),
    "allocator_allocated": _gauge("allocator_allocated_bytes", "What the allocator has given out."),
    "allocator_resident": _gauge("allocator_resident_bytes", "What the allocator has resident."),
    "allocator_frag_ratio": _gauge("allocator_frag_ratio", "Active over allocated memory."),
    "allocator_frag_bytes": _gauge("allocator_frag_bytes", "Active less allocated memory."),
    "allocator_rss_ratio": _gauge("allocator_rss_ratio", "Resident over active memory of the allocator."),
    "allocator_rss_bytes": _gauge("allocator_rss_bytes", "Resident less active memory of the allocator."),
    "used_memory": _gauge("memory_used_bytes", "Memory that the server has allocated."),
    "used_memory_rss": _gauge("memory_used_rss_bytes", "Memory of the server as the system sees it."),
    "used_memory_peak": _gauge("memory_used_peak_bytes", "The most memory that was ever allocated."),
    "used_memory_lua": _gauge("memory_used_lua_bytes", "Memory of the Lua engine."),
    "used_memory_vm_eval": _gauge("memory_used_vm_eval_bytes", "Memory of the engine of EVAL scripts."),
    "used_memory_scripts_eval": _gauge("memory_used_scripts_eval_bytes", "Overhead of cached EVAL scripts."),
    "used_memory_overhead": _gauge("memory_used_overhead_bytes", "Memory for what manages the data."),
    "used_memory_startup": _gauge("memory_used_startup_bytes", "Memory that the server had when it started."),
    "used_memory_dataset": _gauge("memory_used_dataset_bytes", "Memory of the data."),
    "number_of_cached_scripts": _gauge("number_of_cached_scripts", "EVAL scripts that are cached."),
    "number_of_functions": _gauge("number_of_functions", "Functions that are loaded."),
    "number_of_libraries": _gauge("number_of_libraries", "Libraries of functions that are loaded."),
    "used_memory_vm_functions": _gauge("memory_used_vm_functions_bytes", "Memory of the engine of functions."),
    "used_memory_scripts": _gauge("memory_used_scripts_bytes", "Overhead of scripts and functions."),
    "used_memory_functions": _gauge("memory_used_functions_bytes", "Overhead of functions."),
    "used_memory_vm_total": _gauge("memory_used_vm_total", "Memory of all engines of scripts, in bytes."),
    "total_system_memory": _gauge("total_system_memory_bytes", "Memory of the machine."),
    "maxmemory": _gauge("memory_max_bytes", "The most memory that data may take; 0 is without a limit."),
    "maxmemory_reservation": _gauge("memory_max_reservation_bytes", "Memory kept back from data (Azure)."),
    "maxmemory_desired_reservation": _gauge(
        "memory_max_reservation_desired_bytes", "Memory that shall be kept back from data (Azure)."
    ),
    "maxfragmentationmemory_reservation": _gauge(
        "memory_max_fragmentation_reservation_bytes", "Memory kept back for fragmentation (Azure)."
    ),
    "maxfragmentationmemory_desired_reservation": _gauge(
        "memory_max_fragmentation_reservation_desired_bytes", "Memory that shall be kept back for it (Azure)."
    ),
    "mem_fragmentation_ratio": _gauge("mem_fragmentation_ratio", "Resident over allocated memory."),
    "mem_fragmentation_bytes": _gauge("mem_fragmentation_bytes", "Resident less allocated memory."),
    "mem_clients_slaves": _gauge("mem_clients_slaves", "Buffers of replicas, in bytes."),
    "mem_clients_normal": _gauge("mem_clients_normal", "Buffers of clients, in bytes."),
    "mem_not_counted_for_evict": _gauge(
        "mem_not_counted_for_eviction_bytes", "Buffers that do not count towards the most memory."
    ),
    "mem_total_replication_buffers": _gauge(
        "mem_total_replication_buffers_bytes", "Buffers of replicas and of the backlog."
    ),
    "mem_overhead_db_hashtable_rehashing": _gauge(
        "mem_overhead_db_hashtable_rehashing_bytes", "Memory of tables that are being rehashed."
    ),
    "lazyfree_pending_objects": _gauge("lazyfree_pending_objects", "Objects that wait to be freed."),
    "active_defrag_running": _gauge("active_defrag_running", "The effort of a running defragmentation, in percent."),
}

_PERSISTENCE = {
    "loading": _gauge("loading_dump_file", "Whether the server loads its data."),
    "async_loading": _gauge("async_loading", "Whether the server loads data while it serves the old."),
    "rdb_changes_since_last_save": _gauge("rdb_changes_since_last_save", "Changes since the last snapshot."),
    "rdb_bgsave_in_progress": _gauge("rdb_bgsave_in_progress", "Whether a snapshot is being written."),
    "rdb_last_save_time": _gauge("rdb_last_save_timestamp_seconds", "When the last snapshot succeeded."),
    "rdb_last_bgsave_status": _gauge("rdb_last_bgsave_status", "Whether the last snapshot succeeded."),
    "rdb_last_bgsave_time_sec": _gauge("rdb_last_bgsave_duration_sec", "How long the last snapshot took; -1 is none."),
    "rdb_current_bgsave_time_sec": _gauge(
        "rdb_current_bgsave_duration_sec", "How long the running snapshot takes so far; -1 is none."
    ),
    "rdb_saves": _gauge("rdb_saves_total", "Snapshots since the server started."),
    "rdb_last_cow_size": _gauge("rdb_last_cow_size_bytes", "Memory that was copied for the last snapshot."),
    "rdb_last_load_keys_expired": _gauge("rdb_last_load_expired_keys", "Keys that had expired at the last load."),
    "rdb_last_load_keys_loaded": _gauge("rdb_last_load_loaded_keys", "Keys of the last load."),
    "aof_enabled": _gauge("aof_enabled", "Whether writes are logged to a file."),
    "aof_rewrite_in_progress": _gauge("aof_rewrite_in_progress", "Whether that file is being rewritten."),
    "aof_rewrite_scheduled": _gauge("aof_rewrite_scheduled", "Whether it will be, after the snapshot."),
    "aof_last_rewrite_time_sec": _gauge("aof_last_rewrite_duration_sec", "How long the last rewrite took."),
    "aof_current_rewrite_time_sec": _gauge("aof_current_rewrite_duration_sec", "How long it takes so far."),
    "aof_last_cow_size": _gauge("aof_last_cow_size_bytes", "Memory that was copied for the last rewrite."),
    "aof_current_size": _gauge("aof_current_size_bytes", "Size of the log of writes."),
    "aof_base_size": _gauge("aof_base_size_bytes", "Its size after the start or the last rewrite."),
    "aof_pending_rewrite": _gauge("aof_pending_rewrite", "Whether a rewrite waits."),
    "aof_buffer_length": _gauge("aof_buffer_length", "Size of the buffer of that log, in bytes."),
    "aof_rewrite_buffer_length": _gauge("aof_rewrite_buffer_length", "Size of the buffer of the rewrite, in bytes."),
    "aof_pending_bio_fsync": _gauge("aof_pending_bio_fsync", "Syncs to disk that wait."),
    "aof_delayed_fsync": _gauge("aof_delayed_fsync", "Syncs to disk that were late."),
    "aof_last_bgrewrite_status": _gauge("aof_last_bgrewrite_status", "Whether the last rewrite succeeded."),
    "aof_last_write_status": _gauge("aof_last_write_status", "Whether the last write to the log succeeded."),
    "module_fork_in_progress": _gauge("module_fork_in_progress", "Whether a module has forked the server."),
    "module_fork_last_cow_size": _gauge("module_fork_last_cow_size", "Memory that was copied for it, in bytes."),
}

_STATS = {
    "total_connections_received": _counter("connections_received_total", "Connections that were taken."),
    "total_commands_processed": _counter("commands_processed_total", "Commands that were executed."),
    "rejected_connections": _counter("rejected_connections_total", "Connections that were one too many."),
    "total_net_input_bytes": _counter("net_input_bytes_total", "Bytes that were received."),
    "total_net_output_bytes": _counter("net_output_bytes_total", "Bytes that were sent."),
    "total_net_repl_input_bytes": _counter("net_repl_input_bytes_total", "Bytes received for replication."),
    "total_net_repl_output_bytes": _counter("net_repl_output_bytes_total", "Bytes sent for replication."),
    "expired_keys": _counter("expired_keys_total", "Keys that have expired."),
    "expired_subkeys": _counter("expired_subkeys_total", "Fields of hashes that have expired."),
    "expired_stale_perc": _gauge("expired_stale_percentage", "Share of keys that have expired and are still there."),
    "expired_time_cap_reached_count": _gauge(
        "expired_time_cap_reached_total", "Times that expiring keys was cut short for its time."
    ),
    "expire_cycle_cpu_milliseconds": _counter("expire_cycle_cpu_time_ms_total", "Time that expiring keys has taken."),
    "evicted_keys": _counter("evicted_keys_total", "Keys that gave way to others."),
    "evicted_clients": _counter("evicted_clients_total", "Clients that were cut for their memory."),
    "evicted_scripts": _counter("evicted_scripts_total", "Scripts that gave way to others."),
    "total_eviction_exceeded_time": _counter(
        "eviction_exceeded_time_ms_total", "Time that memory was above its limit, in milliseconds."
    ),
    "current_eviction_exceeded_time": _gauge(
        "current_eviction_exceeded_time_ms", "How long memory has been above its limit, in milliseconds."
    ),
    "keyspace_hits": _counter("keyspace_hits_total", "Look-ups that found their key."),
    "keyspace_misses": _counter("keyspace_misses_total", "Look-ups that did not."),
    "pubsub_channels": _gauge("pubsub_channels", "Channels that somebody is subscribed to."),
    "pubsub_patterns": _gauge("pubsub_patterns", "Patterns that somebody is subscribed to."),
    "pubsubshard_channels": _gauge("pubsubshard_channels", "Channels of a shard that somebody is subscribed to."),
    "latest_fork_usec": _gauge("latest_fork_seconds", "How long the last fork took.", 1e6),
    "migrate_cached_sockets": _gauge("migrate_cached_sockets_total", "Sockets that are open for MIGRATE."),
    "slave_expires_tracked_keys": _gauge("slave_expires_tracked_keys", "Keys that a replica expires by itself."),
    "active_defrag_hits": _gauge("defrag_hits", "Values that were moved by defragmentation."),
    "active_defrag_misses": _gauge("defrag_misses", "Moves of values that were given up."),
    "active_defrag_key_hits": _gauge("defrag_key_hits", "Keys that were defragmented."),
    "active_defrag_key_misses": _gauge("defrag_key_misses", "Keys that needed no defragmentation."),
    "tracking_total_keys": _gauge("tracking_total_keys", "Keys whose changes are told to clients."),
    "tracking_total_items": _gauge("tracking_total_items", "Clients of all these keys, summed."),
    "tracking_total_prefixes": _gauge("tracking_total_prefixes", "Prefixes whose changes are told to clients."),
    "unexpected_error_replies": _counter("unexpected_error_replies", "Errors where none should be."),
    "total_error_replies": _counter("total_error_replies", "Answers that were errors."),
    "dump_payload_sanitizations": _counter("dump_payload_sanitizations", "Deep checks of restored values."),
    "total_reads_processed": _counter("total_reads_processed", "Reads from connections."),
    "total_writes_processed": _counter("total_writes_processed", "Writes to connections."),
    "io_threaded_reads_processed": _counter("io_threaded_reads_processed", "Reads by other threads."),
    "io_threaded_writes_processed": _counter("io_threaded_writes_processed", "Writes by other threads."),
    "client_query_buffer_limit_disconnections": _counter(
        "client_query_buffer_limit_disconnections_total", "Clients that were cut for what they sent."
    ),
    "client_output_buffer_limit_disconnections": _counter(
        "client_output_buffer_limit_disconnections_total", "Clients that were cut for what they did not read."
    ),
    "reply_buffer_shrinks": _counter("reply_buffer_shrinks_total", "Times that an output buffer was made smaller."),
    "reply_buffer_expands": _counter("reply_buffer_expands_total", "Times that an output buffer was made larger."),
    "acl_access_denied_auth": _counter("acl_access_denied_auth_total", "Logins that were refused."),
    "acl_access_denied_cmd": _counter("acl_access_denied_cmd_total", "Commands that their user may not give."),
    "acl_access_denied_key": _counter("acl_access_denied_key_total", "Keys that their user may not touch."),
    "acl_access_denied_channel": _counter("acl_access_denied_channel_total", "Channels refused to their user."),
}

_REPLICATION = {
    "connected_slaves": _gauge("connected_slaves", "Replicas that follow this server."),
    "master_repl_offset": _gauge("master_repl_offset", "How far the stream of replication has come, in bytes."),
    "second_repl_offset": _gauge("second_repl_offset", "Up to where the stream before the failover counts."),
    "repl_backlog_active": _gauge("repl_backlog_is_active", "Whether the backlog for replicas is kept."),
    "repl_backlog_size": _gauge("replication_backlog_bytes", "Size of the backlog for replicas."),
    "repl_backlog_first_byte_offset": _gauge("repl_backlog_first_byte_offset", "Where the backlog begins."),
    "repl_backlog_histlen": _gauge("repl_backlog_history_bytes", "How much there is in the backlog."),
    "slave_priority": _gauge("slave_priority", "Priority of the replica in a failover; 0 is never."),
    "sync_full": _gauge("replica_resyncs_full", "Replicas that took a full copy."),
    "sync_partial_ok": _gauge("replica_partial_resync_accepted", "Replicas that could go on where they were."),
    "sync_partial_err": _gauge("replica_partial_resync_denied", "Replicas that could not."),
}

_CPU = {
    "used_cpu_sys": _counter("cpu_sys_seconds_total", "Time of the server in the system."),
    "used_cpu_user": _counter("cpu_user_seconds_total", "Time of the server in itself."),
    "used_cpu_sys_children": _counter("cpu_sys_children_seconds_total", "Time of its children in the system."),
    "used_cpu_user_children": _counter("cpu_user_children_seconds_total", "Time of its children in themselves."),
    "used_cpu_sys_main_thread": _counter("cpu_sys_main_thread_seconds_total", "Time of its main thread in the system."),
    "used_cpu_user_main_thread": _counter("cpu_user_main_thread_seconds_total", "Time of its main thread in itself."),
}

FIELDS: MappingProxyType[str, Field] = MappingProxyType(
    {
        **_SERVER,
        **_CLIENTS,
        **_MEMORY,
        **_PERSISTENCE,
        **_STATS,
        **_REPLICATION,
        **_CPU,
        "cluster_enabled": _gauge("cluster_enabled", "Whether the server is part of a cluster."),
    }
)
"""What INFO says, by its name there."""

CLUSTER_FIELDS: MappingProxyType[str, Field] = MappingProxyType(
    {
        "cluster_state": _gauge("cluster_state", "Whether the cluster takes questions, as this node sees it."),
        "cluster_slots_assigned": _gauge("cluster_slots_assigned", "Slots that some node has."),
        "cluster_slots_ok": _gauge("cluster_slots_ok", "Slots whose node is well."),
        "cluster_slots_pfail": _gauge("cluster_slots_pfail", "Slots whose node does not answer this one."),
        "cluster_slots_fail": _gauge("cluster_slots_fail", "Slots whose node has failed."),
        "cluster_known_nodes": _gauge("cluster_known_nodes", "Nodes that this one knows, failed ones among them."),
        "cluster_size": _gauge("cluster_size", "Primaries that have slots."),
        "cluster_current_epoch": _gauge("cluster_current_epoch", "The epoch of the cluster."),
        "cluster_my_epoch": _gauge("cluster_my_epoch", "The epoch of this node."),
        "cluster_stats_messages_sent": _gauge("cluster_messages_sent_total", "Messages sent to other nodes."),
        "cluster_stats_messages_received": _gauge("cluster_messages_received_total", "Messages from other nodes."),
    }
)
"""What CLUSTER INFO says, by its name there."""
