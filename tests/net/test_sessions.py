"""Sessions that are kept: what they survive, and what ends them."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from slo.config.secret import Secret
from slo.errors import Fault
from slo.net.attempt import Attempt, Endpoint, Reached
from slo.net.context import Context
from slo.net.mysql import MySQLSession
from slo.net.postgres import PostgresSession
from slo.net.redis import RedisLogin, RedisSession, Refusal
from slo.net.sql import SQLLogin, SQLSession
from slo.runner.clock import SteadyClock
from tests.databases import StartMariaDB, StartPostgres, StartRedis, told

KINDS: dict[str, type[SQLSession]] = {"mysql": MySQLSession, "postgres": PostgresSession}
LOGIN = SQLLogin(username="watch", password=Secret("s3cret"), database="postgres")


async def within(context: Context, steps: Awaitable[None], seconds: float = 10.0) -> Reached:
    return await Attempt(context).run(steps, context.clock.monotonic() + seconds)


@pytest.fixture(scope="module")
def run_and_port(
    start_mariadb: StartMariaDB, start_postgres: StartPostgres
) -> dict[str, tuple[Callable[..., str], int]]:
    mariadb, postgres = start_mariadb(), start_postgres()
    mariadb.run("CREATE DATABASE postgres", "CREATE USER watch IDENTIFIED BY 's3cret'", "GRANT ALL ON *.* TO watch")
    postgres.run("CREATE ROLE watch LOGIN PASSWORD 's3cret'")
    return {"mysql": (mariadb.run, mariadb.port), "postgres": (postgres.run, postgres.port)}


@pytest.mark.parametrize("dialect", KINDS)
async def test_a_session_of_a_database(run_and_port: dict[str, tuple[Callable[..., str], int]], dialect: str) -> None:
    _, port = run_and_port[dialect]
    context = Context.default(SteadyClock())
    session = await KINDS[dialect].open(Attempt(context), Endpoint(host="127.0.0.1", port=port), LOGIN)

    async def ask(statement: str, seconds: float = 5.0) -> None:
        answers.append(await session.query(statement, seconds=seconds))

    answers: list[object] = []
    for _ in range(3):
        assert (await within(context, ask("SELECT 1 AS one, 'b' AS two"))).fault is None
    found = await session.query("SELECT 1 AS one, NULL AS two", seconds=5)
    assert (found.columns, found.rows) == (("one", "two"), (("1", None),))
    # A query that is refused, and one that the server gives up on, leave it as it was.
    for statement, seconds, reason in (
        ("SELEKT", 5.0, "query_refused"),
        (
            "SELECT count(*) FROM " + ", ".join([f"information_schema.columns AS c{each}" for each in range(6)]),
            0.2,
            "query_timeout",
        ),
    ):
        fault = (await within(context, ask(statement, seconds))).fault
        assert fault is not None
        assert (fault.reason, session.is_open) == (reason, True), fault.detail
    # What is not in the answer that was asked for is never read as that of another question.
    sleep = "SELECT sleep(1)" if dialect == "mysql" else "SELECT pg_sleep(1)"
    fault = (await within(context, ask(sleep), seconds=0.2)).fault
    assert fault is not None
    assert (fault.reason, session.is_open) == ("timeout", False)
    fault = (await within(context, ask("SELECT 2"))).fault
    assert fault is not None
    assert fault.reason == "data_closed"
    session.close()
    await context.close()


@pytest.mark.parametrize("dialect", KINDS)
async def test_a_session_that_the_server_ends(
    run_and_port: dict[str, tuple[Callable[..., str], int]], dialect: str
) -> None:
    run, port = run_and_port[dialect]
    context = Context.default(SteadyClock())
    session = await KINDS[dialect].open(Attempt(context), Endpoint(host="127.0.0.1", port=port), LOGIN)
    if dialect == "mysql":
        run("KILL USER watch")
    else:
        run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'watch'")
    while session.is_open:
        await asyncio.sleep(0.01)
    session.close()
    await context.close()


async def test_several_questions_at_once_to_a_redis(start_redis: StartRedis) -> None:
    context = Context.default(SteadyClock())
    endpoint = Endpoint(host="127.0.0.1", port=start_redis().port)
    session = await RedisSession.open(Attempt(context), endpoint, RedisLogin(), limit_bytes=1000)
    told_so = await session.pipeline([("SET", "a", "1"), ("LLEN", "a"), ("GET", "a"), ("KEYS", "*"), ("NONSENSE",)])
    assert [answer for answer in told_so if not isinstance(answer, Refusal)] == [b"OK", b"1", [b"a"]]
    refused = [answer for answer in told_so if isinstance(answer, Refusal)]
    assert [answer.code for answer in refused] == ["WRONGTYPE", "ERR"]
    assert [answer.fault().reason for answer in refused] == ["query_refused", "query_refused"]
    assert await session.pipeline([]) == []
    await session.command("SET", "a", "x" * 400)
    with pytest.raises(Fault) as raised:  # all of the answers together may be as large as one
        await session.pipeline([("GET", "a")] * 3)
    assert (raised.value.reason, raised.value.detail) == ("data", "an answer of more than 1000 bytes")
    assert not session.is_open
    await context.close()


async def test_a_session_of_a_redis(start_redis: StartRedis) -> None:
    service = start_redis("--requirepass", "s3cret")
    context = Context.default(SteadyClock())
    endpoint = Endpoint(host="127.0.0.1", port=service.port)
    session = await RedisSession.open(Attempt(context), endpoint, RedisLogin(password=Secret("s3cret"), database=1))

    async def ask(*words: str) -> None:
        answers.append(await session.command(*words))

    answers: list[object] = []
    for words in (("SET", "a", "1"), ("GET", "a"), ("GET", "b"), ("KEYS", "*"), ("STRLEN", "a")):
        assert (await within(context, ask(*words))).fault is None
    assert answers == [b"OK", b"1", None, [b"a"], 1]
    fault = (await within(context, ask("LLEN", "a"))).fault
    assert fault is not None
    assert (fault.reason, session.is_open) == ("query_refused", True)
    fault = (await within(context, ask("BLPOP", "nothing", "0"), seconds=0.2)).fault
    assert fault is not None
    assert (fault.reason, session.is_open) == ("timeout", False)
    session.close()
    session = await RedisSession.open(Attempt(context), endpoint, RedisLogin(password=Secret("s3cret")))
    told(service.port, "CLIENT KILL TYPE normal", password="s3cret")
    while session.is_open:
        await asyncio.sleep(0.01)
    session.close()
    await context.close()
