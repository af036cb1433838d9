"""Records as documents of the API."""

import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from slo.core.acts import Responsibility
from slo.core.contract_events import ContractEnded, ContractRecorded
from slo.core.delivery import Action
from slo.core.eta import ETA, Confidence
from slo.core.events import (
    Acknowledged,
    Assigned,
    Attributed,
    ChatEnded,
    Event,
    FiringChanged,
    Muted,
    Noted,
    PageCleared,
    Paged,
    Promised,
    PromiseMissed,
    Raised,
    Reminded,
    Reprioritized,
    Resolved,
    ResponseMissed,
    ResponseWarned,
    SentDirectly,
    TicketNotUpdated,
    Told,
    Unmuted,
    WaitBegan,
    WaitEnded,
)
from slo.core.exclusion_events import ExclusionAdded, ExclusionWithdrawn
from slo.core.folding import fold_all
from slo.core.policy import Severity
from slo.core.priority import Priority
from slo.core.restored import Restored
from slo.core.silence_events import SilenceAdded, SilenceExpired
from slo.core.status import RawFigures
from slo.errors import ConfigFault
from slo.store.records import EVENTS as KINDS
from slo.web.documents import (
    delivery_document,
    event_document,
    fault_document,
    in_order,
    incident_document,
    slo_document,
)
from tests.store.making import recorded
from tests.web.watches import AT, EVIDENCE, PAGE, a_delivery, a_month, a_status, an_slo, opened


def test_an_slo_is_told_with_its_promise_and_its_figures() -> None:
    document = slo_document(a_status(state="burning", bad=50, burn_rate=2.0, remaining=-9.4, firing=frozenset({PAGE})))
    windows = document.pop("windows")
    budget = {
        "window": "30d",
        "seconds": 2_592_000,
        "period": None,
        "elapsed": None,
        "remaining": -9.4,
        "exhaustion": None,
        "good": 1000,
        "bad": 50,
        "sli": 1000 / 1050,
        "allowed_events": 4.8,
        "covered_seconds": 540_000,
        "coverage": 6.25 / 30,
        "excluded": 0,
        "excluded_seconds": 0,
        "raw": None,
    }
    assert document == {
        "name": "gate-availability",
        "scope": "",
        "key": "gate-availability",
        "state": "burning",
        "at": "2026-01-01T00:01:30Z",
        "objective": 0.999,
        "window": "30d",
        "window_seconds": 2_592_000,
        "indicator": "probe:gate-availability",
        "description": "",
        "labels": {"service": "gate", "customer": "acme", "environment": "production"},
        "sli": 1000 / 1050,
        "budget": budget,
        "budgets": [budget],
        "maturity_seconds": 540_000,
        "totals": {"good": 1000, "bad": 50, "unknown": 2},
        "firing": [{"severity": "page", "long": "1h", "short": "5m", "cause": "burn", "alert": None}],
        "incident": None,
        "last_reason": None,
        "last_target": None,
    }
    assert isinstance(windows, dict)
    assert list(windows) == ["5m", "30m", "1h", "2h", "6h", "1d", "3d", "30d"]
    assert windows["5m"] == {
        "seconds": 300,
        "good": 1000,
        "bad": 50,
        "unknown": 2,
        "excluded": 0,
        "excluded_seconds": 0,
        "covered_seconds": 62.5,
        "coverage": 6.25 / 30,
        "sli": 1000 / 1050,
        "burn_rate": 2.0,
        "raw": None,
    }


def test_what_is_excluded_is_told_beside_what_figures_would_be_without_it() -> None:
    status = a_status()
    raw = RawFigures(good=1000, bad=9, sli=1000 / 1009, remaining=-8.0)
    document = slo_document(
        replace(status, budgets=(replace(status.budget, excluded=6, excluded_seconds=7200, raw=raw),))
    )
    budget = document["budget"]
    assert isinstance(budget, dict)
    assert (budget["excluded"], budget["excluded_seconds"]) == (6, 7200)
    assert budget["raw"] == {"good": 1000, "bad": 9, "sli": 1000 / 1009, "remaining": -8.0}


def test_when_a_budget_will_be_spent_is_a_time() -> None:
    status = a_status()
    budget = replace(status.budget, exhaustion=AT + timedelta(hours=2))
    document = slo_document(replace(status, budgets=(budget,)))["budget"]
    assert isinstance(document, dict)
    assert document["exhaustion"] == "2026-01-01T02:01:30Z"


def test_an_slo_of_a_group_is_told_with_its_scope() -> None:
    document = slo_document(a_status(replace(an_slo(), scope="cluster=eu")))
    assert (document["name"], document["key"]) == ("gate-availability", "gate-availability{cluster=eu}")


def test_every_window_of_a_budget_is_told_the_own_one_first() -> None:
    status = a_status()
    month = a_month()
    document = slo_document(replace(status, budgets=(month, *status.budgets)))
    assert (document["window"], document["sli"]) == ("month (Europe/London)", 1000 / 1003)
    budgets = document["budgets"]
    assert isinstance(budgets, list)
    assert budgets[0] == document["budget"]
    assert [(budget["window"], budget["period"], budget["elapsed"]) for budget in budgets] == [
        ("month (Europe/London)", "2026-11", 1 / 3),
        ("30d", None, None),
    ]


def test_what_has_nothing_to_divide_by_is_null() -> None:
    document = slo_document(a_status(state="no_data", remaining=None))
    assert document["sli"] is None
    budget = document["budget"]
    assert isinstance(budget, dict)
    assert (budget["remaining"], budget["sli"], budget["allowed_events"]) == (None, None, None)
    assert (budget["good"], budget["bad"], budget["coverage"]) == (0, 0, 0.0)
    text = json.dumps(document, allow_nan=False)
    assert text.count('"burn_rate": null') == 8


def test_the_states_of_an_incident_are_told() -> None:
    first = opened()
    states: list[list[Event]] = [
        [first],
        [first, Acknowledged(incident=first.incident, at=AT, by="kim", via="cli")],
        [first, Resolved(incident=first.incident, at=AT + timedelta(microseconds=1), by="kim", why="rolled back")],
    ]
    documents = [incident_document(fold_all(events)[first.incident]) for events in states]
    assert [document["status"] for document in documents] == ["triggered", "acknowledged", "resolved"]
    assert documents[0]["acknowledged_by"] is None
    assert documents[1]["acknowledged_by"] == "kim"
    assert documents[2]["resolved_at"] == "2026-01-01T00:01:30.000001Z"
    assert documents[2]["resolved_why"] == "rolled back"
    evidence = documents[0]["evidence"]
    assert isinstance(evidence, dict)
    assert evidence["burn_rates"] == {"5m": 200.0, "1h": None}


EVENTS: list[tuple[Event, str]] = [
    (opened(), "opened"),
    (FiringChanged(incident="i", at=AT, firing=frozenset(), evidence=EVIDENCE), "firing_changed"),
    (Raised(incident="i", at=AT, severity=Severity.PAGE, priority=Priority.P0, why="it pages"), "raised"),
    (Paged(incident="i", at=AT, generation=2, key="k:g2"), "paged"),
    (PageCleared(incident="i", at=AT, key="k:g2"), "page_cleared"),
    (Acknowledged(incident="i", at=AT, by="kim", via="cli"), "acknowledged"),
    (Noted(incident="i", at=AT, by="kim", via="slack", text="the disk is full"), "noted"),
    (
        Promised(incident="i", at=AT, by="kim", via="cli", eta=ETA(recover_at=AT, confidence=Confidence.HIGH)),
        "promised",
    ),
    (
        Reprioritized(incident="i", at=AT, by="kim", via="cli", priority=Priority.P0, why="all are down"),
        "reprioritized",
    ),
    (WaitBegan(incident="i", at=AT, by="kim", via="cli"), "wait_began"),
    (WaitEnded(incident="i", at=AT, by="kim", via="cli"), "wait_ended"),
    (Assigned(incident="i", at=AT, by="kim", via="cli", owner="sam"), "assigned"),
    (Attributed(incident="i", at=AT, by="kim", via="cli", responsibility=Responsibility.THIRD_PARTY), "attributed"),
    (ChatEnded(incident="i", at=AT, by="kim", via="slack"), "chat_ended"),
    (Told(incident="i", at=AT, told=("chat",), hears={"chat": (Action.TRIGGER,)}), "told"),
    (Muted(incident="i", at=AT, why="silence patching: tonight"), "muted"),
    (Unmuted(incident="i", at=AT), "unmuted"),
    (ResponseWarned(incident="i", at=AT, share=0.5, due=AT, planned_at=AT, told=("chat",)), "response_warned"),
    (ResponseMissed(incident="i", at=AT, due=AT, paged=("second",)), "response_missed"),
    (PromiseMissed(incident="i", at=AT, what="update", promised_at=AT), "promise_missed"),
    (TicketNotUpdated(incident="i", at=AT, chat_ended_at=AT), "ticket_not_updated"),
    (Reminded(incident="i", at=AT), "reminded"),
    (Resolved(incident="i", at=AT, by="", why="clear for 5m"), "resolved"),
    (SentDirectly(incident="i", at=AT, destination="oncall", key="k:g2"), "sent_directly"),
]


@pytest.mark.parametrize(("event", "kind"), EVENTS)
def test_every_kind_of_event_is_told_with_all_that_it_says(event: Event, kind: str) -> None:
    document = json.loads(json.dumps(event_document(12, event), allow_nan=False))
    assert document["event"] == kind
    assert document["number"] == 12
    assert datetime.fromisoformat(document["at"]) == event.at
    said = {name for name in type(event).__dataclass_fields__ if name != "incident"}
    assert set(document) == said | {"number", "event"}


def test_no_kind_of_event_is_left_out_of_the_table_above() -> None:
    of_contracts = {ContractEnded, ContractRecorded}
    of_none = of_contracts | {ExclusionAdded, ExclusionWithdrawn, Restored, SilenceAdded, SilenceExpired}
    of_incidents = {kind.__name__ for kind in KINDS if kind not in of_none}
    assert {type(event).__name__ for event, _ in EVENTS} == of_incidents


def test_a_contract_on_record_is_told_with_all_that_it_promises() -> None:
    event = recorded()
    written = event.contract
    document = json.loads(json.dumps(event_document(1, event), allow_nan=False))
    assert document["event"] == "contract_recorded"
    assert document["contract"]["response"] == dict(written.response)
    assert document["contract"]["week"] == {day: list(hours) for day, hours in written.week.items()}
    ended = event_document(2, ContractEnded(incident="", at=AT, customer="acme", via="reload"))
    assert (ended["event"], ended["customer"]) == ("contract_ended", "acme")


def test_only_a_delivery_that_waits_has_a_next_attempt() -> None:
    assert delivery_document(a_delivery(opened()))["not_before"] == "2026-01-01T00:01:34Z"
    assert delivery_document(a_delivery(opened(), state="sent"))["not_before"] is None


def test_a_fault_of_the_configuration_is_told_with_the_line_that_check_prints() -> None:
    fault = ConfigFault(file="a.yaml", line=3, column=5, path="slos[0]", problem="no objective", mend="write one")
    assert fault_document(fault)["text"] == "a.yaml:3:5: slos[0]: no objective; write one"


def test_open_incidents_come_first_and_the_most_urgent_of_them_before_all() -> None:
    old_p0 = opened("old-p0", at=AT - timedelta(hours=2))
    new_p0 = opened("new-p0", at=AT - timedelta(hours=1))
    closed = opened("closed", at=AT)
    ticket = opened("ticket", at=AT)
    events: list[Event] = [
        old_p0,
        new_p0,
        closed,
        Resolved(incident="closed", at=AT, by="", why=""),
        ticket,
        Raised(incident="ticket", at=AT, severity=Severity.TICKET, priority=Priority.P1, why=""),
    ]
    assert [i.id for i in in_order(fold_all(events).values())] == ["new-p0", "old-p0", "ticket", "closed"]


def test_what_a_destination_refused_is_told_with_its_incident() -> None:
    event = opened()
    sent, refused = a_delivery(event, state="sent"), a_delivery(event, state="refused")
    document = incident_document(fold_all([event])[event.incident], [sent, refused])
    assert document["refused"] == ["oncall refused the trigger (rate_limited)"]
