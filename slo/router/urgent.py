"""What is so urgent that it goes into the journal before all else that was decided at the same moment.

A storm makes decisions of hundreds of incidents at one slot end. A page does not wait until all of that is written.
"""

from collections.abc import Collection

from slo.core.delivery import Action
from slo.core.priority import Priority
from slo.router.messages import Decision


def urgent_first(decision: Decision, paging: Collection[str]) -> tuple[Decision, Decision]:
    """The part of a decision that pages somebody for a P0, and the rest of it; each is whole by itself.

    All of an incident is in the same part, in its order, and so is all that goes out in one lane: incidents that are
    told in one page are not parted. `paging` names the destinations that page.
    """
    urgent = {
        message.incident
        for message in decision.messages
        if message.action is Action.TRIGGER and message.priority is Priority.P0 and message.destination in paging
    }
    found = 0
    while len(urgent) > found:
        found = len(urgent)
        lanes = {message.lane for message in decision.messages if message.incident in urgent}
        urgent |= {message.incident for message in decision.messages if message.lane in lanes}
    return _of(decision, urgent, among=True), _of(decision, urgent, among=False)


def _of(decision: Decision, incidents: Collection[str], *, among: bool) -> Decision:
    """What is of these incidents, or of all others."""
    return Decision(
        events=tuple(event for event in decision.events if (event.incident in incidents) is among),
        messages=tuple(message for message in decision.messages if (message.incident in incidents) is among),
    )
