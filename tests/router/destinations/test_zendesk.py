"""The destination `zendesk`, against the strict stand-in: one ticket whatever fails; what people do comes back."""

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
from pydantic import ValidationError

from slo.core.acts import Act, GoOn, Open, Prioritize, Resolve, Say, Target, Wait
from slo.core.delivery import Action, Ambiguous, Lane, Message, Refused, Retry, Sent, Verdict
from slo.core.eta import ETA, Confidence
from slo.core.inbound import Inbound
from slo.core.policy import Severity
from slo.core.priority import Impact, Priority
from slo.demo.vendors.injection import Injection
from slo.demo.vendors.standin import Webhook
from slo.demo.vendors.zendesk import UPDATES_IN_TEN_MINUTES, ZendeskStandIn
from slo.errors import Forged, Malformed
from slo.net.context import Context
from slo.router.destinations.zendesk import PAGES_ONLY, Config, Zendesk, build, receiver, ticket_of, update_of
from slo.router.inbox import BODY_LIMIT_BYTES
from slo.router.tickets.ticket import external_id
from tests.router.destinations.goldens import hold_against
from tests.router.making import STAGING, at, message

USER, TOKEN, SECRET = "watch@provider.example", "t0ken-of-zendesk", "s3cret-of-zendesk"
ANNA = {"id": 7, "name": "Anna", "is_staff": True}
BEN = {"id": 8, "name": "Ben", "is_staff": True}
CARLA = {"id": 20, "name": "Carla", "is_staff": False}
TRIGGER = {"id": -1, "name": "Zendesk", "is_staff": True}
OURSELVES = {"id": 900, "name": "Watchkeep", "is_staff": True}
Make = Callable[..., Zendesk]


@pytest.fixture
async def standin(tmp_path: Path) -> AsyncIterator[ZendeskStandIn]:
    async with ZendeskStandIn(tmp_path / "zendesk", user=USER, token=TOKEN) as server:
        server.callback_secret = SECRET
        yield server


def config(standin: ZendeskStandIn, **keys: object) -> Config:
    given: dict[str, object] = {
        "url": standin.url,
        "ca_file": str(standin.ca_file),
        "user": USER,
        "api_token": TOKEN,
        "requester": "service@customer.example",
        "acknowledge_status": "open",
        "resolve_status": "solved",
        "webhook_secret": SECRET,
        "account_id": "900",
        "engineers": ["7"],
        "customer": "acme",
        "timeout": "5s",
    }
    return Config.model_validate(given | keys)


@pytest.fixture
async def make(standin: ZendeskStandIn, context: Context) -> AsyncIterator[Make]:
    made: list[Zendesk] = []

    def make(**keys: object) -> Zendesk:
        made.append(build(config(standin, **keys), context))
        return made[-1]

    yield make
    for destination in made:
        await destination.aclose()


def ticket(action: Action = Action.TRIGGER, **others: Any) -> Message:
    return message(f"m-{action}", destination="zendesk", action=action, **others)


def shortly(value: object) -> str | None:
    """A bad day in few words, as the name of a test."""
    if not isinstance(value, Injection):
        return None
    return f"{value.status or ('reset' if value.reset else 'hang')}{' processed' if value.processed else ''}"


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("zendesk-ticket.json", ticket_of(ticket(due=at(3660)), "service@customer.example")),
        (
            "zendesk-eta.json",
            update_of(ticket(Action.ETA, text="Soon.", eta=ETA(recover_at=at(60), confidence=Confidence.LOW)), ""),
        ),
        ("zendesk-remind.json", update_of(ticket(Action.REMIND, text="the response is due in 15 minutes"), "")),
        ("zendesk-resolve.json", update_of(ticket(Action.RESOLVE, status="resolved"), "solved")),
    ],
)
def test_the_payload_is_what_a_ticket_needs(name: str, payload: dict[str, object]) -> None:
    hold_against(name, payload)


async def test_an_incident_is_one_ticket_from_beginning_to_end(make: Make, standin: ZendeskStandIn) -> None:
    destination = make(fields={"group_id": 12})
    assert await destination.deliver(ticket(severity=Severity.TICKET, labels=STAGING), Lane()) == Sent(reference="1")
    assert standin.tickets[0].priority == "normal"
    statuses = []
    for action in (Action.UPDATE, Action.NOTE, Action.REMIND, Action.ACKNOWLEDGE, Action.RESOLVE):
        assert await destination.deliver(ticket(action, by="anna", text="x"), Lane(reference="1")) == Sent(
            reference="1"
        )
        statuses.append(standin.tickets[0].status)
    [made] = standin.tickets
    assert (made.priority, made.external_id) == ("urgent", external_id(ticket()))
    assert statuses == ["new", "new", "new", "open", "solved"]
    assert [comment["public"] for comment in made.comments] == [True, True, True, False, True, True]


async def test_a_trigger_for_a_ticket_that_there_is_is_a_comment(make: Make, standin: ZendeskStandIn) -> None:
    standin.create(CARLA, "Nothing deploys", "Since noon.")
    assert await make().deliver(ticket(), Lane(reference="1")) == Sent(reference="1")
    assert [len(made.comments) for made in standin.tickets] == [2]


async def test_a_lane_that_lost_its_reference_finds_its_ticket(make: Make) -> None:
    destination = make()
    gone = await destination.deliver(ticket(Action.NOTE), Lane())
    assert gone == Refused(reason="no_ticket", detail="there is no ticket to comment on")
    await destination.deliver(ticket(), Lane())
    assert await destination.deliver(ticket(Action.NOTE), Lane()) == Sent(reference="1")


@pytest.mark.parametrize(
    ("injection", "verdict"),
    [
        (Injection(status=400), Refused(reason="rejected")),
        (Injection(status=422), Refused(reason="rejected")),
        (Injection(status=401), Retry(reason="unauthorized")),
        (Injection(status=403), Retry(reason="unauthorized")),
        (Injection(status=404), Retry(reason="not_found")),
        (Injection(status=409), Retry(reason="conflict")),
        (Injection(status=429, retry_after="93"), Retry(reason="rate_limited", after_seconds=93)),
        (Injection(status=503, retry_after="9"), Retry(reason="server_error", after_seconds=9)),
        (Injection(status=302), Retry(reason="redirected")),
        (Injection(status=201, body="<html>"), Ambiguous(reason="response_malformed")),
        (Injection(status=201, body='{"ticket": {}}'), Ambiguous(reason="response_malformed")),
        (Injection(reset=True), Ambiguous(reason="reset")),
        (Injection(hang_seconds=9), Ambiguous(reason="timeout")),
    ],
    ids=shortly,
)
async def test_a_bad_day_is_a_verdict_after_one_request(
    make: Make, standin: ZendeskStandIn, injection: Injection, verdict: Verdict
) -> None:
    standin.inject(injection)
    given = await make(timeout="1s").deliver(ticket(), Lane())
    assert not isinstance(given, Sent)
    assert replace(given, detail="") == verdict
    assert len(standin.requests) == 1


DOUBTFUL = [
    Injection(reset=True, processed=True),
    Injection(status=502, processed=True),
    Injection(status=201, body="<html>", processed=True),
    Injection(hang_seconds=9, processed=True),
]


@pytest.mark.parametrize("injection", DOUBTFUL, ids=shortly)
async def test_a_ticket_that_was_created_and_not_answered_is_found(
    make: Make, standin: ZendeskStandIn, injection: Injection
) -> None:
    destination = make(timeout="1s")
    standin.inject(injection)
    assert isinstance(await destination.deliver(ticket(), Lane()), Ambiguous | Retry)
    assert await destination.deliver(ticket(), Lane(attempts=1)) == Sent(reference="1")
    assert len(standin.tickets) == 1


async def test_a_ticket_that_was_asked_for_in_other_words_is_found(make: Make, standin: ZendeskStandIn) -> None:
    await make().deliver(ticket(), Lane())
    changed = make(fields={"group_id": 12})
    assert await changed.deliver(ticket(), Lane()) == Sent(reference="1")
    assert [request["status"] for request in standin.requests] == [201, 400, 200]


async def test_a_key_in_use_whose_ticket_is_gone_is_tried_until_it_lapses(make: Make, standin: ZendeskStandIn) -> None:
    standin.inject(Injection(status=400, body='{"error": "IdempotentRequestError", "description": "other parameters"}'))
    given = await make().deliver(ticket(), Lane())
    assert isinstance(given, Retry)
    assert given.reason == "conflict"


async def test_a_journal_that_was_begun_anew_does_not_take_the_ticket_of_an_old_one(
    make: Make, standin: ZendeskStandIn
) -> None:
    destination = make()
    await destination.deliver(ticket(), Lane())
    later = ticket(opened_at=at(3600))
    assert await destination.deliver(later, Lane(attempts=1)) == Sent(reference="2")
    assert await destination.deliver(replace(later, action=Action.NOTE), Lane(attempts=1)) == Sent(reference="2")


async def test_a_ticket_that_is_asked_for_twice_at_once_is_one_by_its_key(make: Make, standin: ZendeskStandIn) -> None:
    destination = make()
    for _ in range(2):
        assert await destination.deliver(ticket(), Lane()) == Sent(reference="1")
    assert len(standin.tickets) == 1


@pytest.mark.parametrize("injection", [DOUBTFUL[0], DOUBTFUL[1], DOUBTFUL[3]], ids=shortly)
async def test_an_update_that_was_made_and_not_answered_is_not_made_again(
    make: Make, standin: ZendeskStandIn, injection: Injection
) -> None:
    destination = make(timeout="1s")
    await destination.deliver(ticket(), Lane())
    for action in (Action.NOTE, Action.RESOLVE):
        standin.inject(injection)
        assert not isinstance(await destination.deliver(ticket(action), Lane(reference="1")), Sent)
        assert await destination.deliver(ticket(action), Lane(reference="1", attempts=1)) == Sent(reference="1")
    assert len(standin.tickets[0].comments) == 3


async def test_a_ticket_that_is_updated_too_often_waits_as_long_as_it_is_told(
    make: Make, standin: ZendeskStandIn
) -> None:
    destination = make()
    await destination.deliver(ticket(), Lane())
    for _ in range(UPDATES_IN_TEN_MINUTES):
        assert isinstance(await destination.deliver(ticket(Action.NOTE), Lane(reference="1")), Sent)
    late = await destination.deliver(ticket(Action.NOTE), Lane(reference="1"))
    assert isinstance(late, Retry)
    assert late.reason == "rate_limited"
    assert late.after_seconds is not None


async def test_a_ticket_that_is_closed_takes_nothing_more(make: Make, standin: ZendeskStandIn) -> None:
    destination = make()
    await destination.deliver(ticket(), Lane())
    standin.update(1, ANNA, status="closed")
    refused = await destination.deliver(ticket(Action.NOTE), Lane(reference="1"))
    assert isinstance(refused, Refused)
    assert "closed prevents ticket update" in refused.detail


async def test_what_is_to_be_said_on_a_ticket_that_was_deleted_is_refused(make: Make, standin: ZendeskStandIn) -> None:
    for attempts in (0, 1):
        refused = await make().deliver(ticket(Action.RESOLVE), Lane(reference="7", attempts=attempts))
        assert isinstance(refused, Refused)
        assert refused.reason == "ticket_gone"
    standin.inject(Injection(status=404, body="no such host"))
    elsewhere = await make().deliver(ticket(Action.RESOLVE), Lane(reference="7"))
    assert isinstance(elsewhere, Retry)
    assert elsewhere.reason == "not_found"


async def test_no_secret_is_quoted(make: Make, standin: ZendeskStandIn) -> None:
    standin.inject(Injection(status=400, body=f"you sent {TOKEN}"))
    given = await make().deliver(ticket(), Lane())
    assert "<secret>" in repr(given)
    assert TOKEN not in repr(given)
    wrong = await make(api_token="another").deliver(ticket(), Lane())
    assert isinstance(wrong, Retry)
    assert wrong.reason == "unauthorized"


async def acts(
    standin: ZendeskStandIn, context: Context, *of: Webhook, at: datetime | None = None, **keys: object
) -> list[Act]:
    inbox = receiver("zendesk", config(standin, **keys), context)
    assert inbox is not None
    found: list[Act] = []
    for webhook in of:
        headers = {name.lower(): value for name, value in webhook.headers.items()}
        inbound = Inbound(headers=headers, body=webhook.body, at=at or datetime.now(UTC))
        found += [timeless(act, inbound.at) for act in (await inbox.receive(inbound)).acts]
    return found


def timeless(act: Act, now: datetime) -> Act:
    """An act without when it was done, which is checked here: just now."""
    assert act.acted_at is None or now - timedelta(seconds=30) < act.acted_at <= now
    return replace(act, acted_at=None)


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


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"fields": {"subject": "x"}}, "sets the field subject"),
        ({"webhook_secret": "x"}, "does not know its own account"),
        ({"webhook_secret": "x", "account_id": "900"}, "knows no engineer"),
        ({"resolve_status": "closed"}, "should match pattern"),
    ],
)
def test_a_configuration_that_cannot_be_says_why(keys: dict[str, Any], problem: str) -> None:
    good = {"url": "https://acme.zendesk.com", "user": USER, "api_token": TOKEN}
    with pytest.raises(ValidationError, match=problem):
        Config.model_validate(good | keys)


def test_it_is_told_of_everything_and_takes_nothing_without_a_secret(context: Context) -> None:
    good = {"url": "https://acme.zendesk.com", "user": USER, "api_token": TOKEN}
    assert receiver("zendesk", Config.model_validate(good), context) is None
    assert not PAGES_ONLY
