"""How jobs call: by which addresses, with which proof, and what they are told."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from slo.core.job import Signal
from slo.errors import Forged, StoreFull, TooOften
from slo.web.access import Access, Asked, Listen
from slo.web.server import Limits
from tests.web.served import TOKEN, Served, served
from tests.web.watches import FakeWatch

JOB_TOKEN = "fedcba9876543210"
PROOF = {"Authorization": f"Bearer {JOB_TOKEN}"}

Taken = tuple[str, Signal, int | None, str]


@dataclass
class Jobs:
    """One job is called backup; the others raise what they are called."""

    taken: list[Taken] = field(default_factory=list)

    async def take(self, name: str, token: bytes, signal: Signal, *, exit_status: int | None, note: str) -> None:
        if name == "often":
            raise TooOften("often calls too often")
        if name == "full":
            raise StoreFull("/data/jobs/full.json: no space is left")
        if (name, token) != ("backup", JOB_TOKEN.encode()):
            raise Forged("there is no such job")
        self.taken.append((name, signal, exit_status, note))


@pytest.fixture
def jobs() -> Jobs:
    return Jobs()


@pytest.fixture
def server(jobs: Jobs) -> Iterator[Served]:
    with served(FakeWatch(heartbeats=jobs), limits=Limits(body_seconds=0.3)) as serving:
        yield serving


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize(
    ("end", "signal", "exit_status"),
    [
        ("", Signal.SUCCESS, None),
        ("/success", Signal.SUCCESS, None),
        ("/start", Signal.START, None),
        ("/fail", Signal.FAIL, None),
        ("/0", Signal.SUCCESS, 0),
        ("/1", Signal.FAIL, 1),
        ("/255", Signal.FAIL, 255),
    ],
)
def test_the_address_says_what_the_job_says(
    server: Served, jobs: Jobs, method: str, end: str, signal: Signal, exit_status: int | None
) -> None:
    answer = server.ask(method, f"/heartbeats/backup{end}", headers=PROOF)
    assert (answer.status, answer.body) == (200, b"" if method == "HEAD" else b"OK\n")
    assert jobs.taken == [("backup", signal, exit_status, "")]


def test_who_can_send_no_header_has_the_token_in_the_query(server: Served, jobs: Jobs) -> None:
    assert server.get(f"/heartbeats/backup/1?token={JOB_TOKEN}").status == 200
    assert jobs.taken == [("backup", Signal.FAIL, 1, "")]


@pytest.mark.parametrize(
    ("body", "note"),
    [
        (b"the disk is full\nand more", "the disk is full"),
        (b"\n\n  begins late  \n", "begins late"),
        (b"a\x1b[31mb\x00c\xff", "a[31mbc\N{REPLACEMENT CHARACTER}"),
        (b"x" * 1000, "x" * 120),
    ],
)
def test_the_first_line_of_a_body_is_a_note(server: Served, jobs: Jobs, body: bytes, note: str) -> None:
    assert server.ask("POST", "/heartbeats/backup/fail", body=body, headers=PROOF).status == 200
    assert jobs.taken == [("backup", Signal.FAIL, None, note)]


def test_a_log_as_a_body_is_not_read_to_its_end(server: Served, jobs: Jobs) -> None:
    head = f"POST /heartbeats/backup HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {JOB_TOKEN}\r\n"
    answer = server.raw(f"{head}Content-Length: 900000000\r\n\r\nfirst line\nmore".encode())
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert jobs.taken == [("backup", Signal.SUCCESS, None, "first line")]


def test_a_body_that_never_comes_takes_nothing_from_the_call(server: Served, jobs: Jobs) -> None:
    head = f"POST /heartbeats/backup HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {JOB_TOKEN}\r\n"
    assert server.raw(f"{head}Content-Length: 9\r\n\r\n".encode()).startswith(b"HTTP/1.1 200 ")
    assert jobs.taken == [("backup", Signal.SUCCESS, None, "")]


REFUSED = {
    "another job": ("/heartbeats/other", JOB_TOKEN),
    "another token": ("/heartbeats/backup", "0123456789abcdef"),
    "no token": ("/heartbeats/backup", ""),
    "the token of the watch": ("/heartbeats/backup", TOKEN),
    "another word": ("/heartbeats/backup/stop", JOB_TOKEN),
    "no exit status": ("/heartbeats/backup/256", JOB_TOKEN),
}


@pytest.mark.parametrize(("path", "token"), REFUSED.values(), ids=REFUSED)
def test_all_that_is_not_believed_looks_alike(server: Served, jobs: Jobs, path: str, token: str) -> None:
    answer = server.ask("POST", path, headers={"Authorization": f"Bearer {token}"} if token else {})
    assert answer.status == 404
    assert answer.document == {
        "error": "no job is called here like that, or that is not its token: see docs/probes/heartbeat.md"
    }
    assert "www-authenticate" not in answer.headers
    assert jobs.taken == []


@pytest.mark.parametrize(("job", "status"), [("often", 429), ("full", 503)])
def test_what_cannot_be_taken_now_is_to_come_again(server: Served, job: str, status: int) -> None:
    answer = server.get(f"/heartbeats/{job}", Authorization=f"Bearer {JOB_TOKEN}")
    assert answer.status == status
    assert answer.headers["retry-after"] == "10"
    assert "/data" not in answer.document["error"]


def test_the_token_of_a_job_opens_nothing_else(server: Served) -> None:
    assert server.ask("POST", "/-/reload", headers=PROOF).status == 401
    assert server.ask("PUT", "/heartbeats/backup", headers=PROOF).status == 401


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_jobs_call_from_outside(method: str) -> None:
    access = Access(listen=Listen(host="0.0.0.0", port=9990), token=TOKEN)
    asked = Asked(method=method, path="/heartbeats/backup", hosts=["watch.example"], header_names=["X-Forwarded-For"])
    assert access.refusal(asked) is None
