"""Paths in the outbox: which messages have failed and have to go another way, and heartbeats, which are not kept.

Both are levels, read from the rows as they stand: whatever is killed, the next look finds the same.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, exists, func, literal, or_, select

from slo.core.delivery import Action, Message
from slo.core.paths import MISSING, DeliveryPath, Look, Passage, copy_id
from slo.core.priority import Priority
from slo.store import outbox as lanes
from slo.store.records import message_from_text
from slo.store.tables import PENDING, REFUSED, SENT, outbox

LOOKS_BACK = timedelta(days=1)
"""What was refused longer ago is history: a fallback that is configured today wakes nobody for last week."""

MOST_STRAYS = 200
"""How many messages one look returns; the others are found by the next."""

BEATS_KEPT = 10
"""How many beats of a destination that have ended are kept, for people to look at."""

_TRIGGER = Action.TRIGGER.value

_WHERE_TO = (outbox.c.destination + "").label("destination")
"""The destination, hidden from its index: SQLite would read all rows of it, instead of those from a number on."""


def look(connection: Connection, since: int, paths: Mapping[str, DeliveryPath], now: datetime) -> Look:
    """How things stand with the messages from number `since` on, and which of `paths` have to go elsewhere."""
    strays: list[Message] = []
    for name, path in paths.items():
        if path.fallback:
            strays += _strays(connection, since, name, path, now)
    first = select(func.min(outbox.c.sequence)).where(lanes.IS_PENDING, outbox.c.sequence >= since)
    after_last = select(func.coalesce(func.max(outbox.c.sequence), 0) + 1)
    settled = connection.execute(first).scalar() or connection.execute(after_last).scalar() or 0
    return Look(
        passages=_passages(connection, since),
        strays=tuple(strays),
        settled=since if len(strays) >= MOST_STRAYS else settled,
    )


def why(connection: Connection, destination: str) -> tuple[str, str]:
    """The reason and the detail of the newest message to a destination that failed."""
    failed = and_(outbox.c.destination == destination, outbox.c.state.in_((PENDING, REFUSED)), outbox.c.reason != "")
    newest = select(outbox.c.reason, outbox.c.detail).where(failed).order_by(outbox.c.sequence.desc()).limit(1)
    row = connection.execute(newest).one_or_none()
    return (row.reason, row.detail) if row else ("", "")


def beat(connection: Connection, messages: Sequence[Message], at: datetime) -> None:
    """Write beats, and let go of older ones that have ended."""
    lanes.put(connection, messages, at)
    for destination in {message.destination for message in messages}:
        ended = and_(
            outbox.c.destination == destination,
            outbox.c.action == Action.HEARTBEAT.value,
            outbox.c.state != PENDING,
        )
        newest = select(outbox.c.sequence).where(ended).order_by(outbox.c.sequence.desc()).limit(1).offset(BEATS_KEPT)
        connection.execute(outbox.delete().where(ended, outbox.c.sequence <= newest.scalar_subquery()))


def _passages(connection: Connection, since: int) -> dict[str, Passage]:
    """By destination. What is pending is never before `since`; what nobody could be asked to take was not refused."""
    query = (
        select(
            _WHERE_TO,
            outbox.c.rank,
            outbox.c.state,
            func.min(outbox.c.created_at).label("written_at"),
            func.max(outbox.c.finished_at).label("ended_at"),
        )
        .where(outbox.c.sequence >= since, or_(outbox.c.state != REFUSED, outbox.c.reason != MISSING))
        .group_by(_WHERE_TO, outbox.c.rank, outbox.c.state)
    )
    waiting: dict[str, dict[Priority, datetime]] = defaultdict(dict)
    refused: dict[str, dict[Priority, datetime]] = defaultdict(dict)
    sent: dict[str, datetime] = {}
    names = set()
    for row in connection.execute(query):
        names.add(row.destination)
        priority = Priority(f"P{row.rank}")
        if row.state == PENDING:
            waiting[row.destination][priority] = row.written_at
        elif row.state == REFUSED:
            refused[row.destination][priority] = row.ended_at
        elif row.state == SENT:
            sent[row.destination] = max(row.ended_at, sent.get(row.destination, row.ended_at))
    return {name: Passage(waiting=waiting[name], refused=refused[name], sent_at=sent.get(name)) for name in names}


def _strays(connection: Connection, since: int, name: str, path: DeliveryPath, now: datetime) -> list[Message]:
    """Triggers that have failed, and whatever follows a trigger that went elsewhere; each until its copy is there.

    Nothing where the fallback was told of the same by itself, or in the place of another one.
    """
    trigger, copy, other = outbox.alias("trigger"), outbox.alias("copy"), outbox.alias("other")
    of_destination = and_(trigger.c.destination == name, trigger.c.action == _TRIGGER)
    copy_of_trigger = _copy_of(trigger.c.message, path.fallback)
    overdue = or_(
        *(
            and_(outbox.c.rank == priority.rank, outbox.c.created_at < now - path.deadline_of(priority))
            for priority in Priority
        )
    )
    failed = or_(
        and_(outbox.c.state == PENDING, overdue),
        and_(outbox.c.state == REFUSED, outbox.c.finished_at > now - LOOKS_BACK),
    )
    follows = exists(
        select(trigger.c.sequence)
        .join(copy, copy.c.message == copy_of_trigger)
        .where(of_destination, trigger.c.key == outbox.c.key, trigger.c.sequence < outbox.c.sequence)
    )
    gone = exists(select(copy.c.sequence).where(copy.c.message == _copy_of(outbox.c.message, path.fallback)))
    told = exists(
        select(other.c.sequence).where(
            other.c.destination == path.fallback,
            other.c.key == outbox.c.key,
            other.c.action == _TRIGGER,
            other.c.state != REFUSED,
            ~exists(
                select(trigger.c.sequence).where(
                    of_destination, trigger.c.key == other.c.key, copy_of_trigger == other.c.message
                )
            ),
        )
    )
    query = (
        select(outbox.c.body)
        .where(
            outbox.c.sequence >= since,
            _WHERE_TO.in_((name,)),
            or_(and_(outbox.c.action == _TRIGGER, failed), follows),
            ~gone,
            ~told,
        )
        .order_by(outbox.c.sequence)
        .limit(MOST_STRAYS)
    )
    messages = []
    for row in connection.execute(query):
        try:
            messages.append(message_from_text(row.body))
        except ValueError:
            continue  # the reading of what is due has refused it, and said so
    return messages


def _copy_of(message: ColumnElement[str], fallback: str) -> ColumnElement[str]:
    """As `copy_id`, in the database."""
    return literal(copy_id("", fallback)) + message
