"""What happened is told in Datadog's words, and at a time that it takes."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from exporters.datadog.entries import ENTRY_LIMIT_BYTES, entries
from tests.exporters.datadog.records import START, counted, logged

NOW = datetime.fromtimestamp(START, UTC)


def test_an_event_is_an_entry_with_its_id() -> None:
    assert json.loads(entries([logged(START - 1.5)], NOW)) == [
        {
            "ddsource": "watchkeep",
            "ddtags": "customer:acme,env:production,environment:production,service:gate,slo:gate",
            "service": "gate",
            "status": "warning",
            "date": "2025-12-31T23:59:58.500Z",
            "event": {
                "id": "e1",
                "dataset": "watchkeep.incident",
                "action": "acknowledged",
                "occurred_at": "2025-12-31T23:59:58.500Z",
                "sequence": 7,
            },
            "message": "acknowledged",
            "watchkeep": {"incident": {"by": "anna", "slo": "gate"}},
        }
    ]


def test_an_entry_says_its_host_and_how_it_ended_where_that_is_known() -> None:
    record = logged(START, dataset="watchkeep.execution.stage", outcome="failure", labels={"node": "n1"})
    [entry] = json.loads(entries([record], NOW))
    assert (entry["hostname"], entry["service"], entry["event"]["outcome"]) == ("n1", "watchkeep", "failure")
    assert "n1" not in entry["ddtags"]
    assert entry["watchkeep"].keys() == {"execution_stage"}


@pytest.mark.parametrize(("hours", "dated"), [(17, "2025-12-31T07:00:00.000Z"), (17.5, "2026-01-01T00:00:00.000Z")])
def test_what_is_too_old_is_dated_now_and_says_when_it_was(hours: float, dated: str) -> None:
    at = NOW - timedelta(hours=hours)
    [entry] = json.loads(entries([logged(at.timestamp())], NOW))
    assert entry["date"] == dated
    assert datetime.fromisoformat(entry["event"]["occurred_at"]) == at


def test_what_is_too_large_keeps_the_beginning_of_its_message_and_says_so() -> None:
    large, small = json.loads(entries([logged(START, message="ü" * ENTRY_LIMIT_BYTES), logged(START)], NOW))
    assert (large["truncated"], set(large["message"]), large["event"]["id"]) == (True, {"ü"}, "e1")
    assert "truncated" not in small


def test_a_count_is_no_log() -> None:
    with pytest.raises(ValueError, match="a metric is no log"):
        entries([counted(START, (1, 0, 0))], NOW)
