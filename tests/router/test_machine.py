"""Decisions, folds and the journal together, whatever happens in whatever order.

The machine is the world: alerts that come and go and are lost, people, configurations, kills. It holds what every
destination was told against what any destination may be told.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from slo.core.alert import FiringPair, worst
from slo.core.delivery import Action, Message
from slo.core.events import Event
from slo.core.flapping import LONGEST
from slo.core.folding import fold_all
from slo.core.incident import Incident
from slo.core.policy import Severity
from slo.router.decide import decide
from slo.router.messages import Decision, Teller
from slo.router.people import decide_act
from slo.router.unwritten import Unwritten
from tests.router.making import FEW_EVENTS, PAGE, SLOW_PAGE, TICKET, alert, at, draft_of, ends, routes, takes_on

SLOS = ("gate", "deck")
RESOLVE_AFTER = timedelta(minutes=5)
FIRING = st.sampled_from(
    [
        frozenset[FiringPair](),
        frozenset({TICKET}),
        frozenset({TICKET, PAGE}),
        frozenset({PAGE}),
        frozenset({PAGE, SLOW_PAGE}),
        frozenset({FEW_EVENTS}),
    ]
)
STEPS = st.sampled_from([300, 10, 299])


class World(RuleBasedStateMachine):
    """Two SLOs, one pager, one hook, and a journal that is written at once."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0
        self.journal: list[Event] = []
        self.lanes: dict[tuple[str, str], list[Message]] = defaultdict(list)
        self.ids: set[str] = set()
        self.state = Unwritten([])
        self.firing: dict[str, frozenset[FiringPair]] = dict.fromkeys(SLOS, frozenset())
        self.known = set(SLOS)
        self.seen: list[str] = []

    @rule(firing=st.fixed_dictionaries(dict.fromkeys(SLOS, FIRING)), step=STEPS, lost=st.sets(st.sampled_from(SLOS)))
    def a_slot_ends(self, firing: dict[str, frozenset[FiringPair]], step: int, lost: set[str]) -> None:
        self.seconds += step
        seen = [slo for slo in SLOS if slo in self.known and slo not in lost]
        self.firing |= {slo: firing[slo] for slo in seen}
        self.decided(seen)

    @rule(step=STEPS)
    def a_slot_ends_and_nothing_changed(self, step: int) -> None:
        self.seconds += step
        self.decided([slo for slo in SLOS if slo in self.known])

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def somebody_acknowledges(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.open)))
        self.seconds += 1
        teller = Teller(at=at(self.seconds))
        self.take(decide_act(takes_on(name), self.state.incidents, teller=teller))

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def somebody_resolves(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.open)))
        self.seconds += 1
        teller = Teller(at=at(self.seconds))
        self.take(decide_act(ends(name), self.state.incidents, teller=teller))

    @rule(slo=st.sampled_from(SLOS))
    def an_slo_leaves_or_comes_back(self, slo: str) -> None:
        self.known ^= {slo}
        self.seen = []

    @rule()
    def the_process_is_killed(self) -> None:
        self.state = Unwritten(self.journal)

    def decided(self, slos: list[str]) -> None:
        decision = self.decision(self.state.incidents, slos)
        assert decision == self.decision(fold_all(self.journal), slos), "a restart would have decided otherwise"
        self.take(decision)
        self.seen = slos

    def decision(self, incidents: Mapping[str, Incident], slos: list[str]) -> Decision:
        draft = draft_of(incidents, at(self.seconds), tree=routes(resolve_after=RESOLVE_AFTER))
        decide([alert(*self.firing[slo], slo=slo) for slo in slos], draft, known_slos=self.known)
        return draft.decision

    def take(self, decision: Decision) -> None:
        self.state.add(decision)
        self.journal += decision.events
        for message in decision.messages:
            assert message.id not in self.ids, "the journal would take it for one that it has"
            self.ids.add(message.id)
            self.lanes[message.lane].append(message)

    @property
    def open(self) -> dict[str, Incident]:
        return {name: incident for name, incident in self.state.incidents.items() if incident.open}

    @invariant()
    def lanes_begin_with_a_trigger_and_end_with_a_resolve(self) -> None:
        for lane in self.lanes.values():
            actions = [message.action for message in lane]
            assert actions[0] is Action.TRIGGER
            assert actions.count(Action.TRIGGER) == 1
            assert Action.RESOLVE not in actions[:-1]

    @invariant()
    def one_incident_and_one_page_at_most_are_open_for_an_slo(self) -> None:
        open_slos = [incident.slo for incident in self.open.values()]
        assert len(open_slos) == len(set(open_slos))
        ringing = [
            lane[0].slo
            for (destination, _), lane in self.lanes.items()
            if destination == "oncall" and lane[-1].action is not Action.RESOLVE
        ]
        assert len(ringing) == len(set(ringing))

    @invariant()
    def what_rings_is_what_the_incidents_say(self) -> None:
        ringing = {
            key
            for (destination, key), lane in self.lanes.items()
            if destination == "oncall" and lane[-1].action is not Action.RESOLVE
        }
        assert ringing == {incident.page_key for incident in self.open.values() if incident.page_open}
        listening = {
            key
            for (destination, key), lane in self.lanes.items()
            if destination == "hook" and lane[-1].action is not Action.RESOLVE
        }
        assert listening == {incident.key for incident in self.open.values()}

    @invariant()
    def what_fires_a_page_rings_unless_a_person_ended_it(self) -> None:
        last = {incident.slo: incident for incident in self.state.incidents.values()}
        for slo in self.seen:
            if worst(self.firing[slo]) is Severity.PAGE:
                assert last[slo].page_open or last[slo].resolved_by == "anna"

    @invariant()
    def the_journal_makes_the_same_state(self) -> None:
        assert fold_all(self.journal) == self.state.incidents

    def teardown(self) -> None:
        """Whatever happened: once all is clear for long enough, nothing is open and nothing rings."""
        self.firing = dict.fromkeys(SLOS, frozenset())
        for _ in range(2):
            self.seconds += LONGEST.total_seconds()
            self.decided([slo for slo in SLOS if slo in self.known])
        assert not self.open
        assert all(lane[-1].action is Action.RESOLVE for lane in self.lanes.values())


World.TestCase.settings = settings(max_examples=150, stateful_step_count=30)
TestWorld = World.TestCase
