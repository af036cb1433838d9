"""Incidents: events, and the fold that makes a state of them.

Everything that happened to an incident is an event in the journal. Nothing else is stored: the state is what
`fold` makes of the events, in the order of the journal.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from slo.core.alert import Evidence, FiringPair, worst
from slo.core.policy import Severity
from slo.core.priority import Priority

KEY_LIMIT = 255
"""The longest deduplication key that PagerDuty takes, in characters."""

_KEY_CODES = str.maketrans({"%": "%25", ":": "%3A", "~": "%7E"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """Something that happened to the incident with the id `incident`, at `at` (UTC); empty where it is about none."""

    incident: str
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened(Event):
    """An alert began to fire and no incident was open for its SLO and scope.

    `told` names the destinations that were told under `key`, with the event or not at all: only they hear the rest.
    """

    slo: str
    scope: str
    generation: int
    key: str
    severity: Severity
    priority: Priority
    summary: str
    labels: Mapping[str, str]
    firing: frozenset[FiringPair]
    evidence: Evidence
    told: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class FiringChanged(Event):
    """Other pairs fire than before; an empty set means that the alert is clear."""

    firing: frozenset[FiringPair]
    evidence: Evidence


@dataclass(frozen=True, kw_only=True, slots=True)
class Raised(Event):
    """The incident became more urgent: a page inside a ticket, or a person's decision."""

    severity: Severity
    priority: Priority
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Paged(Event):
    """A page goes out under `key`; each time the page severity fires anew it is a new generation.

    `told` names the paging destinations that it goes to. `summary` is what they are told, and what the incident is
    about from here on.
    """

    generation: int
    key: str
    summary: str = ""
    told: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class PageCleared(Event):
    """The page severity has been clear for `resolve_after`; the page under `key` is resolved, the ticket goes on."""

    key: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Acknowledged(Event):
    """A person took the incident on. Only a human act is recorded as this."""

    by: str
    via: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Resolved(Event):
    """The incident is over. `by` is a person, or empty where the alert stayed clear."""

    by: str
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SentDirectly(Event):
    """The journal could not be written in time, so the page under `key` went to `destination` without it."""

    destination: str
    key: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Incident:
    """The state of one incident: the fold of its events.

    `generation` is that of its last page, or of its opening before there was one. `firing` is followed after the
    resolution too, so that an alert that a person closed while it fired opens nothing anew until another pair fires.
    `page_clear_since` and `clear_since` are since when no page, and nothing at all, fires; None while it does.
    `page_open` is whether a page is open under `page_key` at the paging destinations `paged_to`, and `page_answered`
    whether a person has acknowledged that one; `told` are the others, which know the incident under `key`.
    """

    id: str
    slo: str
    scope: str
    generation: int
    key: str
    severity: Severity
    priority: Priority
    summary: str
    labels: Mapping[str, str]
    firing: frozenset[FiringPair]
    evidence: Evidence
    opened_at: datetime
    paged_at: datetime | None = None
    page_open: bool = False
    page_key: str = ""
    page_answered: bool = False
    paged_to: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    page_clear_since: datetime | None = None
    clear_since: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str = ""
    resolved_at: datetime | None = None
    resolved_by: str = ""
    resolved_why: str = ""
    sent_directly: tuple[str, ...] = ()

    @property
    def open(self) -> bool:
        """Whether people still work on it."""
        return self.resolved_at is None

    @property
    def status(self) -> str:
        """`triggered`, `acknowledged` or `resolved`; a page that nobody has answered is `triggered` again."""
        if not self.open:
            return "resolved"
        unanswered = self.acknowledged_at is None or (self.page_open and not self.page_answered)
        return "triggered" if unanswered else "acknowledged"


def incident_key(*, customer: str, slo: str, scope: str, generation: int) -> str:
    """The deduplication key `customer:slo:scope:gN`; what is too long is replaced by its hash.

    A missing part is written as `-`, and what separates or marks is written as a percent code inside a part, so that
    different incidents never share a key.
    """
    body, tail = ":".join(_key_part(part) for part in (customer, slo, scope)), f":g{generation}"
    if len(body) + len(tail) > KEY_LIMIT:
        digest = hashlib.sha256(body.encode()).hexdigest()
        body = body[: KEY_LIMIT - len(tail) - len(digest) - 1] + "~" + digest
    return body + tail


def _key_part(part: str) -> str:
    return "%2D" if part == "-" else part.translate(_KEY_CODES) or "-"


def fold(state: Incident | None, event: Event) -> Incident:
    """The incident after `event`. Only `Opened` may come first, and only first."""
    if isinstance(event, Opened):
        if state is not None:
            raise ValueError(f"incident {event.incident} was opened twice")
        return Incident(
            id=event.incident,
            slo=event.slo,
            scope=event.scope,
            generation=event.generation,
            key=event.key,
            severity=event.severity,
            priority=event.priority,
            summary=event.summary,
            labels=event.labels,
            firing=event.firing,
            evidence=event.evidence,
            opened_at=event.at,
            told=event.told,
        )
    if state is None:
        raise ValueError(f"incident {event.incident} begins with {type(event).__name__}")
    match event:
        case FiringChanged(at=at, firing=firing, evidence=evidence):
            paging = worst(firing) is Severity.PAGE
            return replace(
                state,
                firing=firing,
                evidence=evidence,
                page_clear_since=None if paging else state.page_clear_since or at,
                clear_since=None if firing else state.clear_since or at,
            )
        case Raised(severity=severity, priority=priority):
            return replace(state, severity=severity, priority=priority)
        case Paged(at=at, generation=generation, key=key, summary=summary, told=told):
            return replace(
                state,
                paged_at=state.paged_at or at,
                page_open=True,
                page_key=key,
                page_answered=False,
                paged_to=told,
                generation=generation,
                summary=summary or state.summary,
            )
        case PageCleared():
            return replace(state, page_open=False)
        case Acknowledged(at=at, by=by):
            return replace(
                state,
                page_answered=state.page_open,
                acknowledged_at=state.acknowledged_at or at,
                acknowledged_by=state.acknowledged_by or by,
            )
        case Resolved(at=at, by=by, why=why):
            return replace(state, page_open=False, resolved_at=at, resolved_by=by, resolved_why=why)
        case SentDirectly(destination=destination):
            return replace(state, sent_directly=(*state.sent_directly, destination))
    raise TypeError(f"no fold for {type(event).__name__}")


def fold_all(events: Iterable[Event]) -> dict[str, Incident]:
    """Every incident by id, from the events of a journal in its order."""
    incidents: dict[str, Incident] = {}
    for event in events:
        if not event.incident:
            continue
        incidents[event.incident] = fold(incidents.get(event.incident), event)
    return incidents
