"""Who is told in whose page, and who else: groups, flapping, customers, raises, and what people open."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest

from slo.core.acts import Open, Prioritize, Promise, Resolve, Target
from slo.core.contract import Contract, Telling, office_hours
from slo.core.delivery import Action
from slo.core.eta import ETA
from slo.core.events import Acknowledged, Opened, PageCleared, Paged, Told
from slo.core.matching import Matcher
from slo.core.priority import Impact, Priority
from slo.core.routing import EscalationStep, Route
from tests.router.desk import Desk, heard, keys, kinds
from tests.router.making import PAGE, PRODUCTION, STAGING, TICKET, alert, at, ends, routes, takes_on

EU, US, ASIA = "eu", "us", "asia"
FIRST, SECOND, THIRD = (f"acme:{name}:-:g1" for name in (EU, US, ASIA))


def grouped(wait: float = 0, **own: Any) -> Desk:
    """Incidents of one customer are told in one page."""
    return Desk(routes(group_by=("customer",), group_wait=timedelta(seconds=wait), **own))


def in_one_page(labels: Mapping[str, str] = PRODUCTION) -> Desk:
    desk = grouped()
    desk.slot(0, alert(PAGE, slo=EU, labels=labels))
    desk.slot(10, alert(PAGE, slo=US, labels=labels))
    return desk


def test_another_of_the_group_joins_the_page_that_nobody_has_answered() -> None:
    desk = grouped()
    desk.slot(0, alert(PAGE, slo=EU))
    decision = desk.slot(10, alert(PAGE, slo=US))
    assert keys(decision) == [("oncall", "update", FIRST), ("hook", "trigger", SECOND)]
    widened, own = decision.messages
    assert widened.summary == f"{desk.incidents['1'].summary}; and {desk.incidents['2'].summary}"
    assert own.summary == desk.incidents["2"].summary
    assert desk.of(Paged)[-1].joined == "1"


def test_a_group_that_widens_after_it_was_answered_tells_again() -> None:
    desk = grouped()
    desk.slot(0, alert(PAGE, slo=EU))
    desk.does(5, takes_on())
    assert keys(desk.slot(10, alert(PAGE, slo=US))) == [("oncall", "trigger", SECOND), ("hook", "trigger", SECOND)]
    assert keys(desk.slot(20, alert(PAGE, slo=ASIA)))[0] == ("oncall", "update", SECOND)


def test_two_that_join_in_one_moment_are_both_said() -> None:
    desk = grouped()
    decision = desk.slot(0, *(alert(PAGE, slo=slo) for slo in (EU, US, ASIA)))
    pager = [message for message in decision.messages if message.destination == "oncall"]
    assert [message.action for message in pager] == [Action.TRIGGER, Action.UPDATE, Action.UPDATE]
    assert len({message.id for message in pager}) == 3


def test_the_page_is_over_when_the_last_of_it_is_clear() -> None:
    desk = in_one_page()
    desk.slot(20, alert(slo=EU))
    assert keys(desk.slot(320)) == [("hook", "resolve", FIRST), ("oncall", "update", FIRST)]
    desk.slot(330, alert(slo=US))
    assert keys(desk.slot(630)) == [("oncall", "resolve", FIRST), ("hook", "resolve", SECOND)]


def test_and_when_the_page_of_the_last_is_clear_while_its_ticket_goes_on() -> None:
    desk = in_one_page()
    desk.slot(20, alert(TICKET, slo=EU))
    assert keys(desk.slot(320)) == [("hook", "update", FIRST), ("oncall", "update", FIRST)]
    desk.slot(330, alert(TICKET, slo=US))
    assert keys(desk.slot(630)) == [("oncall", "resolve", FIRST), ("hook", "update", SECOND)]
    assert len(desk.of(PageCleared)) == 2


def test_a_person_who_ends_one_of_them_leaves_the_page_to_the_other() -> None:
    desk = in_one_page()
    assert keys(desk.does(20, ends("1"))) == [("hook", "resolve", FIRST), ("oncall", "update", FIRST)]
    assert keys(desk.does(30, ends("2"))) == [("oncall", "resolve", FIRST), ("hook", "resolve", SECOND)]


@pytest.mark.parametrize("answered", ["1", "2"])
def test_who_answers_a_page_answers_for_every_incident_in_it(answered: str) -> None:
    desk = in_one_page()
    decision = desk.does(20, takes_on(answered, source="pagerduty:7"))
    assert sorted(event.incident for event in desk.of(Acknowledged)) == ["1", "2"]
    assert sorted(keys(decision)) == [
        ("hook", "acknowledge", FIRST),
        ("hook", "acknowledge", SECOND),
        ("oncall", "acknowledge", FIRST),
    ]
    assert {incident.responded_by for incident in desk.incidents.values()} == {"anna"}
    assert {incident.status for incident in desk.incidents.values()} == {"acknowledged"}
    assert not desk.does(30, takes_on(answered, source="pagerduty:7"))
    assert not desk.does(30, takes_on("1" if answered == "2" else "2"))
    assert not desk.slot(3600), "neither clock runs"


def test_who_answers_from_a_destination_is_not_told_there_and_of_the_others_is() -> None:
    desk = in_one_page()
    there = replace(takes_on("1"), target=Target(incident="1", destination="hook"))
    assert keys(desk.does(20, there)) == [("oncall", "acknowledge", FIRST), ("hook", "acknowledge", SECOND)]


@pytest.mark.parametrize("answered", ["1", "2"])
def test_and_so_does_the_next_level_that_has_the_page_on_account_of_one_of_them(answered: str) -> None:
    desk = grouped(escalation=(EscalationStep(after=Fraction(1, 2), destinations=("second",)),))
    desk.slot(0, alert(PAGE, slo=EU))
    desk.slot(10, alert(PAGE, slo=US))
    assert ("second", "trigger", FIRST) in keys(desk.slot(1800))
    assert desk.incidents["2"].paged_to == ("oncall",)
    told = keys(desk.does(1805, takes_on(answered)))
    assert sorted(told) == sorted(
        [(name, "acknowledge", FIRST) for name in ("oncall", "second", "hook")] + [("hook", "acknowledge", SECOND)]
    )


def test_one_that_was_clear_before_the_page_was_answered_is_not_answered_with_it() -> None:
    desk = in_one_page()
    desk.slot(20, alert(slo=EU))
    desk.slot(320)
    desk.does(330, takes_on("2"))
    assert [event.incident for event in desk.of(Acknowledged)] == ["2"]


def test_a_p0_does_not_hide_in_the_page_of_a_p1() -> None:
    desk = grouped()
    desk.slot(0, alert(PAGE, slo=EU, labels=STAGING))
    assert keys(desk.slot(10, alert(PAGE, slo=US)))[0] == ("oncall", "trigger", SECOND)
    assert keys(desk.slot(20, alert(PAGE, slo=ASIA, labels=STAGING)))[0] == ("oncall", "update", FIRST)


def test_nobody_is_missed_since_another_page_goes_elsewhere() -> None:
    tree = Route(
        group_by=("customer",),
        destinations=("oncall",),
        routes=(
            Route(
                matchers=(Matcher(label="slo", operator="=", value=US),),
                destinations=("second",),
                group_by=("customer",),
            ),
        ),
    )
    desk = Desk(tree)
    desk.slot(0, alert(PAGE, slo=EU))
    assert keys(desk.slot(10, alert(PAGE, slo=US))) == [("second", "trigger", SECOND)]


def test_other_customers_are_other_groups() -> None:
    desk = grouped()
    desk.slot(0, alert(PAGE, slo=EU))
    decision = desk.slot(10, alert(PAGE, slo=US, labels=PRODUCTION | {"customer": "beta"}))
    assert keys(decision)[0] == ("oncall", "trigger", f"beta:{US}:-:g1")


def test_the_first_of_a_group_waits_for_others_except_for_a_p0() -> None:
    desk = grouped(30)
    assert heard(desk.slot(0, alert(PAGE, slo=EU, labels=STAGING))) == [("hook", "trigger")]
    assert not desk.slot(29)
    assert heard(desk.slot(30)) == [("oncall", "trigger"), ("hook", "update")]
    assert heard(desk.slot(40, alert(PAGE, slo=US)))[0] == ("oncall", "trigger"), "a P0"


def test_who_waits_pages_although_nothing_is_known_by_then() -> None:
    desk = grouped(30)
    desk.slot(0, alert(PAGE, slo=EU, labels=STAGING))
    desk.lost = {EU}
    assert heard(desk.slot(30)) == [("oncall", "trigger"), ("hook", "update")]


def test_the_next_level_joins_a_shared_page_once_and_keeps_it_until_the_last_is_clear() -> None:
    desk = grouped(escalation=(EscalationStep(after=Fraction(1, 2), destinations=("second",)),))
    desk.slot(0, alert(PAGE, slo=EU), alert(PAGE, slo=US))
    decision = desk.slot(1800)
    assert [each for each in keys(decision) if each[0] == "second"] == [("second", "trigger", FIRST)]
    assert len({message.id for message in decision.messages}) == len(decision.messages)
    desk.slot(1810, alert(slo=EU))
    left = keys(desk.slot(2110))
    assert left == [("hook", "resolve", FIRST), ("oncall", "update", FIRST), ("second", "update", FIRST)]
    desk.slot(2120, alert(slo=US))
    told = keys(desk.slot(2420))
    assert told == [("oncall", "resolve", FIRST), ("second", "resolve", FIRST), ("hook", "resolve", SECOND)]


def test_who_has_a_shared_page_for_one_incident_only_hears_its_end_with_that() -> None:
    desk = grouped(escalation=(EscalationStep(after=Fraction(1, 2), destinations=("second",)),))
    desk.slot(0, alert(PAGE, slo=EU))
    desk.slot(1790, alert(PAGE, slo=US))
    desk.slot(1800)
    desk.slot(1810, alert(slo=EU))
    left = keys(desk.slot(2110))
    assert left == [("second", "resolve", FIRST), ("hook", "resolve", FIRST), ("oncall", "update", FIRST)]


def test_what_comes_and_goes_has_to_be_clear_for_twice_as_long_each_time_and_says_so() -> None:
    desk, now, patience = Desk(), 0.0, [300, 600, 1200, 2400]
    for generation, wait in enumerate(patience, 1):
        decision = desk.slot(now, alert(PAGE, TICKET))
        others = [message for message in decision.messages if message.destination == "hook"]
        flaps = f"it comes and goes: {generation} times by now" if generation >= 3 else ""
        assert [message.text for message in others] == [flaps]
        desk.slot(now + 10, alert(TICKET))
        desk.slot(now + 10 + wait - 1)
        assert len(desk.of(PageCleared)) == generation - 1
        desk.slot(now + 10 + wait)
        assert len(desk.of(PageCleared)) == generation
        now += wait + 20


def test_a_page_that_a_person_asked_for_is_no_coming_and_going() -> None:
    desk = Desk()
    desk.slot(0, alert(TICKET))
    desk.does(10, Prioritize(target=Target(incident="1"), by="anna", via="api", priority=Priority.P0, why="it is bad"))
    desk.does(20, takes_on())
    desk.slot(30, alert(PAGE, TICKET))
    desk.slot(40, alert(TICKET))
    assert desk.slot(340).events, "this was the first time that it fired"


BETA = Contract(
    customer="acme",
    title="Acme",
    hours=office_hours("UTC"),
    tell=(
        Telling(destinations=("mail",), what=frozenset({Action.TRIGGER, Action.ETA, Action.RESOLVE})),
        Telling(destinations=("chief",), priorities=frozenset({Priority.P0})),
    ),
)


def customer(tree: Route | None = None) -> Desk:
    return Desk(tree, contracts={"acme": BETA})


def test_a_customer_hears_what_the_contract_says_and_of_the_priorities_that_it_names() -> None:
    desk = customer()
    assert heard(desk.slot(0, alert(TICKET))) == [("hook", "trigger"), ("mail", "trigger")]
    assert heard(desk.does(10, takes_on())) == [("hook", "acknowledge")]
    promise = Promise(target=Target(incident="1"), by="anna", via="api", eta=ETA(recover_at=at(600)))
    assert heard(desk.does(20, promise)) == [("hook", "eta"), ("mail", "eta")]
    assert heard(desk.slot(600)) == [("hook", "remind")]
    desk.slot(610, alert())
    assert heard(desk.slot(910)) == [("hook", "resolve"), ("mail", "resolve")]


def test_who_hears_of_p0s_only_is_told_when_it_becomes_one() -> None:
    for raised in ("by a page", "by a person"):
        desk = customer()
        desk.slot(0, alert(TICKET))
        if raised == "by a page":
            decision = desk.slot(10, alert(TICKET, PAGE))
        else:
            why = Prioritize(target=Target(incident="1"), by="anna", via="api", priority=Priority.P0, why="bad")
            decision = desk.does(10, why)
        assert ("chief", "trigger") in heard(decision)
        assert ("oncall", "trigger") in heard(decision)
        assert [event.told for event in desk.of(Told)] == [("chief",)]
        desk.does(20, Resolve(target=Target(incident="1"), by="anna", via="api", why="fixed"))
        assert {name for name, action in heard_all(desk) if action == "resolve"} == {"oncall", "hook", "mail", "chief"}


def heard_all(desk: Desk) -> list[tuple[str, str]]:
    return [(message.destination, message.action.value) for message in desk.messages]


def test_a_raise_pages_whom_the_route_of_that_priority_pages_in_the_page_that_rings() -> None:
    urgent = Route(
        matchers=(Matcher(label="priority", operator="=", value="P0"),), destinations=("oncall", "second", "hook")
    )
    desk = Desk(routes(routes=(urgent,)))
    desk.slot(0, alert(PAGE, slo=EU, labels=STAGING))
    decision = desk.does(
        10, Prioritize(target=Target(incident="1"), by="anna", via="api", priority=Priority.P0, why="bad")
    )
    assert keys(decision) == [("oncall", "update", FIRST), ("hook", "update", FIRST), ("second", "trigger", FIRST)]
    desk.slot(20, alert(slo=EU))
    assert heard(desk.slot(320)) == [("oncall", "resolve"), ("second", "resolve"), ("hook", "resolve")]


def test_what_a_person_opens_is_told_grouped_and_ended_like_all_else() -> None:
    desk = grouped()
    desk.slot(0, alert(PAGE, slo=EU))
    issue = Open(target=Target(), by="kim", via="cli", summary="it hangs", customer="acme",
                 environment="production", impact=Impact.SEVERE)  # fmt: skip
    decision = desk.does(10, issue)
    assert kinds(decision) == [Opened, Paged]
    assert keys(decision) == [("oncall", "update", FIRST), ("hook", "trigger", "acme:reported:2-20260101T030010Z:g1")]
    desk.does(20, takes_on("2"))
    assert {incident.status for incident in desk.incidents.values()} == {"acknowledged"}
    desk.slot(30, alert(slo=EU))
    assert keys(desk.slot(330)) == [("hook", "resolve", FIRST), ("oncall", "update", FIRST)]
    desk.does(340, ends("2"))
    assert not [incident for incident in desk.incidents.values() if incident.open]


def test_the_ticket_that_it_began_as_hears_the_rest_although_no_route_names_it() -> None:
    desk = Desk()
    issue = Open(target=Target(destination="tickets", reference="OPS-7"), by="kim", via="tickets", summary="it hangs",
                 customer="acme", environment="production", found_by="customer")  # fmt: skip
    assert heard(desk.does(0, issue)) == [("hook", "trigger"), ("tickets", "trigger")]
    assert {message.reference for message in desk.messages if message.destination == "tickets"} == {"OPS-7"}
    assert heard(desk.does(10, takes_on())) == [("hook", "acknowledge"), ("tickets", "acknowledge")]
