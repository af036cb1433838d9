"""Where incidents are worked on: a running watch, or the data folder of one that does not run."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from slo.cli.client import Client
from slo.cli.figures import Document
from slo.cli.place import watch_or_folder


class Incidents(Protocol):
    """Where incidents are worked on, called `where`; each answer is a document of the API."""

    where: str

    def listed(self, *, everything: bool, limit: int) -> Document: ...
    def shown(self, incident: str) -> Document: ...
    def open(self, keys: Mapping[str, object]) -> Document: ...
    def act(self, incident: str, keys: Mapping[str, object]) -> Document: ...


class Remote:
    """The incidents of a running watch."""

    def __init__(self, client: Client) -> None:
        self.where = client.url
        self._client = client

    def listed(self, *, everything: bool, limit: int) -> Document:
        """Open ones first."""
        return self._client.get("/api/v1/incidents", {"status": "all" if everything else "open", "limit": str(limit)})

    def shown(self, incident: str) -> Document:
        """One, with its timeline and deliveries."""
        return self._client.get(_path(incident))

    def open(self, keys: Mapping[str, object]) -> Document:
        """The one that was opened."""
        return self._client.post("/api/v1/incidents", keys)

    def act(self, incident: str, keys: Mapping[str, object]) -> Document:
        """Its new state."""
        return self._client.post(_path(incident), keys)


def _path(incident: str) -> str:
    return f"/api/v1/incidents/{quote(incident, safe='')}"


def incidents_at(url: str | None, token_file: Path | None, data: Path | None) -> AbstractContextManager[Incidents]:
    """The incidents that the options of `watch_options` name."""
    return watch_or_folder(url, token_file, data, Remote)
