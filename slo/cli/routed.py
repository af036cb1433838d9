"""What a configuration says about one alert: its priority, its routes, its silences, and what may suppress it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from slo.config.names import Names
from slo.config.settings import Settings
from slo.core.contract import DEFAULT, Contract
from slo.core.delivery import Action
from slo.core.inhibition import Graph, Rule
from slo.core.matching import fulfil
from slo.core.policy import Severity
from slo.core.priority import Priority, circumstances_of, priority_in
from slo.core.response import Response, Turn, TurnKind, response_of
from slo.core.routing import Plan, alert_labels
from slo.core.silence import Silence, silence_of, silenced_by
from slo.errors import UsageError
from slo.kinds import Kinds
from slo.router.audience import customer_hears

E = TypeVar("E", Severity, Priority)


@dataclass(frozen=True, kw_only=True, slots=True)
class Routed:
    """The answer. `told` are the destinations of the plan but for `pages_only`, which are told of pages alone.

    `response` is the clock that the contract starts. `customer` are the destinations of the customer with what they
    hear of, beside those of the routes. `silence` hides the alert at that time, `later` are those that will. It may be
    suppressed under the SLOs that it `needs`, and under what the `rules` whose target it is name as their source.
    `warnings` are what whoever asked may not have meant.
    """

    at: datetime
    labels: Mapping[str, str]
    priority_why: str
    plan: Plan
    told: tuple[str, ...]
    pages_only: tuple[str, ...]
    silence: Silence | None
    later: tuple[Silence, ...]
    response: Response
    customer: Mapping[str, tuple[Action, ...]]
    needs: tuple[str, ...]
    rules: tuple[Rule, ...]
    warnings: tuple[str, ...]


def routed(given: Mapping[str, str], settings: Settings, *, at: datetime) -> Routed:
    """What is said about an alert with these labels at `at`. Raises UsageError for a severity or priority that is none.

    What an SLO of the name in the label `slo` has for labels is taken where they are not given.
    """
    own = next((slo.labels for slo in reversed(settings.slos) if slo.name == given.get("slo")), None)
    labels = {**(own or {}), **given}
    severity = _one_of(Severity, labels.get("severity", Severity.PAGE), "severity")
    environment, customer = labels.get("environment", ""), labels.get("customer", "")
    contract = settings.contracts.get(customer, DEFAULT)
    if customer and settings.contracts and customer not in settings.contracts:
        raise UsageError(
            f"--label customer={customer}: there is no such customer: write one of {', '.join(settings.contracts)}"
        )
    if "priority" in given:
        priority, why = _one_of(Priority, given["priority"], "priority"), "as it was given"
    else:
        priority = priority_in(circumstances_of(severity, contract.class_of(environment)))
        where = _where(environment, contract)
        why = f"a {severity} {where}"
    slo = labels.get("slo", "")
    labels = alert_labels(labels, slo=slo, scope=labels.get("scope", ""), severity=severity, priority=priority)
    plan = settings.routes.plan(labels)
    pagers = _pagers(settings) if severity is Severity.TICKET else frozenset()
    silences = [*settings.silences, *(silence_of(each) for each in settings.exclusions if each.silence)]
    silence = silenced_by(labels, silences, at)
    return Routed(
        at=at,
        labels=labels,
        priority_why=why,
        plan=plan,
        told=tuple(name for name in plan.destinations if name not in pagers),
        pages_only=tuple(name for name in plan.destinations if name in pagers),
        silence=silence,
        later=tuple(each for each in silences if each is not silence and each.hides(labels) and not each.over(at)),
        response=response_of([Turn(at=at, kind=TurnKind.OPENED, priority=priority)], contract),
        customer=customer_hears(contract, plan, priority),
        needs=tuple(sorted(Graph.of(settings.slos).needs.get(slo, ()))),
        rules=tuple(rule for rule in settings.inhibit if fulfil(labels, rule.target)),
        warnings=(_stranger(slo, settings),) if slo and own is None else (),
    )


def _stranger(slo: str, settings: Settings) -> str:
    """What to say of an SLO that is not there; an alert of somebody else's may name it all the same."""
    nearest = Names({each.name for each in settings.slos}).nearest(slo)
    mend = f"did you mean {nearest}?" if nearest else "it has the labels that are given, and no others"
    return f"the configuration has no SLO {slo}: {mend}"


def _where(environment: str, contract: Contract) -> str:
    if not environment:
        return "without an environment, which is not production"
    kind = contract.class_of(environment)
    return f"in {environment}" + ("" if environment == kind else f", which is {kind}")


def _pagers(settings: Settings) -> frozenset[str]:
    """The destinations that are told of pages only."""
    kinds = Kinds.installed().destinations
    return frozenset(
        entry.name for entry in settings.destinations if getattr(kinds.module(entry.type), "PAGES_ONLY", False)
    )


def _one_of(kind: type[E], value: str, label: str) -> E:
    try:
        return kind(value)
    except ValueError as error:
        raise UsageError(f"--label {label}={value}: is no {label}: write one of {', '.join(kind)}") from error
