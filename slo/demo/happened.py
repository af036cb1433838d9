"""What happened, read back from what the stand-ins recorded: the end of the story, and whether it is the right one."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from slo.demo.setting import CUSTOMER_CHANNEL, TEAM_CHANNEL
from slo.demo.stage import Stage

RESPONSE_TIME = timedelta(hours=1)
"""What the contract of the demo promises for a P0."""

TURNS = 4
"""What is said after the beginning: the acknowledgement, the time to recover, the engineer's words, the end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Happened:
    """What the stand-ins have of the incident.

    `priority` to `resolves` are of PagerDuty under its deduplication key, and so is `pagerduty_priority`, by the name
    that the account has for it. `slack_messages` is how many channels have one that shows the end, `slack_replies` how
    many stand in their threads; `emails` are in `email_threads` threads. `eta` is the time to recover that the
    customer's channel was told of. `responded_within_seconds` is from the opening that the page tells of to the
    acknowledgement that came to PagerDuty, -1 where none came.
    """

    priority: str
    dedup_key: str
    triggers: int
    acknowledged: bool
    resolves: int
    pagerduty_priority: str
    pagerduty_notes: int
    slack_messages: int
    slack_replies: int
    emails: int
    email_threads: int
    ticket: str
    ticket_status: str
    ticket_comments: int
    eta: str
    responded_within_seconds: float
    response_promised_seconds: float

    @property
    def whole(self) -> bool:
        """Whether it is the story that was to be told."""
        return all(
            (
                (self.priority, self.pagerduty_priority) == ("P0", "P1"),
                (self.triggers, self.acknowledged, self.resolves) == (1, True, 1),
                self.pagerduty_notes >= 2,
                self.slack_messages == 2,
                self.slack_replies >= 2 * TURNS,
                self.emails >= 1 + TURNS,
                self.email_threads == 1,
                bool(self.ticket) and self.ticket_status == "Resolved",
                self.ticket_comments >= TURNS,
                bool(self.eta),
                0 <= self.responded_within_seconds <= self.response_promised_seconds,
            )
        )

    def line(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self))


def recorded(stage: Stage, dedup_key: str) -> Happened:
    """What the stand-ins recorded of the incident with this key."""
    events = {
        action: [event for event in stage.pagerduty.events(action) if event["dedup_key"] == dedup_key]
        for action in ("trigger", "acknowledge", "resolve")
    }
    triggers, acknowledgements = events["trigger"], events["acknowledge"]
    page = stage.pagerduty.incident(dedup_key)
    threads = [stage.slack.thread(channel) for channel in (TEAM_CHANNEL, CUSTOMER_CHANNEL)]
    letters = stage.mailbox.letters()
    issues = stage.desk.issues()
    ticket: Mapping[str, Any] = issues[0] if len(issues) == 1 else {"key": "", "status": "", "comments": []}
    return Happened(
        priority=triggers[0]["payload"]["custom_details"]["priority"],
        dedup_key=dedup_key,
        triggers=len(triggers),
        acknowledged=bool(acknowledgements),
        resolves=len(events["resolve"]),
        pagerduty_priority=page["priority"],
        pagerduty_notes=sum(step["action"] == "annotate" for step in page["history"]),
        slack_messages=sum("Resolved" in thread[0]["text"] for thread in threads if thread),
        slack_replies=sum(len(thread[1:]) for thread in threads),
        emails=len(letters),
        email_threads=len({letter["In-Reply-To"] or letter["Message-ID"] for letter in letters}),
        ticket=ticket["key"],
        ticket_status=ticket["status"],
        ticket_comments=len(ticket["comments"]),
        eta=next((eta for reply in threads[1][1:] if (eta := _promised(reply["text"]))), ""),
        responded_within_seconds=_seconds(triggers[0]["payload"]["timestamp"], acknowledgements),
        response_promised_seconds=RESPONSE_TIME.total_seconds(),
    )


def _promised(text: str) -> str:
    """The time to recover that a message of Slack tells of, in UTC; empty where it tells of none."""
    found = re.search(r"expected to recover <!date\^(\d+)\^", text)
    return f"{datetime.fromtimestamp(int(found[1]), UTC):%Y-%m-%dT%H:%M:%SZ}" if found else ""


def _seconds(opened_at: str, acknowledgements: list[dict[str, Any]]) -> float:
    """From the opening to the first acknowledgement; -1 where there is none."""
    if not acknowledgements:
        return -1.0
    took = datetime.fromisoformat(acknowledgements[0]["at"]) - datetime.fromisoformat(opened_at)
    return round(took.total_seconds(), 1)
