"""Counts add up to what was counted whatever comes late or twice; metrics are gauges."""

import json
from collections.abc import Sequence
from itertools import permutations
from math import inf, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.datadog import series
from exporters.datadog.series import SeriesWriter
from slo.core.telemetry import Record
from tests.exporters.datadog.records import START, counted, logged, measured


def written(*records: Record) -> list[dict[str, Any]]:
    body = SeriesWriter().write(records)
    found: list[dict[str, Any]] = json.loads(body)["series"] if body else []
    return found


def kept(batches: Sequence[Sequence[Record]]) -> dict[tuple[str, str, int], float]:
    """What Datadog has of these requests: of each series and time the last."""
    return {
        (each["metric"], ",".join(each["tags"]), point["timestamp"]): point["value"]
        for batch in batches
        for each in written(*batch)
        for point in each["points"]
    }


def test_a_slot_is_a_point_of_each_count_at_its_beginning() -> None:
    found = written(counted(START + 10, (3, 1, 0)), counted(START + 20, (4, 0, 2)))
    assert found[0] == {
        "metric": "slo_sli_good",
        "type": 1,
        "interval": 10,
        "tags": ["customer:acme", "env:production", "environment:production", "slo:gate"],
        "points": [{"timestamp": START, "value": 3}, {"timestamp": START + 10, "value": 4}],
    }
    assert [(each["metric"], [point["value"] for point in each["points"]]) for each in found[1:]] == [
        ("slo_sli_bad", [1, 0]),
        ("slo_sli_unknown", [0, 2]),
    ]


def test_what_is_counted_late_goes_beside_what_was_told() -> None:
    found = written(counted(START + 10, (0, 2, 0), told_at=START + 40))
    [late] = found
    assert (late["metric"], late["points"]) == ("slo_sli_bad", [{"timestamp": START + 27, "value": 2}])
    assert "correction:0" in late["tags"]


@given(
    st.lists(
        st.tuples(st.integers(0, 60), st.integers(1, 400), st.integers(1, 9), st.sampled_from(["gate", "orca"])),
        max_size=40,
        unique_by=lambda each: (each[0], each[1], each[3]),
    ),
    st.randoms(use_true_random=False),
)
def test_sums_are_what_was_counted_however_it_is_split_and_repeated(
    late: list[tuple[int, int, int, str]], random: Any
) -> None:
    """Each correction is of the slot `lag` slots before the one at whose closing it was told."""
    records = [counted(START + 10 * slot, (1, 0, 0)) for slot in range(-400, 61)]
    for closing, lag, count, slo in late:
        told_at = START + 10 * closing
        records.append(counted(told_at - 10 * lag, (count, 0, 0), told_at=told_at, slo=slo))
    random.shuffle(records)
    cut = random.randint(0, len(records))
    batches = [records[:cut], records[cut:], random.sample(records, len(records) // 2)]
    total = sum(value for (metric, _, _), value in kept(batches).items() if metric == "slo_sli_good")
    assert total == 461 + sum(count for _, _, count, _ in late)


def test_corrections_of_one_closing_need_few_series() -> None:
    told_at = START + 10_000
    found = written(*(counted(told_at - 10 * lag, (1, 0, 0), told_at=told_at) for lag in range(1, 361)))
    assert len(found) == 37
    points = [point["timestamp"] for each in found for point in each["points"]]
    assert (min(points), max(points)) == (told_at - 19, told_at - 10), "all are as recent as their closing"


def test_metrics_are_gauges_with_their_host_and_what_is_no_number_is_left_out() -> None:
    found = written(
        measured(
            START,
            ("redis_up", "gauge", {"node": "n1", "service": "gate"}, 1.0),
            ("http_requests_total", "counter", {}, 1e16),
            ("odd", "gauge", {}, nan),
            ("odd", "gauge", {}, inf),
        ),
        measured(START + 60, ("redis_up", "gauge", {"node": "n1", "service": "gate"}, 0.5)),
    )
    assert found == [
        {
            "metric": "redis_up",
            "type": 3,
            "tags": ["service:gate"],
            "resources": [{"name": "n1", "type": "host"}],
            "points": [{"timestamp": START, "value": 1.0}, {"timestamp": START + 60, "value": 0.5}],
        },
        {"metric": "http_requests_total", "type": 3, "tags": [], "points": [{"timestamp": START, "value": 1e16}]},
    ]
    assert SeriesWriter().write([measured(START, ("odd", "gauge", {}, nan))]) == b""


def test_a_log_is_no_metric() -> None:
    with pytest.raises(ValueError, match="a log is no metric"):
        SeriesWriter().write([logged(START)])


def test_it_writes_the_same_when_it_has_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(series, "MOST_KEPT", 1)
    writer = SeriesWriter()
    for names in permutations(["a", "b", "c"]):
        record = measured(START, *((name, "gauge", {}, 1.0) for name in names))
        assert writer.write([record]) == SeriesWriter().write([record])
