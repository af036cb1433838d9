"""Tickets of any system that can take a signed POST, and send one: for what has no kind of its own.

docs/destinations.md describes both directions.
"""

import asyncio
import json
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator

from slo.config.types import HTTPURL, KindConfig, Secret, wrong
from slo.core.delivery import Ambiguous, Lane, Message, Sent, Verdict
from slo.core.protocols import Receiver
from slo.errors import Malformed
from slo.net.context import Context
from slo.router.calls import AuthoritiesFile, DeliveryTimeout
from slo.router.hook import payload_of
from slo.router.http_client import HTTPClient, Manner, Unanswered
from slo.router.inbox import document_of, line_at
from slo.router.notice import is_public
from slo.router.tickets.inbox import SIGNATURE, TIMESTAMP, TicketInbox, signature_of
from slo.router.tickets.ticket import MENDED_HERE, OURS, external_id, marker, opens, told

PAGES_ONLY = False

SHORTEST_SECRET = 16

_POSTED = Manner(mended_here=MENDED_HERE)


def _long_enough(secret: Secret | None) -> Secret | None:
    if secret is not None and len(secret.reveal()) < SHORTEST_SECRET:
        raise wrong(f"is shorter than {SHORTEST_SECRET} characters", "make one as `openssl rand -hex 32` does")
    return secret


class Config(KindConfig):
    """Where tickets are posted, and what comes back is signed with."""

    url: HTTPURL
    """The address that takes the POST. Redirects are not followed."""

    signing_secret: Annotated[Secret, AfterValidator(_long_enough)]
    """What requests to it are signed with."""

    webhook_secret: Annotated[Secret | None, AfterValidator(_long_enough)] = None
    """What requests from it are signed with; without it none is taken."""

    ca_file: AuthoritiesFile | None = None
    """The certificate authorities to trust instead of the system's, in PEM format."""

    timeout: DeliveryTimeout = timedelta(seconds=10)
    """How long one POST may take, as a whole."""


class TicketWebhook:
    """One address."""

    def __init__(self, config: Config, context: Context) -> None:
        self._config = config
        self._context = context
        self._client = HTTPClient(context, ca_file=config.ca_file, headers={}, secrets=[config.signing_secret.reveal()])

    @property
    def credential(self) -> str:
        """None: a new secret is used at once."""
        return ""

    async def deliver(self, message: Message, lane: Lane) -> Verdict:
        """Post one message, within the timeout. The other side does once what has the same Idempotency-Key."""
        body = json.dumps(ticket_payload_of(message, lane)).encode()
        timestamp = str(int(self._context.clock.now().timestamp()))
        headers = {
            TIMESTAMP: timestamp,
            SIGNATURE: signature_of(self._config.signing_secret.reveal(), timestamp, body),
            "Idempotency-Key": marker(message),
        }
        try:
            async with asyncio.timeout(self._config.timeout.total_seconds()):
                answer = await self._client.ask("POST", self._config.url, body=body, headers=headers, manner=_POSTED)
        except TimeoutError:
            return Ambiguous(reason="timeout")
        except Unanswered as error:
            return error.verdict
        return Sent(reference=_reference_in(answer) or lane.reference or external_id(message))

    async def aclose(self) -> None:
        """Close the session."""
        await self._client.aclose()


def ticket_payload_of(message: Message, lane: Lane) -> dict[str, object]:
    """What is posted of one message."""
    notice, text = told(message)
    return {
        "version": 1,
        "message": marker(message),
        "action": "open" if opens(message, lane) else "comment",
        "event": message.action.value,
        "public": is_public(message),
        "ticket": {
            "external_id": lane.reference if lane.reference.startswith(OURS) else external_id(message),
            "reference": lane.reference or None,
            "subject": notice.subject,
            "state": notice.state.name.lower(),
            "priority": message.priority.value,
        },
        "text": text,
        "facts": dict(notice.facts),
        "incident": payload_of(message)["incident"],
    }


def _reference_in(answer: bytes) -> str:
    """The reference that the other side gives; empty where it answers something else, which is its right."""
    try:
        return line_at(document_of(answer), "reference")
    except Malformed:
        return ""


def build(config: Config, context: Context) -> TicketWebhook:
    """The destination of a configuration."""
    return TicketWebhook(config, context)


def receiver(name: str, config: Config, context: Context) -> Receiver | None:  # noqa: ARG001 - it asks nothing back
    """What takes the requests of the other side; None where nothing proves that they are its."""
    return TicketInbox(name, config.webhook_secret.reveal()) if config.webhook_secret else None
