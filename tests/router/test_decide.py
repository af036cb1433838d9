"""What alerts mean for incidents: who is told what, when, and under which key."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import timedelta

import pytest

from slo.core.alert import Alert, FiringPair
from slo.core.delivery import Action, Message
from slo.core.events import Event, FiringChanged, Opened, PageCleared, Paged, Raised, Resolved
from slo.core.folding import fold
from slo.core.incident import Incident
from slo.core.policy import Severity
from slo.core.priority import Priority
from slo.core.routing import Route
from slo.core.slo import Grouped, slo_key
from slo.errors import UsageError
from slo.router.decide import begun, decide
from slo.router.messages import Decision, Teller
from slo.router.people import decide_act
from tests.router.making import (
    FEW_EVENTS,
    LOST,
    LOST_PAGE,
    PAGE,
    PRODUCTION,
    SLO,
    SLOW_PAGE,
    STAGING,
    TICKET,
    alert,
    at,
    draft_of,
    ends,
    routes,
    takes_on,
)

G1, G2, G3 = (f"acme:{SLO}:-:g{n}" for n in (1, 2, 3))


class Watch:
    """Decides, and keeps what was decided, as the router does."""

    def __init__(self, tree: Route | None = None) -> None:
        self.routes = tree or routes()
        self.known: Collection[str] = {SLO}
        self.grouped: Collection[Grouped] = ()
        self.incidents: dict[str, Incident] = {}
        self.messages: list[Message] = []
        self.events: list[Event] = []

    def see(self, seconds: float, *alerts: Alert) -> Decision:
        draft = draft_of(self.incidents, at(seconds), tree=self.routes)
        decide(alerts, draft, known_slos=self.known, grouped=self.grouped)
        return self._take(draft.decision)

    def fires(self, seconds: float, *firing: FiringPair) -> Decision:
        return self.see(seconds, alert(*firing))

    def acknowledge(self, seconds: float, incident: str = "1", by: str = "anna") -> Decision:
        teller = Teller(at=at(seconds))
        return self._take(decide_act(takes_on(incident, by), self.incidents, teller=teller))

    def resolve(self, seconds: float, incident: str = "1") -> Decision:
        teller = Teller(at=at(seconds))
        return self._take(decide_act(ends(incident), self.incidents, teller=teller))

    def _take(self, decision: Decision) -> Decision:
        for event in decision.events:
            self.incidents[event.incident] = fold(self.incidents.get(event.incident), event)
        self.messages += decision.messages
        self.events += decision.events
        return decision


def told(decision: Decision) -> list[tuple[str, str, str]]:
    return [(message.destination, message.action.value, message.key) for message in decision.messages]


def kinds(decision: Decision) -> list[type[Event]]:
    return [type(event) for event in decision.events]


def ids(messages: Iterable[Message]) -> list[str]:
    return [message.id for message in messages]


def test_a_page_opens_an_incident_and_tells_everyone_at_once() -> None:
    watch = Watch()
    decision = watch.fires(0, PAGE)
    assert kinds(decision) == [Opened, Paged]
    assert told(decision) == [("oncall", "trigger", G1), ("hook", "trigger", G1)]
    page, hook = decision.messages
    assert (page.priority, page.severity, page.incident, page.status) == (Priority.P0, Severity.PAGE, "1", "triggered")
    assert page.summary == hook.summary == watch.incidents["1"].summary
    assert page.url == "https://watch.example/incidents/1"
    assert (page.at, page.opened_at, page.firing) == (at(0), at(0), frozenset({PAGE}))


@pytest.mark.parametrize(
    ("firing", "labels", "priority"),
    [
        (PAGE, PRODUCTION, Priority.P0),
        (PAGE, STAGING, Priority.P1),
        (TICKET, PRODUCTION, Priority.P1),
        (TICKET, STAGING, Priority.P2),
        (TICKET, {}, Priority.P2),
    ],
)
def test_the_priority_follows_severity_and_environment(
    firing: FiringPair, labels: dict[str, str], priority: Priority
) -> None:
    watch = Watch()
    watch.see(0, alert(firing, labels=labels))
    assert watch.incidents["1"].priority is priority
    assert {message.priority for message in watch.messages} == {priority}


def test_a_ticket_is_told_to_those_that_are_told_of_everything() -> None:
    decision = Watch().fires(0, TICKET)
    assert kinds(decision) == [Opened]
    assert told(decision) == [("hook", "trigger", G1)]


def test_lost_data_is_an_incident_that_pages_when_the_target_is_at_fault_and_ends_when_data_is_back() -> None:
    watch = Watch()
    assert told(watch.fires(0, LOST)) == [("hook", "trigger", G1)]
    decision = watch.fires(60, LOST_PAGE)
    assert kinds(decision) == [FiringChanged, Raised, Paged]
    assert told(decision) == [("oncall", "trigger", G1), ("hook", "update", G1)]
    assert "lost its data" in decision.messages[0].summary
    watch.fires(120)
    assert told(watch.fires(420)) == [("oncall", "resolve", G1), ("hook", "resolve", G1)]


def test_nothing_happens_while_nothing_changes() -> None:
    watch = Watch()
    assert not watch.fires(0)
    watch.fires(10, PAGE)
    assert not watch.fires(20, PAGE)
    assert not watch.fires(86_400, PAGE)


def test_pairs_that_come_and_go_are_written_down_and_told_to_nobody() -> None:
    watch = Watch()
    watch.fires(0, PAGE)
    for seconds, firing in enumerate([[PAGE, SLOW_PAGE], [SLOW_PAGE], [SLOW_PAGE, TICKET]], start=1):
        decision = watch.fires(seconds, *firing)
        assert kinds(decision) == [FiringChanged]
        assert not decision.messages
    assert watch.incidents["1"].firing == {SLOW_PAGE, TICKET}


def test_everything_clear_for_resolve_after_resolves_everywhere() -> None:
    watch = Watch()
    watch.fires(0, PAGE)
    assert kinds(watch.fires(100)) == [FiringChanged]
    assert not watch.fires(399)
    decision = watch.fires(400)
    assert kinds(decision) == [Resolved]
    assert told(decision) == [("oncall", "resolve", G1), ("hook", "resolve", G1)]
    assert [message.why for message in decision.messages] == ["clear for 5m"] * 2
    assert decision.messages[1].summary == f"{SLO} is resolved: clear for 5m"
    assert not watch.fires(410)


def test_firing_again_before_that_says_nothing_and_starts_the_wait_anew() -> None:
    watch = Watch()
    watch.fires(0, PAGE)
    watch.fires(100)
    assert not watch.fires(390, PAGE).messages
    watch.fires(400)
    assert not watch.fires(699).messages
    assert kinds(watch.fires(700)) == [Resolved]


def test_resolve_after_zero_resolves_at_once() -> None:
    watch = Watch(routes(resolve_after=timedelta(0)))
    watch.fires(0, PAGE)
    assert kinds(watch.fires(1)) == [FiringChanged, Resolved]


def test_firing_after_the_resolution_is_a_new_incident_of_the_next_generation() -> None:
    watch = Watch()
    watch.fires(0, PAGE)
    watch.fires(100)
    watch.fires(400)
    decision = watch.fires(500, PAGE)
    assert told(decision) == [("oncall", "trigger", G2), ("hook", "trigger", G2)]
    assert watch.incidents["2"].generation == 2
    assert len(set(ids(watch.messages))) == len(watch.messages)


def test_a_page_inside_a_ticket_raises_it_and_pages_under_its_key() -> None:
    watch = Watch()
    watch.fires(0, TICKET)
    watch.acknowledge(10)
    decision = watch.fires(20, TICKET, PAGE)
    assert kinds(decision) == [FiringChanged, Raised, Paged]
    assert told(decision) == [("oncall", "trigger", G1), ("hook", "update", G1)]
    assert {message.priority for message in decision.messages} == {Priority.P0}
    assert watch.incidents["1"].status == "triggered"


def test_a_page_that_is_clear_is_resolved_while_the_ticket_goes_on_and_pages_anew() -> None:
    watch = Watch()
    watch.fires(0, TICKET, PAGE)
    watch.fires(100, TICKET)
    decision = watch.fires(400, TICKET)
    assert kinds(decision) == [PageCleared]
    assert told(decision) == [("oncall", "resolve", G1), ("hook", "update", G1)]
    assert watch.incidents["1"].open

    watch.acknowledge(410)
    decision = watch.fires(500, TICKET, PAGE)
    assert kinds(decision) == [FiringChanged, Paged]
    assert told(decision) == [("oncall", "trigger", G2), ("hook", "update", G1)]

    watch.fires(600)
    assert not watch.fires(900), "the second time within an hour it has to be clear for twice as long"
    decision = watch.fires(1200)
    assert told(decision) == [("oncall", "resolve", G2), ("hook", "resolve", G1)]
    assert told(watch.fires(1300, PAGE))[0] == ("oncall", "trigger", G3)


def test_a_page_that_was_resolved_already_is_not_resolved_again() -> None:
    watch = Watch()
    watch.fires(0, TICKET, PAGE)
    watch.fires(100, TICKET)
    watch.fires(400, TICKET)
    watch.fires(500)
    assert told(watch.fires(800)) == [("hook", "resolve", G1)]


def test_an_acknowledgement_is_told_to_those_that_were_told() -> None:
    watch = Watch()
    watch.fires(0, PAGE)
    decision = watch.acknowledge(10)
    assert told(decision) == [("oncall", "acknowledge", G1), ("hook", "acknowledge", G1)]
    assert [(message.by, message.status) for message in decision.messages] == [("anna", "acknowledged")] * 2
    assert not watch.acknowledge(20, by="ben")


def test_a_new_page_can_be_acknowledged_again() -> None:
    watch = Watch()
    watch.fires(0, TICKET, PAGE)
    watch.acknowledge(10)
    watch.fires(100, TICKET)
    watch.fires(400, TICKET)
    watch.fires(500, TICKET, PAGE)
    decision = watch.acknowledge(510, by="ben")
    assert told(decision) == [("oncall", "acknowledge", G2), ("hook", "acknowledge", G1)]
    assert watch.incidents["1"].acknowledged_by == "anna"


def test_an_acknowledged_ticket_is_not_acknowledged_at_a_destination_that_never_had_it() -> None:
    watch = Watch()
    watch.fires(0, TICKET)
    assert told(watch.acknowledge(10)) == [("hook", "acknowledge", G1)]


def test_a_person_resolves_and_what_still_fires_opens_nothing() -> None:
    watch = Watch()
    watch.fires(0, PAGE)
    decision = watch.resolve(10)
    assert told(decision) == [("oncall", "resolve", G1), ("hook", "resolve", G1)]
    assert decision.messages[1].summary == f"{SLO} is resolved by anna: a drill"
    assert not watch.fires(20, PAGE)
    assert kinds(watch.fires(30, FEW_EVENTS)) == [FiringChanged]


@pytest.mark.parametrize(
    ("afterwards", "opens"),
    [
        ([[PAGE, SLOW_PAGE]], True),
        ([[PAGE, TICKET]], True),
        ([[], [PAGE]], True),
        ([[FEW_EVENTS], [PAGE]], True),
        ([[FEW_EVENTS]], False),
        ([[]], False),
    ],
)
def test_only_a_pair_that_begins_to_fire_opens_anew_after_a_person_resolved(
    afterwards: list[list[FiringPair]], *, opens: bool
) -> None:
    watch = Watch()
    watch.fires(0, PAGE)
    watch.resolve(10)
    before = len(watch.messages)
    for seconds, firing in enumerate(afterwards, start=20):
        watch.fires(seconds, *firing)
    assert ("2" in watch.incidents) == opens
    assert (len(watch.messages) > before) == opens


def test_a_pair_that_pages_only_now_is_new_and_one_that_is_a_ticket_only_now_is_not() -> None:
    assert begun(frozenset({FEW_EVENTS}), frozenset({PAGE})) == {PAGE}
    assert not begun(frozenset({PAGE}), frozenset({FEW_EVENTS}))


@pytest.mark.parametrize("act", ["acknowledge", "resolve"])
def test_people_cannot_act_on_what_is_not_there_or_over(act: str) -> None:
    watch = Watch()
    watch.fires(0, PAGE)
    with pytest.raises(UsageError, match="there is no incident 7: `watchkeep incident list` shows what there is"):
        getattr(watch, act)(5, "7")
    watch.resolve(10)
    with pytest.raises(UsageError, match="incident 1 was resolved by anna at 2026-01-01T03:00:10Z"):
        getattr(watch, act)(20)


def test_an_slo_without_an_alert_stays_as_it_is() -> None:
    watch = Watch()
    watch.fires(0, PAGE)
    watch.fires(10)
    assert not watch.see(86_400)
    assert watch.incidents["1"].open


def test_what_was_clear_and_became_unknown_stays_open_until_something_is_known() -> None:
    watch = Watch()
    watch.fires(0, TICKET, PAGE)
    watch.fires(10, TICKET)
    assert not watch.see(400, replace(alert(TICKET), known=False))
    assert kinds(watch.fires(410, TICKET)) == [PageCleared]
    watch.fires(420)
    assert not watch.see(86_400, replace(alert(), known=False))
    assert kinds(watch.fires(86_410)) == [Resolved]


@pytest.mark.parametrize(
    ("scope", "grouped", "why"),
    [
        ("region=eu", {(SLO, ("region",))}, "its group is gone with its last target or series"),
        ("region=e=u,tier=", {(SLO, ("region", "tier"))}, "its group is gone with its last target or series"),
        ("region=eu", {(SLO, ("zone",)), ("another", ("region",))}, "the SLO was removed from the configuration"),
        ("region=eu", {(SLO, ("region", "tier"))}, "the SLO was removed from the configuration"),
        ("region=eu", (), "the SLO was removed from the configuration"),
        ("", {("another", ("region",))}, "the SLO was removed from the configuration"),
    ],
)
def test_an_incident_says_whether_its_group_is_gone_or_its_slo_was_removed(
    scope: str, grouped: Collection[Grouped], why: str
) -> None:
    watch = Watch()
    watch.grouped, watch.known = grouped, {slo_key(SLO, scope)}
    watch.see(0, replace(alert(PAGE), scope=scope))
    watch.known = ()
    watch.see(10)
    assert watch.incidents["1"].resolved_why is not None
    assert watch.incidents["1"].resolved_why.startswith(why)


def test_what_fires_while_nothing_is_known_pages_all_the_same() -> None:
    assert kinds(Watch().see(0, replace(alert(PAGE), known=False))) == [Opened, Paged]


def test_an_slo_that_left_the_configuration_is_resolved_everywhere() -> None:
    watch = Watch()
    watch.fires(0, PAGE)
    watch.known = {"another"}
    decision = watch.see(10)
    assert told(decision) == [("oncall", "resolve", G1), ("hook", "resolve", G1)]
    assert watch.incidents["1"].resolved_why == "the SLO was removed from the configuration"
    assert not watch.see(20)
    watch.known = {SLO}
    assert told(watch.fires(30, PAGE)) == [("oncall", "trigger", G2), ("hook", "trigger", G2)]


def test_a_destination_that_is_routed_later_hears_of_what_begins_later() -> None:
    watch = Watch(routes(destinations=("hook",)))
    watch.fires(0, PAGE)
    watch.routes = routes(destinations=("oncall", "hook", "chat"))
    watch.acknowledge(10)
    watch.fires(20)
    watch.fires(320)
    assert {message.destination for message in watch.messages} == {"hook"}
    assert [name for name, *_ in told(watch.fires(400, PAGE))] == ["oncall", "hook", "chat"]


def test_a_destination_that_is_routed_no_longer_hears_the_end() -> None:
    watch = Watch()
    watch.fires(0, PAGE)
    watch.routes = routes(destinations=())
    watch.fires(100)
    assert told(watch.fires(400)) == [("oncall", "resolve", G1), ("hook", "resolve", G1)]


def test_scopes_of_one_slo_are_incidents_of_their_own() -> None:
    watch = Watch()
    watch.known = {f"{SLO}{{eu}}", f"{SLO}{{us}}"}
    watch.see(0, alert(PAGE, scope="eu"), alert(PAGE, scope="us"))
    assert [incident.key for incident in watch.incidents.values()] == [f"acme:{SLO}:eu:g1", f"acme:{SLO}:us:g1"]
    watch.see(10, alert(scope="eu"), alert(PAGE, scope="us"))
    watch.see(310, alert(scope="eu"), alert(PAGE, scope="us"))
    assert [incident.status for incident in watch.incidents.values()] == ["resolved", "triggered"]
    watch.known = {f"{SLO}{{eu}}"}
    watch.see(320, alert(scope="eu"))
    assert [incident.status for incident in watch.incidents.values()] == ["resolved", "resolved"]


def test_incidents_are_numbered_as_they_open() -> None:
    watch = Watch()
    watch.known = {"a", "b", "c"}
    watch.see(0, alert(PAGE, slo="a"), alert(TICKET, slo="b"))
    watch.see(10, alert(PAGE, slo="c"))
    assert [(name, incident.slo) for name, incident in watch.incidents.items()] == [("1", "a"), ("2", "b"), ("3", "c")]


def test_messages_are_resolved_with_nothing_firing() -> None:
    watch = Watch()
    watch.fires(0, PAGE)
    watch.resolve(10)
    ends = [message for message in watch.messages if message.action is Action.RESOLVE]
    assert [(message.firing, message.status) for message in ends] == [(frozenset(), "resolved")] * 2
