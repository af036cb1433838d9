"""The outbox: messages in lanes, and what became of them.

Messages with the same destination and key are a lane and go out in its order: only the first that is pending is ever
due. Rows are kept after they are sent, they are the record of who was told what; an index over the pending ones keeps
the reading as short as their number.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    exists,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects.sqlite import insert

from slo.core.delivery import Action, Ambiguous, Delivery, Dropped, Lane, Message, Refused, Retry, Sent, Verdict
from slo.errors import StoreError
from slo.store.records import message_from_text, message_to_text
from slo.store.tables import PENDING, REFUSED, SENT, SUPERSEDED, credentials, outbox

TRIGGER_REFUSED = "trigger_refused"
"""The reason of a message that is superseded: the other side would drop it, since it never took the trigger."""

LONGEST_WAIT = timedelta(hours=1)
"""Nothing waits as long: what is to be sent later than that was written under a clock that was ahead, and is due."""

# Written out, not bound: only then does the index over pending rows serve.
IS_PENDING: ColumnElement[bool] = outbox.c.state == literal_column(f"'{PENDING}'")

_EARLIER = outbox.alias("earlier")

IS_HEAD = ~exists(
    select(_EARLIER.c.sequence).where(
        _EARLIER.c.state == literal_column(f"'{PENDING}'"),
        _EARLIER.c.destination == outbox.c.destination,
        _EARLIER.c.key == outbox.c.key,
        _EARLIER.c.sequence < outbox.c.sequence,
    )
)
"""Whether nothing that is pending comes before a message in its lane."""

_PUT = insert(outbox).on_conflict_do_nothing(index_elements=["message"])


def put(connection: Connection, messages: Sequence[Message], at: datetime) -> None:
    """Write messages at the end of their lanes; one that is there already stays as it is.

    As many as can be are written at once, which takes a tenth of the time that they take one by one.
    """
    rows: list[dict[str, object]] = []
    lanes: set[tuple[str, str]] = set()
    for message in messages:
        if message.action is Action.TRIGGER:
            refused = False
        else:
            if message.lane in lanes:  # what follows a trigger may ask what became of it, so that has to be there
                connection.execute(_PUT, rows)
                rows, lanes = [], set()
            refused = _trigger_was_refused(connection, message)
        lanes.add(message.lane)
        rows.append(
            {
                "message": message.id,
                "incident": message.incident,
                "destination": message.destination,
                "key": message.key,
                "action": message.action.value,
                "rank": message.priority.rank,
                "body": message_to_text(message),
                "state": SUPERSEDED if refused else PENDING,
                "attempts": 0,
                "created_at": at,
                "not_before": at,
                "finished_at": at if refused else None,
                "reason": TRIGGER_REFUSED if refused else "",
                "detail": "",
            }
        )
    if rows:
        connection.execute(_PUT, rows)


# The delivery loop asks these at every look: built once, since building one takes longer than SQLite to answer it.

DUE = select(outbox).where(
    outbox.c.sequence.in_(
        select(outbox.c.sequence)
        .where(
            IS_PENDING,
            outbox.c.destination == bindparam("destination"),
            or_(outbox.c.not_before <= bindparam("now"), outbox.c.not_before > bindparam("far")),
            IS_HEAD,
        )
        .order_by(outbox.c.rank, outbox.c.sequence)
        .limit(bindparam("limit"))
    )
)
"""An index has the pending ones in that order, so that what is read are those that are found, however many wait."""

NEXT_DUE = (
    select(outbox.c.not_before)
    .where(IS_PENDING, outbox.c.not_before > bindparam("now"), IS_HEAD)
    .order_by(outbox.c.not_before)
    .limit(1)
)

DEPTH = (
    select(outbox.c.destination, func.count(), func.min(outbox.c.created_at))
    .where(IS_PENDING)
    .group_by(outbox.c.destination)
)

_WAITED_FOR = select(func.min(outbox.c.destination)).where(IS_PENDING, outbox.c.destination > bindparam("before"))


def due(connection: Connection, destination: str, now: datetime, limit: int) -> Sequence[Row[*tuple[object, ...]]]:
    """The rows to a destination that may be sent now, the most urgent first, then the oldest; at most `limit`."""
    asked = {"destination": destination, "now": now, "far": now + LONGEST_WAIT, "limit": limit}
    return connection.execute(DUE, asked).all()


def next_due(connection: Connection, now: datetime) -> datetime | None:
    """The time at which the next message becomes due that is not due yet."""
    return connection.execute(NEXT_DUE, {"now": now}).scalar()


def waited_for(connection: Connection) -> list[str]:
    """The destinations to which something is pending. Each is looked up after the one before it."""
    found: list[str] = []
    name: str | None = ""
    while (name := connection.execute(_WAITED_FOR, {"before": name}).scalar()) is not None:
        found.append(name)
    return found


def depth(connection: Connection) -> Sequence[Row[str, int, datetime]]:
    """For each destination with pending messages their number and when the oldest was written."""
    return connection.execute(DEPTH).all()


def incident_of(destination: str, *, key: str, reference: str) -> Select[str]:
    """The newest incident of which a destination was told under a key, or whose trigger it gave a reference."""
    named = outbox.c.key == key if key else and_(outbox.c.detail == reference, outbox.c.state == SENT)
    trigger = outbox.c.action == Action.TRIGGER.value
    chosen = select(outbox.c.incident).where(outbox.c.destination == destination, trigger, named)
    return chosen.order_by(outbox.c.sequence.desc()).limit(1)


def doubt(connection: Connection) -> None:
    """Count an attempt of everything that is pending: another process has had it, and may have sent it."""
    connection.execute(outbox.update().where(IS_PENDING).values(attempts=outbox.c.attempts + 1))


def of_incident(incident: str) -> Select[*tuple[object, ...]]:
    """Every row about one incident, in the order they were written."""
    return select(outbox).where(outbox.c.incident == incident).order_by(outbox.c.sequence)


def refused_of(incidents: Collection[str]) -> Select[*tuple[object, ...]]:
    """The rows about these incidents that were refused for good, in the order they were written."""
    chosen = and_(outbox.c.incident.in_(incidents), outbox.c.state == REFUSED)
    return select(outbox).where(chosen).order_by(outbox.c.sequence)


def delivery_of(row: Row[*tuple[object, ...]]) -> Delivery:
    """The record of a row. Raises ValueError where its message cannot be read. The credential is not in it."""
    return Delivery(
        message=message_from_text(row.body),
        sequence=row.sequence,
        state=row.state,
        attempts=row.attempts,
        created_at=row.created_at,
        not_before=row.not_before,
        last_reason=row.reason,
        last_detail=row.detail,
    )


_BEGIN = (
    outbox.update()
    .where(outbox.c.sequence == bindparam("number"), IS_PENDING)
    .values(attempts=outbox.c.attempts + 1, attempted_at=bindparam("now"))
    .returning(outbox.c.destination, outbox.c.key, outbox.c.attempts)
)

_CREDENTIAL = select(credentials.c.credential).where(
    credentials.c.destination == bindparam("destination"), credentials.c.key == bindparam("key")
)

_REFERENCE = (
    select(outbox.c.detail)
    .where(
        outbox.c.destination == bindparam("destination"),
        outbox.c.key == bindparam("key"),
        outbox.c.action == Action.TRIGGER.value,
        outbox.c.state == SENT,
    )
    .order_by(outbox.c.sequence.desc())
    .limit(1)
)
"""What the other side called the last trigger of a lane."""


def begin(connection: Connection, sequence: int, *, credential: str, now: datetime) -> Lane:
    """Write that an attempt begins; its lane, whose credential is this one where there is none yet."""
    row = connection.execute(_BEGIN, {"number": sequence, "now": now}).one_or_none()
    if row is None:
        raise StoreError(f"the delivery {sequence} is not pending: it was finished, or never written")
    lane = {"destination": row.destination, "key": row.key}
    stored: str | None = connection.execute(_CREDENTIAL, lane).scalar()
    if stored is None and credential:
        first = {"credential": credential, "sequence": sequence, "attempt": row.attempts}
        connection.execute(credentials.insert(), {**lane, **first})
    return Lane(
        credential=credential if stored is None else stored,
        reference=connection.execute(_REFERENCE, lane).scalar() or "",
        attempts=row.attempts - 1,
    )


_FINISH = (
    outbox.update()
    .where(outbox.c.sequence == bindparam("number"), IS_PENDING)
    .returning(outbox.c.destination, outbox.c.key, outbox.c.action, outbox.c.attempts)
)
"""What is set are the columns among its parameters."""


def finish(
    connection: Connection, sequence: int, verdict: Verdict, *, now: datetime, not_before: datetime | None
) -> None:
    """Write what became of an attempt, and what follows from it for the rest of its lane."""
    values: dict[str, object]
    match verdict:
        case Sent(reference=reference):
            values = {"state": SENT, "reason": "", "detail": reference, "finished_at": now}
        case Refused(reason=reason, detail=detail):
            values = {"state": REFUSED, "reason": reason, "detail": detail, "finished_at": now}
        case Dropped(reason=reason, detail=detail):
            values = {"state": SUPERSEDED, "reason": reason, "detail": detail, "finished_at": now}
        case Retry(reason=reason, detail=detail) | Ambiguous(reason=reason, detail=detail):
            values = {"reason": reason, "detail": detail, "not_before": not_before or now}
    row = connection.execute(_FINISH, {"number": sequence, **values}).one_or_none()
    if row is None:
        raise StoreError(f"the delivery {sequence} is not pending: it was finished, or never written")
    if row.action == Action.TRIGGER and isinstance(verdict, Refused):
        _supersede_after(connection, sequence, row.destination, row.key, now)
    _forget_credential(connection, sequence, verdict, row)


def _forget_credential(connection: Connection, sequence: int, verdict: Verdict, row: Row[str, str, str, int]) -> None:
    """Let go of a lane's credential when nothing can be open under it, so that a new one is taken after a rotation.

    That is so after a resolve that was taken, a trigger that was refused, and a trigger that was not taken at its first
    use of the credential: before that, an attempt that was cut short may have been taken.
    """
    lane = and_(credentials.c.destination == row.destination, credentials.c.key == row.key)
    trigger = row.action == Action.TRIGGER
    if (trigger and isinstance(verdict, Refused)) or (row.action == Action.RESOLVE and isinstance(verdict, Sent)):
        connection.execute(credentials.delete().where(lane))
    elif trigger and isinstance(verdict, Retry):
        first_use = and_(credentials.c.sequence == sequence, credentials.c.attempt == row.attempts)
        connection.execute(credentials.delete().where(lane, first_use))


def _supersede_after(connection: Connection, sequence: int, destination: str, key: str, now: datetime) -> None:
    lane = and_(outbox.c.destination == destination, outbox.c.key == key, outbox.c.sequence > sequence)
    trigger = select(func.min(outbox.c.sequence)).where(lane, outbox.c.action == Action.TRIGGER.value).scalar_subquery()
    connection.execute(
        outbox.update()
        .where(lane, IS_PENDING, or_(trigger.is_(None), outbox.c.sequence < trigger))
        .values(state=SUPERSEDED, reason=TRIGGER_REFUSED, finished_at=now)
    )


_LAST_TRIGGER = (
    select(outbox.c.state)
    .where(
        outbox.c.destination == bindparam("destination"),
        outbox.c.key == bindparam("key"),
        outbox.c.action == Action.TRIGGER.value,
    )
    .order_by(outbox.c.sequence.desc())
    .limit(1)
)


def _trigger_was_refused(connection: Connection, message: Message) -> bool:
    lane = {"destination": message.destination, "key": message.key}
    return connection.execute(_LAST_TRIGGER, lane).scalar() == REFUSED
