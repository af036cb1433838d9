"""What a probe of Redis takes for good, asked of real servers: as they should be, and as they should not."""

import asyncio
import os
import signal
from collections.abc import Mapping
from pathlib import Path

import pytest
import trustme
from pydantic import ValidationError

from probes import redis
from slo.errors import Fault
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from tests import hostile
from tests.certificates import written
from tests.databases import StartRedis, documented, issued, told
from tests.hostile import Behaviour, serving
from tests.probes.looking import Seen, look
from tests.services import Service, free_port

HUNG_SECONDS = 0.5
ACL = documented("probes/redis.md", "redis")
WATCH = {"username": "watchkeep", "password": "s3cret"}
CANARY = {"command": ["GET", "canary"]}


def at(port: int, **keys: object) -> dict[str, object]:
    return {"target": f"127.0.0.1:{port}", **keys}


@pytest.fixture(scope="session")
def server(start_redis: StartRedis) -> Service:
    """A server with a user as the manual makes one, who may read one key, and no password for anybody else."""
    service = start_redis()
    told(service.port, ACL[1].replace("PASSWORD", "s3cret"), "SET canary alive", "SET count 7", "SELECT 3")
    return service


ANSWERS: dict[str, tuple[Mapping[str, object], str]] = {
    "it is there": ({}, "ok"),
    "a user logs in": (WATCH, "ok"),
    "a database is selected": ({"database": 15}, "ok"),
    "a user asks what it may ask": ({**WATCH, **CANARY, "expect": {"value": "alive", "role": "master"}}, "ok"),
    "another value": ({**CANARY, "expect": {"value": "dead"}}, "result"),
    "the value matches": ({**CANARY, "expect": {"match": "^al"}}, "ok"),
    "the value does not match": ({**CANARY, "expect": {"match": "^dead"}}, "result"),
    "no value": ({"command": ["GET", "nothing"], "expect": {"match": ""}}, "result"),
    "no value is expected": ({"command": ["GET", "nothing"]}, "ok"),
    "a number": ({"command": ["strlen", "canary"], "expect": {"value": 5}}, "ok"),
    "a wrong password": ({**WATCH, "password": "wrong"}, "auth_refused"),
    "an unknown user": ({**WATCH, "username": "nobody"}, "auth_refused"),
    "no such database": ({"database": 16}, "database_unknown"),
    "a key that the user may not read": ({**WATCH, "command": ["GET", "count"]}, "query_refused"),
    "a command that the user may not give": ({**WATCH, "command": ["TTL", "canary"]}, "query_refused"),
    "a command that does not fit the key": ({"command": ["LLEN", "canary"]}, "query_refused"),
    "it is no replica": ({"expect": {"role": "replica"}}, "role"),
    "it is no sentinel": ({"expect": {"role": "sentinel"}}, "role"),
}


@pytest.mark.parametrize(("config", "reason"), ANSWERS.values(), ids=ANSWERS.keys())
async def test_answers(server: Service, config: Mapping[str, object], reason: str) -> None:
    seen = await look(redis, at(server.port, **config))
    assert seen.reason == reason, seen.judgement.detail
    logged_in = ["auth"] if {"password", "database"} & config.keys() else []
    asked = ["exchange"] if reason not in {"auth_refused", "database_unknown"} else []
    assert list(seen.judgement.phases) == ["connect", *logged_in, *asked]
    assert seen.value("probe_redis_duration_seconds", phase="connect") == seen.judgement.phases["connect"]
    assert "alive" not in seen.judgement.detail


async def test_the_user_of_the_manual_needs_no_more_to_tell_the_role(start_redis: StartRedis) -> None:
    service = start_redis()
    told(service.port, ACL[0].replace("PASSWORD", "s3cret"))
    seen = await look(redis, at(service.port, **WATCH, database=1, expect={"role": "master"}))
    assert seen.reason == "ok", seen.judgement.detail


async def test_a_right_that_was_revoked(start_redis: StartRedis) -> None:
    service = start_redis()
    told(service.port, ACL[0].replace("PASSWORD", "s3cret"), "ACL SETUSER watchkeep -role")
    seen = await look(redis, at(service.port, **WATCH, expect={"role": "master"}))
    assert seen.reason == "query_refused"
    assert seen.judgement.detail.startswith("NOPERM ")


async def test_passwords_that_one_side_does_not_know_of(start_redis: StartRedis) -> None:
    guarded = start_redis("--requirepass", "s3cret")
    assert (await look(redis, at(guarded.port))).reason == "auth_refused"
    assert (await look(redis, at(guarded.port, password="wrong"))).reason == "auth_refused"
    assert (await look(redis, at(guarded.port, password="s3cret"))).reason == "ok"
    open_to_all = start_redis()
    assert (await look(redis, at(open_to_all.port, password="s3cret"))).reason == "auth_refused"


@pytest.mark.parametrize("password", ["RedisPw-Zx91", "Long-" * 40])
async def test_a_server_that_says_what_it_was_sent_shows_no_password(start_redis: StartRedis, password: str) -> None:
    service = start_redis("--rename-command", "AUTH", "")
    seen = await look(redis, at(service.port, username="watch", password=password))
    assert seen.reason == "auth_refused"
    assert seen.judgement.detail == "ERR unknown command 'AUTH'"
    async with serving(replying(f"-ERR no {password} here\r\n".encode())) as port:
        seen = await look(redis, at(port, password=password))
    assert seen.judgement.detail == "ERR no <secret> here"


async def test_no_connection_is_left(start_redis: StartRedis) -> None:
    service = start_redis()
    taking, holding = await asyncio.open_connection("127.0.0.1", service.port)
    holding.write(b"CONFIG SET maxclients 1\r\n")
    assert await taking.readline() == b"+OK\r\n"
    seen = await look(redis, at(service.port))
    holding.close()
    assert seen.reason == "too_many_connections"


async def test_a_replica_and_its_master_that_dies(start_redis: StartRedis) -> None:
    master = start_redis()
    replica = start_redis("--replicaof", f"127.0.0.1 {master.port}", "--replica-serve-stale-data", "no")
    while (seen := await look(redis, at(replica.port, expect={"role": "replica"}))).reason != "ok":
        assert seen.reason == "not_ready", seen.judgement.detail
        await asyncio.sleep(0.02)
    assert (await look(redis, at(replica.port, expect={"role": "master"}))).reason == "role"
    master.kill()
    while (seen := await look(redis, at(replica.port))).reason == "ok":
        await asyncio.sleep(0.02)
    assert seen.reason == "not_ready"
    assert (await look(redis, at(master.port))).reason == "connect_refused"
    master.start()
    assert (await look(redis, at(master.port))).reason == "ok"


async def test_a_server_that_stands_still_is_told_at_the_deadline(start_redis: StartRedis) -> None:
    service = start_redis()
    os.kill(service.pid, signal.SIGSTOP)
    try:
        seen = await look(redis, at(service.port), timeout_seconds=HUNG_SECONDS)
        logging_in = await look(redis, at(service.port, password="s3cret"), timeout_seconds=HUNG_SECONDS)
    finally:
        os.kill(service.pid, signal.SIGCONT)
    assert (seen.reason, list(seen.judgement.phases)) == ("data_timeout", ["connect", "exchange"])
    assert (logging_in.reason, list(logging_in.judgement.phases)) == ("auth_timeout", ["connect", "auth"])


# TLS


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def secured(start_redis: StartRedis, authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> int:
    """The port at which a server speaks TLS, and wants a certificate of whoever comes."""
    folder, port = tmp_path_factory.mktemp("redis-tls"), free_port()
    certificate, key = issued(authority, folder)
    files = ("--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", written(authority, folder))
    start_redis("--tls-port", str(port), *files)
    return port


async def encrypted(
    port: int, authority: trustme.CA, folder: Path, timeout_seconds: float = 10.0, **tls: object
) -> Seen:
    settings = {"ca_file": written(authority, folder), **tls}
    config = {"target": f"localhost:{port}", "ip_protocol": "ip4", "tls": settings}
    return await look(redis, config, timeout_seconds=timeout_seconds)


async def test_tls_with_certificates_on_both_sides(secured: int, authority: trustme.CA, tmp_path: Path) -> None:
    certificate, key = issued(authority, tmp_path)
    seen = await encrypted(secured, authority, tmp_path, cert_file=certificate, key_file=key)
    assert seen.reason == "ok", seen.judgement.detail
    assert list(seen.judgement.phases) == ["resolve", "connect", "tls", "exchange"]
    assert seen.value("probe_ssl_last_chain_expiry_timestamp_seconds") is not None


async def test_a_certificate_of_ours_that_is_missing(secured: int, authority: trustme.CA, tmp_path: Path) -> None:
    # From TLS 1.3 on a server says so after the handshake, or just hangs up.
    assert (await encrypted(secured, authority, tmp_path)).reason in {"tls_protocol", "tls_reset", "data_closed"}


async def test_a_certificate_for_another_name(secured: int, authority: trustme.CA, tmp_path: Path) -> None:
    seen = await encrypted(secured, authority, tmp_path, server_name="cache.example")
    assert seen.reason == "tls_hostname"
    assert seen.value("probe_ssl_earliest_cert_expiry") is not None


async def test_plain_text_where_tls_is_spoken_and_the_other_way_round(
    secured: int, server: Service, authority: trustme.CA, tmp_path: Path
) -> None:
    assert (await look(redis, at(secured))).reason in {"data", "data_closed"}
    seen = await encrypted(server.port, authority, tmp_path, timeout_seconds=HUNG_SECONDS)
    assert seen.reason == "tls_timeout"  # it waits for the end of the line


# Whatever else may be at the other end


def replying(*parts: bytes, then_hang: bool = False) -> Behaviour:
    """Says these parts after the first question, whatever it was."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)
        if then_hang:
            await asyncio.Event().wait()
        writer.close()
        await writer.wait_closed()

    return behave


def pouring(piece: bytes) -> Behaviour:
    """Says the same for ever, asked or not."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(piece)
            await writer.drain()

    return behave


LIES: dict[str, tuple[Behaviour, str]] = {
    "an answer in pieces": (replying(b"+", b"PO", b"NG\r", b"\n"), "ok"),
    "an answer as a bulk": (replying(b"$4\r\nPONG\r\n"), "ok"),
    "half an answer": (replying(b"+PON", then_hang=True), "data_timeout"),
    "half an answer, and it hangs up": (replying(b"+PON"), "data_closed"),
    "it hangs up": (replying(), "data_closed"),
    "it resets": (hostile.resetting_at_once, "data_closed"),
    "it says nothing": (hostile.silent, "data_timeout"),
    "another answer": (replying(b"+HELLO\r\n"), "data"),
    "no answer": (replying(b"$-1\r\n"), "data"),
    "an empty line": (replying(b"\r\n"), "data"),
    "another protocol": (replying(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "data"),
    "another protocol that speaks first": (hostile.speaking_first, "data"),
    "garbage": (replying(bytes(range(256)) + b"\r\n"), "data"),
    "garbage for ever": (pouring(b"\xff" * 65_536), "data"),
    "one line for ever": (pouring(b"+" * 65_536), "data"),
    "half a gigabyte is announced": (replying(b"$536870912\r\n", then_hang=True), "data"),
    "a billion elements are announced": (replying(b"*1000000000\r\n", then_hang=True), "data_timeout"),
    "elements for ever": (pouring(b"*1000000000\r\n" + b":1\r\n" * 10_000), "data"),
    "lists in lists": (replying(b"*1\r\n" * 100, then_hang=True), "data"),
    "a number that is none": (replying(b"$1_0\r\n", then_hang=True), "data"),
    "a number of a million digits": (replying(b":" + b"1" * 60_000 + b"\r\n", then_hang=True), "data"),
    "more than was announced": (replying(b"$4\r\nPONGPONG\r\n"), "data"),
    "it loads its data": (replying(b"-LOADING Redis is loading the dataset in memory\r\n"), "not_ready"),
    "its master is gone": (replying(b"-MASTERDOWN Link with MASTER is down\r\n"), "not_ready"),
    "a script keeps it busy": (replying(b"-BUSY Redis is busy running a script.\r\n"), "not_ready"),
    "protected mode": (replying(b"-DENIED Redis is running in protected mode\r\n"), "auth_refused"),
    "it wants a login": (replying(b"-NOAUTH Authentication required.\r\n"), "auth_refused"),
    "an error without a word": (replying(b"-\r\n"), "query_refused"),
}


@pytest.mark.parametrize(("behaviour", "reason"), LIES.values(), ids=LIES.keys())
async def test_lies(behaviour: Behaviour, reason: str) -> None:
    timeout = HUNG_SECONDS if reason == "data_timeout" else 10.0
    async with serving(behaviour) as port:
        seen = await look(redis, at(port), timeout_seconds=timeout)
    assert seen.reason == reason, seen.judgement.detail
    assert len(seen.judgement.detail) < 300
    assert seen.judgement.detail.isprintable()


async def test_a_role_that_is_none() -> None:
    async with serving(replying(b"+PONG\r\n*1\r\n*0\r\n", then_hang=True)) as port:
        seen = await look(redis, at(port, expect={"role": "master"}))
    assert seen.reason == "data"


async def test_a_thousand_rounds_that_fail_leave_no_connection_open() -> None:
    left: list[int] = []

    async def refusing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"-NOAUTH Authentication required.\r\n")
        left.append(1)
        await reader.read()  # until the other side has hung up
        left.pop()

    context = Context.default(SteadyClock())
    async with serving(refusing) as port:
        for _ in range(20):
            seen = await asyncio.gather(*(look(redis, at(port), context=context) for _ in range(50)))
            assert {each.reason for each in seen} == {"auth_refused"}
        while left:
            await asyncio.sleep(0.01)
    await context.close()


# What may be configured


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"command": ["SET", "a", "b"]}, "is no command that only reads one value"),
        ({"command": ["KEYS", "*"]}, "is no command that only reads one value"),
        ({"command": []}, "is no command that only reads one value"),
        ({"expect": {"value": "1"}}, "expects a value that nothing is asked for, give it a command"),
        ({"username": "watch"}, "has a username without a password"),
        ({"database": -1}, "greater than or equal to 0"),
        ({"expect": {"role": "slave"}}, "'master', 'replica' or 'sentinel'"),
        ({"target": "localhost"}, "is no HOST:PORT"),
    ],
)
def test_a_wrong_configuration_is_refused(config: Mapping[str, object], message: str) -> None:
    with pytest.raises(ValidationError) as raised:
        redis.Config.model_validate({"target": "localhost:1", **config})
    assert message in str(raised.value)


def test_the_password_is_a_secret() -> None:
    assert "s3cret" not in repr(redis.Config.model_validate({"target": "a:1", "password": "s3cret"}))


def test_what_the_runner_says_of_a_round_is_judged_by_its_reason() -> None:
    probe = redis.build(redis.Config.of("127.0.0.1:1"), Context.default(SteadyClock()))
    assert [judgement.reason for judgement in probe.judge(Fault("timeout"))] == ["timeout"]
    assert list(probe.samples(Fault("timeout"))) == []
