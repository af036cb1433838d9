"""A decision in the making: every event is folded at once, so that the next one is made of the new state.

Here is how an incident is told: to whom, under which key, in whose page, or to nobody for now.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from slo.core.delivery import Action, Message
from slo.core.events import Event, Muted, Opened, Paged, Resolved, Told, Unmuted
from slo.core.folding import fold
from slo.core.incident import Incident
from slo.core.incident_key import incident_key
from slo.core.policy import Severity
from slo.core.priority import Priority
from slo.core.routing import BY_INCIDENT
from slo.router.audience import Audience, Recipients
from slo.router.messages import NOTHING, Decision, Said, Teller
from slo.router.muting import Muting
from slo.router.opening import next_id


class Draft:
    """The incidents by id, oldest first, as they stand after what was decided so far."""

    def __init__(
        self, incidents: Mapping[str, Incident], *, audience: Audience, muting: Muting, teller: Teller
    ) -> None:
        self.incidents = dict(incidents)
        self.audience = audience
        self.teller = teller
        self._muting = muting
        self._events: list[Event] = []
        self._messages: list[Message] = []
        self._next_id = int(next_id(incidents))

    @property
    def now(self) -> datetime:
        """The moment of the decision."""
        return self.teller.at

    @property
    def decision(self) -> Decision:
        """What was decided."""
        return Decision(events=tuple(self._events), messages=tuple(self._messages))

    def take_id(self) -> str:
        """The id of a new incident."""
        taken, self._next_id = self._next_id, self._next_id + 1
        return str(taken)

    def record(self, event: Event, messages: list[Message] | None = None) -> Incident:
        """Fold an event, and add what is told with it."""
        after = self.incidents[event.incident] = fold(self.incidents.get(event.incident), event)
        self._events.append(event)
        self._messages += messages or []
        return after

    def open(self, event: Opened) -> Incident:
        """Open an incident; nobody is told where something mutes it. The page goes first."""
        opened = fold(None, event)
        why = self._muting.why(opened, self.incidents.values(), self.now)
        if why:
            return self.record(replace(event, muted=why))
        recipients = self.audience.of(opened)
        incident = self.record(replace(event, told=recipients.others, hears=recipients.hears))
        if incident.severity is Severity.PAGE and self.may_page(incident):
            incident = self.page(incident, incident.summary)
        self._messages += self.teller.to_others(incident, Action.TRIGGER)
        return incident

    def is_muted(self, incident: Incident) -> bool:
        """Whether nobody is to be told anything new of it now; what changed about that is recorded."""
        why = self._muting.why(incident, self.incidents.values(), self.now)
        if why and why != incident.muted:
            self.record(Muted(incident=incident.id, at=self.now, why=why))
        elif incident.muted and not why:
            self.tell(self.record(Unmuted(incident=incident.id, at=self.now)))
        return bool(why)

    def tell(self, incident: Incident) -> Incident:
        """Tell those who are to hear of it as it stands, and have not been told."""
        recipients = self.audience.of(incident)
        new = tuple(name for name in recipients.others if name not in incident.told)
        if not new:
            return incident
        hears = {name: recipients.hears[name] for name in new if name in recipients.hears}
        after = self.record(Told(incident=incident.id, at=self.now, told=new, hears=hears))
        self._messages += self.teller.to_these(after, Action.TRIGGER, new, after.key)
        return after

    def page(self, incident: Incident, summary: str, *, to: tuple[str, ...] = ()) -> Incident:
        """Page under the incident's own key at first, and under a new generation each time after that.

        Where its routes group it, and the page of another incident of the group has not been answered, that page says
        so instead. One that was answered is not touched: whoever has it may sleep again, so that a new page goes out.
        `to` names the paging destinations, where they are not those of its routes.
        """
        recipients = self.audience.of(incident)
        lead = None if to else self._lead(incident, recipients)
        if lead is not None:
            event = Paged(
                incident=incident.id,
                at=self.now,
                generation=incident.generation,
                key=lead.page_key,
                summary=summary,
                told=lead.paged_to,
                joined=lead.id,
            )
            after = self.record(event)
            said = Said(summary=f"{lead.summary}; and {summary}")
            self._messages += self.teller.to_pagers(after, Action.UPDATE, said)
            return after
        generation = incident.generation + 1 if incident.page_key else incident.generation
        key = incident_key(customer=incident.customer, slo=incident.slo, scope=incident.scope, generation=generation)
        event = Paged(
            incident=incident.id,
            at=self.now,
            generation=generation,
            key=key,
            summary=summary,
            told=to or recipients.pagers,
        )
        after = self.record(event)
        self._messages += self.teller.to_pagers(after, Action.TRIGGER)
        return after

    def may_page(self, incident: Incident) -> bool:
        """Whether it has waited for others of its group; a P0 waits for nobody."""
        wait = self.audience.of(incident).plan.group_wait
        return incident.priority is Priority.P0 or bool(incident.pages) or self.now - incident.opened_at >= wait

    def say_to_pagers(self, incident: Incident, action: Action, said: Said = NOTHING) -> None:
        """Tell those who have its page."""
        self._messages += self.teller.to_pagers(incident, action, said)

    def say_to_others(self, incident: Incident, action: Action, said: Said = NOTHING) -> None:
        """Tell those who know it under its own key."""
        self._messages += self.teller.to_others(incident, action, said)

    def resolve(self, incident: Incident, *, why: str) -> Incident:
        """It is over, and everyone who was told of it hears so."""
        event = Resolved(incident=incident.id, at=self.now, by="", why=why)
        shared = any(True for _ in sharing(self.incidents, incident))
        return self.record(event, self.teller.resolved(incident, event, shared=shared))

    def _lead(self, incident: Incident, recipients: Recipients) -> Incident | None:
        """The incident of its group whose page nobody has answered yet."""
        labels = recipients.plan.group_by
        if set(BY_INCIDENT) <= set(labels):
            return None
        group = _group(incident, labels)
        for other in self.incidents.values():
            rings = other.page_open and not other.page_answered and other.id != incident.id
            if rings and _group(other, labels) == group and self.audience.of(other).plan.group_by == labels:
                return other
        return None


def sharing(incidents: Mapping[str, Incident], incident: Incident) -> Iterator[Incident]:
    """The other open incidents that are told in the same page."""
    if incident.page_open:
        for other in incidents.values():
            if other.page_open and other.page_key == incident.page_key and other.id != incident.id:
                yield other


def _group(incident: Incident, labels: tuple[str, ...]) -> tuple[str, ...]:
    known = incident.alert_labels
    return tuple(known.get(label, "") for label in labels)
