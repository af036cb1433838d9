"""Telemetry becomes documents that a person can read in review, that lose nothing, and that are the same each time."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.elk.bulk import action
from exporters.elk.document import documents
from exporters.elk.naming import own_dataset
from slo.core.telemetry import Counted, Counts3, Json, Logged, Measured, Point, Telemetry
from slo.core.telemetry_document import read, written
from tests.exporters.elk.telling import LABELS, audited, counted, measured, observed, opened

GOLDEN = Path(__file__).parent / "golden"

TOLD: Mapping[str, Telemetry] = {
    "counted": counted(),
    "correction": counted(3, correction=True),
    "measured": measured(),
    "opened": opened(),
    "observed": observed(),
    "audited": audited(),
}


def bulk(telemetry: Telemetry, namespace: str | None = "acme") -> bytes:
    """What is sent of it, after it has lain in a spool."""
    found = documents(read(written(telemetry)), namespace)
    return b"".join(action(each, f"{each.type}-{each.dataset}-{namespace}") for each in found)


def parsed(body: bytes) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """The pairs of lines of a bulk request."""
    lines = body.splitlines()
    for head, source in zip(lines[::2], lines[1::2], strict=True):
        yield json.loads(head)["create"], json.loads(source)


@pytest.mark.parametrize("name", TOLD)
def test_a_bulk_request_is_its_golden(name: str) -> None:
    body = bulk(TOLD[name])
    path = GOLDEN / f"{name}.ndjson"
    assert body.decode() == path.read_text(encoding="utf-8")
    assert body.endswith(b"\n"), "the bulk API wants it so"


def test_every_golden_is_of_something() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == set(TOLD)


NAMES = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,8}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
LABELS_ = st.dictionaries(NAMES, TEXTS, max_size=4)
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2060, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001
COUNTS = st.builds(Counts3, *[st.integers(0, 2**53)] * 3)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
FACTS: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | FINITE | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(st.builds(Counted, id=NAMES, end=st.integers(0, 2**31), seconds=st.integers(1, 3600), labels=LABELS_,
                 counts=COUNTS, totals=COUNTS, correction=st.booleans()))  # fmt: skip
def test_of_counts_nothing_is_lost(told: Counted) -> None:
    [(head, source)] = parsed(bulk(told))
    slo, event = source["slo"], source["event"]
    end, start = (datetime.fromisoformat(event[key]).timestamp() for key in ("end", "start"))
    assert source["@timestamp"] == event["end"]
    assert told == Counted(
        id=head["_id"],
        end=int(end),
        seconds=int(end - start),
        labels=source["labels"],
        counts=Counts3(**slo["counts"]),
        totals=Counts3(**slo["totals"]),
        correction=slo["correction"],
    )


@given(MOMENTS, st.dictionaries(st.tuples(NAMES, LABELS_.map(lambda labels: tuple(labels.items()))), st.floats()))
def test_of_metrics_nothing_is_lost_but_what_is_no_number(at: datetime, values: dict[Any, float]) -> None:
    told = Measured(
        at=at, points=[Point(name, "gauge", dict(labels), value) for (name, labels), value in values.items()]
    )
    sources = [source for _, source in parsed(bulk(told))]
    assert all(datetime.fromisoformat(source["@timestamp"]) == read(written(told)).at for source in sources)  # type: ignore[union-attr]
    found = [
        (name, sorted(source["labels"].items()), value)
        for source in sources
        for name, value in source["metrics"].items()
    ]
    sent = {(name, tuple(sorted(labels))): value for (name, labels), value in values.items() if math.isfinite(value)}
    assert sorted(found) == sorted((name, list(labels), value) for (name, labels), value in sent.items())


@given(st.builds(Logged, id=NAMES, at=MOMENTS, dataset=st.just("watchkeep.incident"), action=NAMES, message=TEXTS,
                 outcome=st.sampled_from(["", "success", "failure"]), level=NAMES, sequence=st.integers(0, 2**53),
                 labels=LABELS_, fields=st.dictionaries(NAMES, FACTS, max_size=4)))  # fmt: skip
def test_of_logs_nothing_is_lost(told: Logged) -> None:
    kept = read(written(told))
    [(head, source)] = parsed(bulk(told))
    event = source["event"]
    assert kept == Logged(
        id=head["_id"],
        at=datetime.fromisoformat(source["@timestamp"]),
        dataset=event["dataset"],
        action=event["action"],
        message=source["message"],
        outcome=event.get("outcome", ""),
        level=source["log"]["level"],
        sequence=event.get("sequence", 0),
        labels=source["labels"],
        fields=source.get("watchkeep", {}).get("incident", {}),
    )


def test_numbers_that_json_cannot_say_are_null_in_facts() -> None:
    [(_, source)] = parsed(bulk(opened()))
    assert source["watchkeep"]["incident"]["evidence"] == {"burn_rates": {"1h": 14.4, "5m": None}}


def test_metrics_without_a_number_are_no_document() -> None:
    assert bulk(Measured(at=counted_at(), points=[Point("slo_up", "gauge", LABELS, math.inf)])) == b""


def counted_at() -> datetime:
    return datetime(2026, 11, 26, tzinfo=UTC)


def ids(telemetry: Telemetry) -> list[str]:
    return [head["_id"] for head, _ in parsed(bulk(telemetry))]


def test_ids_are_the_same_however_often_it_is_written_and_whatever_the_order() -> None:
    told = measured()
    assert ids(told) == ids(told)
    assert set(ids(told)) == set(ids(replace(told, points=told.points[::-1])))
    turned = [point._replace(labels=dict(sorted(point.labels.items(), reverse=True))) for point in told.points]
    assert ids(told) == ids(replace(told, points=turned))


def test_what_has_the_same_labels_and_time_in_another_record_has_another_id() -> None:
    """An exposition is cut into records by size: the metrics of one SLO are in several."""
    points = [Point(name, "gauge", LABELS, 1.0) for name in ("slo_a", "slo_b")]
    first, second = (Measured(at=counted_at(), points=[point]) for point in points)
    later = replace(first, at=first.at + timedelta(seconds=60))
    assert len({*ids(first), *ids(second), *ids(later)}) == 3


@pytest.mark.parametrize(
    ("dataset", "own"),
    [
        ("watchkeep.incident", "watchkeep.incident"),
        ("spinnaker.pipeline", "watchkeep.spinnaker.pipeline"),
        ("Spinnaker/Echo-Event", "watchkeep.spinnaker_echo_event"),
        ("x" * 200, "watchkeep." + "x" * 90),
    ],
)
def test_a_dataset_is_one_that_the_template_finds(dataset: str, own: str) -> None:
    assert own_dataset(dataset) == own
    told = replace(opened(), dataset=dataset)
    [(_, source)] = parsed(bulk(told))
    assert source["event"]["dataset"] == source["data_stream"]["dataset"] == own
    assert list(source["watchkeep"]) == [own.removeprefix("watchkeep.").replace(".", "_")]


def test_labels_with_dots_are_no_fields_of_fields() -> None:
    [(_, source)] = parsed(bulk(replace(opened(), labels={"app.name": "a", "app": "b"})))
    assert source["labels"] == {"app_name": "a", "app": "b"}


def test_a_text_that_is_no_unicode_is_refused_and_not_sent() -> None:
    [document] = documents(replace(opened(), message="\ud800"), "acme")
    with pytest.raises(ValueError, match="surrogate"):
        document.written()
