"""Opening by a person: an issue that nobody's alert found, from the command line, the API or a customer's ticket."""

from collections.abc import Collection, Mapping
from datetime import datetime

from slo.core.acts import Open
from slo.core.contract import Contract, response_time_name
from slo.core.events import Opened
from slo.core.incident import REPORTED, Incident
from slo.core.incident_key import incident_key
from slo.core.policy import Severity
from slo.core.priority import Circumstances, EnvironmentClass, Priority, priority_in
from slo.core.response import Response
from slo.errors import UsageError
from slo.router.summary import one_line


def opening_of(act: Open, number: str, *, at: datetime, contract: Contract) -> Opened:
    """The event that opens it as incident `number`, with the priority that the contract gives it."""
    circumstances = Circumstances(
        environment=contract.class_of(act.environment),
        impact=act.impact,
        workaround=act.workaround,
        security=act.security,
    )
    priority = priority_in(circumstances)
    # Another journal, or this one after a restore, gives the number again: destinations must not take that for this.
    scope = f"{number}-{at:%Y%m%dT%H%M%SZ}"
    return Opened(
        incident=number,
        at=at,
        slo=REPORTED,
        scope=scope,
        generation=1,
        key=incident_key(customer=act.customer, slo=REPORTED, scope=scope, generation=1),
        severity=Severity.PAGE if priority is Priority.P0 else Severity.TICKET,
        priority=priority,
        summary=one_line(act.summary),
        labels=labels_of(act),
        firing=frozenset(),
        by=act.by,
        via=act.via,
        source=act.source,
        found_by=act.found_by,
        circumstances=circumstances,
        services=act.services,
        created_at=_created(act, at),
        destination=act.target.destination,
        reference=act.target.reference,
    )


def opened_before(act: Open, incidents: Mapping[str, Incident]) -> Incident | None:
    """The incident that the same ticket, or the same act, has opened already."""
    for incident in incidents.values():
        same_ticket = act.target.reference and (act.target.destination, act.target.reference) == (
            incident.destination,
            incident.reference,
        )
        if same_ticket or (act.source and act.source in incident.sources):
            return incident
    return None


def refuse_stranger(act: Open, customers: Collection[str]) -> None:
    """Raise UsageError for whom none of these customers is, where there are any. A ticket is taken all the same."""
    if customers and act.customer not in customers and not act.target.reference:
        who = f"there is no customer {act.customer}" if act.customer else "no customer was given"
        raise UsageError(f"{who}, so that no contract is known: write one of {', '.join(customers)}")


def doubts_about(opened: Incident, response: Response) -> list[str]:
    """What whoever opened it may not have meant, with what follows from it: an environment that no contract names.

    `production` and `non-production` say what they are where a contract names no environments.
    """
    contract, environment = response.contract, opened.labels.get("environment", "")
    if environment in (contract.environments or frozenset(EnvironmentClass)):
        return []
    if not environment:
        why = "no environment was given"
    elif contract.environments:
        whose = contract.title or contract.customer
        why = f"the contract of {whose} names no environment {environment}, only {', '.join(contract.environments)}"
    else:
        why = f"no contract says what the environment {environment} is"
    within, due = response_time_name(response.target), f"{response.due:%Y-%m-%d %H:%M:%S} UTC"
    so = f"it is taken for {contract.class_of(environment)}, so this is a {opened.priority}"
    return [f"{why}: {so}, to be answered within {within}, by {due}; where that is wrong, change its priority"]


def labels_of(act: Open) -> dict[str, str]:
    """The labels of the incident: those that were given, with the customer and the environment."""
    own = {"customer": act.customer, "environment": act.environment}
    return {**act.labels, **{name: value for name, value in own.items() if value}}


def _created(act: Open, now: datetime) -> datetime | None:
    """When the ticket was written, as far as that is believed: not in the future."""
    return min(act.created_at, now) if act.created_at else None
