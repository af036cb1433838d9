"""The journal: the events of incidents and the messages that follow from them, in one transaction each time.

SQLite in WAL mode with synchronous=FULL: what was committed is there after a kill and after a loss of power. Every
call is synchronous and short: call it from a thread. A file that is damaged is never replaced by itself, since it is
the record of what was promised to whom.
"""

import contextlib
import logging
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, LargeBinary, cast, select

from slo.core.delivery import Delivery, Lane, Message, Refused, Verdict
from slo.core.events import Event
from slo.core.paths import DeliveryPath, Look
from slo.core.restored import Restored
from slo.errors import StoreDamaged, StoreError
from slo.exposition.catalogue import Telemetry
from slo.store import chain, engines, outbox
from slo.store import paths as ways
from slo.store.faults import reason_of
from slo.store.files import begin_whole, has_side_files, private
from slo.store.migrate import begin, migrate
from slo.store.records import UnknownKind, event_from_text, kind_of
from slo.store.tables import events

UNREADABLE = "unreadable"
"""The reason of a delivery whose message cannot be read any more."""

logger = logging.getLogger(__name__)


class Journal:
    """The journal in the file `path`, begun if it is missing and migrated if it is behind. Safe for several threads.

    Every call raises StoreBusy when others hold the file for longer than `busy_timeout_seconds`, StoreFull without
    space, StoreDamaged for a file that is not as it was written; nothing is half done then, and the same object goes on
    when the cause is gone. Failed writes and written events are counted in the telemetry.
    """

    def __init__(self, path: Path, *, telemetry: Telemetry, busy_timeout_seconds: float = 2.0) -> None:
        self._path = path
        self._telemetry = telemetry
        self._head, self._heading = 0, threading.Lock()
        try:
            _prepare(path, busy_timeout_seconds)
        except OSError as error:
            raise StoreError(f"{path}: {error.strerror}: see that this user may write there") from error
        self._writer = engines.writer(path, busy_timeout_seconds=busy_timeout_seconds)
        self._reader = engines.reader(path, busy_timeout_seconds=busy_timeout_seconds)
        try:
            migrate(self._reader, self._writer, path)
            with self._reading() as connection:
                self._tell_head(chain.head_number(connection))
        except BaseException:
            self.close()
            raise

    def commit(self, events: Sequence[Event], messages: Sequence[Message], *, at: datetime) -> None:
        """Write events after the last one and messages at the end of their lanes, all or nothing.

        A message whose id is there already stays as it is.
        """
        with self._writing() as connection:
            number = chain.extend(connection, events)
            outbox.put(connection, messages, at)
        self._tell_head(number)
        for event in events:
            self._telemetry.journal_events.labels(kind_of(event)).inc()

    def resume(self, restored: Restored) -> None:
        """Write that the journal was put back: whatever is pending may have been sent since the backup was made.

        So it counts as attempted, and is looked for by its destination, where that can be, before it is sent.
        """
        with self._writing() as connection:
            outbox.doubt(connection)
            number = chain.extend(connection, [restored])
        self._tell_head(number)

    def events(self, incident: str | None = None) -> list[tuple[int, Event]]:
        """Every event, or those of one incident, with their numbers and in their order.

        Raises StoreError for an event that a newer version wrote, StoreDamaged for one that cannot be read.
        """
        query = select(events.c.sequence, cast(events.c.body, LargeBinary)).order_by(events.c.sequence)
        if incident is not None:
            query = query.where(events.c.incident == incident)
        with self._reading() as connection:
            rows = connection.execute(query).all()
        return [(sequence, self._event(sequence, body)) for sequence, body in rows]

    @property
    def head(self) -> int:
        """The number of the last event, 0 where there is none."""
        return self._head

    def following(self, number: int, *, most: int) -> list[tuple[int, Event]]:
        """The events after the one of that number, in their order, with their numbers. Raises as `events` does."""
        query = (
            select(events.c.sequence, cast(events.c.body, LargeBinary))
            .where(events.c.sequence > number)
            .order_by(events.c.sequence)
            .limit(most)
        )
        with self._reading() as connection:
            rows = connection.execute(query).all()
        return [(sequence, self._event(sequence, body)) for sequence, body in rows]

    def due(self, now: datetime, *, limit: int = 100, among: Collection[str] = ()) -> list[Delivery]:
        """The heads of lanes that may be sent now: the most urgent first, then the oldest.

        At most `limit` for each destination, so that none takes the place of another; where `among` names destinations,
        for these alone. A delivery that is under way is still pending, hence among them. One whose message cannot be
        read is refused, which is said, and its lane goes on.
        """
        with self._reading() as connection:
            names = among or outbox.waited_for(connection)
            rows = [row for name in names for row in outbox.due(connection, name, now, limit)]
        rows.sort(key=lambda row: (row.rank, row.sequence))
        deliveries = []
        for row in rows:
            try:
                deliveries.append(outbox.delivery_of(row))
            except ValueError as error:
                self._refuse(row.sequence, row.destination, str(error), now)
        return deliveries

    def incident_of(self, destination: str, *, key: str = "", reference: str = "") -> str | None:
        """The incident that a destination knows by a key, or by a reference that it gave; None where none is."""
        with self._reading() as connection:
            return connection.execute(outbox.incident_of(destination, key=key, reference=reference)).scalar()

    def next_due(self, now: datetime) -> datetime | None:
        """When the next delivery becomes due that is not due at `now`; None where none waits for its time."""
        with self._reading() as connection:
            return outbox.next_due(connection, now)

    def begin(self, sequence: int, *, credential: str, now: datetime) -> Lane:
        """Write that the delivery is attempted, before the call; what its destination needs to know of its lane.

        The credential is the one that the lane was begun with, as long as something may be open under it; else the
        given one.
        """
        with self._writing() as connection:
            return outbox.begin(connection, sequence, credential=credential, now=now)

    def finish(self, sequence: int, verdict: Verdict, *, now: datetime, not_before: datetime | None) -> None:
        """Write the verdict of an attempt: sent, refused, or pending again until `not_before` with its reason.

        When a trigger is refused, what follows it in its lane is superseded, now and later, up to the next trigger.
        """
        with self._writing() as connection:
            outbox.finish(connection, sequence, verdict, now=now, not_before=not_before)

    def look(self, since: int, paths: Mapping[str, DeliveryPath], now: datetime) -> Look:
        """How the messages from number `since` on stand by destination, and which of `paths` have to go elsewhere."""
        with self._reading() as connection:
            return ways.look(connection, since, paths, now)

    def why(self, destination: str) -> tuple[str, str]:
        """The reason and the detail of the newest message to a destination that failed; empty where none has."""
        with self._reading() as connection:
            return ways.why(connection, destination)

    def beat(self, beats: Sequence[Message], *, at: datetime) -> None:
        """Write heartbeats, and let go of older ones that have ended: nobody asks for them, and there are many."""
        with self._writing() as connection:
            ways.beat(connection, beats, at)

    def depth(self, now: datetime) -> dict[str, tuple[int, float]]:
        """For each destination for which messages wait: their number and the age of the oldest in seconds."""
        with self._reading() as connection:
            rows = outbox.depth(connection)
        return {name: (count, max(0.0, (now - oldest).total_seconds())) for name, count, oldest in rows}

    def deliveries(self, incident: str) -> list[Delivery]:
        """Everything that was or will be sent about one incident, in the order it was written."""
        with self._reading() as connection:
            rows = connection.execute(outbox.of_incident(incident)).all()
        try:
            return [outbox.delivery_of(row) for row in rows]
        except ValueError as error:
            raise StoreDamaged(f"{self._path}: a message about {incident} cannot be read ({error})") from error

    def refused(self, incidents: Collection[str]) -> dict[str, list[Delivery]]:
        """By incident, what was refused for good of what was sent about these; those without any are left out."""
        with self._reading() as connection:
            rows = connection.execute(outbox.refused_of(incidents)).all()
        refused: dict[str, list[Delivery]] = {}
        for row in rows:
            try:
                refused.setdefault(row.incident, []).append(outbox.delivery_of(row))
            except ValueError as error:
                raise StoreDamaged(f"{self._path}: a message about {row.incident} cannot be read ({error})") from error
        return refused

    def verify(self) -> int:
        """The number of events, all in an unbroken chain. Raises StoreDamaged with the number of the first that is not.

        See `slo.store.chain` for what the chain cannot tell.
        """
        with self._reading() as connection:
            return chain.verify(connection, self._path).events

    def close(self) -> None:
        """Close every connection; the write-ahead log goes into the file if that can be."""
        self._reader.dispose()
        self._writer.dispose()

    def _tell_head(self, number: int) -> None:
        """Set the metric, which never falls: two threads may come here in another order than they committed in."""
        with self._heading:
            self._head = max(self._head, number)
            self._telemetry.journal_head.set(self._head)

    def _refuse(self, sequence: int, destination: str, why: str, now: datetime) -> None:
        logger.error(
            "a message in the outbox cannot be read and is not sent",
            extra={"sequence": sequence, "destination": destination, "error": why},
        )
        self.finish(sequence, Refused(reason=UNREADABLE, detail=why), now=now, not_before=None)

    def _event(self, sequence: int, body: bytes) -> Event:
        try:
            return event_from_text(body.decode())
        except UnknownKind as error:
            raise StoreError(
                f"{self._path}: event {sequence} is of the kind {error}, which this version does not know: a newer "
                "Watchkeep wrote it, install that version again"
            ) from error
        except ValueError as error:
            raise StoreDamaged(
                f"{self._path}: event {sequence} cannot be read ({error}): a newer Watchkeep wrote it or it was "
                "changed; install that version again, or restore the journal from a backup"
            ) from error

    @contextlib.contextmanager
    def _reading(self) -> Iterator[Connection]:
        with engines.transaction(self._reader, self._path) as connection:
            yield connection

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Connection]:
        try:
            with engines.transaction(self._writer, self._path) as connection:
                yield connection
        except StoreError as error:
            self._telemetry.journal_failures.labels(reason_of(error)).inc()
            raise


def _prepare(path: Path, busy_timeout_seconds: float) -> None:
    """See that `path` is a file that can be a journal, a new one if there is none."""
    if not path.exists():
        if has_side_files(path):
            raise StoreDamaged(f"{path}: is gone while its write-ahead log is there: restore it, or move that away too")
        begin_whole(path, lambda unfinished: _begin(unfinished, busy_timeout_seconds))
    if not path.is_file() or not path.stat().st_size:
        raise StoreDamaged(
            f"{path}: is {'empty' if path.is_file() else 'no file'}: restore it from a backup, or move it away to "
            "begin a new journal without the incidents of this one"
        )
    private(path)


def _begin(path: Path, busy_timeout_seconds: float) -> None:
    writer = engines.writer(path, busy_timeout_seconds=busy_timeout_seconds)
    try:
        begin(writer, path)
    finally:
        writer.dispose()
