"""What people do at Zendesk comes back, signed, as acts; what triggers and we ourselves do there does not."""

import hashlib
import hmac
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from slo.core.acts import Act, GoOn, Open, Prioritize, Resolve, Say, Target, Wait
from slo.core.delivery import Action, Lane
from slo.core.policy import Severity
from slo.core.priority import Impact, Priority
from slo.demo.vendors.injection import Injection
from slo.demo.vendors.standin import Webhook
from slo.demo.vendors.zendesk.standin import ZendeskStandIn
from slo.errors import DestinationFault, Forged, Malformed
from slo.net.context import Context
from slo.router.destinations.zendesk import receiver
from slo.router.inbox import BODY_LIMIT_BYTES
from tests.router.making import STAGING
from tests.router.tickets.received import inbound_of, timeless
from tests.router.tickets.zendesk_account import (
    ANNA,
    BEN,
    CARLA,
    OURSELVES,
    SECRET,
    TRIGGER,
    Make,
    config,
    destinations_of,
    ticket,
    zendesk_account,
)


@pytest.fixture
async def standin(tmp_path: Path) -> AsyncIterator[ZendeskStandIn]:
    async with zendesk_account(tmp_path / "zendesk") as server:
        yield server


@pytest.fixture
async def make(standin: ZendeskStandIn, context: Context) -> AsyncIterator[Make]:
    async with destinations_of(standin, context) as make:
        yield make


async def acts(
    standin: ZendeskStandIn, context: Context, *of: Webhook, at: datetime | None = None, **keys: object
) -> list[Act]:
    inbox = receiver("zendesk", config(standin, **keys), context)
    assert inbox is not None
    found: list[Act] = []
    for webhook in of:
        inbound = inbound_of(webhook, at)
        found += [timeless(act, inbound.at) for act in (await inbox.receive(inbound)).acts]
    return found


def who(name: str, source: str) -> dict[str, Any]:
    target = Target(destination="zendesk", reference="1")
    return {"target": target, "by": name, "via": "zendesk", "source": f"zendesk:event-{source}"}


async def test_a_customers_ticket_opens_an_incident_as_of_its_creation(
    standin: ZendeskStandIn, context: Context
) -> None:
    told = standin.create(CARLA, "Nothing deploys", "Since noon.", priority="urgent", tags=["Security"])
    assert len(told) == 2
    assert await acts(standin, context, *told) == [
        Open(
            **who("user 20", "1-created"),
            summary="Nothing deploys",
            customer="acme",
            environment="production",
            impact=Impact.SEVERE,
            security=True,
            found_by="customer",
            created_at=datetime.fromisoformat(standin.tickets[0].created_at),
        )
    ]
    [by_us] = await acts(standin, context, *standin.create(ANNA, "I saw something", "Look."))
    assert isinstance(by_us, Open)
    assert (by_us.found_by, by_us.impact) == ("provider", Impact.PARTIAL)


def said(text: str, *, public: bool = True) -> dict[str, object]:
    return {"body": text, "public": public}


async def test_what_people_do_there_is_an_act_here(standin: ZendeskStandIn, context: Context) -> None:
    standin.create(CARLA, "Nothing deploys", "Since noon.")
    in_turn: list[tuple[list[Webhook], list[Act]]] = [
        (standin.update(1, ANNA, comment=said("On it.")), [Say(**who("Anna", "2-comment_added"), text="On it.")]),
        (
            standin.update(1, BEN, comment=said("No engineer.")),
            [Say(**who("Ben", "3-comment_added"), text="No engineer.", responds=False)],
        ),
        (
            standin.update(1, CARLA, comment=said("And?")),
            [Say(**who("Carla", "4-comment_added"), text="And?", responds=False)],
        ),
        (standin.update(1, ANNA, comment=said("between us", public=False)), []),
        (standin.update(1, TRIGGER, comment=said("We have received it.")), []),
        (standin.update(1, OURSELVES, comment=said("ours"), status="open"), []),
        (
            standin.update(1, ANNA, comment=said("Which cluster?"), status="pending"),
            [
                Say(**who("Anna", "8-comment_added"), text="Which cluster?"),
                Wait(**who("user 7", "8-status_changed"), why="pending in zendesk"),
            ],
        ),
        (
            standin.update(1, TRIGGER, status="open"),
            [GoOn(**who("user -1", "9-status_changed"), why="open in zendesk")],
        ),
        (
            standin.update(1, ANNA, priority="urgent"),
            [Prioritize(**who("user 7", "10-priority_changed"), priority=Priority.P0, why="urgent in zendesk")],
        ),
        (standin.update(1, ANNA, priority="low"), []),
        (standin.update(1, TRIGGER, priority="high"), []),
        (standin.update(1, TRIGGER, status="pending"), []),
        (
            standin.update(1, ANNA, status="solved"),
            [Resolve(**who("user 7", "14-status_changed"), why="solved in zendesk")],
        ),
        (standin.update(1, ANNA, status="closed"), []),
    ]
    for told, expected in in_turn:
        assert await acts(standin, context, *told) == expected


async def test_every_agent_may_be_an_engineer(standin: ZendeskStandIn, context: Context) -> None:
    standin.create(CARLA, "Nothing deploys", "Since noon.")
    for person, responds in ((BEN, True), (CARLA, False)):
        [act] = await acts(standin, context, *standin.update(1, person, comment=said("x")), engineers=["staff"])
        assert isinstance(act, Say)
        assert act.responds == responds


async def test_nothing_is_believed_before_the_account_says_who_we_are(
    standin: ZendeskStandIn, context: Context
) -> None:
    standin.create(CARLA, "Nothing deploys", "At all.")
    webhooks = [standin.update(1, person, comment={"body": "On it."})[0] for person in (OURSELVES, ANNA)]
    inbox = receiver("zendesk", config(standin), context)
    assert inbox is not None
    inbounds = [inbound_of(webhook) for webhook in webhooks]
    for injection in (Injection(status=401), Injection(status=503), Injection(reset=True)):
        standin.inject(injection)
        with pytest.raises(DestinationFault):
            await inbox.receive(inbounds[0])
    received = [len((await inbox.receive(inbound)).acts) for inbound in inbounds]
    assert received == [0, 1]
    asked = [each["status"] for each in standin.requests if each["path"] == "/api/v2/users/me.json"]
    assert asked == [401, 503, 0, 200]


async def test_what_we_do_there_ourselves_is_no_act(make: Make, standin: ZendeskStandIn, context: Context) -> None:
    destination = make()
    await destination.deliver(ticket(severity=Severity.TICKET, labels=STAGING), Lane())
    for action in (Action.NOTE, Action.UPDATE, Action.ACKNOWLEDGE, Action.RESOLVE):
        await destination.deliver(ticket(action), Lane(reference="1"))
    assert len(standin.webhooks) == 9
    assert await acts(standin, context, *standin.webhooks) == []


def signed(document: object, *, body: bytes | None = None, secret: str = SECRET, timestamp: str = "") -> Webhook:
    sent = json.dumps(document).encode() if body is None else body
    timestamp = timestamp or f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    digest = hmac.new(secret.encode(), timestamp.encode() + sent, hashlib.sha256).digest()
    headers = {
        "X-Zendesk-Webhook-Signature": b64encode(digest).decode(),
        "X-Zendesk-Webhook-Signature-Timestamp": timestamp,
    }
    return Webhook(headers=headers, body=sent)


COMMENT = {"id": 1, "body": "x", "is_public": True, "author": ANNA}


GOOD: dict[str, Any] = {
    "type": "zen:event-type:ticket.comment_added",
    "id": "e1",
    "detail": {"id": "1", "actor_id": "7"},
    "event": {"comment": COMMENT},
}


async def test_a_good_one_is_taken_within_five_minutes_and_as_often_as_it_comes(
    standin: ZendeskStandIn, context: Context
) -> None:
    webhook = signed(GOOD)
    first, second = await acts(standin, context, webhook, webhook)
    assert first == second
    for minutes in (-6, 6):
        with pytest.raises(Forged, match="more than 5 minutes from now"):
            await acts(standin, context, webhook, at=datetime.now(UTC) + timedelta(minutes=minutes))


@pytest.mark.parametrize(
    "forge",
    [
        lambda good: signed(GOOD, secret="another"),
        lambda good: replace(good, body=good.body[:-1]),
        lambda good: replace(good, body=good.body + b"\n"),
        lambda good: replace(good, headers={}),
        lambda good: replace(good, headers=dict(good.headers) | {"X-Zendesk-Webhook-Signature": "é\ud800"}),
        lambda good: replace(
            good, headers=dict(good.headers) | {"X-Zendesk-Webhook-Signature-Timestamp": "2026-01-01T00:00:00Z"}
        ),
        lambda good: signed(GOOD, timestamp="yesterday"),
    ],
    ids=["another secret", "truncated", "longer", "no headers", "garbage", "other time", "no time"],
)
async def test_what_does_not_prove_who_sent_it_is_not_believed(
    standin: ZendeskStandIn, context: Context, forge: Callable[[Webhook], Webhook]
) -> None:
    with pytest.raises(Forged):
        await acts(standin, context, forge(signed(GOOD)))


@pytest.mark.parametrize(
    ("document", "body", "says"),
    [
        (None, b"", "not valid JSON"),
        ([], None, "not a JSON object"),
        ({}, None, "type is missing"),
        (GOOD | {"detail": {}}, None, "detail.id is missing"),
        (GOOD | {"id": ""}, None, "id is missing"),
        (GOOD | {"event": None}, None, "author.id is missing"),
        (GOOD | {"type": "zen:event-type:ticket.created"}, None, "detail.subject is missing"),
        (GOOD | {"type": "zen:event-type:ticket.status_changed", "detail": {"id": "1"}}, None, "actor_id is missing"),
        (None, b" " * (BODY_LIMIT_BYTES + 1), "larger than"),
    ],
)
async def test_what_cannot_be_understood_says_why(
    standin: ZendeskStandIn, context: Context, document: object, body: bytes | None, says: str
) -> None:
    with pytest.raises(Malformed, match=says):
        await acts(standin, context, signed(document, body=body))


async def test_events_about_something_else_are_not_about_us(standin: ZendeskStandIn, context: Context) -> None:
    for event in ("zen:event-type:ticket.tags_changed", "zen:event-type:user.created"):
        assert await acts(standin, context, signed(GOOD | {"type": event})) == []
