"""What is asked more seldom than each round, since it costs the server more: tables of its own about itself.

The names are upstream's. A digest is told by its hash alone, never by the text of its statement.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from exporters.mysql.values import LONGEST_LABEL, by_column, labels, number
from slo.core.sample import Sample
from slo.net.sql import Result

Row = Mapping[str, str | None]

MOST_TABLES = 1000
MOST_DIGESTS = 250


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """One statement, what is made of its rows, and under which name upstream counts how it went."""

    name: str
    statement: str
    samples: Callable[[Result], Iterator[Sample]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Slow:
    """What is asked more seldom: as metrics, how long each answer took, and what was not answered."""

    samples: tuple[Sample, ...]
    seconds: Mapping[str, float]
    unanswered: Mapping[str, str]


def questions(variables: Mapping[str, str], *, threads: bool, tables: int, digests: int) -> Iterator[Question]:
    """What is to be asked of a server with these variables; of tables and digests the largest so many."""
    yield Question(name="info_schema.innodb_cmp", statement=_COMPRESSION, samples=_compression)
    yield Question(name="info_schema.innodb_cmpmem", statement=_COMPRESSED_PAGES, samples=_compressed_pages)
    if number(variables.get("query_response_time_stats")) == 1.0:
        yield Question(name="info_schema.query_response_time", statement=_TIMES, samples=_times)
    if threads:
        yield Question(name="info_schema.processlist", statement=_THREADS, samples=_threads)
    if tables:
        yield Question(name="info_schema.tables", statement=f"{_TABLES} LIMIT {tables}", samples=_tables)
    if digests:
        name = "perf_schema.eventsstatements"
        yield Question(name=name, statement=f"{_DIGESTS} LIMIT {digests}", samples=_digests)


class Turns:
    """Whose turn it is, so that a question that takes all the time does not starve those after it."""

    def __init__(self) -> None:
        self._next = ""

    def of(self, wanted: Sequence[Question]) -> Iterator[Question]:
        """Each once, beginning after the one that was taken last, whatever became of that one."""
        names = [each.name for each in wanted]
        first = names.index(self._next) if self._next in names else 0
        for turn in range(first, first + len(wanted)):
            self._next = names[(turn + 1) % len(names)]
            yield wanted[turn % len(wanted)]


# Compression

_COMPRESSION = (
    "SELECT page_size, compress_ops, compress_ops_ok, compress_time, uncompress_ops, uncompress_time"
    " FROM information_schema.innodb_cmp LIMIT 100"
)
_COMPRESSION_METRICS = {
    "compress_ops": "mysql_info_schema_innodb_cmp_compress_ops_total",
    "compress_ops_ok": "mysql_info_schema_innodb_cmp_compress_ops_ok_total",
    "compress_time": "mysql_info_schema_innodb_cmp_compress_time_seconds_total",
    "uncompress_ops": "mysql_info_schema_innodb_cmp_uncompress_ops_total",
    "uncompress_time": "mysql_info_schema_innodb_cmp_uncompress_time_seconds_total",
}

_COMPRESSED_PAGES = (
    "SELECT page_size, buffer_pool_instance AS buffer_pool, pages_used, pages_free, relocation_ops,"
    " relocation_time / 1000 AS relocation_time FROM information_schema.innodb_cmpmem LIMIT 1000"
)
"""Upstream divides by 1000 what InnoDB gives in microseconds, and calls it seconds: so the same is told here."""

_COMPRESSED_PAGES_METRICS = {
    "pages_used": "mysql_info_schema_innodb_cmpmem_pages_used_total",
    "pages_free": "mysql_info_schema_innodb_cmpmem_pages_free_total",
    "relocation_ops": "mysql_info_schema_innodb_cmpmem_relocation_ops_total",
    "relocation_time": "mysql_info_schema_innodb_cmpmem_relocation_time_seconds_total",
}


def _compression(result: Result) -> Iterator[Sample]:
    return _measures(result, _COMPRESSION_METRICS, ("page_size",))


def _compressed_pages(result: Result) -> Iterator[Sample]:
    return _measures(result, _COMPRESSED_PAGES_METRICS, ("page_size", "buffer_pool"))


def _measures(result: Result, metrics: Mapping[str, str], keys: tuple[str, ...]) -> Iterator[Sample]:
    """A metric for each of the columns, with the keys as labels; a row whose keys came already is left out."""
    rows = _by_labels(result, keys)
    for column, metric in metrics.items():
        for of, row in rows:
            if (value := number(row.get(column))) is not None:
                yield Sample(metric, value, of)


def _by_labels(result: Result, keys: tuple[str, ...]) -> list[tuple[Mapping[str, str], Row]]:
    rows = {tuple((row.get(key) or "")[:LONGEST_LABEL] for key in keys): row for row in by_column(result)}
    return [(labels(**dict(zip(keys, values, strict=True))), row) for values, row in rows.items()]


# Statements by the time they took

_TIMES = "SELECT TIME AS seconds, COUNT AS count, TOTAL AS total FROM information_schema.query_response_time LIMIT 100"
_TIMES_METRIC = "mysql_info_schema_query_response_time_seconds"


def _times(result: Result) -> Iterator[Sample]:
    """A histogram. Its last row has what took longer than all of its bounds, and no bound."""
    count = total = 0.0
    for row in by_column(result):
        bound, more, time = (number((row.get(key) or "").strip()) for key in ("seconds", "count", "total"))
        count += more or 0.0
        total += time or 0.0
        if bound:
            yield Sample(f"{_TIMES_METRIC}_bucket", count, labels(le=_bound(bound)))
    yield Sample(f"{_TIMES_METRIC}_bucket", count, labels(le="+Inf"))
    yield Sample(f"{_TIMES_METRIC}_sum", total)
    yield Sample(f"{_TIMES_METRIC}_count", count)


def _bound(value: float) -> str:
    """A number as Go writes it."""
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


# Threads

_THREADS = (
    "SELECT user, SUBSTRING_INDEX(host, ':', 1) AS host, command, state, COUNT(*) AS threads, SUM(time) AS seconds"
    " FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND time >= 0"
    " GROUP BY user, SUBSTRING_INDEX(host, ':', 1), command, state LIMIT 1000"
)
_MARKS = re.compile(r"[;,:.()]")


def _threads(result: Result) -> Iterator[Sample]:
    threads: dict[tuple[str, str], tuple[float, float]] = {}
    users: dict[str, float] = {}
    hosts: dict[str, float] = {}
    for row in by_column(result):
        count, seconds = number(row.get("threads")) or 0.0, number(row.get("seconds")) or 0.0
        doing = _in_a_label(row.get("command")), _in_a_label(row.get("state"))
        before = threads.get(doing, (0.0, 0.0))
        threads[doing] = before[0] + count, before[1] + seconds
        for counts, key in ((users, row.get("user")), (hosts, row.get("host"))):
            counts[key or "unknown"] = counts.get(key or "unknown", 0.0) + count
    for place, metric in enumerate(("threads", "seconds")):
        for (command, state), values in threads.items():
            name = f"mysql_info_schema_processlist_{metric}"
            yield Sample(name, values[place], labels(command=command, state=state))
    for user, count in users.items():
        yield Sample("mysql_info_schema_processlist_processes_by_user", count, labels(mysql_user=user))
    for host, count in hosts.items():
        yield Sample("mysql_info_schema_processlist_processes_by_host", count, labels(client_host=host))


def _in_a_label(text: str | None) -> str:
    """A command or a state as upstream writes it: small letters, no marks."""
    plain = _MARKS.sub("", (text or "").lower()).replace(" ", "_").replace("-", "_")
    return plain or "unknown"


# Tables

_TABLES = (
    "SELECT table_schema AS `schema`, table_name AS `table`, table_type AS type, IFNULL(engine, 'NONE') AS engine,"
    " IFNULL(version, 0) AS version, IFNULL(row_format, 'NONE') AS row_format, IFNULL(table_rows, 0) AS table_rows,"
    " IFNULL(data_length, 0) AS data_length, IFNULL(index_length, 0) AS index_length,"
    " IFNULL(data_free, 0) AS data_free, IFNULL(create_options, 'NONE') AS create_options"
    " FROM information_schema.tables WHERE table_schema NOT IN ('mysql', 'performance_schema', 'information_schema')"
    " ORDER BY data_length + index_length DESC, table_schema, table_name"
)


def _tables(result: Result) -> Iterator[Sample]:
    described = ("schema", "table", "type", "engine", "row_format", "create_options")
    yield from _measures(result, {"version": "mysql_info_schema_table_version"}, described)
    yield from _measures(result, {"table_rows": "mysql_info_schema_table_rows"}, ("schema", "table"))
    for of, row in _by_labels(result, ("schema", "table")):
        for component in ("data_length", "index_length", "data_free"):
            if (value := number(row.get(component))) is not None:
                yield Sample("mysql_info_schema_table_size", value, labels(**of, component=component))


# Digests

_DIGESTS = (
    "SELECT IFNULL(schema_name, 'NONE') AS `schema`, digest, count_star, sum_timer_wait / 1e12 AS seconds, sum_errors,"
    " sum_warnings, sum_rows_affected, sum_rows_sent, sum_rows_examined, sum_created_tmp_tables,"
    " sum_created_tmp_disk_tables, sum_sort_merge_passes, sum_sort_rows, sum_no_index_used"
    " FROM performance_schema.events_statements_summary_by_digest"
    " WHERE schema_name NOT IN ('mysql', 'performance_schema', 'information_schema') AND digest IS NOT NULL"
    " AND last_seen > NOW() - INTERVAL 1 DAY ORDER BY sum_timer_wait DESC"
)
_DIGESTS_METRICS = {
    column: f"mysql_perf_schema_events_statements_{name}total"
    for column, name in (
        ("count_star", ""),
        ("seconds", "seconds_"),
        ("sum_errors", "errors_"),
        ("sum_warnings", "warnings_"),
        ("sum_rows_affected", "rows_affected_"),
        ("sum_rows_sent", "rows_sent_"),
        ("sum_rows_examined", "rows_examined_"),
        ("sum_created_tmp_tables", "tmp_tables_"),
        ("sum_created_tmp_disk_tables", "tmp_disk_tables_"),
        ("sum_sort_merge_passes", "sort_merge_passes_"),
        ("sum_sort_rows", "sort_rows_"),
        ("sum_no_index_used", "no_index_used_"),
    )
}


def _digests(result: Result) -> Iterator[Sample]:
    return _measures(result, _DIGESTS_METRICS, ("schema", "digest"))
