"""The stand-in for Slack beside a test: a process of its own, whose people are moved over its address."""

import contextlib
import json
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ANNA = {"id": "U0ANNA", "name": "anna"}


class Slack:
    """A running stand-in; `place` is what it said of itself when it started."""

    def __init__(self, place: dict[str, str]) -> None:
        self._place = place
        self._trust = ssl.create_default_context(cafile=place["ca_file"])

    def destination(self, name: str = "chat") -> dict[str, str]:
        """What the configuration of a watch says of it."""
        keys = ("token", "channel", "signing_secret", "api_url", "ca_file")
        return {"name": name, "type": "slack"} | {key: self._place[key] for key in keys}

    @property
    def messages(self) -> list[dict[str, Any]]:
        """What stands in the channel and its threads, oldest first."""
        found: list[dict[str, Any]] = self._ask("messages")["messages"]
        return found

    @property
    def views(self) -> list[dict[str, Any]]:
        """The forms that are open."""
        found: list[dict[str, Any]] = self._ask("views")["views"]
        return found

    @property
    def whispers(self) -> list[dict[str, Any]]:
        """What was said to one person alone."""
        found: list[dict[str, Any]] = self._ask("whispers")["whispers"]
        return found

    def inject(self, **fault: object) -> None:
        """Have a bad day come, see `slo.demo.vendors.injection`."""
        self._ask("faults", fault)

    def press(self, callback: str, button: str) -> Any:
        """Anna presses a button of the first message."""
        first = self.messages[0]["ts"]
        place = {"channel": self._place["channel"], "ts": first, "action_id": button}
        return self._ask("press", place | {"callback": callback, "user": ANNA})

    def submit(self, callback: str, **values: object) -> Any:
        """Anna fills in the form that is open, and sends it."""
        form = {"view": self.views[0]["id"], "values": values}
        return self._ask("submit", form | {"callback": callback, "user": ANNA})

    def _ask(self, what: str, body: object = None) -> Any:
        request = urllib.request.Request(
            f"{self._place['url']}/_standin/{what}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10, context=self._trust) as answer:
            return json.load(answer)


@contextlib.contextmanager
def slack_beside(folder: Path) -> Iterator[Slack]:
    """A running stand-in with its memory in a folder."""
    command = [sys.executable, "-m", "slo.demo.vendors.slack", "--folder", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Slack(json.loads(process.stdout.readline()))
        finally:
            process.terminate()
