"""What goes on in the databases, each round: connections, locks, transactions, and what the server writes to disk."""

from exporters.postgres.statement import NEWEST, OLDEST, Column, Statement

_STATES = (
    "active",
    "idle",
    "idle in transaction",
    "idle in transaction (aborted)",
    "fastpath function call",
    "disabled",
)
_MODES = (
    "accesssharelock",
    "rowsharelock",
    "rowexclusivelock",
    "shareupdateexclusivelock",
    "sharelock",
    "sharerowexclusivelock",
    "exclusivelock",
    "accessexclusivelock",
    "sireadlock",
)


def _words(words: tuple[str, ...]) -> str:
    return ", ".join(f"('{word}')" for word in words)


def _counter(name: str, text: str, *, value: str = "", since: int = OLDEST, until: int = NEWEST) -> Column:
    return Column(name=name, help=text, type="counter", value=value, since=since, until=until)


def _untyped(name: str, text: str, *, value: str = "", since: int = OLDEST) -> Column:
    return Column(name=name, help=text, type="untyped", value=value, since=since)


def _moment(column: str) -> str:
    """A time as whole seconds since 1970, as they are told."""
    return f"floor(extract(epoch FROM {column}))"


CONNECTIONS = Statement(
    name="stat_activity",
    prefix="pg_stat_activity",
    labels={"datname": "d.datname", "state": "s.state"},
    columns=(
        Column(name="count", help="Connections to the database that are in this state.", value="coalesce(a.n, 0)"),
        Column(
            name="max_tx_duration",
            help="Seconds since the oldest transaction of them began.",
            value="coalesce(a.seconds, 0)",
        ),
    ),
    source=f"""FROM pg_database d CROSS JOIN (VALUES {_words(_STATES)}) s(state) LEFT JOIN (
        SELECT datname, state, count(*) AS n, max(extract(epoch FROM now() - xact_start)) AS seconds
        FROM pg_stat_activity GROUP BY 1, 2) a ON a.datname = d.datname AND a.state = s.state
        ORDER BY d.oid, s.state""",
)

LOCKS = Statement(
    name="locks",
    prefix="pg_locks",
    labels={"datname": "d.datname", "mode": "m.mode"},
    columns=(Column(name="count", help="Locks of this mode in the database.", value="coalesce(l.n, 0)"),),
    source=f"""FROM pg_database d CROSS JOIN (VALUES {_words(_MODES)}) m(mode) LEFT JOIN (
        SELECT database, lower(mode) AS mode, count(*) AS n FROM pg_locks GROUP BY 1, 2) l
        ON l.database = d.oid AND l.mode = m.mode
        ORDER BY d.oid, m.mode""",
)

DATABASES = Statement(
    name="stat_database",
    prefix="pg_stat_database",
    labels={"datid": "datid", "datname": "datname"},
    columns=(
        Column(name="numbackends", help="Backends that are connected to the database."),
        _counter("xact_commit", "Transactions that were committed."),
        _counter("xact_rollback", "Transactions that were rolled back."),
        _counter("blks_read", "Blocks that were read from disk."),
        _counter("blks_hit", "Blocks that were found in the buffer cache."),
        _counter("tup_returned", "Rows that were read by scans."),
        _counter("tup_fetched", "Rows that were fetched by index scans."),
        _counter("tup_inserted", "Rows that were inserted."),
        _counter("tup_updated", "Rows that were updated."),
        _counter("tup_deleted", "Rows that were deleted."),
        _counter("conflicts", "Queries that were cancelled since they were in the way of recovery."),
        _counter("temp_files", "Temporary files that queries made."),
        _counter("temp_bytes", "Bytes that were written to temporary files."),
        _counter("deadlocks", "Deadlocks that were found."),
        _untyped("checksum_failures", "Blocks whose checksum was wrong."),
        _untyped("checksum_last_failure", "When a checksum was wrong last.", value=_moment("checksum_last_failure")),
        _counter("blk_read_time", "Milliseconds spent on reading blocks."),
        _counter("blk_write_time", "Milliseconds spent on writing blocks."),
        _untyped("session_time", "Milliseconds that sessions lasted.", since=14),
        _untyped("active_time", "Milliseconds that sessions executed something.", since=14),
        _counter(
            "active_time_seconds_total",
            "Seconds that sessions executed something.",
            value="active_time / 1000.0",
            since=14,
        ),
        _untyped("idle_in_transaction_time", "Milliseconds that sessions idled in a transaction.", since=14),
        _untyped("sessions", "Sessions that were begun.", since=14),
        _untyped("sessions_abandoned", "Sessions whose connection to the client was lost.", since=14),
        _untyped("sessions_fatal", "Sessions that a fatal error ended.", since=14),
        _untyped("sessions_killed", "Sessions that somebody ended.", since=14),
        _counter("stats_reset", "When these statistics were reset last.", value=_moment("stats_reset")),
    ),
    source="FROM pg_stat_database ORDER BY 1",
)

CONFLICTS = Statement(
    name="stat_database_conflicts",
    prefix="pg_stat_database_conflicts",
    labels={"datid": "datid", "datname": "datname"},
    columns=(
        _counter("confl_tablespace", "Queries that were cancelled for a tablespace that was dropped."),
        _counter("confl_lock", "Queries that were cancelled for a lock."),
        _counter("confl_snapshot", "Queries that were cancelled for an old snapshot."),
        _counter("confl_bufferpin", "Queries that were cancelled for a pinned buffer."),
        _counter("confl_deadlock", "Queries that were cancelled for a deadlock."),
        _untyped("confl_active_logicalslot", "Uses of logical slots that were cancelled.", since=16),
    ),
    source="FROM pg_stat_database_conflicts ORDER BY 1",
)

_CHECKPOINTS = {
    "checkpoints_timed_total": ("Checkpoints that were due.", "num_timed"),
    "checkpoints_req_total": ("Checkpoints that were requested.", "num_requested"),
    "checkpoint_write_time_total": ("Milliseconds that checkpoints spent on writing.", "write_time"),
    "checkpoint_sync_time_total": ("Milliseconds that checkpoints spent on synchronizing.", "sync_time"),
    "buffers_checkpoint_total": ("Buffers that checkpoints wrote.", "buffers_written"),
}
"""What PostgreSQL 17 moved to pg_stat_checkpointer, and how it calls it there."""

_BACKGROUND = (
    _counter("buffers_clean_total", "Buffers that the background writer wrote.", value="b.buffers_clean"),
    _counter(
        "maxwritten_clean_total",
        "How often the background writer stopped since it had written too much.",
        value="b.maxwritten_clean",
    ),
    _counter("buffers_alloc_total", "Buffers that were allocated.", value="b.buffers_alloc"),
    _counter("stats_reset_total", "When these statistics were reset last.", value=_moment("b.stats_reset")),
)

WRITING = (
    Statement(
        name="bgwriter",
        prefix="pg_stat_bgwriter",
        columns=(
            *(
                _counter(name, text, value=f"b.{name.removesuffix('_total')}")
                for name, (text, _) in _CHECKPOINTS.items()
            ),
            *_BACKGROUND,
            _counter("buffers_backend_total", "Buffers that backends wrote themselves.", value="b.buffers_backend"),
            _counter(
                "buffers_backend_fsync_total",
                "How often backends had to call fsync themselves.",
                value="b.buffers_backend_fsync",
            ),
        ),
        source="FROM pg_stat_bgwriter b",
        until=16,
    ),
    Statement(
        name="bgwriter",
        prefix="pg_stat_bgwriter",
        columns=(
            *(_counter(name, text, value=f"c.{column}") for name, (text, column) in _CHECKPOINTS.items()),
            *_BACKGROUND,
        ),
        source="FROM pg_stat_bgwriter b CROSS JOIN pg_stat_checkpointer c",
        since=17,
    ),
    Statement(
        name="checkpointer",
        prefix="pg_stat_checkpointer",
        columns=(
            _counter("num_timed_total", "Checkpoints that were due.", value="num_timed"),
            _counter("num_requested_total", "Checkpoints that were requested.", value="num_requested"),
            _counter("restartpoints_timed_total", "Restartpoints that were due.", value="restartpoints_timed"),
            _counter("restartpoints_req_total", "Restartpoints that were requested.", value="restartpoints_req"),
            _counter("restartpoints_done_total", "Restartpoints that were made.", value="restartpoints_done"),
            _counter("write_time_total", "Milliseconds spent on writing.", value="write_time"),
            _counter("sync_time_total", "Milliseconds spent on synchronizing.", value="sync_time"),
            _counter("buffers_written_total", "Buffers that were written.", value="buffers_written"),
            _counter("stats_reset_total", "When these statistics were reset last.", value=_moment("stats_reset")),
        ),
        source="FROM pg_stat_checkpointer",
        since=17,
    ),
)

ARCHIVER = Statement(
    name="stat_archiver",
    prefix="pg_stat_archiver",
    columns=(
        _counter("archived_count", "Files of WAL that were archived."),
        _counter("failed_count", "Attempts to archive a file of WAL that failed."),
        Column(
            name="last_archive_age",
            help="Seconds since a file of WAL was archived.",
            value="extract(epoch FROM now() - last_archived_time)",
        ),
    ),
    source="FROM pg_stat_archiver",
)

ACTIVITY = (CONNECTIONS, LOCKS, DATABASES, CONFLICTS, *WRITING, ARCHIVER)
"""What is asked each round, beside what tells of replication."""
