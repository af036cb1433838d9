"""Acts as they come out of the webhooks of a ticket system."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from slo.core.acts import Act
from slo.core.inbound import Inbound
from slo.demo.vendors.standin import Webhook


def timeless(act: Act, now: datetime) -> Act:
    """An act without when it was done, which is checked here: just now, to the millisecond."""
    assert act.acted_at is None or now - timedelta(seconds=30) < act.acted_at <= now
    return replace(act, acted_at=None)


def inbound_of(webhook: Webhook, at: datetime | None = None) -> Inbound:
    """A webhook as it arrives."""
    headers = {name.lower(): value for name, value in webhook.headers.items()}
    return Inbound(headers=headers, body=webhook.body, at=at or datetime.now(UTC))
