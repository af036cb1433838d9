"""Opening by a person: an issue that nobody's alert found, from the command line, the API or a customer's ticket."""

from collections.abc import Mapping
from datetime import datetime

from slo.core.acts import Open
from slo.core.delivery import Action
from slo.core.events import Opened
from slo.core.incident import REPORTED, Incident, fold
from slo.core.incident_key import incident_key
from slo.core.policy import Severity
from slo.core.priority import Circumstances, EnvironmentClass, Priority, priority_in
from slo.router.messages import Decision, Teller
from slo.router.summary import one_line


def decide_open(
    act: Open,
    incidents: Mapping[str, Incident],
    *,
    environment: EnvironmentClass,
    told: tuple[str, ...],
    teller: Teller,
) -> Decision:
    """The event and the messages that open it; nothing where the same ticket has opened one.

    `environment` is the class of its environment, `told` names the destinations that are told and do not page. Whether
    it pages follows from its priority, as for one that is raised later.
    """
    if opened_before(act, incidents) is not None:
        return Decision()
    number = next_id(incidents)
    circumstances = Circumstances(
        environment=environment, impact=act.impact, workaround=act.workaround, security=act.security
    )
    priority = priority_in(circumstances)
    event = Opened(
        incident=number,
        at=teller.at,
        slo=REPORTED,
        scope=number,
        generation=1,
        key=incident_key(customer=act.customer, slo=REPORTED, scope=number, generation=1),
        severity=Severity.PAGE if priority is Priority.P0 else Severity.TICKET,
        priority=priority,
        summary=one_line(act.summary),
        labels=labels_of(act),
        firing=frozenset(),
        told=told,
        by=act.by,
        via=act.via,
        source=act.source,
        found_by=act.found_by,
        circumstances=circumstances,
        services=act.services,
        created_at=_created(act, teller.at),
        destination=act.target.destination,
        reference=act.target.reference,
    )
    messages = teller.to_others(fold(None, event), Action.TRIGGER)
    return Decision(events=(event,), messages=tuple(messages))


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


def labels_of(act: Open) -> dict[str, str]:
    """The labels of the incident: those that were given, with the customer and the environment."""
    own = {"customer": act.customer, "environment": act.environment}
    return {**act.labels, **{name: value for name, value in own.items() if value}}


def next_id(incidents: Mapping[str, Incident]) -> str:
    """The id of the next incident."""
    return str(max(map(int, incidents), default=0) + 1)


def _created(act: Open, now: datetime) -> datetime | None:
    """When the ticket was written, as far as that is believed: not in the future."""
    return min(act.created_at, now) if act.created_at else None
