"""The keeper of the alerts of others, and the router's decisions on what it says."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from slo.core.alert import Alert, Cause, Evidence, FiringPair, Report
from slo.core.events import Event, Resolved
from slo.core.folding import fold_all
from slo.core.foreign import ForeignAlert
from slo.core.incident import Incident
from slo.core.policy import Severity
from slo.core.slo import slo_key
from slo.router.decide import decide, decide_at_once
from slo.router.foreign import MOST_CHANGES, Fate, ForeignAlerts, joined
from slo.router.hook import payload_of
from slo.router.incidents import Incidents
from tests.router.making import EVIDENCE, PAGE, REPORT, REPORTED, TICKET, alert, at, draft_of, message
from tests.router.test_meaning import an_slo


def foreign(name: str = "Down", *, ends_at: float | None = None, begins: float = 0, **labels: str) -> ForeignAlert:
    """An alert that fires until so many seconds into the test; without one, until it is over."""
    return ForeignAlert(
        labels={"alertname": name, **labels},
        annotations={"summary": f"{name} of {labels}"},
        starts_at=at(begins),
        ends_at=None if ends_at is None else at(ends_at),
    )


class World:
    """A keeper and the incidents that came of it."""

    def __init__(self, keeper: ForeignAlerts | None = None) -> None:
        self.keeper = ForeignAlerts() if keeper is None else keeper
        self.events: list[Event] = []

    @property
    def incidents(self) -> dict[str, Incident]:
        return fold_all(self.events)

    def take(self, *alerts: ForeignAlert) -> list[Fate]:
        return [self.keeper.take(each, self.incidents) for each in alerts]

    def hurry(self, *alerts: ForeignAlert, seconds: float = 0) -> dict[str, Incident]:
        """The alerts come in before the slot ends; every incident by its key after that."""
        self.take(*alerts)
        incidents = Incidents(self.incidents.values())
        draft = draft_of(incidents, at(seconds))
        decide_at_once(self.keeper.urgent(alerts, incidents.last_of, at(seconds)), draft)
        self.events += draft.decision.events
        return {slo_key(each.slo, each.scope): each for each in self.incidents.values()}

    def judge(self, seconds: float, own: Iterable[Alert] = ()) -> dict[str, Incident]:
        """The end of a slot; every incident by its key after it."""
        reported = self.keeper.alerts(Incidents(self.incidents.values()), at(seconds))
        known = {slo_key(each.slo, each.scope) for each in (*own, *reported)}
        draft = draft_of(self.incidents, at(seconds))
        decide(joined(list(own), reported), draft, known_slos=known)
        self.events += draft.decision.events
        return {slo_key(each.slo, each.scope): each for each in self.incidents.values()}


def test_an_alert_opens_an_incident_and_its_end_resolves_it_when_it_has_lasted() -> None:
    world = World()
    assert world.take(foreign(severity="critical", environment="production")) == [Fate.TAKEN]
    incident = world.judge(0)["Down{environment=production}"]
    assert (incident.severity, incident.priority, incident.page_open) == (Severity.PAGE, "P0", True)
    assert incident.evidence.report is not None
    world.take(foreign(severity="critical", environment="production", ends_at=5))
    assert world.judge(10)["Down{environment=production}"].firing == frozenset()
    assert world.judge(309)["Down{environment=production}"].open
    assert not world.judge(310)["Down{environment=production}"].open
    assert len(world.keeper) == 0


def test_alerts_that_differ_in_severity_alone_are_one_incident_that_is_raised() -> None:
    world = World()
    world.take(foreign(severity="warning"))
    assert world.judge(0)["Down"].severity is Severity.TICKET
    world.take(foreign(severity="critical"))
    incident = world.judge(10)["Down"]
    assert (len(world.incidents), incident.severity, len(incident.firing)) == (1, Severity.PAGE, 2)


def test_the_words_are_those_of_the_most_urgent_that_began_first() -> None:
    world = World(ForeignAlerts([an_slo("gate")]))
    world.take(
        foreign("A", severity="warning", slo="gate"),
        foreign("B", severity="page", slo="gate", begins=-5),
        foreign("C", severity="page", slo="gate", begins=-9),
    )
    report = world.judge(0)["gate"].evidence.report
    assert report is not None
    assert report.summary.startswith("C of")


def test_what_ends_by_its_time_is_over() -> None:
    world = World()
    world.take(foreign(ends_at=300))
    assert world.judge(299)["Down"].firing
    assert not world.judge(300)["Down"].firing


def test_what_is_over_when_it_is_first_heard_of_opens_nothing_and_is_forgotten() -> None:
    world = World()
    world.take(foreign(ends_at=-1))
    assert world.judge(0) == {}
    assert len(world.keeper) == 0


def test_after_a_restart_nothing_is_resolved_before_it_is_heard_of() -> None:
    world = World()
    world.take(foreign(), foreign("Full"))
    world.judge(0)
    world.keeper = ForeignAlerts()
    world.take(foreign("Full", ends_at=10))
    world.judge(10)
    incidents = world.judge(10_000)
    assert incidents["Down"].open
    assert incidents["Down"].firing
    assert not incidents["Full"].open
    world.take(foreign(ends_at=10_005))
    world.judge(10_010)
    assert not world.judge(10_400)["Down"].open


def test_after_a_restart_a_clear_alert_still_resolves() -> None:
    world = World()
    world.take(foreign())
    world.judge(0)
    world.take(foreign(ends_at=5))
    world.judge(10)
    world.keeper = ForeignAlerts()
    assert world.judge(309)["Down"].open
    assert not world.judge(310)["Down"].open


def test_what_a_person_closed_opens_anew_only_when_it_fires_anew() -> None:
    world = World()
    world.take(foreign())
    world.judge(0)
    world.events.append(Resolved(incident="1", at=at(5), by="kim", why="done"))
    world.judge(10)
    world.judge(20)
    assert len(world.incidents) == 1
    world.take(foreign(ends_at=25))
    world.judge(30)
    world.take(foreign())
    assert world.judge(40)["Down"].generation == 2


def test_what_was_closed_while_it_fired_pages_again_after_a_restart_although_its_end_was_missed() -> None:
    world = World()
    world.take(foreign())
    world.judge(0)
    world.events.append(Resolved(incident="1", at=at(5), by="kim", why="done"))
    world.keeper = ForeignAlerts()
    world.judge(10)
    world.take(foreign())
    assert world.judge(20)["Down"].generation == 2


def test_more_alerts_than_are_kept_find_no_room_until_others_are_over() -> None:
    world = World(ForeignAlerts(most=2))
    assert world.take(*(foreign(instance=str(number)) for number in range(3))) == [Fate.TAKEN, Fate.TAKEN, Fate.NO_ROOM]
    assert len(world.keeper) == 2
    assert world.take(foreign(instance="1", ends_at=5)) == [Fate.TAKEN]
    world.judge(10)
    world.judge(20)
    assert world.take(foreign(instance="2")) == [Fate.TAKEN]


def test_what_pages_does_not_wait_for_the_slot_to_end() -> None:
    world = World()
    incident = world.hurry(foreign(severity="critical", environment="production"))["Down{environment=production}"]
    assert (incident.priority, incident.page_open) == ("P0", True)
    events = len(world.events)
    world.hurry(foreign(severity="critical", environment="production"), seconds=1)
    world.judge(10)
    assert len(world.events) == events


def test_a_ticket_waits_for_the_slot_to_end_and_a_page_in_it_does_not() -> None:
    world = World()
    assert not world.hurry(foreign(severity="warning"))
    assert world.judge(0)["Down"].severity is Severity.TICKET
    assert world.hurry(foreign(severity="critical"), seconds=1)["Down"].page_open


def test_an_end_waits_for_the_slot_to_end() -> None:
    world = World()
    world.hurry(foreign(severity="critical"))
    assert world.hurry(foreign(severity="critical", ends_at=1), seconds=2)["Down"].firing
    assert not world.judge(10)["Down"].firing


def test_short_slots_take_in_less_at_once() -> None:
    world = World(ForeignAlerts(slot_seconds=1))
    world.take(*(foreign("Full", instance=str(number)) for number in range(250)))
    assert [len(world.judge(second)) for second in range(3)] == [100, 200, 250]


def test_a_page_finds_room_where_the_others_have_taken_all_of_theirs() -> None:
    world = World(ForeignAlerts(most=2))
    world.take(*(foreign(severity="warning", instance=str(number)) for number in range(2)))
    assert world.take(foreign(severity="warning", instance="late")) == [Fate.NO_ROOM]
    pages = [foreign(severity="page", instance=str(number)) for number in range(3)]
    assert world.take(*pages) == [Fate.TAKEN, Fate.TAKEN, Fate.NO_ROOM]
    assert len(world.keeper) == 4


def test_a_storm_opens_its_incidents_over_several_slots_and_pages_first() -> None:
    world = World()
    tickets = [foreign("Full", instance=str(number)) for number in range(MOST_CHANGES)]
    pages = [foreign(severity="page", instance=str(number)) for number in range(10)]
    world.take(*tickets, *pages)
    first = world.judge(0)
    assert len(first) == MOST_CHANGES
    assert sum(incident.severity is Severity.PAGE for incident in first.values()) == len(pages)
    assert len(world.judge(10)) == MOST_CHANGES + len(pages)
    world.take(*(replace(each, ends_at=at(15)) for each in tickets + pages))
    assert sum(not incident.firing for incident in world.judge(20).values()) == MOST_CHANGES
    for slot in range(3, 5):
        world.judge(10 * slot)
    for slot in range(2):
        world.judge(400 + 10 * slot)
    assert not any(incident.open for incident in world.incidents.values())
    assert len(world.keeper) == 0


def test_ours_that_comes_back_is_dropped_and_that_of_another_watch_is_not() -> None:
    world = World()
    world.take(foreign("Gate"))
    incident = next(iter(world.judge(0).values()))
    sent: Any = payload_of(message(incident=incident.id, opened_at=incident.opened_at))["alerts"]
    back = ForeignAlert(labels=sent[0]["labels"], annotations=sent[0]["annotations"], starts_at=at(0))
    assert world.take(back) == [Fate.OWN]
    assert World().take(back) == [Fate.TAKEN]
    elsewhere = World()
    elsewhere.take(foreign("Gate"))
    elsewhere.judge(0.002)
    assert elsewhere.take(back) == [Fate.TAKEN]


@pytest.mark.parametrize(
    ("ours", "theirs", "firing", "report"),
    [
        (set(), {REPORTED}, {REPORTED}, REPORT),
        ({TICKET}, {REPORTED}, {TICKET, REPORTED}, REPORT),
        ({PAGE}, {REPORTED}, {PAGE, REPORTED}, None),
        ({PAGE}, {PAGE}, {PAGE}, None),
        ({PAGE}, set(), {PAGE}, None),
        (set(), set(), set(), None),
    ],
)
def test_of_what_the_engine_and_others_speak_of_everything_fires_that_either_says(
    ours: set[FiringPair], theirs: set[FiringPair], firing: set[FiringPair], report: Report | None
) -> None:
    said = replace(alert(*theirs), evidence=Evidence(report=REPORT), labels={"instance": "a"})
    (together,) = joined([alert(*ours)], [said])
    assert together.firing == firing
    assert together.evidence == replace(EVIDENCE, report=report)
    assert together.labels == alert().labels


def test_lost_data_of_the_engine_keeps_what_others_have_cleared() -> None:
    unknown = replace(alert(PAGE), known=False)
    (together,) = joined([unknown], [alert()])
    assert together == unknown


def test_an_slo_that_the_engine_watches_is_followed_for_others_until_they_are_clear() -> None:
    world = World(ForeignAlerts([an_slo("gate-availability")]))
    down = foreign(severity="critical", slo="gate-availability")
    world.take(down)
    incident = world.judge(0, own=[alert()])["gate-availability"]
    assert incident.evidence.objective == EVIDENCE.objective
    world.judge(10, own=[alert(PAGE)])
    world.keeper = ForeignAlerts([an_slo("gate-availability")])
    assert world.judge(1000, own=[alert()])["gate-availability"].firing
    world.take(replace(down, ends_at=at(1005)))
    world.judge(1010, own=[alert()])
    assert not world.judge(1310, own=[alert()])["gate-availability"].open


def test_a_new_configuration_says_anew_what_alerts_are_about() -> None:
    world = World()
    world.take(foreign(slo="gate", instance="a"))
    assert list(world.judge(0)) == ["gate{instance=a}"]
    world.keeper.configure([an_slo("gate")])
    assert len(world.keeper) == 1
    assert "gate" in world.judge(10)


NAMES, SEVERITIES, INSTANCES = ("Down", "Full"), ("page", "warning"), ("a", "b")
ALERTS = [
    {"alertname": name, "severity": severity, "instance": instance}
    for name in NAMES
    for severity in SEVERITIES
    for instance in INSTANCES
]


class Storms(RuleBasedStateMachine):
    """Alerts that begin, end and expire, people who close incidents, and kills: the model knows what was said last.

    `believed` is what fires by what was heard: what was not heard of since a kill is as it was.
    """

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.seconds = 0.0
        self.said: dict[int, float | None] = {}
        self.believed: set[int] = set()

    @rule(which=st.integers(0, len(ALERTS) - 1), lasts=st.none() | st.sampled_from([10.0, 300.0]))
    def an_alert_fires(self, which: int, lasts: float | None) -> None:
        self.say(which, None if lasts is None else self.seconds + lasts)

    @rule(which=st.integers(0, len(ALERTS) - 1))
    def an_alert_is_over(self, which: int) -> None:
        self.say(which, self.seconds)

    @rule(step=st.sampled_from([10.0, 290.0, 300.0]))
    def a_slot_ends(self, step: float) -> None:
        self.seconds += step
        for which in range(len(ALERTS)):
            if which in self.said:
                ends_at = self.said[which]
                if ends_at is None or ends_at > self.seconds:
                    self.believed.add(which)
                else:
                    self.believed.discard(which)
            elif which in self.believed and not self.last(which).open:
                self.believed.discard(which)
        self.world.judge(self.seconds)
        for which in range(len(ALERTS)):
            pair = self.pair(which)
            incident = self.last(which) if which in self.believed or self.key(which) in self.keys() else None
            assert (incident is not None and pair in incident.firing) == (which in self.believed)

    @rule()
    def it_is_killed_and_started_again(self) -> None:
        self.world.keeper = ForeignAlerts()
        self.said.clear()

    @precondition(lambda self: any(incident.open for incident in self.world.incidents.values()))
    @rule(data=st.data())
    def a_person_closes_an_incident(self, data: st.DataObject) -> None:
        ids = [incident.id for incident in self.world.incidents.values() if incident.open]
        event = Resolved(incident=data.draw(st.sampled_from(ids)), at=at(self.seconds), by="kim", why="")
        self.world.events.append(event)

    @invariant()
    def nothing_resolves_by_itself_while_anything_fires(self) -> None:
        alone = [each for each in self.world.incidents.values() if not each.open and not each.resolved_by]
        assert all(incident.clear_since is not None for incident in alone)

    @invariant()
    def one_matter_has_one_open_incident(self) -> None:
        open_keys = [(each.slo, each.scope) for each in self.world.incidents.values() if each.open]
        assert len(open_keys) == len(set(open_keys))

    @invariant()
    def no_more_is_kept_than_was_said(self) -> None:
        assert len(self.world.keeper) <= len(self.said)

    def say(self, which: int, ends_at: float | None) -> None:
        labels = dict(ALERTS[which])
        self.world.take(foreign(labels.pop("alertname"), ends_at=ends_at, begins=-1, **labels))
        self.said[which] = ends_at

    def key(self, which: int) -> tuple[str, str]:
        return ALERTS[which]["alertname"], f"instance={ALERTS[which]['instance']}"

    def keys(self) -> set[tuple[str, str]]:
        return {(each.slo, each.scope) for each in self.world.incidents.values()}

    def last(self, which: int) -> Incident:
        return [each for each in self.world.incidents.values() if (each.slo, each.scope) == self.key(which)][-1]

    def pair(self, which: int) -> FiringPair:
        severity = Severity.PAGE if ALERTS[which]["severity"] == "page" else Severity.TICKET
        return FiringPair(severity=severity, cause=Cause.ALERT, alert=ALERTS[which]["alertname"])


TestStorms = Storms.TestCase
TestStorms.settings = settings(max_examples=100, stateful_step_count=40)


def test_what_waits_to_become_an_incident_is_over_where_it_ends_or_is_said_to_meanwhile() -> None:
    keeper = ForeignAlerts(most=100, slot_seconds=1)
    for number in range(3):
        keeper.take(foreign(f"Down{number}", severity="warning", ends_at=100 if number else 5), {})
    assert len(keeper.alerts(Incidents(), at(0))) == len(keeper.alerts(Incidents(), at(4))) == 3
    assert {each.slo for each in keeper.alerts(Incidents(), at(5))} == {"Down1", "Down2"}
    keeper.take(foreign("Down1", severity="warning", ends_at=6), {})
    keeper.take(foreign("Down2", severity="critical", ends_at=100), {})
    [alert] = keeper.alerts(Incidents(), at(7))
    assert (alert.slo, alert.severity) == ("Down2", Severity.PAGE)
