"""What people do at Jira, from its webhooks.

Source: https://developer.atlassian.com/cloud/jira/platform/webhooks/. `X-Hub-Signature: sha256=HEX` is the HMAC-SHA256
of the body. The body has no id of its own and the header X-Atlassian-Webhook-Identifier is not signed, so an act is
named after what it is about: the id of the comment, of the issue, of the change. Those are the same when it is sent
again, and a copy of an old request does nothing.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from slo.core.acts import Act, GoOn, Open, Prioritize, Resolve, Say, Target, Wait
from slo.core.inbound import Inbound, Received
from slo.router.inbox import (
    digest_of,
    document_of,
    items_at,
    line_at,
    needed_at,
    past_of,
    refuse_unless_same,
    refuse_unless_small,
    text_at,
    value_at,
)
from slo.router.notice import lines_of
from slo.router.tickets.adf import plain_text
from slo.router.tickets.desk import Desk
from slo.router.tickets.ticket import OURS

SIGNATURE = "x-hub-signature"
SECURITY_LABEL = "security"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Person:
    """Who did it. A `program` is an app or an automation; `ours` is the account that we write with."""

    name: str
    engineer: bool
    program: bool
    ours: bool


class JiraInbox:
    """The receiver of the destination `name`. `ask_own` finds out which account is our own."""

    def __init__(
        self, name: str, *, secret: str, project: str, desk: Desk, ask_own: Callable[[], Awaitable[str]]
    ) -> None:
        self._name = name
        self._secret = secret
        self._project = project
        self._desk = desk
        self._ask_own = ask_own
        self._own = ""

    async def receive(self, inbound: Inbound) -> Received:
        """The acts in a signed webhook: none where it is about something else, or about what we did ourselves.

        Raises DestinationFault where Jira does not say who we are.
        """
        refuse_unless_small(inbound.body)
        expected = f"sha256={digest_of(self._secret, inbound.body).hex()}"
        refuse_unless_same(expected, inbound.headers.get(SIGNATURE, ""))
        self._own = self._own or await self._ask_own()
        return Received(acts=tuple(self._acts_of(document_of(inbound.body), inbound.at)))

    def _acts_of(self, document: Mapping[str, Any], now: datetime) -> Iterator[Act]:
        event = needed_at(document, "webhookEvent")
        if event not in ("jira:issue_created", "jira:issue_updated", "comment_created"):
            return
        issue = needed_at(document, "issue", "key")
        if issue.rpartition("-")[0] != self._project:
            return
        frame = {
            "target": Target(destination=self._name, reference=issue),
            "via": self._name,
            "acted_at": _happened_at(document, now),
        }
        if event == "comment_created":
            yield from self._said(document, frame)
        elif event == "jira:issue_created":
            yield from self._opened(document, frame, now)
        else:
            yield from self._changed(document, frame)

    def _said(self, document: Mapping[str, Any], frame: Mapping[str, Any]) -> Iterator[Act]:
        author, comment = self._person(value_at(document, "comment", "author")), value_at(document, "comment")
        internal = value_at(comment, "jsdPublic") is False or bool(value_at(comment, "visibility"))
        if author.ours or author.program or internal:
            return
        text = lines_of(plain_text(value_at(comment, "body"))) or "(an attachment)"
        who = self._who(frame, author, f"comment-{needed_at(document, 'comment', 'id')}")
        yield Say(**who, text=text, responds=author.engineer)

    def _opened(self, document: Mapping[str, Any], frame: Mapping[str, Any], now: datetime) -> Iterator[Act]:
        author, fields = self._person(value_at(document, "user")), value_at(document, "issue", "fields")
        labels = {str(label).casefold() for label in items_at(fields, "labels")}
        if author.ours or author.program or any(label.startswith(OURS) for label in labels):
            return  # an issue with a label of ours is ours, or a clone of one
        yield Open(
            **self._who(frame, author, f"issue-{needed_at(document, 'issue', 'id')}"),
            summary=needed_at(document, "issue", "fields", "summary"),
            customer=self._desk.customer,
            environment=self._desk.environment,
            impact=self._desk.impact(text_at(fields, "priority", "name")),
            security=SECURITY_LABEL in labels,
            found_by="provider" if author.engineer else "customer",
            created_at=past_of(text_at(fields, "created"), now),
            services=tuple(name for each in items_at(fields, "components") if (name := line_at(each, "name"))),
        )

    def _changed(self, document: Mapping[str, Any], frame: Mapping[str, Any]) -> Iterator[Act]:
        author = self._person(value_at(document, "user"))
        if author.ours or value_at(document, "changelog") is None:
            return
        change = needed_at(document, "changelog", "id")
        for item in items_at(document, "changelog", "items"):
            before, after = line_at(item, "fromString"), line_at(item, "toString")
            match text_at(item, "field"):
                case "status":
                    who = self._who(frame, author, f"change-{change}-status")
                    category = text_at(document, "issue", "fields", "status", "statusCategory", "key")
                    yield from self._moved(before, after, who, done=category == "done", program=author.program)
                case "priority" if not author.program and (priority := self._desk.priority(after)):
                    why = f"set to {after} in {self._name}"
                    yield Prioritize(
                        **self._who(frame, author, f"change-{change}-priority"), priority=priority, why=why
                    )

    def _moved(self, before: str, after: str, who: Mapping[str, Any], *, done: bool, program: bool) -> Iterator[Act]:
        """A status is another. Automations too are believed that a clock goes on: they notice the customer's answer."""
        why = f"{after} in {self._name}"
        if done:
            if not program:
                yield Resolve(**who, why=why)
        elif self._desk.is_waiting(after):
            if not program:
                yield Wait(**who, why=why)
        elif self._desk.is_waiting(before):
            yield GoOn(**who, why=why)

    def _who(self, frame: Mapping[str, Any], author: _Person, source: str) -> dict[str, Any]:
        return {**frame, "by": author.name, "source": f"{self._name}:{source}"}

    def _person(self, user: object) -> _Person:
        account = line_at(user, "accountId")
        return _Person(
            name=line_at(user, "displayName") or account or "somebody",
            engineer=self._desk.is_engineer(account, text_at(user, "emailAddress")),
            program=not account or text_at(user, "accountType") == "app",
            ours=account == self._own,
        )


def _happened_at(document: Mapping[str, Any], now: datetime) -> datetime | None:
    """When it was, in milliseconds of Unix time; not later than now, None where it does not say."""
    milliseconds = value_at(document, "timestamp")
    if not isinstance(milliseconds, int):
        return None
    try:
        return min(datetime.fromtimestamp(milliseconds / 1000, tz=UTC), now)
    except (ValueError, OverflowError, OSError):
        return None
