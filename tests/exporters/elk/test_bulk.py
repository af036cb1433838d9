"""What an answer of the bulk API means for each record."""

import json
from typing import Any

import pytest

from exporters.elk.bulk import verdicts
from slo.core.delivery import Dropped, Refused, Retry, Sent, Verdict


def item(status: int, type_: str = "", reason: str = "", *, action: str = "create") -> dict[str, Any]:
    """One item of an answer."""
    return {action: {"status": status, **({"error": {"type": type_, "reason": reason}} if type_ else {})}}


def said(*items: Any, records: tuple[int, ...] | None = None) -> list[Verdict]:
    answer = json.dumps({"errors": True, "items": items}).encode()
    return list(verdicts(answer, records or (1,) * len(items), lambda text: text.replace("s3cret", "<secret>")))


@pytest.mark.parametrize(
    ("status", "type_", "verdict", "reason"),
    [
        (201, "", Sent, ""),
        (200, "", Sent, ""),
        (409, "version_conflict_engine_exception", Sent, ""),
        (429, "es_rejected_execution_exception", Retry, "rate_limited"),
        (429, "cluster_block_exception", Retry, "rate_limited"),
        (500, "internal_server_error", Retry, "server_error"),
        (503, "unavailable_shards_exception", Retry, "server_error"),
        (401, "security_exception", Retry, "auth_refused"),
        (403, "security_exception", Retry, "auth_refused"),
        (404, "index_not_found_exception", Retry, "index_missing"),
        (400, "index_closed_exception", Retry, "index_refused"),
        (400, "validation_exception", Retry, "index_refused"),
        (400, "document_parsing_exception", Refused, "rejected"),
        (400, "mapper_parsing_exception", Refused, "rejected"),
        (400, "strict_dynamic_mapping_exception", Refused, "rejected"),
        (413, "", Refused, "rejected"),
    ],
)
def test_each_item_is_what_it_is(status: int, type_: str, verdict: type, reason: str) -> None:
    [found] = said(item(status, type_, "because of this"))
    assert isinstance(found, verdict)
    assert getattr(found, "reason", "") == reason
    if isinstance(found, Refused | Retry) and type_:
        assert found.detail == f"HTTP {status}: {type_}: because of this"


@pytest.mark.parametrize(
    ("statuses", "verdict"),
    [
        ((201, 409, 200), Sent),
        ((201, 400, 201), Refused),
        ((201, 429, 400), Retry),
        ((400, 503), Retry),
        ((), Dropped),
    ],
)
def test_a_record_of_several_documents_is_what_the_worst_of_them_is(statuses: tuple[int, ...], verdict: type) -> None:
    before, found, after = said(
        item(201), *map(item, statuses), item(400), records=(1, len(statuses), 1)
    )  # fmt: skip
    assert isinstance(found, verdict)
    assert isinstance(before, Sent)
    assert isinstance(after, Refused)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "null",
        "[]",
        "{}",
        '"items"',
        "[" * 100_000,
        "<html>a captive portal</html>",
        '{"errors": false}',
        '{"errors": false, "items": []}',
        '{"errors": false, "items": null}',
        '{"errors": false, "items": {"create": {"status": 201}}}',
        '{"errors": false, "items": [{"create": {"status": 201}}]}',
        '{"errors": false, "items": [{"create": {"status": 201}}, {}]}',
        '{"errors": false, "items": [{"create": {"status": 201}}, {"create": {}}]}',
        '{"errors": false, "items": [{"create": {"status": 201}}, {"create": {"status": "201"}}]}',
        '{"errors": false, "items": [{"create": {"status": 201}}, {"create": {"status": true}}]}',
        '{"errors": false, "items": [{"create": {"status": 201}}, {"create": {"status": 400, "error": 7}}]}',
        '{"errors": false, "items": [{"create": {"status": 201}}, {"create": 201}]}',
        '{"errors": false, "items": [' + ", ".join(['{"create": {"status": 201}}'] * 3) + "]}",
        '{"took": 3, "acknowledged": true}',
    ],
)
def test_an_answer_that_does_not_tell_of_each_is_no_success(answer: str) -> None:
    [found] = set(verdicts(answer.encode(), (1, 1), str))
    assert isinstance(found, Retry)
    assert found.reason == "response_malformed"


def test_what_went_into_a_failure_store_is_not_where_it_belongs() -> None:
    answer = {"items": [{"create": {"status": 201, "failure_store": each}} for each in ("used", "not_enabled")]}
    aside, there = verdicts(json.dumps(answer).encode(), (1, 1), str)
    assert isinstance(aside, Refused)
    assert aside.reason == "failure_store"
    assert there == Sent()


def test_an_error_that_is_a_text_is_told() -> None:
    [found] = verdicts(b'{"items": [{"create": {"status": 400, "error": "no such field"}}]}', (1,), str)
    assert isinstance(found, Refused)
    assert "no such field" in found.detail


def test_secrets_are_said_to_nobody_and_what_is_said_is_short() -> None:
    [refused] = said(item(400, "s3cret_exception", "s3cret" + "x" * 5000))
    [malformed] = verdicts(b"s3cret" * 1000, (1,), lambda text: text.replace("s3cret", "<secret>"))
    for found in (refused, malformed):
        assert isinstance(found, Refused | Retry)
        assert "<secret>" in found.detail
        assert "s3cret" not in found.detail
        assert len(found.detail) < 600
