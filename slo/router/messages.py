"""Messages: what the destinations of an incident are told of it.

A destination knows an incident under one key: paging destinations under the key of the page, all others under the
key of the incident. Whoever was not told that it began is told nothing more.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from slo.core.delivery import Action, Message
from slo.core.events import Acknowledged, Event, Resolved
from slo.core.folding import fold
from slo.core.incident import Incident
from slo.router.summary import over, subject_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What is written in one transaction: events, and the messages that follow from them."""

    events: tuple[Event, ...] = ()
    messages: tuple[Message, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.events)


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What a message says beside the state of the incident: who did what and why, in whose words."""

    by: str = ""
    why: str = ""
    text: str = ""
    summary: str = ""


NOTHING = Said()


def never(_incident: Incident) -> datetime | None:
    """No contract is known."""
    return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Teller:
    """Makes the messages of one moment, `at`; `external_url` is where people reach this watch.

    `due` says by when the contract wants a response to an incident; None where nobody knows the contract.
    """

    at: datetime
    external_url: str = ""
    due: Callable[[Incident], datetime | None] = never

    def to_pagers(self, incident: Incident, action: Action, said: Said = NOTHING) -> list[Message]:
        """To the paging destinations that have its page."""
        return self._messages(incident, action, incident.paged_to, incident.page_key, said)

    def to_others(self, incident: Incident, action: Action, said: Said = NOTHING) -> list[Message]:
        """To those that know it under its own key."""
        return self._messages(incident, action, incident.told, incident.key, said)

    def to_these(
        self, incident: Incident, action: Action, destinations: Iterable[str], key: str, said: Said = NOTHING
    ) -> list[Message]:
        """To some of those that know it under a key."""
        return self._messages(incident, action, destinations, key, said)

    def to_everyone(self, incident: Incident, action: Action, said: Said, *, but: str = "") -> list[Message]:
        """To the pagers as long as its page is open, and to the others. `but` is a destination that knows it."""
        pagers = self.to_pagers(incident, action, said) if incident.page_open else []
        return [message for message in pagers + self.to_others(incident, action, said) if message.destination != but]

    def acknowledged(self, incident: Incident, event: Acknowledged, *, but: str = "") -> list[Message]:
        """Everyone who has the incident, or a page of it that was not answered yet, hears that somebody is on it."""
        after, said = fold(incident, event), Said(by=event.by)
        unanswered = incident.page_open and not incident.page_answered
        pagers = self.to_pagers(after, Action.ACKNOWLEDGE, said) if unanswered else []
        others = self.to_others(after, Action.ACKNOWLEDGE, said)
        return pagers + [message for message in others if message.destination != but]

    def resolved(self, incident: Incident, event: Resolved, *, keep: Collection[str] = ()) -> list[Message]:
        """Everyone who has the incident, or a page of it that is open, hears that it is over.

        Those that `keep` the page, since it is that of other incidents too, do not.
        """
        after, said = fold(incident, event), Said(by=event.by, why=event.why)
        summary = over(subject_of(incident), by=event.by, why=event.why)
        leaving = [name for name in incident.paged_to if name not in keep] if incident.page_open else []
        pagers = self.to_these(after, Action.RESOLVE, leaving, after.page_key, said)
        told = Said(by=event.by, why=event.why, summary=summary)
        return pagers + self.to_others(after, Action.RESOLVE, told)

    def _messages(
        self, incident: Incident, action: Action, destinations: Iterable[str], key: str, said: Said
    ) -> list[Message]:
        return [
            Message(
                id=f"{key}/{destination}/{action}/{self.at:%Y-%m-%dT%H:%M:%S.%fZ}",
                destination=destination,
                action=action,
                key=key,
                incident=incident.id,
                slo=incident.slo,
                scope=incident.scope,
                severity=incident.severity,
                priority=incident.priority,
                status=incident.status,
                summary=said.summary or incident.summary,
                at=self.at,
                opened_at=incident.opened_at,
                detected_at=incident.created_at,
                labels=incident.labels,
                firing=frozenset() if action is Action.RESOLVE else incident.firing,
                evidence=incident.evidence,
                by=said.by,
                why=said.why,
                text=said.text,
                external_url=self.external_url,
                due=self.due(incident),
                responded_at=incident.responded_at,
                eta=incident.eta,
                owner=incident.owner,
                services=incident.services,
                reported=incident.summary if incident.human else "",
                reference=incident.reference if destination == incident.destination else "",
            )
            for destination in destinations
            if action in incident.hears.get(destination, (action,))
        ]
