"""`watchkeep incident`: list, show, acknowledge and resolve, through a running watch or in its data folder."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

import click

from slo.cli.client import Client, understood, watch_options
from slo.cli.figures import Document, incident_lines, incident_parts, incident_table
from slo.cli.output import Part, emit, is_narrow, json_option
from slo.cli.person import person, person_option
from slo.cli.place import watch_or_folder


class Incidents(Protocol):
    """Where incidents are worked on, called `where`; each answer is a document of the API."""

    where: str

    def listed(self, *, everything: bool, limit: int) -> Document: ...
    def shown(self, incident: str) -> Document: ...
    def act(self, incident: str, *, action: str, by: str, why: str) -> Document: ...


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

    def act(self, incident: str, *, action: str, by: str, why: str) -> Document:
        """Its new state."""
        return self._client.post(_path(incident), {"action": action, "by": by, "why": why, "via": "cli"})


def _path(incident: str) -> str:
    return f"/api/v1/incidents/{quote(incident, safe='')}"


def _incidents(url: str | None, token_file: Path | None, data: Path | None) -> AbstractContextManager[Incidents]:
    return watch_or_folder(url, token_file, data, Remote)


@click.group(name="incident")
def command() -> None:
    """Work on incidents."""


@command.command(name="list")
@watch_options
@click.option("--all", "everything", is_flag=True, help="Resolved ones too.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="At most so many.")
@json_option
def list_incidents(
    url: str | None, token_file: Path | None, data: Path | None, *, everything: bool, limit: int, as_json: bool
) -> None:
    """List the open incidents, the most urgent first."""
    with _incidents(url, token_file, data) as incidents:
        document = incidents.listed(everything=everything, limit=limit)
        parts = understood(incidents.where, lambda: _list_parts(document, everything=everything))
    emit(document, *parts, as_json=as_json)


def _list_parts(document: Document, *, everything: bool) -> list[Part]:
    listed, total = document["incidents"], document["total"]
    if not listed:
        return ["There are no incidents." if everything else "No incident is open."]
    parts: list[Part] = incident_lines(listed) if is_narrow() else [incident_table(listed)]
    if total > len(listed):
        parts.append(f"{total - len(listed)} more: give a higher --limit.")
    return parts


@command.command(name="show")
@click.argument("incident", metavar="ID")
@watch_options
@json_option
def show_incident(incident: str, url: str | None, token_file: Path | None, data: Path | None, *, as_json: bool) -> None:
    """Show one incident: its evidence, its timeline, and what was sent about it."""
    with _incidents(url, token_file, data) as incidents:
        document = incidents.shown(incident)
        parts = understood(incidents.where, lambda: incident_parts(document))
    emit(document, *parts, as_json=as_json)


@command.command(name="ack")
@click.argument("incident", metavar="ID")
@person_option
@watch_options
@json_option
def acknowledge_incident(
    incident: str, by: str | None, url: str | None, token_file: Path | None, data: Path | None, *, as_json: bool
) -> None:
    """Take an incident on; everybody who was told of it is told so."""
    with _incidents(url, token_file, data) as incidents:
        document = incidents.act(incident, action="acknowledge", by=person(by), why="")
        parts = understood(incidents.where, lambda: _acted_parts(document))
    emit(document, *parts, as_json=as_json)


@command.command(name="resolve")
@click.argument("incident", metavar="ID")
@person_option
@click.option("--why", default="", help="What the timeline says about it.")
@watch_options
@json_option
def resolve_incident(
    incident: str,
    by: str | None,
    why: str,
    url: str | None,
    token_file: Path | None,
    data: Path | None,
    *,
    as_json: bool,
) -> None:
    """Declare an incident over; everybody who was told of it is told so."""
    with _incidents(url, token_file, data) as incidents:
        document = incidents.act(incident, action="resolve", by=person(by), why=why)
        parts = understood(incidents.where, lambda: _acted_parts(document))
    emit(document, *parts, as_json=as_json)


def _acted_parts(incident: Document) -> list[Part]:
    return [incident_table([incident])]
