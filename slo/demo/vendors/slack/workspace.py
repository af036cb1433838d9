"""The workspace of the stand-in for Slack: its channels with their messages, and the modals that are open.

It is a fold over what was accepted and done, so that a stand-in that restarts reads it out of its record.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

BOT_USER = "U0WATCHBOT"
BOT = "B0WATCHBOT"
TEAM = "T0WATCHKEEP"
APP = "A0WATCHKEEP"

Entry = Mapping[str, Any]


@dataclass(slots=True)
class Workspace:
    """`channels` are the messages of each channel by their timestamps, oldest first; `views` the modals by id.

    `whispers` are what was said in a channel to one person alone.
    """

    channels: dict[str, dict[str, dict[str, Any]]]
    views: dict[str, dict[str, Any]] = field(default_factory=dict)
    whispers: list[dict[str, str]] = field(default_factory=list)

    @classmethod
    def of(cls, channels: Iterable[str]) -> "Workspace":
        """A workspace with these channels and nothing in them."""
        return cls(channels={channel: {} for channel in channels})

    def apply(self, effect: Entry) -> None:
        """Something that was accepted: `post`, `update`, `delete`, `open` a view, `close` one, `whisper`."""
        match effect["kind"]:
            case "post":
                message = effect["message"]
                self.channels.setdefault(effect["channel"], {})[message["ts"]] = dict(message)
            case "update":
                self.channels[effect["channel"]][effect["ts"]].update(effect["changes"])
            case "delete":
                del self.channels[effect["channel"]][effect["ts"]]
            case "open":
                self.views[effect["view"]["id"]] = dict(effect["view"])
            case "whisper":
                self.whispers.append(dict(effect["whisper"]))
            case "close":
                del self.views[effect["view"]]

    def messages(self, channel: str) -> list[dict[str, Any]]:
        """What stands in a channel itself, newest first."""
        return [message for message in reversed(self.channels[channel].values()) if not _is_reply(message)]

    def thread(self, channel: str, ts: str) -> list[dict[str, Any]]:
        """A message and its replies, oldest first; nothing where there is no such message."""
        messages = self.channels[channel]
        if ts not in messages:
            return []
        replies = [each for each in messages.values() if _is_reply(each) and each["thread_ts"] == ts]
        return [messages[ts], *replies]

    def next_ts(self, channel: str, now: float) -> str:
        """A timestamp that is later than those of the messages that are there."""
        latest = max(self.channels[channel], default="0.0")
        ts = f"{now:.6f}"
        if ts > latest:
            return ts
        seconds, _, fraction = latest.partition(".")
        following = int(seconds) * 1_000_000 + int(fraction) + 1
        return f"{following // 1_000_000}.{following % 1_000_000:06d}"


def posted(arguments: Entry, ts: str, *, in_thread: bool) -> dict[str, Any]:
    """The message that a call of chat.postMessage makes."""
    message = {
        "type": "message",
        "ts": ts,
        "user": BOT_USER,
        "bot_id": BOT,
        "app_id": APP,
        "team": TEAM,
        "text": arguments.get("text", ""),
        "blocks": arguments.get("blocks", []),
    }
    if in_thread:
        message["thread_ts"] = arguments["thread_ts"]
    if arguments.get("metadata"):
        message["metadata"] = arguments["metadata"]
    return message


def _is_reply(message: Entry) -> bool:
    return bool(message.get("thread_ts", message["ts"]) != message["ts"])
