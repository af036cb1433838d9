"""The kind `mysql`, at servers that answer as a MariaDB does, and as none should. Real ones: tests/exporters/mysql."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import ValidationError

from exporters.collectors import mysql
from slo.core.protocols import Collector
from slo.errors import Fault
from slo.net.context import Context
from slo.net.sql import Result
from slo.runner.clock import SteadyClock
from tests import hostile
from tests.exporters.mysql.looking import watched
from tests.exporters.mysql.saying import GALERA, MARIADB_REPLICA, NOBODY, STATUS, VARIABLES, pairs, table
from tests.hostile import Behaviour, serving
from tests.net.mysql_wire import END, WELL, answer, column, greeting, packet, refused, sent

HUNG_SECONDS = 0.5
IN_VAIN = {"mysql_up": 0.0, "mysql_exporter_last_scrape_error": 1.0, "mysql_exporter_scrapes_total": 1.0}

Answers = Mapping[str, bytes]


def said(result: Result) -> bytes:
    """An answer with these rows."""
    return answer(*result.rows, columns=result.columns)


USUAL: Answers = {
    "SET ": sent(WELL),
    "SHOW GLOBAL STATUS": said(pairs(STATUS)),
    "SHOW GLOBAL VARIABLES": said(pairs(VARIABLES)),
    "SHOW ALL SLAVES STATUS": said(NOBODY),
    "SELECT ": answer(columns=("page_size",)),
}


def talking(answers: Answers | None = None) -> Behaviour:
    """A server that lets everybody in, and answers statements by how they begin."""
    known = {**(answers or {}), **{key: value for key, value in USUAL.items() if key not in (answers or {})}}

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting())
        await reader.read(1000)
        writer.write(packet(2, WELL))
        while head := await reader.read(4):
            statement = (await reader.readexactly(int.from_bytes(head[:3], "little")))[1:].decode()
            if not statement:
                break
            writer.write(next(value for beginning, value in known.items() if statement.startswith(beginning)))
            await writer.drain()
        writer.close()

    return behave


async def hanging_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Greets, and is gone."""
    writer.write(greeting())
    writer.close()


def one_after_another(first: Behaviour, then: Behaviour) -> Behaviour:
    """Behaves in one way on the first connection, and in another on all others."""
    taken = []

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken.append(writer)
        await (first if len(taken) == 1 else then)(reader, writer)

    return behave


def first_alone(behaviour: Behaviour) -> Behaviour:
    """Behaves so on the first connection, and says nothing on all others."""
    return one_after_another(behaviour, hostile.silent)


def replica(**columns: str | None) -> Answers:
    return {"SHOW ALL SLAVES STATUS": said(table({**MARIADB_REPLICA, **columns}))}


def node(**status: str) -> Answers:
    variables = pairs({**VARIABLES, "wsrep_on": "ON"})
    return {
        "SHOW GLOBAL STATUS": said(pairs({**STATUS, **GALERA, **status})),
        "SHOW GLOBAL VARIABLES": said(variables),
    }


def beaten(stored: str) -> bytes:
    """The heartbeat of the primary, read at 110."""
    return answer((stored, "110", "1"), columns=("stored", "now", "server_id"))


FULL = {"SHOW GLOBAL STATUS": said(pairs({**STATUS, "Threads_connected": "151"}))}
FROZEN = {"SHOW GLOBAL VARIABLES": said(pairs({**VARIABLES, "read_only": "ON"}))}
DENIED = refused(1227, "Access denied; you need (at least one of) the SLAVE MONITOR privilege(s)")

STATES: dict[str, tuple[Answers, Mapping[str, object], str]] = {
    "alone": ({}, {"expect": {"role": "primary", "replication": ["none"]}}, "ok"),
    "a primary where a replica is expected": ({}, {"expect": {"role": "replica"}}, "role"),
    "it takes no writes": (FROZEN, {}, "read_only"),
    "it takes no writes, as it should": (FROZEN, {"expect": {"read_only": True}}, "ok"),
    "it is full": (FULL, {}, "too_many_connections"),
    "a replica": (replica(), {"expect": {"role": "replica", "lag": "1s"}}, "ok"),
    "a replica that is behind": (replica(Seconds_Behind_Master="9"), {"expect": {"lag": "8s"}}, "replication_lag"),
    "a replica that is async": (replica(), {"expect": {"replication": ["semi-sync"]}}, "replication_mode"),
    "a thread stopped": (replica(Slave_SQL_Running="No"), {}, "replication_broken"),
    "a lag that nobody knows": (replica(Seconds_Behind_Master=None), {}, "replication_unknown"),
    "we may not ask": ({"SHOW ALL SLAVES STATUS": DENIED}, {}, "permission"),
    "it is full, and followed by too few": (FULL, {"expect": {"replicas": 1}}, "too_many_connections"),
    "it is full, and behind": (
        {**FULL, **replica(Seconds_Behind_Master="9")},
        {"expect": {"lag": "8s", "replication": ["semi-sync"]}},
        "too_many_connections",
    ),
    "it is full, and follows no more": ({**FULL, **replica(Slave_SQL_Running="No")}, {}, "replication_broken"),
    "it is full, and of a small cluster": (
        node(Threads_connected="151"),
        {"expect": {"cluster_size": 4}},
        "too_many_connections",
    ),
    "a node": (node(), {"expect": {"replication": ["cluster"], "cluster_size": 3}}, "ok"),
    "a node of a small cluster": (node(), {"expect": {"cluster_size": 4}}, "cluster_size"),
    "a node without quorum": (node(wsrep_cluster_status="non-Primary", wsrep_ready="OFF"), {}, "no_quorum"),
    "a node that joins": (node(wsrep_local_state="1"), {}, "replication_broken"),
    "no heartbeat": (
        {**replica(), "SELECT UNIX_TIMESTAMP": answer(columns=("stored", "now", "server_id"))},
        {"heartbeat": {"table": "a.b"}},
        "replication_unknown",
    ),
    "a heartbeat of the future": (
        {**replica(), "SELECT UNIX_TIMESTAMP": beaten("3710")},
        {"heartbeat": {"table": "a.b"}, "expect": {"lag": "8s"}},
        "replication_unknown",
    ),
    "a heartbeat of a clock that is a little ahead": (
        {**replica(), "SELECT UNIX_TIMESTAMP": beaten("114")},
        {"heartbeat": {"table": "a.b"}, "expect": {"lag": "8s"}},
        "ok",
    ),
    "no table of heartbeats": (
        {**replica(), "SELECT UNIX_TIMESTAMP": refused(1146, "Table 'a.b' doesn't exist")},
        {"heartbeat": {"table": "a.b"}},
        "replication_unknown",
    ),
    "a heartbeat that we may not read": (
        {**replica(), "SELECT UNIX_TIMESTAMP": refused(1142, "SELECT command denied")},
        {"heartbeat": {"table": "a.b"}},
        "permission",
    ),
    "something seldom is refused": ({"SELECT ": refused(1227, "you need the PROCESS privilege")}, {}, "ok"),
    "it knows no limit of a lock": ({"SET SESSION lock_wait": refused(1193, "Unknown system variable")}, {}, "ok"),
    "it refuses its status": ({"SHOW GLOBAL STATUS": refused(1142, "denied")}, {}, "query_refused"),
    "it gives up on its status": (
        {"SHOW GLOBAL STATUS": refused(1969, "max_statement_time exceeded")},
        {},
        "query_timeout",
    ),
}


@pytest.mark.parametrize(("answers", "keys", "reason"), STATES.values(), ids=STATES.keys())
async def test_what_is_made_of_what_a_server_says(answers: Answers, keys: Mapping[str, object], reason: str) -> None:
    async with serving(talking(answers)) as port, watched(port, **keys) as server:
        assert await server.round() == reason, server.detail
        assert (server.value("mysql_up") == 1.0) is (server.value("mysql_global_status_uptime") is not None)


async def test_what_is_refused_is_an_error_of_the_scrape_and_told_to_people() -> None:
    behaviour = talking({"SELECT page_size, compress": refused(1227, "you need the PROCESS privilege")})
    async with serving(behaviour) as port, watched(port) as server:
        assert await server.round() == "ok", server.detail
        assert server.value("mysql_exporter_last_scrape_error") == 1
        found = {finding.name: finding.text for finding in server.collector.findings(server.facts)}
        assert found["info_schema.innodb_cmp"] == "1227: you need the PROCESS privilege"
        assert (found["role"], found["replication"]) == ("primary", "none")


async def test_people_are_told_where_the_lag_is_from() -> None:
    behaviour = talking({**replica(Seconds_Behind_Master="5"), "SELECT UNIX_TIMESTAMP": beaten("65")})
    for keys, lag in (
        ({}, "5.0 s as the server says itself"),
        ({"heartbeat": {"table": "a.b"}}, "45.0 s by the age of the heartbeat"),
    ):
        async with serving(behaviour) as port, watched(port, **keys) as server:
            assert await server.round() == "ok", server.detail
            found = {finding.name: finding.text for finding in server.collector.findings(server.facts)}
            assert found["lag"] == lag


async def test_a_heartbeat_of_the_future_is_no_lag_of_0() -> None:
    behaviour = talking({**replica(), "SELECT UNIX_TIMESTAMP": beaten("3710")})
    async with serving(behaviour) as port, watched(port, heartbeat={"table": "a.b"}) as server:
        assert await server.round() == "replication_unknown"
        assert server.detail.startswith("the heartbeat of server 1 lies 3600 s in the future: `utc:` is not")
        assert "time zone" in server.detail
        assert server.state.lag_seconds is None
        assert server.value("watchkeep_replication_lag_seconds") is None


ROW = "".join("x" for _ in range(250))
LIES: dict[str, tuple[Behaviour, str]] = {
    "it hangs up": (hanging_up, "data_closed"),
    "it says nothing": (hostile.silent, "auth_timeout"),
    "another protocol that speaks first": (hostile.speaking_first, "data"),
    "half an answer": (talking({"SHOW GLOBAL STATUS": said(pairs(STATUS))[:-20]}), "query_timeout"),
    "no uptime": (talking({"SHOW GLOBAL STATUS": said(pairs({"Threads_connected": "1"}))}), "data"),
    "an answer without rows": (talking({"SHOW GLOBAL STATUS": sent(WELL)}), "data"),
    "more rows than a server has": (
        talking({"SHOW GLOBAL STATUS": answer(*[("a", "1")] * 10_001)}),
        "result",
    ),
    "more than an answer may have": (talking({"SHOW GLOBAL STATUS": answer(*[("a", ROW * 20)] * 1000)}), "data"),
    "packets out of order": (
        talking({"SHOW GLOBAL STATUS": sent(b"\2", column("a"), column("b"), END) + packet(9, b"")}),
        "data",
    ),
    "a file of ours is asked for": (talking({"SHOW GLOBAL STATUS": sent(b"\xfb/etc/passwd")}), "data"),
}


@pytest.mark.parametrize(("behaviour", "reason"), LIES.values(), ids=LIES.keys())
async def test_lies(behaviour: Behaviour, reason: str) -> None:
    async with serving(behaviour) as port, watched(port) as server:
        assert await server.round(HUNG_SECONDS if reason.endswith("timeout") else 10.0) == reason, server.detail
        assert {sample.name: sample.value for sample in server.samples} == IN_VAIN


async def test_a_slow_answer_is_never_read_as_that_of_another_question() -> None:
    behaviour = talking({"SHOW GLOBAL VARIABLES": said(pairs(VARIABLES))[:-20]})
    async with serving(behaviour) as port, watched(port) as server:
        for _ in range(2):
            assert await server.round(HUNG_SECONDS) == "query_timeout"


async def test_a_server_that_answers_nobody_new_is_bad_at_the_deadline_and_what_it_said_is_kept() -> None:
    async with serving(first_alone(talking())) as port, watched(port, login_interval="1m") as server:
        assert await server.round(HUNG_SECONDS) == "auth_timeout"
        assert server.detail.startswith("logging in anew")
        assert (server.value("mysql_up"), server.value("watchkeep_login_success")) == (1.0, 0.0)
        assert await server.round(HUNG_SECONDS) == "auth_timeout"
        assert server.value("mysql_up") == 1.0, "the connection that works is kept"


EXPIRED = refused(1820, "You must SET PASSWORD before executing this statement")
SHUT_OUT: dict[str, Answers] = {
    "from the first question on": {"SHOW ": EXPIRED},
    "from the first setting on": {"SET ": EXPIRED},
}


@pytest.mark.parametrize("answers", SHUT_OUT.values(), ids=SHUT_OUT.keys())
async def test_a_login_that_may_ask_nothing_is_refused_and_the_old_connection_kept(answers: Answers) -> None:
    async with serving(one_after_another(talking(), talking(answers))) as port:
        async with watched(port, login_interval="1m", expect={"replicas": 1}) as server:
            for _ in range(2):
                assert await server.round() == "auth_refused", "not replicas_missing"
                assert "1820" in server.detail
                assert (server.value("mysql_up"), server.value("watchkeep_login_success")) == (1.0, 0.0)
        async with watched(port) as server:
            assert await server.round() == "auth_refused"
            assert await server.round() == "auth_refused"
            assert "not tried again" in server.detail


async def test_a_session_that_is_refused_everything_is_not_kept() -> None:
    denying = talking({"SHOW GLOBAL VARIABLES": refused(1142, "denied")})
    async with serving(one_after_another(denying, talking())) as port, watched(port) as server:
        assert [await server.round() for _ in range(2)] == ["query_refused", "ok"]


async def test_nobody_logs_in_anew_where_that_is_not_wanted() -> None:
    async with serving(first_alone(talking())) as port, watched(port) as server:
        assert [await server.round() for _ in range(3)] == ["ok", "ok", "ok"]
        assert server.value("watchkeep_login_success") is None


async def test_what_is_asked_seldom_stays_until_it_is_asked_again() -> None:
    counted = answer(("1024", "7"), columns=("page_size", "compress_ops"))
    async with serving(talking({"SELECT page_size, compress": counted})) as port, watched(port) as server:
        for _ in range(2):
            assert await server.round() == "ok"
            assert server.value("mysql_info_schema_innodb_cmp_compress_ops_total", page_size="1024") == 7
        age = server.value("watchkeep_mysql_slow_age_seconds")
        assert age is not None
        assert age > 0


async def test_the_labels_of_a_series_are_the_same_object_each_round() -> None:
    async with serving(talking({**node(), **replica()})) as port, watched(port) as server:
        rounds = []
        for _ in range(2):
            await server.round()
            rounds.append(server.samples)
        assert [sample.name for sample in rounds[0]] == [sample.name for sample in rounds[1]]
        assert all(one.labels is other.labels for one, other in zip(*rounds, strict=True))


# Configuration


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"username": " "}, "is no text that a database takes"),
        ({"password": "a\0b"}, "has a password with a zero byte"),
        ({"target": "localhost"}, "is no HOST:PORT"),
        ({"heartbeat": {"table": "heartbeat"}}, "write database.table"),
        ({"write_probe": {"table": "a.b`c"}}, "write database.table"),
        ({"write_probe": {}}, "write_probe.table"),
        ({"expect": {"role": "master"}}, "'primary', 'replica' or 'sentinel'"),
        ({"slow_interval": "0s"}, "is no time at all"),
        ({"tables": 1001}, "less than or equal to 1000"),
        ({"digests": 251}, "less than or equal to 250"),
    ],
)
def test_a_wrong_configuration_is_refused(config: Mapping[str, object], message: str) -> None:
    with pytest.raises(ValidationError) as raised:
        mysql.Config.model_validate({"target": "localhost:1", "username": "watchkeep", **config})
    assert message in str(raised.value)


def a_collector() -> Any:
    config = mysql.Config.model_validate({"target": "127.0.0.1:1", "username": "watchkeep"})
    return mysql.build(config, Context.default(SteadyClock()))


def test_it_is_a_collector_and_knows_nothing_of_other_metrics() -> None:
    assert isinstance(a_collector(), Collector)
    assert mysql.family("redis_up") is None


def test_what_the_runner_says_of_a_round_is_judged_by_its_reason() -> None:
    collector = a_collector()
    assert [judgement.reason for judgement in collector.judge(Fault("timeout"))] == ["timeout"]
    told = {sample.name: sample.value for sample in collector.samples(Fault("timeout"))}
    assert told == {**IN_VAIN, "mysql_exporter_scrapes_total": 0.0}
