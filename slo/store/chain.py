"""The hash chain of the journal's events: what makes a change to the past show.

    hash of event n = SHA-256 of (hash of event n-1, a line feed, n in decimal, a line feed, the body as stored)

in hexadecimal; the hash before the first event is 64 zeros. So anyone can check it with the file alone.

A changed, removed, swapped or inserted event breaks the chain at its place, and a tail that was cut off differs from
the record of the head. Not told by the file alone: whoever may write to it can make a whole new chain with its head, or
put an old copy of the file in its place. Only a hash that is kept elsewhere tells that.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from sqlalchemy import Connection, LargeBinary, cast, select

from slo.core.events import Event
from slo.errors import StoreDamaged
from slo.store.records import event_to_text, kind_of
from slo.store.tables import EVENT_TRIGGERS, events, head

FIRST = "0" * 64
"""What stands for the hash before the first event."""

NO_ANCHORS: Mapping[int, str] = MappingProxyType({})

_BATCH = 1000
_MEND = "keep the file as it is, and restore the last backup that `watchkeep audit verify` finds whole"


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """An event as it is stored, with its number and its links.

    `body` is the text that is hashed, `at` its time as it is written there; `previous` is the hash before it.
    """

    number: int
    at: str
    incident: str
    kind: str
    previous: str
    hash: str
    body: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Chain:
    """A chain that is whole: how many events, the last one's hash, and the first and the last one's time."""

    events: int
    hash: str
    first_at: str = ""
    last_at: str = ""

    def after(self, entry: Entry) -> "Chain":
        """The chain with the next event."""
        return Chain(events=entry.number, hash=entry.hash, first_at=self.first_at or entry.at, last_at=entry.at)

    @property
    def anchor(self) -> str:
        """What is to be kept elsewhere, as `NUMBER:HASH`: it fixes every event up to this one."""
        return f"{self.events}:{self.hash}"


def link(previous: str, number: int, body: bytes) -> str:
    """The hash of an event, from the hash of the one before it, its number and its body."""
    return hashlib.sha256(b"%b\n%d\n%b" % (previous.encode(), number, body)).hexdigest()


def extend(connection: Connection, new: Sequence[Event]) -> int:
    """Write events after the last one; the number of the last one now."""
    if not new:
        return head_number(connection)
    number, previous = connection.execute(select(head.c.sequence, head.c.hash)).one()
    rows = []
    for event in new:
        number, body = number + 1, event_to_text(event)
        previous = link(previous, number, body.encode())
        rows.append(
            {"sequence": number, "incident": event.incident, "kind": kind_of(event), "body": body, "hash": previous}
        )
    connection.execute(events.insert(), rows)
    connection.execute(head.update().values(sequence=number, hash=previous))
    return int(number)


def head_number(connection: Connection) -> int:
    """The number of the last event, as the record of the head has it; 0 where there is none."""
    return connection.execute(select(head.c.sequence)).scalar() or 0


def walk(connection: Connection, path: Path) -> Iterator[Entry]:
    """Every event in its order, each held against its links. Raises StoreDamaged for the first that is not as written.

    The head is held against the last event when all others were seen.
    """
    count, previous = 0, FIRST
    # As bytes: a body that is no text any more has to be found too, by its number.
    columns = [cast(column, LargeBinary) for column in (events.c.incident, events.c.kind, events.c.body, events.c.hash)]
    found = connection.execute(select(events.c.sequence, *columns).order_by(events.c.sequence))
    for number, incident, kind, body, recorded in found.yield_per(_BATCH):
        count += 1
        if number != count:
            raise broken(path, f"event {count} is missing, the chain is broken there")
        before, previous = previous, link(previous, number, body)
        if previous.encode() != recorded:
            raise broken(path, f"event {number} is not as it was written, the chain is broken there")
        entry = entry_of(number, before, previous, body)
        if entry is None or (entry.incident.encode(), entry.kind.encode()) != (incident, kind):
            raise broken(path, f"event {number} is filed under another incident or kind than it was written")
        yield entry
    last = connection.execute(select(head.c.sequence, head.c.hash)).one_or_none()
    if last is None or (last.sequence, last.hash) != (count, previous):
        reached = f"{last.sequence} events" if last else "an unknown number of events"
        raise broken(path, f"event {count + 1} is missing: the chain ends after {count}, its head says {reached}")


def verify(connection: Connection, path: Path, anchors: Mapping[int, str] = NO_ANCHORS) -> Chain:
    """The chain, all of whose events are as they were written, and those of `anchors` have the hashes given there.

    Raises StoreDamaged for the first that is not, and where the database would let events be changed.
    """
    chain, awaited = Chain(events=0, hash=FIRST), dict(anchors)
    for entry in walk(connection, path):
        if awaited.pop(entry.number, entry.hash) != entry.hash:
            raise broken(
                path,
                f"event {entry.number} has another hash than the one that was kept elsewhere: it, or one before it, "
                "was written anew",
            )
        chain = chain.after(entry)
    if awaited:
        raise broken(
            path,
            f"event {min(awaited)} is missing: its hash was kept elsewhere, but the chain ends after {chain.events}",
        )
    _see_triggers(connection, path, chain.events)
    return chain


def entry_of(number: int, previous: str, own: str, body: bytes) -> Entry | None:
    """The entry of a body; None where the body does not say when, of what kind and about which incident it is."""
    try:
        shown = json.loads(body)
        at, incident, kind = (shown[key] + "" for key in ("at", "incident", "kind"))
        if datetime.fromisoformat(at).tzinfo is None:
            return None
        return Entry(
            number=number, at=at, incident=incident, kind=kind, previous=previous, hash=own, body=body.decode()
        )
    except (ValueError, KeyError, TypeError):
        return None


def broken(path: Path, what: str) -> StoreDamaged:
    """The error of a chain that is not whole."""
    return StoreDamaged(f"{path}: {what}: {_MEND}")


def _see_triggers(connection: Connection, path: Path, count: int) -> None:
    """That the database refuses changes to events, as it did when they were written."""
    query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'events'"
    found = {row.name: row.sql for row in connection.exec_driver_sql(query)}
    for name in sorted(found.keys() | EVENT_TRIGGERS.keys()):
        if found.get(name) == EVENT_TRIGGERS.get(name):
            continue
        drop = f"DROP TRIGGER {name}; " if name in found else ""
        make = f"{EVENT_TRIGGERS[name]}; " if name in EVENT_TRIGGERS else ""
        state = "is not the one that this file was made with" if name in found else "is gone"
        raise StoreDamaged(
            f"{path}: the trigger {name} {state}, which keeps events from being changed; all {count} events are as "
            f"they were written: find out who did it, and put it right in sqlite3 with: {(drop + make).strip()}"
        )
