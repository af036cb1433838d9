"""`watchkeep incident`: list and show incidents, and work on them, through a running watch or in its data folder."""

from pathlib import Path

import click

from slo.cli.client import understood, watch_options
from slo.cli.figures import Document, incident_lines, incident_table
from slo.cli.incident_acts import ACTS
from slo.cli.incidents import incidents_at
from slo.cli.output import Part, emit, is_narrow, json_option
from slo.cli.timeline import incident_parts


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
    with incidents_at(url, token_file, data) as incidents:
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
    with incidents_at(url, token_file, data) as incidents:
        document = incidents.shown(incident)
        parts = understood(incidents.where, lambda: incident_parts(document))
    emit(document, *parts, as_json=as_json)


for act in ACTS:
    command.add_command(act)
