"""What a probe of a database says of servers that lie, flood and hang: always something, and in time."""

import asyncio
from base64 import b64encode

import pytest

from probes import sql
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from tests import hostile
from tests.hostile import Behaviour, serving
from tests.probes.looking import look

HUNG_SECONDS = 0.5
NONCE = bytes(range(1, 21))


def at(port: int, dialect: str, **keys: object) -> dict[str, object]:
    login = {"username": "watch", "password": "s3cret", "database": "shop"}
    return {"target": f"127.0.0.1:{port}", "dialect": dialect, **login, **keys}


# PostgreSQL


def message(kind: bytes, body: bytes = b"") -> bytes:
    return kind + (len(body) + 4).to_bytes(4, "big") + body


def error(state: str, text: str) -> bytes:
    return message(b"E", f"SFATAL\0C{state}\0M{text}\0\0".encode())


WELCOME = message(b"R", bytes(4))
READY = message(b"Z", b"I")
ONE = message(b"T", b"\0\1one\0" + bytes(18)) + message(b"D", b"\0\1\0\0\0\0011") + message(b"C", b"SELECT 1\0")


def elephant(*answers: bytes, then_hang: bool = True) -> Behaviour:
    """Answers each packet of the client with the next of these."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await reader.read(10_000)
            writer.write(answer)
            await writer.drain()
        if then_hang:
            await asyncio.Event().wait()

    return behave


def pouring(head: bytes, piece: bytes) -> Behaviour:
    """Listens once, and then says the same for ever."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(piece)
            await writer.drain()

    return behave


def challenge(first: bytes, *, iterations: int = 4096, nonce: bytes = b"") -> bytes:
    """What a server answers to the first message of SCRAM."""
    sent = first[first.index(b"r=") + 2 :]
    text = b"r=" + (nonce or sent + b"more") + b",s=" + b64encode(b"salt") + b",i=%d" % iterations
    return message(b"R", (11).to_bytes(4, "big") + text)


def scram(*, iterations: int = 4096, nonce: bytes = b"", last: bytes = b"") -> Behaviour:
    """Begins SCRAM, and ends it without knowing the password."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10_000)
        writer.write(message(b"R", (10).to_bytes(4, "big") + b"SCRAM-SHA-256\0\0"))
        writer.write(challenge(await reader.read(10_000), iterations=iterations, nonce=nonce))
        await reader.read(10_000)
        writer.write(last)
        await asyncio.Event().wait()

    return behave


ELEPHANTS: dict[str, tuple[Behaviour, str]] = {
    "all is well": (elephant(WELCOME + READY, READY + ONE + READY + READY), "ok"),
    "it is starting": (elephant(error("57P03", "the database system is starting up")), "not_ready"),
    "an error in the middle": (
        elephant(WELCOME + READY, READY + error("XX000", "oh") + READY + READY),
        "query_refused",
    ),
    "it is told to stop": (elephant(WELCOME + READY, error("57P01", "stop"), then_hang=False), "data_closed"),
    "it says nothing": (hostile.silent, "auth_timeout"),
    "it hangs up": (elephant(b"", then_hang=False), "data_closed"),
    "it resets": (hostile.resetting_at_once, "data_closed"),
    "half a message": (elephant(WELCOME[:7]), "auth_timeout"),
    "no result": (elephant(WELCOME + READY), "query_timeout"),
    "half a result": (elephant(WELCOME + READY, READY + ONE[:30]), "query_timeout"),
    "another protocol": (elephant(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "data"),
    "another protocol that speaks first": (hostile.speaking_first, "data"),
    "garbage for ever": (pouring(b"", b"\xff" * 65_536), "data"),
    "notices for ever": (pouring(b"", message(b"N", b"\0") * 5_000), "data"),
    "rows for ever": (pouring(WELCOME + READY + READY, message(b"D", bytes(2)) * 5_000), "result"),
    "a gigabyte is announced": (elephant(b"R" + (2**30).to_bytes(4, "big")), "data"),
    "less than nothing is announced": (elephant(b"R" + bytes(4)), "data"),
    "a row without its columns": (elephant(WELCOME + READY, READY + message(b"D", b"\0\1")), "data"),
    "a value longer than its row": (elephant(WELCOME + READY, READY + message(b"D", b"\0\1\0\1\0\0")), "data"),
    "a name without an end": (elephant(WELCOME + READY, READY + message(b"T", b"\0\1one")), "data"),
    "an error without a word": (elephant(message(b"E")), "auth_refused"),
    "a way to log in without its salt": (elephant(message(b"R", (5).to_bytes(4, "big"))), "data"),
    "the password itself": (elephant(message(b"R", (3).to_bytes(4, "big"))), "auth_method"),
    "kerberos": (elephant(message(b"R", (7).to_bytes(4, "big"))), "auth_method"),
    "another SASL": (elephant(message(b"R", (10).to_bytes(4, "big") + b"OAUTHBEARER\0\0")), "auth_method"),
    "SCRAM without a beginning": (elephant(message(b"R", (11).to_bytes(4, "big") + b"r=a")), "auth_method"),
    "SCRAM for hours": (scram(iterations=2_000_000_000), "data"),
    "SCRAM with another nonce": (scram(nonce=b"other"), "data"),
    "SCRAM without a proof": (scram(last=WELCOME + READY), "data"),
    "SCRAM with a false proof": (
        scram(last=message(b"R", (12).to_bytes(4, "big") + b"v=" + b64encode(bytes(32)))),
        "data",
    ),
    "files are asked for": (elephant(WELCOME + READY, READY + message(b"G", b"\0\0\0")), "data"),
}


@pytest.mark.parametrize(("behaviour", "reason"), ELEPHANTS.values(), ids=ELEPHANTS.keys())
async def test_lies_of_a_postgres(behaviour: Behaviour, reason: str) -> None:
    await lied_to("postgres", behaviour, reason)


async def lied_to(dialect: str, behaviour: Behaviour, reason: str) -> None:
    timeout = HUNG_SECONDS if reason.endswith("_timeout") else 10.0
    async with serving(behaviour) as port:
        seen = await look(sql, at(port, dialect), timeout_seconds=timeout)
    assert seen.reason == reason, seen.judgement.detail
    assert seen.judgement.detail.isprintable()
    assert len(seen.judgement.detail) < 300


async def test_what_is_said_before_tls_is_not_taken_for_encrypted() -> None:
    async with serving(elephant(b"S" + WELCOME + READY)) as port:
        seen = await look(sql, at(port, "postgres", tls={"insecure_skip_verify": True}))
    assert (seen.reason, seen.judgement.detail) == ("data", "it says more before TLS than it was asked for")


async def test_an_error_before_tls_is_not_believed() -> None:
    async with serving(elephant(error("28P01", "send the password elsewhere"))) as port:
        seen = await look(sql, at(port, "postgres", tls={"insecure_skip_verify": True}))
    assert seen.reason == "tls_protocol"


# MySQL


def packet(number: int, body: bytes) -> bytes:
    return len(body).to_bytes(3, "little") + bytes([number]) + body


def greeting(
    plugin: bytes = b"mysql_native_password", abilities: int = 0xFFFFFFFF, version: bytes = b"8.0.40"
) -> bytes:
    low, high = (abilities & 0xFFFF).to_bytes(2, "little"), (abilities >> 16).to_bytes(2, "little")
    head = b"\x0a" + version + b"\0" + bytes(4) + NONCE[:8] + b"\0" + low + b"\x2d\2\0" + high
    return packet(0, head + bytes([21]) + bytes(10) + NONCE[8:] + b"\0" + plugin + b"\0")


WELL = bytes([0, 0, 0, 2, 0, 0, 0])
END = b"\xfe\0\0\2\0"
COLUMN = b"\3def\0\0\0\3one\3one" + bytes(12)
TABLE = packet(1, b"\1") + packet(2, COLUMN) + packet(3, END) + packet(4, b"\0011") + packet(5, END)


def refused(number: int, code: int, text: str) -> bytes:
    return packet(number, b"\xff" + code.to_bytes(2, "little") + b"#HY000" + text.encode())


def dolphin(*answers: bytes, first: bytes = greeting(), then_hang: bool = True) -> Behaviour:
    """Greets, and answers each packet of the client with the next of these."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        for answer in answers:
            await reader.read(10_000)
            writer.write(answer)
            await writer.drain()
        if then_hang:
            await asyncio.Event().wait()

    return behave


IN = (packet(2, WELL), packet(1, WELL), packet(1, WELL))
"""Logged in, and set up for a query."""

DOLPHINS: dict[str, tuple[Behaviour, str]] = {
    "all is well": (dolphin(*IN, TABLE), "ok"),
    "it knows no limit of time": (dolphin(*IN[:2], refused(1, 1193, "unknown variable"), TABLE), "ok"),
    "too many connections": (dolphin(first=refused(0, 1040, "Too many connections")), "too_many_connections"),
    "our host is blocked": (dolphin(first=refused(0, 1129, "Host is blocked")), "auth_refused"),
    "a node outside its cluster": (dolphin(*IN, refused(1, 1047, "WSREP has not yet prepared node")), "not_ready"),
    "it shuts down": (dolphin(*IN, refused(1, 1053, "Server shutdown in progress")), "not_ready"),
    "it gave up on the query": (dolphin(*IN, refused(1, 3024, "maximum statement time exceeded")), "query_timeout"),
    "it gave up among the rows": (dolphin(*IN, TABLE[:-9] + refused(5, 1969, "max_statement_time")), "query_timeout"),
    "it cannot be read-only": (dolphin(*IN[:1], refused(1, 1064, "syntax")), "query_refused"),
    "it says nothing": (hostile.silent, "auth_timeout"),
    "it hangs up": (dolphin(then_hang=False), "data_closed"),
    "half a greeting": (dolphin(first=greeting()[:20]), "auth_timeout"),
    "no result": (dolphin(*IN), "query_timeout"),
    "half a result": (dolphin(*IN, TABLE[:20]), "query_timeout"),
    "another protocol": (dolphin(first=b"HTTP/1.1 400 Bad Request\r\n\r\n"), "data"),
    "another protocol that speaks first": (hostile.speaking_first, "data"),
    "garbage for ever": (pouring(b"", b"\xff" * 65_536), "data"),
    "an old server": (dolphin(first=packet(0, b"\x09" + b"3.20\0")), "data"),
    "a server of the last century": (dolphin(first=greeting(abilities=0xFFFF)), "data"),
    "a greeting that ends too soon": (dolphin(first=packet(0, b"\x0a8.0\0")), "data"),
    "a greeting without a plugin's end": (dolphin(first=packet(0, greeting()[4:-1])), "data"),
    "packets out of order": (dolphin(packet(7, WELL)), "data"),
    "an empty packet": (dolphin(packet(2, b"")), "data"),
    "16 MB are announced": (dolphin(b"\xff\xff\xff\2"), "data"),
    "a file of ours is asked for": (dolphin(*IN, packet(1, b"\xfb/etc/passwd")), "data"),
    "a million columns": (dolphin(*IN, packet(1, b"\xfe" + b"\xff" * 8) + packet(2, b"\xfb")), "data"),
    "columns for ever": (dolphin(*IN, packet(1, b"\xfd\xff\xff\xff"), packet(2, COLUMN)), "query_timeout"),
    "a value longer than its row": (dolphin(*IN, TABLE[:-15] + packet(4, b"\x091")), "data"),
    "a length that is none": (dolphin(*IN, packet(1, b"\1") + packet(2, b"\3def\xff")), "data"),
    "rows for ever": (
        dolphin(*IN, TABLE[:-15] + b"".join(packet((number + 4) % 256, b"\0011") for number in range(5_000))),
        "result",
    ),
    "an error without a number": (dolphin(packet(2, b"\xff")), "data"),
    "another plugin": (dolphin(packet(2, b"\xfedialog\0" + NONCE + b"\0")), "auth_method"),
    "the password in clear": (dolphin(packet(2, b"\xfemysql_clear_password\0")), "auth_method"),
    "the way of MySQL 4": (dolphin(packet(2, b"\xfe")), "data"),
    "more without a question": (dolphin(packet(2, b"\1\4")), "data"),
}


@pytest.mark.parametrize(("behaviour", "reason"), DOLPHINS.values(), ids=DOLPHINS.keys())
async def test_lies_of_a_mysql(behaviour: Behaviour, reason: str) -> None:
    await lied_to("mysql", behaviour, reason)


# Both


@pytest.mark.parametrize(
    ("dialect", "first", "answer"),
    [("postgres", b"", error("28P01", "no")), ("mysql", greeting(), refused(2, 1045, "Access denied"))],
    ids=["postgres", "mysql"],
)
async def test_a_thousand_rounds_that_fail_leave_no_connection_open(dialect: str, first: bytes, answer: bytes) -> None:
    left: list[int] = []

    async def refusing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        left.append(1)
        writer.write(first)
        await reader.read(1000)
        writer.write(answer)
        await reader.read()  # until the other side has hung up
        left.pop()

    context = Context.default(SteadyClock())
    async with serving(refusing) as port:
        for _ in range(20):
            seen = await asyncio.gather(*(look(sql, at(port, dialect), context=context) for _ in range(50)))
            assert {each.reason for each in seen} == {"auth_refused"}
        while left:
            await asyncio.sleep(0.01)
    await context.close()
