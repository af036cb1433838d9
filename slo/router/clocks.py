"""Clocks: what runs out while nobody acts, and whom the watch tells of it.

Driven by levels as well: what is overdue is found by looking at the incidents as they stand, so that a restart finds
what came due meanwhile, and says when that was. Source of the rules: the contract, see docs/contracts.md.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction

from slo.core.delivery import Action, Message
from slo.core.duration import duration_name
from slo.core.events import PromiseMissed, Reminded, Reminder, ResponseMissed, ResponseWarned, TicketNotUpdated
from slo.core.folding import fold
from slo.core.incident import Incident
from slo.core.response import Response
from slo.router.draft import Draft
from slo.router.messages import Said

SHARES = (Fraction(1, 2), Fraction(3, 4), Fraction(9, 10))
"""The shares of the response time at which people are warned that nobody has answered."""

LATE = timedelta(minutes=1)
"""What is told later than this after it came due is said to be late."""


def decide_clocks(draft: Draft) -> None:
    """Tell people of everything that has run out, or is about to."""
    for incident in tuple(draft.incidents.values()):
        if incident.responded_at is None and incident.missed_at is None:
            _watch_response(incident, draft)
        if incident.open:
            _watch_promises(draft.incidents[incident.id], draft)
            _watch_silence(draft.incidents[incident.id], draft)
        _watch_ticket(draft.incidents[incident.id], draft)


def _watch_response(incident: Incident, draft: Draft) -> None:
    """Warn at each share of the response time, and say when it is over. Also of what resolved by itself."""
    response = draft.audience.response(incident)
    steps = draft.audience.of(incident).plan.escalation
    missed = response.breached_at(draft.now)
    shares = sorted({*SHARES, *(step.after for step in steps)})
    reached = [share for share in shares if response.moment_of(float(share)) <= draft.now]
    if missed is not None:
        planned_at, share = missed, Fraction(1)
        text = f"nobody has answered within {_within(response)}: the response time ended at {_clock(missed)}"
    elif reached and float(reached[-1]) > incident.warned:
        share = reached[-1]
        planned_at = response.moment_of(float(share))
        text = f"{float(share):.0%} of the response time has gone, nobody has answered: due at {_clock(response.due)}"
    else:
        return
    level = [name for step in steps if step.after <= share for name in step.destinations]
    paged, told = _new(incident, level, draft)
    event: Reminder
    if missed is not None:
        event = ResponseMissed(incident=incident.id, at=draft.now, due=missed, told=told)
    else:
        event = ResponseWarned(
            incident=incident.id,
            at=draft.now,
            share=float(share),
            due=response.due,
            planned_at=planned_at,
            told=told,
        )
    if incident.page_open:
        event = replace(event, paged=paged)
    after = _remind(incident, event, text + _lateness(planned_at, draft.now), draft)
    if paged and after.open and not after.page_open and not after.muted:
        draft.page(after, after.summary, to=paged)


def _watch_promises(incident: Incident, draft: Draft) -> None:
    """Say that what was promised last has not come: the next update, or the recovery."""
    if incident.eta is None or incident.waiting:
        return
    promised = {"update": incident.eta.next_update_at, "recovery": incident.eta.recover_at}
    if incident.updated_at is not None and incident.updated_at > incident.etas[-1].at:
        promised["update"] = None
    if not incident.human and not incident.firing:
        promised["recovery"] = None
    due = sorted((at, what) for what, at in promised.items() if at is not None and at <= draft.now)
    for at, what in due:
        if incident.promise_missed_at is None or at > incident.promise_missed_at:
            text = f"the {'next update' if what == 'update' else what} was promised for {_clock(at)} and is overdue"
            event = PromiseMissed(incident=incident.id, at=draft.now, what=what, promised_at=at)
            incident = _remind(incident, event, text, draft)


def _watch_ticket(incident: Incident, draft: Draft) -> None:
    """Say that a chat has ended and the ticket was not updated."""
    ended = incident.chat_ended_at
    if ended is None or incident.chat_missed_at == ended:
        return
    within = draft.audience.contract(incident.customer).ticket_update_within
    if draft.now >= ended + within:
        text = f"the chat ended at {_clock(ended)} and the ticket was not updated within {_length(within)}"
        _remind(incident, TicketNotUpdated(incident=incident.id, at=draft.now, chat_ended_at=ended), text, draft)


def _watch_silence(incident: Incident, draft: Draft) -> None:
    """Tell people again of what is open and nobody has taken on."""
    last = incident.told_at or incident.opened_at
    every = draft.audience.of(incident).plan.repeat_interval
    fires = incident.human or bool(incident.firing)
    if incident.status == "triggered" and fires and not incident.muted and draft.now - last >= every:
        text = f"open since {_clock(incident.opened_at)}, and nobody has taken it on"
        _remind(incident, Reminded(incident=incident.id, at=draft.now), text, draft)


def _remind(incident: Incident, event: Reminder, text: str, draft: Draft) -> Incident:
    """Record it, and tell everybody who knows of the incident; the next level hears of it for the first time.

    While it is muted nobody is told: the record, and the clock, go on.
    """
    after = fold(incident, event)
    if incident.muted:
        return draft.record(event)
    said, teller = Said(text=text), draft.teller
    messages: list[Message] = []
    if incident.page_open:
        messages += teller.to_these(after, Action.REMIND, incident.paged_to, after.page_key, said)
    messages += teller.to_these(after, Action.REMIND, incident.told, after.key, said)
    if isinstance(event, ResponseWarned | ResponseMissed):
        messages += teller.to_these(after, Action.TRIGGER, event.paged, after.page_key, said)
        messages += teller.to_these(after, Action.TRIGGER, event.told, after.key, said)
    return draft.record(event, messages)


def _new(incident: Incident, level: list[str], draft: Draft) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Those of the next level who have not heard of it: who is paged, and who is told otherwise."""
    known = {*incident.told, *(incident.paged_to if incident.page_open else ())}
    new = [name for name in dict.fromkeys(level) if name not in known]
    paging = draft.audience.paging
    return tuple(name for name in new if name in paging), tuple(name for name in new if name not in paging)


def _within(response: Response) -> str:
    target = response.target
    return _length(target) if isinstance(target, timedelta) else str(target)


def _lateness(planned_at: datetime, now: datetime) -> str:
    late = now - planned_at
    return f" (told {_length(late)} late)" if late > LATE else ""


def _length(length: timedelta) -> str:
    return duration_name(int(length.total_seconds()))


def _clock(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
