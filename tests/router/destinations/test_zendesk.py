"""The destination `zendesk`, against the strict stand-in: one ticket for each incident, whatever fails."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from slo.core.delivery import Action, Ambiguous, Lane, Refused, Retry, Sent, Verdict
from slo.core.eta import ETA, Confidence
from slo.core.policy import Severity
from slo.demo.vendors.injection import Injection
from slo.demo.vendors.zendesk.standin import UPDATES_IN_TEN_MINUTES, ZendeskStandIn
from slo.net.context import Context
from slo.router.destinations.zendesk import PAGES_ONLY, Config, receiver, ticket_of, update_of
from slo.router.tickets.ticket import external_id
from tests.router.destinations.bad_days import DOUBTFUL, shortly
from tests.router.destinations.goldens import hold_against
from tests.router.making import STAGING, at
from tests.router.tickets.zendesk_account import (
    ANNA,
    CARLA,
    TOKEN,
    USER,
    Make,
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
    given = await make(timeout="1s" if injection.hang_seconds else "10s").deliver(ticket(), Lane())
    assert not isinstance(given, Sent)
    assert replace(given, detail="") == verdict
    assert len(standin.requests) == 1


@pytest.mark.parametrize("injection", DOUBTFUL, ids=shortly)
async def test_a_ticket_that_was_created_and_not_answered_is_found(
    make: Make, standin: ZendeskStandIn, injection: Injection
) -> None:
    destination = make(timeout="1s" if injection.hang_seconds else "10s")
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
    destination = make(timeout="1s" if injection.hang_seconds else "10s")
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


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"fields": {"subject": "x"}}, "sets the field subject"),
        ({"webhook_secret": "x"}, "knows no engineer"),
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
