"""What is due is found in its order, however much is pending."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_PENDING = "state = 'pending'"


def upgrade() -> None:
    """Index what is pending by urgency, and by the time that it waits for."""
    columns = ["destination", "rank", "sequence", "not_before", "key", "created_at", "state"]
    op.create_index("outbox_due", "outbox", columns, sqlite_where=sa.text(_PENDING))
    op.create_index("outbox_waiting", "outbox", ["not_before"], sqlite_where=sa.text(_PENDING))
