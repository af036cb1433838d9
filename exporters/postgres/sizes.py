"""What is asked seldom: how large databases are, the tables with the most rows, the costliest statements."""

from exporters.postgres.statement import NEWEST, OLDEST, Column, Statement

DATABASE_SIZES = Statement(
    name="database",
    prefix="pg_database",
    labels={"datname": "datname"},
    columns=(Column(name="size_bytes", help="Disk space that the database takes.", value="pg_database_size(oid)"),),
    source="FROM pg_database WHERE has_database_privilege(oid, 'CONNECT') OR "
    "pg_has_role('pg_read_all_stats', 'USAGE') ORDER BY oid",
)


def _count(name: str, text: str) -> Column:
    return Column(name=name, help=text, type="counter", value=f"coalesce({name}, 0)")


def _when(name: str, text: str) -> Column:
    return Column(name=name, help=text, value=f"coalesce(floor(extract(epoch FROM {name})), 0)")


def tables(most: int) -> Statement:
    """The tables of the database that we are connected to, so many of those with the most rows, dead ones included.

    Without their sizes: those wait for whoever has locked the table.
    """
    return Statement(
        name="stat_user_tables",
        prefix="pg_stat_user_tables",
        labels={"datname": "current_database()", "schemaname": "schemaname", "relname": "relname"},
        columns=(
            _count("seq_scan", "Sequential scans of the table."),
            _count("seq_tup_read", "Rows that sequential scans read."),
            _count("idx_scan", "Index scans of the table."),
            _count("idx_tup_fetch", "Rows that index scans fetched."),
            _count("n_tup_ins", "Rows that were inserted."),
            _count("n_tup_upd", "Rows that were updated."),
            _count("n_tup_del", "Rows that were deleted."),
            _count("n_tup_hot_upd", "Rows that were updated without an update of an index."),
            Column(name="n_live_tup", help="Rows that live, as estimated."),
            Column(name="n_dead_tup", help="Rows that are dead, as estimated."),
            Column(name="n_mod_since_analyze", help="Rows that were changed since the last analysis, as estimated."),
            _when("last_vacuum", "When somebody vacuumed the table last; 0 is never."),
            _when("last_autovacuum", "When the table was vacuumed by itself last; 0 is never."),
            _when("last_analyze", "When somebody analysed the table last; 0 is never."),
            _when("last_autoanalyze", "When the table was analysed by itself last; 0 is never."),
            _count("vacuum_count", "How often somebody vacuumed the table."),
            _count("autovacuum_count", "How often the table was vacuumed by itself."),
            _count("analyze_count", "How often somebody analysed the table."),
            _count("autoanalyze_count", "How often the table was analysed by itself."),
        ),
        source="FROM (SELECT * FROM pg_stat_user_tables ORDER BY n_live_tup + n_dead_tup DESC, relid "
        f"LIMIT {most}) t ORDER BY schemaname, relname",
    )


def statements(most: int) -> Statement:
    """The statements that took the most time, so many of them, by their number: what they say is nobody's label.

    Needs the extension pg_stat_statements in the database that we are connected to.
    """
    return Statement(
        name="stat_statements",
        prefix="pg_stat_statements",
        labels={"user": "pg_get_userbyid(s.userid)", "datname": "d.datname", "queryid": "s.queryid"},
        columns=(
            Column(name="calls_total", help="How often it was executed.", type="counter", value="sum(s.calls)"),
            _seconds("seconds_total", "Seconds that it took.", OLDEST, OLDEST, "s.total_time"),
            _seconds("seconds_total", "Seconds that it took.", 13, NEWEST, "s.total_exec_time"),
            Column(name="rows_total", help="Rows that it gave or changed.", type="counter", value="sum(s.rows)"),
            _seconds("block_read_seconds_total", "Seconds that it read blocks.", OLDEST, 16, "s.blk_read_time"),
            _seconds("block_read_seconds_total", "Seconds that it read blocks.", 17, NEWEST, "s.shared_blk_read_time"),
            _seconds("block_write_seconds_total", "Seconds that it wrote blocks.", OLDEST, 16, "s.blk_write_time"),
            _seconds(
                "block_write_seconds_total", "Seconds that it wrote blocks.", 17, NEWEST, "s.shared_blk_write_time"
            ),
        ),
        source="FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid WHERE s.queryid IS NOT NULL "
        "GROUP BY 1, 2, 3 ORDER BY 5 DESC, 3",
        limit=most,
    )


def _seconds(name: str, text: str, since: int, until: int, column: str) -> Column:
    return Column(name=name, help=text, type="counter", value=f"sum({column}) / 1000.0", since=since, until=until)
