"""The stand-ins for vendors as the story sees them: what they recorded, and the people who sit there.

Each is a process of its own; `place` is the line of JSON that it said when it worked. Nothing here is what the watch
says of itself.
"""

import json
import ssl
import urllib.request
from collections.abc import Mapping
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from slo.demo.setting import ON_CALL, ROUTING_KEY, TEAM_CHANNEL
from slo.errors import WatchkeepError

Place = Mapping[str, Any]


class _Asked:
    """A stand-in that is asked under `/_standin`, over TLS by its own authority."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._trust = ssl.create_default_context(cafile=place["ca_file"])

    @property
    def url(self) -> str:
        """Where it listens."""
        return str(self.place["url"])

    def _ask(self, path: str, body: object = None, *, method: str | None = None) -> Any:
        request = urllib.request.Request(
            f"{self.url}/_standin/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=10, context=self._trust) as answer:
            return json.load(answer)


class PagerDuty(_Asked):
    """The account that the team is paged by."""

    def call_back(self, url: str, secret: str) -> None:
        """Have it tell of what people do there."""
        self._ask("webhooks", {"url": url, "secrets": [secret]}, method="PUT")

    def events(self, action: str) -> list[dict[str, Any]]:
        """The accepted events of one action, oldest first, each with `at`, when it came."""
        taken = [request for request in self._ask("requests")["requests"] if request["status"] == 202]
        events = [{"at": request["at"], **json.loads(request["body"])} for request in taken]
        return [each for each in events if each["routing_key"] == ROUTING_KEY and each["event_action"] == action]

    def incident(self, dedup_key: str) -> dict[str, Any]:
        """The last incident under a key; empty where there is none."""
        found = [each for each in self._ask("incidents")["incidents"] if each["dedup_key"] == dedup_key]
        return dict(found[-1]) if found else {}


class Slack(_Asked):
    """The workspace, with the channel of the team and the one that the customer reads."""

    def thread(self, channel: str) -> list[dict[str, Any]]:
        """The first message in a channel and the replies to it, oldest first; nothing where there is none."""
        return list(self._ask("channels")["channels"][channel])

    def press(self, callback: str, button: str) -> None:
        """The engineer on call presses a button of the first message."""
        first = self.thread(TEAM_CHANNEL)[0]["ts"]
        self._act("press", {"channel": TEAM_CHANNEL, "ts": first, "action_id": button}, callback)

    def submit(self, callback: str, values: Mapping[str, str]) -> None:
        """The engineer on call fills in the form that is open, and sends it."""
        self._act("submit", {"view": self._ask("views")["views"][0]["id"], "values": values}, callback)

    def _act(self, way: str, act: Mapping[str, object], callback: str) -> None:
        answered = self._ask(way, {**act, "callback": callback, "user": ON_CALL})
        if answered != {"status": 200, "body": ""}:
            raise WatchkeepError(f"the watch did not take what was done in Slack: {answered}")


class Desk(_Asked):
    """The ticket system that the customer reads."""

    def call_back(self, url: str, secret: str) -> None:
        """Have it tell of what people do there."""
        self._ask("callback", {"url": url, "secret": secret})

    def issues(self) -> list[dict[str, Any]]:
        """Every ticket, oldest first."""
        return list(self._ask("issues")["issues"])

    def comment(self, key: str, by: Mapping[str, str], text: str) -> None:
        """A person writes a public comment."""
        self._ask(f"issues/{key}/comments", {"by": by, "text": text})


class Mailbox:
    """The letters that the mail server took."""

    def __init__(self, place: Place) -> None:
        self.place = place

    def letters(self) -> list[EmailMessage]:
        """Every letter, oldest first."""
        files = sorted(Path(self.place["letters"]).glob("*.eml"), key=lambda file: int(file.stem))
        return [_letter(file.read_bytes()) for file in files]


def _letter(content: bytes) -> EmailMessage:
    return message_from_bytes(content, policy=default)
