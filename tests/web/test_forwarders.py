"""The forwarders over HTTP: how they stand, what was refused, and that it is sent again."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slo.core.telemetry import Rank
from slo.errors import StoreBusy
from slo.store.spool import SpoolFile
from slo.store.spooled import DeadLetter, Depth, New
from slo.web.forwarders import ForwarderState, forwarder_row, unreadable
from tests.web.served import WITH_TOKEN, Served, served
from tests.web.watches import AT, FakeForwarders, FakeWatch

RETRY, DISCARD = b'{"action": "retry"}', b'{"action": "discard"}'


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[SpoolFile]:
    spool = SpoolFile(tmp_path / "acme.spool")
    spool.append([New(rank=Rank.EVENT, at=1.0, body=b'{"is":"logged"}'), New(rank=Rank.METRIC, at=2.0, body=b"{}")], {})
    batch = spool.head(most=1, most_bytes=100)
    assert batch is not None
    refused = DeadLetter(record=batch.records[0], reason="rejected", detail="mapper_parsing_exception", refused_at=3.0)
    spool.settle([], [refused])
    yield spool
    spool.close()


@pytest.fixture
def watch(spool: SpoolFile) -> FakeWatch:
    return FakeWatch(forwarders=FakeForwarders(spools={"acme": spool}))


@pytest.fixture
def site(watch: FakeWatch) -> Iterator[Served]:
    with served(watch) as site:
        yield site


def test_every_forwarder_is_listed_with_what_waits_and_what_was_refused(site: Served) -> None:
    (document,) = site.get("/api/v1/forwarders").document["forwarders"]
    assert document.pop("oldest_age_seconds") > 0
    assert document == {
        "name": "acme",
        "type": "elk",
        "to": "http://es.example",
        "size_bytes": 17,
        "most_bytes": None,
        "waiting": {"metric": 1},
        "dead": {"rejected": 1},
        "last_success_at": "2026-01-01T00:01:30Z",
        "last_failure": "timeout",
        "fails": None,
    }


def test_one_is_shown_with_its_dead_letters(site: Served) -> None:
    document = site.get("/api/v1/forwarders/acme").document
    assert document["letters"] == [
        {
            "number": 1,
            "record": "event",
            "at": "1970-01-01T00:00:01Z",
            "refused_at": "1970-01-01T00:00:03Z",
            "reason": "rejected",
            "detail": "mapper_parsing_exception",
            "body": '{"is":"logged"}',
        }
    ]


@pytest.mark.parametrize(("deed", "done", "waiting"), [(RETRY, "retried", 2), (DISCARD, "discarded", 1)])
def test_what_was_refused_is_sent_again_or_forgotten_for_whoever_has_the_token(
    site: Served, spool: SpoolFile, deed: bytes, done: str, waiting: int
) -> None:
    assert site.ask("POST", "/api/v1/forwarders/acme", body=deed).status == 401
    assert spool.dead.count() == {"rejected": 1}
    answer = site.ask("POST", "/api/v1/forwarders/acme", body=deed, headers=WITH_TOKEN)
    assert (answer.status, answer.document) == (200, {"name": "acme", done: 1})
    assert spool.dead.count() == {}
    assert sum(depth.records for depth in spool.depths().values()) == waiting


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/api/v1/forwarders/nobody", b"", 404),
        ("POST", "/api/v1/forwarders/nobody", RETRY, 404),
        ("POST", "/api/v1/forwarders/nobody", DISCARD, 404),
        ("GET", "/api/v1/forwarders?a=b", b"", 400),
        ("GET", "/api/v1/forwarders/acme?a=b", b"", 400),
        ("POST", "/api/v1/forwarders/acme", b'{"action": "drop"}', 400),
        ("POST", "/api/v1/forwarders/acme", b"no json", 400),
    ],
)
def test_what_cannot_be_asked_is_refused(site: Served, method: str, path: str, body: bytes, status: int) -> None:
    answer = site.ask(method, path, body=body, headers=WITH_TOKEN)
    assert answer.status == status
    assert answer.document["error"]


@pytest.mark.parametrize("deed", [RETRY, DISCARD])
def test_a_spool_that_cannot_be_used_is_left_as_it_is_and_that_is_said(
    watch: FakeWatch, site: Served, deed: bytes
) -> None:
    watch.forwarders = FakeForwarders(refuses=StoreBusy("acme.spool: another program holds it"))
    answer = site.ask("POST", "/api/v1/forwarders/acme", body=deed, headers=WITH_TOKEN)
    assert (answer.status, answer.document["error"]) == (503, "acme.spool: another program holds it")


def test_a_forwarder_whose_spool_cannot_be_read_stands_beside_the_others_and_says_why(
    watch: FakeWatch, site: Served, spool: SpoolFile
) -> None:
    unread = unreadable("beta", "beta.spool: was written by a newer Watchkeep", type_="elk")
    watch.forwarders = FakeForwarders(spools={"acme": spool}, unread=[unread])
    acme, beta = site.get("/api/v1/forwarders").document["forwarders"]
    assert (acme["name"], beta["name"], beta["fails"]) == ("acme", "beta", True)
    assert beta["last_failure"] == "spool: beta.spool: was written by a newer Watchkeep"
    page = site.ask("GET", "/").body.decode()
    assert "Fails" in page
    assert "was written by a newer Watchkeep" in page


def test_the_page_shows_each_forwarder_and_what_it_could_not_deliver(site: Served, spool: SpoolFile) -> None:
    page = site.ask("GET", "/").body.decode()
    assert '<h2 id="forwarders">Forwarding</h2>' in page
    assert "Refused 1" in page
    assert "timeout" in page, "why it failed last"
    spool.retry()
    assert "Late by" in site.ask("GET", "/").body.decode(), "what waits is about 1970"


def test_a_page_without_forwarders_says_nothing_of_them() -> None:
    with served(FakeWatch()) as site:
        assert "Forwarding" not in site.ask("GET", "/").body.decode()


WAITING = {Rank.METRIC: Depth(records=1, size_bytes=2, oldest=AT.timestamp() - 400)}


@pytest.mark.parametrize(
    ("more", "tone", "word"),
    [
        ({"last_success_at": AT}, "ok", "Delivers"),
        ({}, "no_data", "Nothing sent yet"),
        ({"last_success_at": AT, "fails": True, "last_failure": "timeout"}, "burning", "Fails"),
        ({"last_success_at": AT, "waiting": WAITING, "fails": True}, "burning", "Late by 6 min"),
        ({"last_success_at": AT, "waiting": WAITING, "dead": {"rejected": 1234}}, "overspent", "Refused 1,234"),
    ],
)
def test_how_one_stands_is_said_in_a_word(more: dict[str, Any], tone: str, word: str) -> None:
    known: dict[str, Any] = {"size_bytes": 0, "waiting": {}, "dead": {}, **more}
    row = forwarder_row(ForwarderState(name="acme", **known), AT)
    assert (row["state"], row["word"]) == (tone, word)
