"""The whole of what decides, whatever happens: silences, causes, groups, contracts, people, hours that pass, kills.

The machine is the world. It holds what every destination was told against what any may be told, and the clocks against
an oracle of its own: the response clock of the turns, asked at every slot end.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from slo.core.acts import (
    Acknowledge,
    Act,
    Assign,
    Attribute,
    EndChat,
    GoOn,
    Open,
    Prioritize,
    Promise,
    Resolve,
    Responsibility,
    Say,
    Target,
    Wait,
)
from slo.core.alert import FiringPair, worst
from slo.core.contract import DEFAULT, Contract, Telling, office_hours
from slo.core.delivery import Action, Message
from slo.core.eta import ETA, Confidence
from slo.core.events import Acknowledged, Event, Noted, Opened, Promised, Resolved, ResponseMissed, Unmuted
from slo.core.exclusion import Once
from slo.core.flapping import LONGEST
from slo.core.folding import fold_all
from slo.core.incident import Incident
from slo.core.inhibition import Graph, Rule
from slo.core.matching import Matcher
from slo.core.policy import Severity
from slo.core.priority import Impact, Priority
from slo.core.response import response_of
from slo.core.routing import EscalationStep, Route
from slo.core.silence import Silence
from slo.errors import UsageError
from slo.router.audience import Audience
from slo.router.clocks import decide_clocks
from slo.router.decide import decide, decide_pages
from slo.router.draft import Draft
from slo.router.incidents import Incidents
from slo.router.messages import Decision, Teller
from slo.router.muting import Muting
from slo.router.opening import opening_of
from slo.router.people import decide_act
from slo.router.unwritten import Unwritten
from tests.router.making import FEW_EVENTS, PAGE, PAGERS, PRODUCTION, SLOW_PAGE, TICKET, alert, at, draft_of

BETA = {"service": "deck", "customer": "beta", "environment": "staging"}
LABELS: Mapping[str, Mapping[str, str]] = {"gate": PRODUCTION, "db": PRODUCTION, "deck": BETA, "orca": BETA}
SLOS = tuple(LABELS)
FIRING = st.sampled_from(
    [
        frozenset[FiringPair](),
        frozenset({TICKET}),
        frozenset({TICKET, PAGE}),
        frozenset({PAGE, SLOW_PAGE}),
        frozenset({FEW_EVENTS}),
        frozenset({PAGE}),
    ]
)
CONTRACTS = {
    "beta": Contract(
        customer="beta",
        title="Beta",
        hours=office_hours("Europe/Berlin"),
        tell=(
            Telling(destinations=("mail",), what=frozenset({Action.TRIGGER, Action.ETA, Action.RESOLVE})),
            Telling(destinations=("chief",), priorities=frozenset({Priority.P0})),
        ),
    )
}
STEPS = (
    EscalationStep(after=Fraction(1, 4), destinations=("second",)),
    EscalationStep(after=Fraction(1, 2), destinations=("desk", "oncall")),
)
URGENT = Route(
    place="routes.routes[0]",
    matchers=(Matcher(label="priority", operator="=", value="P0"),),
    destinations=("oncall", "hook", "wall"),
    escalation=STEPS,
)
TREES = (
    Route(destinations=("oncall", "hook"), escalation=STEPS),
    Route(destinations=("hook",), routes=(URGENT,), escalation=STEPS, repeat_interval=timedelta(hours=1)),
    Route(destinations=("oncall", "hook"), group_by=("customer",), group_wait=timedelta(minutes=1), escalation=STEPS),
    Route(destinations=("second", "hook"), group_by=("severity",), routes=(replace(URGENT, group_by=("customer",)),)),
)
GRAPHS = (Graph(), Graph(needs={"gate": frozenset({"db"}), "deck": frozenset({"db", "orca"})}))
RULES = (
    (),
    (
        Rule(
            source=(Matcher(label="severity", operator="=", value="page"),),
            target=(Matcher(label="severity", operator="=", value="ticket"),),
            equal=("customer",),
        ),
        Rule(
            source=(Matcher(label="slo", operator="=", value="gate"),),
            target=(Matcher(label="slo", operator="=", value="db"),),
        ),
    ),
)
TARGETED: dict[str, Any] = {"by": "anna", "via": "api"}
REMARKS = {Action.NOTE, Action.REMIND, Action.UPDATE, Action.ETA}
"""What may be said of an incident that is over, to those who knew of it."""


def silence_of(slo: str) -> Silence:
    return Silence(
        name=f"quiet-{slo}",
        matchers=(Matcher(label="slo", operator="=", value=slo),),
        reason="a move",
        owner="operations",
        when=Once(start=at(-60), end=at(10**9)),
    )


class World(RuleBasedStateMachine):
    """Four SLOs of two customers, two pagers, and others; a journal that is written at once."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0
        self.journal: list[Event] = []
        self.lanes: dict[tuple[str, str], list[Message]] = defaultdict(list)
        self.ids: set[str] = set()
        self.state = Unwritten([])
        self.firing: dict[str, frozenset[FiringPair]] = dict.fromkeys(SLOS, frozenset())
        self.known = set(SLOS)
        self.silences: dict[str, Silence] = {}
        self.missed: set[str] = set()
        self.acts = 0
        self.configure(TREES[0], GRAPHS[0], RULES[0])

    @initialize(tree=st.sampled_from(TREES), graph=st.sampled_from(GRAPHS), rules=st.sampled_from(RULES))
    def configure(self, tree: Route, graph: Graph, rules: tuple[Rule, ...]) -> None:
        self.tree, self.graph, self.inhibit = tree, graph, rules
        self.audience, self.muting = self.new_audience(), self.new_muting()

    def new_audience(self) -> Audience:
        return Audience(self.tree, PAGERS, CONTRACTS)

    def new_muting(self) -> Muting:
        return Muting(self.silences_in_force, self.graph, self.inhibit)

    def silences_in_force(self, when: datetime) -> list[Silence]:
        return [silence for silence in self.silences.values() if silence.in_force(when)]

    @rule(
        firing=st.fixed_dictionaries(dict.fromkeys(SLOS, FIRING)),
        step=st.sampled_from([10, 60, 299, 300, 600]),
        lost=st.sets(st.sampled_from(SLOS)),
        known=st.booleans(),
    )
    def a_slot_ends(self, firing: dict[str, frozenset[FiringPair]], step: int, lost: set[str], *, known: bool) -> None:
        seen = [slo for slo in SLOS if slo in self.known and slo not in lost]
        self.firing |= {slo: firing[slo] for slo in seen}
        self.slot_ends_after(step, seen, known=known)

    @rule(step=st.sampled_from([10, 300, 900, 1800, 3600, 8 * 3600, 3 * 86_400]))
    def nothing_changes_for_a_time(self, step: int) -> None:
        self.slot_ends_after(step, [slo for slo in SLOS if slo in self.known])

    @rule(slo=st.sampled_from(SLOS))
    def a_silence_begins_or_ends(self, slo: str) -> None:
        if self.silences.pop(slo, None) is None:
            self.silences[slo] = silence_of(slo)

    @rule(slo=st.sampled_from(SLOS))
    def an_slo_leaves_or_comes_back(self, slo: str) -> None:
        self.known ^= {slo}

    @rule()
    def the_process_is_killed(self) -> None:
        self.state = Unwritten(self.journal)
        self.audience, self.muting = self.new_audience(), self.new_muting()

    @rule(impact=st.sampled_from(Impact), customer=st.sampled_from(["acme", "beta", ""]))
    def somebody_opens(self, impact: Impact, customer: str) -> None:
        self.seconds += 1
        act = Open(
            target=Target(destination="tickets", reference=f"OPS-{self.acts}"),
            summary="it hangs",
            customer=customer,
            environment="production",
            impact=impact,
            **TARGETED,
        )
        self.acts += 1
        draft = self.draft()
        contract = CONTRACTS.get(customer, DEFAULT)
        draft.open(opening_of(act, draft.take_id(), at=draft.now, contract=contract))
        self.take(draft.decision)

    @precondition(lambda self: self.state.incidents)
    @rule(data=st.data(), running=st.booleans())
    def somebody_acts(self, data: st.DataObject, *, running: bool) -> None:
        name = data.draw(st.sampled_from(sorted(self.state.incidents)))
        self.seconds += 1
        who: dict[str, Any] = TARGETED | {"target": Target(incident=name), "source": f"act:{self.acts}"}
        soon = at(self.seconds) + timedelta(minutes=30)
        eta = data.draw(
            st.sampled_from(
                [
                    ETA(),
                    ETA(recover_at=soon, confidence=Confidence.LOW, next_update_at=soon),
                    ETA(next_update_at=soon - timedelta(minutes=20)),
                ]
            )
        )
        acts: list[Act] = [
            Acknowledge(**who),
            Acknowledge(**who, acted_at=at(self.seconds - 30)),
            Say(**who, text="looking"),
            Say(**who, text="and?", responds=False),
            Promise(**who, eta=eta),
            Resolve(**who, why="fixed"),
            Wait(**who),
            GoOn(**who),
            *(Prioritize(**who, priority=priority, why="agreed") for priority in Priority),
            Assign(**who, owner="sam"),
            Attribute(**who, responsibility=Responsibility.CUSTOMER),
            EndChat(**who),
        ]
        self.acts += 1
        act = data.draw(st.sampled_from(acts))
        teller = Teller(at=at(self.seconds))
        try:
            decision = decide_act(act, self.state.incidents, teller=teller)
        except UsageError:
            return
        self.take(decision)
        again = decide_act(act, self.state.incidents, teller=teller) if decision else Decision()
        assert not again, "what is delivered twice was done twice"
        if running:
            draft = self.draft()
            decide_pages(draft)
            self.take(draft.decision)

    def slot_ends_after(self, step: float, seen: list[str], *, known: bool = True) -> None:
        self.seconds += step
        muted = {name for name, incident in self.state.incidents.items() if incident.muted}
        decision = self.decision(self.draft(), seen, known=known)
        restarted = self.decision(self.draft_of_a_restart(), seen, known=known)
        assert decision == restarted, "a restart would have decided otherwise"
        self.expect_misses()
        self.take(decision)
        again = self.decision(self.draft(), seen, known=known)
        assert not again.events, f"what was decided is decided again: {again.events}"
        self.nobody_hears_of(muted, decision)
        self.mutes_what_it_should()
        self.pages_what_it_should(seen)

    def decision(self, draft: Draft, seen: list[str], *, known: bool) -> Decision:
        alerts = [replace(alert(*self.firing[slo], slo=slo, labels=LABELS[slo]), known=known) for slo in seen]
        decide(alerts, draft, known_slos=self.known)
        decide_clocks(draft)
        return draft.decision

    def draft(self) -> Draft:
        return draft_of(self.state.incidents, at(self.seconds), audience=self.audience, muting=self.muting)

    def draft_of_a_restart(self) -> Draft:
        """By a watch that remembers nothing but the journal."""
        incidents = fold_all(self.journal)
        return draft_of(incidents, at(self.seconds), audience=self.new_audience(), muting=self.new_muting())

    def take(self, decision: Decision) -> None:
        self.state.add(decision)
        self.journal += decision.events
        for message in decision.messages:
            assert message.id not in self.ids, "the journal would take it for one that it has"
            self.ids.add(message.id)
            self.lanes[message.lane].append(message)

    def expect_misses(self) -> None:
        """The oracle of breaches: by the turns alone."""
        for incident in self.state.incidents.values():
            response = response_of(incident.turns, CONTRACTS.get(incident.customer, DEFAULT))
            if not response.stopped and response.due <= at(self.seconds):
                self.missed.add(incident.id)

    def nobody_hears_of(self, muted: set[str], decision: Decision) -> None:
        """Of what was muted, and is, only the end is told."""
        told = {(message.incident, message.action) for message in decision.messages}
        between = {event.incident for event in decision.events if isinstance(event, Unmuted)}
        still = {name for name in muted - between if self.state.incidents[name].muted}
        heard = {pair for pair in told if pair[0] in still and pair[1] is not Action.RESOLVE}
        assert not heard, f"{heard} by {decision.events}"

    def mutes_what_it_should(self) -> None:
        incidents, muting = Incidents(self.open.values()), self.new_muting()
        for incident in self.open.values():
            why = muting.why(incident, incidents, self.silences_in_force(at(self.seconds)))
            if why or incident.firing:
                assert incident.muted == why

    def pages_what_it_should(self, seen: list[str]) -> None:
        last = {incident.slo: incident for incident in self.state.incidents.values()}
        for slo in seen:
            if worst(self.firing[slo]) is not Severity.PAGE:
                continue
            incident = last[slo]
            waits = incident.priority is not Priority.P0 and at(self.seconds) - incident.opened_at < timedelta(
                minutes=1
            )
            assert incident.resolved_by == "anna" or (
                incident.open and ((incident.page_open and incident.page_of_alert) or incident.muted or waits)
            )

    @property
    def open(self) -> dict[str, Incident]:
        return {name: incident for name, incident in self.state.incidents.items() if incident.open}

    @invariant()
    def lanes_begin_with_a_trigger_and_end_with_a_resolve(self) -> None:
        for (destination, _), lane in self.lanes.items():
            actions = [message.action for message in lane]
            assert actions[0] is Action.TRIGGER
            assert actions.count(Action.TRIGGER) == 1
            if Action.RESOLVE in actions:
                after = actions[actions.index(Action.RESOLVE) + 1 :]
                assert not after if destination in PAGERS else set(after) <= REMARKS

    @invariant()
    def what_rings_is_what_the_incidents_say(self) -> None:
        assert self.going_on(pagers=True) == {
            (destination, incident.page_key)
            for incident in self.open.values()
            if incident.page_open
            for destination in incident.paged_to
        }
        assert self.going_on(pagers=False) == {
            (destination, incident.key) for incident in self.open.values() for destination in incident.told
        }

    def going_on(self, *, pagers: bool) -> set[tuple[str, str]]:
        return {
            lane
            for lane, messages in self.lanes.items()
            if (lane[0] in PAGERS) == pagers and all(message.action is not Action.RESOLVE for message in messages)
        }

    @invariant()
    def one_incident_at_most_is_open_for_an_slo(self) -> None:
        of = Counter(incident.slo for incident in self.open.values() if not incident.human)
        assert set(of.values()) <= {1}

    @invariant()
    def the_journal_makes_the_same_state(self) -> None:
        assert fold_all(self.journal) == self.state.incidents

    @invariant()
    def only_people_respond(self) -> None:
        answered = {
            event.incident
            for event in self.journal
            if isinstance(event, Acknowledged | Promised)
            or (isinstance(event, Noted) and event.responds)
            or (isinstance(event, Resolved) and event.by)
        }
        assert {name for name, one in self.state.incidents.items() if one.responded_at is not None} == answered

    @invariant()
    def a_breach_is_on_record_once_and_exactly_where_there_was_one(self) -> None:
        recorded = Counter(event.incident for event in self.journal if isinstance(event, ResponseMissed))
        assert dict(recorded) == dict.fromkeys(self.missed, 1)

    @invariant()
    def what_a_person_made_a_p0_is_never_muted(self) -> None:
        assert not [one for one in self.state.incidents.values() if one.human and one.muted]

    def teardown(self) -> None:
        """Whatever happened: once all is clear, and people ended what is theirs, nothing is open and nothing rings."""
        self.firing = dict.fromkeys(SLOS, frozenset())
        self.silences = {}
        for name, incident in self.open.items():
            if incident.human:
                act = Resolve(target=Target(incident=name), why="fixed", **TARGETED)
                self.take(decide_act(act, self.state.incidents, teller=Teller(at=at(self.seconds))))
        for _ in range(3):
            self.slot_ends_after(LONGEST.total_seconds(), [slo for slo in SLOS if slo in self.known])
        assert not self.open
        assert all(Action.RESOLVE in [message.action for message in lane] for lane in self.lanes.values())
        opened = [event for event in self.journal if isinstance(event, Opened)]
        assert len(opened) == len(self.state.incidents)


World.TestCase.settings = settings(max_examples=100, stateful_step_count=30)
TestWorld = World.TestCase
