"""How agents report: with which proof, in which form, and what they are told."""

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from slo.config.secret import Secret
from slo.core.batch import Gone
from slo.core.batch_document import Understood
from slo.core.outcome import Point
from slo.core.reporter import Reporter
from slo.errors import StoreFull
from slo.sources.scrape import MOST_SERIES
from slo.web.outcomes import BODY_BYTES, MOST_BRACKETS, MOST_NAMED, MOST_RECORDS, UNFOLDED_BYTES
from slo.web.server import Limits
from tests.web.served import TOKEN, Answer, Served, served
from tests.web.watches import FakeWatch

PATH = "/api/v1/outcomes"
AGENTS_TOKEN = "fedcba9876543210"
PROOF = {"Authorization": f"Bearer {AGENTS_TOKEN}"}
GONE = {"gone": {"check": "gate", "target": "a", "at": "2026-01-01T00:00:00Z"}}


@dataclass
class Agents:
    """Takes everything, until it is full."""

    token: Secret | None = field(default_factory=lambda: Secret(AGENTS_TOKEN))
    taken: list[tuple[Understood, bytes]] = field(default_factory=list)
    full: bool = False

    def reporters(self) -> Sequence[Reporter]:
        return ()

    def agent_of(self, point: Point) -> str:
        return ""

    async def take(self, report: Understood, body: bytes) -> None:
        if self.full:
            raise StoreFull("/data/agents.queue: no space is left")
        self.taken.append((report, body))


@pytest.fixture
def agents() -> Agents:
    return Agents()


@pytest.fixture
def server(agents: Agents) -> Iterator[Served]:
    with served(FakeWatch(agents=agents), limits=Limits(body_seconds=0.5)) as serving:
        yield serving


def report(*records: object, **more: object) -> dict[str, Any]:
    return {"agent": "node-1", "boot": "b", "first": 3, "records": list(records), **more}


def send(
    server: Served, body: bytes, headers: Mapping[str, str] = PROOF, *, encoding: str = "", site: str = ""
) -> Answer:
    more = {"Content-Encoding": encoding, "Sec-Fetch-Site": site}
    return server.ask("POST", PATH, body=body, headers={**headers, **{key: text for key, text in more.items() if text}})


def test_a_report_is_taken_and_its_records_are_counted(server: Served, agents: Agents) -> None:
    body = json.dumps(report(GONE, GONE)).encode()
    for sent, encoding in ((body, ""), (gzip.compress(body), "gzip")):
        answer = send(server, sent, encoding=encoding)
        assert (answer.status, answer.document) == (200, {"accepted": 2, "refused": []})
    assert [taken for _, taken in agents.taken] == [body, body]
    (understood, _), _ = agents.taken
    assert (understood.batch.agent, understood.batch.boot, understood.batch.first) == ("node-1", "b", 3)
    assert all(isinstance(record, Gone) for record in understood.batch.records)


def test_what_cannot_be_read_of_a_report_is_named_by_its_number_and_the_rest_is_taken(
    server: Served, agents: Agents
) -> None:
    named = {"outcome": {"check": "gate", "target": "a", "reason": 7}}
    answer = send(server, json.dumps(report(GONE, {}, named, *[7] * 50)).encode())
    assert answer.status == 200
    assert answer.document["accepted"] == 1
    refused = answer.document["refused"]
    assert refused[0] == {"record": 4, "error": "outcome is no object"}
    assert refused[1] == {"record": 5, "check": "gate", "target": "a", "error": "reason is no text"}
    assert [each["record"] for each in refused] == list(range(4, 4 + MOST_NAMED))
    assert len(agents.taken) == 1


def test_the_largest_scrape_is_taken(server: Served, agents: Agents) -> None:
    labels = {"__name__": "http_requests_total", **{f"label_{number}": "value" for number in range(8)}}
    outcome = {"check": "a", "target": "b", "module": "scrape", "at": "2026-01-01T00:00:00Z", "number": 1}
    more = {"state": "good", "reason": "ok", "duration_seconds": 1, "lateness_seconds": 0}
    samples = [[labels, number] for number in range(MOST_SERIES)]
    body = json.dumps(report({"outcome": outcome | more, "samples": samples, "looked_for": []})).encode()
    assert len(body) > UNFOLDED_BYTES / 2
    answer = send(server, gzip.compress(body, 1), encoding="gzip")
    assert (answer.status, answer.document) == (200, {"accepted": 1, "refused": []})


BOMB = gzip.compress(b" " * (UNFOLDED_BYTES + 1), 9)

WRONG: dict[str, tuple[bytes, str, int, str]] = {
    "no JSON": (b"{", "", 400, "the body is no report: "),
    "no report": (b"{}", "", 400, "the body is no report: records is no list"),
    "a list": (b"[]", "", 400, "the body is no report: the document is no object"),
    "no text": (b"\xff\xfe\x00", "", 400, "the body is no report: "),
    "nothing": (b"", "", 400, "the body is no report: "),
    "nested": (b"[" * 100_000, "", 400, "the body is no report: it is nested too deeply"),
    "an endless number": (b'{"first": 1' + b"0" * 10_000 + b"}", "", 400, "the body is no report: "),
    "no gzip": (b"{}", "gzip", 400, "the body is no gzip: "),
    "half a gzip": (gzip.compress(b"{}" * 1000)[:-9], "gzip", 400, "the body is no gzip: its end is missing"),
    "another encoding": (zlib.compress(b"{}"), "deflate", 415, "send the body as gzip, or as it is"),
    "a bomb": (BOMB, "gzip", 413, f"the body is larger than {UNFOLDED_BYTES} bytes when it is unfolded"),
    "bombs in a row": (
        gzip.compress(b" " * 1_000_000, 9) * 20,
        "gzip",
        413,
        f"the body is larger than {UNFOLDED_BYTES} bytes when it is unfolded",
    ),
    "too many records": (
        json.dumps({"agent": "n", "boot": "b", "first": 0, "records": [{}] * (MOST_RECORDS + 1)}).encode(),
        "",
        413,
        f"the body has {MOST_RECORDS + 1} records, more than {MOST_RECORDS}",
    ),
    "a small one of very many objects": (
        gzip.compress(b'{"agent": "n", "records": [' + b",".join([b'{"a":1}'] * MOST_BRACKETS) + b"]}"),
        "gzip",
        413,
        f"the body is made of more than {MOST_BRACKETS} objects and lists",
    ),
    "too much": (b" " * (BODY_BYTES + 1), "", 413, f"the body is larger than {BODY_BYTES} bytes"),
}


@pytest.mark.parametrize(("body", "encoding", "status", "sentence"), WRONG.values(), ids=WRONG)
def test_what_is_no_report_is_refused(
    server: Served, agents: Agents, body: bytes, encoding: str, status: int, sentence: str
) -> None:
    answer = send(server, body, encoding=encoding)
    assert (answer.status, agents.taken) == (status, [])
    assert answer.document["error"].startswith(sentence)


def test_a_report_that_is_not_on_disk_is_to_be_sent_again(server: Served, agents: Agents) -> None:
    agents.full = True
    answer = send(server, json.dumps(report()).encode())
    assert (answer.status, answer.headers["retry-after"]) == (503, "10")
    assert "no space is left" in answer.document["error"]


def test_a_report_that_does_not_arrive_is_given_up(server: Served, agents: Agents) -> None:
    head = f"POST {PATH} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {AGENTS_TOKEN}\r\nContent-Length: 9\r\n\r\n{{"
    assert server.raw(head.encode()).startswith(b"HTTP/1.1 408 ")
    assert agents.taken == []


@pytest.mark.parametrize(
    "authorization",
    ["", f"Bearer {TOKEN}", "Bearer ", "Bearer fedcba987654321", f"Basic {AGENTS_TOKEN}", "Bearer \xff"],
    ids=["none", "that of the watch", "an empty one", "a part of it", "another scheme", "no text"],
)
def test_without_the_token_of_agents_nothing_is_taken_not_even_from_this_machine(
    server: Served, agents: Agents, authorization: str
) -> None:
    answer = send(server, json.dumps(report()).encode(), headers={"Authorization": authorization})
    assert (answer.status, agents.taken) == (401, [])
    assert answer.headers["www-authenticate"] == 'Bearer realm="watchkeep agents"'
    assert "the token under `agents`" in answer.document["error"]


def test_the_token_of_agents_is_good_for_nothing_else(server: Served) -> None:
    incident = b'{"slo": "a", "title": "b"}'
    assert server.ask("POST", "/api/v1/incidents", body=incident, headers=PROOF).status == 401
    assert server.ask("POST", "/-/reload", headers=PROOF).status == 401
    assert server.ask("GET", PATH, headers=PROOF).status == 405


def test_where_no_agent_may_report_it_is_said_what_to_write(server: Served, agents: Agents) -> None:
    agents.token = None
    for headers in ({}, PROOF, {"Authorization": f"Bearer {TOKEN}"}):
        answer = send(server, json.dumps(report()).encode(), headers=headers)
        assert answer.status == 403
        assert "write `agents: {token_file: FILE}`" in answer.document["error"]


def test_a_page_of_another_site_reports_nothing(server: Served, agents: Agents) -> None:
    answer = send(server, json.dumps(report()).encode(), site="cross-site")
    assert (answer.status, agents.taken) == (403, [])
