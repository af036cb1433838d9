"""Webhook: everything about every incident, posted as Alertmanager posts it, with the incident beside it."""

import asyncio
import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from slo.config.request import HeaderName, HeaderValue
from slo.config.tls import TLSSettings
from slo.config.types import HTTPURL, KindConfig, Secret, wrong
from slo.core.delivery import Ambiguous, Lane, Message, Refused, Retry, Sent, Verdict
from slo.net.context import Context
from slo.router.answers import DETAIL_LIMIT, connection_reason, retry_after_seconds, shown
from slo.router.calls import AuthoritiesFile, DeliveryTimeout
from slo.router.hook import payload_of

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession

PAGES_ONLY = False

_NOT_NOW = frozenset({408, 425, 429})
"""The statuses of 4xx that say nothing against the message."""

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
        self._context = context
        self._opening: asyncio.Task[ClientSession] | None = None

    @property
    def credential(self) -> str:
        """None: whoever may post may post about every incident, so that a new token is used at once."""
        return ""

    async def deliver(self, message: Message, lane: Lane) -> Verdict:  # noqa: ARG002 - there is no credential in it
        """Post one message, within the timeout."""
        body = json.dumps(payload_of(message)).encode()
        try:
            async with asyncio.timeout(self._config.timeout.total_seconds()):
                return await self._post(body)
        except TimeoutError:
            return Ambiguous(reason="timeout")

    async def aclose(self) -> None:
        """Close the session."""
        if self._opening is not None:
            await (await self._opening).close()

    async def _post(self, body: bytes) -> Verdict:
        from aiohttp import (
            ClientConnectorDNSError,
            ClientConnectorError,
            ClientError,
            ClientPayloadError,
            ClientResponseError,
        )

        session = await self._session()
        try:
            async with session.post(self._config.url, data=body, allow_redirects=False) as response:
                return await self._of_answer(response)
        except ClientConnectorDNSError as error:
            return Retry(reason="dns", detail=shown(str(error.os_error)))
        except ClientConnectorError as error:
            return Retry(reason=connection_reason(error), detail=shown(str(error.os_error)))
        except (ClientResponseError, ClientPayloadError) as error:
            return Ambiguous(reason="response_malformed", detail=type(error).__name__)
        except (ClientError, OSError) as error:
            return Ambiguous(reason=connection_reason(error), detail=type(error).__name__)

    async def _of_answer(self, response: "ClientResponse") -> Verdict:
        status = response.status
        if status < 300:
            return Sent()
        # One piece is enough for a person to see who answered, and nobody can keep us reading.
        said = (await response.content.read(DETAIL_LIMIT)).decode(errors="replace")
        secrets = [secret.reveal() for secret in (self._config.bearer_token, *self._config.headers.values()) if secret]
        detail = f"HTTP {status}: {shown(said, *secrets)}"
        after = retry_after_seconds(response.headers.get("Retry-After"), self._context.clock.now())
        if status == 429:
            return Retry(reason="rate_limited", after_seconds=after, detail=detail)
        if 400 <= status < 500 and status not in _NOT_NOW:
            return Refused(reason="rejected", detail=detail)
        reason = "server_error" if status >= 500 else "redirected" if status < 400 else "unexpected_status"
        return Retry(reason=reason, after_seconds=after, detail=detail)

    async def _session(self) -> "ClientSession":
        """The session, made at the first delivery: trusting the system's authorities takes 40 ms."""
        if self._opening is None:
            self._opening = asyncio.create_task(self._open())
        return await asyncio.shield(self._opening)

    async def _open(self) -> "ClientSession":
        from aiohttp import ClientSession, ClientTimeout, TCPConnector

        tls = await asyncio.to_thread(self._context.tls.get, TLSSettings(ca_file=self._config.ca_file))
        headers = {name: secret.reveal() for name, secret in self._config.headers.items()}
        if self._config.bearer_token is not None:
            headers["Authorization"] = f"Bearer {self._config.bearer_token.reveal()}"
        return ClientSession(
            # A connection that is kept may be dead by the next incident, hours later.
            connector=TCPConnector(ssl=tls, force_close=True, limit=0),
            timeout=ClientTimeout(total=None),
            headers={"Content-Type": "application/json", "User-Agent": "Watchkeep"} | headers,
            trust_env=False,
        )


def build(config: Config, context: Context) -> Webhook:
    """The destination of a configuration."""
    return Webhook(config, context)
