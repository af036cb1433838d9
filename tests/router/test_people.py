"""What people do: the event of it, who hears of it, and what cannot be done."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from slo.core.acts import (
    Acknowledge,
    Act,
    Assign,
    Attribute,
    EndChat,
    GoOn,
    Look,
    Prioritize,
    Promise,
    Resolve,
    Responsibility,
    Say,
    Target,
    Wait,
)
from slo.core.alert import FiringPair
from slo.core.delivery import Action, Message
from slo.core.eta import ETA, Confidence
from slo.core.events import Acknowledged, Event, Noted, PageCleared, Paged, Promised, Reprioritized, Resolved
from slo.core.folding import fold, fold_all
from slo.core.incident import Incident
from slo.core.incident_key import incident_mark
from slo.core.priority import Priority
from slo.errors import UsageError
from slo.router.decide import decide, decide_pages
from slo.router.messages import Decision, Teller
from slo.router.people import decide_act
from tests.router.making import PAGE, SLO, TICKET, alert, at, draft_of, ends, takes_on

BY: dict[str, Any] = {"target": Target(incident="1"), "by": "anna", "via": "slack"}
SOON = ETA(recover_at=at(3600), confidence=Confidence.HIGH, next_update_at=at(1800))


class Desk:
    """One incident, and what is done to it."""

    def __init__(self, firing: frozenset[FiringPair] = frozenset({PAGE}), priority: Priority | None = None) -> None:
        self.seconds = 0.0
        draft = draft_of({}, at(0))
        decide([alert(*firing)], draft, known_slos={SLO})
        self.incidents: dict[str, Incident] = {}
        self.events: list[Event] = []
        self._take(draft.decision)
        if priority:
            self.does(Prioritize(**BY, priority=priority, why="agreed"))

    @property
    def teller(self) -> Teller:
        return Teller(at=at(self.seconds))

    @property
    def incident(self) -> Incident:
        return self.incidents["1"]

    def does(self, act: Act) -> Decision:
        self.seconds += 60
        return self._take(decide_act(act, self.incidents, teller=self.teller))

    def pages(self) -> Decision:
        draft = draft_of(self.incidents, at(self.seconds))
        decide_pages(draft)
        return self._take(draft.decision)

    def sees(self, *firing: FiringPair, after: float = 60) -> Decision:
        self.seconds += after
        draft = draft_of(self.incidents, at(self.seconds))
        decide([alert(*firing)], draft, known_slos={SLO})
        return self._take(draft.decision)

    def _take(self, decision: Decision) -> Decision:
        for event in decision.events:
            self.incidents[event.incident] = fold(self.incidents.get(event.incident), event)
            self.events.append(event)
        assert fold_all(self.events) == self.incidents
        return decision


def heard(decision: Decision) -> list[tuple[str, str]]:
    return [(message.destination, message.action.value) for message in decision.messages]


def first(decision: Decision) -> Message:
    return decision.messages[0]


@pytest.mark.parametrize(
    ("act", "action", "said"),
    [
        (Say(**BY, text="the disk is full"), Action.NOTE, "the disk is full"),
        (
            Promise(**BY, eta=SOON, text="restoring"),
            Action.ETA,
            "recovery expected at 2026-01-01 04:00 UTC (high confidence), next update by 03:30 UTC: restoring",
        ),
        (Promise(**BY, eta=ETA()), Action.ETA, "nobody knows yet when it will have recovered"),
        (Prioritize(**BY, priority=Priority.P1, why="there is a workaround"), Action.UPDATE, "P1 instead of P0"),
        (Assign(**BY, owner="sam"), Action.UPDATE, "sam owns it now"),
        (
            Attribute(**BY, responsibility=Responsibility.THIRD_PARTY, why="their DNS"),
            Action.UPDATE,
            "what failed is a third party's part",
        ),
    ],
)
def test_everyone_who_knows_of_it_hears_what_was_said(act: Act, action: Action, said: str) -> None:
    decision = Desk().does(act)
    assert heard(decision) == [("oncall", action.value), ("hook", action.value)]
    assert {(message.text, message.by) for message in decision.messages} == {(said, "anna")}


def test_a_destination_where_it_can_be_read_already_is_not_told_again() -> None:
    there = replace(Say(**BY, text="looking"), target=Target(incident="1", destination="hook"))
    assert heard(Desk().does(there)) == [("oncall", "note")]
    acknowledged = replace(takes_on(), target=Target(incident="1", destination="oncall"))
    told = heard(Desk().does(acknowledged))
    assert told == [("oncall", "acknowledge"), ("hook", "acknowledge")], "the page may be at another pager's as well"


def test_who_answers_an_earlier_page_has_responded_and_has_not_seen_the_one_that_rings() -> None:
    desk = Desk(frozenset({PAGE, TICKET}))
    earlier = Target(incident="1", destination="oncall", key=desk.incident.page_key)
    desk.sees(TICKET)
    desk.sees(TICKET, after=300)
    desk.sees(PAGE, TICKET)
    assert desk.incident.page_key != earlier.key
    late = desk.does(takes_on(target=earlier, source="pagerduty:1"))
    assert heard(late) == [("hook", "note")]
    assert (desk.incident.responded_by, desk.incident.status) == ("anna", "triggered")
    with pytest.raises(UsageError, match="what was resolved is an earlier page, resolve this one"):
        desk.does(Resolve(target=earlier, by="anna", via="pagerduty"))
    desk.does(takes_on(target=replace(earlier, key=desk.incident.page_key), source="pagerduty:2"))
    assert desk.incident.status == "acknowledged"


def test_what_is_delivered_twice_is_done_once() -> None:
    desk, note = Desk(), Say(**BY, text="looking", source="jira:7")
    assert desk.does(note)
    assert not desk.does(note)
    assert desk.does(replace(note, source="jira:8"))


@pytest.mark.parametrize(
    ("act", "responds"),
    [
        (takes_on(), True),
        (Say(**BY, text="looking"), True),
        (Say(**BY, text="is anybody there?", responds=False), False),
        (Promise(**BY, eta=SOON), True),
        (ends(), True),
        (Prioritize(**BY, priority=Priority.P1, why="agreed"), False),
        (Assign(**BY, owner="sam"), False),
        (EndChat(**BY), False),
    ],
)
def test_only_an_answer_is_a_response(act: Act, responds: bool) -> None:  # noqa: FBT001 - a column of the table
    desk = Desk()
    desk.does(act)
    assert desk.incident.responded_at == (at(60) if responds else None)
    assert desk.incident.responded_by == (act.by if responds else "")


def test_a_response_counts_from_when_it_was_given_and_never_from_before_there_was_an_incident() -> None:
    for acted, counted in ((at(20), at(20)), (at(-20), at(0)), (at(90), at(60)), (None, at(60))):
        desk = Desk()
        desk.does(takes_on(acted_at=acted))
        assert desk.incident.responded_at == counted
        assert desk.incident.acknowledged_at == at(60), "when it was on record"


def test_the_first_response_stays_the_first() -> None:
    desk = Desk()
    desk.does(Say(**BY, text="looking"))
    desk.does(takes_on(by="ben"))
    assert (desk.incident.responded_by, desk.incident.acknowledged_by) == ("anna", "ben")


def test_a_clock_waits_for_the_customer_only_after_an_answer_and_never_on_a_p0() -> None:
    desk = Desk()
    with pytest.raises(UsageError, match="is a P0, whose clock never pauses: lower its priority first"):
        desk.does(Wait(**BY))
    desk.does(Prioritize(**BY, priority=Priority.P1, why="agreed"))
    with pytest.raises(UsageError, match="nobody has answered incident 1 yet"):
        desk.does(Wait(**BY))
    desk.does(takes_on())
    assert first(desk.does(Wait(**BY, why="asked for logs"))).text == "waits for the customer"
    assert desk.incident.waiting
    assert not desk.does(Wait(**BY)), "it does already"
    assert desk.does(GoOn(**BY))
    assert not desk.incident.waiting
    assert not desk.does(GoOn(**BY))


def test_what_becomes_a_p0_waits_for_nobody() -> None:
    desk = Desk(frozenset({TICKET}))
    desk.does(takes_on())
    desk.does(Wait(**BY))
    desk.does(Prioritize(**BY, priority=Priority.P0, why="it spreads"))
    assert not desk.incident.waiting


def test_what_a_person_makes_a_p0_pages_and_no_alert_that_clears_ends_that_page() -> None:
    desk = Desk(frozenset({TICKET}))
    assert heard(desk.does(Prioritize(**BY, priority=Priority.P0, why="all are down"))) == [("hook", "update")]
    assert heard(desk.pages()) == [("oncall", "trigger")]
    assert isinstance(desk.events[-1], Paged)
    assert not desk.pages(), "once"
    assert not desk.sees(TICKET, after=3600)
    assert desk.incident.page_open


def test_a_p0_that_pages_already_pages_no_second_time() -> None:
    desk = Desk()
    desk.does(Prioritize(**BY, priority=Priority.P1, why="a workaround"))
    desk.does(Prioritize(**BY, priority=Priority.P0, why="it does not work"))
    assert not desk.pages()


def test_a_page_that_an_alert_made_ends_with_it() -> None:
    desk = Desk(frozenset({PAGE, TICKET}))
    desk.sees(TICKET)
    told = desk.sees(TICKET, after=300)
    assert isinstance(desk.events[-1], PageCleared)
    assert [message.text for message in told.messages if message.destination == "hook"] == [
        "less urgent: no page has fired for 5m, the ticket goes on"
    ]


def test_the_alert_does_not_lower_what_a_person_raised() -> None:
    desk = Desk(frozenset({TICKET}), priority=Priority.P0)
    desk.pages()
    desk.sees(PAGE, TICKET)
    assert desk.incident.priority is Priority.P0


def test_the_same_priority_owner_or_part_again_is_nothing_new() -> None:
    desk = Desk()
    assert not desk.does(Prioritize(**BY, priority=Priority.P0, why="sure"))
    desk.does(Assign(**BY, owner="sam"))
    assert not desk.does(Assign(**BY, owner="sam"))
    desk.does(Attribute(**BY, responsibility=Responsibility.CUSTOMER))
    assert not desk.does(Attribute(**BY, responsibility=Responsibility.CUSTOMER))
    assert desk.does(Attribute(**BY, responsibility=Responsibility.CUSTOMER, why="they say so"))


def test_a_resolved_incident_takes_notes_a_late_answer_and_whose_part_failed_and_nothing_else() -> None:
    desk = Desk()
    desk.sees()
    desk.sees(after=300)
    assert isinstance(desk.events[-1], Resolved)
    assert heard(desk.does(Say(**BY, text="what it was", responds=False))) == [("hook", "note")]
    late = desk.does(takes_on())
    assert (heard(late), first(late).text) == ([("hook", "note")], "answers it after it had resolved by itself")
    assert isinstance(late.events[0], Acknowledged)
    assert desk.incident.responded_by == "anna"
    assert heard(desk.does(Attribute(**BY, responsibility=Responsibility.PROVIDER))) == [("hook", "update")]
    refused: list[Act] = [
        takes_on(),
        ends(),
        Promise(**BY, eta=SOON),
        Wait(**BY),
        Prioritize(**BY, priority=Priority.P1, why="later"),
        Assign(**BY, owner="sam"),
    ]
    for act in refused:
        with pytest.raises(UsageError, match=r"incident 1 was resolved at 2026-01-01T\S+Z: .* an open one"):
            desk.does(act)


def test_a_ticket_has_to_be_updated_after_a_chat_and_is_by_a_note_of_ours_or_a_promise() -> None:
    updates: list[Callable[[], Act]] = [lambda: Say(**BY, text="so it was"), lambda: Promise(**BY, eta=SOON)]
    for update in updates:
        desk = Desk()
        assert not desk.does(EndChat(**BY)).messages
        assert desk.incident.chat_ended_at == at(60)
        desk.does(Say(**BY, text="and?", responds=False))
        assert desk.incident.chat_ended_at == at(60), "the customer's word is no update"
        desk.does(update())
        assert desk.incident.chat_ended_at is None


def test_every_promise_is_kept() -> None:
    desk = Desk()
    later = replace(SOON, recover_at=at(7200), next_update_at=at(7200) - timedelta(hours=1))
    desk.does(Promise(**BY, eta=SOON))
    desk.does(Promise(**BY, eta=later, text="the first try failed"))
    assert desk.incident.eta == later
    assert [event.eta for event in desk.incident.etas] == [SOON, later]
    assert first(desk.does(Say(**BY, text="still at it"))).eta == later
    assert [type(event) for event in desk.events[2:]] == [Promised, Promised, Noted]


def test_an_override_is_on_record_with_its_reason() -> None:
    desk = Desk()
    desk.does(Prioritize(**BY, priority=Priority.P2, why="a test environment after all"))
    event = desk.events[-1]
    assert isinstance(event, Reprioritized)
    assert (event.by, event.via, event.priority, event.why) == (
        "anna",
        "slack",
        Priority.P2,
        "a test environment after all",
    )


@pytest.mark.parametrize("kind", [Acknowledge, EndChat, Look])
def test_who_saw_another_incident_with_that_number_does_nothing_to_the_one_that_is_here(kind: type[Act]) -> None:
    desk = Desk()
    for mark in (incident_mark("1", at(-86_400)), incident_mark("1", at(0.001)), "1"):
        with pytest.raises(UsageError, match="not about the incident 1 that is here, which opened at 2026-01-01T03:00"):
            desk.does(kind(**BY | {"target": Target(incident="1", mark=mark)}))
    assert desk.incident.acknowledged_at is None
    desk.does(kind(**BY | {"target": Target(incident="1", mark=desk.incident.mark)}))


def test_a_look_changes_nothing_and_is_no_response() -> None:
    desk = Desk()
    assert desk.does(Look(**BY)) == Decision()
    with pytest.raises(UsageError, match="there is no incident 9"):
        desk.does(Look(**BY | {"target": Target(incident="9")}))


def test_nobody_can_work_on_what_is_not_there() -> None:
    with pytest.raises(UsageError, match="there is no incident 9: `watchkeep incident list` shows what there is"):
        Desk().does(takes_on("9"))
    with pytest.raises(UsageError, match="no incident 9"):
        Desk().does(Resolve(target=Target(incident="9"), by="anna", via="api"))


@pytest.mark.parametrize("eta", [ETA(recover_at=at(60)), ETA(recover_at=at(-3600)), ETA(next_update_at=at(30))])
def test_nothing_is_promised_for_the_past(eta: ETA) -> None:
    desk = Desk()
    with pytest.raises(UsageError, match=r"cannot be promised for .*, which is past: say a later time"):
        desk.does(Promise(**BY, eta=eta))
    assert desk.incident.responded_at is None
