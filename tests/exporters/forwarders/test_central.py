"""A batch is told as the watch expects it, and each answer is what it is: taken, to be sent again, or never."""

import asyncio
import gzip
import json
import re
from collections.abc import Sequence

import pytest

from exporters.forwarders.central import Central, Config, build
from slo.core.batch import Batch
from slo.core.batch_document import batch_of
from slo.core.delivery import Ambiguous, Refused, Retry, Sent, Verdict
from slo.core.telemetry import Rank, Record
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from tests import hostile
from tests.hostile import Behaviour, serving

TOKEN = "a token of sixteen"


def central(port: int, **keys: object) -> Central:
    config = Config.model_validate({"url": f"http://127.0.0.1:{port}/", "token": TOKEN, "timeout": "500ms", **keys})
    built = build(config, Context.default(SteadyClock()))
    built.report_as("n1", "b1")
    return built


def records(*bodies: bytes, first: int = 7) -> list[Record]:
    numbered = enumerate(bodies, first)
    return [Record(number=number, rank=Rank.OUTCOME, at=0.0, body=body) for number, body in numbered]


async def sent_to(behaviour: Behaviour, number: int = 1) -> Sequence[Verdict]:
    """What becomes of so many records."""
    async with serving(behaviour) as port:
        to = central(port)
        return await to.send(to.encode(records(*[b'{"gone":{}}'] * number)))


def answering(status: str, body: str, *headers: str) -> Behaviour:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await hostile.request(reader)).decode()
        length = re.search(r"Content-Length: (\d+)", head)
        assert length
        await reader.readexactly(int(length[1]))
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", body]
        writer.write("\r\n".join(lines).encode())
        writer.close()

    return behave


async def test_a_batch_is_what_the_watch_reads() -> None:
    asked: list[tuple[str, bytes]] = []

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await hostile.request(reader)).decode()
        length = re.search(r"Content-Length: (\d+)", head)
        assert length
        asked.append((head, await reader.readexactly(int(length[1]))))
        await answering("200 OK", '{"accepted": 1}')(_read(head, asked[0][1]), writer)

    record = {"gone": {"check": "c", "target": "t", "at": "2026-01-01T00:00:00+00:00"}}
    async with serving(behave) as port:
        to = central(port)
        before = to.heard_at
        assert await to.send(to.encode(records(json.dumps(record).encode()))) == [Sent()]
        assert to.heard_at > before
    head, body = asked[0]
    assert head.startswith("POST /api/v1/outcomes HTTP/1.1\r\n")
    assert f"Authorization: Bearer {TOKEN}\r\n" in head
    assert "Content-Encoding: gzip\r\n" in head
    batch = batch_of(json.loads(gzip.decompress(body))).batch
    assert (batch.agent, batch.boot, batch.first, len(batch.records)) == ("n1", "b1", 7, 1)
    assert isinstance(batch, Batch)
    assert batch.sent is not None, "the watch knows by it how wrong the clock is"


def _read(head: str, body: bytes) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    reader.feed_data(head.encode() + body)
    reader.feed_eof()
    return reader


@pytest.mark.parametrize(
    ("status", "body", "verdict", "reason"),
    [
        ("200 OK", '{"accepted": 1, "refused": []}', Sent, ""),
        ("200 OK", "<html>a captive portal</html>", Retry, "response_malformed"),
        ("302 Found", "", Retry, "unexpected_status"),
        ("200 OK", '{"accepted": 0, "refused": [{"record": 7, "error": "it is no object"}]}', Refused, "unreadable"),
        ("200 OK", '{"accepted": 0, "refused": [{"record": 99}, 1]}', Refused, "unreadable"),
        (
            "200 OK",
            '{"accepted": 1, "refused": [{"record": 7, "error": "it is no object"}]}',
            Retry,
            "response_malformed",
        ),
        ("200 OK", '{"accepted": 0, "refused": []}', Retry, "response_malformed"),
        ("200 OK", '{"accepted": -1}', Retry, "response_malformed"),
        ("200 OK", '{"accepted": 2}', Retry, "response_malformed"),
        ("200 OK", '{"accepted": 1e999}', Retry, "response_malformed"),
        ("200 OK", '{"accepted": true}', Retry, "response_malformed"),
        ("200 OK", '{"accepted": null}', Retry, "response_malformed"),
        ("200 OK", "[" * 100_000, Retry, "response_malformed"),
        ("400 Bad Request", '{"error": "the body is no report: records is no list"}', Refused, "rejected"),
        ("400 Bad Request", "The plain HTTP request was sent to HTTPS port", Retry, "rejected"),
        ("400 Bad Request", '{"error": "unknown tenant"}', Retry, "rejected"),
        ("409 Conflict", "", Retry, "unexpected_status"),
        ("415 Unsupported Media Type", "", Retry, "unexpected_status"),
        ("431 Request Header Fields Too Large", "", Retry, "unexpected_status"),
        ("401 Unauthorized", "", Retry, "auth_refused"),
        ("403 Forbidden", "", Retry, "auth_refused"),
        ("404 Not Found", "", Retry, "unexpected_status"),
        ("413 Content Too Large", '{"error": "the body is larger than 2000000 bytes"}', Refused, "too_large"),
        ("413 Content Too Large", "<html>a proxy</html>", Retry, "too_large"),
        ("429 Too Many Requests", "", Retry, "rate_limited"),
        ("500 Internal Server Error", "", Retry, "server_error"),
        ("503 Service Unavailable", "", Retry, "server_error"),
    ],
)
async def test_each_answer_is_what_it_is(status: str, body: str, verdict: type, reason: str) -> None:
    (found,) = await sent_to(answering(status, body))
    assert isinstance(found, verdict)
    assert getattr(found, "reason", "") == reason


async def test_a_record_that_the_watch_cannot_read_is_refused_and_no_other() -> None:
    answer = {"accepted": 2, "refused": [{"record": 8, "check": "door", "error": "it is newer than this watch"}]}
    found = await sent_to(answering("200 OK", json.dumps(answer)), 3)
    assert found == [Sent(), Refused(reason="unreadable", detail="it is newer than this watch"), Sent()]


async def test_where_the_watch_does_not_name_all_that_it_refuses_they_are_sent_by_fewer() -> None:
    answer = {"accepted": 1, "refused": [{"record": 8, "error": "it is no object"}]}
    (found,) = await sent_to(answering("200 OK", json.dumps(answer)), 3)
    assert isinstance(found, Refused)


async def test_an_agent_that_reports_nothing_says_who_it_is() -> None:
    asked: list[bytes] = []

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await hostile.request(reader)).decode()
        asked.append(await reader.readexactly(int(re.findall(r"Content-Length: (\d+)", head)[0])))
        await answering("200 OK", '{"accepted": 0, "refused": []}')(_read(head, asked[0]), writer)

    async with serving(behave) as port:
        assert await central(port).greet() == Sent()
    batch = batch_of(json.loads(gzip.decompress(asked[0]))).batch
    assert (batch.agent, batch.boot, batch.records) == ("n1", "b1", ())


def test_a_batch_ends_where_numbers_are_not_in_a_row() -> None:
    encoded = central(1).encode([*records(b"{}", b"{}", first=3), *records(b"{}", first=6)])
    assert (encoded.first, encoded.records) == (3, 2)
    assert json.loads(gzip.decompress(encoded.body))["records"] == [{}, {}]


async def test_the_watch_says_when_to_come_again() -> None:
    (found,) = await sent_to(answering("503 Service Unavailable", "", "Retry-After: 30"))
    assert isinstance(found, Retry)
    assert found.after_seconds == 30


async def test_the_token_is_shown_to_nobody_even_where_the_other_side_says_it_back() -> None:
    (found,) = await sent_to(answering("400 Bad Request", json.dumps({"error": f"the body is {TOKEN} here"})))
    assert isinstance(found, Refused)
    assert TOKEN not in found.detail
    assert "<secret>" in found.detail


async def hung(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await hostile.request(reader)
    await asyncio.sleep(60)


async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await hostile.request(reader)
    hostile.reset(writer)


@pytest.mark.parametrize("behaviour", [hung, cut])
async def test_what_ends_after_the_batch_was_sent_may_have_been_taken(behaviour: Behaviour) -> None:
    (found,) = await sent_to(behaviour)
    assert isinstance(found, Ambiguous)


async def test_where_nobody_listens_nothing_was_taken() -> None:
    async with serving(cut) as port:
        to = central(port)
    assert isinstance(await to.greet(), Retry)
