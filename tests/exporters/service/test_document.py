"""Documents of JSON: what must stand in them, and the numbers in them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from exporters.service.document import DocumentKeys, DocumentReading
from slo.core.reason import REASONS, State
from tests.exporters.service.answers import answer
from tests.exporters.service.test_health import VALUES

KEYS = {"expect": {"$.status": "ok"}, "values": {"depth": "$.queue.depth", "leader": "$.leader"}}
WHOLE = {"status": "ok", "queue": {"depth": 3}, "leader": True}
UNTOLD = ("health_untold", "it has no number for depth")


def reading(**keys: object) -> DocumentReading:
    return DocumentReading(DocumentKeys.model_validate(keys or KEYS))


@pytest.mark.parametrize(
    ("document", "verdict"),
    [
        (WHOLE, ("ok", "")),
        (WHOLE | {"status": "no"}, ("json", '$.status is "no", not "ok"')),
        (WHOLE | {"queue": {"depth": 4.5}}, ("ok", "")),
        *((WHOLE | {"queue": {"depth": depth}}, UNTOLD) for depth in ("12", "true", None, [3], 10**400)),
        ({"status": "ok"}, ("health_untold", "it has no number for depth, leader")),
        ([], ("json", "there is no $.status")),
    ],
)
def test_a_document_is_held_against_what_is_expected(document: object, verdict: tuple[str, str]) -> None:
    assert reading().read(answer(document)).verdict() == verdict


@pytest.mark.parametrize("depth", [b"NaN", b"Infinity", b"-Infinity", b"1e999", b'"1e999"'])
def test_a_number_that_is_not_finite_is_none(depth: bytes) -> None:
    told = reading().read(answer(b'{"status": "ok", "leader": true, "queue": {"depth": %b}}' % depth))
    assert told.verdict() == UNTOLD
    assert [sample.labels["name"] for sample in told.samples()] == ["leader"]


def test_numbers_and_truths_are_served_under_the_names_they_are_given() -> None:
    told = reading().read(answer(WHOLE))
    assert {sample.labels["name"]: sample.value for sample in told.samples()} == {"depth": 3.0, "leader": 1.0}
    assert [finding.text for finding in told.findings()] == ["3", "1"]


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_told(body: bytes) -> None:
    with pytest.raises(ValueError, match="the body is no JSON"):
        reading().read(answer(body))


def test_a_path_that_is_none_is_refused_when_it_is_written() -> None:
    with pytest.raises(ValidationError, match="is no JSONPath"):
        reading(values={"depth": "queue..depth["})


@given(document=VALUES)
def test_whatever_comes_is_good_only_where_all_is_there_fuzz(document: object) -> None:
    told = reading().read(answer(document))
    reason, _ = told.verdict()
    assert (REASONS[reason].state is State.GOOD) == (
        isinstance(document, dict) and document.get("status") == "ok" and len(list(told.samples())) == 2
    )


@given(st.binary(max_size=200))
def test_whatever_bytes_come_are_read_or_refused_fuzz(body: bytes) -> None:
    try:
        told = reading().read(answer(body))
    except ValueError:
        return
    assert told.verdict()[0] != "ok"
