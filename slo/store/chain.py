"""The hash chain of the journal's events: what makes a change to the past show.

    hash of event n = SHA-256 of (hash of event n-1, a line feed, n in decimal, a line feed, the body as stored)

in hexadecimal; the hash before the first event is 64 zeros. So anyone can check it with the file alone.

A changed, removed, swapped or inserted event breaks the chain at its place, and a tail that was cut off differs from
the record of the head. Not told by the file alone: whoever may write to it can make a whole new chain with its head, or
put an old copy of the file in its place. Only a hash that is kept elsewhere tells that.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection, LargeBinary, cast, select

from slo.core.events import Event
from slo.errors import StoreDamaged
from slo.store.records import event_to_text, kind_of
from slo.store.tables import events, head

FIRST = "0" * 64
"""What stands for the hash before the first event."""

_BATCH = 1000


def link(previous: str, sequence: int, body: bytes) -> str:
    """The hash of an event, from the hash of the one before it, its number and its body."""
    return hashlib.sha256(b"%b\n%d\n%b" % (previous.encode(), sequence, body)).hexdigest()


def extend(connection: Connection, new: Sequence[Event]) -> None:
    """Write events after the last one."""
    if not new:
        return
    sequence, previous = connection.execute(select(head.c.sequence, head.c.hash)).one()
    rows = []
    for event in new:
        sequence, body = sequence + 1, event_to_text(event)
        previous = link(previous, sequence, body.encode())
        rows.append(
            {"sequence": sequence, "incident": event.incident, "kind": kind_of(event), "body": body, "hash": previous}
        )
    connection.execute(events.insert(), rows)
    connection.execute(head.update().values(sequence=sequence, hash=previous))


def verify(connection: Connection, path: Path) -> int:
    """The number of events, all of which are as they were written. Raises StoreDamaged for the first that is not."""
    count, previous = 0, FIRST
    # As bytes: a body that is no text any more has to be found too, by its number.
    columns = [cast(column, LargeBinary) for column in (events.c.incident, events.c.kind, events.c.body, events.c.hash)]
    found = connection.execute(select(events.c.sequence, *columns).order_by(events.c.sequence))
    for sequence, incident, kind, body, recorded in found.yield_per(_BATCH):
        count += 1
        if sequence != count:
            raise StoreDamaged(f"{path}: event {count} is missing, the chain is broken there")
        previous = link(previous, sequence, body)
        if previous.encode() != recorded:
            raise StoreDamaged(f"{path}: event {sequence} is not as it was written, the chain is broken there")
        if _filed_under(body) != (incident, kind):
            raise StoreDamaged(f"{path}: event {sequence} is filed under another incident or kind than it was written")
    last = connection.execute(select(head.c.sequence, head.c.hash)).one_or_none()
    if last is None or (last.sequence, last.hash) != (count, previous):
        reached = f"{last.sequence} events" if last else "an unknown number of events"
        raise StoreDamaged(
            f"{path}: event {count + 1} is missing: the chain ends after {count}, its head says {reached}"
        )
    return count


def _filed_under(body: bytes) -> tuple[bytes, bytes] | None:
    """The incident and the kind that a body says it is of; None where it says neither."""
    try:
        shown = json.loads(body)
        return shown["incident"].encode(), shown["kind"].encode()
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
