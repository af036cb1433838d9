"""Documents of JSON: what must stand in them, and the numbers in them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from exporters.service.document import DocumentKeys, DocumentReading
from slo.core.reason import REASONS, State
from tests.exporters.service.test_health import VALUES

KEYS = {"expect": {"$.status": "ok"}, "values": {"depth": "$.queue.depth", "leader": "$.leader"}}
WHOLE = {"status": "ok", "queue": {"depth": 3}, "leader": True}


def reading(**keys: object) -> DocumentReading:
    return DocumentReading(DocumentKeys.model_validate(keys or KEYS))


@pytest.mark.parametrize(
    ("document", "verdict"),
    [
        (WHOLE, ("ok", "")),
        (WHOLE | {"status": "no"}, ("json", '$.status is "no", not "ok"')),
        (WHOLE | {"queue": {"depth": "4.5"}}, ("ok", "")),
        (WHOLE | {"queue": {"depth": "deep"}}, ("health_untold", "it has no number for depth")),
        ({"status": "ok"}, ("health_untold", "it has no number for depth, leader")),
        ([], ("json", "there is no $.status")),
    ],
)
def test_a_document_is_held_against_what_is_expected(document: object, verdict: tuple[str, str]) -> None:
    assert reading().read(json.dumps(document).encode(), "").verdict() == verdict


def test_numbers_and_truths_are_served_under_the_names_they_are_given() -> None:
    told = reading().read(json.dumps(WHOLE).encode(), "")
    assert {sample.labels["name"]: sample.value for sample in told.samples()} == {"depth": 3.0, "leader": 1.0}
    assert [finding.text for finding in told.findings()] == ["3", "1"]


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_told(body: bytes) -> None:
    with pytest.raises(ValueError, match="the body is no JSON"):
        reading().read(body, "")


def test_a_path_that_is_none_is_refused_when_it_is_written() -> None:
    with pytest.raises(ValidationError, match="is no JSONPath"):
        reading(values={"depth": "queue..depth["})


@given(document=VALUES)
def test_whatever_comes_is_good_only_where_all_is_there_fuzz(document: object) -> None:
    told = reading().read(json.dumps(document).encode(), "")
    reason, _ = told.verdict()
    assert (REASONS[reason].state is State.GOOD) == (
        isinstance(document, dict) and document.get("status") == "ok" and len(list(told.samples())) == 2
    )


@given(st.binary(max_size=200))
def test_whatever_bytes_come_are_read_or_refused_fuzz(body: bytes) -> None:
    try:
        told = reading().read(body, "")
    except ValueError:
        return
    assert told.verdict()[0] != "ok"
