"""The kind `postgres`: its keys, and servers that lie to it. Real ones that break are in tests/exporters/postgres."""

import asyncio
from collections.abc import Mapping

import pytest
from pydantic import ValidationError

from exporters.collectors import postgres
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from tests.hostile import Behaviour, serving

TARGET = {"target": "db.example:5432", "username": "watchkeep"}


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"username": " "}, "is no text that a database takes"),
        ({"database": "a\0b"}, "is no text that a database takes"),
        ({"password": "a\0b"}, "has a password with a zero byte"),
        ({"write_probe": {}}, "Field required"),
        ({"write_probe": {"table": "a.b.c"}}, "is no table"),
        ({"write_probe": {"table": 'a."; DROP TABLE b'}}, "is no table"),
        ({"heartbeat": {"table": "a.b", "column": 'at"'}}, "match pattern"),
        ({"tables": -1}, "greater than or equal to 0"),
        ({"statements": 5_001}, "less than or equal to 5000"),
        ({"expect": {"replication": ["eventual"]}}, "Input should be"),
        ({"queries": []}, "Extra inputs"),
    ],
)
def test_keys_that_are_refused(keys: Mapping[str, object], problem: str) -> None:
    with pytest.raises(ValidationError) as refused:
        postgres.Config.model_validate({**TARGET, **keys})
    assert problem in str(refused.value)


def test_a_table_stands_in_statements_as_it_is_called() -> None:
    config = postgres.Config.model_validate({**TARGET, "write_probe": {"table": "watch.Canary"}})
    assert config.write_probe is not None
    assert config.write_probe.table == '"watch"."Canary"'


def message(kind: bytes, body: bytes) -> bytes:
    return kind + (len(body) + 4).to_bytes(4, "big") + body


READY = message(b"Z", b"I")
WELCOME = message(b"R", bytes(4)) + message(b"S", b"server_version\x0015.6\0") + READY


def after_login(answer: bytes, *, again: bytes = b"") -> Behaviour:
    """Lets everybody in, gives an answer, and then pours the other for ever."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10_000)
        writer.write(WELCOME)
        await reader.read(100_000)
        writer.write(answer)
        while again:
            writer.write(again)
            await writer.drain()
        await asyncio.Event().wait()

    return behave


LIES: dict[str, tuple[Behaviour, str]] = {
    "nothing": (after_login(b""), "query_timeout"),
    "half an answer": (after_login(READY + b"D\0\0"), "query_timeout"),
    "garbage": (after_login(b"\xff" * 100), "data"),
    "a gigabyte is announced": (after_login(READY + b"D" + (2**30).to_bytes(4, "big")), "data"),
    "a row that ends too soon": (after_login(READY + message(b"D", b"\0\1\0\0\0\5ab")), "data"),
    "a row that ends too late": (after_login(READY + message(b"D", b"\0\1\0\0\0\1abc")), "data"),
    "rows for ever": (after_login(READY, again=message(b"D", bytes(2)) * 5_000), "result"),
    "notices for ever": (after_login(READY, again=message(b"N", b"M" + b"x" * 1_000 + b"\0\0") * 60), "data"),
    "everything is refused": (after_login((message(b"E", b"C42501\0Mno\0\0") + READY) * 20), "permission"),
}


@pytest.mark.parametrize(("behaviour", "reason"), LIES.values(), ids=LIES)
async def test_servers_that_lie(behaviour: Behaviour, reason: str) -> None:
    context = Context.default(SteadyClock())
    async with serving(behaviour) as port:
        config = postgres.Config.model_validate({**TARGET, "target": f"127.0.0.1:{port}", "login_interval": 0})
        collector = postgres.build(config, context)
        facts = await collector.observe(context.clock.monotonic() + (0.3 if reason == "query_timeout" else 10.0))
        await collector.aclose()
    await context.close()
    assert [judgement.reason for judgement in collector.judge(facts)] == [reason]
    said = {sample.name: sample.value for sample in collector.samples(facts)}
    assert said == {"pg_up": 0.0, "pg_exporter_last_scrape_error": 1.0}
