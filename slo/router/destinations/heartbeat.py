"""Heartbeat: tells a dead man's switch that the watch is alive, so that somebody else cries when it is not.

Healthchecks, Dead Man's Snitch, Opsgenie, a push monitor: whatever takes a request to an address. docs/paths.md.
"""

import asyncio
import json
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from slo.config.beats import HeartbeatConfig
from slo.config.request import HeaderName, HeaderValue
from slo.config.types import HTTPURL, Secret, wrong
from slo.core.delivery import Action, Ambiguous, Dropped, Lane, Message, Sent, Verdict
from slo.net.context import Context
from slo.router.calls import AuthoritiesFile, DeliveryTimeout
from slo.router.http_client import HTTPClient, Manner, Unanswered

PAGES_ONLY = False

TOO_LATE = "too_late"
"""The reason of a beat that was given up, since the next one is due."""

_BEAT = Manner(harmless=True, reads=False, mended_here={408: "unexpected_status", 425: "unexpected_status"})

_URL: TypeAdapter[str] = TypeAdapter(HTTPURL)


def _address(secret: Secret) -> Secret:
    try:
        _URL.validate_python(secret.reveal())
    except ValidationError:
        raise wrong("is no URL of http or https with a host", "write it as https://host.example/path") from None
    return secret


class Config(HeartbeatConfig):
    """Where the heartbeat goes."""

    url: Annotated[Secret, AfterValidator(_address)]
    """The address to ask, as the other side shows it. It is kept secret: whoever has it can say that we are alive."""

    method: Literal["GET", "POST"] = "GET"
    """How it is asked. A POST has a small JSON document with the time."""

    headers: dict[HeaderName, HeaderValue] = Field(default={})
    """Further headers of the request. They are kept secret."""

    ca_file: AuthoritiesFile | None = None
    """The certificate authorities to trust instead of the system's, in PEM format."""

    timeout: DeliveryTimeout = timedelta(seconds=10)
    """How long one request may take, as a whole."""


class Heartbeat:
    """One dead man's switch."""

    def __init__(self, config: Config, context: Context) -> None:
        self._config = config
        self._clock = context.clock
        headers = {name: secret.reveal() for name, secret in config.headers.items()}
        secrets = [config.url.reveal(), *headers.values()]
        self._client = HTTPClient(context, ca_file=config.ca_file, headers=headers, secrets=secrets)

    @property
    def credential(self) -> str:
        """None: a beat has no successor that would have to go the same way."""
        return ""

    async def deliver(self, message: Message, lane: Lane) -> Verdict:  # noqa: ARG002 - a beat is alone in its lane
        """Beat, unless it is too late for that: a beat says that the watch is alive now."""
        if message.action is not Action.HEARTBEAT:
            return Dropped()
        if self._clock.now() - message.at >= self._config.interval:
            return Dropped(reason=TOO_LATE)
        body = json.dumps({"at": message.at.isoformat(), "watch": message.external_url}).encode()
        try:
            async with asyncio.timeout(self._config.timeout.total_seconds()):
                await self._client.ask(
                    self._config.method,
                    self._config.url.reveal(),
                    body=body if self._config.method == "POST" else None,
                    manner=_BEAT,
                )
        except TimeoutError:
            return Ambiguous(reason="timeout")
        except Unanswered as error:
            return error.verdict
        return Sent()

    async def aclose(self) -> None:
        """Close the session."""
        await self._client.aclose()


def build(config: Config, context: Context) -> Heartbeat:
    """The destination of a configuration."""
    return Heartbeat(config, context)
