"""INFO of servers old and new, and whatever else may come in its place."""

import pytest

from exporters.redis.commands import Commands, Latencies, read_commands, read_latencies
from exporters.redis.info import Database, Follower, Watched, number, read_cluster, read_info, sections
from tests.exporters.redis.saying import PRIMARY, info, sentinel, server


def test_a_server_that_says_everything() -> None:
    read = read_info(info(server(PRIMARY)))
    assert read.word("redis_version") == "7.0.15"
    assert read.number("used_memory") == 1_000_000
    assert read.number("rdb_last_bgsave_status") == 1.0
    assert read.commands == Commands(
        names=("get", "config|get"), calls=[21, 1], microseconds=[175, 40], rejected=[2, 0], failed=[1, 0]
    )
    assert read.errors == (("ERR", 2.0),)
    assert read.databases == (Database("db0", 2.0, 1.0, 1500.0),)
    assert read.followers == (Follower("192.0.2.8", "6379", "online", 1000.0, 1.0),)
    assert not read.is_sentinel
    assert read.unread == 0


def test_a_sentinel() -> None:
    read = read_info(info(sentinel()))
    assert read.is_sentinel
    assert read.watched == (Watched("main", "ok", "192.0.2.7:6379", 1.0, 3.0),)
    assert read.number("sentinel_tilt") == 0.0


@pytest.mark.parametrize(
    ("section", "line", "found"),
    [
        ("Keyspace", "db11:keys=3,expires=0", Database("db11", 3.0, 0.0, None)),
        ("Keyspace", "db0:keys=3,expires=0,avg_ttl=7,subexpiry=0", Database("db0", 3.0, 0.0, 7.0)),
        ("Replication", "slave0:ip=a,port=1,state=online,offset=7", Follower("a", "1", "online", 7.0, None)),
        (
            "Replication",
            "slave12:ip=::1,port=1,state=wait_bgsave,offset=0,lag=0,type=replica",
            Follower("::1", "1", "wait_bgsave", 0.0, 0.0),
        ),
    ],
)
def test_lines_of_older_and_newer_versions(section: str, line: str, found: object) -> None:
    read = read_info(f"# {section}\r\n{line}\r\n".encode())
    assert [*read.databases, *read.followers] == [found]
    assert read.unread == 0


@pytest.mark.parametrize(
    ("section", "line"),
    [
        ("Commandstats", "get:calls=1,usec=2,usec_per_call=2.00"),
        ("Commandstats", "cmdstat_get:calls=-1,usec=2,usec_per_call=2.00"),
        ("Commandstats", "cmdstat_get:calls=1e3,usec=2,usec_per_call=2.00"),
        ("Commandstats", "cmdstat_:calls=1,usec=2,usec_per_call=2.00"),
        ("Commandstats", "cmdstat_" + "x" * 129 + ":calls=1,usec=2,usec_per_call=2.00"),
        ("Commandstats", "cmdstat_get:calls=" + "9" * 100 + ",usec=2,usec_per_call=2.00"),
        ("Errorstats", "errorstat_ERR:count=many"),
        ("Errorstats", "errorstat_ERR:"),
        ("Keyspace", "db0:keys=2"),
        ("Keyspace", "db0:keys=inf,expires=0"),
        ("Keyspace", "cache:keys=2,expires=0"),
        ("Replication", "slave0:ip=a,port=1,state=online,offset=far"),
        ("Replication", "slave0:ip=a,port=1,offset=1"),
        ("Sentinel", "master0:name=main,status=ok,address=a:1,slaves=,sentinels=1"),
        ("Sentinel", "master0:status=ok,address=a:1,slaves=1,sentinels=1"),
    ],
)
def test_a_line_that_cannot_be_read_is_left_out_and_counted(section: str, line: str) -> None:
    read = read_info(f"# {section}\r\n{line}\r\n".encode())
    assert not any((read.commands.names, read.errors, read.databases, read.followers, read.watched))
    assert read.unread == 1


def test_commands_of_older_and_newer_versions() -> None:
    older = "cmdstat_get:calls=1,usec=2,usec_per_call=2.00\n"
    newer = "cmdstat_set:calls=3,usec=4,usec_per_call=1.33,rejected_calls=0,failed_calls=5,slowlog_count=6\n"
    assert read_commands(older) == Commands(names=("get",), calls=[1], microseconds=[2], rejected=[], failed=[])
    read = read_commands(newer)
    assert (read.names, read.calls, read.rejected, read.failed) == (("set",), [3], [0], [5])
    assert read_commands(older + newer + "broken").unread == 1


def test_percentiles_as_they_are_configured() -> None:
    read = read_latencies(sections(info(server(PRIMARY)))["Latencystats"])
    assert read == Latencies(names=("get",), percentiles={"50": [8.031], "99": [27.007], "99.9": [27.007]})
    other = "latency_percentiles_usec_get:p100=1.003\nlatency_percentiles_usec_set:p100=2\n"
    assert read_latencies(other) == Latencies(names=("get", "set"), percentiles={"100": [1.003, 2.0]})


@pytest.mark.parametrize(
    "line",
    [
        "latency_percentiles_usec_get:p50=nan,p99=1.0",
        "latency_percentiles_usec_get:p50=1.0",
        "latency_percentiles_usec_get:50=1.0,p99=1.0",
        "latency_percentiles_usec_get:p50=1.0,p99=1.0,p100=1.0",
        "latency_percentiles_usec_get:",
        "other_get:p50=1.0,p99=1.0",
        "latency_percentiles_usec_get:" + ",".join(f"p{at}=1.0" for at in range(100)),
    ],
)
def test_percentiles_that_cannot_be_read_are_left_out_and_counted(line: str) -> None:
    good = "latency_percentiles_usec_set:p50=1.0,p99=2.0\n"
    assert read_latencies(good + line) == Latencies(names=("set",), percentiles={"50": [1.0], "99": [2.0]}, unread=1)
    assert read_latencies(line + "\n").unread <= 1


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12.0),
        ("-1", -1.0),
        ("0.39", 0.39),
        ("ok", 1.0),
        ("err", 0.0),
        ("fail", 0.0),
        ("1_000", None),
        ("nan", None),
        ("-inf", None),
        ("1e999", None),
        ("\u0661", None),
        ("", None),
        ("12 ms", None),
    ],
)
def test_what_is_a_number(text: str, value: float | None) -> None:
    assert number(text) == value


def test_a_field_is_cut_and_others_are_not_kept() -> None:
    read = read_info(b"# Server\r\nos:" + b"x" * 10_000 + b"\r\nunheard_of:1\r\n")
    assert read.fields == {"os": "x" * 256}


def test_cluster_info() -> None:
    said = b"cluster_state:ok\r\ncluster_size:3\r\ncluster_stats_messages_ping_sent:7\r\nother:1\r\ncluster_x y:1\r\n"
    assert read_cluster(said) == {"cluster_state": 1.0, "cluster_size": 3.0, "cluster_stats_messages_ping_sent": 7.0}
    assert read_cluster(b"cluster_state:fail\r\ncluster_size:many\r\n") == {"cluster_state": 0.0}
