"""Webhook: everything about every incident, posted as Alertmanager posts it, with the incident beside it."""

import asyncio
import json
import re
from datetime import timedelta

from pydantic import Field, model_validator

from slo.config.request import HeaderName, HeaderValue, request_headers
from slo.config.types import HTTPURL, KindConfig, Secret, wrong
from slo.core.delivery import Ambiguous, Lane, Message, Sent, Verdict
from slo.net.context import Context
from slo.router.calls import AuthoritiesFile, DeliveryTimeout
from slo.router.hook import payload_of
from slo.router.http_client import NOT_NOW, HTTPClient, Manner, Unanswered

PAGES_ONLY = False

_POSTED = Manner(reads=False, mended_here=NOT_NOW)

_OURS = frozenset({"content-type", "host", "user-agent"})


class Config(KindConfig):
    """Where everything is posted."""

    url: HTTPURL
    """The address that takes the POST. Redirects are not followed."""

    bearer_token: Secret | None = None
    """A token to send as `Authorization: Bearer`."""

    headers: dict[HeaderName, HeaderValue] = Field(default={})
    """Further headers of the request. They are kept secret."""

    ca_file: AuthoritiesFile | None = None
    """The certificate authorities to trust instead of the system's, in PEM format."""

    timeout: DeliveryTimeout = timedelta(seconds=10)
    """How long one POST may take, as a whole."""

    @model_validator(mode="after")
    def _agrees(self) -> "Config":
        if self.bearer_token and not re.fullmatch(r"[\x21-\x7e]+", self.bearer_token.reveal()):
            raise wrong("has a bearer_token that holds what no token can", "write printable ASCII without spaces")
        names = {name.lower() for name in self.headers}
        if self.bearer_token and "authorization" in names:
            raise wrong("gives credentials twice", "keep one of bearer_token and the header Authorization")
        if ours := sorted(names & _OURS):
            raise wrong(f"sets the header {ours[0]}, which the watch sets itself", "leave it out")
        return self


class Webhook:
    """One address."""

    def __init__(self, config: Config, context: Context) -> None:
        self._config = config
        headers = request_headers(config.headers, None, config.bearer_token)
        secrets = [secret.reveal() for secret in (config.bearer_token, *config.headers.values()) if secret]
        self._client = HTTPClient(context, ca_file=config.ca_file, headers=headers, secrets=secrets)

    @property
    def credential(self) -> str:
        """None: whoever may post may post about every incident, so that a new token is used at once."""
        return ""

    async def deliver(self, message: Message, lane: Lane) -> Verdict:  # noqa: ARG002 - there is no credential in it
        """Post one message, within the timeout."""
        body = json.dumps(payload_of(message)).encode()
        try:
            async with asyncio.timeout(self._config.timeout.total_seconds()):
                await self._client.ask("POST", self._config.url, body=body, manner=_POSTED)
        except TimeoutError:
            return Ambiguous(reason="timeout")
        except Unanswered as error:
            return error.verdict
        return Sent()

    async def aclose(self) -> None:
        """Close the session."""
        await self._client.aclose()


def build(config: Config, context: Context) -> Webhook:
    """The destination of a configuration."""
    return Webhook(config, context)
