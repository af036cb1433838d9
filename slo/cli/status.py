"""`watchkeep status`: how every SLO of a running watch stands."""

import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from slo.cli.client import Client, understood, watch_options
from slo.cli.figures import Document, incident_lines, incident_table, overspent, slo_table
from slo.cli.output import Part, emit, emit_line, is_narrow, json_option, say
from slo.errors import UsageError, WatchkeepError
from slo.web.words import minute

REDRAW_SECONDS = 2.0
MOST_INCIDENTS = "1000"


@click.command(name="status")
@watch_options
@click.option("--watch", is_flag=True, help=f"Show it anew every {REDRAW_SECONDS:g} s until Ctrl-C.")
@json_option
@click.pass_context
def command(
    context: click.Context, url: str | None, token_file: Path | None, data: Path | None, *, watch: bool, as_json: bool
) -> None:
    """Show every SLO: state, SLI, budget left, burn rates, coverage and open incidents.

    Exits 1 when a budget is overspent.
    """
    if data is not None:
        raise UsageError(
            "status --data: a data folder holds the counts and not the objectives, so figures need a running watch: "
            "start it with `watchkeep run`, and call status without --data"
        )
    client = Client(url, token_file=token_file)
    if watch:
        code = _keep_showing(client, as_json=as_json)
    else:
        document = _ask(client)
        parts, code = understood(client.url, lambda: _read(document))
        emit(document, *parts, as_json=as_json)
    context.exit(code)


def _ask(client: Client) -> Document:
    slos = client.get("/api/v1/slos")
    incidents = client.get("/api/v1/incidents", {"status": "open", "limit": MOST_INCIDENTS})
    return {"slos": slos.get("slos"), "incidents": incidents.get("incidents")}


def _read(document: Document) -> tuple[Sequence[Part], int]:
    """What people read, and the exit code that it means."""
    slos, incidents = document["slos"], document["incidents"]
    narrow = is_narrow()
    parts: list[Part] = [slo_table(slos, narrow=narrow) if slos else "The configuration of the watch has no SLOs."]
    if incidents:
        title = "Open incidents"
        parts += ["", *(incident_lines(incidents, title=title) if narrow else [incident_table(incidents, title=title)])]
    return parts, 1 if any(overspent(slo) for slo in slos) else 0


def _keep_showing(client: Client, *, as_json: bool) -> int:
    """Show it again and again; a watch that does not answer for a while is said and asked again."""
    code = 0
    try:
        while True:
            try:
                document = _ask(client)
                parts, code = understood(client.url, lambda: _read(document))  # noqa: B023  # called at once
            except WatchkeepError as error:
                document, parts = {"error": str(error)}, str(error).splitlines()
            if as_json:
                emit_line(document)
            else:
                if sys.stdout.isatty():
                    click.clear()
                say(f"{client.url} at {minute(datetime.now(UTC))}")
                emit(document, *parts, as_json=False)
            time.sleep(REDRAW_SECONDS)
    except KeyboardInterrupt:
        return code
