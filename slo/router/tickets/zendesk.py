"""What people do at Zendesk, from the webhooks of its ticket events.

Sources: https://developer.zendesk.com/documentation/webhooks/verifying/ and
https://developer.zendesk.com/api-reference/webhooks/event-types/ticket-events/. `X-Zendesk-Webhook-Signature` is the
HMAC-SHA256 of the time in `X-Zendesk-Webhook-Signature-Timestamp` and the body, in base64. The event's `id` is in the
body, hence signed, and the same when it is sent again.
"""

from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from slo.core.acts import Act, GoOn, Open, Prioritize, Resolve, Say, Target, Wait
from slo.core.inbound import Inbound, Received
from slo.errors import Forged
from slo.router.inbox import (
    digest_of,
    document_of,
    items_at,
    line_at,
    moment_of,
    needed_at,
    past_of,
    refuse_unless_fresh,
    refuse_unless_same,
    refuse_unless_small,
    text_at,
    value_at,
)
from slo.router.notice import lines_of
from slo.router.tickets.desk import Desk
from slo.router.tickets.ticket import OURS

SIGNATURE = "x-zendesk-webhook-signature"
TIMESTAMP = "x-zendesk-webhook-signature-timestamp"
STAFF = "staff"
"""An engineer that is every agent."""

SECURITY_TAG = "security"
SYSTEM = "-1"
"""The user that Zendesk's own triggers and automations act as."""

EVENT = "zen:event-type:ticket."


class ZendeskInbox:
    """The receiver of the destination `name`. `ask_own` finds out which user is our own."""

    def __init__(self, name: str, *, secret: str, desk: Desk, ask_own: Callable[[], Awaitable[str]]) -> None:
        self._name = name
        self._secret = secret
        self._desk = desk
        self._ask_own = ask_own
        self._own = ""

    async def receive(self, inbound: Inbound) -> Received:
        """The acts in a signed event: none where it is about something else, or about what we did ourselves.

        Raises DestinationFault where Zendesk does not say who we are.
        """
        refuse_unless_small(inbound.body)
        timestamp = inbound.headers.get(TIMESTAMP, "")
        signed = timestamp.encode(errors="replace") + inbound.body
        refuse_unless_same(b64encode(digest_of(self._secret, signed)).decode(), inbound.headers.get(SIGNATURE, ""))
        signed_at = moment_of(timestamp)
        if signed_at is None:
            raise Forged(f"{TIMESTAMP} is no time in ISO 8601")
        refuse_unless_fresh(signed_at, inbound.at)
        self._own = self._own or await self._ask_own()
        return Received(acts=tuple(self._acts_of(document_of(inbound.body), inbound.at)))

    def _acts_of(self, document: Mapping[str, Any], now: datetime) -> Iterator[Act]:
        event = needed_at(document, "type").removeprefix(EVENT)
        if event == "comment_added":
            yield from self._said(document, now)
        elif event == "created":
            yield from self._opened(document, now)
        elif event in ("status_changed", "priority_changed"):
            yield from self._changed(document, event, now)

    def _said(self, document: Mapping[str, Any], now: datetime) -> Iterator[Act]:
        comment = value_at(document, "event", "comment")
        author, staff = needed_at(comment, "author", "id"), value_at(comment, "author", "is_staff") is True
        if self._is_ours_or_a_program(author) or value_at(comment, "is_public") is not True:
            return
        # The first comment of a ticket is its description, which opens the incident.
        if text_at(comment, "body") and text_at(comment, "body") == text_at(document, "detail", "description"):
            return
        name = line_at(comment, "author", "name") or f"user {author}"
        text = lines_of(text_at(comment, "body")) or "(an attachment)"
        yield Say(**self._who(document, name, now), text=text, responds=self._is_engineer(author, staff=staff))

    def _opened(self, document: Mapping[str, Any], now: datetime) -> Iterator[Act]:
        detail = value_at(document, "detail")
        author = line_at(detail, "submitter_id") or needed_at(document, "detail", "actor_id")
        if self._is_ours_or_a_program(author) or text_at(detail, "external_id").startswith(OURS):
            return
        tags = {str(tag).casefold() for tag in items_at(detail, "tags")}
        yield Open(
            **self._who(document, f"user {author}", now),
            summary=needed_at(document, "detail", "subject"),
            customer=self._desk.customer,
            environment=self._desk.environment,
            impact=self._desk.impact(text_at(detail, "priority")),
            security=SECURITY_TAG in tags,
            found_by="provider" if self._is_engineer(author, staff=False) else "customer",
            created_at=past_of(text_at(detail, "created_at"), now),
        )

    def _changed(self, document: Mapping[str, Any], event: str, now: datetime) -> Iterator[Act]:
        actor = needed_at(document, "detail", "actor_id")
        if actor == self._own:
            return
        program = self._is_ours_or_a_program(actor)
        before, after = line_at(document, "event", "previous"), line_at(document, "event", "current")
        who, why = self._who(document, f"user {actor}", now), f"{after.lower()} in {self._name}"
        if event == "priority_changed":
            priority = self._desk.priority(after)
            if priority is not None and not program:
                yield Prioritize(**who, priority=priority, why=why)
        elif after.casefold() in ("solved", "closed"):
            if not program and before.casefold() != "solved":
                yield Resolve(**who, why=why)
        elif self._desk.is_waiting(after):
            if not program:
                yield Wait(**who, why=why)
        elif self._desk.is_waiting(before):
            # Triggers too are believed that a clock goes on: they notice the customer's answer.
            yield GoOn(**who, why=why)

    def _is_ours_or_a_program(self, user: str) -> bool:
        return user in (self._own, SYSTEM)

    def _is_engineer(self, user: str, *, staff: bool) -> bool:
        return self._desk.is_engineer(user) or (staff and STAFF in self._desk.engineers)

    def _who(self, document: Mapping[str, Any], name: str, now: datetime) -> dict[str, Any]:
        return {
            "target": Target(destination=self._name, reference=needed_at(document, "detail", "id")),
            "by": name,
            "via": self._name,
            "source": f"{self._name}:{needed_at(document, 'id')}",
            "acted_at": past_of(text_at(document, "time"), now),
        }
