"""`watchkeep doctor`: whether a watch can stand here."""

from pathlib import Path

import click

from slo.cli.client import DEFAULT_DATA
from slo.cli.output import Cell, Table, Tone, emit, json_option, progress


@click.command(name="doctor")
@click.option(
    "--data",
    default=DEFAULT_DATA,
    show_default=True,
    type=click.Path(path_type=Path),
    help="The data folder that the watch will use.",
)
@click.option("--listen", default="127.0.0.1:9990", show_default=True, metavar="HOST:PORT", help="Where it will serve.")
@json_option
@click.pass_context
def command(context: click.Context, data: Path, listen: str, *, as_json: bool) -> None:
    """Check this installation and this machine. Exit code 1 if something has to be mended."""
    from slo.cli.findings import findings

    with progress("Looking around"):
        found = list(findings(data, listen))
    document = {
        "ok": all(finding.ok for finding in found),
        "checks": [
            {"subject": finding.subject, "ok": finding.ok, "found": finding.found, "mend": finding.mend}
            for finding in found
        ],
    }
    rows = [
        (Cell("ok", Tone.GOOD) if finding.ok else Cell("problem", Tone.DOWN), finding.subject, finding.found)
        for finding in found
    ]
    mends = [f"{finding.subject}: {finding.mend}" for finding in found if not finding.ok]
    emit(document, Table(columns=("", "what", "found"), rows=rows), *mends, as_json=as_json)
    if mends:
        context.exit(1)
