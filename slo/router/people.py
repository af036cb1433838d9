"""What people do to an incident: the event of it, and who hears of it."""

from collections.abc import Mapping

from slo.core.incident import Acknowledged, Incident, Resolved
from slo.errors import UsageError
from slo.router.messages import Decision, Teller


def acknowledge(incidents: Mapping[str, Incident], name: str, *, by: str, via: str, teller: Teller) -> Decision:
    """Somebody takes the incident on; nothing where somebody has, and no page came after it.

    Raises UsageError for an unknown or resolved incident.
    """
    incident = _open_incident(incidents, name, "acknowledge")
    if incident.status == "acknowledged":
        return Decision()
    event = Acknowledged(incident=incident.id, at=teller.at, by=by, via=via)
    return Decision(events=(event,), messages=tuple(teller.acknowledged(incident, event)))


def resolve(incidents: Mapping[str, Incident], name: str, *, by: str, why: str, teller: Teller) -> Decision:
    """Somebody declares the incident over. Raises UsageError for an unknown or resolved incident."""
    incident = _open_incident(incidents, name, "resolve")
    event = Resolved(incident=incident.id, at=teller.at, by=by, why=why)
    return Decision(events=(event,), messages=tuple(teller.resolved(incident, event)))


def _open_incident(incidents: Mapping[str, Incident], name: str, act: str) -> Incident:
    incident = incidents.get(name)
    if incident is None:
        raise UsageError(f"there is no incident {name}: `watchkeep incident list` shows what there is")
    if not incident.open:
        who = f" by {incident.resolved_by}" if incident.resolved_by else ""
        raise UsageError(
            f"incident {name} was resolved{who} at {incident.resolved_at:%Y-%m-%dT%H:%M:%SZ}: {act} an open one"
        )
    return incident
