"""Webhooks: what is signed comes in without a token, and the sender hears whether to send it again."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from slo.core.inbound import Received
from slo.errors import DestinationFault, Forged, Malformed, StoreBusy
from slo.web.server import DEFAULT_LIMITS
from slo.web.webhooks import BODY_BYTES
from tests.web.served import Served, served
from tests.web.watches import FakeWatch

WAYS = ("pagerduty", "slack", "ticket")


@pytest.fixture
def watch() -> FakeWatch:
    return FakeWatch(answers={way: Received() for way in WAYS})


@pytest.fixture
def site(watch: FakeWatch) -> Iterator[Served]:
    with served(watch) as site:
        yield site


@pytest.mark.parametrize("way", WAYS)
def test_a_request_comes_in_as_it_was_sent_without_a_token_through_any_proxy(
    site: Served, watch: FakeWatch, way: str
) -> None:
    headers = {"X-Signature": "abc", "Host": "watch.example", "X-Forwarded-For": "203.0.113.9"}
    answer = site.ask("POST", f"/webhooks/{way}", body=b"\x00{", headers=headers)
    assert (answer.status, answer.body) == (202, b"")
    ((seen, inbound),) = watch.inbound
    assert (seen, inbound.body, inbound.headers["x-signature"]) == (way, b"\x00{", "abc")


def test_a_vendor_gets_the_answer_that_it_wants(site: Served, watch: FakeWatch) -> None:
    watch.answers["slack"] = Received(status=200, reply={"response_action": "clear"})
    answer = site.ask("POST", "/webhooks/slack", body=b"{}")
    assert (answer.status, answer.document) == (200, {"response_action": "clear"})


@pytest.mark.parametrize(
    ("raised", "status", "told"),
    [
        (Forged("no signature"), 401, "it is not believed: no signature"),
        (Malformed("no event in it"), 400, "it is not understood: no event in it"),
        (StoreBusy("/data/journal.db: another program holds it"), 503, "it is not on record yet: send it again"),
        (DestinationFault("timeout"), 502, "what it is about could not be asked for, send it again: timeout"),
        (RuntimeError("a fault"), 500, "a fault of the watch; its log has it"),
    ],
)
def test_what_is_not_taken_says_so_by_its_status_and_a_fault_of_ours_is_a_5xx(
    site: Served, watch: FakeWatch, raised: Exception, status: int, told: str
) -> None:
    watch.refuses = raised
    answer = site.ask("POST", "/webhooks/pagerduty", body=b"{}")
    assert (answer.status, answer.document["error"]) == (status, told)
    assert answer.headers.get("retry-after") == ("10" if status == 503 else None)


def test_where_nobody_receives_there_is_nothing(site: Served, watch: FakeWatch) -> None:
    del watch.answers["ticket"]
    assert site.ask("POST", "/webhooks/ticket", body=b"{}").status == 404


def test_what_is_too_large_is_refused_and_a_large_ticket_is_not(site: Served, watch: FakeWatch) -> None:
    assert site.ask("POST", "/webhooks/ticket", body=b"x" * BODY_BYTES).status == 202
    assert site.ask("POST", "/webhooks/ticket", body=b"x" * (BODY_BYTES + 1)).status == 413
    assert len(watch.inbound) == 1


def test_only_a_post_to_such_an_address_needs_no_token(site: Served, watch: FakeWatch) -> None:
    assert site.ask("PUT", "/webhooks/pagerduty", body=b"{}").status == 401
    assert site.ask("POST", "/webhooks/pagerduty/..%2f..%2f-/reload", body=b"{}").status == 401
    assert site.ask("POST", "/webhooks/other", body=b"{}").status == 401
    assert watch.inbound == []


def test_a_header_that_comes_twice_proves_nothing(site: Served, watch: FakeWatch) -> None:
    site.raw(
        b"POST /webhooks/pagerduty HTTP/1.1\r\nHost: x\r\nX-Signature: a\r\nX-Signature: b\r\n"
        b"Content-Length: 2\r\nConnection: close\r\n\r\n{}"
    )
    assert "x-signature" not in watch.inbound[0][1].headers


def test_a_body_that_is_cut_off_is_not_taken(watch: FakeWatch) -> None:
    with served(watch, limits=replace(DEFAULT_LIMITS, body_seconds=0.2)) as site:
        head = b"POST /webhooks/pagerduty HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\n"
        assert site.raw(head + b"{}").startswith(b"HTTP/1.1 408 ")
    assert watch.inbound == []
