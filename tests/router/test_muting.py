"""What mutes people: silences and causes that begin and end at any time, and what is told once they are over."""

from dataclasses import replace
from typing import Any

from slo.core.acts import Open, Prioritize, Say, Target
from slo.core.alert import Cause, Evidence, FiringPair
from slo.core.events import FiringChanged, Muted, Opened, Paged, Raised, Told, Unmuted
from slo.core.inhibition import Graph, Rule
from slo.core.matching import Matcher
from slo.core.paths import DELIVERY
from slo.core.policy import Severity
from slo.core.priority import Impact, Priority
from slo.router.paths import OWN_LABELS
from tests.router.desk import Desk, heard, kinds
from tests.router.making import PAGE, SLO, STAGING, TICKET, alert, at, routes, takes_on

BY: dict[str, Any] = {"target": Target(incident="1"), "by": "anna", "via": "slack"}
TOLD = [("oncall", "trigger"), ("hook", "trigger")]
OVER = [("oncall", "resolve"), ("hook", "resolve")]
DB, GATE = "db-availability", SLO
DEPENDS = Graph(needs={GATE: frozenset({DB})})
PAGES_EXPLAIN_TICKETS = Rule(
    source=(Matcher(label="severity", operator="=", value="page"),),
    target=(Matcher(label="severity", operator="=", value="ticket"),),
    equal=("customer",),
)


def silenced(begins: float, ends: float) -> Desk:
    desk = Desk()
    desk.silence(begins, ends, slo=SLO)
    return desk


def test_what_fires_while_it_is_silenced_is_recorded_with_the_reason_and_told_when_that_ends() -> None:
    desk = silenced(-60, 600)
    decision = desk.slot(0, alert(PAGE))
    assert kinds(decision) == [Opened]
    assert not decision.messages
    assert desk.incident.muted == "silence quiet-0: a move"
    assert not desk.slot(599)
    decision = desk.slot(600)
    assert kinds(decision) == [Unmuted, Paged, Told]
    assert heard(decision) == TOLD


def test_a_ticket_is_told_when_the_silence_ends_too_even_if_nothing_is_known_just_then() -> None:
    for lost in (False, True):
        desk = silenced(-60, 600)
        desk.slot(0, alert(TICKET))
        desk.slot(500, replace(alert(TICKET), known=False))
        desk.lost = {SLO} if lost else set()
        assert heard(desk.slot(600)) == [("hook", "trigger")]


def test_a_silence_that_begins_while_it_fires_keeps_what_is_new_back_and_repeats_nothing_at_its_end() -> None:
    desk = silenced(100, 600)
    assert heard(desk.slot(0, alert(TICKET))) == [("hook", "trigger")]
    assert kinds(desk.slot(100)) == [Muted]
    decision = desk.slot(200, alert(TICKET, PAGE))
    assert kinds(decision) == [FiringChanged, Raised]
    assert not decision.messages
    decision = desk.slot(600)
    assert kinds(decision) == [Unmuted, Paged]
    assert heard(decision) == [("oncall", "trigger"), ("hook", "update")]


def test_a_page_that_was_told_and_still_rings_is_not_told_again_when_a_silence_ends() -> None:
    desk = silenced(100, 600)
    desk.slot(0, alert(PAGE))
    assert not desk.slot(100).messages
    decision = desk.slot(600)
    assert kinds(decision) == [Unmuted]
    assert not decision.messages


def test_a_page_that_cleared_and_fires_anew_while_it_is_silenced_pages_when_the_silence_ends() -> None:
    desk = silenced(500, 1000)
    desk.slot(0, alert(PAGE, TICKET))
    desk.slot(100, alert(TICKET))
    assert heard(desk.slot(400)) == [("oncall", "resolve"), ("hook", "update")]
    assert not desk.slot(600, alert(PAGE, TICKET)).messages
    assert heard(desk.slot(1000)) == [("oncall", "trigger"), ("hook", "update")]


def test_the_end_of_what_was_told_is_told_while_it_is_silenced() -> None:
    desk = silenced(100, 10_000)
    desk.slot(0, alert(PAGE))
    desk.slot(200, alert())
    assert heard(desk.slot(500)) == OVER


def test_only_the_end_of_a_page_is_told_while_it_is_silenced() -> None:
    desk = silenced(100, 10_000)
    desk.slot(0, alert(PAGE, TICKET))
    desk.slot(200, alert(TICKET))
    assert heard(desk.slot(500)) == [("oncall", "resolve")]


def test_what_came_and_went_while_it_was_silenced_is_told_to_nobody() -> None:
    desk = silenced(-60, 200)
    desk.slot(0, alert(PAGE))
    desk.slot(100, alert())
    desk.slot(200)
    desk.slot(400)
    assert not desk.incident.open
    assert not desk.messages


def test_what_was_clear_when_the_silence_ended_is_told_when_it_fires_again() -> None:
    desk = silenced(-60, 200)
    desk.slot(0, alert(PAGE))
    desk.slot(100, alert())
    assert not desk.slot(200)
    assert heard(desk.slot(300, alert(PAGE))) == TOLD


def test_a_silence_in_the_place_of_another_is_the_reason_from_then_on() -> None:
    desk = silenced(-60, 200)
    desk.silence(100, 400, slo=SLO)
    desk.slot(0, alert(PAGE))
    assert [event.why for event in desk.slot(200).events if isinstance(event, Muted)] == ["silence quiet-1: a move"]
    assert heard(desk.slot(400)) == TOLD


def test_what_the_watch_says_about_itself_is_never_silenced() -> None:
    desk = silenced(-60, 600)
    own = alert(PAGE, labels={"source": "watchkeep"})
    assert heard(desk.slot(0, own)) == TOLD


def test_people_are_never_silenced() -> None:
    desk = Desk()
    desk.silence(-60, 600, customer="acme")
    act = Open(target=Target(), by="kim", via="cli", summary="it hangs", customer="acme",
               environment="production", impact=Impact.SEVERE)  # fmt: skip
    assert heard(desk.does(0, act)) == TOLD


def test_what_a_person_makes_a_p0_pages_although_it_is_silenced() -> None:
    desk = silenced(-60, 6000)
    desk.slot(0, alert(TICKET, labels=STAGING))
    decision = desk.does(10, Prioritize(**BY, priority=Priority.P0, why="it is not the move"))
    assert heard(decision) == TOLD
    desk.does(20, Prioritize(**BY, priority=Priority.P2, why="it was"))
    assert kinds(desk.slot(30)) == [Muted]


def test_people_hear_one_another_while_it_is_silenced() -> None:
    desk = silenced(100, 600)
    desk.slot(0, alert(PAGE))
    desk.slot(100)
    assert heard(desk.does(110, Say(**BY, text="the move is late"))) == [("oncall", "note"), ("hook", "note")]


def chained(graph: Graph = DEPENDS, *rules: Rule) -> Desk:
    return Desk(graph=graph, rules=rules)


def test_an_effect_is_muted_under_its_cause_and_told_once_that_is_over() -> None:
    desk = chained()
    desk.slot(0, alert(PAGE, slo=DB))
    decision = desk.slot(10, alert(PAGE, slo=GATE))
    assert not decision.messages
    assert desk.incident.muted == "incident 1 is its cause"
    desk.slot(100, alert(slo=DB))
    assert heard(desk.slot(400)) == [*OVER, *TOLD]


def test_cause_and_effect_of_one_moment_are_one_page_whatever_their_order() -> None:
    for order in ((DB, GATE), (GATE, DB)):
        desk = chained()
        decision = desk.slot(0, *(alert(PAGE, slo=slo) for slo in order))
        assert [(message.destination, message.slo) for message in decision.messages] == [("oncall", DB), ("hook", DB)]


def test_an_effect_that_paged_before_its_cause_did_is_said_no_more_of_until_that_ends() -> None:
    desk = chained()
    desk.slot(0, alert(PAGE, slo=GATE))
    decision = desk.slot(10, alert(PAGE, slo=DB))
    assert kinds(decision) == [Opened, Paged, Muted]
    desk.does(20, takes_on("2"))
    assert not [each for each in desk.slot(1800).messages if each.incident == "1"], "half of its time has gone"
    desk.slot(1900, alert(slo=DB))
    desk.slot(2200)
    assert [each.incident for each in desk.slot(45 * 60).messages] == ["1", "1"], "three quarters have"


def test_an_effect_that_ends_before_its_cause_was_never_told() -> None:
    desk = chained()
    desk.slot(0, alert(PAGE, slo=DB), alert(PAGE, slo=GATE))
    desk.slot(10, alert(slo=GATE))
    desk.slot(310)
    assert {message.incident for message in desk.messages} == {"1"}


def test_a_cause_that_is_silenced_explains_nothing() -> None:
    desk = chained()
    desk.silence(-60, 600, slo=DB)
    decision = desk.slot(0, alert(PAGE, slo=DB), alert(PAGE, slo=GATE))
    assert [(message.destination, message.slo) for message in decision.messages] == [("oncall", GATE), ("hook", GATE)]


def test_a_cause_that_is_less_urgent_or_has_not_paged_explains_nothing() -> None:
    for cause in (alert(PAGE, slo=DB, labels=STAGING), alert(TICKET, slo=DB)):
        desk = chained()
        desk.slot(0, cause)
        assert heard(desk.slot(10, alert(PAGE, slo=GATE))) == TOLD


def test_a_person_who_makes_an_effect_more_urgent_than_its_cause_is_heard() -> None:
    desk = chained()
    desk.slot(0, alert(PAGE, slo=DB, labels=STAGING), alert(TICKET, slo=GATE, labels=STAGING))
    assert {message.incident for message in desk.messages} == {"1"}
    raised = Prioritize(target=Target(incident="2"), by="anna", via="api", priority=Priority.P0, why="it is worse")
    assert heard(desk.does(10, raised)) == TOLD


def test_a_rule_mutes_tickets_under_a_page_whichever_was_first() -> None:
    desk = chained(Graph(), PAGES_EXPLAIN_TICKETS)
    desk.slot(0, alert(PAGE, slo=DB))
    assert not desk.slot(10, alert(TICKET, slo=GATE)).messages

    desk = chained(Graph(), PAGES_EXPLAIN_TICKETS)
    assert heard(desk.slot(0, alert(TICKET, slo=GATE))) == [("hook", "trigger")]
    assert kinds(desk.slot(10, alert(PAGE, slo=DB))) == [Opened, Paged, Muted]
    assert not [each for each in desk.slot(5 * 3600).messages if each.incident == "1"]


def test_a_rule_looks_at_the_labels_that_must_be_equal() -> None:
    desk = chained(Graph(), PAGES_EXPLAIN_TICKETS)
    desk.slot(0, alert(PAGE, slo=DB))
    assert desk.slot(10, alert(TICKET, slo=GATE, labels=STAGING | {"customer": "beta"})).messages


def test_what_suppresses_one_another_is_told_all_the_same() -> None:
    desk = chained(Graph(needs={GATE: frozenset({DB}), DB: frozenset({GATE})}))
    decision = desk.slot(0, alert(PAGE, slo=DB), alert(PAGE, slo=GATE))
    assert heard(decision) == TOLD * 2


def test_a_raise_while_it_is_muted_is_heard_by_those_it_concerns_when_that_ends() -> None:
    desk = silenced(100, 600)
    desk.tree = routes(destinations=("hook",))
    desk.slot(0, alert(TICKET))
    desk.slot(100)
    desk.tree = routes(destinations=("hook", "wall"))
    desk.slot(200, alert(TICKET, PAGE))
    assert heard(desk.slot(600)) == [("hook", "update"), ("wall", "trigger")]
    assert desk.incident.pages == (at(600),)


def test_nothing_hides_what_the_watch_says_about_itself() -> None:
    everything = replace(PAGES_EXPLAIN_TICKETS, equal=())
    desk = Desk(rules=[everything])
    desk.silence(-60, 600, slo=DELIVERY)
    desk.slot(0, alert(PAGE, slo=DB))
    undelivered = FiringPair(severity=Severity.TICKET, cause=Cause.UNDELIVERED)
    own = alert(undelivered, slo=DELIVERY, scope="mail", labels=OWN_LABELS)
    decision = desk.slot(10, replace(own, evidence=Evidence()))
    assert heard(decision) == [("hook", "trigger")]
    assert desk.incident.muted == ""


def test_what_fires_in_the_same_moment_as_its_cause_is_never_paged_a_moment_before_it() -> None:
    rules = [
        Rule(source=(Matcher(label="slo", operator="=", value=f"s{one}"),),
             target=(Matcher(label="slo", operator="=", value=f"s{one + 1}"),))
        for one in range(3)
    ]  # fmt: skip
    desk = Desk(rules=rules)
    decision = desk.slot(0, *(alert(PAGE, slo=f"s{number}") for number in (3, 1, 0, 2)))
    paged = [event.incident for event in decision.events if isinstance(event, Paged)]
    assert [desk.incidents[incident].slo for incident in paged] == ["s0", "s2"], "s1 was told to nobody"
    assert [each.slo for each in desk.incidents.values() if each.muted] == ["s1", "s3"]
