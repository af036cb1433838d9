"""How a server stands to the others, as it says it: what it is asked each round, and the metrics of that.

What the rows mean is for `exporters.postgres.replication` to say.
"""

from exporters.postgres.statement import Column, Statement

_RECOVERS = "pg_is_in_recovery()"
_PERMITTED = "pg_has_role('pg_read_all_stats', 'USAGE')"


def _bytes(position: str) -> str:
    """A position in the WAL as a number of bytes."""
    return f"({position} - '0/0'::pg_lsn)"


def _when(condition: str, value: str, otherwise: str = "NULL") -> str:
    """A value that some servers refuse to tell, asked only where it may be."""
    return f"CASE WHEN {condition} THEN {value} ELSE {otherwise} END"


SERVER = Statement(
    name="server",
    columns=(
        Column(name="recovers", value=f"{_RECOVERS}::int"),
        Column(name="permitted", value=f"{_PERMITTED}::int"),
        Column(name="version", value="version()"),
        Column(name="version_number", value="current_setting('server_version_num')"),
        Column(name="started", value="floor(extract(epoch FROM pg_postmaster_start_time()))"),
        Column(
            # A setting of our own role says nothing about anybody else.
            name="read_only",
            value=_when(
                "NOT EXISTS (SELECT FROM pg_db_role_setting WHERE setrole = current_user::regrole "
                "AND array_to_string(setconfig, ' ') LIKE '%default_transaction_read_only=%')",
                "current_setting('default_transaction_read_only')::bool::int",
            ),
        ),
        Column(
            name="connections",
            value="(SELECT count(*) FROM pg_stat_activity "
            "WHERE datid <> 0 AND coalesce(backend_type, 'client backend') = 'client backend')",
        ),
        Column(
            name="room",
            value="current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int"
            " - coalesce(current_setting('reserved_connections', true), '0')::int",
        ),
        Column(name="waits_for", value="current_setting('synchronous_standby_names')"),
        Column(name="commits", value="current_setting('synchronous_commit')"),
        Column(
            name="written",
            value=_bytes(_when(_RECOVERS, "pg_last_wal_replay_lsn()", otherwise="pg_current_wal_lsn()")),
        ),
        Column(name="received", value=_bytes(_when(_RECOVERS, "pg_last_wal_receive_lsn()"))),
        Column(
            name="replayed_age",
            value=_when(_RECOVERS, "extract(epoch FROM now() - pg_last_xact_replay_timestamp())"),
        ),
        Column(
            name="follows",
            value=_when(
                f"{_RECOVERS} AND pg_has_role('pg_read_all_settings', 'USAGE')",
                "(current_setting('primary_conninfo', true) <> '')::int",
            ),
        ),
        Column(
            name="ping_seconds",
            value="extract(epoch FROM current_setting('wal_receiver_timeout')::interval) / 2",
        ),
    ),
    source="",
)
"""One row: what the server is, whether we may know all, and how far it is."""

RECEIVER = Statement(
    name="wal_receiver",
    columns=(
        Column(name="status"),
        Column(name="end", value=_bytes("latest_end_lsn")),
        Column(name="silence", value="extract(epoch FROM now() - last_msg_receipt_time)"),
    ),
    source="FROM pg_stat_wal_receiver",
    limit=1,
)
"""Of a standby: one row while something receives WAL, all of it NULL for who may not know."""

STANDBYS = Statement(
    name="stat_replication",
    prefix="pg_stat_replication",
    labels={
        "application_name": "r.application_name",
        "client_addr": "host(r.client_addr)",
        "slot_name": "coalesce(s.slot_name, r.pid::text)",
        "state": "r.state",
    },
    columns=(
        Column(
            name="pg_current_wal_lsn_bytes",
            help="Where the WAL ends, in bytes.",
            value=_bytes(_when(_RECOVERS, "NULL", otherwise="pg_current_wal_lsn()")),
        ),
        Column(
            name="pg_wal_lsn_diff",
            help="How many bytes of WAL the standby has not replayed.",
            value=f"({_when(_RECOVERS, 'pg_last_wal_receive_lsn()', otherwise='pg_current_wal_lsn()')}"
            " - coalesce(r.replay_lsn, r.flush_lsn))",
        ),
        Column(
            name="pg_xlog_location_diff",
            help="The same, as it was called before PostgreSQL 10.",
            value=f"({_when(_RECOVERS, 'pg_last_wal_receive_lsn()', otherwise='pg_current_wal_lsn()')}"
            " - coalesce(r.replay_lsn, r.flush_lsn))",
        ),
        Column(
            name="reply_time",
            help="When the standby answered last.",
            type="untyped",
            value="floor(extract(epoch FROM r.reply_time))",
        ),
        Column(name="reply_age", value="extract(epoch FROM now() - r.reply_time)"),
        Column(name="replay_lag", value="extract(epoch FROM r.replay_lag)"),
        Column(name="sync_state", value="r.sync_state"),
        Column(name="logical", value="(s.slot_type = 'logical')::int"),
    ),
    source="FROM pg_stat_replication r LEFT JOIN pg_replication_slots s ON s.active_pid = r.pid ORDER BY r.pid",
)
"""Whoever is sent WAL, physical and logical. Without a slot the process tells two of the same name apart."""

SLOTS = Statement(
    name="replication_slots",
    prefix="pg_replication_slots",
    labels={"slot_name": "slot_name", "database": "database"},
    columns=(
        Column(name="active", help="Whether somebody uses the slot.", value="active::int"),
        Column(
            name="pg_wal_lsn_diff",
            help="How many bytes of WAL are kept for the slot.",
            value=f"({_when(_RECOVERS, 'NULL', otherwise='pg_current_wal_lsn()')} - restart_lsn)",
        ),
        Column(
            name="xmin_age",
            help="How many transactions ago the oldest row was changed that is kept for the slot.",
            value="coalesce(age(xmin), age(catalog_xmin), 0)",
        ),
        Column(name="type", value="slot_type"),
        Column(name="temporary", value="temporary::int"),
        Column(name="wal_status", since=13),
        Column(name="safe_wal_size", since=13),
    ),
    source="FROM pg_replication_slots ORDER BY slot_name",
)

SLOT_STATES = (
    Statement(
        name="replication_slot",
        prefix="pg_replication_slot",
        labels={"slot_name": "slot_name", "slot_type": "slot_type"},
        columns=(
            Column(name="slot_is_active", help="Whether somebody uses the slot.", value="active::int"),
            Column(
                name="slot_current_wal_lsn",
                help="Where the WAL ends, or on a standby what is received of it, in bytes.",
                value=_bytes(_when(_RECOVERS, "pg_last_wal_receive_lsn()", otherwise="pg_current_wal_lsn()")),
            ),
        ),
        source="FROM pg_replication_slots ORDER BY slot_name",
    ),
    Statement(
        name="replication_slot_wal",
        prefix="pg_replication_slot",
        labels={"slot_name": "slot_name", "slot_type": "slot_type", "wal_status": "wal_status"},
        columns=(Column(name="wal_status", help="How the WAL of the slot is kept, or lost; always 1.", value="1"),),
        source="FROM pg_replication_slots WHERE wal_status IS NOT NULL ORDER BY slot_name",
        since=13,
    ),
)
"""The slots as later versions of the exporter tell of them."""

STANDING = (SERVER, RECEIVER, STANDBYS, SLOTS, *SLOT_STATES)
