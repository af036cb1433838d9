"""Acts as they come out of the webhooks of a ticket system."""

from dataclasses import replace
from datetime import datetime, timedelta

from slo.core.acts import Act


def timeless(act: Act, now: datetime) -> Act:
    """An act without when it was done, which is checked here: just now, to the millisecond."""
    assert act.acted_at is None or now - timedelta(seconds=30) < act.acted_at <= now
    return replace(act, acted_at=None)
