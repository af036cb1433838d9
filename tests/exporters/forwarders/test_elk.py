"""What is forwarded is there, once each, whatever happens on the way: real servers, and a proxy with bad days."""

import asyncio
import itertools
import json
import random
import signal
import sys
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from exporters.forwarders.elk import Config, Elk, build
from slo.core.delivery import Dropped, Refused, Retry, Verdict
from slo.core.telemetry import Counted, Counts3, Measured, Point, Telemetry
from slo.core.telemetry_document import written
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from slo.store.spool import SpoolFile
from slo.store.spooled import DeadLetter, New
from tests import hostile
from tests.elastic import Searchable
from tests.exporters.elk.telling import AT, LABELS, audited, counted, measured, observed, opened, rank_of, records
from tests.exporters.forwarders.sender import send_all
from tests.faulty_proxy import Fault, FaultyProxy
from tests.services import free_port

CHECKOUT = Path(__file__).resolve().parents[3]
KEY = "bm9ib2R5OnNoYWxsIHNlZQ"

_numbers = itertools.count()


def elk(port: int, **keys: Any) -> Elk:
    config = Config.model_validate({"url": f"http://127.0.0.1:{port}", "timeout": "10s", **keys})
    return build(config, Context.default(SteadyClock()))


def own() -> str:
    """A name that no other test has: servers are shared."""
    return f"test{next(_numbers)}"


Place = tuple[Searchable, dict[str, str], str]
"""A server, where in it to write, and what matches all that is written there."""


@pytest.fixture(params=["data streams", "indices", "OpenSearch"])
def place(request: pytest.FixtureRequest, elasticsearch_like: Searchable, opensearch_like: Searchable) -> Place:
    name = own()
    if request.param == "data streams":
        return elasticsearch_like, {"namespace": name}, f"*-watchkeep.*-{name}"
    server = elasticsearch_like if request.param == "indices" else opensearch_like
    return server, {"index": f"{name}-%Y.%m"}, f"{name}-*"


DAY: Sequence[Telemetry] = (
    *(counted(slot, slo=f"slo-{number}") for slot in range(60) for number in range(5)),
    *(measured(round_, slos=6) for round_ in range(10)),
    *(observed(number) for number in range(40)),
    *(opened(number) for number in range(20)),
    *(audited(number) for number in range(20, 30)),
)
DOCUMENTS = 300 + 10 * 6 * 3 + 40 + 20 + 10
BURN_RATES = sum(
    point.value for each in DAY if isinstance(each, Measured) for point in each.points if point.name == "slo_burn_rate"
)
COUNTS = Counts3(*(sum(each) for each in zip(*(one.counts for one in DAY if isinstance(one, Counted)), strict=True)))


def check_whole(server: Searchable, pattern: str) -> None:
    """That everything of `DAY` is there, once each, by the server's own reckoning."""
    found = server.documents(pattern)
    assert len(found) == DOCUMENTS
    assert {source["event"]["id"] for source in found.values()} == set(found), "event.id tells what came twice"
    assert Counts3(*(int(server.sum(pattern, f"slo.counts.{state}")) for state in Counts3._fields)) == COUNTS
    assert server.sum(pattern, "metrics.slo_burn_rate") == BURN_RATES


async def forward(folder: Path, forwarder: Elk, telemetry: Iterable[Telemetry], *, most: int) -> list[DeadLetter]:
    """Send telemetry by way of a spool until nothing is left, at most `most` records at a time; what was refused."""
    with closing(SpoolFile(folder / own())) as file:
        file.append([New(rank=rank_of(each), at=AT.timestamp(), body=written(each)) for each in telemetry], {})
        await send_all(file, forwarder, most=most)
        return file.dead.newest(most=1_000)


async def verdict_of(forwarder: Elk, *telemetry: Telemetry) -> Sequence[Verdict]:
    return await forwarder.send(forwarder.encode(records(telemetry or [counted()])))


async def test_everything_is_there_and_stays_once_when_it_is_sent_again(place: Place, tmp_path: Path) -> None:
    server, keys, pattern = place
    for _ in range(2):
        assert await forward(tmp_path, elk(server.port, **keys), DAY, most=1_000) == []
        check_whole(server, pattern)


BAD = [fault for fault in Fault if fault is not Fault.NONE]


@pytest.mark.parametrize("fault", [*BAD, None], ids=lambda fault: fault.name if fault else "everything at once")
async def test_sums_are_equal_whatever_happens_on_the_way(place: Place, tmp_path: Path, fault: Fault | None) -> None:
    server, keys, pattern = place
    dice, slow = random.Random(7), fault in {Fault.DONE_SLOW, None}
    faults = [dice.choice([*([fault] if fault else BAD), Fault.NONE]) for _ in range(12 if fault else 60)]
    proxy = FaultyProxy(server.port, faults, meant="_bulk", slow_seconds=0.8)
    async with proxy.serving() as port:
        assert await forward(tmp_path, elk(port, timeout="500ms" if slow else "10s", **keys), DAY, most=17) == []
    check_whole(server, pattern)
    assert not set(faults) - set(proxy.met), "it was a bad day"


async def test_sums_are_equal_after_kills_in_the_middle_of_requests(place: Place, tmp_path: Path) -> None:
    server, keys, pattern = place
    file = SpoolFile(tmp_path / "spool")
    file.append([New(rank=rank_of(each), at=AT.timestamp(), body=written(each)) for each in DAY], {})
    file.close()
    proxy = FaultyProxy(server.port, itertools.cycle([Fault.NONE, Fault.DONE_SLOW]), meant="_bulk", slow_seconds=0.05)
    async with proxy.serving() as port:
        config = json.dumps({"url": f"http://127.0.0.1:{port}", **keys})
        command = [sys.executable, "-m", "tests.exporters.forwarders.sender", str(tmp_path / "spool"), config]
        for requests in (2, 3, 5, 8, 11):
            enough = len(proxy.asked) + requests
            process = await asyncio.create_subprocess_exec(*command, cwd=CHECKOUT)
            async with asyncio.timeout(30):
                while len(proxy.asked) < enough:
                    assert process.returncode is None, "it ended before it was killed"
                    await asyncio.sleep(0.001)
            process.kill()
            assert await process.wait() == -signal.SIGKILL
        process = await asyncio.create_subprocess_exec(*command, cwd=CHECKOUT)
        assert await asyncio.wait_for(process.wait(), 60) == 0
    check_whole(server, pattern)
    file = SpoolFile(tmp_path / "spool")
    assert file.held_bytes == 0
    file.close()


async def test_what_a_field_does_not_take_is_refused_alone_and_kept(place: Place, tmp_path: Path) -> None:
    """An index that was made by others, with other fields than ours."""
    server, keys, pattern = place
    at = f"{AT:%Y.%m}"
    index = pattern.replace("-*", f"-{at}") if "index" in keys else f"logs-watchkeep.audit-{keys['namespace']}"
    server.client.indices.create(index=index, mappings={"properties": {"user": {"type": "long"}}})
    dead = await forward(tmp_path, elk(server.port, **keys), [opened(1), audited(2), observed(3)], most=3)
    assert dead, "somebody is no number"
    assert {letter.reason for letter in dead} == {"rejected"}
    assert all("parsing_exception: " in letter.detail and "user" in letter.detail for letter in dead)
    assert len(server.documents(pattern)) == 3 - len(dead)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        ("200 OK", "<html>a captive portal</html>"),
        ("200 OK", '{"took": 1, "errors": false}'),
        ("200 OK", '{"errors": false, "items": []}'),
        ("204 No Content", ""),
    ],
)
async def test_a_success_that_is_not_that_of_a_bulk_is_none(status: str, body: str) -> None:
    async with hostile.serving(hostile.responding(status, body)) as port:
        [found] = await verdict_of(elk(port, setup=False))
    assert isinstance(found, Retry)
    assert found.reason == "response_malformed"


async def test_what_holds_no_number_at_all_is_nothing_to_send() -> None:
    told = Measured(at=AT, points=[Point("slo_up", "gauge", LABELS, float("nan"))])
    assert await verdict_of(elk(free_port()), told) == [Dropped()]


@pytest.mark.parametrize(
    ("keys", "header"),
    [
        ({"api_key": KEY}, f"ApiKey {KEY}"),
        ({"bearer_token": KEY}, f"Bearer {KEY}"),
        ({"headers": {"authorization": KEY}}, KEY),
        ({"basic_auth": {"username": "elastic", "password": KEY}}, "Basic "),
    ],
)
async def test_credentials_are_sent_and_shown_to_nobody_even_where_they_are_said_back(
    keys: dict[str, Any], header: str, caplog: pytest.LogCaptureFixture
) -> None:
    heads: list[str] = []

    async def say_back(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await hostile.request(reader)).decode())
        said = f"who is {heads[-1]}"
        writer.write(f"HTTP/1.1 400 Bad Request\r\nContent-Length: {len(said)}\r\n\r\n{said}".encode())
        writer.close()

    async with hostile.serving(say_back) as port:
        forwarder = elk(port, **keys)
        [found] = await verdict_of(forwarder)
    assert [head.partition(" ")[0] for head in heads] == ["GET", "GET", "POST"], "the template, and then a bulk"
    assert all(f"authorization: {header}".lower() in head.lower() for head in heads)
    assert isinstance(found, Refused)
    assert KEY not in found.detail + repr(forwarder) + forwarder.shown + caplog.text
    assert all(KEY not in str(record.__dict__) for record in caplog.records)


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"api_key": KEY, "bearer_token": "t"}, "gives credentials twice"),
        ({"api_key": KEY, "headers": {"Authorization": "t"}}, "gives credentials twice"),
        ({"api_key": KEY, "basic_auth": {"username": "u", "password": "p"}}, "gives credentials twice"),
        ({"api_key": "id:key"}, "holds a colon"),
        ({"index": "watchkeep", "namespace": "acme"}, "has a namespace, which an index has not"),
        ({"index": "Watchkeep"}, "is no name of an index"),
        ({"index": "-watchkeep"}, "is no name of an index"),
        ({"index": "watchkeep-%H"}, "is no name of an index"),
        ({"index": "watchkeep-*"}, "is no name of an index"),
        ({"index": "w" * 201}, "is no name of an index"),
        ({"namespace": "acme-eu"}, "is no namespace"),
        ({"namespace": "a" * 101}, "is no namespace"),
    ],
)
def test_what_cannot_be_is_said(keys: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        Config.model_validate({"url": "https://es.example", **keys})
