"""What people do to an incident: the events of it, and who hears of it.

An act that came from a destination is not told to that destination again, where it can be read already.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from slo.core.acts import (
    Acknowledge,
    Act,
    Assign,
    Attribute,
    EndChat,
    GoOn,
    Look,
    Prioritize,
    Promise,
    Resolve,
    Say,
    Target,
    Wait,
)
from slo.core.delivery import Action, Message
from slo.core.eta import ETA
from slo.core.events import (
    Acknowledged,
    Assigned,
    Attributed,
    ChatEnded,
    Event,
    Noted,
    Promised,
    Reprioritized,
    Resolved,
    WaitBegan,
    WaitEnded,
)
from slo.core.folding import fold
from slo.core.incident import Incident
from slo.core.priority import Priority
from slo.errors import UsageError
from slo.router.already import already
from slo.router.incidents import Incidents
from slo.router.messages import Decision, Said, Teller
from slo.router.shared_pages import sharing, told_as_one
from slo.router.summary import promised

E = TypeVar("E", bound=Event)


def decide_act(act: Act, incidents: Mapping[str, Incident], *, teller: Teller) -> Decision:
    """The events and messages of an act on an incident; nothing where it was done before, or changes nothing.

    Raises UsageError for an unknown incident, and for what cannot be done to it as it stands.
    """
    incident = _named(incidents, act.target)
    if (act.source and act.source in incident.sources) or already(act, incident):
        return Decision()
    decision = _Acting(act, incident, tuple(sharing(incidents, incident)), teller).decision()
    after = Incidents.of(incidents)
    for event in decision.events:
        after.put(fold(after.get(event.incident), event))
    known_at = act.target.destination if isinstance(act, Prioritize) else ""
    return told_as_one(decision, incidents, after, teller=teller, known_at=known_at)


@dataclass(frozen=True, slots=True)
class _Acting:
    act: Act
    incident: Incident
    sharing: tuple[Incident, ...]
    """The other incidents that are told in the same page."""
    teller: Teller

    def decision(self) -> Decision:
        match self.act:
            case Acknowledge():
                return self._acknowledge()
            case Resolve(why=why):
                return self._resolve(why)
            case Wait(why=why):
                return self._wait(why)
            case Prioritize(priority=priority, why=why):
                return self._prioritize(priority, why)
            case EndChat():
                return Decision(events=(self._event(ChatEnded),))
            case Look():
                return Decision()
        return self._said()

    def _said(self) -> Decision:
        match self.act:
            case Say(text=text, responds=responds):
                return self._told(self._event(Noted, text=text, responds=responds), Action.NOTE, text)
            case Promise(eta=eta, text=text):
                self._needs_open("promise a recovery of")
                self._refuse_past(eta)
                words = promised(eta) + (f": {text}" if text else "")
                return self._told(self._event(Promised, eta=eta, text=text), Action.ETA, words)
            case GoOn(why=why):
                return self._told(self._event(WaitEnded, why=why), Action.UPDATE, "waits no longer", why)
            case Assign(owner=owner):
                self._needs_open("assign")
                return self._told(self._event(Assigned, owner=owner), Action.UPDATE, f"{owner} owns it now")
            case Attribute(responsibility=responsibility, why=why):
                event = self._event(Attributed, responsibility=responsibility, why=why)
                return self._told(event, Action.UPDATE, responsibility.words, why)
        raise TypeError(f"nobody knows what to do with {type(self.act).__name__}")

    def _acknowledge(self) -> Decision:
        """Take it on. Late is better than never.

        Who answers a page answers for every incident that it tells of, at every destination that has it: the next
        level may have it on account of another of them.
        """
        event = self._event(Acknowledged)
        if not self.incident.open:
            if self.incident.responded_at is not None:
                self._needs_open("acknowledge")
            return self._told(event, Action.NOTE, "answers it after it had resolved by itself")
        if self._is_late:
            said = self._event(Noted, text=f"answers an earlier page, {self.act.target.key}", responds=True)
            return self._told(said, Action.NOTE, f"answers an earlier page, {self.act.target.key}")
        events, messages = [event], self.teller.acknowledged(self.incident, event, but=self._there)
        reached = set(self.incident.paged_to)
        for other in self.sharing:
            if other.status != "acknowledged":
                events.append(replace(event, incident=other.id))
                after, who = fold(other, events[-1]), Said(by=event.by)
                pagers = tuple(name for name in other.paged_to if name not in reached)
                reached.update(pagers)
                messages += self.teller.to_these(after, Action.ACKNOWLEDGE, pagers, after.page_key, who)
                messages += self.teller.to_others(after, Action.ACKNOWLEDGE, who)
        return Decision(events=tuple(events), messages=tuple(messages))

    def _resolve(self, why: str) -> Decision:
        """It is over. Who ends a page at its destination ends every incident that it told of when that was done."""
        self._needs_open("resolve")
        if self._is_late:
            raise UsageError(
                f"incident {self.incident.id} pages again, under {self.incident.page_key}: "
                "what was resolved is an earlier page, resolve this one"
            )
        done_at = self.act.acted_at or self.teller.at
        ending = [self.incident, *(other for other in self._of_page if max((other.opened_at, *other.pages)) <= done_at)]
        open_still = {each.id: each for each in (self.incident, *self.sharing)}
        events, messages = [], []
        for incident in ending:
            event = replace(self._event(Resolved, why=why), incident=incident.id)
            del open_still[incident.id]
            keep = {name for other in open_still.values() for name in other.paged_to}
            events.append(event)
            messages += self.teller.resolved(incident, event, keep=keep)
        return Decision(events=tuple(events), messages=tuple(messages))

    def _wait(self, why: str) -> Decision:
        self._needs_open("wait with")
        if self.incident.priority is Priority.P0:
            raise UsageError(f"incident {self.incident.id} is a P0, whose clock never pauses: lower its priority first")
        if self.incident.responded_at is None:
            raise UsageError(
                f"nobody has answered incident {self.incident.id} yet, and its clock runs until somebody does: "
                "acknowledge it first"
            )
        return self._told(self._event(WaitBegan, why=why), Action.UPDATE, "waits for the customer", why)

    def _prioritize(self, priority: Priority, why: str) -> Decision:
        """It is as urgent as that; where a page is, none of its incidents is more urgent, and one is as urgent."""
        self._needs_open("change the priority of")
        page = sorted((self.incident, *self._of_page), key=lambda each: each.priority.rank)
        changed = [each for each in page if each.priority.rank < priority.rank] or page[:1]
        events: list[Event] = []
        messages: list[Message] = []
        for incident in changed:
            if incident.priority is not priority:
                event = replace(self._event(Reprioritized, priority=priority, why=why), incident=incident.id)
                said = Said(by=self.act.by, why=why, text=f"{priority} instead of {incident.priority}")
                told = self.teller.to_everyone(fold(incident, event), Action.UPDATE, said, but=self._there)
                reached = {message.lane for message in messages}
                events.append(event)
                messages += [message for message in told if message.lane not in reached]
        return Decision(events=tuple(events), messages=tuple(messages))

    def _told(self, event: Event, action: Action, text: str, why: str = "") -> Decision:
        after, said = fold(self.incident, event), Said(by=self.act.by, why=why, text=text)
        return Decision(events=(event,), messages=tuple(self.teller.to_everyone(after, action, said, but=self._there)))

    def _event(self, kind: Callable[..., E], **own: object) -> E:
        """The event of the act, with what it says of its own."""
        act = self.act
        return kind(
            incident=self.incident.id,
            at=self.teller.at,
            by=act.by,
            via=act.via,
            source=act.source,
            acted_at=act.acted_at,
            **own,
        )

    def _refuse_past(self, eta: ETA) -> None:
        """A promise is about what comes: one for the past would be broken while it is read."""
        for what, at in (("the recovery", eta.recover_at), ("the next update", eta.next_update_at)):
            if at is not None and at <= self.teller.at:
                raise UsageError(
                    f"{what} cannot be promised for {at:%Y-%m-%dT%H:%M:%SZ}, which is past: say a later time"
                )

    def _needs_open(self, deed: str) -> None:
        incident = self.incident
        if not incident.open:
            who = f" by {incident.resolved_by}" if incident.resolved_by else ""
            raise UsageError(
                f"incident {incident.id} was resolved{who} at {incident.resolved_at:%Y-%m-%dT%H:%M:%SZ}: "
                f"{deed} an open one"
            )

    @property
    def _is_late(self) -> bool:
        """Whether it was done to a page that is over, while another one is open: nobody has seen that one yet."""
        target, incident = self.act.target, self.incident
        return (
            incident.page_open and target.destination in incident.paged_to and target.key not in ("", incident.page_key)
        )

    @property
    def _of_page(self) -> list[Incident]:
        """The others that it was done to as well, since it was done to their page at a destination that has it."""
        target, incident = self.act.target, self.incident
        if not (incident.page_open and target.destination in incident.paged_to and target.key == incident.page_key):
            return []
        return [other for other in self.sharing if target.destination in other.paged_to]

    @property
    def _there(self) -> str:
        """Where it can be read already."""
        return self.act.target.destination


def _named(incidents: Mapping[str, Incident], target: Target) -> Incident:
    incident = incidents.get(target.incident)
    if incident is None:
        raise UsageError(f"there is no incident {target.incident}: `watchkeep incident list` shows what there is")
    if target.mark not in ("", incident.mark):
        raise UsageError(
            f"the message is not about the incident {incident.id} that is here, which opened at "
            f"{incident.opened_at:%Y-%m-%dT%H:%M:%SZ}: the data folder was replaced or restored since, or an older "
            "version sent it; act on a newer message, or on the page of the incident that is meant"
        )
    return incident


def named_by(target: Target, incidents: Mapping[str, Incident]) -> str:
    """The id of the incident that a target names, by what is known of incidents as they stand; empty for none.

    A page is that of the incidents that have it open there, also where it has the key of one that has left it.
    """
    if target.incident:
        return target.incident
    found = ""
    for incident in incidents.values():
        known = target.key and target.key in (incident.key, incident.page_key)
        began_there = target.reference and (target.destination, target.reference) == (
            incident.destination,
            incident.reference,
        )
        if known and incident.page_open and incident.page_key == target.key and target.destination in incident.paged_to:
            return incident.id
        if known or began_there:
            found = found or incident.id
    return found
