"""`watchkeep restore`: a backup becomes a data folder."""

from datetime import UTC, datetime
from pathlib import Path

import click

from slo.cli.output import emit, json_option, progress
from slo.cli.person import person, person_option
from slo.errors import StoreBusy, UsageError


@click.command(name="restore")
@click.argument("backup", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--data", required=True, type=click.Path(path_type=Path), help="The data folder; new, or empty.")
@person_option
@json_option
def command(backup: Path, data: Path, by: str | None, *, as_json: bool) -> None:
    """Put the backup in DIR into a new data folder, all or nothing, after checking every file and the journal's chain.

    The journal gets one event more, which says who restored it. What was pending in the backup is sent when a watch
    runs on the folder, unless its destination finds that it was.
    """
    from slo.store.backup import restore

    try:
        with progress("Checking and copying"):
            manifest = restore(backup, data, by=person(by), now=datetime.now(UTC))
    except StoreBusy as error:
        raise UsageError(str(error)) from error
    emit(
        manifest.document,
        f"{data} is as {backup} was made at {manifest.document['made_at']}: {manifest.events:,} events, and one more "
        "that says so.",
        "What happened since then is not in it: see to what PagerDuty and the ticket systems still have open from that "
        "time.",
        as_json=as_json,
    )
