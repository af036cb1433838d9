"""Tickets both ways: the whole process, and ticket systems that fail, and call back with what people do there."""

from pathlib import Path
from typing import Any

from tests.e2e.desks import standing_in
from tests.e2e.stage import Watch, configuration, until
from tests.services import StartNginx

ANNA = {"accountId": "a1", "displayName": "Anna", "accountType": "atlassian"}
AGENT = {"id": 7, "name": "Anna", "is_staff": True}
END_USER = {"id": 20, "name": "Carla", "is_staff": False}
JIRA = {"project": "OPS", "engineers": ["a1"], "resolve_transition": "Resolve this issue"}
ZENDESK = {"engineers": ["staff"], "resolve_status": "solved"}


def incident(watch: Watch) -> dict[str, Any]:
    """The only incident that there is."""
    (found,) = watch.incidents()
    return found


def test_what_the_engine_finds_is_one_issue_although_its_creation_was_not_answered_and_the_watch_was_killed(
    tmp_path: Path, watch: Watch, nginx: StartNginx
) -> None:
    endpoint = nginx()
    with standing_in("jira", tmp_path / "jira", watch.url) as jira:
        watch.configure(configuration(jira.destination(**JIRA), port=endpoint.port))
        watch.start()
        watch.good()
        jira.post("faults", {"reset": True, "processed": True})
        endpoint.stop()
        until("an issue", lambda: jira.get("issues")["issues"])
        watch.kill()
        watch.start()
        until("the trigger on record", lambda: watch.delivered("trigger"))
        jira.post("issues/OPS-1/comments", {"by": ANNA, "text": "On it."})
        until("the response", lambda: "noted" in watch.timeline(incident(watch)["id"]))
        endpoint.start()
        until("the resolve on record", lambda: watch.delivered("resolve"))
        (issue,) = jira.get("issues")["issues"]
    assert issue["status"] == "Resolved"
    assert incident(watch)["responded_at"] is not None
    assert watch.timeline(incident(watch)["id"]).count("noted") == 1, "our own comments come back as nothing"
    assert watch.stop() == 0
    assert watch.faults == []


def test_a_customers_ticket_is_an_incident_that_an_engineer_answers_and_ends_there(
    tmp_path: Path, watch: Watch, nginx: StartNginx
) -> None:
    endpoint = nginx()
    with standing_in("zendesk", tmp_path / "zendesk", watch.url) as zendesk:
        watch.configure(configuration(zendesk.destination(**ZENDESK), port=endpoint.port))
        watch.start()
        asked = {"by": END_USER, "subject": "Nothing deploys", "text": "Since noon.", "priority": "urgent"}
        zendesk.post("tickets", asked)
        until("the incident", watch.incidents)
        opened = incident(watch)
        assert (opened["summary"], opened["priority"], opened["found_by"]) == ("Nothing deploys", "P0", "customer")
        until("the trigger on record", lambda: watch.delivered("trigger"))
        zendesk.post("tickets/1/changes", {"by": END_USER, "text": "And?"})
        until("the customer's words", lambda: "noted" in watch.timeline(opened["id"]))
        assert incident(watch)["responded_at"] is None, "a customer's comment stops no clock"
        zendesk.post("tickets/1/changes", {"by": AGENT, "text": "On it."})
        until("the response", lambda: incident(watch)["responded_at"])
        zendesk.post("tickets/1/changes", {"by": AGENT, "status": "solved"})
        until("the resolve on record", lambda: watch.delivered("resolve"))
        (ticket,) = zendesk.get("tickets")["tickets"]
    assert (ticket["subject"], ticket["status"]) == ("Nothing deploys", "solved")
    assert incident(watch)["status"] == "resolved"
    assert watch.stop() == 0
    assert watch.faults == []
