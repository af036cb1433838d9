"""Whatever is signed and sent in is understood, or said not to be; what is made of it can be stored."""

import hashlib
import hmac
import json
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.core.inbound import Inbound
from slo.core.protocols import Receiver
from slo.errors import InboundError
from slo.router.tickets.desk import Desk
from slo.router.tickets.inbox import TicketInbox
from slo.router.tickets.jira import JiraInbox
from slo.router.tickets.zendesk import ZendeskInbox

SECRET = "s3cret"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECONDS, TIME = str(int(NOW.timestamp())), "2026-01-01T00:00:00Z"


async def own() -> str:
    return "900"


DESK = Desk(engineers=("7", "@provider.example"), waiting_statuses=("pending",))
INBOXES: dict[str, Receiver] = {
    "ticket": TicketInbox("desk", SECRET),
    "jira": JiraInbox("desk", secret=SECRET, project="OPS", desk=DESK, ask_own=own),
    "zendesk": ZendeskInbox("desk", secret=SECRET, desk=DESK, ask_own=own),
}

TEXTS = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        [
            *("\ud800", "a\ud800b", "a\nb", "-" * 2000),
            *("jira:issue_created", "jira:issue_updated", "comment_created", "OPS-1", "status", "priority", "pending"),
            *(
                "zen:event-type:ticket.created",
                "zen:event-type:ticket.comment_added",
                "opened",
                "commented",
                "engineer",
            ),
            *("zen:event-type:ticket.status_changed", "resolved", "prioritized", "solved", "P0", "7", "900", TIME),
        ]
    ),
)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), TEXTS)
KEYS = st.sampled_from(
    [
        *("webhookEvent", "issue", "key", "id", "fields", "comment", "author", "user", "changelog", "items", "field"),
        *("accountId", "displayName", "body", "summary", "labels", "priority", "name", "timestamp", "toString", "type"),
        *("detail", "event", "subject", "actor_id", "submitter_id", "is_public", "current", "previous", "time", "tags"),
        *("reference", "by", "role", "text", "impact", "created_at", "created", "at", "status", "statusCategory"),
    ]
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=6)),
    max_leaves=25,
)


def signed(body: bytes) -> Inbound:
    """A body with the signatures of all three."""

    def digest(signed: bytes) -> "hmac.HMAC":
        return hmac.new(SECRET.encode(), signed, hashlib.sha256)

    headers = {
        "x-watchkeep-timestamp": SECONDS,
        "x-watchkeep-signature": f"sha256={digest(f'{SECONDS}.'.encode() + body).hexdigest()}",
        "x-hub-signature": f"sha256={digest(body).hexdigest()}",
        "x-zendesk-webhook-signature": b64encode(digest(TIME.encode() + body).digest()).decode(),
        "x-zendesk-webhook-signature-timestamp": TIME,
    }
    return Inbound(headers=headers, body=body, at=NOW)


@pytest.mark.parametrize("name", INBOXES)
@given(data=st.data())
async def test_whatever_is_signed_is_understood_or_said_not_to_be(name: str, data: st.DataObject) -> None:
    body = data.draw(st.one_of(st.binary(max_size=50), VALUES.map(lambda value: json.dumps(value).encode())))
    await stored_or_refused(INBOXES[name], body)


WHOLE: dict[str, dict[str, Any]] = {
    "ticket": {
        "event": "opened",
        "id": "1",
        "reference": "T-1",
        "by": {"name": "x", "role": "customer"},
        "summary": "s",
    },
    "jira": {
        "webhookEvent": "jira:issue_updated",
        "issue": {"id": "1", "key": "OPS-1", "fields": {"summary": "s", "status": {"statusCategory": {"key": "x"}}}},
        "user": {"accountId": "7", "displayName": "Anna"},
        "comment": {"id": "1", "body": "x", "author": {"accountId": "7"}},
        "changelog": {"id": "1", "items": [{"field": "status", "fromString": "a", "toString": "pending"}]},
        "timestamp": 1,
    },
    "zendesk": {
        "type": "zen:event-type:ticket.comment_added",
        "id": "e1",
        "time": TIME,
        "detail": {"id": "1", "actor_id": "7", "submitter_id": "20", "subject": "s", "created_at": TIME},
        "event": {"comment": {"body": "x", "is_public": True, "author": {"id": 7}}, "current": "PENDING"},
    },
}


@pytest.mark.parametrize("name", INBOXES)
@given(data=st.data())
async def test_a_whole_one_with_something_else_in_a_place_is_too(name: str, data: st.DataObject) -> None:
    document = json.loads(json.dumps(WHOLE[name]))
    place = document
    while True:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else list(range(len(place)))))
        if not isinstance(place[key], dict | list) or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = data.draw(st.one_of(SCALARS, VALUES))
    await stored_or_refused(INBOXES[name], json.dumps(document).encode())


async def stored_or_refused(inbox: Receiver, body: bytes) -> None:
    """Receive it; what comes of it is of the destination, has a source, and can be written as UTF-8."""
    try:
        received = await inbox.receive(signed(body))
    except InboundError:
        return
    for act in received.acts:
        assert act.via == act.target.destination == "desk"
        assert act.source.startswith("desk:")
        assert act.target.reference
        for name in ("by", "source", "text", "why", "summary"):
            getattr(act, name, "").encode()
        assert act.target.reference.isprintable()
        assert act.source.isprintable()
        act.target.reference.encode()
        assert act.acted_at is None or act.acted_at <= NOW
