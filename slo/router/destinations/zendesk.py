"""Zendesk Support: a ticket for each incident, over REST v2, and what people do there comes back.

Source: https://developer.zendesk.com/api-reference/ticketing/. A ticket is created with an Idempotency-Key, which
Zendesk keeps for two hours, and looked for by its external id before it is created again, also where Zendesk says that
it had the key with another body: fields or words may have changed between two attempts. An update takes no such key:
what it said is looked for among the audits of the ticket, which carry its marker.
"""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from urllib.parse import quote

from pydantic import Field

from slo.config.types import HTTPURL
from slo.core.delivery import Action, Ambiguous, Lane, Message, Refused, Retry, Sent, Verdict
from slo.core.priority import Priority
from slo.core.protocols import Receiver
from slo.net.context import Context
from slo.router.calls import DeliveryTimeout
from slo.router.http_client import Manner, Unanswered
from slo.router.inbox import items_at, line_at, text_at
from slo.router.notice import is_public
from slo.router.tickets.account import AccountConfig
from slo.router.tickets.ticket import MENDED_HERE, external_id, gone, marker, opens, told
from slo.router.tickets.zendesk import ZendeskInbox

PAGES_ONLY = False

API = "/api/v2"

PRIORITIES: Mapping[Priority, str] = {Priority.P0: "urgent", Priority.P1: "high", Priority.P2: "normal"}
"""What priorities are called: Zendesk has these, `low`, and no others."""

AUDITS_LOOKED_AT = 100

RECORD_NOT_FOUND = "RecordNotFound"
"""What Zendesk calls it in a 404 when there is no such ticket: not another address, and no missing permission."""

KEY_IN_USE = "IdempotentRequestError"
"""What Zendesk calls it in a 400 when it has had the Idempotency-Key with another body within two hours."""

_LOOK = Manner(harmless=True, mended_here=MENDED_HERE)
_WRITE = Manner(mended_here=MENDED_HERE)
_WRITE_UNREAD = Manner(reads=False, mended_here=MENDED_HERE)


class Config(AccountConfig):
    """Which account gets the tickets, and who counts as an engineer there."""

    own_fields = frozenset({"subject", "comment", "priority", "external_id", "metadata", "status", "type"})

    url: HTTPURL
    """The account, as in `https://acme.zendesk.com`."""

    engineers: tuple[str, ...] = ()
    """Whose public comments are a response: user ids, or `staff` for every agent of the account."""

    waiting_statuses: tuple[str, ...] = ("pending",)
    """The statuses in which the clock of a P1 or P2 is paused."""

    requester: str = ""
    """The email address of the person at the customer on whose behalf tickets are opened; without it that of `user`."""

    acknowledge_status: str = Field(default="", pattern=r"^(open|pending|hold)?$")
    """The status that an acknowledgement sets; without it the status stays."""

    resolve_status: str = Field(default="", pattern=r"^(pending|hold|solved)?$")
    """The status that the end of the incident sets; without it the status stays."""

    timeout: DeliveryTimeout = timedelta(seconds=15)
    """How long telling Zendesk one thing may take, as a whole: up to three requests."""


class Zendesk:
    """One account."""

    def __init__(self, config: Config, context: Context) -> None:
        self._config = config
        self._api = config.api(context, API, user=login_of(config))

    @property
    def credential(self) -> str:
        """None: a ticket belongs to its account, and a new token is used at once."""
        return ""

    async def deliver(self, message: Message, lane: Lane) -> Verdict:
        """Create the ticket, or comment on it, within the timeout."""
        try:
            async with asyncio.timeout(self._config.timeout.total_seconds()):
                if opens(message, lane):
                    return await self._create(message, lane)
                ticket = lane.reference or await self._find(external_id(message))
                if not ticket:
                    return Refused(reason="no_ticket", detail="there is no ticket to comment on")
                try:
                    await self._go_on(ticket, message, lane)
                except Unanswered as error:
                    return gone(error.verdict) if RECORD_NOT_FOUND in error.verdict.detail else error.verdict
                return Sent(reference=ticket)
        except TimeoutError:
            return Ambiguous(reason="timeout")
        except Unanswered as error:
            return error.verdict

    async def aclose(self) -> None:
        """Close the session."""
        await self._api.aclose()

    async def _create(self, message: Message, lane: Lane) -> Verdict:
        name = external_id(message)
        if lane.attempts and (found := await self._find(name)):
            return Sent(reference=found)
        ticket = {**self._config.fields, **ticket_of(message, self._config.requester)}
        try:
            answer = await self._api.call(
                "POST", "/tickets.json", {"ticket": ticket}, manner=_WRITE, headers={"Idempotency-Key": name}
            )
        except Unanswered as error:
            if KEY_IN_USE not in error.verdict.detail:
                raise
            if found := await self._find(name):
                return Sent(reference=found)
            return Retry(reason="conflict", detail=error.verdict.detail)
        number = line_at(answer, "ticket", "id")
        if not number:
            return Ambiguous(reason="response_malformed", detail="the answer names no ticket")
        return Sent(reference=number)

    async def _find(self, name: str) -> str:
        """The number of the ticket with that external id; empty where there is none. Lists do not lag behind.

        An agent can give the id to another ticket by hand; the oldest one is the one that was made with it.
        """
        found = await self._api.call("GET", f"/tickets.json?external_id={quote(name)}", manner=_LOOK)
        named = [each for each in items_at(found, "tickets") if text_at(each, "external_id") == name]
        numbers = [number for each in named if (number := text_at(each, "id")).isdigit()]
        return min(numbers, key=int, default="")

    async def _go_on(self, ticket: str, message: Message, lane: Lane) -> None:
        path = f"/tickets/{quote(ticket, safe='')}"
        if lane.attempts and await self._has_update(path, marker(message)):
            return
        update = update_of(message, self._status(message.action))
        await self._api.call("PUT", f"{path}.json", {"ticket": update}, manner=_WRITE_UNREAD)

    async def _has_update(self, path: str, name: str) -> bool:
        """Whether one of the newest audits has that marker."""
        newest = f"{path}/audits.json?sort_by=created_at&sort_order=desc&per_page={AUDITS_LOOKED_AT}"
        audits = await self._api.call("GET", newest, manner=_LOOK)
        return any(text_at(audit, "metadata", "custom", "watchkeep") == name for audit in items_at(audits, "audits"))

    def _status(self, action: Action) -> str:
        if action is Action.ACKNOWLEDGE:
            return self._config.acknowledge_status
        return self._config.resolve_status if action is Action.RESOLVE else ""


def ticket_of(message: Message, requester: str) -> dict[str, object]:
    """A new ticket."""
    notice, text = told(message)
    return {
        "subject": notice.subject,
        "comment": {"body": text, "public": is_public(message)},
        "priority": PRIORITIES[message.priority],
        "type": "incident",
        "external_id": external_id(message),
        "metadata": {"watchkeep": marker(message)},
        **({"requester": {"email": requester}} if requester else {}),
    }


def update_of(message: Message, status: str) -> dict[str, object]:
    """What an update changes, all in one: the comment, the priority, the status."""
    _, text = told(message)
    return {
        "comment": {"body": text, "public": is_public(message)},
        "metadata": {"watchkeep": marker(message)},
        **({"priority": PRIORITIES[message.priority]} if message.action is Action.UPDATE else {}),
        **({"status": status} if status else {}),
    }


def build(config: Config, context: Context) -> Zendesk:
    """The destination of a configuration."""
    return Zendesk(config, context)


def receiver(name: str, config: Config, context: Context) -> Receiver | None:
    """What takes Zendesk's webhooks; None where nothing proves that they are Zendesk's."""
    if config.webhook_secret is None:
        return None
    ask_own = partial(config.own_id, context, f"{API}/users/me.json", "user", "id", user=login_of(config))
    return ZendeskInbox(name, secret=config.webhook_secret.reveal(), desk=config.desk(PRIORITIES), ask_own=ask_own)


def login_of(config: Config) -> str:
    """The user of a login with an API token."""
    return f"{config.user}/token"
