"""What a slot's end passes over is what a plain round would have said nothing of, whatever happens between the two.

The one watch remembers what it found, as the router does; the other looks at everything anew each time, with every
alert there is. They have to decide the same.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from slo.core.acts import Act, EndChat, Prioritize, Promise, Target, Wait
from slo.core.alert import Alert, FiringPair
from slo.core.contract import DEFAULT, Contract
from slo.core.contract_events import ContractsOnRecord
from slo.core.delivery import Action
from slo.core.eta import ETA
from slo.core.events import Event
from slo.core.exclusion import Once
from slo.core.folding import fold, fold_all
from slo.core.foreign import ForeignAlert
from slo.core.inhibition import Graph, Rule
from slo.core.matching import Matcher
from slo.core.priority import EnvironmentClass, Priority
from slo.core.routing import EscalationStep, Route
from slo.core.silence import Silence
from slo.core.slo import slo_key
from slo.errors import UsageError
from slo.router.audience import Audience
from slo.router.clocks import decide_clocks
from slo.router.decide import decide, decide_pages
from slo.router.draft import Draft
from slo.router.foreign import ForeignAlerts, joined
from slo.router.incidents import Incidents
from slo.router.messages import Decision
from slo.router.muting import Muting
from slo.router.people import decide_act
from tests.router.making import (
    FEW_EVENTS,
    PAGE,
    PAGERS,
    PRODUCTION,
    STAGING,
    TICKET,
    alert,
    at,
    draft_of,
    ends,
    routes,
    takes_on,
)

SLOS = {"db": PRODUCTION, "gate": PRODUCTION, "shop": STAGING, "wiki": STAGING | {"customer": "beta"}}
FIRING = st.sampled_from(
    [frozenset(), frozenset({TICKET}), frozenset({PAGE}), frozenset({PAGE, TICKET}), frozenset({FEW_EVENTS})]
)
SECONDS = st.sampled_from([0, 10, 10, 30, 60, 290, 301, 1800, 3600, 15_000])

WHOLE = routes()
TREES = (
    WHOLE,
    routes(destinations=("oncall", "wall"), resolve_after=timedelta(minutes=20)),
    routes(group_by=("customer",), group_wait=timedelta(seconds=30), repeat_interval=timedelta(minutes=10)),
    routes(destinations=("hook",), escalation=(EscalationStep(after=Fraction(1, 4), destinations=("second",)),)),
)
ALL_UNDER_DB = Rule(
    source=(Matcher(label="slo", operator="=", value="db"),),
    target=(Matcher(label="slo", operator="!=", value="db"),),
)
CAUSES: tuple[tuple[Graph, tuple[Rule, ...]], ...] = (
    (Graph(), ()),
    (Graph(needs={"gate": frozenset({"db"}), "shop": frozenset({"gate", "db"})}), ()),
    (Graph(needs={"gate": frozenset({"db"}), "db": frozenset({"gate"})}), ()),
    (Graph(), (ALL_UNDER_DB,)),
)
SOON = replace(
    DEFAULT,
    customer="acme",
    responses={**DEFAULT.responses, Priority.P0: timedelta(minutes=5)},
    ticket_update_within=timedelta(minutes=10),
)
CONTRACTS: tuple[dict[str, Contract], ...] = (
    {},
    {"acme": SOON},
    {"acme": replace(SOON, environments={"staging": EnvironmentClass.PRODUCTION})},
)


class Watch:
    """One of the two: it has its own incidents, and the means to decide about them."""

    def __init__(self, *, plain: bool, on_record: ContractsOnRecord) -> None:
        self.plain = plain
        self.incidents = Incidents()
        self.foreign = ForeignAlerts()
        self._on_record = on_record
        self._anew: Callable[[], tuple[Audience, Muting]]
        self._events: list[Event] = []

    def configure(
        self, tree: Route, contracts: dict[str, Contract], causes: tuple[Graph, Sequence[Rule]], silences: list[Silence]
    ) -> None:
        def in_force(when: datetime) -> list[Silence]:
            return [silence for silence in silences if silence.in_force(when)]

        def anew() -> tuple[Audience, Muting]:
            return Audience(tree, PAGERS, contracts, on_record=self._on_record), Muting(in_force, *causes)

        self._anew, self._remembered = anew, anew()
        self.foreign.configure(())

    def slot(self, seconds: float, own: Sequence[Alert], known: set[str]) -> Decision:
        if self.plain:
            self.foreign.configure(())
        reported = self.foreign.alerts(self.incidents, at(seconds))
        followed = self.incidents.followed()
        said = [each for each in own if self.plain or each.firing or (each.slo, each.scope) in followed]
        draft = self._draft(seconds)
        theirs = {slo_key(each.slo, each.scope) for each in reported}
        decide(joined(said, reported), draft, known_slos=known | theirs)
        decide_clocks(draft)
        return self._take(draft.decision)

    def does(self, seconds: float, act: Act) -> Decision:
        draft = self._draft(seconds)
        try:
            done = self._take(decide_act(act, self.incidents, teller=draft.teller))
        except UsageError:
            return Decision()
        draft = self._draft(seconds)
        decide_pages(draft)
        follows = self._take(draft.decision)
        return Decision(events=done.events + follows.events, messages=done.messages + follows.messages)

    def _draft(self, seconds: float) -> Draft:
        audience, muting = self._anew() if self.plain else self._remembered
        return draft_of(self.incidents, at(seconds), muting=muting, audience=audience)

    def _take(self, decision: Decision) -> Decision:
        self._events += decision.events
        if self.plain:
            self.incidents = Incidents(fold_all(self._events).values())
        else:
            for event in decision.events:
                self.incidents.put(fold(self.incidents.get(event.incident), event))
        return decision


class Histories(RuleBasedStateMachine):
    """Alerts of the engine and of others, people, silences, reloads, and a clock that jumps."""

    def __init__(self) -> None:
        super().__init__()
        self.on_record = ContractsOnRecord()
        self.watches = [Watch(plain=plain, on_record=self.on_record) for plain in (False, True)]
        self.seconds = 0.0
        self.firing: dict[str, frozenset[FiringPair]] = dict.fromkeys(SLOS, frozenset())
        self.unknown: set[str] = set()
        self.gone: set[str] = set()
        self.silent: set[str] = set()
        self.silences: list[Silence] = []
        self.made = 0
        self.it_is_configured_anew(WHOLE, CONTRACTS[0], CAUSES[1], set())

    def same(self, decisions: Sequence[Decision]) -> None:
        remembering, plain = decisions
        assert remembering.events == plain.events
        assert remembering.messages == plain.messages

    @rule(
        tree=st.sampled_from(TREES),
        contracts=st.sampled_from(CONTRACTS),
        causes=st.sampled_from(CAUSES),
        gone=st.sets(st.sampled_from(sorted(SLOS)), max_size=1),
    )
    def it_is_configured_anew(
        self, tree: Route, contracts: dict[str, Contract], causes: tuple[Graph, Sequence[Rule]], gone: set[str]
    ) -> None:
        for event in self.on_record.news(contracts, at=at(self.seconds), via="reload"):
            self.on_record.take(event)
        self.gone = gone
        for watch in self.watches:
            watch.configure(tree, contracts, causes, self.silences)

    @rule(changes=st.dictionaries(st.sampled_from(sorted(SLOS)), FIRING), seconds=SECONDS)
    def alerts_change(self, changes: dict[str, frozenset[FiringPair]], seconds: float) -> None:
        self.firing |= changes
        self.a_slot_ends(seconds)

    @rule(seconds=SECONDS)
    def a_slot_ends(self, seconds: float) -> None:
        self.seconds += seconds + 0.001
        own = [
            replace(alert(*sorted(self.firing[slo]), slo=slo, labels=labels), known=slo not in self.unknown)
            for slo, labels in SLOS.items()
            if slo not in self.gone | self.silent
        ]
        known = {slo_key(slo, "") for slo in SLOS if slo not in self.gone}
        self.same([watch.slot(self.seconds, own, known) for watch in self.watches])

    @rule(seconds=st.sampled_from([-3600, -40, 5000]))
    def the_clock_jumps(self, seconds: float) -> None:
        self.seconds += seconds
        self.a_slot_ends(0)

    @rule(unknown=st.sets(st.sampled_from(sorted(SLOS))), silent=st.sets(st.sampled_from(sorted(SLOS))))
    def data_is_lost(self, unknown: set[str], silent: set[str]) -> None:
        """Of some nothing is known, and of some there is no alert in the round."""
        self.unknown, self.silent = unknown, silent
        self.a_slot_ends(10)

    @rule(slo=st.sampled_from(["shop", "wiki"]))
    def a_page_is_not_spoken_of_while_it_waits_for_others(self, slo: str) -> None:
        self.alerts_change({slo: frozenset({PAGE})}, 10)
        self.silent = {slo}
        for _ in range(4):
            self.a_slot_ends(10)

    @rule(
        name=st.sampled_from(["Down", "Slow", "Full"]),
        severity=st.sampled_from(["critical", "warning"]),
        lasts=st.sampled_from([None, 0, 15, 400]),
    )
    def others_say(self, name: str, severity: str, lasts: float | None) -> None:
        now = self.seconds
        said = ForeignAlert(
            labels={"alertname": name, "severity": severity, "customer": "acme", "environment": "production"},
            annotations={"summary": name},
            starts_at=at(min(now, 0)),
            ends_at=None if lasts is None else at(now + lasts),
        )
        for watch in self.watches:
            watch.foreign.take(said, watch.incidents)
        self.a_slot_ends(10)

    @rule(
        begins=st.sampled_from([-10, 30]),
        lasts=st.sampled_from([60, 2000]),
        slo=st.sampled_from(["db", "gate", "Down"]),
    )
    def somebody_silences(self, begins: float, lasts: float, slo: str) -> None:
        self.made += 1
        start = int(self.seconds + begins)
        self.silences.append(
            Silence(
                name=f"quiet-{self.made}",
                matchers=(Matcher(label="slo", operator="=", value=slo),),
                reason="a move",
                owner="operations",
                when=Once(start=at(start), end=at(start + lasts)),
            )
        )
        self.a_slot_ends(40)

    @rule()
    def a_silence_is_ended(self) -> None:
        if self.silences:
            self.silences.pop(0)
        self.a_slot_ends(10)

    @rule(number=st.integers(0, 5), kind=st.integers(0, 6), priority=st.sampled_from(list(Priority)))
    def somebody_acts(self, number: int, kind: int, priority: Priority) -> None:
        incidents = list(self.watches[1].incidents)
        if not incidents:
            return
        self.seconds += 1
        name = incidents[-1 - number % len(incidents)]
        deed: dict[str, Any] = {"target": Target(incident=name), "by": "anna", "via": "api"}
        eta = ETA(recover_at=at(self.seconds + 600), next_update_at=at(self.seconds + 300))
        act: Act = (
            takes_on(name),
            ends(name),
            Prioritize(**deed, priority=priority, why="so it is"),
            Promise(**deed, eta=eta),
            Wait(**deed, why="they look"),
            EndChat(**deed),
            takes_on(name, by="bert"),
        )[kind]
        self.same([watch.does(self.seconds, act) for watch in self.watches])


@pytest.mark.timeout(300)
def test_what_is_passed_over_is_nothing_that_a_plain_round_would_speak_of() -> None:
    run_state_machine_as_test(Histories, settings=settings(max_examples=50, stateful_step_count=40, deadline=None))


def test_a_page_that_waits_for_its_group_is_not_passed_over_while_no_alert_speaks_of_it() -> None:
    watch = Watch(plain=False, on_record=ContractsOnRecord())
    watch.configure(TREES[2], {}, CAUSES[0], [])
    watch.slot(0, [alert(PAGE, slo="shop", labels=STAGING)], {"shop"})
    for seconds in (10, 20):
        assert not watch.slot(seconds, [], {"shop"}).messages
    paged = watch.slot(30, [], {"shop"})
    assert ("oncall", Action.TRIGGER) in {(message.destination, message.action) for message in paged.messages}
