"""How the demo ended: the story counts as told only if everything of it happened."""

import json
from dataclasses import replace

import pytest

from slo.demo.happened import Happened

TOLD = Happened(
    priority="P0",
    dedup_key="acme:gate-availability:-:g1",
    triggers=1,
    acknowledged=True,
    resolves=1,
    pagerduty_priority="P1",
    pagerduty_notes=2,
    slack_messages=2,
    slack_replies=8,
    emails=5,
    email_threads=1,
    ticket="OPS-1",
    ticket_status="Resolved",
    ticket_comments=4,
    eta="2026-01-01T00:05:00Z",
    responded_within_seconds=4.5,
    response_promised_seconds=3600.0,
)


def test_the_whole_story_is_whole_and_one_line_of_json() -> None:
    assert TOLD.whole
    assert "\n" not in TOLD.line()
    assert json.loads(TOLD.line())["responded_within_seconds"] == 4.5


@pytest.mark.parametrize(
    "missing",
    [
        {"priority": "P1"},
        {"triggers": 2},
        {"acknowledged": False},
        {"resolves": 0},
        {"pagerduty_priority": ""},
        {"pagerduty_notes": 0},
        {"slack_messages": 1},
        {"slack_replies": 7},
        {"emails": 4},
        {"email_threads": 2},
        {"ticket": ""},
        {"ticket_status": "In progress"},
        {"ticket_comments": 3},
        {"eta": ""},
        {"responded_within_seconds": -1.0},
        {"responded_within_seconds": 3600.5},
    ],
    ids=str,
)
def test_without_any_of_it_the_story_was_not_told(missing: dict[str, object]) -> None:
    assert not replace(TOLD, **missing).whole  # type: ignore[arg-type]
