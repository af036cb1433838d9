"""Messages: what the destinations of an incident are told of it.

A destination knows an incident under one key: paging destinations under the key of the page, all others under the
key of the incident. Whoever was not told that it began is told nothing more.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from slo.core.delivery import Action, Message
from slo.core.incident import Acknowledged, Event, Incident, Resolved, fold
from slo.router.summary import over


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What is written in one transaction: events, and the messages that follow from them."""

    events: tuple[Event, ...] = ()
    messages: tuple[Message, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.events)


@dataclass(frozen=True, kw_only=True, slots=True)
class Teller:
    """Makes the messages of one moment, `at`; `external_url` is where people reach this watch."""

    at: datetime
    external_url: str = ""

    def to_pagers(self, incident: Incident, action: Action, *, by: str = "", why: str = "") -> list[Message]:
        """To the paging destinations that have its page."""
        return self._messages(incident, action, incident.paged_to, incident.page_key, by=by, why=why)

    def to_others(
        self, incident: Incident, action: Action, *, summary: str = "", by: str = "", why: str = ""
    ) -> list[Message]:
        """To those that know it under its own key."""
        return self._messages(incident, action, incident.told, incident.key, summary=summary, by=by, why=why)

    def acknowledged(self, incident: Incident, event: Acknowledged) -> list[Message]:
        """Everyone who has the incident, or a page of it that was not answered yet, hears that somebody is on it."""
        after = fold(incident, event)
        unanswered = incident.page_open and not incident.page_answered
        pagers = self.to_pagers(after, Action.ACKNOWLEDGE, by=event.by) if unanswered else []
        return pagers + self.to_others(after, Action.ACKNOWLEDGE, by=event.by)

    def resolved(self, incident: Incident, event: Resolved) -> list[Message]:
        """Everyone who has the incident, or a page of it that is open, hears that it is over."""
        after, about = fold(incident, event), {"by": event.by, "why": event.why}
        summary = over(incident.slo, by=event.by, why=event.why)
        pagers = self.to_pagers(after, Action.RESOLVE, **about) if incident.page_open else []
        return pagers + self.to_others(after, Action.RESOLVE, summary=summary, **about)

    def _messages(
        self,
        incident: Incident,
        action: Action,
        destinations: Iterable[str],
        key: str,
        *,
        summary: str = "",
        by: str,
        why: str,
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
                summary=summary or incident.summary,
                at=self.at,
                opened_at=incident.opened_at,
                labels=incident.labels,
                firing=frozenset() if action is Action.RESOLVE else incident.firing,
                evidence=incident.evidence,
                by=by,
                why=why,
                external_url=self.external_url,
            )
            for destination in destinations
        ]
