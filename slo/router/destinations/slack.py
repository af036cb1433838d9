"""Slack: a message for each incident, kept up to date, with everything that happens in its thread, and buttons."""

import asyncio
import logging
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, WithJsonSchema, model_validator

from slo.config.reminders import RemindedConfig
from slo.config.tls import TLSSettings
from slo.config.types import HTTPURL, Secret, wrong
from slo.core.delivery import Action, Ambiguous, Dropped, Lane, Message, Refused, Sent, Verdict
from slo.core.priority import Priority
from slo.core.protocols import Receiver
from slo.net.context import Context
from slo.router.calls import AuthoritiesFile, DeliveryTimeout
from slo.router.notice import is_public
from slo.router.slack.api import CallFailed, SlackAPI
from slo.router.slack.blocks import Post, alone, beginning, following
from slo.router.slack.inbox import SlackInbox
from slo.router.slack.together import brief, together
from slo.router.slack.turns import Crowd, Pace, Waiting

PAGES_ONLY = False

EVENT = "watchkeep_message"
"""The type of the metadata that each message carries: the id of what was told, to find it again."""

ROOM = 32
"""Messages under way at once to a channel: those that wait for the same turn."""

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
        self._pace = Pace(context.clock)
        self._crowd = Crowd(self._pace, one=self._one, many=self._many)
        self._api = api_of(config, context)

    @property
    def credential(self) -> str:
        """None: a new token of the same app may answer to what an old one wrote."""
        return ""

    @property
    def room(self) -> int:
        """Many at once: those that wait for the same turn are told together."""
        return ROOM

    async def deliver(self, message: Message, lane: Lane) -> Verdict:
        """Say one thing, and bring the first message up to date; what was said before is not said again."""
        if self._config.reminders is False and not is_public(message):
            return Dropped()
        if self._may_join(message, lane):
            return await self._crowd.tell(message, lane)
        return await self._pace.turn() or await self._one(message, lane)

    def _may_join(self, message: Message, lane: Lane) -> bool:
        """Whether it may be told together with others: not a P0, nothing that a person did, and nothing of a thread."""
        own_place = message.action is not Action.TRIGGER and self._thread(lane.reference)
        return message.priority is not Priority.P0 and not message.by and not own_place

    async def _one(self, message: Message, lane: Lane) -> Verdict:
        try:
            async with asyncio.timeout(self._config.timeout.total_seconds()):
                return await self._tell(message, lane)
        except TimeoutError:
            return Ambiguous(reason="timeout")
        except CallFailed as failure:
            return failure.verdict

    async def _many(self, crowd: Sequence[Waiting]) -> Mapping[str, Verdict]:
        """Tell several in one message. They have no message of their own: what follows of one stands alone.

        No verdicts where Slack would never take that message: what is wrong with one must not refuse the others.
        """
        doubtful = [each.message for each in crowd if each.lane.attempts]
        found: dict[str, str] = {}
        verdict: Verdict = Sent()
        try:
            async with asyncio.timeout(self._config.timeout.total_seconds()):
                found = await self._find(doubtful, "") if doubtful else {}
                if left := [each.message for each in crowd if each.message.id not in found]:
                    await self._post(together(left), {"ids": [brief(message.id) for message in left]})
        except TimeoutError:
            verdict = Ambiguous(reason="timeout")
        except CallFailed as failure:
            if isinstance(failure.verdict, Refused):
                return {}
            verdict = failure.verdict
        return {each.message.id: verdict for each in crowd} | {name: Sent(reference=ts) for name, ts in found.items()}

    async def aclose(self) -> None:
        """Close the session."""
        await self._api.aclose()

    async def _tell(self, message: Message, lane: Lane) -> Verdict:
        thread = "" if message.action is Action.TRIGGER else self._thread(lane.reference)
        found = await self._find([message], thread) if lane.attempts else {}
        if message.id in found:
            reference = found[message.id]
        else:
            about = {"id": message.id, "incident": message.incident}
            reference = await self._post(self._words(message, thread), about, thread)
        if thread:
            await self._refresh(message, thread)
        return Sent(reference=reference)

    def _thread(self, reference: str) -> str:
        """Which message to answer to: none where the incident was told in another channel, or not at all."""
        channel, _, ts = reference.partition(":")
        return ts if channel == self._config.channel else ""

    async def _post(self, post: Post, about: Mapping[str, object], thread: str = "") -> str:
        """Post a message with something by which it is found again; its reference."""
        answer = await self._write(
            "chat.postMessage",
            post,
            metadata={"event_type": EVENT, "event_payload": about},
            unfurl_links=False,
            unfurl_media=False,
            **({"thread_ts": thread} if thread else {}),
        )
        self._pace.taken()
        ts = answer.get("ts")
        if not isinstance(ts, str):
            raise CallFailed(Ambiguous(reason="response_malformed", detail="chat.postMessage gave no ts"))
        return f"{self._config.channel}:{ts}"

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

    async def _find(self, messages: Sequence[Message], thread: str) -> dict[str, str]:
        """The references of those that earlier attempts left, by id; empty for one that was told with others."""
        try:
            if thread:
                try:
                    return await self._look(messages, "conversations.replies", ts=thread)
                except CallFailed as failure:
                    if failure.error != "thread_not_found":
                        raise
            return await self._look(messages, "conversations.history")
        except CallFailed as failure:
            if failure.error in _UNASKABLE:
                return {}
            raise

    async def _look(self, messages: Sequence[Message], method: str, **arguments: str) -> dict[str, str]:
        cursor, since = "", min(message.at for message in messages) - HISTORY_MARGIN
        found: dict[str, str] = {}
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
            found |= self._among(page.get("messages"), messages)
            following_page = page.get("response_metadata")
            cursor = str(following_page.get("next_cursor") or "") if isinstance(following_page, dict) else ""
            if not cursor or len(found) == len(messages):
                break
        return found

    def _among(self, posted: object, messages: Sequence[Message]) -> dict[str, str]:
        found: dict[str, str] = {}
        for each in posted if isinstance(posted, list) else ():
            metadata = each.get("metadata") if isinstance(each, dict) else None
            about = metadata.get("event_payload") if isinstance(metadata, dict) else None
            if not isinstance(about, dict) or not isinstance(each.get("ts"), str):
                continue
            several = about.get("ids")
            for message in messages:
                if about.get("id") == message.id:
                    found[message.id] = f"{self._config.channel}:{each['ts']}"
                elif isinstance(several, list) and brief(message.id) in several:
                    found.setdefault(message.id, "")
        return found


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
