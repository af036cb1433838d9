"""What a probe of a database takes for good, asked of real servers: as they should be, and as they should not."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import pytest
import trustme
from pydantic import ValidationError

from probes import sql
from slo.errors import Fault
from slo.net.attempt import Attempt, Endpoint
from slo.net.context import Context
from slo.net.sql import SQLLogin
from slo.runner.clock import SteadyClock
from tests.certificates import written
from tests.databases import MariaDB, Postgres, StartMariaDB, StartPostgres, documented
from tests.probes.looking import Seen, look
from tests.services import Service, free_port

HUNG_SECONDS = 0.7
GRANTS = {dialect: documented("probes/sql.md", dialect) for dialect in ("mysql", "postgres")}
"""The statements of the manual: the user, and what it needs to read one table."""

TABLE = ("CREATE SCHEMA shop", "CREATE TABLE shop.canary (word varchar(10), number int)")
ROWS = "INSERT INTO shop.canary VALUES ('alive', 7), (NULL, 8)"
SERVERS = pytest.mark.parametrize("dialect", ["mysql", "postgres"])


@pytest.fixture(scope="session")
def mariadb(start_mariadb: StartMariaDB) -> MariaDB:
    server = start_mariadb()
    server.run(*TABLE, ROWS, *(block.replace("PASSWORD", "s3cret") for block in GRANTS["mysql"]))
    return server


@pytest.fixture(scope="session")
def postgres(start_postgres: StartPostgres) -> Postgres:
    server = start_postgres()
    server.run(*TABLE, ROWS, "CREATE DATABASE shop", "CREATE DATABASE plain", "CREATE ROLE open LOGIN")
    server.run(*(block.replace(" PASSWORD 'PASSWORD'", " PASSWORD 's3cret'") for block in GRANTS["postgres"]))
    server.run("SET password_encryption = 'md5'; CREATE ROLE legacy LOGIN PASSWORD 's3cret'")
    return server


@pytest.fixture
def server(dialect: str, request: pytest.FixtureRequest) -> MariaDB | Postgres:
    found: MariaDB | Postgres = request.getfixturevalue("mariadb" if dialect == "mysql" else "postgres")
    return found


def at(port: int, dialect: str, **keys: object) -> dict[str, object]:
    """The probe of a server, logged in as the manual's user, to a database that there is."""
    database = {"database": "postgres"} if dialect == "postgres" else {}
    login = {"username": "watchkeep", "password": "s3cret"}
    return {"target": f"127.0.0.1:{port}", "dialect": dialect, **login, **database, **keys}


@contextlib.asynccontextmanager
async def held(port: int, dialect: str, *, count: int) -> AsyncIterator[None]:
    """So many connections that the manual's user has, and keeps."""
    context = Context.default(SteadyClock())
    config = sql.Config.model_validate(at(port, dialect))
    login = SQLLogin(username=config.username, password=config.password, database=config.database)
    endpoint = Endpoint(host=config.target.host, port=port)
    sessions = [await sql.SESSIONS[dialect].open(Attempt(context), endpoint, login) for _ in range(count)]
    try:
        yield
    finally:
        for session in sessions:
            session.close()
        await context.close()


@contextlib.contextmanager
def stopped(service: Service) -> Iterator[None]:
    """A server that stands still; with PostgreSQL the one process that lets others in."""
    os.kill(service.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(service.pid, signal.SIGCONT)


WORD = {"query": "SELECT word, number FROM shop.canary ORDER BY number"}
ANSWERS: dict[str, tuple[Mapping[str, object], str]] = {
    "it is there": ({}, "ok"),
    "it is a primary": ({"expect": {"role": "primary"}}, "ok"),
    "it is no replica": ({"expect": {"role": "replica"}}, "role"),
    "the rows and the value": ({**WORD, "expect": {"rows": 2, "value": "alive"}}, "ok"),
    "the value matches": ({**WORD, "expect": {"match": "^al"}}, "ok"),
    "another value": ({**WORD, "expect": {"value": "dead"}}, "result"),
    "the value does not match": ({**WORD, "expect": {"match": "^dead"}}, "result"),
    "another number of rows": ({**WORD, "expect": {"rows": 1}}, "result"),
    "a number": ({"query": "SELECT count(*) FROM shop.canary", "expect": {"value": 2}}, "ok"),
    "no rows": ({"query": "SELECT 1 FROM shop.canary WHERE number = 0", "expect": {"rows": 0}}, "ok"),
    "no rows and a value": ({"query": "SELECT 1 FROM shop.canary WHERE number = 0", "expect": {"value": 1}}, "result"),
    "NULL": ({"query": "SELECT NULL", "expect": {"match": ""}}, "result"),
    "an empty text": ({"query": "SELECT ''", "expect": {"value": ""}}, "ok"),
    "letters of the world": ({"query": "SELECT 'grün 水'", "expect": {"value": "grün 水"}}, "ok"),
    "a long value": ({"query": "SELECT repeat('x', 100000)", "expect": {"match": "^x+$"}}, "ok"),
    "a wrong password": ({"password": "wrong"}, "auth_refused"),
    "a password that is missing": ({"password": ""}, "auth_refused"),
    "an unknown user": ({"username": "nobody"}, "auth_refused"),
    "a mistake in the query": ({"query": "SELEKT 1"}, "query_refused"),
    "an unknown table": ({"query": "SELECT 1 FROM shop.nothing"}, "query_refused"),
    "a right that it has not": ({"query": "DELETE FROM shop.canary"}, "query_refused"),
    "a second statement": ({"query": "SELECT 1; SELECT 2"}, "query_refused"),
    "more rows than a probe needs": (
        {"query": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1001) SELECT i FROM n"},
        "result",
    ),
    "a value that is too long": ({"query": "SELECT repeat('x', 2000000)"}, "data"),
}


@SERVERS
@pytest.mark.parametrize(("config", "reason"), ANSWERS.values(), ids=ANSWERS.keys())
async def test_answers(server: MariaDB | Postgres, dialect: str, config: Mapping[str, object], reason: str) -> None:
    keys = at(server.port, dialect, **config)
    if not keys["password"]:
        del keys["password"]
    seen = await look(sql, keys)
    assert seen.reason == reason, seen.judgement.detail
    assert list(seen.judgement.phases) == ["connect", "auth", *(["query"] if reason != "auth_refused" else [])]
    assert seen.value("probe_sql_duration_seconds", phase="auth") == seen.judgement.phases["auth"]
    assert "alive" not in seen.judgement.detail


WRITES = {
    "mysql": [
        "INSERT INTO shop.canary VALUES ('new', 9)",
        "DROP TABLE shop.canary",
        "CREATE TABLE shop.other (number int)",
        "SELECT * FROM shop.canary FOR UPDATE",
    ],
    "postgres": [
        "INSERT INTO shop.canary VALUES ('new', 9) RETURNING 1",
        "DROP TABLE shop.canary",
        "CREATE TABLE shop.other (number int)",
        "SELECT nextval('shop.counter')",
    ],
}


@pytest.mark.parametrize(("dialect", "statement"), [(key, each) for key, found in WRITES.items() for each in found])
async def test_nothing_is_written_by_a_user_that_may(server: MariaDB | Postgres, dialect: str, statement: str) -> None:
    if dialect == "postgres":
        server.run("CREATE SEQUENCE IF NOT EXISTS shop.counter")
        server.run("DROP ROLE IF EXISTS mighty", "CREATE ROLE mighty SUPERUSER LOGIN PASSWORD 's3cret'")
    else:
        server.run("CREATE OR REPLACE USER mighty IDENTIFIED BY 's3cret'", "GRANT ALL ON *.* TO mighty")
    before = server.run("SELECT * FROM shop.canary ORDER BY number")
    seen = await look(sql, at(server.port, dialect, username="mighty", query=statement))
    if "FOR UPDATE" not in statement:  # MariaDB locks, and lets go at the end
        assert seen.reason == "query_refused", seen.judgement.detail
    assert server.run("SELECT * FROM shop.canary ORDER BY number") == before


async def test_databases_that_are_not_there(mariadb: MariaDB, postgres: Postgres) -> None:
    mariadb.run("CREATE OR REPLACE USER everywhere IDENTIFIED BY 's3cret'", "GRANT SELECT ON *.* TO everywhere")
    for seen in (
        await look(sql, at(mariadb.port, "mysql", username="everywhere", database="nothing")),
        await look(sql, at(postgres.port, "postgres", database="nothing")),
    ):
        assert seen.reason == "database_unknown", seen.judgement.detail
    # Who may not use a database there is not told whether it exists.
    seen = await look(sql, at(mariadb.port, "mysql", database="nothing"))
    assert seen.reason == "auth_refused"


@SERVERS
async def test_a_grant_that_was_revoked(server: MariaDB | Postgres, dialect: str) -> None:
    server.run("REVOKE SELECT ON shop.canary FROM watchkeep")
    try:
        assert (await look(sql, at(server.port, dialect, **WORD))).reason == "query_refused"
    finally:
        server.run(GRANTS[dialect][1])
    assert (await look(sql, at(server.port, dialect, **WORD))).reason == "ok"


@SERVERS
async def test_no_connection_is_left_for_the_user(server: MariaDB | Postgres, dialect: str) -> None:
    async with held(server.port, dialect, count=5):
        seen = await look(sql, at(server.port, dialect))
    assert seen.reason == "too_many_connections", seen.judgement.detail


@SERVERS
async def test_a_query_that_takes_too_long_is_given_up_on_both_sides(server: MariaDB | Postgres, dialect: str) -> None:
    query = "SELECT sleep(60)" if dialect == "mysql" else "SELECT pg_sleep(60)"
    seen = await look(sql, at(server.port, dialect, query=query), timeout_seconds=HUNG_SECONDS)
    assert (seen.reason, list(seen.judgement.phases)) == ("query_timeout", ["connect", "auth", "query"])
    running = (
        "SELECT count(*) FROM information_schema.processlist WHERE info LIKE '%sleep(60)' AND id <> connection_id()"
    )
    if dialect == "postgres":
        running = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%sleep(60)' AND state = 'active'"
    while server.run(running).strip() != "0":
        await asyncio.sleep(0.02)


@SERVERS
async def test_a_server_that_stands_still_is_told_at_the_deadline(server: MariaDB | Postgres, dialect: str) -> None:
    with stopped(server):
        seen = await look(sql, at(server.port, dialect), timeout_seconds=HUNG_SECONDS)
    assert (seen.reason, list(seen.judgement.phases)) == ("auth_timeout", ["connect", "auth"])


async def test_a_standby_and_its_primary_that_dies(start_postgres: StartPostgres) -> None:
    primary = start_postgres()
    primary.run("CREATE ROLE watchkeep LOGIN PASSWORD 's3cret'")
    standby = start_postgres(standby_of=primary)
    replica = at(standby.port, "postgres", expect={"role": "replica"})
    assert (await look(sql, replica)).reason == "ok"
    assert (await look(sql, at(standby.port, "postgres", expect={"role": "primary"}))).reason == "role"
    primary.kill()
    assert (await look(sql, replica)).reason == "ok"
    assert (await look(sql, at(primary.port, "postgres"))).reason == "connect_refused"
    primary.start()
    assert (await look(sql, at(primary.port, "postgres"))).reason == "ok"


async def test_a_server_that_follows_another_one_takes_no_writes(start_mariadb: StartMariaDB) -> None:
    server = start_mariadb("--read-only=ON")
    server.run("CREATE USER watchkeep IDENTIFIED BY 's3cret'")
    assert (await look(sql, at(server.port, "mysql", expect={"role": "replica"}))).reason == "ok"
    assert (await look(sql, at(server.port, "mysql", expect={"role": "primary"}))).reason == "role"


async def test_a_server_with_no_connection_left(start_postgres: StartPostgres, start_mariadb: StartMariaDB) -> None:
    server = start_postgres("max_connections=3", "superuser_reserved_connections=2", "max_wal_senders=0")
    server.run("CREATE ROLE watchkeep LOGIN PASSWORD 's3cret'")
    async with held(server.port, "postgres", count=1):
        seen = await look(sql, at(server.port, "postgres"))
    assert seen.reason == "too_many_connections", seen.judgement.detail
    full = start_mariadb("--max-connections=10")  # the least that it takes, and one more for root
    full.run("CREATE USER watchkeep IDENTIFIED BY 's3cret'")
    async with held(full.port, "mysql", count=10):
        seen = await look(sql, at(full.port, "mysql"))
    assert seen.reason == "too_many_connections", seen.judgement.detail


# Ways to log in, and TLS


def encrypted(authority: trustme.CA, folder: Path, port: int, dialect: str, **keys: object) -> dict[str, object]:
    tls = {"ca_file": written(authority, folder)}
    return {**at(port, dialect), "target": f"localhost:{port}", "ip_protocol": "ip4", "tls": tls, **keys}


@SERVERS
async def test_tls_is_verified_for_the_name_whatever_the_address(
    server: MariaDB | Postgres, dialect: str, database_authority: trustme.CA, tmp_path: Path
) -> None:
    seen = await look(sql, encrypted(database_authority, tmp_path, server.port, dialect))
    assert seen.reason == "ok", seen.judgement.detail
    assert set(seen.judgement.phases) == {"resolve", "connect", "tls", "auth", "query"}
    assert seen.value("probe_ssl_last_chain_expiry_timestamp_seconds") is not None
    seen = await look(
        sql, {**encrypted(database_authority, tmp_path, server.port, dialect), "target": f"127.0.0.1:{server.port}"}
    )
    assert seen.reason == "tls_hostname"
    assert seen.value("probe_ssl_earliest_cert_expiry") is not None
    assert (await look(sql, at(server.port, dialect, tls={}))).reason == "tls_verify"
    assert (await look(sql, at(server.port, dialect, tls={"insecure_skip_verify": True}))).reason == "ok"


async def test_a_server_that_insists_on_tls(mariadb: MariaDB) -> None:
    mariadb.run("CREATE OR REPLACE USER private IDENTIFIED BY 's3cret' REQUIRE SSL")
    keys = at(mariadb.port, "mysql", username="private")
    assert (await look(sql, keys)).reason == "auth_refused"
    assert (await look(sql, {**keys, "tls": {"insecure_skip_verify": True}})).reason == "ok"


async def test_a_server_without_tls(start_postgres: StartPostgres, start_mariadb: StartMariaDB) -> None:
    for port, dialect in (
        (start_postgres("ssl=off").port, "postgres"),
        (start_mariadb("--skip-ssl").port, "mysql"),
    ):
        seen = await look(sql, at(port, dialect, tls={"insecure_skip_verify": True}))
        assert (seen.reason, seen.judgement.detail) == ("tls_protocol", "the server does not offer TLS")


async def test_the_ways_to_log_in_to_postgres(
    postgres: Postgres, database_authority: trustme.CA, tmp_path: Path
) -> None:
    assert (await look(sql, at(postgres.port, "postgres", username="legacy"))).reason == "ok"
    assert (await look(sql, at(postgres.port, "postgres", username="legacy", password="no"))).reason == "auth_refused"
    assert (await look(sql, at(postgres.port, "postgres", username="open", password="any"))).reason == "ok"
    seen = await look(sql, at(postgres.port, "postgres", database="plain"))
    assert (seen.reason, seen.judgement.state.value) == ("auth_method", "unknown")
    keys = encrypted(database_authority, tmp_path, postgres.port, "postgres", database="plain")
    assert (await look(sql, keys)).reason == "ok"


@pytest.mark.parametrize("password", ["grün", "a ª b", "x\u00adsoft", "水" * 20, "null\u2000space", "\ufb01"])
async def test_passwords_of_the_world(postgres: Postgres, mariadb: MariaDB, password: str) -> None:
    postgres.run("DROP ROLE IF EXISTS world", f"CREATE ROLE world LOGIN PASSWORD '{password}'")
    assert (await look(sql, at(postgres.port, "postgres", username="world", password=password))).reason == "ok"
    mariadb.run("SET NAMES utf8mb4", f"CREATE OR REPLACE USER world IDENTIFIED BY '{password}'")
    assert (await look(sql, at(mariadb.port, "mysql", username="world", password=password))).reason == "ok"


async def test_a_way_to_log_in_that_is_not_spoken(mariadb: MariaDB) -> None:
    mariadb.run("INSTALL SONAME 'auth_ed25519'")
    mariadb.run("CREATE OR REPLACE USER curve IDENTIFIED VIA ed25519 USING PASSWORD('s3cret')")
    seen = await look(sql, at(mariadb.port, "mysql", username="curve"))
    mariadb.run("DROP USER curve", "UNINSTALL SONAME 'auth_ed25519'")
    assert seen.reason == "auth_method", seen.judgement.detail


# What may be configured


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"dialect": "oracle"}, "'mysql' or 'postgres'"),
        ({"username": " "}, "is no text that a database takes"),
        ({"query": ""}, "is no text that a database takes"),
        ({"query": "SELECT '\0'"}, "is no text that a database takes"),
        ({"password": "a\0b"}, "has a password with a zero byte"),
        ({"expect": {"rows": -1}}, "greater than or equal to 0"),
        ({"expect": {"match": "("}}, "missing )"),
        ({"target": "localhost"}, "is no HOST:PORT"),
    ],
)
def test_a_wrong_configuration_is_refused(config: Mapping[str, object], message: str) -> None:
    with pytest.raises(ValidationError) as raised:
        sql.Config.model_validate({"target": "localhost:1", "dialect": "mysql", "username": "watch", **config})
    assert message in str(raised.value)


def test_the_password_is_a_secret() -> None:
    assert "s3cret" not in repr(sql.Config.model_validate(at(1, "mysql")))


async def test_nothing_listens() -> None:
    seen: Seen = await look(sql, at(free_port(), "mysql"))
    assert (seen.reason, list(seen.judgement.phases)) == ("connect_refused", ["connect"])


def test_what_the_runner_says_of_a_round_is_judged_by_its_reason() -> None:
    probe = sql.build(sql.Config.model_validate(at(1, "mysql")), Context.default(SteadyClock()))
    assert [judgement.reason for judgement in probe.judge(Fault("timeout"))] == ["timeout"]
    assert list(probe.samples(Fault("timeout"))) == []
