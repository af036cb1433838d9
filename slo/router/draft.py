"""A decision in the making: every event is folded at once, so that the next one is made of the new state.

Here is how an incident is told: to whom, under which key, in whose page, or to nobody for now.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from slo.core.delivery import Action, Message
from slo.core.events import Event, Muted, Opened, PageCleared, Paged, Resolved, Told, Unmuted
from slo.core.folding import fold
from slo.core.incident import Incident
from slo.core.incident_key import incident_key
from slo.core.policy import Severity
from slo.core.priority import Priority
from slo.core.routing import BY_INCIDENT
from slo.router.audience import Audience, Recipients
from slo.router.incidents import Incidents
from slo.router.messages import NOTHING, Decision, Said, Teller
from slo.router.muting import Muting
from slo.router.shared_pages import keeping, told_as_one


class Draft:
    """The incidents by id, oldest first, as they stand after what was decided so far."""

    def __init__(
        self, incidents: Mapping[str, Incident], *, audience: Audience, muting: Muting, teller: Teller
    ) -> None:
        self.incidents = Incidents.of(incidents)
        self._before = incidents
        self.audience = audience
        self.muting = muting
        self.teller = teller
        self._silences = tuple(muting.in_force(teller.at))
        self._events: list[Event] = []
        self._messages: dict[str, Message] = {}

    @property
    def now(self) -> datetime:
        """The moment of the decision."""
        return self.teller.at

    @property
    def decision(self) -> Decision:
        """What was decided."""
        decided = Decision(events=tuple(self._events), messages=tuple(self._messages.values()))
        return told_as_one(decided, self._before, self.incidents, teller=self.teller)

    @property
    def decided(self) -> int:
        """How many events were decided so far."""
        return len(self._events)

    def take_id(self) -> str:
        """The id of a new incident."""
        return self.incidents.next_id

    def record(self, event: Event, messages: Iterable[Message] = ()) -> Incident:
        """Fold an event, and add what is told with it."""
        after = fold(self.incidents.get(event.incident), event)
        self.incidents.put(after)
        self._events.append(event)
        self._say(messages)
        return after

    def open(self, event: Opened) -> Incident:
        """Open an incident under the contract in force. Nobody is told where it is muted; the page goes first."""
        event = replace(event, contract_digest=self.audience.digest_in_force(event.labels.get("customer", "")))
        opened = fold(None, event)
        why = self.muting.why(opened, self.incidents, self._silences)
        if why:
            return self.record(replace(event, muted=why))
        recipients = self.audience.of(opened)
        began_there = (event.destination,) if event.reference and event.destination not in self.audience.paging else ()
        told = tuple(dict.fromkeys((*recipients.others, *began_there)))
        incident = self.record(replace(event, told=told, hears=recipients.hears))
        if incident.severity is Severity.PAGE and self.may_page(incident):
            incident = self.page(incident, incident.summary)
        self._say(self.teller.to_others(incident, Action.TRIGGER))
        return incident

    def is_muted(self, incident: Incident) -> bool:
        """Whether nobody is to be told anything new of it now; what changed about that is recorded.

        What was never told, and fires no more when people may be told again, stays muted: there is nothing to tell.
        """
        why = self.muting.why(incident, self.incidents, self._silences)
        if why:
            if why != incident.muted:
                self.record(Muted(incident=incident.id, at=self.now, why=why))
            return True
        if incident.muted and (incident.firing or incident.urged or incident.told or incident.page_open):
            incident = self.record(Unmuted(incident=incident.id, at=self.now))
        return bool(incident.muted)

    def has_settled(self, incident: Incident) -> bool:
        """Whether there is nothing to tell of it, as was found before."""
        return self.muting.has_settled(incident, self.incidents, self._silences)

    def tell(self, incident: Incident) -> Incident:
        """Tell those who are to hear of it as it stands, and have not been told: in its page where that is open.

        A page that only the next level has is not for the first: their own is over.
        """
        recipients = self.audience.of(incident)
        new = tuple(name for name in recipients.others if name not in incident.told)
        shared = not set(recipients.pagers).isdisjoint(incident.paged_to)
        theirs = incident.page_open and (incident.page_of_alert or shared)
        paged = tuple(name for name in recipients.pagers if name not in incident.paged_to) if theirs else ()
        hears = {
            name: actions
            for name, actions in recipients.hears.items()
            if name in new or incident.hears.get(name, actions) != actions
        }
        if not (new or paged or hears):
            return incident
        begins = self.without_the_page(incident, paged)
        after = self.record(Told(incident=incident.id, at=self.now, told=new, paged=paged, hears=hears))
        self._say(self.teller.to_these(after, Action.TRIGGER, begins, after.page_key))
        self._say(self.teller.to_these(after, Action.TRIGGER, new, after.key))
        return after

    def page(self, incident: Incident, summary: str, *, to: tuple[str, ...] = ()) -> Incident:
        """Page under the incident's own key at first, and under a new generation each time after that.

        Where its routes group it, and the page of another incident of the group has not been answered, that page says
        so instead. One that was answered is not touched: whoever has it may sleep again, so that a new page goes out.
        A page of its own that is open becomes that of the alert as well, or is over where it was answered. `to` names
        the paging destinations, where they are not those of its routes.
        """
        recipients = self.audience.of(incident)
        told = to or recipients.pagers
        if incident.page_open:
            told = tuple(dict.fromkeys((*told, *incident.paged_to)))
            if not incident.page_answered:
                return self._page_again(incident, summary, told)
            incident = self.clear_page(incident, Said(why="a new page follows"))
        elif not to and (lead := self._lead(incident, recipients)) is not None:
            return self._join(incident, summary, lead)
        generation = incident.generation + 1 if incident.page_key else incident.generation
        key = incident_key(customer=incident.customer, slo=incident.slo, scope=incident.scope, generation=generation)
        event = Paged(incident=incident.id, at=self.now, generation=generation, key=key, summary=summary, told=told)
        after = self.record(event)
        self._say(self.teller.to_pagers(after, Action.TRIGGER))
        return after

    def may_page(self, incident: Incident) -> bool:
        """Whether it has waited for others of its group; a P0 waits for nobody."""
        wait = self.audience.of(incident).plan.group_wait
        return incident.priority is Priority.P0 or bool(incident.pages) or self.now - incident.opened_at >= wait

    def clear_page(self, incident: Incident, said: Said) -> Incident:
        """Its page is over while it goes on; those who have the page for other incidents keep it."""
        over = tuple(name for name in incident.paged_to if name not in keeping(self.incidents, incident))
        after = self.record(PageCleared(incident=incident.id, at=self.now, key=incident.page_key))
        self._say(self.teller.to_these(after, Action.RESOLVE, over, after.page_key, said))
        return after

    def say_to_others(self, incident: Incident, action: Action, said: Said = NOTHING) -> None:
        """Tell those who know it under its own key."""
        self._say(self.teller.to_others(incident, action, said))

    def resolve(self, incident: Incident, *, why: str) -> Incident:
        """It is over, and everyone who was told of it hears so."""
        event = Resolved(incident=incident.id, at=self.now, by="", why=why)
        return self.record(event, self.teller.resolved(incident, event, keep=keeping(self.incidents, incident)))

    def without_the_page(self, incident: Incident, destinations: Iterable[str]) -> list[str]:
        """Those of the destinations that do not have the page of an incident, not even for another one."""
        having = {*(incident.paged_to if incident.page_open else ()), *keeping(self.incidents, incident)}
        return [name for name in destinations if name not in having]

    def _page_again(self, incident: Incident, summary: str, told: tuple[str, ...]) -> Incident:
        """The page that is open says that more is the matter, and goes to whom it has not gone."""
        begins = self.without_the_page(incident, told)
        event = Paged(
            incident=incident.id,
            at=self.now,
            generation=incident.generation,
            key=incident.page_key,
            summary=summary,
            told=told,
        )
        after = self.record(event)
        self._say(self.teller.to_these(after, Action.UPDATE, incident.paged_to, after.page_key))
        self._say(self.teller.to_these(after, Action.TRIGGER, begins, after.page_key))
        return after

    def _join(self, incident: Incident, summary: str, lead: Incident) -> Incident:
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
        self._say(self.teller.to_pagers(after, Action.UPDATE))
        return after

    def _lead(self, incident: Incident, recipients: Recipients) -> Incident | None:
        """The incident of its group whose page nobody has answered yet, and which is as loud.

        It goes to everyone who is to be paged, and is as urgent or more: a P0 does not hide in the page of a P1.
        """
        labels = recipients.plan.group_by
        if set(BY_INCIDENT) <= set(labels):
            return None
        group, pagers = _group(incident, labels), set(recipients.pagers)
        for other in self.incidents.paging():
            rings = not other.page_answered and other.id != incident.id and pagers <= set(other.paged_to)
            loud = rings and other.priority.rank <= incident.priority.rank
            if loud and _group(other, labels) == group and self.audience.of(other).plan.group_by == labels:
                return other
        return None

    def _say(self, messages: Iterable[Message]) -> None:
        """Add messages; what is told to one lane twice in a moment has names of its own, or one would be lost."""
        for message in messages:
            name, number = message.id, 1
            while name in self._messages:
                number += 1
                name = f"{message.id}/{number}"
            self._messages[name] = message if number == 1 else replace(message, id=name)


def _group(incident: Incident, labels: tuple[str, ...]) -> tuple[str, ...]:
    known = incident.alert_labels
    return tuple(known.get(label, "") for label in labels)
