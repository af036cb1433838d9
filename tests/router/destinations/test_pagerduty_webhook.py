"""Webhooks of PagerDuty as they come in: who is believed, who is a person, and what act it is."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from slo.core.acts import Acknowledge, Act, Prioritize, Resolve, Say, Target
from slo.core.inbound import Inbound, Received
from slo.core.priority import Priority
from slo.demo.vendors.injection import Injection
from slo.demo.vendors.pagerduty.incidents import reference, user, user_id
from slo.demo.vendors.pagerduty.standin import PagerDutyStandIn
from slo.demo.vendors.pagerduty.webhooks_v3 import signature
from slo.errors import DestinationFault, Forged, Malformed
from slo.net.context import Context
from slo.router.destinations.pagerduty import receiver
from slo.router.pagerduty.notes import mark_of
from slo.router.pagerduty.webhook import PagerDutyWebhook
from tests.demo.test_pagerduty_webhooks import Listener, listener, settled
from tests.router.destinations.pagerduty_account import EMAIL, KEY, SECRET, Account, account
from tests.router.making import message

__all__ = ["listener"]

AT = datetime(2026, 1, 1, 3, 5, tzinfo=UTC)
ANNA = user("anna")
INCIDENT: dict[str, Any] = {"id": "Q0000000000001", "type": "incident", "incident_key": KEY, "resolve_reason": None}
ACKNOWLEDGED: dict[str, Any] = {
    "id": "01DFEGHI",
    "event_type": "incident.acknowledged",
    "resource_type": "incident",
    "occurred_at": "2026-01-01T03:04:05.678Z",
    "agent": ANNA,
    "client": None,
    "data": INCIDENT,
}
NOTE = {
    "incident": reference("incident", "Q0000000000001", "gate burns"),
    "id": "P2LA89X",
    "content": "Failing over.\nWatch the lag.",
    "trimmed": False,
    "type": "incident_note",
}
ABOUT: dict[str, Any] = {
    "target": Target(destination="oncall", key=KEY),
    "by": "anna",
    "via": "pagerduty",
    "source": "pagerduty:01DFEGHI",
    "acted_at": datetime(2026, 1, 1, 3, 4, 5, 678_000, tzinfo=UTC),
}


@pytest.fixture
async def pd(tmp_path: Path, context: Context) -> AsyncIterator[Account]:
    async with account(tmp_path / "pagerduty", context, retries_after_seconds=(0, 0, 0, 0)) as made:
        yield made


def receiving(pd: Account, **keys: object) -> PagerDutyWebhook:
    made = receiver("oncall", pd.config(**keys), pd.context)
    assert made is not None
    return made


def body_of(event: object) -> bytes:
    return json.dumps({"event": event}).encode()


def signed(body: bytes, *secrets: str) -> Inbound:
    return Inbound(headers={"x-pagerduty-signature": signature(body, secrets or [SECRET])}, body=body, at=AT)


def event(**changes: object) -> dict[str, Any]:
    return ACKNOWLEDGED | changes


def incident(**changes: object) -> dict[str, Any]:
    return INCIDENT | changes


@pytest.mark.parametrize(
    ("given", "act"),
    [
        (event(), Acknowledge(**ABOUT)),
        (event(event_type="incident.resolved"), Resolve(**ABOUT, why="resolved at PagerDuty")),
        (
            event(event_type="incident.priority_updated", data=incident(priority={"summary": "P2"})),
            Prioritize(**ABOUT, priority=Priority.P1, why="changed at PagerDuty"),
        ),
        (
            event(event_type="incident.resolved", data=incident(resolve_reason={"type": "merge_resolve_reason"})),
            Acknowledge(**ABOUT),
        ),
        (event(agent=ANNA | {"summary": None}), Acknowledge(**ABOUT | {"by": user_id("anna")})),
        (event(agent=ANNA | {"summary": "an\nna"}), Acknowledge(**ABOUT | {"by": "an na"})),
        (event(occurred_at="yesterday"), Acknowledge(**ABOUT | {"acted_at": None})),
        (event(occurred_at="2026-01-01T03:04:05"), Acknowledge(**ABOUT | {"acted_at": None})),
        (event(occurred_at=None), Acknowledge(**ABOUT | {"acted_at": None})),
    ],
    ids=["acknowledged", "resolved", "prioritized", "merged", "nameless", "two lines", "when", "where", "never"],
)
async def test_what_a_person_does_is_an_act(pd: Account, given: object, act: Act) -> None:
    assert await receiving(pd).receive(signed(body_of(given))) == Received(acts=(act,), status=202)


@pytest.mark.parametrize(
    "agent",
    [
        None,
        reference("inbound_integration", "PEVENTS", "Events API V2"),
        reference("service", "PSERVIC", "Watched service"),
        reference("event_rule", "PRULE01", "auto-acknowledge"),
        user(EMAIL),
        {"type": "user_reference"},
        {"type": "user_reference", "id": ""},
        {"type": "user_reference", "id": 7},
        {"id": user_id("anna"), "summary": "anna"},
        "anna",
    ],
)
@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("incident.acknowledged", INCIDENT),
        ("incident.resolved", INCIDENT),
        ("incident.priority_updated", incident(priority={"summary": "P2"})),
        ("incident.annotated", NOTE),
    ],
)
async def test_what_a_program_does_is_none(pd: Account, agent: object, kind: str, data: object) -> None:
    given = signed(body_of(event(event_type=kind, agent=agent, data=data)))
    assert await receiving(pd).receive(given) == Received()


@pytest.mark.parametrize(
    "given",
    [
        {"id": "01", "event_type": "pagey.ping", "agent": ANNA, "data": {"message": "Hello!", "type": "ping"}},
        event(event_type="incident.triggered"),
        event(event_type="incident.unacknowledged"),
        event(event_type="incident.reassigned"),
        event(event_type="incident.from_the_future", data=None),
        event(event_type="incident.priority_updated", data=incident(priority=None)),
        event(event_type="incident.priority_updated", data=incident(priority={"summary": "P5"})),
        event(event_type="incident.annotated", data=NOTE | {"content": f"x\n{mark_of(message())}"}),
        event(event_type="incident.annotated", data=NOTE | {"content": " \n"}),
    ],
)
async def test_what_is_nothing_to_us_is_taken_and_left(pd: Account, given: object) -> None:
    await pd.page()
    assert await receiving(pd).receive(signed(body_of(given))) == Received(status=202)


FLIPPED = "v1=" + "0" * 64


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-pagerduty-signature": ""},
        {"x-pagerduty-signature": "v1="},
        {"x-pagerduty-signature": FLIPPED},
        {"x-pagerduty-signature": signature(body_of(ACKNOWLEDGED), ["another secret"])},
        {"x-pagerduty-signature": signature(body_of(ACKNOWLEDGED), [SECRET]).replace("v1=", "v2=")},
        {"x-pagerduty-signature": signature(body_of(ACKNOWLEDGED), [SECRET])[:-1]},
        {"x-pagerduty-signature": signature(body_of(ACKNOWLEDGED), [SECRET]).removeprefix("v1=")},
        {"x-pagerduty-signature": signature(body_of(ACKNOWLEDGED) + b" ", [SECRET])},
        {"x-pagerduty-signature": "v1=\udc80ä\x00"},
        {"x-pagerduty-signature": "v1=a," * 2000},
    ],
)
async def test_what_is_not_signed_with_our_secret_is_forged(pd: Account, headers: Mapping[str, str]) -> None:
    with pytest.raises(Forged):
        await receiving(pd).receive(Inbound(headers=headers, body=body_of(ACKNOWLEDGED), at=AT))


async def test_a_body_that_was_changed_or_cut_is_forged(pd: Account) -> None:
    right = signed(body_of(ACKNOWLEDGED))
    for body in (right.body[:-1], right.body.replace(b"anna", b"bert"), b"", right.body + b"\n"):
        with pytest.raises(Forged):
            await receiving(pd).receive(replace(right, body=body))


@pytest.mark.parametrize("header", [f"{FLIPPED},{{}}", f"{{}}, {FLIPPED}", f"v2=abc , {{}},{FLIPPED}"])
async def test_any_signature_of_several_will_do(pd: Account, header: str) -> None:
    body = body_of(ACKNOWLEDGED)
    given = Inbound(headers={"x-pagerduty-signature": header.format(signature(body, [SECRET]))}, body=body, at=AT)
    assert (await receiving(pd).receive(given)).acts == (Acknowledge(**ABOUT),)


async def test_a_secret_that_is_being_replaced_goes_on_counting(pd: Account) -> None:
    body = body_of(ACKNOWLEDGED)
    both = receiving(pd, webhook_secret=("new", "old"))
    for secrets in (["old"], ["new"], ["old", "new"], ["older", "new"]):
        assert (await both.receive(signed(body, *secrets))).acts
    with pytest.raises(Forged):
        await receiving(pd, webhook_secret=("new",)).receive(signed(body, "old"))


async def test_what_is_sent_again_has_the_same_source_whatever_its_headers_say(pd: Account) -> None:
    once = signed(body_of(ACKNOWLEDGED))
    again = replace(once, headers={**once.headers, "x-webhook-id": "another"}, at=AT.replace(hour=9))
    first, second = [await receiving(pd).receive(given) for given in (once, again)]
    assert first.acts == second.acts


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"7",
        b"[" * 100_000,
        b'{"event": null}',
        body_of(event(agent=ANNA | {"summary": "\ud800"})),
        body_of([]),
        body_of({"event_type": "incident.acknowledged"}),
        body_of(event(id="")),
        body_of(event(id=7)),
        body_of(event(event_type=None)),
        body_of(event(data=None)),
        body_of(event(data=[])),
        body_of(event(data={})),
        body_of(event(data=incident(id=None))),
        body_of(event(event_type="incident.annotated", data=NOTE | {"incident": None})),
    ],
)
async def test_what_is_signed_and_makes_no_sense_is_malformed(pd: Account, body: bytes) -> None:
    with pytest.raises(Malformed):
        await receiving(pd).receive(signed(body))


async def test_a_note_is_for_the_page_whose_key_pagerduty_tells(pd: Account) -> None:
    await pd.page()
    given = signed(body_of(event(event_type="incident.annotated", data=NOTE)))
    said = Say(**ABOUT, text="Failing over.\nWatch the lag.")
    assert await receiving(pd).receive(given) == Received(acts=(said,))
    assert pd.asked == [("GET", "/incidents/Q0000000000001", 200)]


async def test_a_note_on_what_cannot_be_looked_up_is_to_be_sent_again(pd: Account) -> None:
    await pd.page()
    given = signed(body_of(event(event_type="incident.annotated", data=NOTE)))
    for injection in (Injection(status=500), Injection(reset=True), Injection(status=200, body="<html>")):
        pd.standin.inject(injection)
        with pytest.raises(DestinationFault):
            await receiving(pd).receive(given)
    pd.standin.inject(Injection(hang_seconds=30))
    with pytest.raises(DestinationFault, match="timeout"):
        await receiving(pd, timeout="200ms").receive(given)


@pytest.mark.parametrize(
    "given",
    [
        event(event_type="incident.annotated", data=NOTE),
        event(data=incident(incident_key=None)),
    ],
)
async def test_what_is_done_to_an_incident_that_is_gone_is_taken_and_logged(
    pd: Account, given: object, caplog: pytest.LogCaptureFixture
) -> None:
    """It was deleted, or is another account's: PagerDuty would send it again and again, and nothing would be mended."""
    assert await receiving(pd).receive(signed(body_of(given))) == Received(elsewhere=True, status=202)
    assert pd.asked == [("GET", "/incidents/Q0000000000001", 404)]
    [record] = [record for record in caplog.records if record.levelname == "WARNING"]
    assert "does not have" in record.message


async def test_a_404_that_is_not_pagerdutys_own_is_a_fault(pd: Account) -> None:
    """A proxy answers so, and so does whatever is at a wrong api_url."""
    for body in ("<html>", "{}", '{"error": "not found"}', "[" * 100_000):
        pd.standin.inject(Injection(status=404, body=body))
        with pytest.raises(DestinationFault):
            await receiving(pd).receive(signed(body_of(event(event_type="incident.annotated", data=NOTE))))


async def test_without_a_token_a_note_is_nobodys(pd: Account) -> None:
    bare = receiving(pd, api_token=None, from_email=None, api_url=None)
    given = signed(body_of(event(event_type="incident.annotated", data=NOTE)))
    assert await bare.receive(given) == Received()
    assert (await bare.receive(signed(body_of(ACKNOWLEDGED)))).acts == (Acknowledge(**ABOUT),)


async def test_an_incident_of_several_alerts_is_acted_on_for_each_page(tmp_path: Path, context: Context) -> None:
    async with account(tmp_path, context, grouped=True) as pd:
        for key in ("k1", "k2"):
            await pd.page(key)
        given = signed(body_of(event(data=incident(incident_key=None))))
        acts = (await receiving(pd).receive(given)).acts
    assert [(type(act), act.target.key) for act in acts] == [(Acknowledge, "k1"), (Acknowledge, "k2")]
    assert len({act.source for act in acts}) == 1


def test_without_a_secret_nothing_is_received(pd: Account) -> None:
    assert receiver("oncall", pd.config(webhook_secret=None), pd.context) is None
    assert receiver("oncall", pd.config(webhook_secret=()), pd.context) is None


async def test_what_the_vendor_sends_is_understood(pd: Account, listener: Listener) -> None:
    """Everything that people and programs do at the stand-in, as it arrives."""
    await pd.page()
    pd.standin.subscribe(listener.url, SECRET)
    steps: list[tuple[str, dict[str, str]]] = [
        ("acknowledge", {}),
        ("annotate", {"text": "looking"}),
        ("assign", {"to": "bert"}),
        ("prioritize", {"priority": "P3"}),
        ("resolve", {}),
    ]
    for agent, by in (("integration", "x"), ("none", "x"), ("user", EMAIL), ("user", "anna")):
        for action, about in steps if by == "anna" else steps[:-1]:
            pd.standin.act(KEY, action, by=by, agent=agent, **about)
    await settled(pd.standin)
    acts: list[Act] = []
    for headers, body in listener.taken:
        acts += (await receiving(pd).receive(Inbound(headers=headers, body=body, at=AT))).acts
    assert [(type(act), act.by) for act in acts] == [
        (Acknowledge, "anna"),
        (Say, "anna"),
        (Prioritize, "anna"),
        (Resolve, "anna"),
    ]
    assert {act.target for act in acts} == {Target(destination="oncall", key=KEY)}
    assert isinstance(pd.standin, PagerDutyStandIn)
