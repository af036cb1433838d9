"""Clocks: what runs out while nobody acts, and whom the watch tells of it.

Driven by levels as well: what is overdue is found by looking at the incidents as they stand, so that a restart finds
what came due meanwhile, and says when that was. Source of the rules: the contract, see docs/contracts.md.
"""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import partial

from slo.core.delivery import Action, Message
from slo.core.duration import duration_name
from slo.core.events import PromiseMissed, Reminded, Reminder, ResponseMissed, ResponseWarned, TicketNotUpdated
from slo.core.folding import fold
from slo.core.incident import Incident
from slo.core.response import Response
from slo.router.audience import Audience
from slo.router.draft import Draft
from slo.router.messages import Said

SHARES = (Fraction(1, 2), Fraction(3, 4), Fraction(9, 10))
"""The shares of the response time at which people are warned that nobody has answered."""

NEVER = datetime.max.replace(tzinfo=UTC)
"""When what has no clock comes due."""

LATE = timedelta(minutes=1)
"""What is told later than this after it came due is said to be late."""


def decide_clocks(draft: Draft) -> None:
    """Tell people of everything that has run out, or is about to; what pages for that may mute others from here on."""
    paging, audience, now = len(draft.incidents.paging()), draft.audience, draft.now
    next_due = partial(_next, audience=audience)
    for incident in draft.incidents.unsettled():
        if audience.remembered("next", incident, next_due) > now:
            continue
        if _runs(incident):
            _watch_response(incident, draft)
        if incident.open:
            _watch_promises(draft.incidents[incident.id], draft)
            _watch_silence(draft.incidents[incident.id], draft)
        _watch_ticket(draft.incidents[incident.id], draft)
    if len(draft.incidents.paging()) > paging and draft.muting.has_causes:
        for incident in draft.incidents.unsettled():
            if incident.open:
                draft.is_muted(incident)


def _next(incident: Incident, audience: Audience) -> datetime:
    """When something of it comes due next, as it stands."""
    shares = [at for at, _ in itertools.islice(_shares(incident, audience), 1)] if _runs(incident) else []
    promises = [at for at, _ in _promises(incident)]
    others = (_ticket_due(incident, audience), _repeat_due(incident, audience))
    return min([*shares, *promises, *(at for at in others if at is not None)], default=NEVER)


def _runs(incident: Incident) -> bool:
    """Whether its response clock runs; also where it resolved by itself."""
    return incident.responded_at is None and incident.missed_at is None


def _shares(incident: Incident, audience: Audience) -> Iterator[tuple[datetime, Fraction]]:
    """When which share of the response time has gone, of those that people were not warned at; the due moment last.

    Each is worked out when it is asked for: business time takes long.
    """
    response = audience.response(incident)
    steps = audience.of(incident).plan.escalation
    shares = sorted({*SHARES, *(step.after for step in steps if step.after < 1)})
    for share in shares:
        at = response.moment_of(float(share))
        if incident.warned_for is None or at > incident.warned_for:
            yield at, share
    yield response.due, Fraction(1)


def _watch_response(incident: Incident, draft: Draft) -> None:
    """Warn at each share of the response time, and say when it is over.

    Of what resolved by itself nobody hears who has not heard of it before: there is nothing left to be done.
    """
    response = draft.audience.response(incident)
    reached = [(at, share) for at, share in _shares(incident, draft.audience) if at <= draft.now]
    if not reached:
        return
    planned_at, share = reached[-1]
    paged, told = _next_level(incident, share, draft)
    joins = paged if incident.page_open else ()
    event: ResponseMissed | ResponseWarned
    if share == 1:
        text = f"nobody has answered within {_within(response)}: the response time ended at {_clock(response.due)}"
        event = ResponseMissed(incident=incident.id, at=draft.now, due=response.due, paged=joins, told=told)
    else:
        text = f"{float(share):.0%} of the response time has gone, nobody has answered: due at {_clock(response.due)}"
        event = ResponseWarned(
            incident=incident.id,
            at=draft.now,
            share=float(share),
            due=response.due,
            planned_at=planned_at,
            paged=joins,
            told=told,
        )
    after = _remind(incident, event, text + _lateness(planned_at, draft.now), draft)
    if paged and not incident.page_open:
        draft.page(after, after.summary, to=paged)


def _promises(incident: Incident) -> list[tuple[datetime, str]]:
    """When what of the last promise has to come, in the order of time, where people still wait for it."""
    if incident.eta is None or incident.waiting or not incident.open:
        return []
    promised = {"update": incident.eta.next_update_at, "recovery": incident.eta.recover_at}
    if incident.updated_at is not None and incident.updated_at > incident.etas[-1].at:
        promised["update"] = None
    if not incident.human and not incident.firing:
        promised["recovery"] = None
    return sorted(
        (at, what) for what, at in promised.items() if at is not None and what not in incident.promises_missed
    )


def _watch_promises(incident: Incident, draft: Draft) -> None:
    """Say that what was promised last has not come: the next update, or the recovery."""
    for at, what in _promises(incident):
        if at <= draft.now:
            text = f"the {'next update' if what == 'update' else what} was promised for {_clock(at)} and is overdue"
            event = PromiseMissed(incident=incident.id, at=draft.now, what=what, promised_at=at)
            incident = _remind(incident, event, text, draft)


def _ticket_due(incident: Incident, audience: Audience) -> datetime | None:
    """By when its ticket has to be updated, since a chat has ended."""
    ended = incident.chat_ended_at
    if ended is None or incident.chat_missed_at == ended:
        return None
    return ended + audience.contract_of(incident).ticket_update_within


def _watch_ticket(incident: Incident, draft: Draft) -> None:
    """Say that a chat has ended and the ticket was not updated."""
    due, ended = _ticket_due(incident, draft.audience), incident.chat_ended_at
    if due is not None and ended is not None and due <= draft.now:
        within = _length(due - ended)
        text = f"the chat ended at {_clock(ended)} and the ticket was not updated within {within}"
        _remind(incident, TicketNotUpdated(incident=incident.id, at=draft.now, chat_ended_at=ended), text, draft)


def _repeat_due(incident: Incident, audience: Audience) -> datetime | None:
    """When people are told again of what is open; not where somebody has it, or the next step is the customer's."""
    fires = incident.human or bool(incident.firing)
    if incident.status != "triggered" or not fires or incident.muted or incident.waiting:
        return None
    return (incident.told_at or incident.opened_at) + audience.of(incident).plan.repeat_interval


def _watch_silence(incident: Incident, draft: Draft) -> None:
    """Tell people again of what is open and nobody has taken on."""
    due = _repeat_due(incident, draft.audience)
    if due is not None and due <= draft.now:
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
        begins = draft.without_the_page(incident, event.paged)
        messages += teller.to_these(after, Action.TRIGGER, begins, after.page_key, said)
        messages += teller.to_these(after, Action.TRIGGER, event.told, after.key, said)
    return draft.record(event, messages)


def _next_level(incident: Incident, share: Fraction, draft: Draft) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Whom the steps up to a share name who have not heard of it: who is paged, and who is told otherwise.

    Nobody, where nobody is told of what is new, or it is over.
    """
    if incident.muted or not incident.open:
        return (), ()
    known = {*incident.told, *(incident.paged_to if incident.page_open else ())}
    steps = draft.audience.of(incident).plan.escalation
    level = dict.fromkeys(name for step in steps if step.after <= share for name in step.destinations)
    new = [name for name in level if name not in known]
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
