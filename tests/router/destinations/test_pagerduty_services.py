"""Several services of one account with incidents under the same keys: what is done to which is never mixed up."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from slo.core.delivery import Action, Lane, Refused, Sent
from slo.core.inbound import Inbound, Received
from slo.core.priority import Priority
from slo.demo.vendors.pagerduty.incidents import reference, service, user
from slo.demo.vendors.pagerduty.webhooks_v3 import signature
from slo.errors import DestinationFault
from slo.net.context import Context
from slo.router.destinations.pagerduty import PagerDuty, receiver
from slo.router.pagerduty.notes import prioritize
from tests.demo.test_pagerduty_webhooks import Listener, listener, settled
from tests.router.destinations.pagerduty_account import KEY, SECRET, Account, account
from tests.router.making import T0, message

__all__ = ["listener"]

A, B = "PSERVA", "PSERVB"
KEYS = {A: "a" * 32, B: "b" * 32}
NOTE = message("note-1", action=Action.NOTE, by="anna", text="Failing over.")


@pytest.fixture
async def pd(tmp_path: Path, context: Context) -> AsyncIterator[Account]:
    services = {key: name for name, key in KEYS.items()}
    async with account(tmp_path / "pagerduty", context, routing_keys=services, retries_after_seconds=(0,)) as made:
        yield made


def pager(pd: Account, name: str, **keys: object) -> PagerDuty:
    return pd.destination(**{"routing_key": KEYS[name], "service": name} | keys)


async def page(pd: Account, *names: str) -> None:
    """Both have the page, the later one is the newest incident of the account."""
    for name in names or (A, B):
        sent = await pager(pd, name, priorities=None).deliver(message(), Lane(credential=KEYS[name]))
        assert isinstance(sent, Sent)


def at(pd: Account, name: str) -> dict[str, Any]:
    return next(each for each in pd.standin.incidents[::-1] if each["service"] == name)


async def test_the_same_key_in_two_services_is_two_incidents(pd: Account) -> None:
    await page(pd)
    assert [(each["service"], each["dedup_key"]) for each in pd.standin.incidents] == [(A, KEY), (B, KEY)]


@pytest.mark.parametrize("name", [A, B])
async def test_a_note_is_written_on_the_incident_of_the_service(pd: Account, name: str) -> None:
    await page(pd)
    assert isinstance(await pager(pd, name).deliver(NOTE, Lane(credential=KEYS[name])), Sent)
    assert {each["service"] for each in pd.standin.incidents if "annotate" in _done_to(each)} == {name}


@pytest.mark.parametrize("name", [A, B])
async def test_a_priority_is_set_on_the_incident_of_the_service(pd: Account, name: str) -> None:
    await page(pd)
    destination = pager(pd, name)
    assert destination._rest is not None
    await destination._rest.use(lambda call: prioritize(call, message(), {Priority.P0: "P1"}))
    assert {each["service"]: each["priority"] for each in pd.standin.incidents} == {A: "", B: ""} | {name: "P1"}


async def test_who_answers_in_one_service_has_not_answered_in_the_other(pd: Account) -> None:
    await page(pd)
    pd.standin.act(KEY, "acknowledge", by="anna", service=B)
    assert await pager(pd, A).acts_on([KEY]) == []
    assert [act.by for act in await pager(pd, B).acts_on([KEY])] == ["anna"]


async def test_what_is_over_in_the_service_is_found_while_the_other_one_is_open(pd: Account) -> None:
    await page(pd)
    pd.standin.act(KEY, "resolve", by="anna", service=A)
    assert [act.by for act in await pager(pd, A).acts_on([KEY])] == ["anna"]


async def test_without_the_service_none_of_several_is_taken(pd: Account) -> None:
    await page(pd)
    pd.standin.act(KEY, "acknowledge", by="anna", service=B)
    blind = pager(pd, A, service=None)
    with pytest.raises(DestinationFault, match="service") as failed:
        await blind.acts_on([KEY])
    assert failed.value.reason == "incident_ambiguous"
    verdict = await blind.deliver(NOTE, Lane(credential=KEYS[A]))
    assert isinstance(verdict, Refused)
    assert "name ours with the key `service`" in verdict.detail
    assert not any("annotate" in _done_to(each) for each in pd.standin.incidents)


async def test_without_the_service_the_only_one_that_has_it_is_taken(pd: Account) -> None:
    await page(pd, A, A)
    pd.standin.act(KEY, "acknowledge", by="anna")
    assert [act.by for act in await pager(pd, A, service=None).acts_on([KEY])] == ["anna"]


async def test_a_webhook_is_for_the_destination_whose_service_it_is_about(pd: Account, listener: Listener) -> None:
    """One subscription of the whole account, with one secret, tells of both."""
    await page(pd)
    pd.standin.subscribe(listener.url, SECRET)
    for name, by in ((A, "anna"), (B, "bert")):
        pd.standin.act(KEY, "acknowledge", by=by, service=name)
        pd.standin.act(KEY, "annotate", by=by, service=name, text="looking")
    await settled(pd.standin)
    received = {name: [await _receives(pd, name, headers, body) for headers, body in listener.taken] for name in KEYS}
    for name, by in ((A, "anna"), (B, "bert")):
        acts = [(act.by, act.target.destination, act.target.key) for each in received[name] for act in each.acts]
        assert acts == [(by, name, KEY)] * 2
        assert [each.elsewhere for each in received[name]].count(True) == 2
    assert {each.status for of in received.values() for each in of} == {202}


@pytest.mark.parametrize(
    ("data", "elsewhere"),
    [
        ({"id": "Q0000000000001", "incident_key": KEY, "service": service(A)}, False),
        ({"id": "Q0000000000001", "incident_key": KEY, "service": service(B)}, True),
        ({"id": "Q0000000000001", "incident_key": KEY}, False),
        ({"id": "Q0000000000002", "incident_key": KEY}, True),
        ({"id": "Q0000000000001", "incident_key": KEY, "service": None}, False),
        ({"id": "Q0000000000001", "incident_key": None, "service": service(A)}, False),
        ({"id": "Q0000000000009", "incident_key": None, "service": service(A)}, True),
    ],
    ids=["ours", "theirs", "says nothing, ours", "says nothing, theirs", "null", "several alerts", "gone"],
)
async def test_where_an_event_does_not_say_its_service_pagerduty_is_asked(
    pd: Account, data: dict[str, Any], *, elsewhere: bool
) -> None:
    await page(pd)
    event = {"id": "01D", "event_type": "incident.acknowledged", "agent": user("anna"), "data": data}
    body = json.dumps({"event": event}).encode()
    received = await _receives(pd, A, {"x-pagerduty-signature": signature(body, [SECRET])}, body)
    assert received.elsewhere is elsewhere
    assert len(received.acts) == (0 if elsewhere else 1)


async def test_without_a_token_what_does_not_say_its_service_is_nobodys(pd: Account) -> None:
    bare = dict.fromkeys(("api_token", "from_email", "api_url"))
    note = {"incident": reference("incident", "Q0000000000001", "gate burns"), "content": "looking"}
    event = {"id": "01D", "event_type": "incident.annotated", "agent": user("anna"), "data": note}
    body = json.dumps({"event": event}).encode()
    received = await _receives(pd, A, {"x-pagerduty-signature": signature(body, [SECRET])}, body, **bare)
    assert received == Received(elsewhere=True)


def test_a_service_is_an_id_and_is_given_where_something_uses_it(pd: Account) -> None:
    for wrong in ("https://acme.pagerduty.com/service-directory/PSERVA", "", "gate"):
        with pytest.raises(ValidationError, match="no id of a service"):
            pd.config(service=wrong)
    bare = dict.fromkeys(("api_token", "from_email", "api_url", "service_user", "priorities", "webhook_secret"))
    with pytest.raises(ValidationError, match="has service, which nothing uses"):
        pd.config(**bare, service=A)


async def _receives(pd: Account, name: str, headers: Any, body: bytes, **keys: object) -> Received:
    made = receiver(name, pd.config(**{"routing_key": KEYS[name], "service": name} | keys), pd.context)
    assert made is not None
    return await made.receive(Inbound(headers=headers, body=body, at=T0))


def _done_to(incident: dict[str, Any]) -> list[str]:
    return [step["action"] for step in incident["history"]]
