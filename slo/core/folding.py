"""The fold of events into incidents: their state is what comes out of it, in the order of the journal."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from slo.core.alert import worst
from slo.core.events import (
    Acknowledged,
    Assigned,
    Attributed,
    ChatEnded,
    Deed,
    Event,
    FiringChanged,
    Muted,
    Noted,
    Opened,
    PageCleared,
    Paged,
    Promised,
    PromiseMissed,
    Raised,
    Reminder,
    Reprioritized,
    Resolved,
    ResponseMissed,
    ResponseWarned,
    SentDirectly,
    TicketNotUpdated,
    Told,
    Unmuted,
    WaitBegan,
    WaitEnded,
)
from slo.core.incident import REPORTED, Incident
from slo.core.policy import Severity
from slo.core.priority import Priority
from slo.core.response import Turn, TurnKind


def fold(state: Incident | None, event: Event) -> Incident:
    """The incident after `event`. Only `Opened` may come first, and only first."""
    if isinstance(event, Opened):
        if state is not None:
            raise ValueError(f"incident {event.incident} was opened twice")
        return _opened(event)
    if state is None:
        raise ValueError(f"incident {event.incident} begins with {type(event).__name__}")
    match event:
        case Deed():
            return _done(replace(state, sources=_with(state.sources, event.source)), event)
        case Reminder():
            return _reminded(replace(state, told_at=event.at), event)
        case Paged() | PageCleared() | SentDirectly():
            return _paged(state, event)
        case Told() | Muted() | Unmuted():
            return _told(state, event)
        case Raised(at=at, severity=severity, priority=priority):
            return _prioritized(replace(state, severity=severity), at, priority)
        case FiringChanged():
            return _signalled(state, event)
        case Resolved():
            return _resolved(state, event)
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
        contract_digest=event.contract_digest,
        circumstances=event.circumstances,
        services=event.services,
        destination=event.destination,
        reference=event.reference,
        told=event.told,
        hears=event.hears,
        muted=event.muted,
        told_at=event.at,
        told_as=None if event.muted else event.priority,
        needs_page=event.slo == REPORTED and event.priority is Priority.P0,
        turns=(Turn(at=event.created_at or event.at, kind=TurnKind.OPENED, priority=event.priority),),
        sources=_with(frozenset(), event.source),
    )


def _signalled(state: Incident, event: FiringChanged) -> Incident:
    """The incident when other pairs fire."""
    paging = worst(event.firing) is Severity.PAGE
    return replace(
        state,
        firing=event.firing,
        evidence=event.evidence,
        page_clear_since=None if paging else state.page_clear_since or event.at,
        clear_since=None if event.firing else state.clear_since or event.at,
    )


def _paged(state: Incident, event: Paged | PageCleared | SentDirectly) -> Incident:
    """The incident when a page goes out, or is over."""
    fires = worst(state.firing) is Severity.PAGE
    match event:
        case Paged(at=at, generation=generation, key=key, summary=summary, told=told):
            return replace(
                state,
                paged_at=state.paged_at or at,
                page_open=True,
                page_key=key,
                page_answered=False,
                page_of_alert=fires,
                needs_page=False,
                paged_to=told,
                pages=(*state.pages, at) if fires else state.pages,
                told_at=at,
                generation=generation,
                summary=summary or state.summary,
            )
        case PageCleared():
            return replace(state, page_open=False)
        case SentDirectly(destination=destination):
            return replace(state, sent_directly=(*state.sent_directly, destination))


def _told(state: Incident, event: Told | Muted | Unmuted) -> Incident:
    """The incident when others hear of it, or nobody does for a time."""
    match event:
        case Told(at=at, told=told, paged=paged, hears=hears):
            return replace(
                state,
                told=_joined(state.told, told),
                paged_to=_joined(state.paged_to, paged),
                hears={name: of for name, of in state.hears.items() if name not in told} | dict(hears),
                told_at=at,
                told_as=state.priority,
            )
        case Muted(why=why):
            return replace(state, muted=why)
        case Unmuted():
            return replace(state, muted="", told_as=None)


def _resolved(state: Incident, event: Resolved) -> Incident:
    over = replace(
        state,
        page_open=False,
        needs_page=False,
        resolved_at=event.at,
        resolved_by=event.by,
        resolved_why=event.why,
        sources=_with(state.sources, event.source),
    )
    return _turned(_responded(over, event, event.by) if event.by else over, event.at, TurnKind.RESOLVED)


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
            promised = replace(state, etas=(*state.etas, event), promises_missed=(), chat_ended_at=None)
            return _responded(promised, event, by)
        case Reprioritized(priority=priority):
            urged = priority is Priority.P0 and state.open
            return _prioritized(replace(state, urged=urged, needs_page=urged and not state.page_open), at, priority)
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


def _reminded(state: Incident, event: Reminder) -> Incident:
    """The incident after people were told that something runs out, or has not come."""
    match event:
        case ResponseWarned(share=share, planned_at=planned_at, paged=paged, told=told):
            wider = replace(state, paged_to=_joined(state.paged_to, paged), told=_joined(state.told, told))
            return replace(wider, warned=share, warned_for=planned_at)
        case ResponseMissed(due=due, paged=paged, told=told):
            wider = replace(state, paged_to=_joined(state.paged_to, paged), told=_joined(state.told, told))
            return replace(wider, missed_at=due)
        case PromiseMissed(what=what):
            return replace(state, promises_missed=(*state.promises_missed, what))
        case TicketNotUpdated(chat_ended_at=chat_ended_at):
            return replace(state, chat_missed_at=chat_ended_at)
    return state


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
    return _turned(replace(state, priority=priority, waiting=waiting, warned=0.0), at, TurnKind.PRIORITY, priority)


def _turned(state: Incident, at: datetime, kind: TurnKind, priority: Priority | None = None) -> Incident:
    return replace(state, turns=(*state.turns, Turn(at=at, kind=kind, priority=priority)))


def _joined(known: tuple[str, ...], new: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*known, *new)))


def _with(sources: frozenset[str], source: str) -> frozenset[str]:
    return sources | {source} if source else sources
