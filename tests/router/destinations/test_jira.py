"""The destination `jira`, against the strict stand-in: an incident is an issue, and what is said of it is on it."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from slo.core.delivery import Action, Ambiguous, Lane, Message, Refused, Retry, Sent, Verdict
from slo.core.eta import ETA, Confidence
from slo.core.policy import Severity
from slo.demo.vendors.injection import Injection
from slo.demo.vendors.jira.adf import is_document
from slo.demo.vendors.jira.standin import JiraStandIn
from slo.net.context import Context
from slo.router.destinations.jira import PAGES_ONLY, Config, comment_of, receiver
from slo.router.notice import notice_of
from slo.router.tickets.adf import LIMIT, document_of_notice
from tests.router.destinations.bad_days import shortly
from tests.router.destinations.goldens import hold_against
from tests.router.making import STAGING, at
from tests.router.tickets.jira_site import (
    ANNA,
    CARLA,
    TOKEN,
    USER,
    Make,
    destinations_of,
    jira_site,
    ticket,
)


@pytest.fixture
async def standin(tmp_path: Path) -> AsyncIterator[JiraStandIn]:
    async with jira_site(tmp_path / "jira") as server:
        yield server


@pytest.fixture
async def make(standin: JiraStandIn, context: Context) -> AsyncIterator[Make]:
    async with destinations_of(standin, context) as make:
        yield make


ETA_KNOWN = ETA(recover_at=at(7200), confidence=Confidence.HIGH, next_update_at=at(1800))


@pytest.mark.parametrize(
    ("name", "of"),
    [
        ("jira-description.json", ticket(due=at(3660), services=("gate",))),
        ("jira-eta.json", ticket(Action.ETA, by="anna", text="One.\n\nTwo.", status="acknowledged", eta=ETA_KNOWN)),
        ("jira-remind.json", ticket(Action.REMIND, text="the response is due in 15 minutes")),
    ],
)
def test_a_comment_is_a_document_and_what_is_between_us_is_internal(name: str, of: Message) -> None:
    comment = comment_of(of)
    assert is_document(comment["body"])
    hold_against(name, comment)


HOSTILE = "\ud800\x00\n\u202e" + "ä" * 100_000


@pytest.mark.parametrize(
    "of",
    [
        ticket(Action.NOTE, text=HOSTILE, by=HOSTILE, summary=HOSTILE),
        ticket(Action.NOTE, text="\n" * 50_000),
        ticket(Action.NOTE, text="x\n" * 50_000),
        ticket(summary="", labels={"customer": HOSTILE}, services=(HOSTILE,) * 10),
    ],
    ids=["long", "blank", "many lines", "many services"],
)
async def test_an_issue_keeps_within_the_vendors_limits_whatever_it_is_made_of(make: Make, of: Message) -> None:
    document = document_of_notice(notice_of(of))
    assert is_document(document)
    assert len(json.dumps(document)) <= LIMIT
    destination = make()
    assert await destination.deliver(replace(of, action=Action.TRIGGER), Lane()) == Sent(reference="OPS-1")
    assert await destination.deliver(of, Lane(reference="OPS-1")) == Sent(reference="OPS-1")


async def test_an_incident_is_one_issue_from_beginning_to_end(make: Make, standin: JiraStandIn) -> None:
    destination = make(fields={"customfield_10010": "ops/incident"})
    assert await destination.deliver(ticket(), Lane()) == Sent(reference="OPS-1")
    lane = Lane(reference="OPS-1")
    for action in (Action.UPDATE, Action.NOTE, Action.ETA, Action.REMIND):
        assert await destination.deliver(ticket(action, by="anna", text="hello"), lane) == Sent(reference="OPS-1")
    [issue] = standin.issues
    assert (issue.status, issue.fields["priority"]) == ("Waiting for support", {"name": "Highest"})
    assert (issue.fields["issuetype"], issue.fields["customfield_10010"]) == ({"name": "Incident"}, "ops/incident")
    await destination.deliver(ticket(Action.ACKNOWLEDGE, by="anna"), lane)
    assert standin.issues[0].status == "In progress"
    await destination.deliver(ticket(Action.RESOLVE, status="resolved"), lane)
    assert standin.issues[0].status == "Resolved"
    assert [comment["jsdPublic"] for comment in issue.comments] == [True, True, True, False, True, True]


async def test_a_priority_that_is_raised_is_raised_there(make: Make, standin: JiraStandIn) -> None:
    destination = make()
    await destination.deliver(ticket(severity=Severity.TICKET, labels=STAGING), Lane())
    assert standin.issues[0].fields["priority"] == {"name": "Medium"}
    await destination.deliver(ticket(Action.UPDATE), Lane(reference="OPS-1"))
    assert standin.issues[0].fields["priority"] == {"name": "Highest"}


async def test_a_trigger_for_a_ticket_that_there_is_is_a_comment(make: Make, standin: JiraStandIn) -> None:
    key = "OPS-1"
    standin.create(CARLA, "Nothing deploys")
    assert await make().deliver(ticket(), Lane(reference=key)) == Sent(reference=key)
    assert len(standin.issues) == len(standin.issues[0].comments) == 1


async def test_a_transition_that_the_status_does_not_have_is_left_to_people(make: Make, standin: JiraStandIn) -> None:
    destination = make()
    await destination.deliver(ticket(), Lane())
    standin.change("OPS-1", ANNA, "status", "Resolved")
    resolved = await destination.deliver(ticket(Action.RESOLVE, status="resolved"), Lane(reference="OPS-1"))
    assert resolved == Sent(reference="OPS-1")
    assert len(standin.issues[0].comments) == 1


async def test_what_is_to_be_said_on_an_issue_that_was_deleted_is_refused(make: Make, standin: JiraStandIn) -> None:
    for attempts in (0, 1):
        refused = await make().deliver(ticket(Action.RESOLVE), Lane(reference="OPS-7", attempts=attempts))
        assert isinstance(refused, Refused)
        assert (refused.reason, "Issue does not exist" in refused.detail) == ("ticket_gone", True)
    # Where the project is not to be seen either, somebody took a permission away, and can give it back.
    hidden = await make(project="OTHER").deliver(ticket(Action.RESOLVE), Lane(reference="OTHER-7"))
    assert isinstance(hidden, Retry)
    assert hidden.reason == "not_found"


@pytest.mark.parametrize(
    ("injection", "verdict"),
    [
        (Injection(status=400, body='{"errorMessages": ["no"]}'), Refused(reason="rejected")),
        (Injection(status=401), Retry(reason="unauthorized")),
        (Injection(status=403), Retry(reason="unauthorized")),
        (Injection(status=404), Retry(reason="not_found")),
        (Injection(status=409), Retry(reason="conflict")),
        (Injection(status=413), Refused(reason="rejected")),
        (Injection(status=429, retry_after="30"), Retry(reason="rate_limited", after_seconds=30)),
        (Injection(status=500), Retry(reason="server_error")),
        (Injection(status=503, retry_after="9"), Retry(reason="server_error", after_seconds=9)),
        (Injection(status=302), Retry(reason="redirected")),
        (Injection(status=201, body="<html>"), Ambiguous(reason="response_malformed")),
        (Injection(status=201, body="{}"), Ambiguous(reason="response_malformed")),
        (Injection(status=201, body="x" * 5_000_000), Ambiguous(reason="response_too_large")),
        (Injection(reset=True), Ambiguous(reason="reset")),
        (Injection(hang_seconds=9), Ambiguous(reason="timeout")),
    ],
    ids=shortly,
)
async def test_a_bad_day_is_a_verdict_after_one_request(
    make: Make, standin: JiraStandIn, injection: Injection, verdict: Verdict
) -> None:
    standin.inject(injection)
    given = await make(timeout="1s" if injection.hang_seconds else "10s").deliver(ticket(), Lane())
    assert not isinstance(given, Sent)
    assert replace(given, detail="") == verdict
    assert len(standin.requests) == 1


async def test_a_refusal_says_what_jira_said_and_no_secret(make: Make, standin: JiraStandIn) -> None:
    refused = await make(issue_type="Nonsense").deliver(ticket(), Lane())
    assert isinstance(refused, Refused)
    assert "Specify a valid issue type" in refused.detail
    wrong = await make(api_token="another").deliver(ticket(), Lane())
    assert isinstance(wrong, Retry)
    assert wrong.reason == "unauthorized"
    standin.inject(Injection(status=400, body=f"you sent {TOKEN}"))
    assert TOKEN not in repr(await make().deliver(ticket(), Lane()))


async def test_a_port_that_nobody_listens_on(make: Make) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        given = await make(url=f"https://127.0.0.1:{unused.getsockname()[1]}").deliver(ticket(), Lane())
    assert isinstance(given, Retry)
    assert given.reason == "connect_refused"


async def test_many_incidents_at_once_are_as_many_issues(make: Make, standin: JiraStandIn) -> None:
    destination = make()
    verdicts = await asyncio.gather(*(destination.deliver(ticket(key=f"k{n}"), Lane()) for n in range(8)))
    assert {verdict.reference for verdict in verdicts if isinstance(verdict, Sent)} == {f"OPS-{n}" for n in range(1, 9)}


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"project": "ops"}, "should match pattern"),
        ({"fields": {"labels": ["x"]}}, "sets the field labels"),
        ({"webhook_secret": "x"}, "knows no engineer"),
        ({"engineers": ["@"]}, "has an engineer without a name"),
        ({"priorities": {"P9": "High"}}, "Input should be 'P0'"),
    ],
)
def test_a_configuration_that_cannot_be_says_why(keys: dict[str, Any], problem: str) -> None:
    good = {"url": "https://acme.atlassian.net", "user": USER, "api_token": TOKEN, "project": "OPS"}
    with pytest.raises(ValidationError, match=problem):
        Config.model_validate(good | keys)


def test_it_is_told_of_everything_and_takes_nothing_without_a_secret(context: Context) -> None:
    good = {"url": "https://acme.atlassian.net", "user": USER, "api_token": TOKEN, "project": "OPS"}
    assert receiver("jira", Config.model_validate(good), context) is None
    assert not PAGES_ONLY
