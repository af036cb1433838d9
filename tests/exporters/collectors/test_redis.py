"""The kind `redis`, at servers that answer as a Redis does, and as it should not. Real ones: tests/exporters/redis."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import trustme
from pydantic import ValidationError

from exporters.collectors import redis
from slo.core.protocols import Collector
from slo.errors import Fault
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from tests import hostile
from tests.certificates import written
from tests.databases import StartRedis, issued
from tests.exporters.redis.saying import PRIMARY, REPLICA, info, sentinel, server
from tests.exporters.redis.watching import watching
from tests.hostile import Behaviour, serving
from tests.services import free_port

HUNG_SECONDS = 0.5
Sections = Mapping[str, Mapping[str, str]]
Answers = Mapping[str, bytes]


def bulk(text: bytes) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(text), text)


async def command(reader: asyncio.StreamReader) -> list[bytes]:
    """The words of the next command."""
    count = int((await reader.readline())[1:] or b"0")
    words = []
    for _ in range(count):
        size = int((await reader.readline())[1:])
        words.append((await reader.readexactly(size + 2))[:-2])
    return words


def talking(sections: Sections, answers: Answers | None = None) -> Behaviour:
    """A server that says this in INFO, and these answers to other commands; to any further one that it is unknown."""
    usual = {"PING": b"+PONG\r\n", "CLIENT SETNAME watchkeep": b"+OK\r\n"}
    told = {"INFO": bulk(info(sections)), "INFO COMMANDSTATS": bulk(b"")}
    known = {**usual, **told, **(answers or {})}

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while words := await command(reader):
            said = b" ".join(words).decode()
            if said in known:
                writer.write(known[said])
            else:
                writer.write(
                    bulk(info(sections)) if said == "INFO" else b"$0\r\n\r\n" if words[0] == b"INFO" else b"-ERR\r\n"
                )
            await writer.drain()
        writer.close()

    return behave


def cluster(state: str) -> Answers:
    return {"CLUSTER INFO": bulk(f"cluster_state:{state}\r\ncluster_size:3\r\n".encode())}


NODE = server(PRIMARY, cluster_enabled="1")
QUORUM = {"SENTINEL CKQUORUM main": b"+OK 3 usable Sentinels\r\n"}
NO_QUORUM = {"SENTINEL CKQUORUM main": b"-NOQUORUM 1 usable Sentinels\r\n"}
FULL = {"connected_clients": "98", "maxclients": "99"}

STATES: dict[str, tuple[Sections, Answers, Mapping[str, object], str]] = {
    "a primary": (server(PRIMARY), {}, {}, "ok"),
    "a primary that follows": (server(PRIMARY), {}, {"role": "replica"}, "role"),
    "a replica": (server(REPLICA), {}, {"role": "replica", "lag": "5s"}, "ok"),
    "a replica that is behind": (server(REPLICA), {}, {"lag": "1s"}, "replication_lag"),
    "a replica without a link": (server(REPLICA, master_link_status="down"), {}, {}, "replication_broken"),
    "a replica that does not say": (server(REPLICA, master_last_io_seconds_ago=""), {}, {}, "replication_unknown"),
    "async where that will not do": (server(PRIMARY), {}, {"replication": ["none"]}, "replication_mode"),
    "no role": (server(PRIMARY, role=""), {}, {}, "replication_unknown"),
    "it loads its data": (server(PRIMARY, loading="1", loading_loaded_perc="40.00"), {}, {}, "not_ready"),
    "it is full": (server(PRIMARY, **FULL), {}, {}, "too_many_connections"),
    "it is full, and followed by too few": (server(PRIMARY, **FULL), {}, {"replicas": 9}, "too_many_connections"),
    "a node of a cluster": (NODE, cluster("ok"), {"cluster_size": 3}, "ok"),
    "a node of a small cluster": (NODE, cluster("ok"), {"cluster_size": 4}, "cluster_size"),
    "a node of a cluster that failed": (NODE, cluster("fail"), {}, "no_quorum"),
    "a node that does not tell of its cluster": (NODE, {}, {}, "permission"),
    "a sentinel": (sentinel(), QUORUM, {"role": "sentinel"}, "ok"),
    "a sentinel without a quorum": (sentinel(), NO_QUORUM, {}, "no_quorum"),
    "a sentinel that does not tell": (sentinel(), {}, {}, "permission"),
    "a sentinel that sees a primary down": (
        sentinel(master0="name=main,status=sdown,address=192.0.2.7:6379,slaves=1,sentinels=3"),
        QUORUM,
        {},
        "replication_broken",
    ),
    "a sentinel that does not say what it watches": (sentinel(master0="main"), QUORUM, {}, "permission"),
    "INFO is not permitted": (server(PRIMARY), {"INFO": b"-NOPERM no\r\n"}, {}, "permission"),
    "a part of INFO is not": (server(PRIMARY), {"INFO COMMANDSTATS": b"-NOPERM no\r\n"}, {}, "permission"),
    "a script keeps it busy": (server(PRIMARY), {"INFO": b"-BUSY a script\r\n"}, {}, "not_ready"),
    "INFO is no text": (server(PRIMARY), {"INFO": b":1\r\n"}, {}, "data"),
    "a login is wanted": (server(PRIMARY), {"CLIENT SETNAME watchkeep": b"-NOAUTH\r\n"}, {}, "auth_refused"),
    "no name is wanted": (server(PRIMARY), {"CLIENT SETNAME watchkeep": b"-NOPERM no\r\n"}, {}, "ok"),
}


@pytest.mark.parametrize(("sections", "answers", "expect", "reason"), STATES.values(), ids=STATES.keys())
async def test_what_is_made_of_what_a_server_says(
    sections: Sections, answers: Answers, expect: Mapping[str, object], reason: str
) -> None:
    async with serving(talking(sections, answers)) as port, watching(port, expect=expect) as watched:
        outcome = await watched.look()
        assert outcome.reason == reason, outcome.detail
        assert (watched.value("redis_up") == 1.0) is (watched.value("redis_uptime_in_seconds") is not None)


LIES: dict[str, tuple[Behaviour, str]] = {
    "it hangs up": (hostile.resetting_at_once, "data_closed"),
    "it says nothing": (hostile.silent, "query_timeout"),
    "another protocol that speaks first": (hostile.speaking_first, "data"),
    "more than an answer may have": (
        talking(server(PRIMARY), {"INFO": b"$4000000000\r\n" + b"x" * 2_000_000}),
        "data",
    ),
    "elements for ever": (talking(server(PRIMARY), {"INFO": b"*1000000000\r\n" + b":1\r\n" * 600_000}), "data"),
    "half an answer": (talking(server(PRIMARY), {"INFO": b"$4000\r\n# Server\r\n"}), "query_timeout"),
}


@pytest.mark.parametrize(("behaviour", "reason"), LIES.values(), ids=LIES.keys())
async def test_lies(behaviour: Behaviour, reason: str) -> None:
    timeout = HUNG_SECONDS if reason == "query_timeout" else 10.0
    async with serving(behaviour) as port, watching(port, timeout_seconds=timeout) as watched:
        outcome = await watched.look()
        assert outcome.reason == reason, outcome.detail
        assert {sample.name: sample.value for sample in watched.samples} == {
            "redis_up": 0.0,
            "redis_exporter_last_scrape_error": 1.0,
        }


def first_alone(behaviour: Behaviour) -> Behaviour:
    """Behaves so on the first connection, and says nothing on all others."""
    taken = []

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken.append(writer)
        await (behaviour if len(taken) == 1 else hostile.silent)(reader, writer)

    return behave


async def test_a_server_that_answers_nobody_new_is_bad_at_the_deadline_and_what_it_said_is_kept() -> None:
    behaviour = first_alone(talking(server(PRIMARY)))
    async with serving(behaviour) as port, watching(port, timeout_seconds=HUNG_SECONDS) as watched:
        outcome = await watched.look()
        assert outcome.reason == "query_timeout"
        assert outcome.detail.startswith("logging in anew")
        assert (watched.value("redis_up"), watched.value("watchkeep_login_success")) == (1.0, 0.0)


async def test_nobody_logs_in_anew_where_that_is_not_wanted() -> None:
    behaviour = first_alone(talking(server(PRIMARY)))
    async with serving(behaviour) as port, watching(port, login_interval="0s") as watched:
        assert [(await watched.look()).reason for _ in range(3)] == ["ok", "ok", "ok"]
        assert watched.value("watchkeep_login_success") is None


async def test_the_labels_of_a_series_are_the_same_object_each_round() -> None:
    async with serving(talking(server(PRIMARY))) as port, watching(port) as watched:
        rounds = []
        for _ in range(2):
            await watched.look()
            rounds.append(watched.samples)
        assert [sample.name for sample in rounds[0]] == [sample.name for sample in rounds[1]]
        assert all(one.labels is other.labels for one, other in zip(*rounds, strict=True))


async def test_tls_with_certificates_on_both_sides(start_redis: StartRedis, tmp_path: Path) -> None:
    authority, port = trustme.CA(), free_port()
    certificate, key = issued(authority, tmp_path)
    ca_file = written(authority, tmp_path)
    start_redis(
        *("--tls-port", str(port), "--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", ca_file)
    )
    mutual = {"ca_file": ca_file, "cert_file": certificate, "key_file": key}
    at: dict[str, Any] = {"target": f"localhost:{port}", "ip_protocol": "ip4"}
    async with watching(port, **at, tls=mutual) as watched:
        outcome = await watched.look()
        assert outcome.reason == "ok", outcome.detail
        assert list(outcome.phases) == ["resolve", "connect", "tls", "query"]
        assert list((await watched.look()).phases) == ["query"]
    async with watching(port, **at, tls={**mutual, "server_name": "cache.example"}) as watched:
        assert (await watched.look()).reason == "tls_hostname"


# Configuration


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"username": "watch"}, "has a username without a password"),
        ({"target": "localhost"}, "is no HOST:PORT"),
        ({"write_probe": {}}, "write_probe.key"),
        ({"write_probe": {"key": ""}}, "at least 1 character"),
        ({"expect": {"role": "master"}}, "'primary', 'replica' or 'sentinel'"),
        ({"slow_interval": "0s"}, "is no time at all"),
        ({"database": 1}, "Extra inputs are not permitted"),
    ],
)
def test_a_wrong_configuration_is_refused(config: Mapping[str, object], message: str) -> None:
    with pytest.raises(ValidationError) as raised:
        redis.Config.model_validate({"target": "localhost:1", **config})
    assert message in str(raised.value)


def a_collector() -> Any:
    return redis.build(redis.Config.of("127.0.0.1:1"), Context.default(SteadyClock()))


def test_it_is_a_collector_and_knows_nothing_of_other_metrics() -> None:
    assert isinstance(a_collector(), Collector)
    assert redis.family("mysql_up") is None


def test_what_the_runner_says_of_a_round_is_judged_by_its_reason() -> None:
    collector = a_collector()
    assert [judgement.reason for judgement in collector.judge(Fault("timeout"))] == ["timeout"]
    assert {sample.name: sample.value for sample in collector.samples(Fault("timeout"))} == {
        "redis_up": 0.0,
        "redis_exporter_last_scrape_error": 1.0,
    }
