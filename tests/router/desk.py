"""A watch without a journal: it decides as the router does, and keeps what it decided."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from slo.core.acts import Act, Open
from slo.core.alert import Alert
from slo.core.contract import DEFAULT, Contract
from slo.core.delivery import Message
from slo.core.events import Event
from slo.core.exclusion import Once
from slo.core.folding import fold_all
from slo.core.incident import Incident
from slo.core.inhibition import Graph, Rule
from slo.core.matching import Matcher
from slo.core.routing import Route
from slo.core.silence import Silence
from slo.core.slo import slo_key
from slo.router.clocks import decide_clocks
from slo.router.decide import decide, decide_pages
from slo.router.draft import Draft
from slo.router.messages import Decision
from slo.router.muting import Muting
from slo.router.opening import opening_of
from slo.router.people import decide_act
from tests.router.making import at, draft_of, routes

E = TypeVar("E", bound=Event)


class Desk:
    """One watch: `slot` is a slot end at so many seconds, `does` is a person. Alerts stay until they are given anew.

    Of the SLOs in `lost` there is no alert in a round.
    """

    def __init__(
        self,
        tree: Route | None = None,
        *,
        contracts: Mapping[str, Contract] | None = None,
        graph: Graph | None = None,
        rules: Sequence[Rule] = (),
    ) -> None:
        self.tree, self.contracts = tree or routes(), contracts or {}
        self.graph, self.rules = graph or Graph(), rules
        self.silences: list[Silence] = []
        self.alerts: dict[tuple[str, str], Alert] = {}
        self.lost: set[str] = set()
        self.events: list[Event] = []
        self.messages: list[Message] = []

    @property
    def incidents(self) -> dict[str, Incident]:
        """As a restart would find them."""
        return fold_all(self.events)

    @property
    def incident(self) -> Incident:
        """The last one."""
        return list(self.incidents.values())[-1]

    def slot(self, seconds: float, *alerts: Alert) -> Decision:
        """A slot ends at which these alerts are as given, and the others as they were."""
        self.alerts |= {(each.slo, each.scope): each for each in alerts}
        decision = self._take(self._decided(seconds))
        assert not self._decided(seconds), "the same moment decides nothing new"
        return decision

    def does(self, seconds: float, act: Act) -> Decision:
        """A person acts, and what follows from that at once."""
        draft = self._draft(seconds)
        if isinstance(act, Open):
            contract = self.contracts.get(act.customer, DEFAULT)
            draft.open(opening_of(act, draft.take_id(), at=draft.now, contract=contract))
            return self._take(draft.decision)
        done = self._take(decide_act(act, self.incidents, teller=draft.teller))
        draft = self._draft(seconds)
        decide_pages(draft)
        follows = self._take(draft.decision)
        return Decision(events=done.events + follows.events, messages=done.messages + follows.messages)

    def silence(self, begins: float, ends: float, **labels: str) -> None:
        """A silence from `begins` until `ends`, in seconds."""
        matchers = tuple(Matcher(label=label, operator="=", value=value) for label, value in labels.items())
        when = Once(start=at(begins), end=at(ends))
        name = f"quiet-{len(self.silences)}"
        self.silences.append(Silence(name=name, matchers=matchers, reason="a move", owner="operations", when=when))

    def of(self, kind: type[E]) -> list[E]:
        """Every event of that kind so far."""
        return [event for event in self.events if isinstance(event, kind)]

    def _draft(self, seconds: float) -> Draft:
        def in_force(when: datetime) -> list[Silence]:
            return [silence for silence in self.silences if silence.in_force(when)]

        muting = Muting(in_force, self.graph, self.rules)
        return draft_of(self.incidents, at(seconds), tree=self.tree, contracts=self.contracts, muting=muting)

    def _decided(self, seconds: float) -> Decision:
        draft = self._draft(seconds)
        seen = [alert for alert in self.alerts.values() if alert.slo not in self.lost]
        decide(seen, draft, known_slos={slo_key(slo, scope) for slo, scope in self.alerts})
        decide_clocks(draft)
        return draft.decision

    def _take(self, decision: Decision) -> Decision:
        known = {message.id for message in self.messages}
        assert not known & {message.id for message in decision.messages}
        self.events += decision.events
        self.messages += decision.messages
        return decision


def heard(decision: Decision) -> list[tuple[str, str]]:
    """Who is told what, in its order."""
    return [(message.destination, message.action.value) for message in decision.messages]


def keys(decision: Decision) -> list[tuple[str, str, str]]:
    """Who is told what under which key, in its order."""
    return [(message.destination, message.action.value, message.key) for message in decision.messages]


def kinds(decision: Decision) -> list[type[Event]]:
    """What was decided, in its order."""
    return [type(event) for event in decision.events]
