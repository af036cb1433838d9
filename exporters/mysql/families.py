"""The families of the metrics: help and type of each, as upstream has the types."""

from collections.abc import Iterable

from exporters.health import login, replication, write
from exporters.mysql import replica, status, variables
from slo.exposition.families import Family


def _families(kind: str, helps: Iterable[tuple[str, str]]) -> dict[str, Family]:
    return {name: Family(name=name, type=kind, help=text) for name, text in helps}


_STATEMENTS = "mysql_perf_schema_events_statements_"
_HOST = "mysql_info_schema_replica_host_"
_GALERA_LATENCY = "mysql_galera_evs_repl_latency_"
_COMPRESSED = "mysql_info_schema_innodb_cmp_"
_PAGES = "mysql_info_schema_innodb_cmpmem_"
_TIMES = "mysql_info_schema_query_response_time_seconds"

FAMILIES: dict[str, Family] = {
    **_families(
        "gauge",
        (
            ("mysql_up", "Whether the server told its status in the last round."),
            ("mysql_exporter_last_scrape_error", "Whether something in the last round was not answered."),
            ("mysql_exporter_collector_duration_seconds", "How long the answers to one kind of question took."),
            ("mysql_exporter_collector_success", "Whether there was an answer to one kind of question."),
            ("mysql_version_info", "The version of the server; always 1."),
            ("mysql_transaction_isolation", "The isolation of transactions; always 1."),
            ("mysql_galera_variables_info", "The name of the cluster; always 1."),
            ("mysql_galera_status_info", "The states that the node and its cluster have, and the provider; always 1."),
            ("mysql_galera_gcache_size_bytes", "The size of the cache of write sets."),
            (f"{_GALERA_LATENCY}min_seconds", "The shortest time a message took to all nodes."),
            (f"{_GALERA_LATENCY}avg_seconds", "The mean time a message took to all nodes."),
            (f"{_GALERA_LATENCY}max_seconds", "The longest time a message took to all nodes."),
            (f"{_GALERA_LATENCY}stdev", "The standard deviation of the time a message took to all nodes."),
            (f"{_GALERA_LATENCY}sample_size", "How many messages these times are of."),
            ("mysql_global_status_buffer_pool_pages", "Pages of the buffer pool by state."),
            ("mysql_global_status_buffer_pool_dirty_pages", "Pages of the buffer pool that are to be written."),
            ("mysql_heartbeat_now_timestamp_seconds", "The time of the server when it read the heartbeat."),
            ("mysql_heartbeat_stored_timestamp_seconds", "The time that stands in the heartbeat."),
            ("mysql_perf_schema_replication_group_member_info", "The members of the group; always 1."),
            (f"{_HOST}cpu_percent", "How busy the server is."),
            (f"{_HOST}replica_latency_seconds", "How long what is written takes to the reader."),
            (f"{_HOST}lag_seconds", "How far the reader is behind the writer."),
            (f"{_HOST}log_stream_speed", "The speed of the log, in KiB a second."),
            (f"{_HOST}replay_latency_seconds", "How long the reader takes to apply what it receives."),
            ("mysql_info_schema_processlist_threads", "Threads by what they do."),
            ("mysql_info_schema_processlist_seconds", "For how long threads have been doing it, in sum."),
            ("mysql_info_schema_processlist_processes_by_user", "Threads by user."),
            ("mysql_info_schema_processlist_processes_by_host", "Threads by where their client is."),
            ("mysql_info_schema_table_version", "The version of a table's format."),
            ("mysql_info_schema_table_rows", "How many rows a table has, as estimated."),
            ("mysql_info_schema_table_size", "The size of the parts of a table, in bytes."),
            ("watchkeep_mysql_slow_age_seconds", "How old the metrics are that are asked for more seldom."),
        ),
    ),
    **_families(
        "counter",
        (
            ("mysql_exporter_scrapes_total", "Rounds since the watch began."),
            ("mysql_global_status_commands_total", "Statements by kind."),
            ("mysql_global_status_handlers_total", "Calls of storage engines by kind."),
            ("mysql_global_status_connection_errors_total", "Connections that were not made, by why."),
            ("mysql_global_status_buffer_pool_page_changes_total", "Changes of pages of the buffer pool by kind."),
            ("mysql_global_status_innodb_row_ops_total", "Changes and reads of rows in InnoDB by kind."),
            ("mysql_global_status_performance_schema_lost_total", "What the performance schema had no memory for."),
            ("mysql_perf_schema_transaction_in_queue", "Transactions that wait to be checked for conflicts."),
            ("mysql_perf_schema_transaction_checked", "Transactions that were checked for conflicts."),
            ("mysql_perf_schema_conflicts_detected", "Transactions that were in conflict."),
            ("mysql_perf_schema_transaction_rows_validating", "Rows that transactions are checked against."),
            (f"{_COMPRESSED}compress_ops_total", "Pages that were to be compressed."),
            (f"{_COMPRESSED}compress_ops_ok_total", "Pages that were compressed."),
            (f"{_COMPRESSED}compress_time_seconds_total", "The time it took to compress pages."),
            (f"{_COMPRESSED}uncompress_ops_total", "Pages that were uncompressed."),
            (f"{_COMPRESSED}uncompress_time_seconds_total", "The time it took to uncompress pages."),
            (f"{_PAGES}pages_used_total", "Blocks for compressed pages in use."),
            (f"{_PAGES}pages_free_total", "Blocks for compressed pages that are free."),
            (f"{_PAGES}relocation_ops_total", "Blocks that were moved."),
            (f"{_PAGES}relocation_time_seconds_total", "The time it took to move blocks, as upstream has it: in ms."),
            (f"{_TIMES}_bucket", "Statements that took at most so long."),
            (f"{_TIMES}_sum", "The time that statements took."),
            (f"{_TIMES}_count", "Statements whose time was taken."),
            (f"{_STATEMENTS}total", "Statements by digest."),
            (f"{_STATEMENTS}seconds_total", "The time that statements took, by digest."),
            (f"{_STATEMENTS}errors_total", "Errors of statements by digest."),
            (f"{_STATEMENTS}warnings_total", "Warnings of statements by digest."),
            (f"{_STATEMENTS}rows_affected_total", "Rows that statements changed, by digest."),
            (f"{_STATEMENTS}rows_sent_total", "Rows that statements gave, by digest."),
            (f"{_STATEMENTS}rows_examined_total", "Rows that statements looked at, by digest."),
            (f"{_STATEMENTS}tmp_tables_total", "Temporary tables of statements by digest."),
            (f"{_STATEMENTS}tmp_disk_tables_total", "Temporary tables of statements on disk by digest."),
            (f"{_STATEMENTS}sort_merge_passes_total", "Passes of sorting on disk by digest."),
            (f"{_STATEMENTS}sort_rows_total", "Rows that were sorted, by digest."),
            (f"{_STATEMENTS}no_index_used_total", "Statements that read a whole table, by digest."),
        ),
    ),
    **replication.FAMILIES,
    **login.FAMILIES,
    **write.FAMILIES,
}

_MADE = (
    (status.PREFIX, "untyped", "A value of SHOW GLOBAL STATUS."),
    (variables.PREFIX, "gauge", "A value of SHOW GLOBAL VARIABLES."),
    (replica.PREFIX, "untyped", "A value of SHOW REPLICA STATUS."),
)
"""The beginnings of names that are a server's own, with the type and the help of what is called so."""


def family(name: str) -> Family | None:
    """The family of a metric; None for one that is not told here."""
    if (known := FAMILIES.get(name)) is not None:
        return known
    return next(
        (Family(name=name, type=kind, help=text) for prefix, kind, text in _MADE if name.startswith(prefix)), None
    )
