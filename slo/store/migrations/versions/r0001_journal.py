"""The journal begins: events in a hash chain, the outbox and the credentials of its lanes."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_REFUSALS = {
    "UPDATE": "SELECT RAISE(ABORT, 'events are append-only: none is changed')",
    "DELETE": "SELECT RAISE(ABORT, 'events are append-only: none is removed')",
    "INSERT": "SELECT RAISE(ABORT, 'events are append-only: the next one follows the last')"
    " WHERE NEW.sequence <> (SELECT coalesce(max(sequence), 0) + 1 FROM events)",
}


def upgrade() -> None:
    """Make the tables, and the triggers that hold `events` to its promise."""
    op.create_table(
        "events",
        sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("incident", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.create_index("events_of_incident", "events", ["incident", "sequence"])
    for change, refusal in _REFUSALS.items():
        op.execute(f"CREATE TRIGGER events_no_{change.lower()} BEFORE {change} ON events BEGIN {refusal}; END")
    head = op.create_table(
        "head",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.bulk_insert(head, [{"id": 1, "sequence": 0, "hash": "0" * 64}])
    op.create_table(
        "outbox",
        sa.Column("sequence", sa.Integer, primary_key=True),
        sa.Column("message", sa.String, nullable=False, unique=True),
        sa.Column("incident", sa.String, nullable=False),
        sa.Column("destination", sa.String, nullable=False),
        sa.Column("key", sa.String, nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("rank", sa.Integer, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("not_before", sa.DateTime, nullable=False),
        sa.Column("attempted_at", sa.DateTime, nullable=True),
        sa.Column("finished_at", sa.DateTime, nullable=True),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("detail", sa.String, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("outbox_of_incident", "outbox", ["incident", "sequence"])
    op.create_index("outbox_lanes", "outbox", ["destination", "key", "sequence"])
    op.create_index(
        "outbox_pending",
        "outbox",
        ["destination", "key", "sequence"],
        sqlite_where=sa.text("state = 'pending'"),
    )
    op.create_table(
        "credentials",
        sa.Column("destination", sa.String, primary_key=True),
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("credential", sa.String, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
    )
