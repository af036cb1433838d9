"""What a server says as metrics: the names of upstream, old and new, and nothing that is no number."""

import math
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.mysql import aurora, group, heartbeat, replica, status, variables
from exporters.mysql.families import FAMILIES, family
from exporters.mysql.heartbeat import HeartbeatConfig, age_seconds, followed, read_beats
from exporters.mysql.replica import read_channels
from exporters.mysql.slow import questions
from exporters.mysql.values import Numbers, named, new_name, number, old_name
from slo.core.sample import Sample
from slo.net.sql import Result
from tests.exporters.mysql import saying
from tests.exporters.mysql.saying import GALERA, MARIADB_REPLICA, MYSQL_REPLICA, pairs, table


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12),
        ("-1", -1),
        ("0.25", 0.25),
        ("1e3", 1000),
        ("18446744073709551615", 2**64),
        ("ON", 1),
        ("Yes", 1),
        ("yEs", 1),
        ("OFF", 0),
        ("No", 0),
        ("Connecting", 0),
        ("Preparing", 0),
        ("Primary", 1),
        ("non-Primary", 0),
        ("Disconnected", 0),
        ("Nov 26 16:00:00 2026 GMT", 1795708800),
        ("Feb  1 00:00:00 2026 GMT", 1769904000),
        ("Feb 31 00:00:00 2026 GMT", None),
        (None, None),
        ("", None),
        ("NaN", None),
        ("inf", None),
        ("1e999", None),
        ("1_000", None),
        (" 1", None),
        ("\uff11", None),
        ("bin.000004", None),
        ("1" * 100, None),
        ("true", None),
    ],
)
def test_what_is_a_number(text: str | None, value: float | None) -> None:
    assert number(text) == value


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("seconds_behind_master", "seconds_behind_source"),
        ("slave_io_running", "replica_io_running"),
        ("slave_sql_running_state", "replica_sql_running_state"),
        ("replicate_do_db", "replicate_do_db"),
        ("relay_log_space", "relay_log_space"),
    ],
)
def test_names_of_old_and_of_today(old: str, new: str) -> None:
    assert (new_name(old), old_name(new), old_name(old), new_name(new)) == (new, old, old, new)


def told(samples: list[Sample]) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *(f"{key}={value}" for key, value in sample.labels.items())): sample.value for sample in samples
    }


def test_a_status_is_folded_as_upstream_folds_it() -> None:
    values = named(pairs({**saying.STATUS, **GALERA, "Odd-Name.1": "4", "x" * 65: "1", "Commands_total": "1"}))
    assert told(list(status.samples(values, Numbers(status.series_of)))) == {
        ("mysql_global_status_commands_total", "command=select"): 12,
        ("mysql_global_status_handlers_total", "handler=commit"): 3,
        ("mysql_global_status_connection_errors_total", "error=accept"): 0,
        ("mysql_global_status_innodb_row_ops_total", "operation=read"): 9,
        ("mysql_global_status_buffer_pool_pages", "state=data"): 300,
        ("mysql_global_status_buffer_pool_dirty_pages",): 4,
        ("mysql_global_status_buffer_pool_page_changes_total", "operation=flushed"): 77,
        ("mysql_global_status_performance_schema_lost_total", "instrumentation=users_lost"): 0,
        ("mysql_global_status_slaves_connected",): 0,
        ("mysql_global_status_threads_connected",): 3,
        ("mysql_global_status_uptime",): 86400,
        ("mysql_global_status_wsrep_cluster_size",): 3,
        ("mysql_global_status_wsrep_cluster_status",): 1,
        ("mysql_global_status_wsrep_local_state",): 4,
        ("mysql_global_status_wsrep_ready",): 1,
        ("mysql_global_status_odd_name_1",): 4,
        (
            "mysql_galera_status_info",
            "wsrep_local_state_uuid=42cec05c-e9b3-11f1-8568-6ea18fc60fb1",
            "wsrep_cluster_state_uuid=42cec05c-e9b3-11f1-8568-6ea18fc60fb1",
            "wsrep_provider_version=4.23(r0)",
        ): 1,
        ("mysql_galera_evs_repl_latency_min_seconds",): 0.0002,
        ("mysql_galera_evs_repl_latency_avg_seconds",): 0.0003,
        ("mysql_galera_evs_repl_latency_max_seconds",): 0.0005,
        ("mysql_galera_evs_repl_latency_stdev",): 0.0001,
        ("mysql_galera_evs_repl_latency_sample_size",): 5,
    }


def test_variables_are_numbers_or_labels() -> None:
    more = {
        "wsrep_cluster_name": "orders",
        "wsrep_provider_options": "base_port = 4567; gcache.size = 8M; pc.weight = 1",
    }
    values = named(pairs({**saying.VARIABLES, **more}))
    found = told(list(variables.samples(values, Numbers(variables.series_of))))
    assert found["mysql_global_variables_max_connections",] == 151
    assert found["mysql_global_variables_read_only",] == 0
    assert ("mysql_global_variables_version",) not in found
    info = ("innodb_version=", "version=10.11.18-MariaDB-log", "version_comment=Debian 12")
    assert found["mysql_version_info", *info] == 1
    assert found["mysql_transaction_isolation", "level=REPEATABLE-READ"] == 1
    assert found["mysql_galera_variables_info", "wsrep_cluster_name=orders"] == 1
    assert found["mysql_galera_gcache_size_bytes",] == 8 << 20


@pytest.mark.parametrize(
    ("options", "size"),
    [("gcache.size = 128M;", 128 << 20), ("gcache.size = 2G", 2 << 30), ("gcache.size = 77; x = 1", 77), ("none", 0)],
)
def test_the_cache_of_galera(options: str, size: float) -> None:
    assert variables.cache_bytes(options) == size


@pytest.mark.parametrize("row", [MARIADB_REPLICA, MYSQL_REPLICA], ids=["MariaDB", "MySQL"])
def test_channels_have_both_names_whatever_the_server_calls_them(row: Mapping[str, str | None]) -> None:
    found = list(replica.samples(read_channels(table(dict(row)))))
    names = {sample.name for sample in found}
    for name in ("slave_io_running", "slave_sql_running", "seconds_behind_master", "read_master_log_pos"):
        assert {f"mysql_slave_status_{name}", f"mysql_slave_status_{new_name(name)}"} <= names
    assert {sample.labels["master_host"] for sample in found} == {"db-1.example"}
    assert list(found[0].labels) == ["master_host", "master_uuid", "channel_name", "connection_name"]


def test_a_channel_that_comes_twice_is_told_once() -> None:
    channels = read_channels(table(dict(MARIADB_REPLICA), dict(MARIADB_REPLICA)))
    found = list(replica.samples(channels))
    assert len({(sample.name, id(sample.labels)) for sample in found}) == len(found)


def test_values_that_stay_are_the_same_samples() -> None:
    numbers = Numbers(status.series_of)
    first = numbers.samples(named(pairs(saying.STATUS)))
    later = numbers.samples(named(pairs({**saying.STATUS, "Uptime": "86410"})))
    assert [one is other for one, other in zip(first, later, strict=True)].count(False) == 1
    assert later == Numbers(status.series_of).samples(named(pairs({**saying.STATUS, "Uptime": "86410"})))


# Heartbeats


def beats(*rows: tuple[str | None, str | None, str | None]) -> Result:
    return Result(columns=("stored", "now", "server_id"), rows=rows)


@pytest.mark.parametrize(
    ("rows", "sources", "age"),
    [
        ([("100", "110", "1")], ["1"], 10),
        ([("100", "110", "1"), ("105", "110", "3")], ["1", "3"], 10),
        ([("100", "110", "1"), ("105", "110", "3")], ["3"], 5),
        ([("100", "110", "9"), ("60", "110", "8")], ["1"], 10),
        ([("100", "110", "1"), ("50", "110", "1")], ["1"], 10),
        ([("115", "110", "1")], ["1"], 0),
        ([("116", "110", "1")], ["1"], None),
        ([("3710", "110", "1"), ("10", "110", "3")], ["1", "3"], None),
        ([("3710", "110", "2"), ("100", "110", "1")], ["1"], 10),
        ([("100", "110", "2")], ["1"], None),
        ([(None, "110", "1"), ("x", "110", "3"), ("100", "110", None)], ["1"], None),
        ([], ["1"], None),
    ],
    ids=[
        *("one", "the oldest", "whom it follows", "a chain", "of one the youngest", "clocks that differ a little"),
        *("the future", "one of two from the future", "its own from the future", "its own", "odd", "none"),
    ],
)
def test_the_age_of_a_heartbeat(
    rows: list[tuple[str | None, str | None, str | None]], sources: list[str], age: float | None
) -> None:
    assert age_seconds(followed(read_beats(beats(*rows)), sources, own="2")) == age


def test_heartbeats_as_metrics() -> None:
    assert told(list(heartbeat.samples(read_beats(beats(("100.5", "110", "1")))))) == {
        ("mysql_heartbeat_now_timestamp_seconds", "server_id=1"): 110,
        ("mysql_heartbeat_stored_timestamp_seconds", "server_id=1"): 100.5,
    }


@pytest.mark.parametrize("name", ["heartbeat", "a.", ".b", "a.b`c", "a.b\n", ""])
def test_what_is_no_table_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"database\.table"):
        HeartbeatConfig(table=name)


def test_a_table_is_quoted() -> None:
    statement = HeartbeatConfig(table="ops.heart beat", utc=True).statement
    assert "FROM `ops`.`heart beat`" in statement
    assert "UTC_TIMESTAMP(6)" in statement


# What is asked more seldom


def slow(name: str, result: Result) -> dict[tuple[str, ...], float]:
    asked = {
        question.name: question
        for question in questions({"query_response_time_stats": "ON"}, threads=True, tables=5, digests=5)
    }
    return told(list(asked[name].samples(result)))


def test_only_what_is_wanted_is_asked() -> None:
    usual = [question.name for question in questions({}, threads=False, tables=0, digests=0)]
    assert usual == ["info_schema.innodb_cmp", "info_schema.innodb_cmpmem"]
    wanted = list(questions({"query_response_time_stats": "ON"}, threads=True, tables=7, digests=9))
    assert len(wanted) == 6
    assert all("LIMIT" in question.statement for question in wanted)
    assert "digest_text" not in " ".join(question.statement.lower() for question in wanted)


def test_a_histogram_of_times() -> None:
    rows = table(
        {"seconds": "      0.000001", "count": "2", "total": "      0.000000"},
        {"seconds": "1000000.000000", "count": "3", "total": "     12.500000"},
        {"seconds": "TOO LONG", "count": "1", "total": "TOO LONG"},
    )
    name = "mysql_info_schema_query_response_time_seconds"
    assert slow("info_schema.query_response_time", rows) == {
        (f"{name}_bucket", "le=1e-06"): 2,
        (f"{name}_bucket", "le=1e+06"): 5,
        (f"{name}_bucket", "le=+Inf"): 6,
        (f"{name}_sum",): 12.5,
        (f"{name}_count",): 6,
    }


def test_threads_by_what_they_do() -> None:
    row = {"user": "shop", "host": "192.0.2.4", "command": "Query", "state": "Waiting for table: a-b", "threads": "2"}
    rows = table({**row, "seconds": "30"}, {**row, "user": "x", "threads": "1", "seconds": "5"})
    of = ("command=query", "state=waiting_for_table_a_b")
    assert slow("info_schema.processlist", rows) == {
        ("mysql_info_schema_processlist_threads", *of): 3,
        ("mysql_info_schema_processlist_seconds", *of): 35,
        ("mysql_info_schema_processlist_processes_by_user", "mysql_user=shop"): 2,
        ("mysql_info_schema_processlist_processes_by_user", "mysql_user=x"): 1,
        ("mysql_info_schema_processlist_processes_by_host", "client_host=192.0.2.4"): 3,
    }


def test_digests_by_their_hash() -> None:
    row = {"schema": "shop", "digest": "c0ffee", "count_star": "5", "seconds": "0.25", "sum_errors": "0"}
    prefix = "mysql_perf_schema_events_statements"
    of = ("schema=shop", "digest=c0ffee")
    assert slow("perf_schema.eventsstatements", table(row, row)) == {
        (f"{prefix}_total", *of): 5,
        (f"{prefix}_seconds_total", *of): 0.25,
        (f"{prefix}_errors_total", *of): 0,
    }


def test_members_and_hosts_as_metrics() -> None:
    members = table({"CHANNEL_NAME": "g", "MEMBER_ID": "a", "MEMBER_STATE": "ONLINE"})
    statistics = table({"MEMBER_ID": "a", "COUNT_TRANSACTIONS_CHECKED": "8"})
    known = group.read_group(members, statistics, Result(), "a")
    assert known is not None
    assert told(list(group.samples(known))) == {
        (
            "mysql_perf_schema_replication_group_member_info",
            "channel_name=g",
            "member_id=a",
            "member_state=ONLINE",
        ): 1,
        ("mysql_perf_schema_transaction_checked", "member_id=a"): 8,
    }
    host = {"SERVER_ID": "one", "SESSION_ID": "x", "REPLICA_LAG_IN_MILLISECONDS": "20", "CPU": "3.5"}
    assert told(list(aurora.samples(aurora.read_hosts(table(host, host))))) == {
        ("mysql_info_schema_replica_host_cpu_percent", "server_id=one", "role=reader"): 3.5,
        ("mysql_info_schema_replica_host_lag_seconds", "server_id=one", "role=reader"): 0.02,
    }


# Whatever is sent

TEXTS = st.none() | st.text(max_size=12) | st.sampled_from(["1", "ON", "nan", "inf", "1e999", "Yes", "x" * 5000])
RESULTS = st.integers(0, 6).flatmap(
    lambda width: st.builds(
        lambda columns, rows: Result(columns=columns, rows=tuple(rows)),
        st.tuples(*[st.text(max_size=12) | st.sampled_from([*MARIADB_REPLICA, "page_size", "user"])] * width),
        st.lists(st.tuples(*[TEXTS] * width), max_size=5),
    )
)


@given(result=RESULTS)
def test_whatever_comes_gives_finite_numbers_of_known_families_once(result: Result) -> None:
    every = [
        list(status.samples(named(result), Numbers(status.series_of))),
        list(variables.samples(named(result), Numbers(variables.series_of))),
        list(replica.samples(read_channels(result))),
        list(heartbeat.samples(read_beats(result))),
        list(aurora.samples(aurora.read_hosts(result))),
        *(
            list(question.samples(result))
            for question in questions({"query_response_time_stats": "ON"}, threads=True, tables=5, digests=5)
        ),
    ]
    if (known := group.read_group(result, result, result, "a")) is not None:
        every.append(list(group.samples(known)))
    for samples in every:
        assert all(math.isfinite(sample.value) and family(sample.name) for sample in samples)
        assert len({(sample.name, *sample.labels.items()) for sample in samples}) == len(samples)
        assert all(len(value) <= 128 for sample in samples for value in sample.labels.values())


def test_every_family_is_what_it_is_called() -> None:
    assert all(name == known.name and known.help.endswith(".") for name, known in FAMILIES.items())
    assert family("mysql_nothing") is None
