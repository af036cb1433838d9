"""The story: a service breaks, a P0 is open, everybody is told, a person answers, the service recovers.

Everything in it is real but for the vendors: services that are processes, probes over HTTP, the engine, the store, the
router, and the vendors' own client packages over TLS. What is said of the vendors is read back from what their
stand-ins recorded, and what people do is done there, and comes back to the watch signed.
"""

import textwrap
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from slo.demo.happened import Happened, recorded
from slo.demo.narrator import SHOWN_WIDTH, Narrator
from slo.demo.readable import comment_text, fields_of, first_line, slack_text
from slo.demo.setting import (
    BROKEN,
    CUSTOMER_CHANNEL,
    CUSTOMER_EMAIL,
    ON_CALL,
    POLICY,
    RESOLVE_AFTER_SECONDS,
    RESPONSE,
    SECOND_ENGINEER,
    TEAM_CHANNEL,
    WINDOW_SECONDS,
)
from slo.demo.stage import Stage

SLO = f"{BROKEN}-availability"
PROMISE = {
    "minutes": "5",
    "confidence": "high",
    "next_update": "3",
    "text": f"{BROKEN} was killed; it is being started.",
}
FINDING = f"Nothing listens on the port of {BROKEN}: the process is gone."


class Story:
    """Tells the story on a stage, line by line with `say`, and finds out whether it happened."""

    def __init__(self, stage: Stage, say: Callable[[str], None]) -> None:
        self._stage = stage
        self._narrator = Narrator(say)
        self._key = ""

    def set_up(self) -> None:
        """Start everything."""
        stage, tell = self._stage, self._narrator.tell
        self._narrator.chapter("The stage: every line says when, where, and what")
        stage.start_services()
        tell("services", ", ".join(f"{name} on port {port}" for name, port in stage.ports.items()))
        stage.start_vendors()
        for name, vendor in (("PagerDuty", stage.pagerduty), ("Slack", stage.slack), ("Jira", stage.desk)):
            tell(name, f"a stand-in at {vendor.url}, over TLS with an authority of its own")
        place = stage.mailbox.place
        tell("mail", f"a stand-in at {place['host']}:{place['port']}, with STARTTLS; letters in {place['letters']}")
        tell("watch", stage.start_watch())
        tell("contract", f"Acme Corporation: a person answers a P0 within {RESPONSE['P0']}, day and night")
        tell("contract", f"a P1 within {RESPONSE['P1']}, a P2 within {RESPONSE['P2']}, New York hours and holidays")

    def play(self) -> Happened:
        """From healthy to broken, told to everybody, answered, promised, recovered and resolved."""
        self._calm()
        incident = self._outage()
        self._told()
        self._acknowledged(incident)
        self._promised()
        self._found_out()
        self._recovered()
        self._reviewed(incident)
        return recorded(self._stage, self._key)

    def _calm(self) -> None:
        narrator, page = self._narrator, POLICY[0]
        narrator.chapter("All is well")
        narrator.until("the first rounds", self._watched)
        narrator.tell("watch", self._figures())
        narrator.tell(
            "policy",
            f"the demo's own, so that you need not wait: 99 % over {WINDOW_SECONDS // 60} minutes, and a page when",
        )
        narrator.tell(
            "policy", f"{page['budget']} of the budget went within {page['long']} and it burns in {page['short']}"
        )
        narrator.tell("policy", "a burn rate of 1x would spend the budget by the end of its window, and no sooner")

    def _outage(self) -> dict[str, Any]:
        """The incident that opens."""
        narrator, stage = self._narrator, self._stage
        narrator.chapter("An outage")
        stage.break_service()
        narrator.tell("services", f"{BROKEN} is killed: nothing listens on port {stage.ports[BROKEN]} any more")
        broke = narrator.seconds
        incident = narrator.until("an incident", self._burning)
        narrator.tell("watch", f"incident {incident['id']} is open, {incident['priority']}:")
        narrator.show(textwrap.wrap(incident["summary"], SHOWN_WIDTH))
        due = _time(incident["response"]["due"])
        narrator.tell("page", f"{stage.url}/incidents/{incident['id']} has everything about it; messages point there")
        narrator.tell("clock", f"runs: a person has to answer within {incident['response']['within']}, by {due}")
        trigger = narrator.until("the page at PagerDuty", lambda: stage.pagerduty.events("trigger"))[0]
        self._key = trigger["dedup_key"]
        narrator.tell("PagerDuty", f"has the page, {narrator.seconds - broke:.1f} s after the outage began:")
        payload = trigger["payload"]
        narrator.show(
            [f"severity {payload['severity']}, priority {payload['custom_details']['priority']}, key {self._key}"]
        )
        return incident

    def _told(self) -> None:
        narrator, stage = self._narrator, self._stage
        narrator.chapter("Everybody is told")
        ticket = narrator.until("the ticket", stage.desk.issues)[0]
        fields = ticket["fields"]
        narrator.tell(
            "ticket", f"{ticket['key']} is opened on the customer's behalf, priority {fields['priority']['name']}:"
        )
        narrator.show([fields["summary"]])
        letter = narrator.until("the letter", stage.mailbox.letters)[0]
        narrator.tell("mail", f"to {CUSTOMER_EMAIL}: {letter['Subject']}")
        narrator.show([first_line(letter)])
        narrator.until("the customer's channel", lambda: stage.slack.thread(CUSTOMER_CHANNEL))
        narrator.tell("Slack", "the customer's channel has it, without buttons; the team's has it with the clock:")
        message = narrator.until("the team's channel", lambda: stage.slack.thread(TEAM_CHANNEL))[0]
        narrator.show([slack_text(message["text"]), *fields_of(message)])
        self._wait_for_priority()

    def _acknowledged(self, incident: dict[str, Any]) -> None:
        narrator, stage = self._narrator, self._stage
        narrator.chapter("A person answers")
        narrator.moment()
        stage.slack.press(self._callback, "acknowledge")
        narrator.tell("Slack", f"the {ON_CALL['name']} presses Acknowledge; Slack tells the watch so, signed")
        narrator.until("the acknowledgement at PagerDuty", lambda: stage.pagerduty.events("acknowledge"))
        narrator.tell("PagerDuty", "is acknowledged: nobody else is called")
        narrator.until("the ticket's progress", lambda: self._ticket()["status"] == "In progress")
        narrator.tell("ticket", f"{self._ticket()['key']} is in progress:")
        narrator.show([comment_text(self._ticket()["comments"][-1])])
        self._letter("is working on it")
        narrator.until("the answer in Slack", lambda: "Acknowledged" in stage.slack.thread(TEAM_CHANNEL)[0]["text"])
        narrator.tell("Slack", slack_text(stage.slack.thread(TEAM_CHANNEL)[0]["text"]).split(":")[0])
        document = stage.get(f"/api/v1/incidents/{incident['id']}")
        took = _moment(document["responded_at"]) - _moment(document["opened_at"])
        narrator.tell(
            "clock", f"stopped: answered after {took.total_seconds():.1f} s of {document['response']['within']}"
        )

    def _promised(self) -> None:
        narrator, stage = self._narrator, self._stage
        narrator.chapter("The customer hears when it will have recovered")
        narrator.moment()
        stage.slack.press(self._callback, "eta")
        stage.slack.submit(self._callback, PROMISE)
        narrator.tell(
            "Slack", f"the {ON_CALL['name']} presses ETA, and fills in the form: {PROMISE['minutes']} minutes"
        )
        self._reply(CUSTOMER_CHANNEL, "the customer's channel", "expected to recover")
        self._letter("Recovery expected")
        narrator.until("the promise in the ticket", lambda: len(self._ticket()["comments"]) >= 2)
        narrator.tell("ticket", f"{self._ticket()['key']} has it too")
        narrator.until("the note at PagerDuty", self._notes)
        narrator.tell("PagerDuty", "has it as a note")

    def _found_out(self) -> None:
        narrator, stage = self._narrator, self._stage
        narrator.chapter("Somebody answers in the ticket")
        narrator.moment()
        stage.desk.comment(self._ticket()["key"], SECOND_ENGINEER, FINDING)
        narrator.tell("ticket", f"the {SECOND_ENGINEER['displayName']} comments: {FINDING}")
        self._reply(TEAM_CHANNEL, "the team's channel", FINDING)
        self._letter("wrote")

    def _recovered(self) -> None:
        narrator, stage = self._narrator, self._stage
        narrator.chapter("It recovers")
        narrator.moment()
        stage.mend_service()
        narrator.tell("services", f"{BROKEN} is started again")
        narrator.until("the recovery", lambda: not self._slo()["firing"])
        narrator.tell("watch", f"the alert is clear: {self._figures()}")
        narrator.tell("watch", f"it has to stay clear for {RESOLVE_AFTER_SECONDS} s before the incident resolves")
        narrator.until("the resolve at PagerDuty", lambda: stage.pagerduty.events("resolve"))
        narrator.tell("PagerDuty", "is resolved, under the same key")
        narrator.until("the end of the ticket", lambda: self._ticket()["status"] == "Resolved")
        narrator.tell("ticket", f"{self._ticket()['key']} is resolved")
        self._letter("Resolved")
        for channel, name in ((TEAM_CHANNEL, "the team's"), (CUSTOMER_CHANNEL, "the customer's")):
            narrator.until(f"the end in {name} channel", partial(self._is_over, channel))
        narrator.tell("Slack", "both messages say so, and have no buttons any more")

    def _reviewed(self, incident: dict[str, Any]) -> None:
        narrator, stage = self._narrator, self._stage
        narrator.chapter("What is on record")
        narrator.tell("watch", f"watchkeep incident show {incident['id']}")
        shown, _, _ = stage.watchkeep("incident", "show", incident["id"], "--url", stage.url).partition("Deliveries")
        deliveries = stage.get(f"/api/v1/incidents/{incident['id']}")["deliveries"]
        sent = sum(delivery["state"] == "sent" for delivery in deliveries)
        narrator.show([*shown.splitlines(), f"and {len(deliveries)} deliveries, {sent} of them sent"])
        narrator.tell("watch", f"watchkeep audit verify --data {stage.data}")
        narrator.show(stage.watchkeep("audit", "verify", "--data", str(stage.data)).splitlines())
        narrator.chapter("What the stand-ins recorded, in one line")

    def _watched(self) -> bool:
        """Whether the rounds of this process alone fill the short window."""
        slo = self._slo()
        return bool(slo["state"] == "ok" and slo["windows"][POLICY[0]["short"]]["coverage"] == 1)

    def _burning(self) -> dict[str, Any] | None:
        """The incident that is open; until it is there, say how the budget burns."""
        listed = self._stage.get("/api/v1/incidents?status=open")["incidents"]
        found: list[dict[str, Any]] = [incident for incident in listed if incident["slo"] == SLO]
        if not found and self._slo()["windows"][POLICY[0]["short"]]["burn_rate"]:
            self._narrator.tell_now_and_then("watch", self._figures())
        return found[0] if found else None

    def _figures(self) -> str:
        slo = self._slo()
        windows = [str(POLICY[0][side]) for side in ("short", "long")]
        shown = ", ".join(f"{slo['windows'][window]['burn_rate'] or 0:.1f}x in {window}" for window in windows)
        return f"{SLO} burns {shown}; {100 * slo['budget']['remaining']:.1f} % of its budget left"

    def _wait_for_priority(self) -> None:
        """PagerDuty has priorities of its own, which no event can set: its REST API does, a moment later."""
        incident = self._stage.pagerduty.incident
        self._narrator.until("the priority at PagerDuty", lambda: incident(self._key).get("priority"))
        self._narrator.tell("PagerDuty", f"has the account's priority {incident(self._key)['priority']} on it now")

    def _letter(self, words: str) -> None:
        """The letter that begins with a line that has these words."""
        found = self._narrator.until(
            f"the letter with {words!r}",
            lambda: [line for letter in self._stage.mailbox.letters() if words in (line := first_line(letter))],
        )
        self._narrator.tell("mail", found[-1])

    def _reply(self, channel: str, name: str, text: str) -> None:
        """The reply in a thread that has this text."""
        replies = self._narrator.until(
            f"the reply in {name}",
            lambda: [reply for reply in self._stage.slack.thread(channel)[1:] if text in reply["text"]],
        )
        self._narrator.tell("Slack", f"in the thread of {name}:")
        self._narrator.show(slack_text(replies[-1]["text"]).splitlines())

    def _notes(self) -> list[dict[str, Any]]:
        return [step for step in self._stage.pagerduty.incident(self._key)["history"] if step["action"] == "annotate"]

    def _is_over(self, channel: str) -> bool:
        return "Resolved" in self._stage.slack.thread(channel)[0]["text"]

    def _ticket(self) -> dict[str, Any]:
        return self._stage.desk.issues()[0]

    def _slo(self) -> Any:
        return self._stage.get(f"/api/v1/slos/{SLO}")

    @property
    def _callback(self) -> str:
        return f"{self._stage.url}/webhooks/slack"


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _time(text: str) -> str:
    return f"{_moment(text).astimezone(UTC):%H:%M:%S} UTC"
