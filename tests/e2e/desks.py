"""Stand-ins for ticket systems beside a test: processes of their own, which call the watch back as the vendors do."""

import contextlib
import json
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

USER, TOKEN, SECRET = "watch@provider.example", "t0ken-of-the-desk", "s3cret-of-the-desk"


@dataclass(frozen=True, kw_only=True, slots=True)
class Desk:
    """A running stand-in of a kind."""

    kind: str
    url: str
    ca_file: str

    def destination(self, **keys: object) -> dict[str, Any]:
        """What the configuration of a watch says of it."""
        given = {"name": self.kind, "type": self.kind, "url": self.url, "ca_file": self.ca_file}
        return given | {"user": USER, "api_token": TOKEN, "webhook_secret": SECRET, "customer": "acme"} | keys

    def get(self, path: str) -> Any:
        """What the stand-in shows under `/_standin`."""
        return self._ask(path, None)

    def post(self, path: str, body: object) -> Any:
        """Have a person, or the weather, do something there."""
        return self._ask(path, json.dumps(body).encode())

    def _ask(self, path: str, body: bytes | None) -> Any:
        trust = ssl.create_default_context(cafile=self.ca_file)
        request = urllib.request.Request(
            f"{self.url}/_standin/{path}", data=body, headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10, context=trust) as answer:
            return json.load(answer)


@contextlib.contextmanager
def standing_in(kind: str, folder: Path, watch_url: str) -> Iterator[Desk]:
    """The stand-in of a kind, which calls the watch at `watch_url` back."""
    command = [sys.executable, "-m", f"slo.demo.vendors.{kind}", "--folder", str(folder), "--user", USER]
    process = subprocess.Popen([*command, "--token", TOKEN], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        address = json.loads(process.stdout.readline())
        desk = Desk(kind=kind, url=address["url"], ca_file=address["ca_file"])
        desk.post("callback", {"url": f"{watch_url}/webhooks/ticket", "secret": SECRET})
        yield desk
    finally:
        process.kill()
        process.communicate()
