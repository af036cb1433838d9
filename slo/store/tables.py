"""The tables of the journal, as they are now. How they came to be is in `migrations`.

events       what happened, append-only (triggers refuse anything else), each row chained to the one before it
head         the last event's number and hash, so that a tail that was cut off is missed
outbox       messages and how far they have come; a lane is (destination, key), in the order of `sequence`
credentials  the secret that a lane was begun with, apart from everything that is shown
"""

from datetime import UTC, datetime

from sqlalchemy import Column, DateTime, Index, Integer, MetaData, PrimaryKeyConstraint, String, Table, Text, text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

REVISION = "0002"
"""The newest migration: what the tables below are."""

REVISIONS = ("0001", REVISION)
"""Every migration, the oldest first: known without importing alembic."""

PENDING, SENT, REFUSED, SUPERSEDED = "pending", "sent", "refused", "superseded"
"""The states of a delivery."""


class UTCDateTime(TypeDecorator[datetime]):
    """Aware times, stored as UTC to the microsecond; in SQLite as text that sorts by time."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """Take the zone off; a time without one is refused."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"the time {value} has no zone")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """Put the zone back."""
        return None if value is None else value.replace(tzinfo=UTC)


metadata = MetaData()

events = Table(
    "events",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("incident", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("body", Text, nullable=False),
    Column("hash", String(64), nullable=False),
    Index("events_of_incident", "incident", "sequence"),
)

head = Table(
    "head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("sequence", Integer, nullable=False),
    Column("hash", String(64), nullable=False),
)

EVENT_TRIGGERS = {
    f"events_no_{change.lower()}": f"CREATE TRIGGER events_no_{change.lower()} BEFORE {change} ON events "
    f"BEGIN {refusal}; END"
    for change, refusal in {
        "UPDATE": "SELECT RAISE(ABORT, 'events are append-only: none is changed')",
        "DELETE": "SELECT RAISE(ABORT, 'events are append-only: none is removed')",
        "INSERT": "SELECT RAISE(ABORT, 'events are append-only: the next one follows the last')"
        " WHERE NEW.sequence <> (SELECT coalesce(max(sequence), 0) + 1 FROM events)",
    }.items()
}
"""What refuses any change to events but the next one, by name, as SQLite shows it."""

outbox = Table(
    "outbox",
    metadata,
    Column("sequence", Integer, primary_key=True),
    Column("message", String, nullable=False, unique=True),
    Column("incident", String, nullable=False),
    Column("destination", String, nullable=False),
    Column("key", String, nullable=False),
    Column("action", String, nullable=False),
    Column("rank", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("state", String, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
    Column("not_before", UTCDateTime, nullable=False),
    Column("attempted_at", UTCDateTime, nullable=True),
    Column("finished_at", UTCDateTime, nullable=True),
    Column("reason", String, nullable=False),
    Column("detail", String, nullable=False),
    Index("outbox_of_incident", "incident", "sequence"),
    Index("outbox_lanes", "destination", "key", "sequence"),
    Index(
        "outbox_pending",
        "destination",
        "key",
        "sequence",
        sqlite_where=text("state = 'pending'"),
    ),
    Index(  # all that is asked of it, the state too: else SQLite reads each row beside it
        "outbox_due",
        "destination",
        "rank",
        "sequence",
        "not_before",
        "key",
        "created_at",
        "state",
        sqlite_where=text("state = 'pending'"),
    ),
    Index("outbox_waiting", "not_before", sqlite_where=text("state = 'pending'")),
    sqlite_autoincrement=True,
)

credentials = Table(
    "credentials",
    metadata,
    Column("destination", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("credential", String, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
)

version = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
"""The table of the migrations themselves, as alembic makes it: at which of them the journal is."""
