"""What people do at Jira comes back, signed, as acts; what programs and we ourselves do there does not."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from slo.core.acts import Act, GoOn, Open, Prioritize, Resolve, Say, Target, Wait
from slo.core.delivery import Action, Lane
from slo.core.priority import Impact, Priority
from slo.demo.vendors.injection import Injection
from slo.demo.vendors.jira.standin import JiraStandIn
from slo.demo.vendors.standin import Webhook
from slo.errors import DestinationFault, Forged, Malformed
from slo.net.context import Context
from slo.router.destinations.jira import receiver
from slo.router.inbox import BODY_LIMIT_BYTES
from tests.router.tickets.jira_site import (
    ANNA,
    BEN,
    CARLA,
    OURSELVES,
    ROBOT,
    SECRET,
    Make,
    config,
    destinations_of,
    jira_site,
    ticket,
)
from tests.router.tickets.received import inbound_of, timeless


@pytest.fixture
async def standin(tmp_path: Path) -> AsyncIterator[JiraStandIn]:
    async with jira_site(tmp_path / "jira") as server:
        yield server


@pytest.fixture
async def make(standin: JiraStandIn, context: Context) -> AsyncIterator[Make]:
    async with destinations_of(standin, context) as make:
        yield make


async def acts(standin: JiraStandIn, context: Context, of: Webhook, **keys: object) -> list[Act]:
    inbox = receiver("jira", config(standin, **keys), context)
    assert inbox is not None
    inbound = inbound_of(of)
    return [timeless(act, inbound.at) for act in (await inbox.receive(inbound)).acts]


def who(person: dict[str, str], source: str) -> dict[str, Any]:
    target = Target(destination="jira", reference="OPS-1")
    return {"target": target, "by": person["displayName"], "via": "jira", "source": f"jira:{source}"}


async def test_a_customers_ticket_opens_an_incident_as_of_its_creation(standin: JiraStandIn, context: Context) -> None:
    webhook = standin.create(
        CARLA, "Nothing deploys", priority={"name": "Highest"}, labels=["Security"], components=[{"name": "deck"}]
    )
    [opened] = await acts(standin, context, webhook)
    assert opened == Open(
        **who(CARLA, "issue-10001"),
        summary="Nothing deploys",
        customer="acme",
        environment="production",
        impact=Impact.SEVERE,
        security=True,
        found_by="customer",
        created_at=datetime.fromisoformat(standin.issues[0].created),
        services=("deck",),
    )
    [by_us] = await acts(standin, context, standin.create(BEN, "I saw something"))
    assert isinstance(by_us, Open)
    assert (by_us.found_by, by_us.impact) == ("provider", Impact.PARTIAL)


async def test_a_clone_of_our_issue_opens_nothing(standin: JiraStandIn, context: Context) -> None:
    clone = standin.create(CARLA, "CLONE - Incident 1: gate", labels=["watchkeep-0123456789abcdef"])
    assert await acts(standin, context, clone) == []


async def test_what_people_do_there_is_an_act_here(standin: JiraStandIn, context: Context) -> None:
    standin.create(CARLA, "Nothing deploys")
    key = "OPS-1"
    in_turn: list[tuple[Webhook, list[Act]]] = [
        (standin.comment(key, ANNA, "On it."), [Say(**who(ANNA, "comment-10002"), text="On it.")]),
        (standin.comment(key, BEN, "Me too."), [Say(**who(BEN, "comment-10003"), text="Me too.")]),
        (standin.comment(key, CARLA, "And?"), [Say(**who(CARLA, "comment-10004"), text="And?", responds=False)]),
        (standin.comment(key, ANNA, "between us", public=False), []),
        (standin.comment(key, ROBOT, "We have received it."), []),
        (standin.comment(key, OURSELVES, "ours"), []),
        (
            standin.change(key, ANNA, "priority", "Highest"),
            [Prioritize(**who(ANNA, "change-10008-priority"), priority=Priority.P0, why="set to Highest in jira")],
        ),
        (standin.change(key, ANNA, "priority", "Lowest"), []),
        (standin.change(key, ROBOT, "priority", "High"), []),
        (
            standin.change(key, ANNA, "status", "Waiting for customer"),
            [Wait(**who(ANNA, "change-10011-status"), why="Waiting for customer in jira")],
        ),
        (
            standin.change(key, ROBOT, "status", "Waiting for support"),
            [GoOn(**who(ROBOT, "change-10012-status"), why="Waiting for support in jira")],
        ),
        (standin.change(key, ROBOT, "status", "Waiting for customer"), []),
        (standin.change(key, OURSELVES, "status", "In progress"), []),
        (standin.change(key, ROBOT, "status", "Resolved"), []),
        (
            standin.change(key, ANNA, "status", "Resolved"),
            [Resolve(**who(ANNA, "change-10016-status"), why="Resolved in jira")],
        ),
    ]
    for webhook, expected in in_turn:
        assert await acts(standin, context, webhook) == expected


async def test_nothing_is_believed_before_the_account_says_who_we_are(standin: JiraStandIn, context: Context) -> None:
    standin.create(CARLA, "Nothing deploys")
    webhooks = [standin.comment("OPS-1", person, "On it.") for person in (OURSELVES, ANNA)]
    inbox = receiver("jira", config(standin), context)
    assert inbox is not None
    inbounds = [inbound_of(webhook) for webhook in webhooks]
    for injection in (Injection(status=401), Injection(status=503), Injection(reset=True)):
        standin.inject(injection)
        with pytest.raises(DestinationFault):
            await inbox.receive(inbounds[0])
    received = [len((await inbox.receive(inbound)).acts) for inbound in inbounds]
    assert received == [0, 1]
    asked = [each["status"] for each in standin.requests if each["path"] == "/rest/api/3/myself"]
    assert asked == [401, 503, 0, 200]


async def test_what_we_do_there_ourselves_is_no_act(make: Make, standin: JiraStandIn, context: Context) -> None:
    destination = make()
    await destination.deliver(ticket(), Lane())
    for action in (Action.NOTE, Action.UPDATE, Action.ACKNOWLEDGE, Action.RESOLVE):
        await destination.deliver(ticket(action), Lane(reference="OPS-1"))
    assert len(standin.webhooks) == 8
    for webhook in standin.webhooks:
        assert await acts(standin, context, webhook) == []


async def test_other_projects_and_other_events_are_not_about_us(standin: JiraStandIn, context: Context) -> None:
    webhook = standin.create(CARLA, "Nothing deploys")
    assert await acts(standin, context, webhook, project="OTHER") == []
    for event in ("jira:issue_deleted", "comment_updated", "sprint_started"):
        assert await acts(standin, context, signed(json.loads(webhook.body) | {"webhookEvent": event})) == []


async def test_what_is_delivered_twice_has_the_same_source(standin: JiraStandIn, context: Context) -> None:
    standin.create(CARLA, "Nothing deploys")
    webhook = standin.comment("OPS-1", ANNA, "On it.")
    again = replace(
        webhook, headers=dict(webhook.headers) | {"X-Atlassian-Webhook-Identifier": "forged", "X-Retry": "1"}
    )
    assert await acts(standin, context, webhook) == await acts(standin, context, again)


def signed(document: object, *, body: bytes | None = None, secret: str = SECRET) -> Webhook:
    sent = json.dumps(document).encode() if body is None else body
    digest = hmac.new(secret.encode(), sent, hashlib.sha256).hexdigest()
    return Webhook(headers={"X-Hub-Signature": f"sha256={digest}"}, body=sent)


GOOD: dict[str, Any] = {
    "webhookEvent": "comment_created",
    "issue": {"key": "OPS-1"},
    "comment": {"id": "1", "author": ANNA, "body": "x"},
}


@pytest.mark.parametrize(
    "forged",
    [
        signed(GOOD, secret="another"),
        replace(signed(GOOD), body=signed(GOOD).body[:-1]),
        replace(signed(GOOD), body=signed(GOOD).body + b"\n"),
        replace(signed(GOOD), headers={}),
        replace(signed(GOOD), headers={"X-Hub-Signature": ""}),
        replace(signed(GOOD), headers={"X-Hub-Signature": signed(GOOD).headers["X-Hub-Signature"][7:]}),
        replace(signed(GOOD), headers={"X-Hub-Signature": "sha1=" + "0" * 40}),
        replace(signed(GOOD), headers={"X-Hub-Signature": "sha256=\ud800é"}),
    ],
    ids=["another secret", "truncated", "longer", "no header", "empty", "no method", "other method", "garbage"],
)
async def test_what_does_not_prove_who_sent_it_is_not_believed(
    standin: JiraStandIn, context: Context, forged: Webhook
) -> None:
    with pytest.raises(Forged):
        await acts(standin, context, forged)


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (signed(None, body=b""), "not valid JSON"),
        (signed(None, body=b"[" * 200_000), "not valid JSON"),
        (signed([]), "not a JSON object"),
        (signed({}), "webhookEvent is missing"),
        (signed(GOOD | {"issue": None}), "issue.key is missing"),
        (signed(GOOD | {"comment": {"author": ANNA, "body": "x"}}), "comment.id is missing"),
        (signed(GOOD | {"webhookEvent": "jira:issue_created", "user": CARLA}), "issue.id is missing"),
        (
            signed(GOOD | {"webhookEvent": "jira:issue_updated", "user": ANNA, "changelog": {}}),
            "changelog.id is missing",
        ),
        (signed(None, body=b" " * (BODY_LIMIT_BYTES + 1)), "larger than"),
    ],
)
async def test_what_cannot_be_understood_says_why(
    standin: JiraStandIn, context: Context, bad: Webhook, says: str
) -> None:
    with pytest.raises(Malformed, match=says):
        await acts(standin, context, bad)
