"""What a page that several incidents share says of them, whatever happens to whom."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from slo.core.acts import Act, Open, Prioritize, Resolve, Target
from slo.core.delivery import Action, Message
from slo.core.events import Reprioritized, Resolved
from slo.core.incident import Incident
from slo.core.policy import Severity
from slo.core.priority import Impact, Priority
from slo.core.routing import EscalationStep
from slo.router.hook import payload_of
from slo.router.page import details_of, event_of
from slo.router.people import named_by
from slo.router.shared_pages import NAMED
from tests.router.desk import Desk, keys
from tests.router.making import PAGE, PRODUCTION, STAGING, TICKET, alert, at, ends, routes, takes_on

FIRST = "acme:a:-:g1"
SLOS = ("a", "b", "c", "d")
PAGERS = ("oncall", "second")
LEVELS = (EscalationStep(after=Fraction(1, 2), destinations=("second",)),)
PRIORITIES = st.sampled_from(tuple(Priority))


def shared(*priorities: Priority, **own: object) -> Desk:
    """Incidents of these priorities in one page, from the first on."""
    desk = Desk(routes(group_by=("customer",), **own))
    desk.slot(0, *(alert(PAGE, slo=f"s{number}") for number in range(1, len(priorities) + 1)))
    for number, priority in enumerate(priorities, 1):
        if priority is not Priority.P0:
            desk.does(number, made(str(number), priority))
    return desk


def made(incident: str, priority: Priority, **there: str) -> Prioritize:
    target = Target(incident=incident, **there)
    return Prioritize(target=target, by="anna", via="api", priority=priority, why="it is not so bad")


def at_the_pager(act: Act, key: str = "acme:s1:-:g1", name: str = "oncall") -> Act:
    """The act as a person did it to the page, at the paging destination."""
    return replace(act, target=replace(act.target, destination=name, key=key), via="pagerduty")


def shown(desk: Desk, destination: str = "oncall") -> Message:
    """What a pager shows."""
    return [each for each in desk.messages if each.destination == destination and each.action in ("trigger", "update")][
        -1
    ]


def test_an_update_has_the_most_urgent_priority_and_names_every_incident_of_the_page() -> None:
    desk = shared(Priority.P1, Priority.P0, Priority.P2)
    last = shown(desk)
    assert (last.incident, last.priority, last.severity) == ("3", Priority.P0, Severity.PAGE)
    assert list(map(str, last.members)) == ["2: s2 (P0)", "1: s1 (P1)", "3: s3 (P2)"]
    assert details_of(last)["incidents"] == ["2: s2 (P0)", "1: s1 (P1)", "3: s3 (P2)"]
    assert details_of(last)["priority"] == "P0"
    event = event_of(last)["payload"]
    assert isinstance(event, dict)
    assert event["severity"] == "critical"
    assert event["summary"] == f"{desk.incidents['2'].summary}; and {desk.incidents['3'].summary}; and 1 more"


@pytest.mark.parametrize("leaves", ["ended", "clear", "lowered"])
def test_the_most_urgent_one_leaves_and_the_page_is_less_urgent(leaves: str) -> None:
    desk = shared(Priority.P0, Priority.P1, Priority.P2)
    assert shown(desk).priority is Priority.P0
    match leaves:
        case "ended":
            desk.does(20, ends("1"))
        case "lowered":
            desk.does(20, made("1", Priority.P2))
        case "clear":
            desk.slot(20, alert(TICKET, slo="s1"))
            desk.slot(320)
    last = shown(desk)
    assert (last.action, last.key, last.priority) == (Action.UPDATE, "acme:s1:-:g1", Priority.P1)
    gone = "" if leaves == "lowered" else "no longer in this page: 1: s1 (P0)"
    assert leaves == "lowered" or last.text == gone
    assert [member.incident for member in last.members] == (["2", "1", "3"] if leaves == "lowered" else ["2", "3"])


def test_two_that_leave_in_one_moment_by_two_acts_are_told_under_two_names() -> None:
    desk = shared(Priority.P0, Priority.P0, Priority.P0)
    told = [desk.does(20, ends(number)).messages[-1] for number in ("1", "2")]
    assert [message.action for message in told] == [Action.UPDATE] * 2
    assert told[0].id != told[1].id, "the journal would take the second for one that it has"


def test_one_that_is_raised_makes_the_page_as_urgent_at_every_pager_that_has_it() -> None:
    desk = shared(Priority.P1, Priority.P1)
    decision = desk.does(20, made("2", Priority.P0))
    assert [(each.destination, each.priority) for each in decision.messages if each.destination in PAGERS] == [
        ("oncall", Priority.P0)
    ]


def test_an_update_is_in_the_words_of_one_that_is_not_muted() -> None:
    desk = shared(Priority.P0, Priority.P0, Priority.P0)
    desk.silence(10, 1000, slo="s1")
    desk.slot(20)
    assert desk.incidents["1"].muted
    desk.does(30, ends("3"))
    last = shown(desk)
    assert (last.action, last.incident) == (Action.UPDATE, "2")
    assert [member.incident for member in last.members] == ["1", "2"]


def test_a_pager_that_has_the_page_for_some_of_them_is_told_of_these() -> None:
    desk = Desk(routes(group_by=("customer",), escalation=LEVELS))
    desk.slot(0, alert(PAGE, slo="a"))
    desk.slot(1000, alert(PAGE, slo="b"))
    desk.slot(1800)
    assert shown(desk, "second").members == ()
    decision = desk.slot(2800)
    assert ("second", "update", FIRST) in keys(decision), "it has the page of the other one, too, from here on"
    assert [member.incident for member in shown(desk, "second").members] == ["1", "2"]


def test_a_page_of_many_names_some_and_counts_the_rest() -> None:
    desk = Desk(routes(group_by=("customer",)))
    desk.slot(0, *(alert(PAGE, slo=f"s{number:03}") for number in range(NAMED + 5)))
    last = shown(desk)
    assert len(last.members) == NAMED
    assert last.more_members == 5
    said = details_of(last)["incidents"]
    assert isinstance(said, list)
    assert said[-1] == "and 5 more"
    assert len(desk.slot(10, *(alert(slo=f"s{number:03}") for number in range(NAMED))).messages) == 0
    told = [each for each in desk.slot(310).messages if each.destination == "oncall"]
    assert [(each.action, each.more_members) for each in told] == [(Action.UPDATE, 0)], "said once, however many left"
    assert len(told[0].members) == 5


def test_what_a_person_opened_and_what_has_a_scope_are_named_so_that_they_are_known() -> None:
    desk = Desk(routes(group_by=("customer",)))
    desk.slot(0, alert(PAGE, slo="a", scope="cluster=eu"))
    issue = Open(target=Target(), by="kim", via="cli", summary="it hangs", customer="acme",
                 environment="production", impact=Impact.SEVERE)  # fmt: skip
    desk.does(10, issue)
    assert [str(member) for member in shown(desk).members] == ["1: a, cluster=eu (P0)", "2: it hangs (P0)"]


def test_a_page_of_one_alone_names_nobody() -> None:
    desk = shared(Priority.P0, Priority.P1)
    desk.does(20, ends("1"))
    assert shown(desk).members == ()
    assert "incidents" not in details_of(shown(desk))
    assert "members" not in _incident_of(payload_of(shown(desk)))


def test_what_is_said_in_a_page_is_as_urgent_as_the_page() -> None:
    desk = Desk(routes(group_by=("customer",), repeat_interval=timedelta(minutes=20)))
    desk.slot(0, alert(PAGE, slo="a"), alert(PAGE, slo="b"))
    desk.does(10, made("2", Priority.P2))
    [said] = [each for each in desk.slot(1200).messages if each.destination == "oncall" and each.incident == "2"]
    assert (said.action, said.priority) == (Action.REMIND, Priority.P0), "a P0 behind it in its lane does not wait"


def test_a_webhook_that_is_told_in_place_of_the_pager_sees_one_alert_with_its_incidents() -> None:
    desk = shared(Priority.P0, Priority.P1)
    desk.does(20, ends("1"))
    desk.does(30, ends("2"))
    pages = [each for each in desk.messages if each.destination == "oncall"]
    copies = [payload_of(replace(each, instead_of="oncall", destination="hook")) for each in pages]
    assert len({str(copy["alerts"][0]["fingerprint"]) for copy in copies}) == 1  # type: ignore[index,call-overload]
    assert [copy["status"] for copy in copies] == ["firing"] * (len(copies) - 1) + ["resolved"]
    assert _incident_of(copies[-3])["members"] == [
        {"id": "1", "subject": "s1", "priority": "P0"},
        {"id": "2", "subject": "s2", "priority": "P1"},
    ]
    assert _incident_of(copies[-2])["priority"] == "P1"


def _incident_of(payload: Mapping[str, object]) -> dict[str, object]:
    incident = payload["incident"]
    assert isinstance(incident, dict)
    return incident


# People at the pager


def test_who_ends_the_page_at_the_pager_ends_every_incident_that_it_told_of() -> None:
    desk = shared(Priority.P0, Priority.P0, Priority.P1)
    decision = desk.does(20, at_the_pager(ends("1")))
    assert [event.incident for event in decision.events if isinstance(event, Resolved)] == ["1", "2", "3"]
    assert [each.action for each in decision.messages if each.destination == "oncall"] == [Action.RESOLVE]


def test_one_that_joined_after_the_page_was_ended_there_goes_on_and_is_told_anew() -> None:
    desk = Desk(routes(group_by=("customer",)))
    desk.slot(0, alert(PAGE, slo="a"))
    desk.slot(30, alert(PAGE, slo="b"))
    decision = desk.does(40, replace(at_the_pager(ends("1"), FIRST), acted_at=at(20)))
    assert keys(decision) == [("hook", "resolve", FIRST), ("oncall", "update", FIRST)], "there it opens a page again"
    assert desk.incidents["2"].open


@pytest.mark.parametrize(
    ("before", "priority", "after"),
    [
        ((Priority.P0, Priority.P1, Priority.P2), Priority.P1, ["P1", "P1", "P2"]),
        ((Priority.P1, Priority.P2, Priority.P2), Priority.P0, ["P0", "P2", "P2"]),
        ((Priority.P2, Priority.P1, Priority.P2), Priority.P0, ["P2", "P0", "P2"]),
        ((Priority.P1, Priority.P0, Priority.P0), Priority.P2, ["P2", "P2", "P2"]),
        ((Priority.P1, Priority.P2, Priority.P2), Priority.P1, ["P1", "P2", "P2"]),
    ],
)
def test_who_gives_the_page_a_priority_at_the_pager_finds_it_here(
    before: tuple[Priority, ...], priority: Priority, after: list[str]
) -> None:
    desk = shared(*before)
    events = desk.does(20, at_the_pager(made("1", priority))).events
    assert [incident.priority for incident in desk.incidents.values()] == after
    changed = [number for number, (old, new) in enumerate(zip(before, after, strict=True), 1) if old != new]
    assert sorted(int(event.incident) for event in events if isinstance(event, Reprioritized)) == changed
    assert not [each for each in desk.messages if each.at == at(20) and each.destination == "oncall"], "it is there"


def test_a_page_is_that_of_the_incidents_that_are_still_in_it_also_where_its_key_is_that_of_one_that_left() -> None:
    desk = shared(Priority.P0, Priority.P0)
    desk.does(20, ends("1"))
    at_the_pager_of = Target(destination="oncall", key="acme:s1:-:g1")
    assert named_by(at_the_pager_of, desk.incidents) == "2"
    assert named_by(replace(at_the_pager_of, destination="hook"), desk.incidents) == "1", "there it is its own key"


def test_who_ends_or_changes_one_incident_by_its_number_leaves_the_others_alone() -> None:
    for act in (ends("2"), made("2", Priority.P2)):
        desk = shared(Priority.P0, Priority.P0)
        assert {event.incident for event in desk.does(20, act).events} == {"2"}


# Whatever happens


class Pager:
    """What somebody sees who has only the pager."""

    def __init__(self) -> None:
        self.pages: dict[str, Message] = {}
        self.changed: set[str] = set()
        """The keys of those that were changed here, and of which no more was told since than who has taken them on."""

    def changes(self, key: str, priority: Priority) -> None:
        self.pages[key] = replace(self.pages[key], priority=priority)
        self.changed.add(key)

    def hears(self, message: Message) -> None:
        match message.action:
            case Action.TRIGGER | Action.UPDATE:
                assert message.action is Action.UPDATE or message.key not in self.pages
                self.pages[message.key] = message
                self.changed.discard(message.key)
            case Action.RESOLVE:
                del self.pages[message.key]
                self.changed.discard(message.key)


class SharedPages(RuleBasedStateMachine):
    """Incidents join pages, leave them, are raised, lowered, answered and ended, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk(routes(group_by=("customer",), group_wait=timedelta(seconds=30), escalation=LEVELS))
        self.pagers = {name: Pager() for name in PAGERS}
        self.now = 0.0
        self.read = 0

    @rule(slo=st.sampled_from(SLOS), firing=st.sampled_from(((), (TICKET,), (PAGE,))), staging=st.booleans())
    def fires(self, *, slo: str, firing: tuple[object, ...], staging: bool) -> None:
        self.desk.slot(self.later(10), alert(*firing, slo=slo, labels=STAGING if staging else PRODUCTION))  # type: ignore[arg-type]

    @rule(seconds=st.sampled_from((30, 310, 1900)))
    def waits(self, seconds: int) -> None:
        self.desk.slot(self.later(seconds))

    @rule(data=st.data(), priority=PRIORITIES, there=st.booleans())
    def is_made(self, *, data: st.DataObject, priority: Priority, there: bool) -> None:
        self.acts(data, made("", priority), there=there)

    @rule(data=st.data(), there=st.booleans())
    def is_answered(self, *, data: st.DataObject, there: bool) -> None:
        self.acts(data, takes_on(), there=there)

    @rule(data=st.data(), there=st.booleans())
    def is_ended(self, *, data: st.DataObject, there: bool) -> None:
        self.acts(data, ends(), there=there)

    def acts(self, data: st.DataObject, act: Act, *, there: bool) -> None:
        """Somebody does it, by number or at a pager that has the page; who does it there sees it there."""
        among = [each for each in self.desk.incidents.values() if each.open]
        if not among:
            return
        one = data.draw(st.sampled_from(among))
        target = Target(incident=one.id)
        if there and one.page_open:
            name = data.draw(st.sampled_from(one.paged_to))
            target = replace(target, destination=name, key=one.page_key)
            if isinstance(act, Resolve):
                del self.pagers[name].pages[one.page_key]
            if isinstance(act, Prioritize):
                self.pagers[name].changes(one.page_key, act.priority)
        self.desk.does(self.later(1), replace(act, target=target))

    def later(self, seconds: float) -> float:
        self.now += seconds
        return self.now

    @invariant()
    def every_pager_shows_what_is_open_and_how_urgent_it_is(self) -> None:
        for message in self.desk.messages[self.read :]:
            pager = self.pagers.get(message.destination)
            ended_there = message.action is Action.RESOLVE and pager and message.key not in pager.pages
            if pager and not ended_there:
                pager.hears(message)
        self.read = len(self.desk.messages)
        pages: dict[tuple[str, str], list[Incident]] = {}
        for incident in self.desk.incidents.values():
            for name in incident.paged_to if incident.page_open else ():
                pages.setdefault((name, incident.page_key), []).append(incident)
        assert {(name, key) for name, pager in self.pagers.items() for key in pager.pages} == pages.keys()
        for (name, key), among in pages.items():
            page = self.pagers[name].pages[key]
            assert page.priority is min((each.priority for each in among), key=lambda each: each.rank)
            if len(among) == 1:
                assert page.members == () or key in self.pagers[name].changed
            elif key not in self.pagers[name].changed:
                assert {(each.incident, each.priority) for each in page.members} == {
                    (each.id, each.priority) for each in among
                }


TestSharedPages = SharedPages.TestCase
TestSharedPages.settings = settings(max_examples=40, stateful_step_count=40)
