"""What is written first: P0 pages with all of their incidents; and nothing that belongs together is parted."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.core.delivery import Action, Message
from slo.core.events import Noted
from slo.router.messages import Decision
from slo.router.urgent import urgent_first
from tests.router.making import T0, message, ticket

PAGING = {"oncall"}


def noted(incident: str, text: str = "") -> Noted:
    return Noted(incident=incident, at=T0, by="anna", via="api", text=text)


def page(incident: str, **others: Any) -> Message:
    return message(f"page {incident}", incident=incident, key=f"key {incident}", **others)


def test_a_page_goes_first_with_all_that_was_decided_of_its_incident() -> None:
    decision = Decision(
        events=(noted("1"), noted("2", "a"), noted("3"), noted("2", "b")),
        messages=(ticket("t1", key="k1"), page("2"), message("chat 2", incident="2", key="k2", destination="hook")),
    )
    urgent, rest = urgent_first(decision, PAGING)
    assert urgent.events == (noted("2", "a"), noted("2", "b"))
    assert [each.id for each in urgent.messages] == ["page 2", "chat 2"]
    assert rest.events == (noted("1"), noted("3"))
    assert [each.id for each in rest.messages] == ["t1"]


@pytest.mark.parametrize(
    "told",
    [
        ticket("a ticket", key="k"),
        page("1", destination="hook"),
        page("1", action=Action.RESOLVE),
        page("1", labels={"environment": "staging"}),
    ],
    ids=["a ticket", "a page to no pager", "its end", "a P2"],
)
def test_nothing_else_is_urgent(told: Message) -> None:
    decision = Decision(events=(noted("1"),), messages=(told,))
    assert urgent_first(decision, PAGING) == (Decision(), decision)


def test_incidents_that_are_told_in_one_page_are_not_parted() -> None:
    joins = message("joins", incident="2", key="key 1", action=Action.UPDATE)
    other = message("other", incident="2", key="key 3", action=Action.UPDATE)
    third = message("third", incident="3", key="key 3", action=Action.UPDATE)
    events = (noted("1"), noted("2"), noted("3"), noted("4"))
    urgent, rest = urgent_first(Decision(events=events, messages=(third, page("1"), joins, other)), PAGING)
    assert [event.incident for event in urgent.events] == ["1", "2", "3"]
    assert len(urgent.messages) == 4
    assert rest == Decision(events=(noted("4"),))


incidents = st.sampled_from("12345")
messages = st.builds(
    lambda incident, key, action, destination: message(
        f"{incident}{key}{action}", incident=incident, key=key, action=action, destination=destination
    ),
    incidents,
    st.sampled_from("abc"),
    st.sampled_from([Action.TRIGGER, Action.UPDATE]),
    st.sampled_from(["oncall", "hook"]),
)


@given(st.lists(incidents), st.lists(messages))
def test_nothing_is_lost_and_no_incident_and_no_lane_is_in_both_parts(about: list[str], told: list[Message]) -> None:
    decision = Decision(
        events=tuple(noted(incident, str(place)) for place, incident in enumerate(about)), messages=tuple(told)
    )
    urgent, rest = urgent_first(decision, PAGING)
    for whole, one, other in (
        (decision.events, urgent.events, rest.events),
        (decision.messages, urgent.messages, rest.messages),
    ):
        assert sorted(map(repr, whole)) == sorted(map(repr, (*one, *other)))
        assert [each for each in whole if each in one] == list(one)
        assert not {each.incident for each in one} & {each.incident for each in other}
    assert not {each.lane for each in urgent.messages} & {each.lane for each in rest.messages}
