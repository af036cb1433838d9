"""Slack: a message for each incident, kept up to date, with everything that happens in its thread, and buttons."""

import asyncio
import logging
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, WithJsonSchema, model_validator

from slo.config.reminders import RemindedConfig
from slo.config.tls import TLSSettings
from slo.config.types import HTTPURL, Secret, wrong
from slo.core.delivery import Action, Ambiguous, Dropped, Lane, Message, Retry, Sent, Verdict
from slo.core.protocols import Clock, Receiver
from slo.net.context import Context
from slo.router.calls import AuthoritiesFile, DeliveryTimeout
from slo.router.notice import is_public
from slo.router.slack.api import CallFailed, SlackAPI
from slo.router.slack.blocks import Post, alone, beginning, following
from slo.router.slack.inbox import SlackInbox

PAGES_ONLY = False

EVENT = "watchkeep_message"
"""The type of the metadata that each message carries: the id of what was told, to find it again."""

PACE_SECONDS = 1.1
"""Slack takes a message a second in a channel; what counts is when they arrive."""

LONGEST_QUEUE_SECONDS = 4.0
"""What would have to wait longer for its turn is better tried again."""

HISTORY_MARGIN = timedelta(hours=1)
"""How far the watch's time and Slack's may be apart."""

_PAGE = 100
_PAGES_LIMIT = 10
_CHANNEL = r"[CDG][A-Z0-9]{8,20}"

logger = logging.getLogger(__name__)

_GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed", "is_inactive"})
"""The first message cannot be brought up to date, now or ever. What happened is in the channel all the same."""

_LAYOUT = frozenset({"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long"})

_UNASKABLE = frozenset({"missing_scope", "not_in_channel", "not_allowed_token_type", "no_permission"})
"""Slack does not say what is in the channel: a message that may be there is sent again rather than never."""


def _channel(value: str) -> str:
    if not re.fullmatch(_CHANNEL, value):
        raise wrong("is no id of a channel", "copy it from the end of the channel's details, as in C0123456789")
    return value


def _api_url(value: str) -> str:
    if not value.startswith("https://"):
        raise wrong("is not over https", "write it as https://slack.com/api/")
    return value


class Config(RemindedConfig):
    """Where incidents are told and talked about."""

    token: Secret
    """The bot token of the app, `xoxb-...`; docs/destinations.md says which scopes it needs."""

    channel: Annotated[str, AfterValidator(_channel), WithJsonSchema({"type": "string", "pattern": f"^{_CHANNEL}$"})]
    """The id of the channel, not its name: names change."""

    signing_secret: Secret | None = None
    """The signing secret of the app: what people do there is taken with it. Without it there are no buttons."""

    api_url: Annotated[HTTPURL, AfterValidator(_api_url)] = "https://slack.com/api/"
    """Where the Web API is."""

    ca_file: AuthoritiesFile | None = None
    """The certificate authorities to trust instead of the system's, in PEM format."""

    timeout: DeliveryTimeout = timedelta(seconds=10)
    """How long one delivery may take, with all its calls."""

    @model_validator(mode="after")
    def _agrees(self) -> "Config":
        if not re.fullmatch(r"[\x21-\x7e]+", self.token.reveal()):
            raise wrong("has a token that holds what no token can", "write printable ASCII without spaces")
        return self


class Slack:
    """One channel."""

    def __init__(self, config: Config, context: Context) -> None:
        self._config = config
        self._interactive = config.signing_secret is not None
        self._pace = _Pace(context.clock)
        self._api = api_of(config, context)

    @property
    def credential(self) -> str:
        """None: a new token of the same app may answer to what an old one wrote."""
        return ""

    async def deliver(self, message: Message, lane: Lane) -> Verdict:
        """Say one thing, and bring the first message up to date; what was said before is not said again."""
        if self._config.reminders is False and not is_public(message):
            return Dropped()
        if late_seconds := await self._pace.turn():
            return Retry(reason="rate_limited", after_seconds=late_seconds, detail="others are waiting for the channel")
        try:
            async with asyncio.timeout(self._config.timeout.total_seconds()):
                return await self._tell(message, lane)
        except TimeoutError:
            return Ambiguous(reason="timeout")
        except CallFailed as failure:
            return failure.verdict

    async def aclose(self) -> None:
        """Close the session."""
        await self._api.aclose()

    async def _tell(self, message: Message, lane: Lane) -> Verdict:
        thread = "" if message.action is Action.TRIGGER else self._thread(lane.reference)
        ts = await self._find(message, thread) if lane.attempts else ""
        if not ts:
            ts = await self._post(message, thread)
        if thread:
            await self._refresh(message, thread)
        return Sent(reference=f"{self._config.channel}:{ts}")

    def _thread(self, reference: str) -> str:
        """Which message to answer to: none where the incident was told in another channel, or not at all."""
        channel, _, ts = reference.partition(":")
        return ts if channel == self._config.channel else ""

    async def _post(self, message: Message, thread: str) -> str:
        answer = await self._write(
            "chat.postMessage",
            self._words(message, thread),
            metadata={"event_type": EVENT, "event_payload": {"id": message.id, "incident": message.incident}},
            unfurl_links=False,
            unfurl_media=False,
            **({"thread_ts": thread} if thread else {}),
        )
        self._pace.taken()
        ts = answer.get("ts")
        if not isinstance(ts, str):
            raise CallFailed(Ambiguous(reason="response_malformed", detail="chat.postMessage gave no ts"))
        return ts

    def _words(self, message: Message, thread: str) -> Post:
        if message.action is Action.TRIGGER:
            return beginning(message, interactive=self._interactive)
        return following(message) if thread else alone(message, interactive=self._interactive)

    async def _refresh(self, message: Message, ts: str) -> None:
        try:
            await self._write("chat.update", beginning(message, interactive=self._interactive), ts=ts)
        except CallFailed as failure:
            if failure.error not in _GONE:
                raise

    async def _write(self, method: str, post: Post, **arguments: object) -> Mapping[str, Any]:
        """Write a message as it is, not as it could be understood: Slack looks for no links and no names in it.

        A layout that Slack does not take any more keeps nothing back: then the text goes alone.
        """
        given = {"channel": self._config.channel, "text": post.text, "parse": "none", "link_names": False, **arguments}
        try:
            return await self._api.call(method, blocks=list(post.blocks), **given)
        except CallFailed as failure:
            if failure.error not in _LAYOUT:
                raise
            logger.warning(
                "Slack does not take the layout of a message",
                extra={"channel": self._config.channel, "detail": failure.verdict.detail},
            )
        return await self._api.call(method, blocks=[], **given)

    async def _find(self, message: Message, thread: str) -> str:
        """The timestamp of a message that an earlier attempt may have left; empty where there is none."""
        try:
            if thread:
                try:
                    return await self._look(message, "conversations.replies", ts=thread)
                except CallFailed as failure:
                    if failure.error != "thread_not_found":
                        raise
            return await self._look(message, "conversations.history")
        except CallFailed as failure:
            if failure.error in _UNASKABLE:
                return ""
            raise

    async def _look(self, message: Message, method: str, **arguments: str) -> str:
        cursor, since = "", message.at - HISTORY_MARGIN
        for _ in range(_PAGES_LIMIT):
            page = await self._api.call(
                method,
                channel=self._config.channel,
                include_all_metadata="true",
                limit=str(_PAGE),
                oldest=f"{since.timestamp():.6f}",
                **arguments,
                **({"cursor": cursor} if cursor else {}),
            )
            if ts := _among(page.get("messages"), message.id):
                return ts
            following_page = page.get("response_metadata")
            cursor = str(following_page.get("next_cursor") or "") if isinstance(following_page, dict) else ""
            if not cursor:
                return ""
        return ""


class _Pace:
    """Turns of a channel, a little more than a second apart."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._free_at = clock.monotonic()

    async def turn(self) -> float:
        """Wait for a turn. How many seconds there would be to wait, where that is too long; 0 for a turn."""
        now = self._clock.monotonic()
        wait_seconds = self._free_at - now
        if wait_seconds > LONGEST_QUEUE_SECONDS:
            return wait_seconds
        at = max(now, self._free_at)
        self._free_at = at + PACE_SECONDS
        if at > now:
            await self._clock.sleep_until(at)
        return 0.0

    def taken(self) -> None:
        """A message has arrived, at the latest now: the next one is a second later, however long this one took."""
        self._free_at = max(self._free_at, self._clock.monotonic() + 1.0)


def _among(messages: object, name: str) -> str:
    for message in messages if isinstance(messages, list) else ():
        metadata = message.get("metadata") if isinstance(message, dict) else None
        payload = metadata.get("event_payload") if isinstance(metadata, dict) else None
        if isinstance(payload, dict) and payload.get("id") == name and isinstance(message.get("ts"), str):
            return str(message["ts"])
    return ""


def api_of(config: Config, context: Context) -> SlackAPI:
    """The Web API with the token of a configuration."""
    settings = TLSSettings(ca_file=config.ca_file)
    return SlackAPI(token=config.token.reveal(), url=config.api_url, tls=lambda: context.tls.get(settings))


def build(config: Config, context: Context) -> Slack:
    """The destination of a configuration. Its package is loaded now: the first message does not wait for it."""
    import slack_sdk.signature
    import slack_sdk.web.async_client  # noqa: F401

    return Slack(config, context)


def receiver(name: str, config: Config, context: Context) -> Receiver | None:
    """The other direction of the destination `name`; none without a signing secret."""
    if config.signing_secret is None:
        return None
    return SlackInbox(name=name, secret=config.signing_secret.reveal(), api=lambda: api_of(config, context))
