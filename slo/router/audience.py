"""The audience of an incident: whom its routes and its contract tell, and what the contract wants."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TypeVar, cast

from slo.core.contract import DEFAULT, Contract
from slo.core.contract_events import ContractsOnRecord
from slo.core.delivery import OF_INCIDENTS, Action
from slo.core.incident import Incident
from slo.core.paths import DELIVERY, DeliveryPath
from slo.core.priority import Priority
from slo.core.response import Response, response_of
from slo.core.routing import Plan, Route

V = TypeVar("V")


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipients:
    """The destinations of one incident: those that hear of pages only, and the others.

    `hears` has those of the others that are the customer's, with what they hear of. `plan` is what the routes say.
    """

    pagers: tuple[str, ...]
    others: tuple[str, ...]
    hears: Mapping[str, tuple[Action, ...]] = field(default_factory=dict)
    plan: Plan


class Audience:
    """Finds the recipients of incidents by `routes` and by the `contracts` in force, by customer.

    `paging` names the destinations that are told of pages only. What follows from an incident as it stands is found
    once and remembered, until the incident is another: a slot end asks it of thousands of which nothing has changed.
    That a destination is not reached is told over the fallback of its path in `paths`, not there. What is promised
    about an incident is what `on_record` says that it was opened under.
    """

    def __init__(
        self,
        routes: Route,
        paging: Collection[str],
        contracts: Mapping[str, Contract],
        paths: Mapping[str, DeliveryPath] | None = None,
        on_record: ContractsOnRecord | None = None,
    ) -> None:
        self._routes = routes
        self._contracts = contracts
        self._paths = paths or {}
        self._on_record = on_record or ContractsOnRecord()
        self.paging = frozenset(paging)
        self._remembered: dict[tuple[str, str], tuple[Incident, object]] = {}

    @property
    def customers(self) -> Collection[str]:
        """Those with a contract; where there is none, everybody has the usual one."""
        return self._contracts.keys()

    def contract(self, customer: str) -> Contract:
        """What the customer is promised now."""
        return self._contracts.get(customer, DEFAULT)

    def digest_in_force(self, customer: str) -> str:
        """What names that contract on record; empty where there is none."""
        return self._on_record.digest_in_force(customer)

    def contract_of(self, incident: Incident) -> Contract:
        """What was promised when an incident was opened; what is promised now where nothing is on record of that."""
        return self._on_record.contract_of(incident) or self.contract(incident.customer)

    def response(self, incident: Incident) -> Response:
        """The response clock of an incident, by the contract that it was opened under."""
        return self.remembered("response", incident, self._response)

    def of(self, incident: Incident) -> Recipients:
        """Who is told of an incident as it stands."""
        return self.remembered("recipients", incident, self._recipients)

    def remembered(self, what: str, incident: Incident, make: Callable[[Incident], V]) -> V:
        """What `make` says of an incident as it stands, by these routes and contracts; `what` names it."""
        key = what, incident.id
        found = self._remembered.get(key)
        if found is None or found[0] is not incident:
            found = self._remembered[key] = incident, make(incident)
        return cast("V", found[1])

    def _response(self, incident: Incident) -> Response:
        return response_of(incident.turns, self.contract_of(incident))

    def _recipients(self, incident: Incident) -> Recipients:
        return self.of_labels(incident.alert_labels, incident.priority)

    def of_labels(self, labels: Mapping[str, str], priority: Priority) -> Recipients:
        """Who is told of what has these labels, as `alert_labels` makes them."""
        plan = self._routes.plan(labels)
        contract = self.contract(labels.get("customer", ""))
        heard = customer_hears(contract, plan, priority)
        named = (*plan.destinations, *heard)
        if labels.get("slo") == DELIVERY:
            named = self._without(labels.get("scope", ""), named)
        return Recipients(
            pagers=tuple(name for name in named if name in self.paging),
            others=tuple(name for name in named if name not in self.paging),
            hears={name: actions for name, actions in heard.items() if name not in self.paging},
            plan=plan,
        )

    def _without(self, broken: str, named: tuple[str, ...]) -> tuple[str, ...]:
        """The destinations with the fallback of a broken one in its place."""
        path = self._paths.get(broken)
        instead = path.fallback if path else ""
        return tuple(dict.fromkeys(name for each in named if (name := instead if each == broken else each)))


def customer_hears(contract: Contract, plan: Plan, priority: Priority) -> dict[str, tuple[Action, ...]]:
    """The customer's destinations that hear of an incident of that priority, and of what; those of the routes apart."""
    return {
        name: tuple(action for action in OF_INCIDENTS if name in contract.destinations_for(action, priority))
        for telling in contract.tell
        for name in telling.destinations
        if priority in telling.priorities and name not in plan.destinations
    }
