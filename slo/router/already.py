"""What is so already: acts that change nothing, in a sentence for whoever does them."""

from slo.core.acts import Acknowledge, Act, Assign, Attribute, GoOn, Prioritize, Wait
from slo.core.incident import Incident


def already(act: Act, incident: Incident) -> str:
    """What is so already where an act on an incident changes nothing; empty where it changes something, or cannot be.

    A priority that is given to a page is about every incident in it, so that of one says nothing.
    """
    it = f"incident {incident.id}"
    match act:
        case Acknowledge() if incident.status == "acknowledged":
            return f"{incident.acknowledged_by} has taken {it} on already"
        case Prioritize(priority=priority, target=target) if incident.open and not target.key:
            return f"{it} is a {priority} already" if priority is incident.priority else ""
        case Wait() if incident.open and incident.waiting:
            return f"{it} waits for the customer already"
        case GoOn() if not incident.waiting:
            return f"{it} is not waiting"
        case Assign(owner=owner) if incident.open and owner == incident.owner:
            return f"{owner} owns {it} already"
        case Attribute(responsibility=responsibility, why="") if responsibility is incident.responsibility:
            return f"it was said of {it} already that {responsibility.words}"
    return ""
