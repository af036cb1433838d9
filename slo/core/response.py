"""The response clock: how long people have until somebody has to answer an incident, as a fold over its turns.

Only a person's response stops the clock: a resolution by a person is one as well, and its turns are responded and then
resolved. An incident that resolves by itself keeps its clock until it is answered or due.

- The due moment counts from the opening. A P0 has elapsed time, never pauses and knows no calendar.
- A raise starts a second clock with the new response time; what is due first is due. Raising to P0 ends a pause.
- A lowering counts anew from the opening. It never makes an incident due sooner than it was: after a raise in between,
  the lower priority may have been due before anybody knew of it.
- What is due has passed without a response is breached for good, whatever the priority becomes.
- A pause means that the next step is the customer's. There is none before the first response, which has stopped the
  clock by then: so it moves nothing that this clock says. What is owed after a response, such as updates that were
  promised, is not owed while it lasts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from slo.core.contract import BusinessDays, Contract, ResponseTime
from slo.core.priority import Priority


class TurnKind(StrEnum):
    """What a response clock knows of an incident."""

    OPENED = "opened"
    PAUSED = "paused"
    RESUMED = "resumed"
    PRIORITY = "priority"
    RESPONDED = "responded"
    RESOLVED = "resolved"


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """Something that the clock takes notice of, at `at` (UTC). `priority` is that after an opening or a change."""

    at: datetime
    kind: TurnKind
    priority: Priority | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Response:
    """The response clock of an incident after its turns.

    `due` is when a response is due or was; it follows from the response time `target`, counted from `counted_from`: the
    opening, or a raise that made it due sooner. Both stay as they are from the first response, or from the breach, on.
    `responded_at` is the first response, `paused` whether people wait for the customer.
    """

    contract: Contract
    priority: Priority
    opened_at: datetime
    counted_from: datetime
    target: ResponseTime
    due: datetime
    paused: bool = False
    responded_at: datetime | None = None
    resolved_at: datetime | None = None

    @property
    def stopped(self) -> bool:
        """Whether there was a response; nothing else stops a clock."""
        return self.responded_at is not None

    def breached_at(self, now: datetime) -> datetime | None:
        """`due`, where it has come by `now` and there was no response by then; one at that very moment is in time."""
        if self.responded_at is not None and self.responded_at <= self.due:
            return None
        return self.due if self.due <= now else None

    def remaining(self, now: datetime) -> timedelta:
        """The time left at `now`, or at the response, in the clock's own time; negative after `due`.

        For a target in business days it is business time, except for what is a P0 by now.
        """
        at = now if self.responded_at is None else self.responded_at
        return self.due - at if self.priority is Priority.P0 else self._time(at, self.due)

    def moment_of(self, share: float) -> datetime:
        """When that share of the response time has gone, in the clock's own time; that of 1 is `due`.

        The time is that from `counted_from` to `due`. So after a raise that made it due sooner the shares are of the
        new response time and count from the raise; after one that did not, and after a lowering, from the opening. A
        pause moves none of them.
        """
        share_of_it = self._time(self.counted_from, self.due) * share
        if isinstance(self.target, BusinessDays):
            return self.contract.hours.after(self.counted_from, share_of_it)
        return self.counted_from + share_of_it

    def _time(self, start: datetime, end: datetime) -> timedelta:
        return self.contract.hours.between(start, end) if isinstance(self.target, BusinessDays) else end - start


def response_of(turns: Sequence[Turn], contract: Contract) -> Response:
    """The response clock after these turns, in the order of the journal; the first and no other is an opening.

    Raises ValueError for other turns, and for an opening or a change of the priority without one.
    """
    if not turns or turns[0].kind is not TurnKind.OPENED:
        raise ValueError("a response clock begins with an opening")
    opening, *rest = turns
    response = _begun(opening, _priority(opening), contract)
    for turn in rest:
        response = _after(response, turn)
    return response


def _after(response: Response, turn: Turn) -> Response:
    match turn.kind:
        case TurnKind.OPENED:
            raise ValueError("an incident was opened twice")
        case TurnKind.PAUSED:
            may_pause = response.stopped and response.priority is not Priority.P0 and response.resolved_at is None
            return replace(response, paused=may_pause)
        case TurnKind.RESUMED:
            return replace(response, paused=False)
        case TurnKind.PRIORITY:
            return _with_priority(response, turn.at, _priority(turn))
        case TurnKind.RESPONDED:
            return response if response.stopped else replace(response, responded_at=turn.at)
        case TurnKind.RESOLVED:
            return replace(response, resolved_at=turn.at, paused=False)


def _with_priority(response: Response, at: datetime, priority: Priority) -> Response:
    """The clock after a change of the priority; answered or breached, it stays as it is."""
    before = response.priority
    response = replace(response, priority=priority, paused=response.paused and priority is not Priority.P0)
    if response.stopped or response.due <= at or priority is before:
        return response
    raised = priority.rank < before.rank
    since = at if raised else response.opened_at
    due = response.contract.due(priority, since)
    if (due < response.due) if raised else (due > response.due):
        return replace(response, counted_from=since, target=response.contract.responses[priority], due=due)
    return response


def _begun(opening: Turn, priority: Priority, contract: Contract) -> Response:
    return Response(
        contract=contract,
        priority=priority,
        opened_at=opening.at,
        counted_from=opening.at,
        target=contract.responses[priority],
        due=contract.due(priority, opening.at),
    )


def _priority(turn: Turn) -> Priority:
    if turn.priority is None:
        raise ValueError(f"the turn {turn.kind} has no priority")
    return turn.priority
