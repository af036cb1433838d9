"""Incidents: the state that the fold makes of events, in the order of the journal. Nothing else is stored."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from slo.core.acts import Responsibility
from slo.core.alert import Evidence, FiringPair, worst
from slo.core.eta import ETA
from slo.core.events import (
    Acknowledged,
    Assigned,
    Attributed,
    ChatEnded,
    Deed,
    Event,
    FiringChanged,
    Noted,
    Opened,
    PageCleared,
    Paged,
    Promised,
    Raised,
    Reprioritized,
    Resolved,
    SentDirectly,
    WaitBegan,
    WaitEnded,
)
from slo.core.policy import Severity
from slo.core.priority import Circumstances, Priority
from slo.core.response import Turn, TurnKind

REPORTED = "reported"
"""What stands for the SLO of an incident that a person opened; its scope is its id."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Incident:
    """The state of one incident: the fold of its events.

    `generation` is that of its last page, or of its opening before there was one. `firing` is followed after the
    resolution too, so that an alert that a person closed while it fired opens nothing anew until another pair fires.
    `page_clear_since` and `clear_since` are since when no page, and nothing at all, fires; None while it does.
    `page_open` is whether a page is open under `page_key` at the paging destinations `paged_to`, and `page_answered`
    whether a person has acknowledged that one; `told` are the others, which know the incident under `key`. Where a
    person made it a P0, `needs_page` until it has paged; a page that was made so is not ended by the alert.

    `acknowledged_at` is when the first person took it on, `responded_at` when the first one answered in any way.
    `turns` are what its response clock is made of. `etas` are all that were promised, the last one last.
    `updated_at` is when people last heard something of a person. `sources` are the acts of others that were done.
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
    opened_by: str = ""
    found_by: str = "provider"
    created_at: datetime | None = None
    circumstances: Circumstances | None = None
    services: tuple[str, ...] = ()
    destination: str = ""
    reference: str = ""
    paged_at: datetime | None = None
    page_open: bool = False
    page_key: str = ""
    page_answered: bool = False
    needs_page: bool = False
    paged_to: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    page_clear_since: datetime | None = None
    clear_since: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str = ""
    responded_at: datetime | None = None
    responded_by: str = ""
    turns: tuple[Turn, ...] = ()
    etas: tuple[Promised, ...] = ()
    waiting: bool = False
    owner: str = ""
    responsibility: Responsibility | None = None
    chat_ended_at: datetime | None = None
    updated_at: datetime | None = None
    resolved_at: datetime | None = None
    resolved_by: str = ""
    resolved_why: str = ""
    sent_directly: tuple[str, ...] = ()
    sources: frozenset[str] = frozenset()

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

    @property
    def subject(self) -> str:
        """What it is about, in a word: its SLO, or that it was reported."""
        return self.slo if self.slo != REPORTED else f"incident {self.id}"

    @property
    def customer(self) -> str:
        """Whose incident it is; empty where nobody said."""
        return self.labels.get("customer", "")

    @property
    def eta(self) -> ETA | None:
        """What was promised last."""
        return self.etas[-1].eta if self.etas else None

    @property
    def human(self) -> bool:
        """Whether a person opened it: then no alert is about it, and only a person ends it."""
        return self.slo == REPORTED


def fold(state: Incident | None, event: Event) -> Incident:
    """The incident after `event`. Only `Opened` may come first, and only first."""
    if isinstance(event, Opened):
        if state is not None:
            raise ValueError(f"incident {event.incident} was opened twice")
        return _opened(event)
    if state is None:
        raise ValueError(f"incident {event.incident} begins with {type(event).__name__}")
    if isinstance(event, Deed):
        return _done(replace(state, sources=_with(state.sources, event.source)), event)
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
        case Raised(at=at, severity=severity, priority=priority):
            return _prioritized(replace(state, severity=severity), at, priority)
        case Paged(at=at, generation=generation, key=key, summary=summary, told=told):
            return replace(
                state,
                paged_at=state.paged_at or at,
                page_open=True,
                page_key=key,
                page_answered=False,
                needs_page=False,
                page_clear_since=None if state.needs_page else state.page_clear_since,
                paged_to=told,
                generation=generation,
                summary=summary or state.summary,
            )
        case PageCleared():
            return replace(state, page_open=False)
        case Resolved(at=at, by=by, why=why, source=source):
            over = replace(state, page_open=False, needs_page=False, resolved_at=at, resolved_by=by, resolved_why=why)
            over = replace(over, sources=_with(state.sources, source))
            return _turned(_responded(over, event, by) if by else over, at, TurnKind.RESOLVED)
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


def _opened(event: Opened) -> Incident:
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
        opened_by=event.by,
        found_by=event.found_by,
        created_at=event.created_at,
        circumstances=event.circumstances,
        services=event.services,
        destination=event.destination,
        reference=event.reference,
        told=event.told,
        needs_page=event.slo == REPORTED and event.priority is Priority.P0,
        turns=(Turn(at=event.created_at or event.at, kind=TurnKind.OPENED, priority=event.priority),),
        sources=_with(frozenset(), event.source),
    )


def _done(state: Incident, event: Deed) -> Incident:
    """The incident after an act of a person."""
    at, by = event.at, event.by
    match event:
        case Acknowledged():
            taken = replace(
                state,
                page_answered=state.page_open,
                needs_page=False,
                acknowledged_at=state.acknowledged_at or at,
                acknowledged_by=state.acknowledged_by or by,
            )
            return _responded(taken, event, by)
        case Noted(responds=responds):
            told = replace(state, chat_ended_at=None if responds else state.chat_ended_at)
            return _responded(told, event, by) if responds else told
        case Promised():
            return _responded(replace(state, etas=(*state.etas, event), chat_ended_at=None), event, by)
        case Reprioritized(priority=priority):
            pages = priority is Priority.P0 and state.open and not state.page_open
            return _prioritized(replace(state, needs_page=pages), at, priority)
        case WaitBegan():
            return _turned(replace(state, waiting=True), at, TurnKind.PAUSED)
        case WaitEnded():
            return _turned(replace(state, waiting=False), at, TurnKind.RESUMED)
        case Assigned(owner=owner):
            return replace(state, owner=owner)
        case Attributed(responsibility=responsibility):
            return replace(state, responsibility=responsibility)
        case ChatEnded():
            return replace(state, chat_ended_at=at)
    raise TypeError(f"no fold for {type(event).__name__}")


def _responded(state: Incident, event: Deed | Resolved, by: str) -> Incident:
    """A person has answered: the first time stops the response clock, at the moment at which they did."""
    heard = replace(state, updated_at=event.at)
    if state.responded_at is not None:
        return heard
    at = min(event.at, max(event.acted_at or event.at, state.turns[-1].at))
    return _turned(replace(heard, responded_at=at, responded_by=by), at, TurnKind.RESPONDED)


def _prioritized(state: Incident, at: datetime, priority: Priority) -> Incident:
    if priority is state.priority:
        return state
    waiting = state.waiting and priority is not Priority.P0
    return _turned(replace(state, priority=priority, waiting=waiting), at, TurnKind.PRIORITY, priority)


def _turned(state: Incident, at: datetime, kind: TurnKind, priority: Priority | None = None) -> Incident:
    return replace(state, turns=(*state.turns, Turn(at=at, kind=kind, priority=priority)))


def _with(sources: frozenset[str], source: str) -> frozenset[str]:
    return sources | {source} if source else sources
