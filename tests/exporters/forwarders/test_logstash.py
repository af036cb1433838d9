"""Logstash gets arrays of the documents that Elasticsearch gets, and says of each array whether it has it."""

import asyncio
import json
import random
import re
import zlib
from typing import Any

from exporters.elk.document import documents
from exporters.forwarders.logstash import Config, Logstash, build
from slo.core.delivery import Dropped, Refused, Retry, Sent, Verdict
from slo.core.telemetry import Measured, Point, Telemetry
from slo.core.telemetry_document import read
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from tests import hostile
from tests.exporters.elk.telling import AT, LABELS, audited, counted, measured, observed, opened, records
from tests.faulty_proxy import GZIP, Fault, FaultyProxy
from tests.services import free_port

TOLD = (counted(), measured(), opened(), observed(), audited())


def logstash(port: int, **keys: Any) -> Logstash:
    config = Config.model_validate({"url": f"http://127.0.0.1:{port}/in", "timeout": "10s", **keys})
    return build(config, Context.default(SteadyClock()))


async def verdict_of(forwarder: Logstash, *telemetry: Telemetry) -> Verdict:
    [found] = await forwarder.send(forwarder.encode(records(telemetry)))
    return found


class Input:
    """The http input of Logstash with its codec `json`: an array is one event for each element.

    It takes bodies that are compressed, answers `ok`, and with `busy` above 0 so many times that it is.
    """

    def __init__(self, *, busy: int = 0) -> None:
        self.events: list[dict[str, Any]] = []
        self.heads: list[str] = []
        self._busy = busy

    async def behave(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await hostile.request(reader)).decode()
        self.heads.append(head)
        length = re.search(r"Content-Length: (\d+)", head)
        assert length
        body = await reader.readexactly(int(length[1]))
        status, said = "429 Too Many Requests", "Too Many Requests"
        if self._busy:
            self._busy -= 1
        else:
            status, said = "200 OK", "ok"
            decoded = json.loads(zlib.decompress(body, GZIP) if "Content-Encoding: gzip" in head else body)
            assert isinstance(decoded, list)
            self.events += decoded
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(said)}\r\n\r\n{said}".encode())
        writer.close()


async def test_an_array_is_all_documents_in_their_order() -> None:
    there = Input()
    async with hostile.serving(there.behave) as port:
        assert await verdict_of(logstash(port, namespace="acme"), *TOLD) == Sent()
    expected = [each for record in records(TOLD) for each in documents(read(record.body), "acme")]
    assert there.events == [json.loads(each.written()) for each in expected]
    [head] = there.heads
    assert head.startswith("POST /in HTTP/1.1\r\n")
    assert "Content-Type: application/json\r\n" in head


async def test_busy_is_to_come_again() -> None:
    there = Input(busy=1)
    async with hostile.serving(there.behave) as port:
        forwarder = logstash(port)
        found = await verdict_of(forwarder, counted())
        assert isinstance(found, Retry)
        assert found.reason == "rate_limited"
        assert there.events == []
        assert await verdict_of(forwarder, counted()) == Sent()
    assert len(there.events) == 1


async def test_whatever_happens_everything_is_there_and_its_id_tells_what_came_twice() -> None:
    bulk_only = {Fault.SOME_ITEMS_429, Fault.SOME_ITEMS_503, Fault.DONE_SLOW, Fault.TOO_LARGE_413}
    dice = random.Random(5)
    faults = [dice.choice([fault for fault in Fault if fault not in bulk_only]) for _ in range(40)]
    there = Input()
    sent = [counted(slot) for slot in range(30)]
    async with hostile.serving(there.behave) as behind:
        proxy = FaultyProxy(behind, faults)
        async with proxy.serving() as port:
            forwarder = logstash(port)
            for slot in sent:
                for _ in range(50):
                    if await verdict_of(forwarder, slot) == Sent():
                        break
    ids = [event["event"]["id"] for event in there.events]
    assert set(ids) == {each.id for each in sent}
    assert len(ids) > len(sent), "there was no telling what it had"
    assert set(proxy.met) == set(Fault) - bulk_only


async def test_what_holds_no_number_at_all_is_nothing_to_send() -> None:
    told = Measured(at=AT, points=[Point("slo_up", "gauge", LABELS, float("nan"))])
    assert await verdict_of(logstash(free_port()), told) == Dropped()


async def test_credentials_are_shown_to_nobody() -> None:
    async def say_back(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said = (await hostile.request(reader)).decode()
        assert "Authorization: Basic " in said
        said += " s3cret"
        writer.write(f"HTTP/1.1 400 Bad Request\r\nContent-Length: {len(said)}\r\n\r\n{said}".encode())
        writer.close()

    async with hostile.serving(say_back) as port:
        found = await verdict_of(logstash(port, basic_auth={"username": "u", "password": "s3cret"}), counted())
    assert isinstance(found, Refused)
    assert "HTTP 400" in found.detail
    assert "s3cret" not in found.detail
