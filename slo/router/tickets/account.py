"""Accounts: what Jira and Zendesk are configured with alike - who we are there, and who counts as what."""

import asyncio
from base64 import b64encode
from collections.abc import Mapping
from typing import ClassVar, Self

from pydantic import Field, JsonValue, model_validator

from slo.config.types import HTTPURL, KindConfig, Secret, wrong
from slo.core.priority import Priority
from slo.errors import DestinationFault
from slo.net.context import Context
from slo.router.calls import AuthoritiesFile
from slo.router.http_client import HTTPClient, Manner, Unanswered
from slo.router.inbox import line_at
from slo.router.tickets.calls import JSONCalls
from slo.router.tickets.desk import Desk

LOOKUP_SECONDS = 5.0
"""How long the account may take to say who we are there: somebody waits for the answer to a webhook."""


class AccountConfig(KindConfig):
    """What the `Config` of a kind inherits from that writes tickets with an account of its own."""

    own_fields: ClassVar[frozenset[str]]
    """The fields of a new ticket that the watch sets itself."""

    url: HTTPURL
    """Where the account is."""

    user: str = Field(min_length=1)
    """The email address of the account that writes: one of its own, that no person uses."""

    api_token: Secret
    """The API token of that account."""

    fields: dict[str, JsonValue] = Field(default={})
    """Further fields of new tickets, as the REST API takes them: a request type or a group, custom fields."""

    webhook_secret: Secret | None = None
    """What webhooks from there are signed with; without it none is taken."""

    engineers: tuple[str, ...] = ()
    """Whose public comments are a response."""

    waiting_statuses: tuple[str, ...] = ()
    """The statuses in which the clock of a P1 or P2 is paused."""

    customer: str = ""
    """Whose tickets these are; incidents that are opened there get it."""

    environment: str = "production"
    """The environment of incidents that are opened there."""

    ca_file: AuthoritiesFile | None = None
    """The certificate authorities to trust instead of the system's, in PEM format."""

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if ours := sorted(self.fields.keys() & self.own_fields):
            raise wrong(f"sets the field {ours[0]}, which the watch sets itself", "leave it out")
        if self.webhook_secret and not self.engineers:
            raise wrong(
                "takes webhooks and knows no engineer, so that no comment would stop a clock", "write engineers"
            )
        if any(not name or name == "@" for name in self.engineers):
            raise wrong("has an engineer without a name", "write an account id, or a domain as @provider.example")
        return self

    def desk(self, priorities: Mapping[Priority, str]) -> Desk:
        """Who is who there, and what things are called."""
        return Desk(
            engineers=self.engineers,
            priorities=priorities,
            waiting_statuses=self.waiting_statuses,
            customer=self.customer,
            environment=self.environment,
        )

    def api(self, context: Context, path: str, *, user: str) -> JSONCalls:
        """The API under a path of the account, as `user` in the words of its login."""
        token = self.api_token.reveal()
        login = b64encode(f"{user}:{token}".encode()).decode()
        client = HTTPClient(
            context,
            ca_file=self.ca_file,
            headers={"Authorization": f"Basic {login}", "Accept": "application/json"},
            secrets=[token, login],
        )
        return JSONCalls(client, f"{self.url.rstrip('/')}{path}")

    async def own_id(self, context: Context, question: str, *place: str, user: str) -> str:
        """The id of `user` there, which stands at `place` in the answer to `question`: what it does is our own doing.

        Raises DestinationFault where it is not said.
        """
        calls = self.api(context, question, user=user)
        try:
            async with asyncio.timeout(LOOKUP_SECONDS):
                answer = await calls.call("GET", "", manner=Manner(harmless=True, mended_here={}))
        except TimeoutError:
            raise DestinationFault(reason="timeout", detail=f"{question} did not say who we are") from None
        except Unanswered as error:
            raise DestinationFault(reason=error.verdict.reason, detail=error.verdict.detail) from error
        finally:
            await calls.aclose()
        if own := line_at(answer, *place):
            return own
        raise DestinationFault(reason="response_malformed", detail=f"{question} does not say who we are")
